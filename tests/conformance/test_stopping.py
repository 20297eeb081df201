"""Stopping with a deadline, budgets, and what may join an engine that runs."""

import asyncio
import contextlib
from typing import Any

import pytest

from durably_core import Durably, StepContext, StorageError, ValidationError, WorkerStoppedError, worker
from durably_core.abort import RunStopped
from tests.conftest import (
    FakeClock,
    Gate,
    Heard,
    MakeEngine,
    Numbers,
    StoreProbe,
    Total,
    ended,
    make_job,
    nothing,
    turns,
    until_only,
    within,
)


class Stopping:
    """A job whose second step stops at a gate."""

    def __init__(self, make_engine: MakeEngine, **options: Any) -> None:
        self.gate = Gate()
        self.calls: list[str] = []
        self.reasons: list[object] = []
        self.engine: Durably = make_engine(make_job(self.body, output=Total), **options)
        self.heard = Heard(self.engine)

    async def body(self, step: StepContext, _input: Numbers) -> Total:
        try:
            for name in ("one", "two", "three"):
                await step.run(name, self.call, name)
        finally:
            self.reasons.append(step.signal.reason)
        return Total(total=len(self.calls))

    async def call(self, name: str) -> None:
        self.calls.append(name)
        if name == "two":
            await self.gate()

    async def start(self) -> str:
        self.engine.start()
        run = await self.engine.jobs.work.trigger({})
        await self.gate.until_reached()
        return run.id


# ---------------------------------------------------------------------- a deadline


async def test_deadline_gives_the_run_back(make_engine: MakeEngine) -> None:
    stopping = Stopping(make_engine)
    run_id = await stopping.start()
    await within(stopping.engine.stop(timeout_ms=0))
    run = await ended(stopping.engine, run_id)
    assert (run.status, run.lease_owner, run.attempt, run.attempts_since_step) == ("pending", None, 1, 0)
    requeue = stopping.heard.events[-1]
    assert (requeue.type, requeue.reason, requeue.attempt) == ("run:requeue", "released", 1)


async def test_attempt_without_a_step_does_not_count(make_engine: MakeEngine) -> None:
    gate = Gate()

    async def body(_step: StepContext, _input: Numbers) -> None:
        await gate()

    engine = make_engine(make_job(body))
    run = await engine.jobs.work.trigger({})
    for attempt in (1, 2, 3):
        gate.reached.clear()
        engine.start()
        await gate.until_reached()
        await within(engine.stop(timeout_ms=0))
        given_back = await ended(engine, run.id)
        assert (given_back.attempt, given_back.attempts_since_step) == (attempt, 0)


async def test_run_goes_on_from_its_last_step(make_engine: MakeEngine) -> None:
    stopping = Stopping(make_engine)
    run_id = await stopping.start()
    await within(stopping.engine.stop(timeout_ms=0))
    stopping.gate.open()
    stopping.engine.start()
    await stopping.heard.until("run:complete")
    assert stopping.calls == ["one", "two", "two", "three"]
    assert (await ended(stopping.engine, run_id)).output == {"total": 4}


async def test_job_code_sees_that_its_worker_stops(make_engine: MakeEngine) -> None:
    stopping = Stopping(make_engine)
    await stopping.start()
    await within(stopping.engine.stop(timeout_ms=0))
    assert [type(reason) for reason in stopping.reasons] == [WorkerStoppedError]
    assert stopping.heard.of("step:cancel") == []


async def test_run_that_ends_in_time_is_left_alone(make_engine: MakeEngine) -> None:
    stopping = Stopping(make_engine)
    run_id = await stopping.start()
    task = asyncio.create_task(stopping.engine.stop(timeout_ms=3_600_000))
    await turns()
    assert not task.done()
    stopping.gate.open()
    await within(task)
    assert ((await ended(stopping.engine, run_id)).status, stopping.reasons) == ("completed", [None])


async def test_progress_and_logs_are_given_back_too(make_engine: MakeEngine) -> None:
    gate = Gate()

    async def body(step: StepContext, _input: Numbers) -> None:
        step.progress(3)
        step.log.info("so far")
        await gate()

    engine = make_engine(make_job(body))
    engine.start()
    run_id = (await engine.jobs.work.trigger({})).id
    await gate.until_reached()
    await within(engine.stop(timeout_ms=0))
    run = await ended(engine, run_id)
    assert run.progress is not None
    assert (run.progress.current, [log.message for log in await engine.get_logs(run_id)]) == (3, ["so far"])


async def test_all_slots_are_given_back(make_engine: MakeEngine) -> None:
    gates = [Gate() for _ in range(3)]

    async def body(_step: StepContext, input: Numbers) -> None:
        await gates[input.count]()

    engine = make_engine(make_job(body), max_concurrent_runs=3)
    engine.start()
    for count in range(3):
        await engine.jobs.work.trigger({"count": count})
    for gate in gates:
        await gate.until_reached()
    await within(engine.stop(timeout_ms=0))
    assert [run.status for run in await engine.get_runs()] == ["pending"] * 3


async def test_run_claimed_while_stopping_is_given_back(make_engine: MakeEngine, probe: StoreProbe) -> None:
    claiming = Gate()
    probe.after["claim"] = claiming
    stopping = Stopping(make_engine, store=probe.as_store)
    run = await stopping.engine.jobs.work.trigger({})
    stopping.engine.start()
    await claiming.until_reached()
    task = asyncio.create_task(stopping.engine.stop(timeout_ms=0))
    await turns()
    claiming.open()
    await within(task)
    assert (await ended(stopping.engine, run.id)).status == "pending"


async def test_another_engine_takes_it_at_once(make_engine: MakeEngine) -> None:
    stopping = Stopping(make_engine)
    run_id = await stopping.start()
    await within(stopping.engine.stop(timeout_ms=0))
    stopping.gate.open()
    other = make_engine(make_job(stopping.body, output=Total))
    assert await within(other.process_one())
    assert (await ended(other, run_id)).status == "completed"


class Deaf:
    """Code that does not heed being cancelled."""

    def __init__(self, make_engine: MakeEngine, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(worker, "STOP_GRACE_MS", 1)
        self.started, self.heeds, self.over = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self.refused: list[type[BaseException]] = []
        self.engine = make_engine(make_job(self.body), lease_ms=1000, lease_renew_interval_ms=500)
        self.heard = Heard(self.engine)

    async def body(self, step: StepContext, _input: Numbers) -> None:
        self.started.set()
        while not self.heeds.is_set():
            with contextlib.suppress(asyncio.CancelledError):
                await self.heeds.wait()
        try:
            step.progress(1)
            step.log.info("still here")
            await step.run("late", lambda: 1)
        except asyncio.CancelledError as error:
            self.refused.append(type(error))
        self.over.set()

    async def stop(self) -> str:
        self.engine.start()
        run = await self.engine.jobs.work.trigger({})
        await within(self.started.wait())
        await within(self.engine.stop(timeout_ms=0))
        return run.id


async def test_deaf_code_is_left_behind(make_engine: MakeEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    deaf = Deaf(make_engine, monkeypatch)
    run_id = await deaf.stop()
    assert (deaf.over.is_set(), (await ended(deaf.engine, run_id)).status) == (False, "leased")
    deaf.heeds.set()
    await deaf.heard.until("run:requeue")


async def test_deaf_code_writes_nothing_any_more(
    make_engine: MakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    deaf = Deaf(make_engine, monkeypatch)
    run_id = await deaf.stop()
    deaf.heeds.set()
    await deaf.heard.until("run:requeue")
    assert deaf.refused == [RunStopped]
    assert (await deaf.engine.get_steps(run_id), await deaf.engine.get_logs(run_id)) == ([], [])
    assert deaf.heard.types == ["run:trigger", "run:leased", "run:requeue"]


async def test_deaf_code_does_not_touch_its_successor(
    make_engine: MakeEngine, monkeypatch: pytest.MonkeyPatch, clock: FakeClock
) -> None:
    deaf = Deaf(make_engine, monkeypatch)
    run_id = await deaf.stop()
    clock.advance(1000)
    other = make_engine(make_job(nothing))
    assert await within(other.process_one())
    deaf.heeds.set()
    await within(deaf.over.wait())
    await turns()
    run = await ended(other, run_id)
    assert (run.status, run.attempt, deaf.heard.of("run:requeue")) == ("completed", 2, [])


# ---------------------------------------------------------------------- stopping and starting


@pytest.mark.parametrize("timeout_ms", [-1, 1.5, True, "1"])
async def test_impossible_deadline_stops_nothing(make_engine: MakeEngine, timeout_ms: Any) -> None:
    stopping = Stopping(make_engine)
    await stopping.start()
    with pytest.raises(ValidationError, match="timeout_ms"):
        await stopping.engine.stop(timeout_ms=timeout_ms)
    stopping.gate.open()
    await stopping.heard.until("run:complete")
    await stopping.engine.jobs.work.trigger({})
    await stopping.heard.until("run:complete", 2)


async def test_second_stop_may_set_a_deadline(make_engine: MakeEngine) -> None:
    stopping = Stopping(make_engine)
    run_id = await stopping.start()
    patient = asyncio.create_task(stopping.engine.stop())
    await turns()
    await within(stopping.engine.stop(timeout_ms=0))
    await within(patient)
    assert (await ended(stopping.engine, run_id)).status == "pending"


async def test_both_stops_wait_for_the_end(make_engine: MakeEngine) -> None:
    stopping = Stopping(make_engine)
    await stopping.start()
    tasks = [asyncio.create_task(stopping.engine.stop()) for _ in range(2)]
    await turns()
    assert [task.done() for task in tasks] == [False, False]
    stopping.gate.open()
    await within(asyncio.gather(*tasks))
    assert stopping.heard.types[-1] == "run:complete"


async def test_stop_with_deadline_twice_tells_once(make_engine: MakeEngine) -> None:
    stopping = Stopping(make_engine)
    await stopping.start()
    await within(asyncio.gather(*(stopping.engine.stop(timeout_ms=0) for _ in range(3))))
    assert len(stopping.heard.of("run:requeue")) == 1


async def test_start_ends_a_stop_that_waits(make_engine: MakeEngine) -> None:
    stopping = Stopping(make_engine)
    await stopping.start()
    task = asyncio.create_task(stopping.engine.stop(timeout_ms=3_600_000))
    await turns()
    stopping.engine.start()
    await within(task)
    stopping.gate.open()
    await stopping.heard.until("run:complete")
    await stopping.engine.jobs.work.trigger({})
    await stopping.heard.until("run:complete", 2)


async def test_cancelled_stop_still_claims_no_more(make_engine: MakeEngine) -> None:
    stopping = Stopping(make_engine)
    await stopping.start()
    task = asyncio.create_task(stopping.engine.stop())
    await turns()
    task.cancel()
    await asyncio.wait([task])
    second = await stopping.engine.jobs.work.trigger({})
    stopping.gate.open()
    await stopping.heard.until("run:complete")
    await turns()
    assert (await ended(stopping.engine, second.id)).status == "pending"


async def test_stopped_engine_leaves_no_tasks(make_engine: MakeEngine) -> None:
    tasks_before = asyncio.all_tasks()
    stopping = Stopping(make_engine)
    await stopping.start()
    await within(stopping.engine.stop(timeout_ms=0))
    await until_only(tasks_before)


async def test_stopping_frees_what_was_cancelled_elsewhere(make_engine: MakeEngine) -> None:
    stopping = Stopping(make_engine)
    run_id = await stopping.start()
    await make_engine().cancel(run_id)
    await within(stopping.engine.stop(timeout_ms=0))
    run = await ended(stopping.engine, run_id)
    assert (run.status, run.lease_owner, stopping.heard.types[-1]) == ("cancelled", None, "run:stop")
    await stopping.engine.delete_run(run_id)


async def test_maintenance_outlives_a_stop_that_was_undone(make_engine: MakeEngine, probe: StoreProbe) -> None:
    stopping = Stopping(make_engine, store=probe.as_store, maintenance_interval_ms=1)
    await stopping.start()
    stop = asyncio.create_task(stopping.engine.stop())
    await turns()
    stopping.engine.start()
    await within(stop)
    probe.before["checkpoint"] = maintaining = Gate()
    await maintaining.until_reached()
    maintaining.open()
    stopping.gate.open()


async def test_closed_engine_does_not_start_again(make_engine: MakeEngine) -> None:
    stopping = Stopping(make_engine)
    await stopping.start()
    closing = asyncio.create_task(stopping.engine.close())
    await turns()
    for _ in range(2):
        with pytest.raises(StorageError, match="closed"):
            stopping.engine.start()
        stopping.gate.open()
        await within(closing)


# ---------------------------------------------------------------------- budgets


@pytest.mark.parametrize(("max_runs", "begun"), [(0, 0), (1, 1), (2, 2), (5, 3), (None, 3)])
async def test_no_more_runs_than_asked_for(make_engine: MakeEngine, max_runs: int | None, begun: int) -> None:
    engine = make_engine(make_job(nothing))
    for _ in range(3):
        await engine.jobs.work.trigger({})
    assert await within(engine.process_until_idle(max_runs=max_runs)) == begun
    assert len(await engine.get_runs(status="completed")) == begun


async def test_used_up_budget_gives_the_run_back(make_engine: MakeEngine) -> None:
    stopping = Stopping(make_engine)
    first = await stopping.engine.jobs.work.trigger({})
    second = await stopping.engine.jobs.work.trigger({})
    assert await within(stopping.engine.process_until_idle(budget_ms=200)) == 1
    run = await ended(stopping.engine, first.id)
    assert (run.status, run.attempts_since_step, run.completed_step_count) == ("pending", 0, 1)
    assert (await ended(stopping.engine, second.id)).attempt == 0
    stopping.gate.open()
    assert await within(stopping.engine.process_until_idle()) == 2
    assert stopping.calls == ["one", "two", "two", "three", "one", "two", "three"]


async def test_budget_that_suffices_stops_no_one(make_engine: MakeEngine) -> None:
    stopping = Stopping(make_engine)
    stopping.gate.open()
    run = await stopping.engine.jobs.work.trigger({})
    assert await within(stopping.engine.process_until_idle(budget_ms=3_600_000)) == 1
    assert ((await ended(stopping.engine, run.id)).status, stopping.reasons) == ("completed", [None])


async def test_budget_ends_with_its_call(make_engine: MakeEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    loop = asyncio.get_running_loop()
    timers: list[tuple[float, asyncio.Handle]] = []
    call_later = loop.call_later

    def noting(delay: float, callback: Any, *args: Any, **kwargs: Any) -> asyncio.TimerHandle:
        handle = call_later(delay, callback, *args, **kwargs)
        timers.append((delay, handle))
        return handle

    monkeypatch.setattr(loop, "call_later", noting)
    engine = make_engine(make_job(nothing))
    await engine.jobs.work.trigger({})
    await engine.process_until_idle(budget_ms=1_800_000)
    assert [handle.cancelled() for delay, handle in timers if 1700 < delay <= 1800] == [True]


async def test_budget_used_up_by_the_claim_stops_the_run(make_engine: MakeEngine, probe: StoreProbe) -> None:
    async def outlast_the_budget() -> None:
        outlasted = asyncio.Event()
        asyncio.get_running_loop().call_later(0.03, outlasted.set)
        await outlasted.wait()

    probe.after["claim"] = outlast_the_budget
    stopping = Stopping(make_engine, store=probe.as_store)
    run = await stopping.engine.jobs.work.trigger({})
    assert await within(stopping.engine.process_until_idle(budget_ms=20)) == 1
    assert (await ended(stopping.engine, run.id)).status == "pending"
    stopping.gate.open()
    assert await within(stopping.engine.process_until_idle()) == 1


async def test_budget_spares_what_the_worker_executes(make_engine: MakeEngine) -> None:
    stopping = Stopping(make_engine)
    first = await stopping.start()
    second = await stopping.engine.jobs.work.trigger({})
    assert await within(stopping.engine.process_until_idle(budget_ms=50)) == 1
    statuses = [(await ended(stopping.engine, run_id)).status for run_id in (first, second.id)]
    assert statuses == ["leased", "pending"]
    stopping.gate.open()
    await stopping.heard.until("run:complete", 2)
    assert [type(reason) for reason in stopping.reasons] == [WorkerStoppedError, type(None), type(None)]


@pytest.mark.parametrize("max_runs", [-1, 1.5, True, "1"])
async def test_impossible_count_of_runs_is_refused(make_engine: MakeEngine, max_runs: Any) -> None:
    with pytest.raises(ValidationError, match="max_runs"):
        await make_engine().process_until_idle(max_runs=max_runs)


@pytest.mark.parametrize("budget_ms", [0, -1, 1.5, True])
async def test_impossible_budget_is_refused(make_engine: MakeEngine, budget_ms: Any) -> None:
    engine = make_engine(make_job(nothing))
    await engine.jobs.work.trigger({})
    with pytest.raises(ValidationError, match="budget_ms"):
        await engine.process_until_idle(budget_ms=budget_ms)
    assert len(await engine.get_runs(status="pending")) == 1


# ---------------------------------------------------------------------- joining


async def test_job_registered_later_is_executed_at_once(make_engine: MakeEngine) -> None:
    engine = make_engine()
    heard = Heard(engine)
    await make_engine(job := make_job(nothing)).jobs.work.trigger({})
    engine.start()
    await turns()
    assert heard.types == []
    assert engine.register({"work": job}) is engine
    await heard.until("run:complete")


async def test_refused_job_changes_nothing(make_engine: MakeEngine) -> None:
    engine = make_engine(job := make_job(nothing))
    for jobs in ({"work": make_job(nothing, name="new")}, {"new": make_job(nothing)}):
        with pytest.raises(ValidationError):
            engine.register({"fine": make_job(nothing, name="fine")} | jobs)
    assert [handle.job for handle in engine.jobs] == [job]
    assert (engine.get_job("fine"), engine.get_job("work")) == (None, engine.jobs.work)


async def test_job_registered_again_keeps_its_handle(make_engine: MakeEngine) -> None:
    engine = make_engine(job := make_job(nothing))
    handle = engine.jobs.work
    engine.register({"work": job, "also": job})
    assert engine.jobs.work is handle
    assert engine.get_job("work") is handle


async def test_plugin_is_given_the_engine(make_engine: MakeEngine) -> None:
    class Counting:
        name = "counting"

        def install(self, durably: Durably) -> None:
            durably.on("run:complete", completed.append)

    completed: list[object] = []
    engine = make_engine(make_job(nothing))
    assert engine.use(Counting()) is engine
    await engine.jobs.work.trigger({})
    await within(engine.process_until_idle())
    assert len(completed) == 1
