"""A lease that has run out unnoticed: the run is lost when another has claimed it, and not before."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from durably_core import Durably, StepContext, Store
from tests.conftest import (
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
    lease_of,
    make_job,
    new_run,
    nothing,
    request_for,
    run_to_end,
    within,
)

LEASE_MS = 1000
LEASE: dict[str, Any] = {"lease_ms": LEASE_MS, "lease_renew_interval_ms": 500}
HOUR_MS = 3_600_000
# A browser's sync code that blocks the loop; a laptop that slept; a clock that was wrong and is put right.
JUMPS = [LEASE_MS, LEASE_MS * 10, HOUR_MS, -HOUR_MS]

each_jump = pytest.mark.parametrize("jump_ms", JUMPS)


class Blocked:
    """A job whose second step takes as long as the clock is put forward meanwhile."""

    def __init__(self, make_engine: MakeEngine, clock: FakeClock, jump_ms: int, **options: Any) -> None:
        self._clock = clock
        self._jump_ms = jump_ms
        self.calls: list[str] = []
        self.job = make_job(self.body, output=Total)
        self.engine: Durably = make_engine(self.job, make_job(nothing, name="other"), **LEASE, **options)
        self.heard = Heard(self.engine)

    async def body(self, step: StepContext, _input: Numbers) -> Total:
        for name in ("one", "two", "three"):
            await step.run(name, self.call, name)
        return Total(total=len(self.calls))

    async def call(self, name: str) -> None:
        self.calls.append(name)
        if name == "two":
            self._clock.advance(self._jump_ms)


@each_jump
async def test_run_that_no_one_claimed_goes_on(make_engine: MakeEngine, clock: FakeClock, jump_ms: int) -> None:
    blocked = Blocked(make_engine, clock, jump_ms)
    run = await run_to_end(blocked.engine, blocked.job)
    assert (run.status, run.output, run.attempt) == ("completed", {"total": 3}, 1)
    assert (blocked.heard.of("run:requeue"), blocked.heard.of("worker:error")) == ([], [])


@each_jump
async def test_transaction_of_a_late_run_is_committed(
    make_engine: MakeEngine, clock: FakeClock, jump_ms: int
) -> None:
    async def body(step: StepContext, _input: Numbers) -> None:
        await step.transaction("late", lambda _transaction: clock.advance(jump_ms))

    engine = make_engine(job := make_job(body), **LEASE)
    run = await run_to_end(engine, job)
    assert (run.status, run.completed_step_count, run.attempt) == ("completed", 1, 1)


@each_jump
async def test_own_claims_leave_late_runs_alone(
    make_engine: MakeEngine, clock: FakeClock, jump_ms: int
) -> None:
    gate = Gate()

    async def body(step: StepContext, _input: Numbers) -> None:
        await step.run("slow", gate)

    engine = make_engine(make_job(body), make_job(nothing, name="other"), max_concurrent_runs=3, **LEASE)
    heard = Heard(engine)
    engine.start()
    slow = await engine.jobs.work.trigger({})
    await gate.until_reached()
    clock.advance(jump_ms)
    # Each is claimed by itself, or with the last write of the one before.
    for run in await engine.jobs.other.batch_trigger([{}] * 5):
        await within(engine.wait_for_run(run.id))
    assert slow.id in engine.executing
    gate.open()
    await within(engine.wait_for_run(slow.id))
    assert (heard.of("run:requeue"), (await ended(engine, slow.id)).attempt) == ([], 1)


@each_jump
@pytest.mark.parametrize("is_cancelled", [False, True])
async def test_late_run_keeps_its_concurrency_key(
    make_engine: MakeEngine, clock: FakeClock, jump_ms: int, is_cancelled: bool
) -> None:
    gate = Gate()

    async def body(step: StepContext, _input: Numbers) -> None:
        try:
            await step.run("slow", gate)
        finally:
            if is_cancelled:
                await tidied.wait()

    tidied = asyncio.Event()
    engine = make_engine(make_job(body), make_job(nothing, name="other"), max_concurrent_runs=3, **LEASE)
    heard = Heard(engine)
    engine.start()
    slow = await engine.jobs.work.trigger({}, concurrency_key="key")
    await gate.until_reached()
    waiting = await engine.jobs.other.trigger({}, concurrency_key="key")
    if is_cancelled:
        await engine.cancel(slow.id)
    clock.advance(jump_ms)
    # Each is claimed by itself, or with the last write of the one before.
    for run in await engine.jobs.other.batch_trigger([{}] * 5):
        await within(engine.wait_for_run(run.id))
    assert (await ended(engine, waiting.id)).status == "pending"
    gate.open()
    tidied.set()
    await within(engine.wait_for_run(waiting.id))
    last = {event.run_id: number for number, event in enumerate(heard.events)}
    first = next(
        number
        for number, event in enumerate(heard.events)
        if event.run_id == waiting.id and event.type == "run:leased"
    )
    assert last[slow.id] < first


async def test_lease_that_runs_out_during_a_claim_is_kept(
    make_engine: MakeEngine, clock: FakeClock, probe: StoreProbe
) -> None:
    gate = Gate()

    async def body(step: StepContext, _input: Numbers) -> None:
        await step.run("slow", gate)

    async def sleeps() -> None:
        clock.advance(LEASE_MS)

    engine = make_engine(make_job(body), make_job(nothing, name="other"), store=probe.as_store, **LEASE)
    heard = Heard(engine)
    slow = await engine.jobs.work.trigger({})
    executing = asyncio.create_task(engine.process_one())
    await gate.until_reached()
    probe.before["claim"] = sleeps
    await engine.jobs.other.trigger({})
    assert await within(engine.process_one())
    gate.open()
    await within(executing)
    assert (heard.of("run:requeue"), (await ended(engine, slow.id)).attempt) == ([], 1)


async def test_lease_of_an_older_claim_is_not_spared(store: Store, clock: FakeClock) -> None:
    await enqueue(store, new_run("01"))
    first = lease_of(await claim(store, request_for(worker_id="worker-1")))
    clock.advance(LEASE_MS)
    second = lease_of(await claim(store, request_for(worker_id="worker-2")))
    clock.advance(LEASE_MS)
    spared = replace(request_for("another-job"), held={"01": second.generation})
    assert (await store.claim(spared)).events == ()
    [requeue] = (await store.claim(replace(spared, held={"01": first.generation}))).events
    assert (requeue.type, requeue.run_id) == ("run:requeue", "01")


@pytest.mark.parametrize("jump_ms", [LEASE_MS, LEASE_MS * 10, HOUR_MS])
async def test_run_that_another_claimed_is_lost(
    make_engine: MakeEngine, clock: FakeClock, jump_ms: int
) -> None:
    gates, calls = [Gate(), Gate()], []

    async def body(step: StepContext, _input: Numbers) -> Total:
        calls.append(step.attempt)
        await step.run("first", gates[step.attempt - 1])
        return Total(total=step.attempt)

    first, second = (make_engine(make_job(body, output=Total), **LEASE) for _ in range(2))
    heard = Heard(first)
    run = await first.jobs.work.trigger({})
    executing = asyncio.create_task(first.process_one())
    await gates[0].until_reached()
    clock.advance(jump_ms)
    taking_over = asyncio.create_task(second.process_one())
    await gates[1].until_reached()
    before = await first.get_run(run.id)
    gates[0].open()
    await within(executing)
    assert (await first.get_run(run.id), await first.get_steps(run.id)) == (before, [])
    assert [error.code for error in heard.of("worker:error")] == ["lease_lost"]
    gates[1].open()
    await within(taking_over)
    found = await ended(first, run.id)
    assert (found.status, found.output, found.attempt, calls) == ("completed", {"total": 2}, 2, [1, 2])
