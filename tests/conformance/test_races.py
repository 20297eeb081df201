"""Races between waiting, stopping, sleeping and failing."""

import asyncio
import contextlib
import sqlite3
from typing import Any

import pytest

from durably_core import ConflictError, SQLiteStore, StepContext, Store, worker
from durably_core.errors import StorageError
from tests.conftest import (
    FakeClock,
    Gate,
    Heard,
    MakeEngine,
    Numbers,
    StoreProbe,
    ended,
    make_job,
    nothing,
    run_to_end,
    turns,
    within,
)


async def test_stop_lets_an_awaited_child_run(make_engine: MakeEngine) -> None:
    gate = Gate()

    async def parent(_step: StepContext, _input: Numbers) -> None:
        await gate()
        await engine.jobs.child.trigger_and_wait({})

    engine = make_engine(make_job(parent), make_job(nothing, name="child"))
    engine.start()
    run = await engine.jobs.work.trigger({})
    await gate.until_reached()
    stopping = asyncio.create_task(engine.stop())
    await turns()
    gate.open()
    try:
        await within(stopping)
    finally:
        for each in await engine.get_runs(status=["pending", "leased"]):
            with contextlib.suppress(ConflictError):
                await engine.cancel(each.id)
    assert (await ended(engine, run.id)).status == "completed"


async def test_start_during_stop_keeps_maintenance(make_engine: MakeEngine, probe: StoreProbe) -> None:
    gate, maintained = Gate(), asyncio.Event()

    async def body(_step: StepContext, _input: Numbers) -> None:
        await gate()

    async def told() -> None:
        maintained.set()

    engine = make_engine(make_job(body), store=probe.as_store, maintenance_interval_ms=1)
    engine.start()
    await engine.jobs.work.trigger({})
    await gate.until_reached()
    stopping = asyncio.create_task(engine.stop())
    await turns()
    engine.start()
    await within(stopping)
    gate.open()
    probe.after["checkpoint"] = told
    await within(maintained.wait())


async def test_cancel_while_worker_stops_frees_the_key(make_engine: MakeEngine) -> None:
    gate, tidying = Gate(), Gate()

    async def body(_step: StepContext, _input: Numbers) -> None:
        try:
            await gate()
        finally:
            await tidying()

    engine = make_engine(make_job(body))
    heard = Heard(engine)
    engine.start()
    run = await engine.jobs.work.trigger({})
    await gate.until_reached()
    stopping = asyncio.create_task(engine.stop(timeout_ms=0))
    await tidying.until_reached()
    await engine.cancel(run.id)
    tidying.open()
    await within(stopping)
    assert ((await ended(engine, run.id)).lease_owner, heard.types[-1]) == (None, "run:stop")


async def test_stop_of_run_cancelled_elsewhere_frees_key(make_engine: MakeEngine) -> None:
    gate = Gate()

    async def body(_step: StepContext, _input: Numbers) -> None:
        await gate()

    engine, other = make_engine(make_job(body)), make_engine(make_job(body))
    engine.start()
    run = await engine.jobs.work.trigger({})
    await gate.until_reached()
    await other.cancel(run.id)
    await within(engine.stop(timeout_ms=0))
    assert (await ended(engine, run.id)).lease_owner is None


async def test_left_behind_code_loses_its_lease(
    make_engine: MakeEngine, probe: StoreProbe, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "STOP_GRACE_MS", 1)
    gate, release = Gate(), asyncio.Event()

    async def deaf(_step: StepContext, _input: Numbers) -> None:
        while not release.is_set():
            with contextlib.suppress(asyncio.CancelledError):
                gate.reached.set()
                await release.wait()

    engine = make_engine(make_job(deaf), store=probe.as_store, lease_ms=1000, lease_renew_interval_ms=1)
    other = make_engine(make_job(nothing))
    engine.start()
    await engine.jobs.work.trigger({})
    await gate.until_reached()
    await within(engine.stop(timeout_ms=0))
    await probe.until_answered("renew_lease")  # one that was under way
    heard = Heard(engine)
    try:
        clock.advance(900)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0.2):
                await heard.until("run:lease-renewed", 3)
        clock.advance(100)
        assert await other.process_one()
    finally:
        release.set()
        await turns()


async def test_poller_survives_a_failing_store(make_engine: MakeEngine, probe: StoreProbe) -> None:
    engine = make_engine(make_job(nothing), store=probe.as_store, polling_interval_ms=1)
    other = make_engine(make_job(nothing))
    run = await other.jobs.work.trigger({})
    failed = asyncio.Event()

    async def fail_once() -> None:
        probe.before.clear()
        failed.set()
        raise StorageError("The disk is gone.")

    probe.before["find_changed"] = fail_once
    waiting = asyncio.create_task(engine.wait_for_run(run.id))
    await within(failed.wait())
    await turns()
    await other.process_one()
    assert (await within(waiting)).status == "completed"


async def test_later_waiter_brings_its_own_interval(make_engine: MakeEngine) -> None:
    engine, other = make_engine(make_job(nothing)), make_engine(make_job(nothing))
    run = await other.jobs.work.trigger({})
    patient = asyncio.create_task(engine.wait_for_run(run.id))
    await turns()
    hasty = asyncio.create_task(engine.wait_for_run(run.id, polling_interval_ms=1))
    await turns()
    await other.process_one()
    try:
        assert (await within(hasty)).status == "completed"
    finally:
        patient.cancel()


async def test_idle_subscriber_survives_a_busy_log(make_engine: MakeEngine, probe: StoreProbe) -> None:
    engine = make_engine(
        make_job(nothing),
        make_job(nothing, name="other"),
        retain_events=5,
        store=probe.as_store,
        polling_interval_ms=1,
    )
    run = await engine.jobs.work.trigger({})
    seen: list[str] = []
    polled = asyncio.Event()

    async def told() -> None:
        polled.set()

    async def poll_twice() -> None:
        for _ in range(2):
            polled.clear()
            await within(polled.wait())
        await turns()

    probe.after["find_changed"] = told

    async def follow() -> None:
        seen.extend([event.type async for event in engine.subscribe(run.id)])

    following = asyncio.create_task(follow())
    await turns()
    busy = make_engine(make_job(nothing, name="other"))
    for _ in range(4):
        await engine.jobs.other.trigger({})
        await poll_twice()
    while await busy.process_one():
        await poll_twice()
    await engine.maintain()
    await poll_twice()
    await engine.process_until_idle()
    await within(following)
    assert seen == ["run:leased", "run:complete"]


async def test_parallel_waits_lend_one_slot(make_engine: MakeEngine) -> None:
    inside, most = [], []

    async def child(step: StepContext, _input: Numbers) -> None:
        inside.append(1)
        most.append(len(inside))
        for n in range(5):
            await step.run(f"pause{n}", asyncio.sleep, 0)
        inside.pop()

    async def parent(_step: StepContext, _input: Numbers) -> None:
        await asyncio.gather(*(engine.jobs.child.trigger_and_wait({}) for _ in range(3)))

    engine = make_engine(make_job(parent), make_job(child, name="child"))
    heard = Heard(engine)
    engine.start()
    await engine.jobs.work.trigger({})
    await heard.until("run:complete", 4)
    assert max(most) == 1


async def test_waiting_parents_do_not_all_begin(make_engine: MakeEngine) -> None:
    leased: list[int] = []

    async def parent(_step: StepContext, _input: Numbers) -> None:
        await engine.jobs.child.trigger_and_wait({})

    async def child(_step: StepContext, _input: Numbers) -> None:
        leased.append(len(await engine.get_runs(status="leased")))

    engine = make_engine(make_job(parent), make_job(child, name="child"))
    heard = Heard(engine)
    for _ in range(20):
        await engine.jobs.work.trigger({})
    engine.start()
    await heard.until("run:complete", 40)
    assert max(leased) == 2


@pytest.mark.parametrize("mode", ["start", "process_one"])
async def test_child_logs_under_its_own_steps(make_engine: MakeEngine, mode: str) -> None:
    async def parent(step: StepContext, _input: Numbers) -> None:
        await step.run("call the child", engine.jobs.child.trigger_and_wait, {})

    async def child(step: StepContext, _input: Numbers) -> None:
        step.log.info("outside of any step")

    engine = make_engine(make_job(parent), make_job(child, name="child"))
    heard = Heard(engine)
    await engine.jobs.work.trigger({})
    if mode == "start":
        engine.start()
        await heard.until("run:complete", 2)
    else:
        await within(engine.process_one())
    assert heard.of("log:write")[0].step_name is None


async def test_key_through_a_child_is_refused(make_engine: MakeEngine) -> None:
    async def parent(_step: StepContext, _input: Numbers) -> None:
        await engine.jobs.middle.trigger_and_wait({})

    async def middle(_step: StepContext, _input: Numbers) -> None:
        await engine.jobs.leaf.trigger_and_wait({}, concurrency_key="k")

    engine = make_engine(make_job(parent), make_job(middle, name="middle"), make_job(nothing, name="leaf"))
    run = await engine.jobs.work.trigger({}, concurrency_key="k")
    engine.start()
    heard = Heard(engine)
    try:
        assert (await heard.until("run:fail", 2)).run_id == run.id
    finally:
        for each in await engine.get_runs(status=["pending", "leased"]):
            with contextlib.suppress(ConflictError):
                await engine.cancel(each.id)


async def test_two_claims_give_back_each_run_once(make_engine: MakeEngine, probe: StoreProbe) -> None:
    engine = make_engine(make_job(nothing), store=probe.as_store, max_concurrent_runs=2)
    probe.fail("end_run")
    await engine.jobs.work.trigger({})
    with pytest.raises(StorageError):
        await engine.process_one()
    probe.heal()
    outcomes = await within(asyncio.gather(engine.process_one(), engine.process_one(), return_exceptions=True))
    assert sorted(map(str, outcomes)) == ["False", "True"]


async def test_run_left_during_give_back_is_given_back(make_engine: MakeEngine, probe: StoreProbe) -> None:
    gates = [Gate(), Gate()]

    async def body(_step: StepContext, input: Numbers) -> None:
        await gates[input.count]()

    engine = make_engine(make_job(body), store=probe.as_store)
    probe.fail("end_run")
    runs = [await engine.jobs.work.trigger({"count": n}) for n in (0, 1)]
    executing = [asyncio.create_task(engine.process_one()) for _ in (0, 1)]
    for gate in gates:
        await gate.until_reached()
    gates[0].open()
    await asyncio.wait([executing[0]])
    giving_back = Gate()
    probe.before["end_run"] = giving_back
    claiming = asyncio.create_task(engine.process_one())
    await giving_back.until_reached()
    probe.fail("end_run")
    gates[1].open()
    await asyncio.wait([executing[1]])
    probe.heal()
    giving_back.open()
    await within(claiming)
    await within(engine.process_until_idle())
    assert [(await ended(engine, run.id)).status for run in runs] == ["completed", "completed"]


async def test_sleepers_last_write_leaves_its_own_runs(make_engine: MakeEngine, clock: FakeClock) -> None:
    gates = [Gate(), Gate()]

    async def body(_step: StepContext, input: Numbers) -> None:
        await gates[input.count]()

    engine = make_engine(make_job(body), max_concurrent_runs=2)
    heard = Heard(engine)
    engine.start()
    for n in (0, 1):
        await engine.jobs.work.trigger({"count": n})
    for gate in gates:
        await gate.until_reached()
    clock.advance(30_000)
    gates[0].open()
    await heard.until("run:complete")
    await turns()
    gates[1].open()
    await heard.until("run:complete", 2)
    assert heard.of("run:requeue") == []


async def test_fault_of_ours_does_not_end_maintenance(make_engine: MakeEngine, probe: StoreProbe) -> None:
    done = asyncio.Event()

    async def told() -> None:
        done.set()

    async def break_down() -> None:
        probe.before.clear()
        probe.after["checkpoint"] = told
        raise RuntimeError("a fault of ours")

    probe.before["delete_expired_keys"] = break_down
    engine = make_engine(make_job(nothing), store=probe.as_store, maintenance_interval_ms=1)
    engine.start()
    await within(done.wait())


async def test_fault_of_ours_does_not_end_renewals(make_engine: MakeEngine, probe: StoreProbe) -> None:
    gate = Gate()

    async def body(_step: StepContext, _input: Numbers) -> None:
        await gate()

    async def break_down() -> None:
        probe.before.clear()
        raise RuntimeError("a fault of ours")

    engine = make_engine(make_job(body), store=probe.as_store, lease_renew_interval_ms=1)
    heard = Heard(engine)
    probe.before["renew_lease"] = break_down
    engine.start()
    await engine.jobs.work.trigger({})
    try:
        await heard.until("run:lease-renewed")
    finally:
        gate.open()


async def test_purge_is_told_when_maintenance_stops(
    make_engine: MakeEngine, store: Store, probe: StoreProbe, clock: FakeClock
) -> None:
    purging = Gate()
    probe.after["purge_runs"] = purging
    engine = make_engine(make_job(nothing), store=probe.as_store, maintenance_interval_ms=1, retain_runs="1m")
    heard = Heard(engine)
    await engine.jobs.work.trigger({})
    await engine.process_until_idle(max_runs=1)
    clock.advance(60_001)
    engine.start()
    await purging.until_reached()
    stopping = asyncio.create_task(engine.stop())
    await turns()
    purging.open()
    await within(stopping)
    assert len(heard.of("run:delete")) == len(await engine.get_events(types=["run:delete"]))


async def test_budget_ends_a_run_claimed_too_late(make_engine: MakeEngine, probe: StoreProbe) -> None:
    gate = Gate()

    async def body(_step: StepContext, _input: Numbers) -> None:
        await gate()

    async def until_over() -> None:
        loop = asyncio.get_running_loop()
        over = asyncio.Event()
        loop.call_later(0.05, over.set)
        await over.wait()

    probe.after["claim"] = until_over
    engine = make_engine(make_job(body), store=probe.as_store)
    await engine.jobs.work.trigger({})
    try:
        await within(engine.process_until_idle(budget_ms=1))
    finally:
        gate.open()


async def test_storage_fault_while_waiting_spares_the_parent(
    make_engine: MakeEngine, probe: StoreProbe
) -> None:
    async def parent(step: StepContext, _input: Numbers) -> None:
        key = f"{step.run_id}/child"
        await step.run("child", engine.jobs.child.trigger_and_wait, {}, idempotency_key=key)

    async def fail_once() -> None:
        probe.before.clear()
        raise StorageError("locked")

    engine = make_engine(make_job(parent), make_job(nothing, name="child"), store=probe.as_store)
    run = await engine.jobs.work.trigger({})
    probe.before["get_run"] = fail_once
    await within(engine.process_one())
    await within(engine.process_until_idle())
    assert (await ended(engine, run.id)).status == "completed"


async def test_waiter_reads_run_only_when_it_may_have_ended(make_engine: MakeEngine, probe: StoreProbe) -> None:
    async def body(step: StepContext, _input: Numbers) -> None:
        for n in range(100):
            await step.run(f"{n}", lambda: 1)
            await turns(3)

    engine = make_engine(make_job(body), store=probe.as_store)
    run = await engine.jobs.work.trigger({})
    waiting = asyncio.create_task(engine.wait_for_run(run.id))
    await turns()
    await within(engine.process_one())
    await within(waiting)
    assert probe.calls.count("get_run") <= 3


async def test_close_ends_those_who_wait(make_engine: MakeEngine) -> None:
    engine = make_engine(make_job(nothing), polling_interval_ms=1)
    run = await engine.jobs.work.trigger({})
    waiting = asyncio.create_task(engine.wait_for_run(run.id))
    await turns()
    await engine.close()
    try:
        with pytest.raises(StorageError):
            await within(waiting)
    finally:
        waiting.cancel()


async def test_cancelled_claim_gives_the_run_back(make_engine: MakeEngine, probe: StoreProbe) -> None:
    gate = Gate()
    probe.after["claim"] = gate
    engine = make_engine(make_job(nothing), store=probe.as_store)
    run = await engine.jobs.work.trigger({})
    processing = asyncio.create_task(engine.process_one())
    await gate.until_reached()
    processing.cancel()
    await turns()
    gate.open()
    await asyncio.wait([processing])
    await within(engine.process_until_idle())
    assert (await ended(engine, run.id)).status == "completed"


async def test_log_has_the_order_that_was_heard(make_engine: MakeEngine) -> None:
    gate = Gate()

    async def body(step: StepContext, _input: Numbers) -> None:
        step.progress(1)
        step.log.info("one")
        await step.run("wait", gate)

    engine = make_engine(make_job(body))
    heard = Heard(engine)
    engine.start()
    run = await engine.jobs.work.trigger({})
    await gate.until_reached()
    await engine.cancel(run.id)
    await heard.until("run:stop")
    assert [e.type for e in await engine.get_events()] == heard.types


async def test_log_order_of_progress_and_logs(make_engine: MakeEngine) -> None:
    async def body(step: StepContext, _input: Numbers) -> None:
        step.progress(1)
        step.log.info("one")

    engine = make_engine(job := make_job(body))
    heard = Heard(engine)
    await run_to_end(engine, job)
    assert [e.type for e in await engine.get_events()] == heard.types


async def test_keepers_notes_are_not_overtaken(make_engine: MakeEngine, probe: StoreProbe) -> None:
    gate, writing = Gate(), Gate()

    async def body(step: StepContext, _input: Numbers) -> None:
        step.log.info("noted")
        await gate()

    probe.before["save_notes"] = writing
    engine = make_engine(make_job(body), store=probe.as_store, lease_renew_interval_ms=1)
    heard = Heard(engine)
    engine.start()
    run = await engine.jobs.work.trigger({})
    await writing.until_reached()
    gate.open()
    await turns(200)
    writing.open()
    await heard.until("run:complete")
    assert [log.message for log in await engine.get_logs(run.id)] == ["noted"]


async def test_stop_gives_back_what_storage_left(make_engine: MakeEngine, probe: StoreProbe) -> None:
    engine = make_engine(make_job(nothing), store=probe.as_store)
    heard = Heard(engine)
    probe.fail("end_run")
    engine.start()
    run = await engine.jobs.work.trigger({})
    await heard.until("worker:error")
    probe.heal()
    await within(engine.stop())
    assert (await ended(engine, run.id)).status == "pending"


async def test_budgeted_run_counts(make_engine: MakeEngine) -> None:
    async def parent(_step: StepContext, _input: Numbers) -> None:
        await engine.jobs.child.trigger_and_wait({})

    engine = make_engine(make_job(parent), make_job(nothing, name="child"))
    await engine.jobs.work.trigger({})
    await engine.jobs.child.trigger({})
    await engine.jobs.child.trigger({})
    assert await within(engine.process_until_idle(max_runs=1)) == 1
    assert len(await engine.get_runs(status="completed")) == 2


async def test_progress_before_trigger_returns_is_heard(make_engine: MakeEngine, probe: StoreProbe) -> None:
    gate = Gate()
    seen: list[Any] = []

    async def body(step: StepContext, _input: Numbers) -> None:
        step.progress(1)

    probe.after["enqueue"] = gate
    engine = make_engine(make_job(body), store=probe.as_store)
    waiting = asyncio.create_task(engine.jobs.work.trigger_and_wait({}, on_progress=seen.append))
    await gate.until_reached()
    await engine.process_one()
    gate.open()
    await within(waiting)
    assert len(seen) == 1


class BrokenConnection:
    """Refuses to commit."""

    def __init__(self, connection: Any, error: Exception) -> None:
        self._connection = connection
        self._error = error

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def execute(self, sql: Any, *rest: Any) -> Any:
        if sql == "COMMIT":
            raise self._error
        return self._connection.execute(sql, *rest)


def refuse_commits(store: Any, patch: pytest.MonkeyPatch) -> None:
    if isinstance(store, SQLiteStore):
        error = sqlite3.OperationalError("disk I/O error")
        patch.setattr(store._database, "connection", BrokenConnection(store._database.connection, error))
        return
    import psycopg

    from durably_core.store.postgres.session import PostgresSession

    made = PostgresSession.__init__

    def make(session: PostgresSession, connection: Any, *rest: Any, **options: Any) -> None:
        broken: Any = BrokenConnection(connection, psycopg.errors.DiskFull("full"))
        made(session, broken, *rest, **options)

    patch.setattr(PostgresSession, "__init__", make)


async def test_commit_that_fails_numbers_nothing(
    make_engine: MakeEngine, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def body(step: StepContext, _input: Numbers) -> None:
        step.log.info("x")
        refuse_commits(store, monkeypatch)

    engine = make_engine(make_job(body))
    heard = Heard(engine)
    await engine.jobs.work.trigger({})
    with pytest.raises(StorageError):
        await engine.process_one()
    monkeypatch.undo()
    assert heard.of("log:write")[0].sequence == 0
    assert [event.sequence for event in await engine.get_events()] == [1, 2]


async def test_parents_of_one_call_all_end(make_engine: MakeEngine) -> None:
    async def parent(_step: StepContext, input: Numbers) -> None:
        for _ in range(input.count):
            await engine.jobs.child.trigger_and_wait({})

    engine = make_engine(make_job(parent), make_job(nothing, name="child"))
    runs = [await engine.jobs.work.trigger({"count": count}) for count in (1, 3)]
    try:
        await within(engine.process_until_idle())
    finally:
        for each in await engine.get_runs(status=["pending", "leased"]):
            with contextlib.suppress(ConflictError):
                await engine.cancel(each.id)
    assert [(await ended(engine, run.id)).status for run in runs] == ["completed", "completed"]


async def test_cancelled_caller_forgets_no_run_to_give_back(make_engine: MakeEngine, probe: StoreProbe) -> None:
    engine = make_engine(make_job(nothing), store=probe.as_store)
    await engine.jobs.work.trigger({})
    probe.fail("end_run")
    with pytest.raises(Exception, match="disk"):
        await within(engine.process_one())
    failing = Gate()

    async def fail_late() -> None:
        await failing()
        raise StorageError("The disk is gone.")

    probe.before["end_run"] = fail_late
    caller = asyncio.create_task(engine.process_one())
    await failing.until_reached()
    caller.cancel()
    failing.open()
    await asyncio.wait([caller])
    probe.heal()
    assert await within(engine.process_until_idle()) == 1
