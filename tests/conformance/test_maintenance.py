"""What is deleted when it is old, and who hears of it."""

import asyncio
from datetime import datetime, timedelta
from typing import Any

import pytest

from durably_core import Durably, EventsGoneError, StepContext, Store, ValidationError, maintenance
from durably_core.clock import from_ms
from tests.conftest import (
    START_MS,
    FakeClock,
    Gate,
    Heard,
    MakeEngine,
    Numbers,
    StoreProbe,
    claim,
    die,
    enqueue,
    make_job,
    new_run,
    nothing,
    request_for,
    run_to_end,
    until_only,
    within,
)

PARTS = {
    "purge_runs": "retention",
    "prune_events": "event-retention",
    "delete_expired_keys": "idempotency-keys",
    "count_unknown_jobs": "unknown-jobs",
    "shrink": "free-pages",
    "checkpoint": "wal-checkpoint",
}

working = make_job(nothing)


async def ended_runs(engine: Durably, clock: FakeClock, count: int) -> list[str]:
    """Runs that ended one second after the other."""
    runs = []
    for _ in range(count):
        clock.advance(1000)
        runs.append((await run_to_end(engine, working)).id)
    return runs


# ---------------------------------------------------------------------- runs


async def test_retention_keeps_runs_to_the_millisecond(make_engine: MakeEngine, clock: FakeClock) -> None:
    engine = make_engine(working, retain_runs="1m")
    run = await run_to_end(engine, working)
    clock.advance(60_000)
    await engine.maintain()
    assert await engine.get_run(run.id) is not None
    clock.advance(1)
    await engine.maintain()
    assert await engine.get_run(run.id) is None


async def test_retention_tells_what_it_deletes(make_engine: MakeEngine, clock: FakeClock) -> None:
    engine = make_engine(working, retain_runs="1m")
    runs = await ended_runs(engine, clock, 3)
    heard = Heard(engine)
    clock.advance(60_001)
    await engine.maintain()
    assert [(event.type, event.run_id, event.reason) for event in heard.events] == [
        ("run:delete", run_id, "purged") for run_id in runs
    ]


async def test_retention_goes_on_until_it_is_done(
    make_engine: MakeEngine, probe: StoreProbe, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(maintenance, "PURGE_LIMIT", 2)
    engine = make_engine(working, store=probe.as_store, retain_runs="1m")
    await ended_runs(engine, clock, 5)
    clock.advance(60_001)
    probe.calls.clear()
    await engine.maintain()
    assert (await engine.get_runs(), probe.calls.count("purge_runs")) == ([], 4)


async def test_without_retention_runs_stay(make_engine: MakeEngine, clock: FakeClock) -> None:
    engine = make_engine(working)
    await ended_runs(engine, clock, 2)
    clock.advance(10**12)
    await engine.maintain()
    assert len(await engine.get_runs()) == 2


async def test_retention_spares_what_has_not_ended(
    make_engine: MakeEngine, store: Store, clock: FakeClock
) -> None:
    engine = make_engine(working, retain_runs="1m")
    for run_id in ("01", "02"):
        await enqueue(store, new_run(run_id))
    await claim(store, request_for(lease_ms=10**9))
    clock.advance(10**8)
    await engine.maintain()
    assert {run.status for run in await engine.get_runs()} == {"pending", "leased"}


async def test_retention_spares_code_that_still_stops(
    make_engine: MakeEngine, store: Store, clock: FakeClock
) -> None:
    engine = make_engine(working, retain_runs="1m")
    await enqueue(store, new_run("01"))
    await claim(store, request_for(lease_ms=70_000))
    await store.cancel_run("01", keep_steps=True)
    clock.advance(69_999)
    await engine.maintain()
    assert await engine.get_run("01") is not None
    clock.advance(1)
    await engine.maintain()
    assert await engine.get_run("01") is None


async def test_purge_takes_those_that_ended_first(make_engine: MakeEngine, clock: FakeClock) -> None:
    engine = make_engine(working)
    runs = await ended_runs(engine, clock, 4)
    third_end = from_ms(START_MS + 3000)
    assert await engine.purge_runs(older_than=third_end, limit=1) == 1
    assert await engine.get_run(runs[0]) is None
    assert await engine.purge_runs(older_than=third_end) == 1
    assert [run.id for run in await engine.get_runs()] == [runs[3], runs[2]]


async def test_purge_goes_by_end_and_not_by_age(make_engine: MakeEngine, clock: FakeClock) -> None:
    engine = make_engine(working)
    older = await engine.jobs.work.trigger({})
    younger = await engine.jobs.work.trigger({})
    await engine.cancel(younger.id)
    clock.advance(1000)
    await engine.cancel(older.id)
    await engine.purge_runs(older_than=from_ms(START_MS + 2000), limit=1)
    assert [run.id for run in await engine.get_runs()] == [older.id]


async def test_purge_without_time_zone_is_refused(make_engine: MakeEngine) -> None:
    engine = make_engine(working)
    await run_to_end(engine, working)
    with pytest.raises(ValidationError, match="time zone"):
        await engine.purge_runs(older_than=datetime(2100, 1, 1))
    assert len(await engine.get_runs()) == 1


@pytest.mark.parametrize("limit", [-1, 1.5, True])
async def test_impossible_purge_limit_is_refused(make_engine: MakeEngine, limit: Any) -> None:
    with pytest.raises(ValidationError):
        await make_engine().purge_runs(older_than=from_ms(START_MS) + timedelta(days=1), limit=limit)


@pytest.mark.parametrize("preserve_steps", [True, False])
async def test_logs_stay_and_go_with_their_run(make_engine: MakeEngine, preserve_steps: bool) -> None:
    async def body(step: StepContext, _input: Numbers) -> None:
        step.log.info("kept")
        await step.run("step", lambda: 1)

    engine = make_engine(job := make_job(body), preserve_steps=preserve_steps)
    deleted, purged, staying = [await run_to_end(engine, job) for _ in range(3)]
    assert [len(await engine.get_logs(run.id)) for run in (deleted, purged, staying)] == [1, 1, 1]
    await engine.delete_run(deleted.id)
    await engine.purge_runs(older_than=from_ms(START_MS + 1), limit=1)
    assert [len(await engine.get_logs(run.id)) for run in (deleted, purged, staying)] == [0, 0, 1]
    steps = [len(await engine.get_steps(run.id)) for run in (deleted, purged, staying)]
    assert steps == [0, 0, int(preserve_steps)]


# ---------------------------------------------------------------------- events and keys


async def test_newest_events_are_retained(
    make_engine: MakeEngine, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(maintenance, "PRUNE_LIMIT", 2)
    engine = make_engine(working, retain_events=4)
    await ended_runs(engine, clock, 4)
    logged = await engine.get_events()
    await engine.maintain()
    assert await engine.get_events(after=8) == logged[8:]
    with pytest.raises(EventsGoneError):
        await engine.get_events(after=7)


async def test_expired_keys_are_forgotten(make_engine: MakeEngine, store: Store, clock: FakeClock) -> None:
    engine = make_engine(working)
    for ttl_ms in (1000, 1001, None):
        await engine.jobs.work.trigger({}, idempotency_key=f"{ttl_ms}", idempotency_ttl_ms=ttl_ms)
    clock.advance(1000)
    await engine.maintain()
    assert await store.delete_expired_keys() == 0
    clock.advance(1)
    assert await store.delete_expired_keys() == 1
    assert (await engine.jobs.work.trigger({}, idempotency_key="None")).disposition == "idempotent"


async def test_unknown_jobs_are_told_when_they_change(make_engine: MakeEngine) -> None:
    engine, other = make_engine(working), make_engine(make_job(nothing, name="stranger"))
    heard = Heard(engine)
    await engine.jobs.work.trigger({})
    waiting = []
    for more in (1, 0, 2, 0):
        for _ in range(more):
            await other.jobs.stranger.trigger({})
        await engine.maintain()
        waiting.append([(event.job_name, event.waiting) for event in heard.of("worker:unknown-job")])
    first, both = ("stranger", 1), [("stranger", 1), ("stranger", 3)]
    assert waiting == [[first], [first], both, both]
    await within(other.process_until_idle())
    await engine.maintain()
    await other.jobs.stranger.trigger({})
    await engine.maintain()
    assert [event.waiting for event in heard.of("worker:unknown-job")] == [1, 3, 1]


async def test_registered_job_is_no_longer_unknown(make_engine: MakeEngine) -> None:
    engine = make_engine()
    await make_engine(working).jobs.work.trigger({})
    engine.register({"work": working})
    heard = Heard(engine)
    await engine.maintain()
    assert heard.events == []


# ---------------------------------------------------------------------- when, and what if it fails


async def test_all_parts_are_done(make_engine: MakeEngine, probe: StoreProbe) -> None:
    engine = make_engine(working, store=probe.as_store, retain_runs="1m")
    await engine.maintain()
    assert set(PARTS) <= set(probe.calls)


@pytest.mark.parametrize(("part", "context"), PARTS.items())
async def test_failing_part_stops_no_other(
    make_engine: MakeEngine, probe: StoreProbe, part: str, context: str
) -> None:
    engine = make_engine(working, store=probe.as_store, retain_runs="1m")
    heard = Heard(engine)
    probe.fail(part)
    await engine.maintain()
    told = [(event.type, event.context, event.error) for event in heard.events]
    assert told == [("worker:error", context, "The disk is gone.")]
    assert set(PARTS) <= set(probe.calls)
    probe.heal()
    await engine.maintain()
    assert len(heard.events) == 1


async def test_busy_worker_is_maintained_all_the_same(make_engine: MakeEngine, probe: StoreProbe) -> None:
    maintained = Gate()

    async def body(step: StepContext, _input: Numbers) -> None:
        await step.run("breathe", asyncio.sleep, 0)
        if not maintained.reached.is_set():
            await engine.jobs.work.trigger({})

    engine = make_engine(make_job(body), store=probe.as_store, maintenance_interval_ms=1)
    maintained.open()
    probe.after["checkpoint"] = maintained
    await engine.jobs.work.trigger({})
    engine.start()
    await maintained.until_reached()


async def test_maintenance_goes_on_by_itself(make_engine: MakeEngine, probe: StoreProbe) -> None:
    engine = make_engine(working, store=probe.as_store, maintenance_interval_ms=1)
    thrice = asyncio.Event()

    async def count() -> None:
        if probe.calls.count("checkpoint") == 3:
            thrice.set()

    probe.after["checkpoint"] = count
    engine.start()
    await within(thrice.wait())


async def test_failing_maintenance_is_tried_again(make_engine: MakeEngine, probe: StoreProbe) -> None:
    engine = make_engine(working, store=probe.as_store, maintenance_interval_ms=1)
    heard = Heard(engine)
    probe.fail("checkpoint")
    engine.start()
    await heard.until("worker:error", 3)
    assert {event.context for event in heard.events} == {"wal-checkpoint"}


async def test_maintenance_stops_with_the_worker(make_engine: MakeEngine, probe: StoreProbe) -> None:
    pruning = Gate()
    probe.before["prune_events"] = pruning
    tasks_before = asyncio.all_tasks()
    engine = make_engine(working, store=probe.as_store, maintenance_interval_ms=1)
    engine.start()
    engine.start()
    await pruning.until_reached()
    assert probe.calls.count("prune_events") == 1
    await within(engine.stop())
    await until_only(tasks_before)
    assert "checkpoint" not in probe.calls


async def test_maintenance_starts_again_with_the_worker(make_engine: MakeEngine, probe: StoreProbe) -> None:
    engine = make_engine(working, store=probe.as_store, maintenance_interval_ms=1)
    engine.start()
    await within(engine.stop())
    maintained = Gate()
    maintained.open()
    probe.after["checkpoint"] = maintained
    engine.start()
    await maintained.until_reached()


async def test_idle_call_maintains_once_per_interval(
    make_engine: MakeEngine, probe: StoreProbe, clock: FakeClock
) -> None:
    engine = make_engine(working, store=probe.as_store, maintenance_interval_ms=60_000)
    counts = []
    for ms in (0, 59_999, 1):
        clock.advance(ms)
        await within(engine.process_until_idle())
        counts.append(probe.calls.count("checkpoint"))
    assert counts == [1, 1, 2]


async def test_call_that_finds_work_to_the_end_maintains_not(
    make_engine: MakeEngine, probe: StoreProbe
) -> None:
    engine = make_engine(working, store=probe.as_store)
    await engine.jobs.work.trigger({})
    await within(engine.process_until_idle(max_runs=1))
    assert "checkpoint" not in probe.calls


async def test_death_in_the_middle_leaves_whole_bites(
    make_engine: MakeEngine, probe: StoreProbe, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(maintenance, "PURGE_LIMIT", 2)
    purged = Gate()
    engine = make_engine(working, store=probe.as_store, retain_runs="1m")
    runs = await ended_runs(engine, clock, 5)
    clock.advance(60_001)
    probe.after["purge_runs"] = purged
    task = asyncio.create_task(engine.maintain())
    await purged.until_reached()
    await die(task)
    assert [run.id for run in await engine.get_runs()] == runs[:1:-1]
    assert len(await engine.get_events(types=["run:delete"])) == 2
