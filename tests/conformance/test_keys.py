"""Concurrency keys exclude, idempotency keys repeat."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from durably_core import ConflictError, StepContext, Store
from durably_core.store.base import Claimed, Ending, Notes
from tests.conftest import (
    FakeClock,
    Gate,
    Heard,
    MakeEngine,
    Numbers,
    claim,
    completed,
    ended,
    enqueue,
    lease_of,
    make_job,
    new_run,
    nothing,
    request_for,
    within,
)

BOTH = ("work", "other")


async def next_of(store: Store, *job_names: str) -> Claimed | None:
    return await claim(store, request_for(*(job_names or BOTH), worker_id="worker-2"))


@pytest.fixture
async def held(store: Store) -> Claimed:
    """A run that holds the key "k" for one second, with another job's run waiting for that key."""
    await enqueue(store, new_run("01", concurrency_key="k"))
    claimed = await claim(store, request_for())
    await enqueue(store, new_run("02", job_name="other", concurrency_key="k"))
    assert claimed is not None
    return claimed


async def test_held_key_excludes_other_jobs(store: Store, held: Claimed) -> None:
    assert await next_of(store) is None


async def test_held_key_does_not_hold_up_others(store: Store, held: Claimed) -> None:
    await enqueue(store, new_run("03", concurrency_key="free"))
    await enqueue(store, new_run("04"))
    found = [await next_of(store), await next_of(store), await next_of(store)]
    assert [item and item.run.id for item in found] == ["03", "04", None]


async def test_key_is_free_after_completion(store: Store, held: Claimed) -> None:
    ending = await store.end_run(lease_of(held), completed(), Notes(), request_for(*BOTH))
    assert ending.claim.claimed is not None
    assert ending.claim.claimed.run.id == "02"


async def test_cancelled_run_holds_its_key_while_code_runs(store: Store, held: Claimed) -> None:
    await store.cancel_run("01", keep_steps=True)
    assert await next_of(store) is None


async def test_release_of_a_cancelled_run_frees_its_key(store: Store, held: Claimed) -> None:
    await store.cancel_run("01", keep_steps=True)
    released = await store.end_run(lease_of(held), Ending(status="cancelled"), Notes(), request_for(*BOTH))
    assert released.claim.claimed is not None
    assert released.claim.claimed.run.id == "02"


async def test_cancelled_runs_lease_is_renewed(store: Store, held: Claimed, clock: FakeClock) -> None:
    await store.cancel_run("01", keep_steps=True)
    clock.advance(900)
    assert await store.renew_lease(lease_of(held)) == "cancelled"
    clock.advance(900)
    assert await next_of(store) is None


async def test_key_of_cancelled_run_is_free_when_lease_ends(
    store: Store, held: Claimed, clock: FakeClock
) -> None:
    await store.cancel_run("01", keep_steps=True)
    clock.advance(999)
    assert await next_of(store) is None
    clock.advance(1)
    claimed = await next_of(store)
    assert claimed is not None
    assert claimed.run.id == "02"


async def test_exclusive_start_frees_keys_of_the_dead(store: Store, held: Claimed) -> None:
    await store.cancel_run("01", keep_steps=True)
    await store.expire_leases(request_for())
    claimed = await next_of(store)
    assert claimed is not None
    assert claimed.run.id == "02"


async def test_key_of_expired_run_is_free(store: Store, held: Claimed, clock: FakeClock) -> None:
    clock.advance(1000)
    claimed = await next_of(store, "other")
    assert claimed is not None
    assert claimed.run.id == "02"


async def test_expired_run_waits_for_its_key(store: Store, held: Claimed, clock: FakeClock) -> None:
    clock.advance(1000)
    await next_of(store, "other")
    assert await next_of(store, "work") is None


async def test_expired_run_comes_before_its_sibling(store: Store, held: Claimed, clock: FakeClock) -> None:
    clock.advance(1000)
    first, second = await next_of(store), await next_of(store)
    assert first is not None
    assert (first.run.id, second) == ("01", None)


async def test_runs_without_key_exclude_nothing(store: Store) -> None:
    for run_id in ("01", "02"):
        await enqueue(store, new_run(run_id))
    found = [await next_of(store), await next_of(store)]
    assert [item and item.run.id for item in found] == ["01", "02"]


async def test_second_waiting_run_with_key_conflicts(make_engine: MakeEngine) -> None:
    engine = make_engine(make_job(nothing))
    await engine.jobs.work.trigger({}, concurrency_key="k")
    with pytest.raises(ConflictError, match="'k' is already waiting"):
        await engine.jobs.work.trigger({}, concurrency_key="k")
    assert len(await engine.get_runs()) == 1


async def test_other_job_may_wait_with_the_same_key(make_engine: MakeEngine) -> None:
    engine = make_engine(make_job(nothing), make_job(nothing, name="other"))
    await engine.jobs.work.trigger({}, concurrency_key="k")
    await engine.jobs.other.trigger({}, concurrency_key="k")
    assert len(await engine.get_runs(status="pending")) == 2


async def test_executing_run_lets_one_wait(store: Store, held: Claimed) -> None:
    await enqueue(store, new_run("03", concurrency_key="k"))
    with pytest.raises(ConflictError):
        await enqueue(store, new_run("04", concurrency_key="k"))


async def test_conflict_leaves_no_trace(make_engine: MakeEngine) -> None:
    engine = make_engine(make_job(nothing))
    heard = Heard(engine)
    await engine.jobs.work.trigger({}, concurrency_key="k")
    with pytest.raises(ConflictError):
        await engine.jobs.work.trigger({}, concurrency_key="k", idempotency_key="i", labels={"a": "b"})
    assert heard.types == ["run:trigger"]
    again = await engine.jobs.work.trigger({}, idempotency_key="i")
    assert again.disposition == "created"


async def test_one_engine_keeps_keyed_runs_apart(make_engine: MakeEngine) -> None:
    inside: list[int] = []
    most: list[int] = []

    async def body(step: StepContext, _input: Numbers) -> None:
        inside.append(1)
        most.append(len(inside))
        await step.run("pause", asyncio.sleep, 0)
        inside.pop()

    engine = make_engine(*(make_job(body, name=name) for name in "abcd"), max_concurrent_runs=4)
    heard = Heard(engine)
    for handle in engine.jobs:
        await handle.trigger({}, concurrency_key="k")
    engine.start()
    await heard.until("run:complete", 4)
    assert most == [1, 1, 1, 1]


async def test_cancelled_code_finishes_before_sibling_starts(make_engine: MakeEngine) -> None:
    order: list[str] = []
    tidying, started = Gate(), Gate()

    async def stubborn(_step: StepContext, _input: Numbers) -> None:
        try:
            await started()
        except asyncio.CancelledError:
            await tidying()
            order.append("old code stopped")
            raise

    async def sibling(_step: StepContext, _input: Numbers) -> None:
        order.append("sibling started")

    engine = make_engine(make_job(stubborn), make_job(sibling, name="sibling"), max_concurrent_runs=2)
    heard = Heard(engine)
    engine.start()
    run = await engine.jobs.work.trigger({}, concurrency_key="k")
    await started.until_reached()
    await engine.cancel(run.id)
    await tidying.until_reached()
    await engine.jobs.sibling.trigger({}, concurrency_key="k")
    assert await engine.process_one() is False
    tidying.open()
    await heard.until("run:complete")
    assert order == ["old code stopped", "sibling started"]


async def test_idempotency_key_returns_the_first_run(make_engine: MakeEngine) -> None:
    engine = make_engine(make_job(nothing))
    first = await engine.jobs.work.trigger({"count": 1}, idempotency_key="i")
    second = await engine.jobs.work.trigger({"count": 2}, idempotency_key="i", labels={"a": "b"})
    assert (second.id, second.disposition) == (first.id, "idempotent")
    assert (second.run.input, second.run.labels) == ({"count": 1}, {})


async def test_idempotent_trigger_emits_no_event(make_engine: MakeEngine) -> None:
    engine = make_engine(make_job(nothing))
    heard = Heard(engine)
    for _ in range(3):
        await engine.jobs.work.trigger({}, idempotency_key="i")
    assert heard.types == ["run:trigger"]


async def test_idempotency_key_belongs_to_one_job(make_engine: MakeEngine) -> None:
    engine = make_engine(make_job(nothing), make_job(nothing, name="other"))
    one = await engine.jobs.work.trigger({}, idempotency_key="i")
    two = await engine.jobs.other.trigger({}, idempotency_key="i")
    assert (one.disposition, two.disposition) == ("created", "created")


async def test_idempotency_key_outlives_the_run(make_engine: MakeEngine) -> None:
    engine = make_engine(make_job(nothing))
    first = await engine.jobs.work.trigger({}, idempotency_key="i")
    await within(engine.process_one())
    second = await engine.jobs.work.trigger({}, idempotency_key="i")
    assert (second.id, second.status) == (first.id, "completed")


async def test_deleted_run_frees_its_idempotency_key(make_engine: MakeEngine) -> None:
    engine = make_engine(make_job(nothing))
    first = await engine.jobs.work.trigger({}, idempotency_key="i")
    await engine.cancel(first.id)
    await engine.delete_run(first.id)
    assert (await engine.jobs.work.trigger({}, idempotency_key="i")).disposition == "created"


async def test_idempotent_trigger_wins_over_conflict(make_engine: MakeEngine) -> None:
    engine = make_engine(make_job(nothing))
    keys: dict[str, Any] = {"idempotency_key": "i", "concurrency_key": "k"}
    first = await engine.jobs.work.trigger({}, **keys)
    assert (await engine.jobs.work.trigger({}, **keys)).id == first.id


async def test_triggers_at_once_make_one_run(make_engine: MakeEngine) -> None:
    engine = make_engine(make_job(nothing))
    runs = await asyncio.gather(*(engine.jobs.work.trigger({}, idempotency_key="i") for _ in range(10)))
    assert len({run.id for run in runs}) == 1
    assert sorted(run.disposition for run in runs) == ["created", *["idempotent"] * 9]


async def test_keys_are_not_shown_to_clients(make_engine: MakeEngine) -> None:
    engine = make_engine(make_job(nothing))
    triggered = await engine.jobs.work.trigger({}, idempotency_key="i", concurrency_key="k")
    wire = (await ended(engine, triggered.id)).to_wire()
    assert not {"idempotencyKey", "concurrencyKey", "leaseOwner", "leaseGeneration"} & wire.keys()


async def test_idempotency_key_holds_for_its_time(store: Store, clock: FakeClock) -> None:
    first = await enqueue(store, new_run("01", idempotency_key="i", idempotency_ttl_ms=1000))
    clock.advance(999)
    second = await enqueue(store, new_run("02", idempotency_key="i"))
    assert (second.run.id, second.disposition) == (first.run.id, "idempotent")
    clock.advance(1)
    third = await enqueue(store, new_run("03", idempotency_key="i", idempotency_ttl_ms=1000))
    assert (third.run.id, third.disposition) == ("03", "created")
    clock.advance(999)
    assert (await enqueue(store, new_run("04", idempotency_key="i"))).run.id == "03"


async def among(store: Store, *run_ids: str) -> str | None:
    """What a claim finds among the given runs."""
    request = replace(request_for(*BOTH, worker_id="worker-2"), run_ids=frozenset(run_ids))
    claimed = await claim(store, request)
    return None if claimed is None else claimed.run.id


async def test_claim_may_be_for_given_runs_only(store: Store) -> None:
    for run_id in ("01", "02", "03"):
        await enqueue(store, new_run(run_id))
    assert [await among(store, "03", "02"), await among(store, "02"), await among(store)] == ["02", None, None]


async def test_given_runs_wait_for_their_key_too(store: Store, held: Claimed, clock: FakeClock) -> None:
    assert await among(store, "02") is None
    clock.advance(1000)
    assert await among(store, "02") == "02"


async def test_given_runs_must_be_of_known_jobs(store: Store) -> None:
    await enqueue(store, new_run("01", job_name="unknown"))
    assert await among(store, "01") is None
