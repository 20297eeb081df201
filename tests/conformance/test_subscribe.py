"""Following a run: where it is, then everything that happens to it, once and in order."""

import asyncio
from typing import Any

import pytest

from durably_core import Durably, EventsGoneError, NotFoundError, Progress, RunEvent, StepContext, Store
from tests.conftest import (
    START_MS,
    FakeClock,
    Gate,
    MakeEngine,
    Numbers,
    StoreProbe,
    Total,
    die,
    make_job,
    nothing,
    run_to_end,
    turns,
    until_only,
    within,
)


async def collect(engine: Durably, run_id: str, after: int | None = None) -> list[RunEvent]:
    return [event async for event in engine.subscribe(run_id, after=after)]


async def following(engine: Durably, run_id: str, after: int | None = None) -> "asyncio.Task[list[RunEvent]]":
    """A task that follows the run by now."""
    looked = asyncio.Event()
    get_events = engine.store.get_events

    async def look(**what: Any) -> list[RunEvent]:
        found = await get_events(**what)
        looked.set()
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine.store, "get_events", look)
        task = asyncio.create_task(collect(engine, run_id, after))
        looking = asyncio.create_task(looked.wait())
        await asyncio.wait([task, looking], return_when=asyncio.FIRST_COMPLETED)
        looking.cancel()
    await turns()
    return task


def types(events: list[RunEvent]) -> list[str]:
    return [event.type for event in events]


def left_behind(engine: Durably) -> tuple[int, int, bool]:
    waiting = engine.waiting
    return len(waiting._waiters), len(engine._bus._stored_listeners), waiting._poller is not None


class Halting:
    """A job that tells how far it is, and then stops at a gate."""

    def __init__(self) -> None:
        self.gate = Gate()
        self.job = make_job(self.body, output=Total)

    async def body(self, step: StepContext, input: Numbers) -> Total:
        if input.count:
            step.progress(input.count, 10)
        await step.run("first", lambda: 1)
        await self.gate()
        step.log.info("last words")
        await step.run("second", lambda: 2)
        return Total(total=input.count)


async def fail(step: StepContext, _input: Numbers) -> None:
    await step.run("divide", lambda: 1 // 0)


# ---------------------------------------------------------------------- where the run is


async def test_pending_run_has_nothing_to_tell(make_engine: MakeEngine) -> None:
    engine = make_engine(make_job(nothing))
    run = await engine.jobs.work.trigger({})
    task = await following(engine, run.id)
    await within(engine.process_one())
    assert types(await within(task)) == ["run:leased", "run:complete"]


@pytest.mark.parametrize("progress", [0, 4])
async def test_executing_run_is_told_as_leased(make_engine: MakeEngine, progress: int) -> None:
    halting = Halting()
    engine = make_engine(halting.job)
    triggered = await engine.jobs.work.trigger({"count": progress}, labels={"a": "b"})
    executing = asyncio.create_task(engine.process_one(worker_id="worker-7"))
    await halting.gate.until_reached()
    task = await following(engine, triggered.id)
    newest = await engine.get_newest_event()
    halting.gate.open()
    await within(executing)
    leased, *rest = await within(task)
    assert (leased.type, leased.sequence, leased.labels) == ("run:leased", newest, {"a": "b"})
    assert (leased.lease_owner, leased.attempt) == ("worker-7", 1)  # type: ignore[attr-defined]
    told = [event.progress for event in rest if event.type == "run:progress"]  # type: ignore[attr-defined]
    assert told == ([Progress(current=4, total=10)] if progress else [])


async def test_completed_run_is_told_with_output(make_engine: MakeEngine) -> None:
    halting = Halting()
    halting.gate.open()
    run = await run_to_end(engine := make_engine(halting.job), halting.job, {"count": 2})
    [event] = await within(collect(engine, run.id))
    assert (event.type, event.output) == ("run:complete", {"total": 2})  # type: ignore[attr-defined]
    assert event.sequence == await engine.get_newest_event()


async def test_failed_run_is_told_with_its_step(make_engine: MakeEngine) -> None:
    run = await run_to_end(engine := make_engine(job := make_job(fail)), job)
    [event] = await within(collect(engine, run.id))
    assert (event.type, event.failed_step_name) == ("run:fail", "divide")  # type: ignore[attr-defined]
    assert "by zero" in event.error  # type: ignore[attr-defined]


async def test_cancelled_run_is_told_as_cancelled(make_engine: MakeEngine) -> None:
    engine = make_engine(make_job(nothing))
    run = await engine.jobs.work.trigger({})
    await engine.cancel(run.id)
    assert types(await within(collect(engine, run.id))) == ["run:cancel"]


@pytest.mark.parametrize("after", [None, 0])
async def test_unknown_run_cannot_be_followed(make_engine: MakeEngine, after: int | None) -> None:
    engine = make_engine()
    with pytest.raises(NotFoundError, match="nowhere"):
        await within(collect(engine, "nowhere", after))
    assert left_behind(engine) == (0, 0, False)


# ---------------------------------------------------------------------- what happens to it


async def test_follower_sees_the_log_as_it_is(make_engine: MakeEngine) -> None:
    halting = Halting()
    engine = make_engine(halting.job, make_job(nothing, name="other"))
    run = await engine.jobs.work.trigger({"count": 1})
    task = await following(engine, run.id)
    executing = asyncio.create_task(engine.process_one())
    await halting.gate.until_reached()
    await engine.jobs.other.trigger({})
    await turns()
    halting.gate.open()
    await within(executing)
    logged = await engine.get_events(run_id=run.id)
    assert (await within(task), logged[0].type, logged[-1].type) == (logged[1:], "run:trigger", "run:complete")


async def test_follower_ends_when_the_run_fails(make_engine: MakeEngine) -> None:
    engine = make_engine(make_job(fail))
    run = await engine.jobs.work.trigger({})
    task = await following(engine, run.id)
    await within(engine.process_one())
    assert types(await within(task)) == ["run:leased", "step:start", "step:fail", "run:fail"]


async def test_follower_ends_when_the_run_is_cancelled(make_engine: MakeEngine) -> None:
    engine = make_engine(make_job(nothing))
    run = await engine.jobs.work.trigger({})
    task = await following(engine, run.id)
    await engine.cancel(run.id)
    assert types(await within(task)) == ["run:cancel"]


async def test_follower_of_stopping_code_ends_with_the_cancel(make_engine: MakeEngine) -> None:
    halting = Halting()
    engine = make_engine(halting.job)
    run = await engine.jobs.work.trigger({})
    executing = asyncio.create_task(engine.process_one())
    await halting.gate.until_reached()
    newest = await engine.get_newest_event()
    await engine.cancel(run.id)
    await within(executing)
    assert types(await engine.get_events(after=newest)) == ["run:cancel", "run:stop"]
    assert types(await within(collect(engine, run.id, newest))) == ["run:cancel"]


async def test_follower_ends_when_the_run_is_deleted(make_engine: MakeEngine) -> None:
    run = await run_to_end(engine := make_engine(job := make_job(nothing)), job)
    after_end = await engine.get_newest_event()
    await engine.delete_run(run.id)
    assert types(await within(collect(engine, run.id, after_end))) == ["run:delete"]
    with pytest.raises(NotFoundError):
        await within(collect(engine, run.id, await engine.get_newest_event()))


async def test_events_of_other_engines_arrive(make_engine: MakeEngine) -> None:
    engine, other = make_engine(polling_interval_ms=1), make_engine(make_job(fail))
    run = await other.jobs.work.trigger({})
    task = await following(engine, run.id)
    await within(other.process_one())
    assert types(await within(task)) == ["run:leased", "step:start", "step:fail", "run:fail"]


async def test_slow_follower_misses_nothing(make_engine: MakeEngine) -> None:
    engine = make_engine(job := make_job(fail))
    run = await engine.jobs.work.trigger({})
    gate, seen = Gate(), []

    async def follow() -> None:
        async for event in engine.subscribe(run.id):
            seen.append(event.type)
            await gate()

    task = asyncio.create_task(follow())
    await turns()
    await within(engine.process_one())
    await gate.until_reached()
    await run_to_end(engine, job)
    assert seen == ["run:leased"]
    gate.open()
    await within(task)
    assert seen == ["run:leased", "step:start", "step:fail", "run:fail"]


async def test_more_events_than_are_read_at_once(
    make_engine: MakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("durably_core.waiting.EVENTS_LIMIT", 2)
    run = await run_to_end(engine := make_engine(job := make_job(fail)), job)
    assert await within(collect(engine, run.id, 0)) == await engine.get_events(run_id=run.id)


@pytest.mark.parametrize("how", ["completed", "failed", "cancelled"])
async def test_told_end_has_the_times_of_the_run(make_engine: MakeEngine, clock: FakeClock, how: str) -> None:
    async def body(step: StepContext, _input: Numbers) -> None:
        clock.advance(500)
        if how == "cancelled":
            await engine.cancel(step.run_id)
        elif how == "failed":
            raise LookupError("lost")

    engine = make_engine(job := make_job(body))
    run = await run_to_end(engine, job)
    clock.advance(3_600_000)
    [told] = await within(collect(engine, run.id))
    assert told.timestamp_ms == START_MS + 500
    assert getattr(told, "duration", 500) == 500


async def test_told_lease_has_the_time_of_the_run(make_engine: MakeEngine, clock: FakeClock) -> None:
    halting = Halting()
    engine = make_engine(halting.job)
    run = await engine.jobs.work.trigger({})
    executing = asyncio.create_task(engine.process_one())
    await halting.gate.until_reached()
    clock.advance(5_000)
    assert (await within(anext(engine.subscribe(run.id)))).timestamp_ms == START_MS
    halting.gate.open()
    await within(executing)


# ---------------------------------------------------------------------- going on


async def history(make_engine: MakeEngine, clock: FakeClock) -> tuple[Durably, str]:
    """A run that crashed, was given back, and completed, with other runs in between."""
    halting = Halting()
    first = make_engine(halting.job)
    run = await first.jobs.work.trigger({"count": 3})
    dying = asyncio.create_task(first.process_one())
    await halting.gate.until_reached()
    await die(dying)
    clock.advance(30_000)
    halting.gate = Gate()
    second = make_engine(halting.job, make_job(nothing, name="other"))
    await second.jobs.other.trigger({})
    second.start()
    await halting.gate.until_reached()
    await within(second.stop(timeout_ms=0))
    halting.gate.open()
    await within(second.process_until_idle())
    return second, run.id


async def test_no_cut_misses_or_repeats_anything(make_engine: MakeEngine, clock: FakeClock) -> None:
    engine, run_id = await history(make_engine, clock)
    logged = await engine.get_events(run_id=run_id)
    assert len(logged) >= 12
    assert {"run:requeue", "run:progress", "log:write", "run:complete"} <= set(types(logged))
    for after in range(await engine.get_newest_event() + 1):
        rest = [event for event in logged if event.sequence > after]
        assert await within(collect(engine, run_id, after)) == rest


async def test_follower_reconnects_at_each_event(make_engine: MakeEngine, clock: FakeClock) -> None:
    engine, run_id = await history(make_engine, clock)
    seen: list[RunEvent] = []
    after = 0
    while not seen or seen[-1].type != "run:complete":
        stream = engine.subscribe(run_id, after=after)
        seen.append(await within(anext(stream)))
        await stream.aclose()  # type: ignore[attr-defined]
        after = seen[-1].sequence
    assert seen == await engine.get_events(run_id=run_id)


async def test_going_on_waits_for_what_comes(make_engine: MakeEngine) -> None:
    engine = make_engine(make_job(nothing))
    run = await engine.jobs.work.trigger({})
    task = await following(engine, run.id, await engine.get_newest_event())
    assert not task.done()
    await within(engine.process_one())
    assert types(await within(task)) == ["run:leased", "run:complete"]


async def test_cancelled_run_is_followed_to_its_stop(make_engine: MakeEngine) -> None:
    halting = Halting()
    engine = make_engine(halting.job)
    run = await engine.jobs.work.trigger({})
    executing = asyncio.create_task(engine.process_one())
    await halting.gate.until_reached()
    await engine.cancel(run.id)
    await within(executing)
    [cancel] = await engine.get_events(run_id=run.id, types=["run:cancel"])
    rest = await within(collect(engine, run.id, cancel.sequence))
    assert types(rest)[-1] == "run:stop"
    assert await within(collect(engine, run.id, rest[-1].sequence)) == []


@pytest.mark.parametrize("after", [0, 3, 1000])
async def test_log_that_lacks_the_number_says_so(make_engine: MakeEngine, store: Store, after: int) -> None:
    run = await run_to_end(engine := make_engine(job := make_job(fail)), job)
    await store.prune_events(keep=1, limit=1000)
    with pytest.raises(EventsGoneError, match="the log holds 5 to 5"):
        await within(collect(engine, run.id, after))
    assert left_behind(engine) == (0, 0, False)


async def test_pruned_log_still_tells_where_it_is(make_engine: MakeEngine, store: Store) -> None:
    run = await run_to_end(engine := make_engine(job := make_job(fail)), job)
    await store.prune_events(keep=1, limit=1000)
    assert types(await within(collect(engine, run.id))) == ["run:fail"]


async def quiet_and_busy(make_engine: MakeEngine, **options: Any) -> tuple[Durably, Durably, str]:
    """The engine of a run that waits, and another whose runs fill the log."""
    quiet = make_engine(make_job(nothing), **options)
    busy = make_engine(make_job(nothing, name="busy"), retain_events=3)
    return quiet, busy, (await quiet.jobs.work.trigger({})).id


async def test_polled_follower_outlives_events_of_others(make_engine: MakeEngine, probe: StoreProbe) -> None:
    quiet, busy, run_id = await quiet_and_busy(make_engine, store=probe.as_store, polling_interval_ms=1)
    task = await following(quiet, run_id)
    for _ in range(3):
        await busy.jobs.busy.batch_trigger([{}] * 20)
        looked = Gate()
        probe.before["find_changed"] = looked
        await looked.until_reached()  # a look that sees all of them
        probe.after["find_changed"] = (told := Gate())
        looked.open()
        await told.until_reached()
        probe.heal()
        probe.after.clear()
        told.open()
        await turns()
        await busy.maintain()
    await within(make_engine(quiet.jobs.work.job).process_one())
    assert types(await within(task)) == ["run:leased", "run:complete"]


# ---------------------------------------------------------------------- nothing is left behind


async def test_subscribing_alone_costs_nothing(make_engine: MakeEngine) -> None:
    engine = make_engine()
    engine.subscribe("nowhere")
    assert left_behind(engine) == (0, 0, False)


async def test_follower_that_breaks_off_leaves_nothing(make_engine: MakeEngine) -> None:
    halting = Halting()
    engine = make_engine(halting.job)
    run = await engine.jobs.work.trigger({})
    executing = asyncio.create_task(engine.process_one())
    await halting.gate.until_reached()
    async for event in engine.subscribe(run.id):
        assert (event.type, left_behind(engine)) == ("run:leased", (1, 1, True))
        break
    await turns()
    assert left_behind(engine) == (0, 0, False)
    halting.gate.open()
    await within(executing)


async def test_cancelled_follower_leaves_nothing(make_engine: MakeEngine) -> None:
    engine = make_engine(make_job(nothing))
    run = await engine.jobs.work.trigger({})
    tasks_before = asyncio.all_tasks()
    task = await following(engine, run.id)
    assert left_behind(engine) == (1, 1, True)
    await die(task)
    await until_only(tasks_before)
    assert left_behind(engine) == (0, 0, False)


async def test_storage_fault_ends_the_following(make_engine: MakeEngine, probe: Any) -> None:
    engine = make_engine(make_job(nothing), store=probe.as_store)
    run = await engine.jobs.work.trigger({})
    task = await following(engine, run.id)
    probe.fail("get_events")
    await engine.cancel(run.id)
    with pytest.raises(Exception, match="The disk is gone"):
        await within(task)
    assert left_behind(engine) == (0, 0, False)
