"""Leases that are given back or run out, and runs that are given up because they never get on."""

import dataclasses

import pytest

from durably_core import Store
from durably_core.models import Run
from durably_core.store.base import MAX_ATTEMPTS_ERROR, Ending, Lease, Notes
from tests.conftest import FakeClock, claim, completed, enqueue, lease_of, new_run, new_step, request_for

GIVEN_BACK = Ending(status="released", forgiven=True)
STOPPED = Ending(status="cancelled", keep_steps=True)
REQUEST = dataclasses.replace(request_for(), max_attempts=3)


async def leased(store: Store, **fields: str) -> Lease:
    await enqueue(store, new_run("01", **fields))
    return lease_of(await claim(store, REQUEST))


async def run_of(store: Store, run_id: str = "01") -> Run:
    run = await store.get_run(run_id)
    assert run is not None
    return run


async def die(store: Store, clock: FakeClock) -> Lease | None:
    """The holder is not heard of again; who claims next?"""
    clock.advance(REQUEST.lease_ms)
    claimed = await claim(store, REQUEST)
    return None if claimed is None else lease_of(claimed)


async def test_given_back_run_is_claimed_at_once(store: Store) -> None:
    lease = await leased(store)
    assert (await store.end_run(lease, GIVEN_BACK, Notes(), None)).state == "held"
    assert (await run_of(store)).status == "pending"
    assert lease_of(await claim(store, REQUEST)).generation == 2


async def test_stale_owner_cannot_give_the_run_back(store: Store, clock: FakeClock) -> None:
    stale = await leased(store)
    assert await die(store, clock) is not None
    before = await run_of(store)
    assert (await store.end_run(stale, GIVEN_BACK, Notes(progress="{}"), None)).state == "lost"
    assert await run_of(store) == before


async def test_giving_back_a_cancelled_run_frees_it(store: Store) -> None:
    lease = await leased(store)
    await store.cancel_run("01", keep_steps=True)
    assert (await store.end_run(lease, GIVEN_BACK, Notes(), None)).state == "cancelled"
    run = await run_of(store)
    assert (run.status, run.lease_owner) == ("cancelled", None)


async def test_completed_run_cannot_be_given_back(store: Store) -> None:
    lease = await leased(store)
    await store.end_run(lease, completed(), Notes(), None)
    before = await run_of(store)
    assert (await store.end_run(lease, GIVEN_BACK, Notes(), None)).state == "lost"
    assert await run_of(store) == before


async def test_run_not_cancelled_cannot_be_let_go(store: Store) -> None:
    lease = await leased(store)
    before = await run_of(store)
    assert (await store.end_run(lease, STOPPED, Notes(), None)).state == "lost"
    assert await run_of(store) == before


async def test_purge_spares_a_run_whose_code_runs(store: Store, clock: FakeClock) -> None:
    await leased(store)
    await store.cancel_run("01", keep_steps=True)
    clock.advance(REQUEST.lease_ms - 1)
    assert await store.purge_runs(before_ms=clock.now_ms(), limit=10) == ()
    clock.advance(1)
    purged = await store.purge_runs(before_ms=clock.now_ms(), limit=10)
    assert [event.run_id for event in purged] == ["01"]


async def test_run_that_only_kills_is_given_up(store: Store, clock: FakeClock) -> None:
    await leased(store)
    for _ in range(REQUEST.max_attempts - 1):
        assert await die(store, clock) is not None
    assert await die(store, clock) is None
    run = await run_of(store)
    assert run.error is not None
    assert (run.status, run.error.type, run.attempt) == ("failed", MAX_ATTEMPTS_ERROR, 3)


async def test_run_that_gets_on_is_not_given_up(store: Store, clock: FakeClock) -> None:
    lease: Lease | None = await leased(store)
    for number in range(2 * REQUEST.max_attempts):
        assert lease is not None
        assert await store.save_step(lease, new_step(f"step-{number}", number), Notes()) == "held"
        lease = await die(store, clock)
    assert (await run_of(store)).attempts_since_step == 1


async def test_given_back_attempts_count_for_nothing(store: Store, clock: FakeClock) -> None:
    lease = await leased(store)
    for _ in range(2 * REQUEST.max_attempts):
        await store.end_run(lease, GIVEN_BACK, Notes(), None)
        lease = lease_of(await claim(store, REQUEST))
    assert await die(store, clock) is not None
    assert (await run_of(store)).attempts_since_step == 2


async def test_unforgiven_attempts_count_on(store: Store, clock: FakeClock) -> None:
    lease = await leased(store)
    for _ in range(REQUEST.max_attempts - 1):
        await store.end_run(lease, dataclasses.replace(GIVEN_BACK, forgiven=False), Notes(), None)
        lease = lease_of(await claim(store, REQUEST))
    assert await die(store, clock) is None
    assert (await run_of(store)).status == "failed"


async def test_unknown_run_is_not_given_up(store: Store, clock: FakeClock) -> None:
    await leased(store)
    for _ in range(REQUEST.max_attempts - 1):
        await die(store, clock)
    clock.advance(REQUEST.lease_ms)
    # Someone who can't execute it can't judge it.
    assert await claim(store, dataclasses.replace(REQUEST, job_names=("other",))) is None
    assert (await run_of(store)).status == "pending"


@pytest.mark.parametrize("how", ["given back", "expired"])
async def test_begun_run_goes_before_one_that_waits(store: Store, clock: FakeClock, how: str) -> None:
    lease = await leased(store, concurrency_key="k")
    await enqueue(store, new_run("02", concurrency_key="k"))
    if how == "given back":
        await store.end_run(lease, GIVEN_BACK, Notes(), None)
    else:
        clock.advance(REQUEST.lease_ms)
    assert lease_of(await claim(store, REQUEST)).run_id == "01"
    assert (await run_of(store, "02")).status == "pending"
