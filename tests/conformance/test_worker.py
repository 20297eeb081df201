"""The worker's loop: slots, wake-ups, start and stop, and a store that fails."""

import asyncio

import pytest

from durably_core import StepContext
from durably_core.errors import ConflictError, StorageError
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
    within,
)


async def test_trigger_wakes_an_idle_worker(make_engine: MakeEngine, probe: StoreProbe) -> None:
    engine = make_engine(make_job(nothing), store=probe.as_store)
    heard = Heard(engine)
    engine.start()
    await turns()
    assert probe.calls == ["claim"]
    await engine.jobs.work.trigger({})
    await heard.until("run:complete")


async def test_retrigger_wakes_an_idle_worker(make_engine: MakeEngine) -> None:
    engine = make_engine(make_job(nothing))
    heard = Heard(engine)
    engine.start()
    run = await engine.jobs.work.trigger({})
    await heard.until("run:complete")
    await engine.retrigger(run.id)
    await heard.until("run:complete", 2)


async def test_polling_finds_runs_of_other_engines(make_engine: MakeEngine) -> None:
    engine = make_engine(make_job(nothing), polling_interval_ms=1)
    heard = Heard(engine)
    engine.start()
    await make_engine(make_job(nothing)).jobs.work.trigger({})
    await heard.until("run:complete")


async def test_slots_execute_side_by_side(make_engine: MakeEngine) -> None:
    gates = [Gate() for _ in range(3)]

    async def body(_step: StepContext, input: Numbers) -> None:
        await gates[input.count]()

    engine = make_engine(make_job(body), max_concurrent_runs=3)
    heard = Heard(engine)
    engine.start()
    for count in range(3):
        await engine.jobs.work.trigger({"count": count})
    for gate in gates:
        await gate.until_reached()
    for gate in gates:
        gate.open()
    await heard.until("run:complete", 3)


async def test_no_more_runs_than_slots(make_engine: MakeEngine) -> None:
    gates = [Gate() for _ in range(3)]

    async def body(_step: StepContext, input: Numbers) -> None:
        await gates[input.count]()

    engine = make_engine(make_job(body), max_concurrent_runs=2)
    heard = Heard(engine)
    engine.start()
    for count in range(3):
        await engine.jobs.work.trigger({"count": count})
    await gates[0].until_reached()
    await gates[1].until_reached()
    await turns()
    assert (len(heard.of("run:leased")), len(await engine.get_runs(status="pending"))) == (2, 1)
    for gate in gates:
        gate.open()
    await heard.until("run:complete", 3)


async def test_backlog_is_shared_by_all_slots(make_engine: MakeEngine) -> None:
    engine = make_engine(make_job(nothing), max_concurrent_runs=4)
    heard = Heard(engine)
    for _ in range(40):
        await engine.jobs.work.trigger({})
    engine.start()
    await heard.until("run:complete", 40)
    assert heard.of("worker:error") == []


async def test_one_run_is_executed_out_of_turn(make_engine: MakeEngine) -> None:
    engine = make_engine(make_job(nothing))
    first, wanted = [(await engine.jobs.work.trigger({})).id for _ in range(2)]
    assert await within(engine.process_one(run_id=wanted))
    assert (await ended(engine, wanted)).status == "completed"
    assert (await ended(engine, first)).status == "pending"
    assert not await within(engine.process_one(run_id=wanted))


async def test_what_executes_here_is_known(make_engine: MakeEngine) -> None:
    gate = Gate()

    async def waiting(_step: StepContext, _input: Numbers) -> None:
        await gate()

    engine = make_engine(make_job(waiting))
    run = await engine.jobs.work.trigger({})
    executing = asyncio.create_task(engine.process_one())
    await gate.until_reached()
    assert engine.executing == [run.id]
    gate.open()
    await within(executing)
    assert engine.executing == []


async def test_starting_twice_is_starting_once(make_engine: MakeEngine, probe: StoreProbe) -> None:
    engine = make_engine(make_job(nothing), store=probe.as_store)
    engine.start()
    engine.start()
    await turns()
    assert probe.calls == ["claim"]


async def test_stopping_before_start_does_nothing(make_engine: MakeEngine) -> None:
    engine = make_engine(make_job(nothing))
    await within(engine.stop())
    await within(engine.stop())


async def test_stopping_twice_is_stopping_once(make_engine: MakeEngine) -> None:
    engine = make_engine(make_job(nothing))
    engine.start()
    await within(asyncio.gather(engine.stop(), engine.stop()))
    await within(engine.stop())


async def test_stopped_engine_claims_no_more(make_engine: MakeEngine, probe: StoreProbe) -> None:
    engine = make_engine(make_job(nothing), store=probe.as_store)
    engine.start()
    await within(engine.stop())
    run = await engine.jobs.work.trigger({})
    await turns()
    assert (await ended(engine, run.id)).status == "pending"


async def test_stopped_engine_can_be_started_again(make_engine: MakeEngine) -> None:
    engine = make_engine(make_job(nothing))
    heard = Heard(engine)
    engine.start()
    await within(engine.stop())
    engine.start()
    await engine.jobs.work.trigger({})
    await heard.until("run:complete")


async def test_stop_waits_for_the_run_and_no_other(make_engine: MakeEngine) -> None:
    gate = Gate()

    async def body(step: StepContext, _input: Numbers) -> None:
        await step.run("wait", gate)

    engine = make_engine(make_job(body))
    engine.start()
    runs = [await engine.jobs.work.trigger({}) for _ in range(3)]
    await gate.until_reached()
    stopping = asyncio.create_task(engine.stop())
    await turns()
    assert not stopping.done()
    gate.open()
    await within(stopping)
    assert [(await ended(engine, run.id)).status for run in runs] == ["completed", "pending", "pending"]


async def test_init_migrates_and_starts(make_engine: MakeEngine) -> None:
    engine = make_engine(make_job(nothing))
    heard = Heard(engine)
    await within(engine.init())
    await within(engine.init())
    await engine.jobs.work.trigger({})
    await heard.until("run:complete")


async def saving(step: StepContext, _input: Numbers) -> Total:
    first = await step.run("first", lambda: 1)
    return Total(total=first + await step.run("second", lambda: 2))


async def test_failing_store_does_not_fail_the_run(
    make_engine: MakeEngine, probe: StoreProbe, clock: FakeClock
) -> None:
    engine = make_engine(make_job(saving, output=Total), store=probe.as_store)
    heard = Heard(engine)
    probe.fail("save_step")
    run = await engine.jobs.work.trigger({})
    await within(engine.process_one())
    assert ((await ended(engine, run.id)).status, heard.types[-1]) == ("leased", "worker:error")
    assert heard.of("step:complete") == []
    probe.heal()
    clock.advance(30_000)
    await within(engine.process_one())
    assert (await ended(engine, run.id)).output == {"total": 3}


async def test_failing_store_names_what_it_refused(make_engine: MakeEngine, probe: StoreProbe) -> None:
    engine = make_engine(make_job(saving, output=Total), store=probe.as_store)
    heard = Heard(engine)
    probe.fail("save_step")
    run = await engine.jobs.work.trigger({})
    await within(engine.process_one())
    [error] = heard.of("worker:error")
    assert (error.error, error.context, error.run_id) == ("The disk is gone.", "step-checkpoint", run.id)


@pytest.mark.parametrize("broken", ["save_step", "end_run", "claim", "renew_lease"])
async def test_worker_goes_on_when_store_is_back(
    make_engine: MakeEngine, probe: StoreProbe, clock: FakeClock, broken: str
) -> None:
    async def body(step: StepContext, input: Numbers) -> Total:
        if broken == "renew_lease" and broken in probe.before:
            await heard.until("worker:error")
        return await saving(step, input)

    renew_ms = 1 if broken == "renew_lease" else 5000
    engine = make_engine(
        make_job(body, output=Total),
        store=probe.as_store,
        polling_interval_ms=1,
        lease_renew_interval_ms=renew_ms,
    )
    heard = Heard(engine)
    probe.fail(broken)
    engine.start()
    run = await engine.jobs.work.trigger({})
    await heard.until("worker:error")
    probe.heal()
    clock.advance(60_000)
    await heard.until("run:complete")
    assert (await ended(engine, run.id)).output == {"total": 3}
    assert heard.of("run:fail") == []


async def test_failing_claim_is_not_repeated_at_once(make_engine: MakeEngine, probe: StoreProbe) -> None:
    engine = make_engine(make_job(nothing), store=probe.as_store)
    heard = Heard(engine)
    probe.fail("claim")
    engine.start()
    await heard.until("worker:error")
    for _ in range(20):
        await engine.jobs.work.trigger({})
    await turns()
    assert (probe.calls.count("claim"), len(heard.of("worker:error"))) == (1, 1)


async def test_engine_stops_while_the_store_fails(make_engine: MakeEngine, probe: StoreProbe) -> None:
    engine = make_engine(make_job(nothing), store=probe.as_store)
    heard = Heard(engine)
    probe.fail("claim")
    engine.start()
    await heard.until("worker:error")
    await within(engine.stop())


async def test_unforeseen_error_does_not_end_the_slot(make_engine: MakeEngine, probe: StoreProbe) -> None:
    async def break_down() -> None:
        raise RuntimeError("a fault of ours")

    engine = make_engine(make_job(nothing), store=probe.as_store, polling_interval_ms=1)
    heard = Heard(engine)
    probe.before["claim"] = break_down
    engine.start()
    await engine.jobs.work.trigger({})
    assert "a fault of ours" in (await heard.until("worker:error")).error
    probe.heal()
    await heard.until("run:complete")


async def test_renewal_at_the_end_disturbs_nobody(make_engine: MakeEngine, probe: StoreProbe) -> None:
    last_write, renewal = Gate(), Gate()

    async def hold_renewal() -> None:
        if last_write.reached.is_set():
            await renewal()

    probe.after["end_run"] = last_write
    probe.before["renew_lease"] = hold_renewal
    engine = make_engine(make_job(nothing), store=probe.as_store, lease_renew_interval_ms=1)
    heard = Heard(engine)
    engine.start()
    await engine.jobs.work.trigger({})
    await last_write.until_reached()
    await renewal.until_reached()
    second = await engine.jobs.work.trigger({})
    renewal.open()
    await turns()
    last_write.open()
    await heard.until("run:complete", 2)
    assert ((await ended(engine, second.id)).status, heard.of("worker:error")) == ("completed", [])


async def test_trigger_fails_clearly_without_storage(make_engine: MakeEngine, probe: StoreProbe) -> None:
    engine = make_engine(make_job(nothing), store=probe.as_store)
    heard = Heard(engine)
    probe.fail("enqueue")
    with pytest.raises(StorageError, match="The disk is gone"):
        await engine.jobs.work.trigger({})
    assert heard.types == []


async def test_start_during_stop_does_not_double_the_slots(make_engine: MakeEngine) -> None:
    gates = [Gate() for _ in range(2)]

    async def body(_step: StepContext, input: Numbers) -> None:
        await gates[input.count]()

    engine = make_engine(make_job(body))
    heard = Heard(engine)
    engine.start()
    await engine.jobs.work.trigger({"count": 0})
    await gates[0].until_reached()
    stopping = asyncio.create_task(engine.stop())
    await turns()
    engine.start()
    await engine.jobs.work.trigger({"count": 1})
    await turns()
    assert not gates[1].reached.is_set()
    gates[0].open()
    await within(stopping)
    await gates[1].until_reached()
    gates[1].open()
    await heard.until("run:complete", 2)


async def test_failing_last_write_names_run_and_moment(make_engine: MakeEngine, probe: StoreProbe) -> None:
    engine = make_engine(make_job(nothing), store=probe.as_store)
    heard = Heard(engine)
    probe.fail("end_run")
    run = await engine.jobs.work.trigger({})
    engine.start()
    error = await heard.until("worker:error")
    assert (error.context, error.run_id) == ("run-completion", run.id)


async def test_key_that_is_freed_beside_the_slots_wakes_a_worker(
    make_engine: MakeEngine, probe: StoreProbe
) -> None:
    gates = [Gate(), Gate()]

    async def body(_step: StepContext, input: Numbers) -> None:
        await gates[input.count]()

    engine = make_engine(
        make_job(body, name="held"), make_job(nothing), store=probe.as_store, max_concurrent_runs=1
    )
    heard = Heard(engine)
    engine.start()
    await engine.jobs.held.trigger({"count": 0})
    await gates[0].until_reached()  # the only slot
    with_key = await engine.jobs.held.trigger({"count": 1}, concurrency_key="k")
    beside = asyncio.create_task(engine.process_one(run_id=with_key.id))
    await gates[1].until_reached()
    run = await engine.jobs.work.trigger({}, concurrency_key="k")
    gates[0].open()
    await heard.until("run:complete")
    await turns()
    await probe.until_answered("claim")  # in vain
    await turns()
    gates[1].open()
    assert await within(beside)
    assert (await within(engine.wait_for_run(run.id))).status == "completed"


async def test_run_that_is_given_back_beside_the_slots_wakes_a_worker(
    make_engine: MakeEngine, probe: StoreProbe
) -> None:
    begun: asyncio.Queue[int] = asyncio.Queue()
    gates = [Gate(), Gate()]

    async def body(_step: StepContext, input: Numbers) -> None:
        begun.put_nowait(input.count)
        await gates[input.count]()

    engine = make_engine(make_job(body), store=probe.as_store, max_concurrent_runs=1)
    heard = Heard(engine)
    engine.start()
    await engine.jobs.work.trigger({"count": 0})
    assert await within(begun.get()) == 0  # in the only slot
    run = await engine.jobs.work.trigger({"count": 1})
    beside = asyncio.create_task(engine.process_one(run_id=run.id))
    assert await within(begun.get()) == 1
    gates[0].open()
    await heard.until("run:complete")
    await turns()
    await probe.until_answered("claim")  # in vain
    await turns()
    beside.cancel()
    assert await within(begun.get()) == 1
    gates[1].open()
    assert (await within(engine.wait_for_run(run.id))).status == "completed"


async def test_refused_trigger_wakes_a_worker(make_engine: MakeEngine, probe: StoreProbe) -> None:
    """On a server, the run that waits is locked meanwhile: whoever looked has passed it over."""
    gate = Gate()

    async def body(_step: StepContext, _input: Numbers) -> None:
        await gate()

    engine = make_engine(make_job(body), store=probe.as_store, max_concurrent_runs=2)
    engine.start()
    for _ in range(2):
        await engine.jobs.work.trigger({}, concurrency_key="k")
        await gate.until_reached()
        await turns()
        await probe.until_answered("claim")
        await turns()
    count = probe.calls.count("claim")
    with pytest.raises(ConflictError):
        await engine.jobs.work.trigger({}, concurrency_key="k")
    await probe.until_answered("claim", count + 1)
    gate.open()


async def test_cancel_that_comes_before_the_answer_to_a_claim_is_heard(
    make_engine: MakeEngine, probe: StoreProbe
) -> None:
    has_begun = False

    async def body(_step: StepContext, _input: Numbers) -> None:
        nonlocal has_begun
        has_begun = True
        await asyncio.Event().wait()

    hour_ms = 3_600_000
    engine = make_engine(
        make_job(body), store=probe.as_store, lease_ms=hour_ms, lease_renew_interval_ms=hour_ms // 3
    )
    heard = Heard(engine)
    answer = Gate()
    probe.after["claim"] = answer
    run = await engine.jobs.work.trigger({})
    engine.start()
    await answer.until_reached()
    probe.after.clear()
    await engine.cancel(run.id)
    answer.open()
    await heard.until("run:stop")
    assert ((await ended(engine, run.id)).status, has_begun) == ("cancelled", False)
