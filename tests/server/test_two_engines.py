"""Engines of several processes on one file hear of each other at once. None of them polls here."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from durably_core import Durably, Job, StepContext, create_durably, define_job
from durably_core.asgi import create_durably_handler
from durably_core.store.sqlite import SQLiteStore
from tests.conftest import Heard, make_job, nothing, within
from tests.server.conftest import Api, Count, Total, api_over, count

NEVER_MS = 3_600_000


def engine(folder: Path) -> Durably:
    jobs: dict[str, Job[Any, Any]] = {
        "count": define_job(name="count", input=Count, output=Total, run=count),
        "nothing": make_job(nothing, name="nothing"),
    }
    return create_durably(database=str(folder / "durably.db"), jobs=jobs, polling_interval_ms=NEVER_MS)


@pytest.fixture
async def web(tmp_path: Path) -> AsyncIterator[Durably]:
    made = engine(tmp_path)
    await made.migrate()
    yield made
    await made.close()


@pytest.fixture
async def worker(web: Durably, tmp_path: Path) -> AsyncIterator[Durably]:
    made = engine(tmp_path)
    await made.init()
    yield made
    await made.close(timeout_ms=0)


@pytest.fixture
async def api(web: Durably) -> AsyncIterator[Api]:
    async with api_over(create_durably_handler(web, sse_throttle_ms=0), web) as api:
        yield api


async def test_worker_begins_what_another_triggers(web: Durably, worker: Durably) -> None:
    heard = Heard(worker)
    run = await web.jobs.count.trigger({})
    assert (await heard.until("run:complete")).run_id == run.id


async def test_waiting_ends_with_a_run_elsewhere(web: Durably, worker: Durably) -> None:
    result = await within(web.jobs.nothing.trigger_and_wait({}))
    assert result.disposition == "created"


async def test_events_of_a_worker_elsewhere_are_streamed(api: Api, worker: Durably) -> None:
    stream = await api.stream("/runs/subscribe")
    run_id = await api.trigger(input={"to": 2})
    one = await api.stream(f"/subscribe?runId={run_id}")
    events = await stream.until("run:complete")
    log: list[dict[str, Any]] = (await api.get("/events")).json()
    assert events == log
    assert [event["type"] for event in log].count("run:progress") == 2
    assert (await one.until_end())[-1]["type"] == "run:complete"


async def test_cancelling_stops_code_elsewhere_at_once(web: Durably, tmp_path: Path) -> None:
    async def endless(_step: StepContext, _input: Count) -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()

    begun, stopped = asyncio.Event(), asyncio.Event()
    job = make_job(endless, name="endless", input=Count)
    web.register({"endless": job})
    worker = create_durably(
        database=str(tmp_path / "durably.db"),
        jobs={"endless": job},
        polling_interval_ms=NEVER_MS,
        lease_ms=NEVER_MS * 2,
        lease_renew_interval_ms=NEVER_MS,
    )
    await worker.init()
    run = await web.jobs.endless.trigger({})
    await within(begun.wait())
    await web.cancel(run.id)
    await within(stopped.wait())
    await worker.close(timeout_ms=0)


async def test_own_writes_wake_no_one(tmp_path: Path) -> None:
    store = SQLiteStore(str(tmp_path / "durably.db"))
    await store.migrate()
    woken: list[int] = []
    stop = store.watch(lambda: woken.append(1))
    other = SQLiteStore(str(tmp_path / "durably.db"))
    await other.commit_once()
    await until(lambda: bool(woken))
    await looked_again()  # woken twice when the first look comes in the middle of the commit
    woken.clear()
    for _ in range(3):
        await store.commit_once()
        await looked_again()
    assert woken == []
    await other.commit_once()
    await until(lambda: bool(woken))
    stop()
    await other.commit_once()
    woken.clear()
    await looked_again()
    assert woken == []
    await store.close()
    await other.close()


async def test_watch_ends_with_the_last_who_watches(web: Durably) -> None:
    before = asyncio.all_tasks()
    stops = [web.store.watch(lambda: None) for _ in range(3)]
    assert len(asyncio.all_tasks() - before) == 1
    for stop in stops:
        stop()
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == before


async def until(fact: Any) -> None:
    async with asyncio.timeout(5):
        while not fact():  # noqa: ASYNC110 - the file of another connection tells nothing by itself
            await asyncio.sleep(0.001)


async def looked_again() -> None:
    """Long enough for the watch to look at the file some times."""
    await asyncio.sleep(0.1)
