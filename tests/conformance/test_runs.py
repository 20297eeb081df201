"""Lists of runs, and what is kept of a run that has ended."""

from typing import Any

import pytest

from durably_core import ConflictError, NotFoundError, StepContext, Store, ValidationError
from durably_core.store.base import Ending, Notes
from tests.conftest import (
    FakeClock,
    Gate,
    Heard,
    MakeEngine,
    Numbers,
    claim,
    ended,
    enqueue,
    lease_of,
    make_job,
    new_run,
    new_step,
    nothing,
    request_for,
    run_to_end,
)


async def noisy(step: StepContext, input: Numbers) -> None:
    step.log.info("hello")
    await step.run("one", lambda: 1)
    if input.count == 0:
        await step.run("two", lambda: 1 // 0)


@pytest.fixture
async def five(store: Store) -> list[str]:
    """Runs 01 to 05: 01 is leased, 02 is cancelled, 04 is of another job."""
    for number in range(1, 6):
        await enqueue(store, new_run(f"0{number}", job_name="other" if number == 4 else "work"))
    await claim(store, request_for())
    await store.cancel_run("02", keep_steps=True)
    return [f"0{number}" for number in range(5, 0, -1)]


@pytest.mark.parametrize(
    ("filter", "expected"),
    [
        ({}, "05 04 03 02 01"),
        ({"limit": 2}, "05 04"),
        ({"limit": 2, "offset": 2}, "03 02"),
        ({"offset": 3}, "02 01"),
        ({"limit": 0}, ""),
        ({"offset": 9}, ""),
        ({"status": "leased"}, "01"),
        ({"status": ["leased", "cancelled"]}, "02 01"),
        ({"status": []}, ""),
        ({"job_name": "other"}, "04"),
        ({"job_name": ["other", "work"], "status": "pending"}, "05 04 03"),
        ({"job_name": "none"}, ""),
        ({"summary": True, "status": "pending", "limit": 1}, "05"),
    ],
    ids=str,
)
async def test_runs_are_listed_newest_first(
    make_engine: MakeEngine, five: list[str], filter: dict[str, Any], expected: str
) -> None:
    runs = await make_engine(make_job(nothing)).get_runs(**filter)
    assert [run.id for run in runs] == expected.split()


@pytest.mark.parametrize(
    "filter", [{"limit": -1}, {"offset": -1}, {"offset": 2**63}, {"limit": 2**70}], ids=str
)
async def test_impossible_pages_are_refused(make_engine: MakeEngine, filter: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        await make_engine(make_job(nothing)).get_runs(**filter)


async def test_summary_leaves_payloads_out(make_engine: MakeEngine) -> None:
    engine = make_engine(job := make_job(nothing))
    await run_to_end(engine, job, {"count": 5})
    [summary], [full] = await engine.get_runs(summary=True), await engine.get_runs()
    assert (summary.input, summary.output, full.input) == (None, None, {"count": 5})
    assert "input" not in summary.to_wire(summary=True)


async def test_unknown_run_is_none(make_engine: MakeEngine) -> None:
    assert await make_engine(make_job(nothing)).get_run("nope") is None


async def test_preserved_run_keeps_steps_and_logs(make_engine: MakeEngine) -> None:
    run = await run_to_end(engine := make_engine(job := make_job(noisy)), job)
    assert (len(await engine.get_steps(run.id)), len(await engine.get_logs(run.id))) == (1, 1)


@pytest.mark.parametrize("count", [0, 1], ids=["failed", "completed"])
async def test_no_steps_are_left_of_an_ended_run(make_engine: MakeEngine, count: int) -> None:
    engine = make_engine(job := make_job(noisy), preserve_steps=False)
    run = await run_to_end(engine, job, {"count": count})
    assert await engine.get_steps(run.id) == []
    assert (run.completed_step_count, run.failed_step_name) == (1, None if count else "two")


async def test_no_steps_are_left_of_a_cancelled_run(make_engine: MakeEngine) -> None:
    gate = Gate()

    async def body(step: StepContext, input: Numbers) -> None:
        if input.count == 0:
            await noisy(step, Numbers(count=1))
            await gate()

    engine = make_engine(make_job(body), preserve_steps=False)
    heard = Heard(engine)
    engine.start()
    run = await engine.jobs.work.trigger({"count": 0})
    await gate.until_reached()
    await engine.cancel(run.id)
    await engine.jobs.work.trigger({})
    await heard.until("run:complete")
    assert await engine.get_steps(run.id) == []


async def test_nothing_is_left_when_owner_was_dead(store: Store) -> None:
    await enqueue(store, new_run("01"))
    lease = lease_of(await claim(store, request_for()))
    await store.save_step(lease, new_step(), Notes())
    await store.cancel_run("01", keep_steps=False)
    assert await store.get_steps("01") == []


async def test_nothing_is_left_when_attempt_two_completes(store: Store, clock: FakeClock) -> None:
    await enqueue(store, new_run("01"))
    await store.save_step(lease_of(await claim(store, request_for())), new_step(), Notes())
    clock.advance(1000)
    second = lease_of(await claim(store, request_for()))
    await store.end_run(second, Ending(status="completed", keep_steps=False), Notes(), None)
    assert await store.get_steps("01") == []


async def test_retrigger_makes_a_new_run(make_engine: MakeEngine) -> None:
    engine = make_engine(job := make_job(nothing))
    heard = Heard(engine)
    keys: dict[str, Any] = {"concurrency_key": "k", "idempotency_key": "i", "labels": {"a": "b"}}
    old = await run_to_end(engine, job, {"count": 7}, **keys)
    new = await engine.retrigger(old.id)
    assert (new.status, new.input, new.labels, new.concurrency_key) == (
        "pending",
        {"count": 7},
        {"a": "b"},
        "k",
    )
    assert (new.id == old.id, new.idempotency_key) == (False, None)
    assert [event.run_id for event in heard.of("run:trigger")] == [old.id, new.id]
    assert await ended(engine, old.id) == old


@pytest.mark.parametrize("status", ["pending", "leased"])
async def test_only_ended_runs_are_retriggered(make_engine: MakeEngine, store: Store, status: str) -> None:
    await enqueue(store, new_run("01"))
    if status == "leased":
        await claim(store, request_for())
    with pytest.raises(ConflictError, match=f"it is {status}"):
        await make_engine(make_job(nothing)).retrigger("01")


async def test_retrigger_of_nothing_is_not_found(make_engine: MakeEngine, store: Store) -> None:
    engine = make_engine(make_job(nothing))
    with pytest.raises(NotFoundError):
        await engine.retrigger("nope")
    await enqueue(store, new_run("01", job_name="gone"))
    await store.cancel_run("01", keep_steps=True)
    with pytest.raises(NotFoundError, match="no job 'gone' any more"):
        await engine.retrigger("01")


async def test_retrigger_checks_todays_model(make_engine: MakeEngine) -> None:
    class Newer(Numbers):
        name: str

    old = await run_to_end(make_engine(job := make_job(nothing)), job)
    with pytest.raises(ValidationError, match="name: Field required"):
        await make_engine(make_job(nothing, input=Newer)).retrigger(old.id)


async def test_delete_takes_steps_and_logs_along(make_engine: MakeEngine) -> None:
    engine = make_engine(job := make_job(noisy))
    heard = Heard(engine)
    run = await run_to_end(engine, job, labels={"a": "b"})
    await engine.delete_run(run.id)
    assert (await engine.get_run(run.id), await engine.get_runs()) == (None, [])
    assert (await engine.get_steps(run.id), await engine.get_logs(run.id)) == ([], [])
    event = heard.of("run:delete")[0]
    assert (event.run_id, event.job_name, event.labels) == (run.id, "work", {"a": "b"})


@pytest.mark.parametrize("status", ["pending", "leased"])
async def test_only_ended_runs_are_deleted(make_engine: MakeEngine, store: Store, status: str) -> None:
    await enqueue(store, new_run("01"))
    if status == "leased":
        await claim(store, request_for())
    engine = make_engine(make_job(nothing))
    with pytest.raises(ConflictError, match=f"it is {status}"):
        await engine.delete_run("01")
    assert (await ended(engine, "01")).status == status


async def test_stopping_run_is_deleted_later(make_engine: MakeEngine, store: Store, clock: FakeClock) -> None:
    engine = make_engine(make_job(nothing))
    await enqueue(store, new_run("01"))
    await claim(store, request_for())
    await engine.cancel("01")
    with pytest.raises(ConflictError, match="its code has not stopped yet"):
        await engine.delete_run("01")
    clock.advance(1000)
    await engine.delete_run("01")
    assert await engine.get_run("01") is None


async def test_unknown_run_cannot_be_deleted(make_engine: MakeEngine) -> None:
    with pytest.raises(NotFoundError):
        await make_engine(make_job(nothing)).delete_run("nope")
