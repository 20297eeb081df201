"""Trigger, claim, execute, complete: what is stored and what is told, in which order."""

import asyncio

from durably_core import Durably, StepContext, Store
from durably_core.clock import from_ms
from durably_core.events import to_wire
from tests.conftest import (
    START_MS,
    FakeClock,
    Gate,
    Heard,
    MakeEngine,
    Numbers,
    StoreProbe,
    Total,
    claim,
    ended,
    enqueue,
    make_job,
    new_run,
    nothing,
    request_for,
    run_to_end,
    within,
)


async def count_up(step: StepContext, input: Numbers) -> Total:
    total = 0
    for number in range(input.count):
        total = await step.run(f"add-{number}", int.__add__, total, 1)
    return Total(total=total)


counting = make_job(count_up, output=Total)


async def test_trigger_leaves_a_pending_run(make_engine: MakeEngine) -> None:
    engine = make_engine(make_job(nothing))
    triggered = await engine.jobs.work.trigger({"count": 2}, labels={"team": "blue"})
    run = await ended(engine, triggered.id)
    assert (run.status, run.input, run.labels, run.attempt) == ("pending", {"count": 2}, {"team": "blue"}, 0)


async def test_trigger_says_that_it_created_the_run(make_engine: MakeEngine) -> None:
    triggered = await make_engine(make_job(nothing)).jobs.work.trigger({})
    assert (triggered.disposition, triggered.status) == ("created", "pending")


async def test_events_tell_a_run_in_order(make_engine: MakeEngine) -> None:
    engine = make_engine(counting)
    heard = Heard(engine)
    await run_to_end(engine, counting, {"count": 2})
    assert heard.types == [
        "run:trigger",
        "run:leased",
        "step:start",
        "step:complete",
        "step:start",
        "step:complete",
        "run:complete",
    ]


async def test_event_sequence_counts_up_by_one(make_engine: MakeEngine) -> None:
    engine = make_engine(counting)
    heard = Heard(engine)
    await run_to_end(engine, counting)
    assert [event.sequence for event in heard.events] == list(range(1, len(heard.events) + 1))


async def test_trigger_event_carries_exactly_these_fields(make_engine: MakeEngine) -> None:
    engine = make_engine(counting)
    heard = Heard(engine)
    run = await engine.jobs.work.trigger({"count": 1}, labels={"a": "b"})
    assert to_wire(heard.events[0]) == {
        "type": "run:trigger",
        "sequence": 1,
        "timestamp": "2023-11-14T22:13:20.000Z",
        "runId": run.id,
        "jobName": "work",
        "labels": {"a": "b"},
        "input": {"count": 1},
    }


async def test_leased_event_carries_exactly_these_fields(make_engine: MakeEngine) -> None:
    engine = make_engine(counting, lease_ms=30_000)
    heard = Heard(engine)
    run = await engine.jobs.work.trigger({"count": 1})
    await within(engine.process_one(worker_id="worker-7"))
    assert to_wire(heard.of("run:leased")[0]) == {
        "type": "run:leased",
        "sequence": 2,
        "timestamp": "2023-11-14T22:13:20.000Z",
        "runId": run.id,
        "jobName": "work",
        "labels": {},
        "input": {"count": 1},
        "leaseOwner": "worker-7",
        "leaseExpiresAt": "2023-11-14T22:13:50.000Z",
        "attempt": 1,
    }


async def test_step_events_carry_name_index_and_duration(make_engine: MakeEngine, clock: FakeClock) -> None:
    async def body(step: StepContext, _input: Numbers) -> None:
        await step.run("slow", clock.advance, 250)

    engine = make_engine(job := make_job(body))
    heard = Heard(engine)
    await run_to_end(engine, job)
    start, complete = heard.of("step:start")[0], heard.of("step:complete")[0]
    assert (start.step_name, start.step_index) == ("slow", 0)
    assert (complete.step_name, complete.step_index, complete.output, complete.duration) == (
        "slow",
        0,
        None,
        250,
    )


async def test_complete_event_carries_output_and_duration(make_engine: MakeEngine, clock: FakeClock) -> None:
    async def body(_step: StepContext, _input: Numbers) -> Total:
        clock.advance(1500)
        return Total(total=5)

    engine = make_engine(job := make_job(body, output=Total))
    heard = Heard(engine)
    await run_to_end(engine, job)
    event = heard.of("run:complete")[0]
    assert (event.output, event.duration) == ({"total": 5}, 1500)


async def test_completed_run_keeps_output_times_and_counts(make_engine: MakeEngine, clock: FakeClock) -> None:
    engine = make_engine(counting)
    triggered = await engine.jobs.work.trigger({"count": 2})
    clock.advance(10)
    await within(engine.process_one())
    run = await ended(engine, triggered.id)
    assert (run.status, run.output, run.error, run.attempt) == ("completed", {"total": 2}, None, 1)
    assert (run.current_step_index, run.completed_step_count) == (2, 2)
    assert (run.created_at, run.started_at) == (from_ms(START_MS), from_ms(START_MS + 10))
    assert run.completed_at == from_ms(START_MS + 10)
    assert (run.lease_owner, run.lease_expires_at) == (None, None)


async def test_executing_run_shows_its_holder(make_engine: MakeEngine) -> None:
    gate = Gate()

    async def body(step: StepContext, _input: Numbers) -> None:
        await step.run("wait", gate)

    engine = make_engine(make_job(body), lease_ms=30_000)
    triggered = await engine.jobs.work.trigger({})
    executing = asyncio.create_task(engine.process_one(worker_id="worker-7"))
    await gate.until_reached()
    run = await ended(engine, triggered.id)
    gate.open()
    await within(executing)
    assert (run.status, run.lease_owner, run.lease_generation) == ("leased", "worker-7", 1)
    assert run.lease_expires_at == from_ms(START_MS + 30_000)


async def test_steps_are_listed_with_their_results(make_engine: MakeEngine) -> None:
    run = await run_to_end(engine := make_engine(counting), counting, {"count": 2})
    steps = await engine.get_steps(run.id)
    assert [(step.name, step.index, step.status, step.output) for step in steps] == [
        ("add-0", 0, "completed", "1"),
        ("add-1", 1, "completed", "2"),
    ]


async def test_oldest_run_is_executed_first(make_engine: MakeEngine) -> None:
    order: list[int] = []

    async def body(_step: StepContext, input: Numbers) -> None:
        order.append(input.count)

    engine = make_engine(make_job(body))
    for number in range(4):
        await engine.jobs.work.trigger({"count": number})
    assert await within(engine.process_until_idle()) == 4
    assert order == [0, 1, 2, 3]


async def test_process_until_idle_stops_at_max_runs(make_engine: MakeEngine) -> None:
    engine = make_engine(make_job(nothing))
    for _ in range(3):
        await engine.jobs.work.trigger({})
    assert await within(engine.process_until_idle(max_runs=2)) == 2
    assert len(await engine.get_runs(status="pending")) == 1


async def test_process_one_says_when_nothing_waits(make_engine: MakeEngine) -> None:
    assert await make_engine(make_job(nothing)).process_one() is False


async def test_unknown_job_stays_pending(make_engine: MakeEngine, store: Store) -> None:
    engine = make_engine(make_job(nothing))
    await enqueue(store, new_run("01", job_name="not-here"))
    assert await engine.process_until_idle() == 0
    assert (await ended(engine, "01")).status == "pending"


async def test_unknown_job_does_not_hold_up_others(make_engine: MakeEngine, store: Store) -> None:
    await enqueue(store, new_run("01", job_name="not-here"))
    run = await run_to_end(make_engine(job := make_job(nothing)), job)
    assert run.status == "completed"


async def test_expired_unknown_job_is_not_claimed(store: Store, clock: FakeClock) -> None:
    await enqueue(store, new_run("01", job_name="not-here"))
    await claim(store, request_for("not-here"))
    clock.advance(1000)
    assert await claim(store, request_for("work")) is None


async def test_each_claim_counts_attempt_and_generation(store: Store, clock: FakeClock) -> None:
    await enqueue(store, new_run("01"))
    await claim(store, request_for(worker_id="worker-1"))
    clock.advance(1000)
    second = await claim(store, request_for(worker_id="worker-2"))
    assert second is not None
    assert (second.run.attempt, second.run.lease_generation, second.run.lease_owner) == (2, 2, "worker-2")
    assert second.run.started_at == from_ms(START_MS)


async def test_live_lease_is_not_claimed(store: Store, clock: FakeClock) -> None:
    await enqueue(store, new_run("01"))
    await claim(store, request_for(worker_id="worker-1"))
    clock.advance(999)
    assert await claim(store, request_for(worker_id="worker-2")) is None


async def test_expired_run_is_older_than_the_waiting_one(store: Store, clock: FakeClock) -> None:
    await enqueue(store, new_run("01"))
    await claim(store, request_for())
    await enqueue(store, new_run("02"))
    clock.advance(1000)
    claimed = await claim(store, request_for(worker_id="worker-2"))
    assert claimed is not None
    assert claimed.run.id == "01"


async def test_get_job_finds_by_job_name(make_engine: MakeEngine) -> None:
    engine = make_engine(make_job(nothing, name="by-name"))
    handle = engine.get_job("by-name")
    assert handle is not None
    assert (handle.name, engine.get_job("other")) == ("by-name", None)


async def test_handle_shows_only_its_own_runs(make_engine: MakeEngine) -> None:
    engine = make_engine(make_job(nothing, name="one"), make_job(nothing, name="two"))
    run = await engine.jobs.one.trigger({})
    assert await engine.jobs.two.get_run(run.id) is None
    assert [found.id for found in await engine.jobs.one.get_runs()] == [run.id]


async def test_a_job_can_trigger_another(make_engine: MakeEngine) -> None:
    engines: list[Durably] = []

    async def parent(step: StepContext, _input: Numbers) -> None:
        async def start_child() -> str:
            return (await engines[0].jobs.child.trigger({})).id

        await step.run("start-child", start_child)

    job = make_job(parent, name="parent")
    engines.append(engine := make_engine(job, make_job(nothing, name="child")))
    await run_to_end(engine, job)
    assert [run.status for run in await engine.get_runs(job_name="child")] == ["completed"]


async def test_trigger_event_precedes_leased_event(make_engine: MakeEngine) -> None:
    engine = make_engine(make_job(nothing), max_concurrent_runs=3)
    heard = Heard(engine)
    engine.start()
    await asyncio.gather(*(engine.jobs.work.trigger({}) for _ in range(20)))
    await heard.until("run:complete", 20)
    told: dict[str, list[str]] = {}
    for event in heard.events:
        told.setdefault(event.run_id, []).append(event.type)
    assert set(map(tuple, told.values())) == {("run:trigger", "run:leased", "run:complete")}


async def test_renewed_lease_is_told_and_stored(
    make_engine: MakeEngine, clock: FakeClock, probe: StoreProbe
) -> None:
    gate = Gate()

    async def body(step: StepContext, _input: Numbers) -> None:
        await step.run("wait", gate)

    engine = make_engine(make_job(body), lease_ms=30_000, lease_renew_interval_ms=1, store=probe.as_store)
    heard = Heard(engine)
    triggered = await engine.jobs.work.trigger({})
    executing = asyncio.create_task(engine.process_one())
    await gate.until_reached()
    clock.advance(5000)
    count = len(heard.of("run:lease-renewed"))
    # The one under way may have read the clock before it moved.
    event = await heard.until("run:lease-renewed", count + 2)
    run = await ended(engine, triggered.id)
    gate.open()
    await within(executing)
    assert event.lease_expires_at == run.lease_expires_at == from_ms(START_MS + 35_000)


async def test_ended_run_is_not_renewed(make_engine: MakeEngine) -> None:
    gate = Gate()

    async def body(_step: StepContext, input: Numbers) -> None:
        if input.count:
            await gate()

    engine = make_engine(make_job(body), lease_renew_interval_ms=1)
    heard = Heard(engine)
    engine.start()
    await engine.jobs.work.trigger({"count": 0})
    second = await engine.jobs.work.trigger({"count": 1})
    await heard.until("run:complete")
    count = len(heard.events)
    await heard.until("run:lease-renewed", len(heard.of("run:lease-renewed")) + 3)
    gate.open()
    assert {event.run_id for event in heard.events[count:]} == {second.id}
