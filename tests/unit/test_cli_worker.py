"""``durably worker`` and ``durably trigger --wait`` as processes, with real signals."""

import json
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ended
from tests.unit.shell import Shell

SIGNALS = [signal.SIGTERM, signal.SIGINT]


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
    await worker.told('"event": "run:complete"')
    worker.signal(signal.SIGTERM)
    await worker.end()
    told: list[Any] = [json.loads(line) for line in worker.lines]
    assert [each["event"] for each in told] == [
        "process:start",
        "run:leased",
        "run:complete",
        "process:stopping",
        "process:stopped",
    ]
    assert {each["run_id"] for each in told if each["event"].startswith("run:")} == {run_id}


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


async def test_code_that_does_not_stop_is_left_behind(shell: Shell, tmp_path: Path) -> None:
    with (tmp_path / "jobs.py").open("a") as file:
        file.write(
            """
import time

from durably_core import StepContext, job
from tests.unit.process_workload import Number


@job("deaf")
async def deaf(step: StepContext, input: Number) -> None:
    await step.run("sleep", time.sleep, 600)
"""
        )
    waiting = await shell.start("trigger", "jobs.py", "deaf", "--run", "--timeout", "0.1")
    assert (await waiting.end())[0] == 5
    assert waiting.lines[-1] == (
        "durably: The code of 1 run did not stop: left behind. "
        "It goes on elsewhere when the lease has run out.\n"
    )
