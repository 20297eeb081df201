"""Who lost a run writes nothing to it any more, and no event lies about it."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from durably_core import StepContext, StorageError, Store
from durably_core.models import RunError
from durably_core.store.base import Ending, Lease, NewLog, Notes
from tests.conftest import (
    START_MS,
    FakeClock,
    Gate,
    Heard,
    MakeEngine,
    Numbers,
    Total,
    claim,
    completed,
    ended,
    enqueue,
    lease_of,
    make_job,
    new_run,
    new_step,
    request_for,
    turns,
    within,
)

NOTES = Notes(
    progress='{"current":9}',
    logs=(NewLog(id="log-1", step_name=None, level="info", message="stale", data=None, created_at=START_MS),),
)
FAILED = Ending(status="failed", error=RunError(message="no", type="E", traceback=""), keep_steps=True)
RELEASED = Ending(status="cancelled", keep_steps=False)


@pytest.fixture
async def stale(store: Store, clock: FakeClock) -> Lease:
    """The lease of an owner whose run another one has claimed meanwhile."""
    await enqueue(store, new_run("01"))
    lease = lease_of(await claim(store, request_for(worker_id="worker-1")))
    clock.advance(1000)
    assert await claim(store, request_for(worker_id="worker-2")) is not None
    return lease


async def everything(store: Store) -> Any:
    return (await store.get_run("01"), await store.get_steps("01"), await store.get_logs("01"))


async def test_stale_owner_cannot_save_a_step(store: Store, stale: Lease) -> None:
    before = await everything(store)
    assert await store.save_step(stale, new_step(), NOTES) == "lost"
    assert await everything(store) == before


async def test_stale_owner_cannot_save_notes(store: Store, stale: Lease) -> None:
    before = await everything(store)
    assert await store.save_notes(stale, NOTES) == "lost"
    assert await everything(store) == before


async def test_stale_owner_cannot_renew_the_lease(store: Store, stale: Lease, clock: FakeClock) -> None:
    before = await everything(store)
    clock.advance(10)
    assert await store.renew_lease(stale) == "lost"
    assert await everything(store) == before


async def test_stale_owner_cannot_complete_the_run(store: Store, stale: Lease) -> None:
    before = await everything(store)
    assert (await store.end_run(stale, completed(output="1"), NOTES, None)).state == "lost"
    assert await everything(store) == before


async def test_stale_owner_cannot_fail_the_run(store: Store, stale: Lease) -> None:
    before = await everything(store)
    assert (await store.end_run(stale, FAILED, NOTES, None)).state == "lost"
    assert await everything(store) == before


async def test_stale_owner_cannot_release_the_run(store: Store, stale: Lease) -> None:
    await store.cancel_run("01", keep_steps=True)
    before = await everything(store)
    assert (await store.end_run(stale, RELEASED, NOTES, None)).state == "lost"
    assert await everything(store) == before


async def test_loser_still_claims_the_next_run(store: Store, stale: Lease) -> None:
    await enqueue(store, new_run("02"))
    ending = await store.end_run(stale, completed(), Notes(), request_for())
    assert ending.claim.claimed is not None
    assert ending.claim.claimed.run.id == "02"


async def test_late_owner_keeps_an_unclaimed_run(store: Store, clock: FakeClock) -> None:
    await enqueue(store, new_run("01"))
    lease = lease_of(await claim(store, request_for()))
    clock.advance(5000)
    assert await store.save_step(lease, new_step(), Notes()) == "held"
    assert (await store.end_run(lease, completed(), Notes(), None)).state == "held"


async def test_saving_a_step_renews_the_lease(store: Store, clock: FakeClock) -> None:
    await enqueue(store, new_run("01"))
    lease = lease_of(await claim(store, request_for()))
    clock.advance(900)
    await store.save_step(lease, new_step(), Notes())
    clock.advance(900)
    assert await claim(store, request_for()) is None


async def test_second_checkpoint_of_a_step_is_refused(store: Store) -> None:
    await enqueue(store, new_run("01"))
    lease = lease_of(await claim(store, request_for()))
    await store.save_step(lease, new_step(output="1"), Notes())
    with pytest.raises(StorageError):
        await store.save_step(lease, new_step(output="2"), Notes())
    run = await store.get_run("01")
    assert run is not None
    assert (run.completed_step_count, [step.output for step in await store.get_steps("01")]) == (1, ["1"])


async def test_holder_of_an_ended_run_cannot_write(store: Store) -> None:
    await enqueue(store, new_run("01"))
    lease = lease_of(await claim(store, request_for()))
    await store.end_run(lease, completed(output="1"), Notes(), None)
    before = await everything(store)
    assert await store.save_step(lease, new_step(), NOTES) == "lost"
    assert await store.save_notes(lease, NOTES) == "lost"
    assert await store.renew_lease(lease) == "lost"
    assert (await store.end_run(lease, FAILED, NOTES, None)).state == "lost"
    assert await everything(store) == before


async def test_holder_of_a_cancelled_run_cannot_write(store: Store) -> None:
    await enqueue(store, new_run("01"))
    lease = lease_of(await claim(store, request_for()))
    await store.cancel_run("01", keep_steps=True)
    before = await everything(store)
    assert await store.save_step(lease, new_step(), NOTES) == "cancelled"
    assert await store.save_notes(lease, NOTES) == "cancelled"
    assert await everything(store) == before


async def test_end_of_a_cancelled_run_only_frees_its_lease(store: Store) -> None:
    await enqueue(store, new_run("01"))
    lease = lease_of(await claim(store, request_for()))
    await store.cancel_run("01", keep_steps=True)
    ended = await store.end_run(lease, completed(output="1"), Notes(), None)
    run = await store.get_run("01")
    assert run is not None
    assert (ended.state, ended.stop and ended.stop.type) == ("cancelled", "run:stop")
    assert (run.status, run.output, run.lease_owner) == ("cancelled", None, None)
    assert (await store.end_run(lease, FAILED, Notes(), None)).state == "lost"


async def test_released_run_cannot_be_renewed(store: Store) -> None:
    await enqueue(store, new_run("01"))
    lease = lease_of(await claim(store, request_for()))
    await store.cancel_run("01", keep_steps=True)
    await store.end_run(lease, RELEASED, Notes(), None)
    before = await everything(store)
    assert await store.renew_lease(lease) == "lost"
    assert await everything(store) == before


async def test_deleted_run_is_lost_to_its_holder(store: Store, clock: FakeClock) -> None:
    await enqueue(store, new_run("01"))
    lease = lease_of(await claim(store, request_for()))
    await store.cancel_run("01", keep_steps=True)
    clock.advance(1000)
    await store.delete_run("01")
    assert await store.save_step(lease, new_step(), NOTES) == "lost"
    assert await store.get_steps("01") == []


class Takeover:
    """Two engines over one store: the first is stuck in its run while the second takes it over."""

    def __init__(self, make_engine: MakeEngine, clock: FakeClock, ending: Callable[[], Awaitable[int]]) -> None:
        self.stuck = Gate()
        self.slow, self.quick = (
            make_engine(make_job(self.body(ending), output=Total)),
            make_engine(make_job(self.finish, output=Total)),
        )
        self.heard = Heard(self.slow)
        self.clock = clock

    def body(self, ending: Callable[[], Awaitable[int]]) -> Callable[[StepContext, Numbers], Awaitable[Total]]:
        async def run(step: StepContext, _input: Numbers) -> Total:
            await step.run("stuck", self.stuck)
            return Total(total=await step.run("more", ending))

        return run

    async def finish(self, step: StepContext, _input: Numbers) -> Total:
        return Total(total=await step.run("other", lambda: 7))

    async def play(self) -> str:
        triggered = await self.slow.jobs.work.trigger({})
        executing = asyncio.create_task(self.slow.process_one())
        await self.stuck.until_reached()
        self.clock.advance(30_000)
        assert await within(self.quick.process_one())
        self.stuck.open()
        await within(executing)
        return triggered.id


async def one() -> int:
    return 1


async def test_loser_does_not_touch_the_winners_run(make_engine: MakeEngine, clock: FakeClock) -> None:
    takeover = Takeover(make_engine, clock, one)
    run_id = await takeover.play()
    run = await ended(takeover.quick, run_id)
    assert (run.status, run.output, run.completed_step_count) == ("completed", {"total": 7}, 1)
    assert [step.name for step in await takeover.quick.get_steps(run_id)] == ["other"]


async def test_loser_says_that_it_lost(make_engine: MakeEngine, clock: FakeClock) -> None:
    takeover = Takeover(make_engine, clock, one)
    await takeover.play()
    assert takeover.heard.types == ["run:trigger", "run:leased", "step:start", "worker:error"]


async def test_losers_code_is_stopped_by_renewal(make_engine: MakeEngine, clock: FakeClock) -> None:
    started, reasons = asyncio.Event(), []

    async def body(step: StepContext, _input: Numbers) -> None:
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            reasons.append(step.signal.reason)

    slow = make_engine(make_job(body), lease_ms=30_000, lease_renew_interval_ms=1)
    quick = make_engine(make_job(one_line))
    await slow.jobs.work.trigger({})
    async with asyncio.timeout(20):
        executing = asyncio.create_task(slow.process_one())
        await started.wait()
        clock.advance(31_000)
        while not await quick.process_one():  # a renewal may have come first
            clock.advance(31_000)
        await executing
    assert [getattr(reason, "code", None) for reason in reasons] == ["lease_lost"]


async def one_line(_step: StepContext, _input: Numbers) -> None: ...


async def test_sleeper_renews_before_it_claims(make_engine: MakeEngine, clock: FakeClock) -> None:
    gate = Gate()

    async def body(step: StepContext, _input: Numbers) -> Total:
        await step.run("wait", gate)
        return Total(total=step.attempt)

    # A laptop that slept: the lease ran out while its own code goes on, and no one else was there.
    engine = make_engine(make_job(body, output=Total))
    run_id = (await engine.jobs.work.trigger({})).id
    executing = asyncio.create_task(engine.process_one())
    await gate.until_reached()
    clock.advance(30_000)
    assert await engine.process_one() is False
    gate.open()
    await within(executing)
    run = await ended(engine, run_id)
    assert (run.status, run.attempt, run.output) == ("completed", 1, {"total": 1})


async def test_late_steps_of_ended_run_are_refused(make_engine: MakeEngine) -> None:
    gate, late = Gate(), []

    async def body(step: StepContext, _input: Numbers) -> None:
        late.append(asyncio.create_task(step.run("late", gate)))
        await gate.until_reached()

    engine = make_engine(make_job(body))
    heard = Heard(engine)
    engine.start()
    run_id = (await engine.jobs.work.trigger({})).id
    await heard.until("run:complete")
    gate.open()
    await asyncio.wait(late)
    assert late[0].cancelled()
    assert (await engine.get_steps(run_id), heard.of("worker:error")) == ([], [])


async def test_orphaned_step_does_not_stop_the_worker(make_engine: MakeEngine) -> None:
    orphan, next_run = Gate(), Gate()

    async def body(step: StepContext, input: Numbers) -> None:
        if input.count == 0:
            await asyncio.gather(step.run("orphan", orphan), step.run("fails", fail_when, orphan.reached))
        await step.run("next", next_run)

    engine = make_engine(make_job(body))
    heard = Heard(engine)
    engine.start()
    await engine.jobs.work.trigger({"count": 0})
    second = await engine.jobs.work.trigger({"count": 1})
    await heard.until("run:fail")
    await next_run.until_reached()
    orphan.open()
    await turns()
    await engine.get_runs()  # whatever the orphan asked of the store is answered now
    await turns()
    next_run.open()
    await heard.until("run:complete")
    assert ((await ended(engine, second.id)).status, heard.of("worker:error")) == ("completed", [])


async def fail_when(event: asyncio.Event) -> None:
    await event.wait()
    raise RuntimeError("no")
