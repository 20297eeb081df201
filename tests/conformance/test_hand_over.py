"""An engine that leaves its runs to another one without cutting off a step, and what is ended from outside."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Literal

import pytest

from durably_core import Durably, StepContext, execution
from durably_core.watching import LimitState
from tests.conftest import Gate, Heard, MakeEngine, Numbers, Total, ended, make_job, turns, within


class Walk:
    """A job of three steps that stops at a gate in the second."""

    def __init__(self, make_engine: MakeEngine) -> None:
        self.gate = Gate()
        self.calls: list[str] = []
        self.engine: Durably = make_engine(make_job(self.body, output=Total), preserve_steps=True)

    async def body(self, step: StepContext, _input: Numbers) -> Total:
        for name in ("one", "two", "three"):
            await step.run(name, self.call, name)
        return Total(total=3)

    async def call(self, name: str) -> None:
        self.calls.append(name)
        if name == "two":
            await self.gate()

    async def begin(self) -> str:
        await self.engine.migrate()
        self.engine.start()
        run = await self.engine.jobs.work.trigger({})
        await self.gate.until_reached()
        return run.id


async def test_step_is_finished_and_saved_before_the_run_is_given_back(make_engine: MakeEngine) -> None:
    walk = Walk(make_engine)
    run_id = await walk.begin()
    handing_over = asyncio.create_task(walk.engine.hand_over(timeout_ms=60_000))
    await turns()
    walk.gate.open()
    assert await within(handing_over)
    run = await ended(walk.engine, run_id)
    assert (run.status, run.lease_owner, run.completed_step_count) == ("pending", None, 2)
    walk.engine.start()
    assert (await within(walk.engine.wait_for_run(run_id))).output == {"total": 3}
    assert walk.calls == ["one", "two", "three"]
    await walk.engine.stop()


@pytest.mark.parametrize("between", ["steps", "runs"])
async def test_engine_goes_on_when_a_step_takes_longer(
    make_engine: MakeEngine, between: Literal["steps", "runs"]
) -> None:
    walk = Walk(make_engine)
    heard = Heard(walk.engine)
    run_id = await walk.begin()
    assert not await within(walk.engine.hand_over(timeout_ms=0, between=between))
    waiting = await walk.engine.jobs.work.trigger({})
    walk.gate.open()
    for each in (run_id, waiting.id):
        assert (await within(walk.engine.wait_for_run(each))).attempt == 1
    assert "run:requeue" not in heard.types
    await walk.engine.stop()


async def test_nothing_is_claimed_meanwhile(make_engine: MakeEngine) -> None:
    walk = Walk(make_engine)
    run_id = await walk.begin()
    waiting = await walk.engine.jobs.work.trigger({})
    handing_over = asyncio.create_task(walk.engine.hand_over(timeout_ms=60_000))
    await turns()
    walk.gate.open()
    assert await within(handing_over)
    assert [(await ended(walk.engine, each)).status for each in (run_id, waiting.id)] == ["pending"] * 2
    assert (await ended(walk.engine, waiting.id)).attempt == 0


async def test_between_runs_what_executes_is_let_end_and_the_next_waits(make_engine: MakeEngine) -> None:
    walk = Walk(make_engine)
    run_id = await walk.begin()
    waiting = await walk.engine.jobs.work.trigger({})
    handing_over = asyncio.create_task(walk.engine.hand_over(timeout_ms=60_000, between="runs"))
    await turns()
    walk.gate.open()
    assert await within(handing_over)
    done, next_one = await ended(walk.engine, run_id), await ended(walk.engine, waiting.id)
    assert (done.status, done.attempt, next_one.status, next_one.attempt) == ("completed", 1, "pending", 0)


async def test_code_between_two_steps_is_stopped_at_once(make_engine: MakeEngine) -> None:
    reached = asyncio.Event()

    async def body(step: StepContext, _input: Numbers) -> None:
        await step.run("one", lambda: None)
        reached.set()
        await asyncio.Event().wait()

    engine = make_engine(make_job(body))
    await engine.migrate()
    engine.start()
    run = await engine.jobs.work.trigger({})
    await within(reached.wait())
    assert await within(engine.hand_over(timeout_ms=60_000))
    assert (await ended(engine, run.id)).status == "pending"


async def test_no_step_begins_beside_one_that_is_let_finish(make_engine: MakeEngine) -> None:
    gate = Gate()
    calls: list[str] = []

    async def call(name: str) -> None:
        calls.append(name)
        if name == "slow":
            await gate()

    async def two(step: StepContext, *names: str) -> None:
        for name in names:
            await step.run(name, call, name)
            await asyncio.sleep(0)

    async def body(step: StepContext, _input: Numbers) -> None:
        await asyncio.gather(two(step, "slow"), two(step, "quick", "next"))

    engine = make_engine(make_job(body), preserve_steps=True)
    await engine.migrate()
    engine.start()
    run = await engine.jobs.work.trigger({})
    await gate.until_reached()
    handing_over = asyncio.create_task(engine.hand_over(timeout_ms=60_000))
    await turns()
    gate.open()
    assert await within(handing_over)
    found = await ended(engine, run.id)
    assert (found.status, found.completed_step_count) == ("pending", len(calls))
    engine.start()
    await within(engine.wait_for_run(run.id))
    assert sorted(calls) == ["next", "quick", "slow"], "none is begun twice"
    await engine.stop()


# ---------------------------------------------------------------------- a watcher


class Watcher:
    def __init__(self) -> None:
        self.asked: set[str] = set()
        self.limits: list[tuple[str | None, int, LimitState]] = []

    def is_cancel_asked(self, run_id: str) -> bool:
        return run_id in self.asked

    def limit(
        self, run_id: str, attempt: int, step_name: str | None, timeout_ms: int, state: LimitState
    ) -> None:
        self.limits.append((step_name, timeout_ms, state))


async def interrupted(make_engine: MakeEngine) -> tuple[Durably, str, Callable[[], None]]:
    """A run whose code is asked, in the middle, whether to stop, and does: a cancel is on its way."""
    gate = Gate()

    async def ask() -> None:
        await gate()
        executing = execution.current_execution.get()
        assert executing is not None
        reason = executing.reason_to_stop(asyncio.get_running_loop().time())
        assert reason is not None
        raise reason

    async def body(step: StepContext, _input: Numbers) -> None:
        await step.run("ask", ask)

    engine = make_engine(make_job(body))
    watcher = Watcher()
    engine.watch(watcher)
    await engine.migrate()
    engine.start()
    run = await engine.jobs.work.trigger({})
    await gate.until_reached()
    watcher.asked.add(run.id)
    return engine, run.id, gate.open


async def test_code_that_is_interrupted_for_a_cancel_ends_when_that_is_stored(make_engine: MakeEngine) -> None:
    engine, run_id, go_on = await interrupted(make_engine)
    heard = Heard(engine)
    go_on()
    await turns()
    assert (await ended(engine, run_id)).status == "leased", "nothing is known of a cancel yet"
    await engine.cancel(run_id)
    await heard.until("run:stop")
    run = await ended(engine, run_id)
    assert (run.status, run.lease_owner) == ("cancelled", None)
    await engine.stop()


async def test_run_goes_on_when_no_cancel_comes(
    make_engine: MakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("durably_core.execution.CANCEL_ON_ITS_WAY_S", 0)
    engine, run_id, go_on = await interrupted(make_engine)
    heard = Heard(engine)
    go_on()
    requeue = await heard.until("run:requeue")
    assert (requeue.run_id, requeue.reason) == (run_id, "released")
    await engine.stop(timeout_ms=0)


async def test_limits_are_told(make_engine: MakeEngine) -> None:
    async def body(step: StepContext, _input: Numbers) -> None:
        await step.with_timeout(50_000).run("limited", lambda: None)
        await step.run("unlimited", lambda: None)

    engine = make_engine(replace(make_job(body), timeout_ms=60_000))
    watcher = Watcher()
    engine.watch(watcher)
    await engine.migrate()
    run = await engine.jobs.work.trigger({})
    await within(engine.process_until_idle())
    assert (await ended(engine, run.id)).status == "completed"
    assert watcher.limits == [
        (None, 60_000, "begun"),
        ("limited", 50_000, "begun"),
        ("limited", 50_000, "ended"),
        (None, 60_000, "ended"),
    ]


@pytest.mark.parametrize(
    ("step_name", "error"), [("slow", "StepTimeoutError"), (None, "RunTimeoutError")], ids=["step", "run"]
)
async def test_run_whose_process_was_ended_for_it_fails(
    make_engine: MakeEngine, step_name: str | None, error: str
) -> None:
    calls: list[str] = []

    async def body(_step: StepContext, _input: Numbers) -> None:
        calls.append("begun")

    engine = make_engine(make_job(body))
    heard = Heard(engine)
    await engine.migrate()
    run = await engine.jobs.work.trigger({}, concurrency_key="key")
    await engine.fail_overdue(run.id, 1, step_name, 1000)
    assert (await ended(engine, run.id)).status == "pending", "it is not that attempt"
    await engine.fail_overdue(run.id, 0, step_name, 1000)
    found = await ended(engine, run.id)
    assert found.error is not None
    assert (found.status, found.error.type, found.failed_step_name) == ("failed", error, step_name)
    assert "took longer than 1000 ms" in found.error.message
    assert calls == []
    assert heard.types[-1] == "run:fail"
    await engine.fail_overdue(run.id, 0, step_name, 1000)
    await engine.fail_overdue("nowhere", 0, step_name, 1000)
    assert await ended(engine, run.id) == found
