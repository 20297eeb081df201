"""Three real processes on one database: what they share, and what becomes of the work of one that is killed."""

import asyncio
import json
import os
import re
import signal
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import psutil
import pytest

from tests.examples.conftest import Copy
from tests.examples.example import BOUND_S, Example, Process
from tests.postgres.server import emptied

API = "/api/durably"
RUNS = 50
Told = list[dict[str, Any]]


class Site:
    """The three processes, and a client of the one that serves."""

    def __init__(self, example: Example, process: Process, client: httpx.AsyncClient) -> None:
        self._example = example
        self.process = process
        self._client = client

    @property
    def pids(self) -> dict[str, int]:
        found = (re.fullmatch(r"(.*): process (\d+)", line) for line in self.process.lines)
        return {each[1]: int(each[2]) for each in found if each}

    async def trigger(self, count: int, **order: int) -> list[str]:
        items = [{"input": order} for _ in range(count)]
        answer = await self._client.post(f"{API}/trigger/batch", json={"jobName": "pack", "items": items})
        return [each["runId"] for each in answer.raise_for_status().json()]

    async def get(self, path: str) -> Any:
        return (await self._client.get(f"{API}/{path}")).raise_for_status().json()

    @asynccontextmanager
    async def events(self) -> AsyncIterator[AsyncIterator[dict[str, Any]]]:
        async with self._client.stream("GET", f"{API}/runs/subscribe") as answer:
            assert answer.status_code == 200
            lines = answer.aiter_lines()
            yield (json.loads(line.removeprefix("data: ")) async for line in lines if line.startswith("data: "))

    def packed(self) -> list[tuple[str, int, int]]:
        """Run, parcel and process of each line in the log."""
        lines = [line.split() for line in (self._example.folder / "packed.log").read_text().splitlines()]
        return [(run_id, int(parcel), int(pid)) for run_id, parcel, pid in lines]


async def until(events: AsyncIterator[dict[str, Any]], event_type: str, count: int = 1) -> Told:
    """What is told up to the ``count``-th event of that type."""
    told: Told = []
    async with asyncio.timeout(BOUND_S):
        while sum(event["type"] == event_type for event in told) < count:
            told.append(await anext(events))
    return told


@pytest.fixture(params=["sqlite", "postgres"])
async def site(
    copy: Copy, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Site]:
    if request.param == "postgres":
        monkeypatch.setenv("DURABLY_DATABASE", emptied().url)
    example = copy("two_workers")
    process = await example.start(f"{example.commands[0]} --port 0")
    found = re.search(r"http://\S+:\d+", await process.told("/api/durably"))
    assert found is not None
    for worker in ("worker 1", "worker 2"):
        await process.told(worker, "working on")
    async with httpx.AsyncClient(base_url=found[0], timeout=BOUND_S) as client:
        yield Site(example, process, client)


async def test_both_workers_share_the_runs_and_each_is_executed_once(site: Site) -> None:
    async with site.events() as events:
        run_ids = await site.trigger(RUNS)
        await until(events, "run:complete")
        # Told while it happens, by a process that executes nothing itself.
        assert (await site.get("runs/count"))["completed"] < RUNS
        await until(events, "run:complete", RUNS - 1)
    packed = site.packed()
    assert Counter((run_id, parcel) for run_id, parcel, _ in packed) == Counter(
        (run_id, parcel) for run_id in run_ids for parcel in (1, 2, 3)
    )
    assert {pid for *_, pid in packed} == {site.pids["worker 1"], site.pids["worker 2"]}
    runs = await site.get("runs")
    assert {run["status"] for run in runs} == {"completed"}
    assert {run["attempt"] for run in runs} == {1}
    # No run was in both.
    assert all(len(set(run["output"]["packed_by"])) == 1 for run in runs)


async def test_other_worker_goes_on_where_one_was_killed(site: Site) -> None:
    async with site.events() as events:
        [run_id] = await site.trigger(1, parcels=12, pause_ms=200)
        await until(events, "step:complete", 2)
        killed = site.packed()[-1][2]
        os.kill(killed, signal.SIGKILL)
        told = await until(events, "run:complete")
    assert [event["reason"] for event in told if event["type"] == "run:requeue"] == ["expired"]
    assert "parcel-1" not in {event.get("stepName") for event in told}
    [other] = {site.pids["worker 1"], site.pids["worker 2"]} - {killed}
    run = await site.get(f"run?runId={run_id}")
    packed_by = run["output"]["packed_by"]
    switched = packed_by.index(other)
    assert switched >= 2
    assert packed_by == [killed] * switched + [other] * (12 - switched)
    # At most the parcel that was in work was packed twice.
    assert len(site.packed()) <= 12 + 1
    assert run["attempt"] == 2


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_signal_ends_all_processes_in_peace(site: Site, number: int) -> None:
    async with site.events() as events:
        await site.trigger(4, parcels=5, pause_ms=100)
        await until(events, "step:complete")
        pids = site.pids
        assert await site.process.stop(number) == 0
    for name in pids:
        assert f"{name}: ended with 0" in site.process.lines
    assert [pid for pid in pids.values() if psutil.pid_exists(pid)] == []
