"""``durably worker`` and ``durably trigger --wait`` as processes, with real signals."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from durably_core import Run
from tests.conftest import ended
from tests.unit import process_workload
from tests.unit.process_workload import Outside, engine_of

ROOT = Path(__file__).parent.parent.parent
BOUND_S = 20
"""After this long a test that waits for another process has failed."""

NAMES = ["note", "gate", "endless"]
JOBS = f"""
from pathlib import Path

from tests.unit.process_workload import Outside, jobs

globals().update(jobs(Outside(Path(__file__).parent), {NAMES}))
"""

SIGNALS = [signal.SIGTERM, signal.SIGINT]


class Process:
    """A command that runs."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.pid = process.pid
        self.lines: list[str] = []

    def signal(self, number: int) -> None:
        self._process.send_signal(number)

    async def told(self, words: str) -> str:
        """The next line of stderr that holds these words."""
        assert self._process.stderr is not None
        async with asyncio.timeout(BOUND_S):
            while line := (await self._process.stderr.readline()).decode():
                self.lines.append(line)
                if words in line:
                    return line
        raise AssertionError(f"{words!r} was never told: {self.lines}")

    async def end(self) -> tuple[int, str]:
        """Exit code and stdout; the rest of stderr is in ``lines``."""
        async with asyncio.timeout(BOUND_S):
            out, err = await self._process.communicate()
        self.lines += err.decode().splitlines(keepends=True)
        assert self._process.returncode is not None
        return self._process.returncode, out.decode()

    async def kill(self) -> None:
        if self._process.returncode is None:
            self._process.kill()
            await self._process.communicate()


class Shell:
    """A folder with jobs, commands that run in it, and an engine here that executes nothing."""

    def __init__(self, folder: Path) -> None:
        (folder / "jobs.py").write_text(JOBS)
        self._folder = folder
        self._processes: list[Process] = []
        self.outside = Outside(folder)
        self.engine = engine_of(folder / "durably.db", self.outside, NAMES)

    async def start(self, *arguments: str) -> Process:
        process = Process(
            await asyncio.create_subprocess_exec(
                *(sys.executable, "-c", "from durably_core.cli import main; main()", *arguments),
                cwd=self._folder,
                env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"},
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
            )
        )
        self._processes.append(process)
        return process

    async def worker(self, *options: str) -> Process:
        process = await self.start("worker", "jobs.py", "--polling-interval-ms", "20", *options)
        await process.told("start" if "json" in options else "working on durably.db")
        return process

    async def trigger(self, job: str) -> str:
        return (await self.engine.jobs[job].trigger({})).id

    async def told(self, line: str, times: int = 1) -> None:
        await self.until(lambda: [each for _, each in self.outside.told()].count(line) >= times)

    async def until(self, fact: Callable[[], bool]) -> None:
        async with asyncio.timeout(BOUND_S):
            await process_workload.until(fact)

    async def end_of(self, run_id: str) -> Run:
        async with asyncio.timeout(BOUND_S):
            while not (run := await ended(self.engine, run_id)).is_terminal:  # noqa: ASYNC110
                await asyncio.sleep(0.005)
        return run

    async def close(self) -> None:
        for process in self._processes:
            await process.kill()
        await self.engine.close()


@pytest.fixture
async def shell(tmp_path: Path) -> AsyncIterator[Shell]:
    shell = Shell(tmp_path)
    await shell.engine.migrate()
    yield shell
    await shell.close()


# ---------------------------------------------------------------- worker


@pytest.mark.parametrize("number", SIGNALS)
async def test_signal_lets_a_run_finish_and_begins_no_other(shell: Shell, number: int) -> None:
    worker = await shell.worker()
    run_id = await shell.trigger("gate")
    await shell.told("gate")
    worker.signal(number)
    assert "stopping: 1 run may go on for 30.0 s" in await worker.told("stopping")
    other = await shell.trigger("note")
    shell.outside.let_go(worker.pid)
    assert await worker.end() == (0, "")
    assert "stopped" in worker.lines[-1]
    assert (await ended(shell.engine, run_id)).status == "completed"
    assert (await ended(shell.engine, other)).status == "pending"


async def test_deadline_gives_back_and_another_worker_goes_on(shell: Shell) -> None:
    first = await shell.worker("--drain-timeout", "0.1")
    run_id = await shell.trigger("gate")
    await shell.told("gate")
    first.signal(signal.SIGTERM)
    assert (await first.end())[0] == 0
    assert [line for line in first.lines if f"gate {run_id} given back" in line]
    assert (await ended(shell.engine, run_id)).status == "pending"
    second = await shell.worker()
    await shell.told("gate", 2)
    shell.outside.let_go(second.pid)
    assert (await shell.end_of(run_id)).output == {"pid": second.pid}
    assert shell.outside.told() == [
        (first.pid, "before"),
        (first.pid, "gate"),
        (second.pid, "gate"),
        (second.pid, "after"),
    ]


@pytest.mark.parametrize("number", SIGNALS)
async def test_second_signal_stops_at_once(shell: Shell, number: int) -> None:
    worker = await shell.worker()
    run_id = await shell.trigger("gate")
    await shell.told("gate")
    worker.signal(signal.SIGTERM)
    await worker.told("stopping")
    worker.signal(number)
    assert (await worker.end())[0] == 128 + number
    assert worker.lines[-1] == (
        "durably: Stopped at once. What executed goes on when its leases have run out.\n"
    )
    # Not given back: its lease is still there.
    assert (await ended(shell.engine, run_id)).status == "leased"


async def test_slots_execute_runs_at_once(shell: Shell) -> None:
    worker = await shell.worker("--slots", "2")
    runs = [await shell.trigger("gate"), await shell.trigger("gate")]
    await shell.told("gate", 2)
    shell.outside.let_go(worker.pid)
    assert [(await shell.end_of(run_id)).status for run_id in runs] == ["completed", "completed"]


async def test_worker_tells_of_its_runs(shell: Shell) -> None:
    # It hears of a cancelled run when it renews the lease.
    worker = await shell.worker("--lease-ms", "600")
    done = await shell.trigger("note")
    await worker.told(f"note {done} begun")
    await worker.told(f"note {done} completed in")
    cancelled = await shell.trigger("endless")
    await worker.told(f"endless {cancelled} begun")
    await shell.engine.cancel(cancelled)
    await shell.told("stopped")
    worker.signal(signal.SIGTERM)
    assert (await worker.end())[0] == 0


async def test_worker_tells_programs_in_json(shell: Shell) -> None:
    worker = await shell.worker("--log-format", "json")
    run_id = await shell.trigger("note")
    await shell.end_of(run_id)
    await worker.told("run:complete")
    worker.signal(signal.SIGTERM)
    await worker.end()
    told: list[Any] = [json.loads(line) for line in worker.lines]
    assert [each["type"] for each in told] == [
        "process:start",
        "run:leased",
        "run:complete",
        "process:stopping",
        "process:stopped",
    ]
    assert {each["runId"] for each in told if each["type"].startswith("run:")} == {run_id}


async def test_quiet_worker_tells_nothing(shell: Shell) -> None:
    worker = await shell.start("worker", "jobs.py", "--quiet", "--polling-interval-ms", "20")
    await shell.end_of(await shell.trigger("note"))
    worker.signal(signal.SIGTERM)
    assert (await worker.end(), worker.lines) == ((0, ""), [])


async def test_engine_without_jobs_is_refused(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(
        "from durably_core import create_durably\nengine = create_durably(database='x.db')"
    )
    worker = await shell.start("worker", "app.py")
    assert (await worker.end())[0] == 1
    assert worker.lines == [
        "durably: The engine of app.py has no jobs: register some, or nothing is executed.\n"
    ]


# ---------------------------------------------------------------- trigger --wait


async def test_wait_sees_a_run_executed_elsewhere(shell: Shell) -> None:
    worker = await shell.worker()
    waiting = await shell.start("trigger", "jobs.py", "note", "--wait")
    assert await waiting.end() == (0, f'{{"pid":{worker.pid}}}\n')


async def test_wait_hears_of_a_cancelled_run(shell: Shell) -> None:
    await shell.worker()
    waiting = await shell.start("trigger", "jobs.py", "endless", "--wait")
    await shell.told("begun")
    [run] = await shell.engine.get_runs()
    await shell.engine.cancel(run.id)
    assert (await waiting.end(), waiting.lines) == ((4, ""), [f"durably: The run {run.id} was cancelled.\n"])


@pytest.mark.parametrize("number", SIGNALS)
async def test_signal_ends_waiting_and_not_the_run(shell: Shell, number: int) -> None:
    await shell.worker()
    waiting = await shell.start("trigger", "jobs.py", "gate", "--wait")
    await shell.told("gate")
    waiting.signal(number)
    assert (await waiting.end())[0] == 128 + number
    [run] = await shell.engine.get_runs()
    assert waiting.lines == [f"durably: Stopped waiting: the run {run.id} goes on.\n"]
    assert run.status == "leased"


async def test_signal_gives_back_what_executes_here(shell: Shell) -> None:
    waiting = await shell.start("trigger", "jobs.py", "gate", "--run")
    await shell.told("gate")
    waiting.signal(signal.SIGTERM)
    assert (await waiting.end())[0] == 143
    [run] = await shell.engine.get_runs()
    assert waiting.lines == [f"durably: Stopped waiting: the run {run.id} was given back.\n"]
    assert run.status == "pending"
