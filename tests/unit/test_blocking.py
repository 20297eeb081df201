"""Sync code in threads: it sees the signal, and counts as running until it has stopped."""

import asyncio
import threading

import pytest

from durably_core import CancelledError, StepContext, create_durably, tasks
from durably_core.blocking import call
from tests.conftest import PATIENCE_S, Heard, MakeEngine, Numbers, ended, make_job, nothing, turns, within


class Blocking:
    """A job with a sync step that blocks its thread until told to stop."""

    def __init__(self) -> None:
        self.started, self.release = threading.Event(), threading.Event()
        self.stopped = threading.Event()

    async def polling(self, step: StepContext, _input: Numbers) -> None:
        def look() -> None:
            self.started.set()
            try:
                while True:
                    self.release.wait(0.001)
            finally:
                step.log.info("too late")
                assert isinstance(step.signal.reason, CancelledError)
                self.stopped.set()

        await step.run("look", look)

    async def stubborn(self, step: StepContext, _input: Numbers) -> None:
        def block() -> None:
            self.started.set()
            try:
                assert self.release.wait(PATIENCE_S)
            finally:
                self.stopped.set()

        await step.run("block", block)


async def test_sync_step_sees_the_signal(make_engine: MakeEngine) -> None:
    blocking = Blocking()
    engine = make_engine(make_job(blocking.polling))
    run = await engine.jobs.work.trigger({})
    executing = asyncio.create_task(engine.process_one())
    await asyncio.to_thread(blocking.started.wait, PATIENCE_S)
    await engine.cancel(run.id)
    await within(executing)
    assert blocking.stopped.is_set()
    assert ((await ended(engine, run.id)).status, await engine.get_logs(run.id)) == ("cancelled", [])


async def test_key_is_busy_while_the_thread_runs(make_engine: MakeEngine) -> None:
    blocking = Blocking()
    engine = make_engine(make_job(blocking.stubborn), make_job(nothing, name="sibling"))
    heard = Heard(engine)
    run = await engine.jobs.work.trigger({}, concurrency_key="k")
    executing = asyncio.create_task(engine.process_one())
    await asyncio.to_thread(blocking.started.wait, PATIENCE_S)
    await engine.cancel(run.id)
    await engine.jobs.sibling.trigger({}, concurrency_key="k")
    await turns()
    assert (await engine.process_one(), blocking.stopped.is_set()) == (False, False)
    blocking.release.set()
    await within(executing)
    assert await within(engine.process_one())
    assert (await ended(engine, run.id)).status == "cancelled"
    assert len(heard.of("step:cancel")) == 1


async def test_step_context_may_be_used_in_threads(make_engine: MakeEngine) -> None:
    async def body(step: StepContext, _input: Numbers) -> None:
        def work() -> None:
            step.progress(1, 2)
            step.log.info("from a thread")

        await step.run("work", work)

    engine = make_engine(make_job(body))
    run = await engine.jobs.work.trigger({})
    await within(engine.process_one())
    [log] = await engine.get_logs(run.id)
    found = await ended(engine, run.id)
    assert (log.step_name, log.message) == ("work", "from a thread")
    assert found.progress is not None
    assert found.progress.current == 1


async def test_sync_step_leaves_the_loop_free(make_engine: MakeEngine) -> None:
    blocking = Blocking()
    engine = make_engine(make_job(blocking.stubborn))
    await engine.jobs.work.trigger({})
    executing = asyncio.create_task(engine.process_one())
    await asyncio.to_thread(blocking.started.wait, PATIENCE_S)
    assert len(await engine.get_runs(status="leased")) == 1
    blocking.release.set()
    await within(executing)


async def test_thread_raises_what_the_function_raises() -> None:
    assert await call(int, None, "5") == 5
    with pytest.raises(ValueError, match="invalid literal"):
        await call(int, None, "x")


async def test_stop_is_told_after_the_thread_has_ended(make_engine: MakeEngine) -> None:
    async def body(step: StepContext, input: Numbers) -> None:
        async with timer:
            await blocking.stubborn(step, input)

    timer = asyncio.timeout(None)
    blocking = Blocking()
    engine = make_engine(make_job(body))
    heard = Heard(engine)
    run = await engine.jobs.work.trigger({})
    executing = asyncio.create_task(engine.process_one())
    await asyncio.to_thread(blocking.started.wait, PATIENCE_S)
    timer.reschedule(0)
    await turns()
    await engine.cancel(run.id)
    await turns()
    assert (executing.done(), heard.of("run:stop")) == (False, [])
    blocking.release.set()
    await heard.until("run:stop")
    assert blocking.stopped.is_set()
    await within(executing)


async def test_backlog_without_threads_lets_the_loop_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("durably_core.blocking.HAS_THREADS", False)
    monkeypatch.setattr(tasks, "YIELD_AFTER_MS", 0)
    engine = create_durably(database=":memory:", jobs={"work": make_job(nothing)})
    await engine.init()
    heard, turned = Heard(engine), 0

    def turn() -> None:
        nonlocal turned
        turned += 1
        if len(heard.of("run:complete")) < 500:
            loop.call_soon(turn)

    loop = asyncio.get_running_loop()
    loop.call_soon(turn)
    await engine.jobs.work.batch_trigger([{}] * 500)
    await heard.until("run:complete", 500)
    await within(engine.close())
    assert turned >= 500
