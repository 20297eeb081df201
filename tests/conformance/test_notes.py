"""Progress and logs ride along with writes, and are on disk before the end."""

import asyncio
import contextlib
from typing import Any

import pytest

from durably_core import Durably, Run, StepContext
from durably_core.events import RunProgress
from tests.conftest import (
    FakeClock,
    Gate,
    Heard,
    MakeEngine,
    Numbers,
    StoreProbe,
    ended,
    make_job,
    run_to_end,
    within,
)


async def lines(engine: Durably, run: Run) -> list[tuple[Any, ...]]:
    return [(log.step_name, log.level, log.message, log.data) for log in await engine.get_logs(run.id)]


async def test_logs_are_stored_in_order(make_engine: MakeEngine) -> None:
    async def body(step: StepContext, _input: Numbers) -> None:
        step.log.info("one", data={"a": [1, None]})
        step.log.warn("two")
        await step.run("middle", lambda: None)
        step.log.error("three", data=3)

    run = await run_to_end(engine := make_engine(job := make_job(body)), job)
    assert await lines(engine, run) == [
        (None, "info", "one", {"a": [1, None]}),
        (None, "warn", "two", None),
        (None, "error", "three", 3),
    ]


async def test_log_event_carries_level_and_data(make_engine: MakeEngine) -> None:
    async def body(step: StepContext, _input: Numbers) -> None:
        await step.run("load", lambda: step.log.warn("careful", data={"n": 1}))

    engine = make_engine(job := make_job(body))
    heard = Heard(engine)
    await run_to_end(engine, job)
    event = heard.of("log:write")[0]
    assert (event.step_name, event.level, event.message, event.data) == ("load", "warn", "careful", {"n": 1})


async def test_parallel_steps_log_under_their_names(make_engine: MakeEngine) -> None:
    async def body(step: StepContext, _input: Numbers) -> None:
        async def speak(name: str) -> None:
            step.log.info(f"{name} begins")
            await asyncio.sleep(0)
            step.log.info(f"{name} ends")

        await asyncio.gather(*(step.run(name, speak, name) for name in "abc"))
        step.log.info("outside")

    run = await run_to_end(engine := make_engine(job := make_job(body)), job)
    logs = await lines(engine, run)
    assert len(logs) == 7
    assert all(message.startswith(name or "outside") for name, _, message, _ in logs)


async def test_last_progress_is_on_disk_at_the_end(make_engine: MakeEngine) -> None:
    async def body(step: StepContext, _input: Numbers) -> None:
        for number in range(100):
            step.progress(number + 1, 100, f"row {number}")

    run = await run_to_end(make_engine(job := make_job(body)), job)
    assert run.progress is not None
    assert (run.progress.current, run.progress.total, run.progress.message) == (100, 100, "row 99")


async def test_last_notes_of_failed_run_are_stored(make_engine: MakeEngine) -> None:
    async def body(step: StepContext, _input: Numbers) -> None:
        step.progress(1)
        step.log.info("last words")
        raise ValueError("no")

    run = await run_to_end(engine := make_engine(job := make_job(body)), job)
    assert run.progress is not None
    assert (run.progress.current, await lines(engine, run)) == (1, [(None, "info", "last words", None)])


async def test_each_progress_is_told(make_engine: MakeEngine) -> None:
    async def body(step: StepContext, _input: Numbers) -> None:
        step.progress(1)
        step.progress(2, 4, "half")

    engine = make_engine(job := make_job(body))
    heard = Heard(engine)
    await run_to_end(engine, job)
    assert [event.progress.to_wire() for event in heard.of("run:progress")] == [
        {"current": 1},
        {"current": 2, "total": 4, "message": "half"},
    ]


async def test_notes_ride_along_with_the_step(make_engine: MakeEngine, probe: StoreProbe) -> None:
    async def body(step: StepContext, _input: Numbers) -> None:
        step.progress(1)
        step.log.info("riding")
        await step.run("save", lambda: None)

    engine = make_engine(make_job(body), store=probe.as_store)
    await engine.jobs.work.trigger({})
    await within(engine.process_one())
    assert probe.calls == ["enqueue", "claim", "save_step", "end_run"]


class Noting:
    """A job that notes something and then waits."""

    def __init__(self, make_engine: MakeEngine, probe: StoreProbe, clock: FakeClock) -> None:
        self.gate, self.written = Gate(), asyncio.Event()
        probe.after["save_notes"] = self._on_written
        self.clock = clock
        self.engine = make_engine(make_job(self.body), store=probe.as_store)

    async def _on_written(self) -> None:
        self.written.set()

    async def body(self, step: StepContext, _input: Numbers) -> None:
        step.progress(1)
        step.log.info("early")
        self.clock.advance(100)
        await self.gate()
        step.progress(2)

    async def start(self) -> str:
        self.engine.start()
        return (await self.engine.jobs.work.trigger({})).id


async def test_timer_stores_notes_of_a_long_step(
    make_engine: MakeEngine, probe: StoreProbe, clock: FakeClock
) -> None:
    noting = Noting(make_engine, probe, clock)
    run_id = await noting.start()
    await within(noting.written.wait())
    run = await ended(noting.engine, run_id)
    noting.gate.open()
    assert run.progress is not None
    assert (run.progress.current, await lines(noting.engine, run)) == (1, [(None, "info", "early", None)])


async def test_late_notes_do_not_overtake_the_end(
    make_engine: MakeEngine, probe: StoreProbe, clock: FakeClock
) -> None:
    noting, writing = Noting(make_engine, probe, clock), Gate()
    probe.before["save_notes"] = writing
    heard = Heard(noting.engine)
    run_id = await noting.start()
    await writing.until_reached()
    noting.gate.open()
    await heard.until("run:progress", 2)
    writing.open()
    await heard.until("run:complete")
    run = await ended(noting.engine, run_id)
    assert run.progress is not None
    assert (run.progress.current, heard.of("worker:error")) == (2, [])
    assert (await noting.engine.get_logs(run_id))[0].message == "early"


async def test_progress_is_read_as_it_was_told(make_engine: MakeEngine, probe: StoreProbe) -> None:
    async def body(step: StepContext, _input: Numbers) -> None:
        step.progress(1, 3)
        await waiting()
        step.progress(2, 3)

    waiting, writing = Gate(), Gate()
    probe.before["save_notes"] = writing
    engine = make_engine(make_job(body), store=probe.as_store)
    heard = Heard(engine)
    engine.start()
    run_id = (await engine.jobs.work.trigger({})).id
    await heard.until("run:progress")
    # It is not on disk yet, and is not told again: who begins to listen only now must read it.
    found = [await engine.get_run(run_id), *await engine.get_runs(), *await engine.get_runs(summary=True)]
    assert [run and run.progress and run.progress.current for run in found] == [1, 1, 1]
    writing.open()
    waiting.open()
    await heard.until("run:complete")
    run = await ended(engine, run_id)
    assert run.progress is not None
    assert run.progress.current == 2


async def test_transaction_that_is_undone_sets_no_progress_back(
    make_engine: MakeEngine, probe: StoreProbe
) -> None:
    async def body(step: StepContext, _input: Numbers) -> None:
        def fails(_transaction: Any) -> None:
            step.progress(2)
            raise ValueError("no")

        step.progress(1)
        step.log.info("before")
        with contextlib.suppress(ValueError):
            await step.transaction("fails", fails)
        assert step.signal.reason is None
        await step.run("wait", waiting)

    waiting = Gate()
    engine = make_engine(make_job(body), store=probe.as_store)
    heard = Heard(engine)
    engine.start()
    run_id = (await engine.jobs.work.trigger({})).id
    await waiting.until_reached()
    await engine.write_notes(run_id)
    stored = [await probe.as_store.get_run(run_id), await engine.get_run(run_id)]
    assert [run and run.progress and run.progress.current for run in stored] == [2, 2]
    assert [log.message for log in await engine.get_logs(run_id)] == ["before"]
    told = await engine.get_events(run_id=run_id, types=["run:progress"])
    assert [event.progress.current for event in told if isinstance(event, RunProgress)] == [2]
    assert [event.progress.current for event in heard.of("run:progress")] == [1, 2]
    waiting.open()
    await heard.until("run:complete")


@pytest.mark.parametrize("broken", ["save_notes", "save_step"])
async def test_refused_notes_are_not_lost_silently(
    make_engine: MakeEngine, probe: StoreProbe, clock: FakeClock, broken: str
) -> None:
    probe.fail(broken)
    waiting = Gate()

    async def body(step: StepContext, _input: Numbers) -> None:
        step.progress(1)
        clock.advance(100)
        await step.run("wait", waiting)

    engine = make_engine(make_job(body), store=probe.as_store)
    heard = Heard(engine)
    engine.start()
    await engine.jobs.work.trigger({})
    await waiting.until_reached()
    if broken == "save_step":
        waiting.open()
    error = await heard.until("worker:error")
    waiting.open()
    assert (error.error, heard.of("run:fail")) == ("The disk is gone.", [])


@pytest.mark.parametrize("current", [object(), "\ud800"])
async def test_progress_that_is_no_json_fails_the_run(make_engine: MakeEngine, current: Any) -> None:
    async def body(step: StepContext, _input: Numbers) -> None:
        step.progress(current)

    run = await run_to_end(make_engine(job := make_job(body)), job)
    assert (run.status, run.error and run.error.type) == ("failed", "ValidationError")


async def test_odd_text_in_logs_is_escaped(make_engine: MakeEngine) -> None:
    async def body(step: StepContext, _input: Numbers) -> None:
        step.log.info("file \udcff.csv")

    run = await run_to_end(engine := make_engine(job := make_job(body)), job)
    assert await lines(engine, run) == [(None, "info", "file \\udcff.csv", None)]


async def test_log_data_is_taken_at_once(make_engine: MakeEngine) -> None:
    async def body(step: StepContext, _input: Numbers) -> None:
        data = [1]
        step.log.info("now", data=data)
        data.append(2)

    run = await run_to_end(engine := make_engine(job := make_job(body)), job)
    assert await lines(engine, run) == [(None, "info", "now", [1])]
