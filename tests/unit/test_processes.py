"""Several processes on one database file: who executes what, who takes over, who is refused, who hears."""

import asyncio
import os
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from durably_core import CancelledError, Durably, Run
from durably_core.events import StepStart
from tests.conftest import ended
from tests.unit import process_workload
from tests.unit.process_workload import LONG_MS, SHORT_MS, Outside, engine_of

BOUND_S = 20
"""After this long a test that waits for another process has failed."""

ALL_JOBS = ["note", "note_a", "note_b", "note_c", "meet", "gate", "stall", "endless"]


class Site:
    """A database, the processes that work on it, and an engine here that executes nothing."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.outside = Outside(folder)
        self.engine = engine_of(folder / "durably.db", self.outside, ALL_JOBS)
        self.processes: list[asyncio.subprocess.Process] = []

    async def worker(self, *jobs: str, lease_ms: int = LONG_MS) -> asyncio.subprocess.Process:
        """A process that executes these jobs, once it is ready."""
        arguments = [str(self.folder / "durably.db"), str(self.folder), str(lease_ms), *jobs]
        process = await asyncio.create_subprocess_exec(
            sys.executable, process_workload.__file__, *arguments, stderr=asyncio.subprocess.PIPE
        )
        self.processes.append(process)
        await self.until(
            lambda: process.returncode is not None or (process.pid, "ready") in self.outside.told()
        )
        assert process.returncode is None, "the worker died before it was ready"
        return process

    async def trigger(self, job: str, **options: Any) -> str:
        return (await self.engine.jobs[job].trigger({}, **options)).id

    async def until(self, fact: Callable[[], bool]) -> None:
        async with asyncio.timeout(BOUND_S):
            await process_workload.until(fact)

    async def told(self, line: str, times: int = 1) -> list[int]:
        """The processes that told this line, in order, once that many did."""
        await self.until(lambda: len(self.tellers(line)) >= times)
        return self.tellers(line)

    def tellers(self, line: str) -> list[int]:
        return [pid for pid, each in self.outside.told() if each == line]

    def faults(self) -> list[tuple[int, str]]:
        return [(pid, line) for pid, line in self.outside.told() if line.startswith("fault")]

    async def end_of(self, run_id: str) -> Run:
        async with asyncio.timeout(BOUND_S):
            while not (run := await ended(self.engine, run_id)).is_terminal:  # noqa: ASYNC110
                await asyncio.sleep(0.005)
        return run

    async def close(self) -> list[bytes]:
        """Returns what the processes wrote to stderr."""
        for process in self.processes:
            if process.returncode is None:
                process.send_signal(signal.SIGKILL)
        written = [(await process.communicate())[1] for process in self.processes]
        await self.engine.close()
        return written


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    site = Site(tmp_path)
    await site.engine.migrate()
    yield site
    assert set(await site.close()) <= {b""}


async def bounded(awaitable: Awaitable[Run]) -> Run:
    async with asyncio.timeout(BOUND_S):
        return await awaitable


def pid_of(run: Run) -> int:
    return int(run.output["pid"])


async def test_each_worker_executes_only_its_jobs(site: Site) -> None:
    first, second = await asyncio.gather(site.worker("note_a"), site.worker("note_b"))
    runs = [await site.trigger(job) for job in ("note_a", "note_b") * 3]
    pids = [pid_of(await site.end_of(run)) for run in runs]
    assert pids == [first.pid, second.pid] * 3


async def test_unknown_job_waits_for_who_knows_it(site: Site) -> None:
    await site.worker("note_a")
    unknown = await site.trigger("note_c")
    await site.end_of(await site.trigger("note_a"))
    assert (await ended(site.engine, unknown)).status == "pending"
    knows = await site.worker("note_c")
    assert pid_of(await site.end_of(unknown)) == knows.pid


async def test_shared_runs_are_executed_exactly_once(site: Site) -> None:
    workers = await asyncio.gather(site.worker("meet"), site.worker("meet"))
    triggered = await site.engine.jobs.meet.batch_trigger([{"number": number} for number in range(200)])
    runs = [await site.end_of(run.id) for run in triggered]
    assert Counter(line for _, line in site.outside.told() if line.startswith("note")) == Counter(
        f"note {number}" for number in range(200)
    )
    assert {pid_of(run) for run in runs} == {worker.pid for worker in workers}
    assert {run.attempt for run in runs} == {1}
    assert site.faults() == []


async def test_one_key_at_several_connections_makes_one_run(site: Site) -> None:
    engines = [engine_of(site.folder / "durably.db", site.outside, ["note"]) for _ in range(4)]
    keys = [str(number) for number in range(25)]
    # A look for the key, then a write: the write must not come from an outdated look.
    triggered = await asyncio.gather(
        *(engine.jobs.note.trigger({}, idempotency_key=key) for key in keys for engine in engines)
    )
    await asyncio.gather(*(engine.close() for engine in engines))
    assert Counter(run.disposition for run in triggered) == {"created": 25, "idempotent": 75}
    assert len({run.id for run in triggered}) == len(keys)


async def test_killed_worker_is_succeeded_from_checkpoint(site: Site) -> None:
    first = await site.worker("gate", lease_ms=SHORT_MS)
    run_id = await site.trigger("gate")
    await site.told("gate")
    first.send_signal(signal.SIGKILL)
    second = await site.worker("gate")
    await site.told("gate", 2)
    site.outside.let_go(second.pid)
    run = await site.end_of(run_id)
    assert (run.status, run.attempt, pid_of(run)) == ("completed", 2, second.pid)
    told = [line for line in site.outside.told() if line[1] in ("before", "gate", "after")]
    assert told == [
        (first.pid, "before"),
        (first.pid, "gate"),
        (second.pid, "gate"),
        (second.pid, "after"),
    ]


async def overtaken(site: Site, job: str) -> tuple[str, int, int]:
    """A run whose first holder slept past its lease and goes on while the second one executes it."""
    sleeper = await site.worker(job, lease_ms=SHORT_MS)
    run_id = await site.trigger(job)
    await site.told("gate")
    sleeper.send_signal(signal.SIGSTOP)
    successor = await site.worker(job)
    await site.told("gate", 2)
    site.outside.let_go(sleeper.pid)
    sleeper.send_signal(signal.SIGCONT)
    await site.until(lambda: bool(site.faults()))
    return run_id, sleeper.pid, successor.pid


# A step that awaits is stopped by a renewal or by its write, whichever comes first; one that blocks the
# event loop reaches its write before any renewal.
@pytest.mark.parametrize("job", ["gate", "stall"])
async def test_sleeper_past_its_lease_is_refused(site: Site, job: str) -> None:
    run_id, sleeper, successor = await overtaken(site, job)
    assert site.faults() == [(sleeper, "fault lease-renewal: Another worker took the run over.")]
    assert "gate" not in [step.name for step in await site.engine.get_steps(run_id)]
    site.outside.let_go(successor)
    run = await site.end_of(run_id)
    assert (run.status, run.attempt, pid_of(run)) == ("completed", 2, successor)
    steps = Counter(step.name for step in await site.engine.get_steps(run_id))
    assert set(steps.values()) == {1}
    assert sleeper not in site.tellers("after")


async def test_refused_sleeper_goes_on_working(site: Site) -> None:
    _, sleeper, _ = await overtaken(site, "gate")
    # Its successor still holds the first run: only the sleeper has a slot.
    assert pid_of(await site.end_of(await site.trigger("gate"))) == sleeper


async def test_cancel_from_another_process_stops_code(site: Site) -> None:
    worker = await site.worker("endless")
    run_id = await site.trigger("endless")
    await site.told("begun")
    await site.engine.cancel(run_id)
    assert await site.told("stopped") == [worker.pid]
    async with asyncio.timeout(BOUND_S):
        events = [event.type async for event in _until_stop(site.engine, run_id)]
    assert events[-2:] == ["run:cancel", "run:stop"]
    assert (await ended(site.engine, run_id)).status == "cancelled"
    assert site.faults() == []


async def _until_stop(engine: Durably, run_id: str) -> AsyncIterator[Any]:
    after = 0
    while True:
        for event in await engine.get_events(after=after, run_id=run_id):
            after = event.sequence
            yield event
            if event.type == "run:stop":
                return
        await asyncio.sleep(0.005)


async def test_concurrency_key_excludes_across_processes(site: Site) -> None:
    await asyncio.gather(site.worker("gate", "note"), site.worker("gate", "note"))
    holder = await site.trigger("gate", concurrency_key="one")
    [pid] = await site.told("gate")
    waiting = await site.trigger("note", concurrency_key="one")
    # The other worker looks at the older run first, and passes it by.
    free = await site.end_of(await site.trigger("note"))
    assert pid_of(free) != pid
    assert (await ended(site.engine, waiting)).status == "pending"
    site.outside.let_go(pid)
    assert (await site.end_of(holder)).status == "completed"
    assert (await site.end_of(waiting)).status == "completed"


async def test_key_of_killed_worker_becomes_free(site: Site) -> None:
    worker = await site.worker("endless", lease_ms=SHORT_MS)
    held = await site.trigger("endless", concurrency_key="one")
    await site.told("begun")
    await site.engine.cancel(held)
    waiting = await site.trigger("note", concurrency_key="one")
    worker.send_signal(signal.SIGKILL)
    await site.worker("note")
    assert (await site.end_of(waiting)).status == "completed"


async def test_waiting_sees_run_executed_elsewhere(site: Site) -> None:
    worker = await site.worker("note")
    run = await bounded(site.engine.wait_for_run(await site.trigger("note")))
    assert (run.status, pid_of(run)) == ("completed", worker.pid)
    assert worker.pid != os.getpid()


async def test_waiting_hears_cancel_from_another_process(site: Site) -> None:
    await site.worker("endless")
    run_id = await site.trigger("endless")
    waiting = asyncio.create_task(site.engine.wait_for_run(run_id))
    await site.told("begun")
    other = engine_of(site.folder / "durably.db", site.outside, [])
    await other.cancel(run_id)
    with pytest.raises(CancelledError):
        await bounded(waiting)
    await other.close()


async def test_subscriber_hears_run_executed_elsewhere(site: Site) -> None:
    worker = await site.worker("gate")
    run_id = await site.trigger("gate")
    heard: list[Any] = []
    async with asyncio.timeout(BOUND_S):
        async for event in site.engine.subscribe(run_id, after=0):
            heard.append(event)
            if isinstance(event, StepStart) and event.step_name == "gate":
                # Told by the holder while the step runs: no step's end brings it along.
                site.outside.let_go(worker.pid)
    steps = ["step:start", "step:complete"] * 3
    assert [event.type for event in heard] == ["run:trigger", "run:leased", *steps, "run:complete"]
    assert [event.sequence for event in heard] == sorted({event.sequence for event in heard})
