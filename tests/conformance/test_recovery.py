"""What becomes of a run whose worker dies, stalls, or can't reach its storage."""

import asyncio
from typing import Any

import pytest

from durably_core import ConflictError, Durably, RunError, RunEvent, StepContext, StorageError, Store
from durably_core.store.base import Claim, ClaimRequest, Ending, NewStep, Notes
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
    completed,
    die,
    ended,
    enqueue,
    lease_of,
    make_job,
    new_run,
    new_step,
    nothing,
    request_for,
    turns,
    within,
)

BYSTANDER = request_for("another-job")
"""Notices expired leases, and claims none of the runs."""


def told(claim: Claim | tuple[RunEvent, ...]) -> list[tuple[str, str]]:
    events = claim.events if isinstance(claim, Claim) else claim
    return [(event.type, event.run_id) for event in events]


def given_up(max_attempts: int, *, keep_steps: bool = False) -> ClaimRequest:
    return ClaimRequest(
        worker_id="w", job_names=("work",), lease_ms=1000, max_attempts=max_attempts, keep_steps=keep_steps
    )


# ---------------------------------------------------------------------- leases that run out


async def test_expired_run_waits_again(store: Store, clock: FakeClock) -> None:
    await enqueue(store, new_run("01"))
    await claim(store, request_for())
    clock.advance(1000)
    [event] = (await store.claim(BYSTANDER)).events
    assert (event.type, event.reason, event.attempt) == ("run:requeue", "expired", 1)  # type: ignore[attr-defined]
    run = await store.get_run("01")
    assert run is not None
    assert (run.status, run.lease_owner, run.lease_expires_at) == ("pending", None, None)
    assert (run.attempt, run.lease_generation, run.completed_at) == (1, 1, None)


async def test_lease_holds_to_its_last_millisecond(store: Store, clock: FakeClock) -> None:
    await enqueue(store, new_run("01"))
    await claim(store, request_for())
    clock.advance(999)
    assert await store.claim(request_for()) == Claim()
    clock.advance(1)
    assert told(await store.claim(request_for())) == [("run:requeue", "01"), ("run:leased", "01")]


async def test_runs_are_requeued_oldest_first(store: Store, clock: FakeClock) -> None:
    for run_id in ("03", "01", "02"):
        await enqueue(store, new_run(run_id))
        await claim(store, request_for())
    clock.advance(1000)
    assert told(await store.claim(BYSTANDER)) == [("run:requeue", run_id) for run_id in ("01", "02", "03")]


async def test_requeued_run_goes_before_its_sibling(store: Store, clock: FakeClock) -> None:
    await enqueue(store, new_run("01", concurrency_key="k"))
    await claim(store, request_for())
    await enqueue(store, new_run("02", concurrency_key="k"))
    clock.advance(1000)
    await store.claim(BYSTANDER)
    with pytest.raises(ConflictError):
        await enqueue(store, new_run("03", concurrency_key="k"))
    first = await claim(store, request_for())
    assert (first and first.run.id, await claim(store, request_for())) == ("01", None)
    await store.end_run(lease_of(first), completed(), Notes(), None)
    second = await claim(store, request_for())
    assert second is not None
    assert second.run.id == "02"


@pytest.mark.parametrize("coalesce", ["skip", "queue"])
async def test_trigger_is_not_merged_into_a_begun_run(store: Store, clock: FakeClock, coalesce: Any) -> None:
    await enqueue(store, new_run("01", concurrency_key="k"))
    await claim(store, request_for())
    clock.advance(1000)
    await store.claim(BYSTANDER)
    found = await enqueue(store, new_run("02", concurrency_key="k", coalesce=coalesce))
    assert (found.disposition, found.run.id) == ("created", "02")
    found = await enqueue(store, new_run("03", concurrency_key="k", coalesce=coalesce))
    assert (found.disposition, found.run.id) == ("coalesced", "02")


async def test_cancelled_run_is_never_requeued(store: Store, clock: FakeClock) -> None:
    await enqueue(store, new_run("01"))
    await claim(store, request_for())
    await store.cancel_run("01", keep_steps=True)
    clock.advance(1000)
    assert await store.claim(request_for()) == Claim()


# ---------------------------------------------------------------------- giving up


async def attempts(store: Store, clock: FakeClock, count: int, request: ClaimRequest) -> None:
    """Claim the run and die, so many times."""
    for _ in range(count):
        assert (await store.claim(request)).claimed is not None
        clock.advance(1000)


async def test_run_that_only_dies_is_given_up(store: Store, clock: FakeClock) -> None:
    await enqueue(store, new_run("01"))
    await attempts(store, clock, 3, given_up(3))
    assert told(await store.claim(given_up(3))) == [("run:fail", "01")]
    assert await store.claim(given_up(3)) == Claim()
    run = await store.get_run("01")
    assert run is not None
    assert run.error is not None
    assert (run.status, run.error.type, run.failed_step_name) == ("failed", "MaxAttemptsExceeded", None)
    assert "begun 3 times without finishing a step" in run.error.message
    assert (run.lease_owner, run.completed_at is None, run.attempt) == (None, False, 3)


async def test_one_attempt_less_goes_on(store: Store, clock: FakeClock) -> None:
    await enqueue(store, new_run("01"))
    await attempts(store, clock, 2, given_up(3))
    assert told(await store.claim(given_up(3))) == [("run:requeue", "01"), ("run:leased", "01")]


async def test_finished_step_starts_the_count_anew(store: Store, clock: FakeClock) -> None:
    await enqueue(store, new_run("01"))
    for number in range(5):
        claimed = await claim(store, given_up(2))
        await store.save_step(lease_of(claimed), new_step(f"step-{number}", number), Notes())
        clock.advance(1000)
        await attempts(store, clock, 1, given_up(2))
    run = await store.get_run("01")
    assert run is not None
    assert (run.status, run.attempt, run.attempts_since_step) == ("leased", 10, 1)


async def test_failed_step_does_not_reset_the_count(store: Store, clock: FakeClock) -> None:
    error = RunError(message="no", type="LookupError", traceback="")
    step = NewStep(name="s", index=0, status="failed", output=None, error=error, started_at=START_MS)
    await enqueue(store, new_run("01"))
    for _ in range(2):
        await store.save_step(lease_of(await claim(store, given_up(2))), step, Notes())
        clock.advance(1000)
    assert told(await store.claim(given_up(2))) == [("run:fail", "01")]


async def test_attempts_given_back_do_not_count(store: Store) -> None:
    await enqueue(store, new_run("01"))
    for _ in range(5):
        lease = lease_of(await claim(store, given_up(2)))
        assert (
            await store.end_run(lease, Ending(status="released", forgiven=True), Notes(), None)
        ).state == "held"
    run = await store.get_run("01")
    assert run is not None
    assert (run.status, run.attempt, run.attempts_since_step) == ("pending", 5, 0)


async def test_giving_back_does_not_forgive_deaths(store: Store, clock: FakeClock) -> None:
    await enqueue(store, new_run("01"))
    await attempts(store, clock, 1, given_up(2))
    lease = lease_of(await claim(store, given_up(2)))
    await store.end_run(lease, Ending(status="released", forgiven=True), Notes(), None)
    await attempts(store, clock, 1, given_up(2))
    assert told(await store.claim(given_up(2))) == [("run:fail", "01")]


@pytest.mark.parametrize("keep_steps", [True, False])
async def test_steps_of_a_given_up_run(store: Store, clock: FakeClock, keep_steps: bool) -> None:
    request = given_up(1, keep_steps=keep_steps)
    await enqueue(store, new_run("01"))
    await store.save_step(lease_of(await claim(store, request)), new_step(), Notes())
    clock.advance(1000)
    await attempts(store, clock, 1, request)
    assert told(await store.claim(request)) == [("run:fail", "01")]
    assert [step.name for step in await store.get_steps("01")] == (["first"] if keep_steps else [])


async def test_given_up_run_frees_its_key(store: Store, clock: FakeClock) -> None:
    await enqueue(store, new_run("01", concurrency_key="k"))
    await attempts(store, clock, 1, given_up(1))
    await enqueue(store, new_run("02", concurrency_key="k"))
    assert told(await store.claim(given_up(1))) == [("run:fail", "01"), ("run:leased", "02")]


async def test_who_waits_hears_that_it_was_given_up(make_engine: MakeEngine, clock: FakeClock) -> None:
    engine = make_engine(make_job(nothing), max_attempts=1)
    run = await engine.jobs.work.trigger({})
    waiting = asyncio.create_task(engine.wait_for_run(run.id))
    await engine.store.claim(request_for())
    clock.advance(1000)
    await turns()
    assert await engine.process_one() is False
    with pytest.raises(Exception, match="Given up") as caught:
        await within(waiting)
    assert caught.value.error_type == "MaxAttemptsExceeded"  # type: ignore[attr-defined]


# ---------------------------------------------------------------------- storage that fails


class Saving:
    """A job of two steps on a store that can be made to fail, and how often each step was called."""

    def __init__(self, make_engine: MakeEngine, probe: StoreProbe, **options: Any) -> None:
        self.calls: list[str] = []
        self.engine: Durably = make_engine(make_job(self.body, output=Total), store=probe.as_store, **options)
        self.heard = Heard(self.engine)

    async def body(self, step: StepContext, _input: Numbers) -> Total:
        for name in ("one", "two"):
            await step.run(name, self.calls.append, name)
        return Total(total=len(self.calls))


@pytest.mark.parametrize("broken", ["save_step", "end_run"])
async def test_healed_storage_gets_the_run_back(
    make_engine: MakeEngine, probe: StoreProbe, broken: str
) -> None:
    saving = Saving(make_engine, probe)
    probe.fail(broken)
    run = await saving.engine.jobs.work.trigger({})
    if broken == "end_run":
        with pytest.raises(StorageError):
            await within(saving.engine.process_one())
    else:
        await within(saving.engine.process_one())
    probe.heal()
    assert await within(saving.engine.process_until_idle()) == 1
    [requeue] = saving.heard.of("run:requeue")
    assert (requeue.reason, requeue.run_id) == ("released", run.id)
    assert (await ended(saving.engine, run.id)).status == "completed"
    assert saving.calls == (["one", "one", "two"] if broken == "save_step" else ["one", "two"])


async def test_faults_of_storage_do_not_use_up_attempts(make_engine: MakeEngine, probe: StoreProbe) -> None:
    saving = Saving(make_engine, probe, max_attempts=2)
    run = await saving.engine.jobs.work.trigger({})
    for _ in range(5):
        probe.fail("save_step")
        await within(saving.engine.process_one())
        probe.heal()
    await within(saving.engine.process_until_idle())
    assert ((await ended(saving.engine, run.id)).status, saving.heard.of("run:fail")) == ("completed", [])


async def test_run_cancelled_while_storage_failed(make_engine: MakeEngine, probe: StoreProbe) -> None:
    saving = Saving(make_engine, probe)
    probe.fail("save_step")
    run = await saving.engine.jobs.work.trigger({})
    await within(saving.engine.process_one())
    probe.heal()
    await saving.engine.cancel(run.id)
    assert await within(saving.engine.process_one()) is False
    assert ((await ended(saving.engine, run.id)).lease_owner, saving.heard.types[-1]) == (None, "run:stop")


async def test_run_taken_over_is_not_given_back(
    make_engine: MakeEngine, probe: StoreProbe, clock: FakeClock
) -> None:
    saving = Saving(make_engine, probe)
    probe.fail("save_step")
    run = await saving.engine.jobs.work.trigger({})
    await within(saving.engine.process_one())
    clock.advance(30_000)
    await make_engine().store.claim(request_for(worker_id="other", lease_ms=60_000))
    probe.heal()
    assert await within(saving.engine.process_one()) is False
    assert ((await ended(saving.engine, run.id)).lease_owner, saving.heard.of("run:requeue")) == ("other", [])


CONTEXTS = {
    "claim": "claim",
    "save_step": "step-checkpoint",
    "end_run": "run-completion",
    "renew_lease": "lease-renewal",
    "save_notes": "notes",
}


@pytest.mark.parametrize(("broken", "context"), CONTEXTS.items())
async def test_fault_says_what_was_being_done(
    make_engine: MakeEngine, probe: StoreProbe, broken: str, context: str
) -> None:
    gate = Gate()

    async def body(step: StepContext, _input: Numbers) -> None:
        step.log.info("to be kept")
        if broken in ("renew_lease", "save_notes"):
            await gate()
        await step.run("save", lambda: None)

    renew_ms = 1 if broken in ("renew_lease", "save_notes") else 5000
    engine = make_engine(make_job(body), store=probe.as_store, lease_renew_interval_ms=renew_ms)
    heard = Heard(engine)
    probe.fail(broken)
    run = await engine.jobs.work.trigger({})
    engine.start()
    error = await heard.until("worker:error")
    gate.open()
    assert (error.error, error.context) == ("The disk is gone.", context)
    assert error.run_id == (None if broken == "claim" else run.id)


@pytest.mark.parametrize("broken", ["save_step", "end_run", "claim"])
async def test_failing_storage_is_not_asked_again_and_again(
    make_engine: MakeEngine, probe: StoreProbe, broken: str
) -> None:
    saving = Saving(make_engine, probe)
    probe.fail(broken)
    saving.engine.start()
    await saving.engine.jobs.work.trigger({})
    await saving.heard.until("worker:error")
    probe.calls.clear()
    for _ in range(20):
        await saving.engine.jobs.work.trigger({})
    await turns(200)
    assert [call for call in probe.calls if call != "enqueue"] == []


# ---------------------------------------------------------------------- the only process there is


async def test_exclusive_start_takes_back_what_died(make_engine: MakeEngine, store: Store) -> None:
    for run_id in ("01", "02", "03"):
        await enqueue(store, new_run(run_id))
        await claim(store, request_for())
    await store.cancel_run("02", keep_steps=True)
    engine = make_engine(make_job(nothing), exclusive=True)
    heard = Heard(engine)
    await engine.migrate()
    assert [(event.type, event.run_id) for event in heard.events] == [
        ("run:requeue", "01"),
        ("run:requeue", "03"),
        ("run:stop", "02"),
    ]
    assert [run.lease_owner for run in await engine.get_runs()] == [None, None, None]
    assert await within(engine.process_until_idle()) == 2


async def test_exclusive_start_gives_up_what_only_dies(make_engine: MakeEngine, store: Store) -> None:
    await enqueue(store, new_run("01"))
    await claim(store, request_for())
    engine = make_engine(make_job(nothing), exclusive=True, max_attempts=1)
    heard = Heard(engine)
    await engine.migrate()
    assert (heard.types, (await ended(engine, "01")).status) == (["run:fail"], "failed")


async def test_exclusive_engine_keeps_its_own_leases(make_engine: MakeEngine) -> None:
    gate = Gate()

    async def body(_step: StepContext, _input: Numbers) -> None:
        await gate()

    engine = make_engine(make_job(body), exclusive=True)
    heard = Heard(engine)
    await engine.init()
    await engine.jobs.work.trigger({})
    await gate.until_reached()
    await engine.init()
    gate.open()
    await heard.until("run:complete")
    assert heard.types == ["run:trigger", "run:leased", "run:complete"]


async def test_shared_start_respects_leases(make_engine: MakeEngine, store: Store) -> None:
    await enqueue(store, new_run("01"))
    await claim(store, request_for())
    engine = make_engine(make_job(nothing))
    await engine.migrate()
    assert (await engine.process_one(), (await ended(engine, "01")).status) == (False, "leased")


async def test_death_at_each_step_still_completes(make_engine: MakeEngine, clock: FakeClock) -> None:
    gates = {name: Gate() for name in "abcd"}
    calls: list[str] = []

    async def pass_gate(name: str) -> None:
        calls.append(name)
        await gates[name]()

    async def body(step: StepContext, _input: Numbers) -> None:
        for name in "abcd":
            await step.run(name, pass_gate, name)

    run_id = (await make_engine(job := make_job(body)).jobs.work.trigger({})).id
    for gate in gates.values():
        engine = make_engine(job, max_attempts=2)
        executing = asyncio.create_task(engine.process_one())
        await gate.until_reached()
        await die(executing)
        gate.open()
        clock.advance(30_000)
    engine = make_engine(job, max_attempts=2)
    await within(engine.process_one())
    assert ((await ended(engine, run_id)).status, "".join(calls)) == ("completed", "aabbccdd")


# ---------------------------------------------------------------------- runs that were left behind


class LeftBehind:
    """Runs whose last writes were refused, so that their leases are still held here."""

    def __init__(self, make_engine: MakeEngine, probe: StoreProbe) -> None:
        self.probe, self.gate = probe, Gate()
        self.engine = make_engine(make_job(self.body), store=probe.as_store)
        self.heard = Heard(self.engine)

    async def body(self, step: StepContext, input: Numbers) -> None:
        if input.count == 0:
            await self.gate()
        await step.run("one", lambda: 1)

    async def leave(self) -> None:
        await self.engine.jobs.work.trigger({})
        self.probe.fail("end_run")
        with pytest.raises(StorageError):
            await within(self.engine.process_one())
        self.probe.heal()

    async def settle(self, runs: int) -> None:
        await within(self.engine.process_until_idle())
        assert len(await self.engine.get_runs(status="completed")) == runs
        assert {event.reason for event in self.heard.of("run:requeue")} == {"released"}


async def test_run_left_while_another_is_given_back(make_engine: MakeEngine, probe: StoreProbe) -> None:
    left = LeftBehind(make_engine, probe)
    await left.engine.jobs.work.trigger({"count": 0})
    executing = asyncio.create_task(left.engine.process_one())
    await left.gate.until_reached()
    await left.leave()
    probe.before["end_run"] = giving_back = Gate()
    next_one = asyncio.create_task(left.engine.process_one())
    await giving_back.until_reached()
    probe.fail("save_step")
    left.gate.open()
    await within(executing)
    probe.heal()
    giving_back.open()
    await within(next_one)
    await left.settle(2)


async def test_two_callers_give_a_run_back_once(make_engine: MakeEngine, probe: StoreProbe) -> None:
    left = LeftBehind(make_engine, probe)
    await left.leave()
    await within(asyncio.gather(left.engine.process_one(), left.engine.process_one()))
    await left.settle(1)
    assert len(left.heard.of("run:requeue")) == 1


async def test_run_cancelled_as_its_last_write_fails(make_engine: MakeEngine, probe: StoreProbe) -> None:
    async def cancel_and_fail() -> None:
        del probe.before["end_run"]
        await other.cancel(first.id)
        raise StorageError("The disk is gone.")

    engine, other = make_engine(make_job(nothing), store=probe.as_store), make_engine()
    heard = Heard(engine)
    probe.before["end_run"] = cancel_and_fail
    first, second = await engine.jobs.work.batch_trigger([{}, {}])
    with pytest.raises(StorageError):
        await within(engine.process_one())
    await within(engine.process_until_idle())
    assert [event.run_id for event in heard.of("run:stop")] == [first.id]
    assert [run.id for run in await engine.get_runs(status="completed")] == [second.id]
    await engine.delete_run(first.id)


async def test_stranger_gives_up_no_unknown_run(
    make_engine: MakeEngine, clock: FakeClock, store: Store
) -> None:
    engine = make_engine(make_job(nothing))
    run = await engine.jobs.work.trigger({})
    lease = lease_of(await claim(store, request_for()))
    await store.save_step(lease, new_step(), Notes())
    for _ in range(2):
        clock.advance(1000)
        await claim(store, request_for())
    clock.advance(1000)
    stranger = make_engine(make_job(nothing, name="other"), max_attempts=1, preserve_steps=False)
    assert await stranger.process_one() is False
    assert ((await ended(engine, run.id)).status, len(await engine.get_steps(run.id))) == ("pending", 1)
