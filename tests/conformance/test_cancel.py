"""A cancelled run is told to stop, and never writes again."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from durably_core import (
    CancelledError,
    ConflictError,
    Durably,
    NotFoundError,
    Run,
    StepContext,
    Store,
    TriggeredRun,
)
from durably_core.abort import RunStopped
from durably_core.store.base import Ending, Notes
from tests.conftest import (
    Gate,
    Heard,
    MakeEngine,
    Numbers,
    StoreProbe,
    Total,
    claim,
    ended,
    enqueue,
    lease_of,
    make_job,
    new_run,
    nothing,
    request_for,
    run_to_end,
    within,
)

Code = Callable[[StepContext, Gate], Awaitable[Any]]


class Scene:
    """An engine that executes ``code`` and a run that follows it; ``code`` passes the gate."""

    def __init__(self, make_engine: MakeEngine, code: Code, **options: Any) -> None:
        self.gate = Gate()
        self.writes: list[str] = []

        async def body(step: StepContext, input: Numbers) -> Total | None:
            if input.count == 0:
                await code(step, self.gate)
            return Total(total=1)

        self.engine = make_engine(make_job(body, output=Total), **options)
        self.heard = Heard(self.engine)

    async def start(self) -> str:
        self.engine.start()
        run = await self.engine.jobs.work.trigger({"count": 0})
        await self.gate.until_reached()
        return run.id

    async def settle(self) -> None:
        """The slot is free again: the next run completes."""
        count = len(self.heard.of("run:complete"))
        await self.engine.jobs.work.trigger({"count": 1})
        await self.heard.until("run:complete", count + 1)


async def cancelled(scene: Scene) -> Run:
    """Cancel the run in the middle of its code, and let the worker go on to another."""
    run_id = await scene.start()
    await scene.engine.cancel(run_id)
    await scene.settle()
    return await ended(scene.engine, run_id)


async def awaiting_a_step(step: StepContext, gate: Gate) -> None:
    await step.run("wait", gate)


async def awaiting_outside_of_steps(_step: StepContext, gate: Gate) -> None:
    await gate()


async def swallowing_exceptions(step: StepContext, gate: Gate) -> None:
    for number in range(5):
        try:
            await step.run(f"step-{number}", gate)
        except Exception:  # noqa: BLE001 - such code exists
            step.log.error("swallowed")


async def going_on_regardless(step: StepContext, gate: Gate) -> None:
    for number in range(5):
        try:
            await step.run(f"step-{number}", gate)
        except asyncio.CancelledError:
            step.log.error("never mind")
            step.progress(number)


async def answering_with_an_error(_step: StepContext, gate: Gate) -> None:
    try:
        await gate()
    except asyncio.CancelledError:
        raise ValueError("tidying up failed") from None


async def running_steps_in_parallel(step: StepContext, gate: Gate) -> None:
    await asyncio.gather(*(step.run(f"step-{number}", gate) for number in range(3)))


async def running_steps_in_a_group(step: StepContext, gate: Gate) -> None:
    async with asyncio.TaskGroup() as group:
        for number in range(3):
            group.create_task(step.run(f"step-{number}", gate))


CODES = [
    awaiting_a_step,
    awaiting_outside_of_steps,
    swallowing_exceptions,
    going_on_regardless,
    answering_with_an_error,
    running_steps_in_parallel,
    running_steps_in_a_group,
]
any_code = pytest.mark.parametrize("code", CODES, ids=[code.__name__ for code in CODES])


@any_code
async def test_cancelled_run_ends_cancelled(make_engine: MakeEngine, code: Code) -> None:
    run = await cancelled(Scene(make_engine, code))
    assert (run.status, run.output, run.error, run.lease_owner) == ("cancelled", None, None, None)


@any_code
async def test_cancelled_run_records_nothing_more(make_engine: MakeEngine, code: Code) -> None:
    scene = Scene(make_engine, code)
    run = await cancelled(scene)
    assert (await scene.engine.get_steps(run.id), await scene.engine.get_logs(run.id)) == ([], [])
    assert (run.progress, run.completed_step_count) == (None, 0)


@any_code
async def test_cancelled_run_tells_no_other_end(make_engine: MakeEngine, code: Code) -> None:
    scene = Scene(make_engine, code)
    run = await cancelled(scene)
    told = {event.type for event in scene.heard.events if getattr(event, "run_id", None) == run.id}
    assert told <= {"run:trigger", "run:leased", "step:start", "run:cancel", "step:cancel", "run:stop"}
    assert len(scene.heard.of("step:start")) == len(scene.heard.of("step:cancel"))


@any_code
async def test_cancelled_run_leaves_the_worker_whole(make_engine: MakeEngine, code: Code) -> None:
    scene = Scene(make_engine, code)
    await cancelled(scene)
    await scene.engine.stop()
    assert await scene.engine.get_runs(status="leased") == []


async def test_events_of_a_cancel_are_in_order(make_engine: MakeEngine) -> None:
    scene = Scene(make_engine, awaiting_a_step)
    run = await cancelled(scene)
    told = [event.type for event in scene.heard.events if event.run_id == run.id]
    assert told[:5] == ["run:trigger", "run:leased", "step:start", "run:cancel", "step:cancel"]


async def test_finished_steps_of_a_cancelled_run_stay(make_engine: MakeEngine) -> None:
    async def code(step: StepContext, gate: Gate) -> None:
        await step.run("done", lambda: 1)
        await step.run("wait", gate)

    scene = Scene(make_engine, code)
    run = await cancelled(scene)
    assert [step.name for step in await scene.engine.get_steps(run.id)] == ["done"]


async def test_cancel_of_a_waiting_run(make_engine: MakeEngine) -> None:
    engine = make_engine(make_job(nothing))
    heard = Heard(engine)
    triggered = await engine.jobs.work.trigger({})
    await engine.cancel(triggered.id)
    run = await ended(engine, triggered.id)
    assert (run.status, run.started_at, run.completed_at is None) == ("cancelled", None, False)
    assert (await engine.process_one(), heard.types) == (False, ["run:trigger", "run:cancel"])


async def test_job_code_sees_why_it_stops(make_engine: MakeEngine) -> None:
    reasons: list[object] = []

    async def code(step: StepContext, gate: Gate) -> None:
        try:
            await gate()
        finally:
            reasons.append(step.signal.reason)
            assert step.is_aborted()
            with pytest.raises(RunStopped):
                step.throw_if_aborted()

    await cancelled(Scene(make_engine, code))
    assert [type(reason) for reason in reasons] == [CancelledError]


async def test_step_of_a_stopped_run_is_not_called(make_engine: MakeEngine) -> None:
    calls: list[int] = []

    async def code(step: StepContext, gate: Gate) -> None:
        try:
            await gate()
        except asyncio.CancelledError:
            await step.run("late", lambda: calls.append(1))

    await cancelled(Scene(make_engine, code))
    assert calls == []


async def test_job_may_cancel_itself(make_engine: MakeEngine) -> None:
    engines: list[Durably] = []

    async def body(step: StepContext, _input: Numbers) -> None:
        await engines[0].cancel(step.run_id)
        await step.run("late", lambda: 1)

    engines.append(engine := make_engine(job := make_job(body)))
    run = await run_to_end(engine, job)
    assert (run.status, run.lease_owner, await engine.get_steps(run.id)) == ("cancelled", None, [])


async def test_unknown_run_cannot_be_cancelled(make_engine: MakeEngine) -> None:
    with pytest.raises(NotFoundError, match="no run nope"):
        await make_engine(make_job(nothing)).cancel("nope")


async def test_completed_run_cannot_be_cancelled(make_engine: MakeEngine, store: Store) -> None:
    run = await run_to_end(engine := make_engine(job := make_job(nothing)), job)
    with pytest.raises(ConflictError, match="it is completed"):
        await engine.cancel(run.id)
    assert await ended(engine, run.id) == run


async def test_failed_run_cannot_be_cancelled(make_engine: MakeEngine) -> None:
    async def body(_step: StepContext, _input: Numbers) -> None:
        raise ValueError("no")

    run = await run_to_end(engine := make_engine(job := make_job(body)), job)
    with pytest.raises(ConflictError, match="it is failed"):
        await engine.cancel(run.id)
    assert await ended(engine, run.id) == run


async def test_run_is_cancelled_only_once(make_engine: MakeEngine) -> None:
    engine = make_engine(make_job(nothing))
    run = await engine.jobs.work.trigger({})
    await engine.cancel(run.id)
    with pytest.raises(ConflictError, match="it is cancelled"):
        await engine.cancel(run.id)


class Race:
    """Code that has finished, whose last write meets a cancel."""

    def __init__(self, make_engine: MakeEngine, probe: StoreProbe) -> None:
        self.last_write = Gate()
        probe.before["end_run"] = self.last_write
        self.engine = make_engine(make_job(nothing), store=probe.as_store)
        self.heard = Heard(self.engine)

    async def run(self) -> Run:
        self.engine.start()
        run = await self.engine.jobs.work.trigger({})
        await self.last_write.until_reached()
        await self.engine.cancel(run.id)
        self.last_write.open()
        await self.engine.jobs.work.trigger({})
        await self.heard.until("run:complete")
        return await ended(self.engine, run.id)


async def test_cancel_beats_the_last_write(make_engine: MakeEngine, probe: StoreProbe) -> None:
    race = Race(make_engine, probe)
    run = await race.run()
    assert (run.status, run.output, run.lease_owner) == ("cancelled", None, None)


async def test_cancel_at_last_write_leaves_worker_whole(make_engine: MakeEngine, probe: StoreProbe) -> None:
    race = Race(make_engine, probe)
    await race.run()
    await within(race.engine.stop())
    assert race.heard.of("worker:error") == []


async def test_step_saved_before_the_cancel_stays(make_engine: MakeEngine, probe: StoreProbe) -> None:
    saved = Gate()
    probe.after["save_step"] = saved

    async def code(step: StepContext, gate: Gate) -> None:
        gate.reached.set()
        await step.run("done", lambda: 1)

    scene = Scene(make_engine, code, store=probe.as_store)
    run_id = await scene.start()
    await saved.until_reached()
    await scene.engine.cancel(run_id)
    saved.open()
    await scene.settle()
    run = await ended(scene.engine, run_id)
    assert (run.status, run.completed_step_count) == ("cancelled", 1)
    assert len(scene.heard.of("step:complete")) == 1


async def test_step_that_ends_with_the_cancel_is_dropped(make_engine: MakeEngine, probe: StoreProbe) -> None:
    saving = Gate()
    probe.before["save_step"] = saving

    async def code(step: StepContext, gate: Gate) -> None:
        gate.reached.set()
        await step.run("late", lambda: 1)

    scene = Scene(make_engine, code, store=probe.as_store)
    run_id = await scene.start()
    await saving.until_reached()
    await scene.engine.cancel(run_id)
    saving.open()
    await scene.settle()
    run = await ended(scene.engine, run_id)
    assert (run.status, await scene.engine.get_steps(run_id)) == ("cancelled", [])
    assert [event.step_name for event in scene.heard.of("step:cancel")] == ["late"]


async def test_cancel_by_another_engine_is_noticed(make_engine: MakeEngine) -> None:
    scene = Scene(make_engine, awaiting_a_step, lease_renew_interval_ms=1)
    run_id = await scene.start()
    await make_engine(make_job(nothing)).cancel(run_id)
    await scene.settle()
    run = await ended(scene.engine, run_id)
    assert (run.status, run.lease_owner, scene.heard.of("worker:error")) == ("cancelled", None, [])
    assert len(scene.heard.of("step:cancel")) == 1


async def test_cancel_by_another_engine_stops_next_step(make_engine: MakeEngine) -> None:
    async def code(step: StepContext, gate: Gate) -> None:
        await step.run("first", gate)
        await step.run("second", gate)

    scene = Scene(make_engine, code)
    run_id = await scene.start()
    await make_engine(make_job(nothing)).cancel(run_id)
    scene.gate.open()
    await scene.settle()
    assert (await ended(scene.engine, run_id)).lease_owner is None
    assert [event.step_name for event in scene.heard.of("step:cancel")] == ["first"]


async def test_cancelled_run_is_not_claimed_again(store: Store) -> None:
    await enqueue(store, new_run("01"))
    await claim(store, request_for())
    await store.cancel_run("01", keep_steps=True)
    await store.expire_leases(request_for())
    assert await claim(store, request_for()) is None


async def test_only_a_cancelled_run_is_released(store: Store) -> None:
    await enqueue(store, new_run("01"))
    lease = lease_of(await claim(store, request_for()))
    before = await store.get_run("01")
    assert (await store.end_run(lease, Ending(status="cancelled"), Notes(), None)).state == "lost"
    assert await store.get_run("01") == before


async def test_failed_cleanup_does_not_poison_the_slot(make_engine: MakeEngine) -> None:
    gate = Gate()

    async def body(step: StepContext, input: Numbers) -> None:
        if input.count == 0:
            await answering_with_an_error(step, gate)
        raise asyncio.CancelledError

    engine = make_engine(make_job(body))
    heard = Heard(engine)
    engine.start()
    await engine.cancel((await in_gate(engine, gate)).id)
    second = await engine.jobs.work.trigger({"count": 1})
    assert (await heard.until("run:fail")).run_id == second.id


async def in_gate(engine: Durably, gate: Gate) -> TriggeredRun:
    run = await engine.jobs.work.trigger({"count": 0})
    await gate.until_reached()
    return run
