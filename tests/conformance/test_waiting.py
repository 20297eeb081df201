"""Waiting for a run: its output or why there is none, and nothing left behind."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from durably_core import (
    CancelledError,
    Durably,
    NotFoundError,
    RunFailedError,
    RunResult,
    SQLiteStore,
    StepContext,
    StorageError,
    Store,
    ValidationError,
    WaitTimeoutError,
)
from tests.conftest import (
    PATIENCE_S,
    Gate,
    Heard,
    MakeEngine,
    Numbers,
    StoreProbe,
    Total,
    die,
    ended,
    make_job,
    nothing,
    run_to_end,
    turns,
    until_only,
    within,
)


async def double(_step: StepContext, input: Numbers) -> Total:
    return Total(total=input.count * 2)


async def break_down(step: StepContext, _input: Numbers) -> None:
    def divide() -> None:
        raise ZeroDivisionError("by nothing")

    await step.run("divide", divide)


doubling = make_job(double, output=Total)
breaking = make_job(break_down)


def left_behind(engine: Durably) -> int:
    """Waiters, pollers and listeners that an engine still has."""
    waiting, bus = engine.waiting, engine._bus
    listeners = sum(map(len, bus._listeners.values())) + len(bus._stored_listeners)
    return listeners + len(waiting._waiters) + (waiting._poller is not None)


async def wait_for(engine: Durably, run_id: str, **options: Any) -> "asyncio.Task[Any]":
    """A task that waits for the run by now."""
    waiting = asyncio.create_task(engine.wait_for_run(run_id, **options))
    async with asyncio.timeout(PATIENCE_S):
        await turns()
        # It has looked at the run, which on a server takes as long as it takes.
        while not all(waiter.idle for waiter in engine.waiting._waiters):
            await turns()
    return waiting


# ---------------------------------------------------------------------- outcomes


async def test_output_is_an_instance_of_its_model(make_engine: MakeEngine) -> None:
    engine = make_engine(doubling)
    engine.start()
    result = await within(engine.jobs.work.trigger_and_wait({"count": 4}))
    assert isinstance(result.output, Total)
    assert (result.output, result.disposition) == (Total(total=8), "created")
    assert (await ended(engine, result.id)).output == {"total": 8}


async def test_falsy_output_is_an_output(make_engine: MakeEngine) -> None:
    engine = make_engine(doubling)
    engine.start()
    assert (await within(engine.jobs.work.trigger_and_wait({"count": 0}))).output == Total(total=0)


async def test_job_without_output_returns_none(make_engine: MakeEngine) -> None:
    engine = make_engine(make_job(nothing))
    engine.start()
    result = await within(engine.jobs.work.trigger_and_wait({}))
    assert (result.output, (await within(engine.wait_for_run(result.id))).status) == (None, "completed")


async def test_failed_run_raises_why_it_failed(make_engine: MakeEngine) -> None:
    engine = make_engine(breaking)
    engine.start()
    with pytest.raises(RunFailedError, match="by nothing") as caught:
        await within(engine.jobs.work.trigger_and_wait({}))
    error = caught.value
    assert (error.error_type, error.failed_step_name) == ("ZeroDivisionError", "divide")
    assert "in divide\n" in error.traceback
    assert (await ended(engine, error.run_id)).status == "failed"


async def test_cancelled_run_raises_cancelled_error(make_engine: MakeEngine) -> None:
    engine = make_engine(doubling)
    run = await engine.jobs.work.trigger({})
    waiting = await wait_for(engine, run.id)
    await engine.cancel(run.id)
    with pytest.raises(CancelledError, match=run.id):
        await within(waiting)


async def test_unknown_run_is_not_waited_for(make_engine: MakeEngine) -> None:
    with pytest.raises(NotFoundError, match="nowhere"):
        await within(make_engine().wait_for_run("nowhere"))


async def test_run_deleted_meanwhile_is_not_found(make_engine: MakeEngine, probe: StoreProbe) -> None:
    engine = make_engine(doubling, store=probe.as_store)
    run = await engine.jobs.work.trigger({})
    waiting = await wait_for(engine, run.id)
    reading = Gate()
    probe.before["get_run"] = reading
    await engine.cancel(run.id)
    await reading.until_reached()
    await engine.delete_run(run.id)
    reading.open()
    with pytest.raises(NotFoundError):
        await within(waiting)


async def test_ended_run_settles_with_one_look(make_engine: MakeEngine, probe: StoreProbe) -> None:
    engine = make_engine(doubling, store=probe.as_store)
    run = await run_to_end(engine, doubling)
    probe.calls.clear()
    assert (await within(engine.wait_for_run(run.id, timeout_ms=0))).output == {"total": 6}
    assert probe.calls.count("get_run") == 1


async def test_ended_run_raises_its_end_again(make_engine: MakeEngine) -> None:
    engine = make_engine(breaking)
    run = await run_to_end(engine, breaking)
    for _ in range(2):
        with pytest.raises(RunFailedError):
            await within(engine.wait_for_run(run.id))


# ---------------------------------------------------------------------- timeouts and intervals


@pytest.mark.parametrize("timeout_ms", [0, -5, 1])
async def test_timeout_leaves_the_run_going_on(make_engine: MakeEngine, timeout_ms: int) -> None:
    engine = make_engine(doubling)
    run = await engine.jobs.work.trigger({})
    with pytest.raises(WaitTimeoutError, match=f"{run.id} has not ended within {timeout_ms} ms"):
        await within(engine.wait_for_run(run.id, timeout_ms=timeout_ms))
    await within(engine.process_until_idle())
    assert (await ended(engine, run.id)).status == "completed"


async def test_timeout_of_a_caller_stays_its_own(make_engine: MakeEngine) -> None:
    engine = make_engine(doubling)
    run = await engine.jobs.work.trigger({})
    with pytest.raises(TimeoutError) as caught:
        async with asyncio.timeout(0):
            await engine.wait_for_run(run.id, timeout_ms=3_600_000)
    assert not isinstance(caught.value, WaitTimeoutError)


async def test_timeout_of_a_store_stays_its_own(make_engine: MakeEngine, probe: StoreProbe) -> None:
    async def time_out() -> None:
        raise TimeoutError("of the store")

    engine = make_engine(doubling, store=probe.as_store)
    run = await engine.jobs.work.trigger({})
    waiting = await wait_for(engine, run.id, timeout_ms=3_600_000)
    probe.before["get_run"] = time_out
    await engine.cancel(run.id)
    with pytest.raises(TimeoutError, match="of the store"):
        await within(waiting)


@pytest.mark.parametrize("interval", [0, -1, 1.5, True, "1"])
async def test_impossible_polling_interval_is_refused(make_engine: MakeEngine, interval: Any) -> None:
    engine = make_engine(doubling)
    run = await run_to_end(engine, doubling)
    with pytest.raises(ValidationError, match="polling_interval_ms"):
        await engine.wait_for_run(run.id, polling_interval_ms=interval)


# ---------------------------------------------------------------------- which run is waited for


async def test_idempotent_trigger_waits_for_the_first(make_engine: MakeEngine) -> None:
    engine = make_engine(doubling)
    first = await engine.jobs.work.trigger({"count": 1}, idempotency_key="k")
    engine.start()
    result = await within(engine.jobs.work.trigger_and_wait({"count": 2}, idempotency_key="k"))
    assert (result.id, result.output, result.disposition) == (first.id, Total(total=2), "idempotent")


@pytest.mark.parametrize(("coalesce", "total"), [("skip", 2), ("queue", 4)])
async def test_coalesced_trigger_waits_for_the_waiting(
    make_engine: MakeEngine, probe: StoreProbe, coalesce: Any, total: int
) -> None:
    engine = make_engine(doubling, store=probe.as_store)
    first = await engine.jobs.work.trigger({"count": 1}, concurrency_key="k")
    probe.after["enqueue"] = coalesced = Gate()
    coalesced.open()
    waiting = asyncio.create_task(
        engine.jobs.work.trigger_and_wait({"count": 2}, concurrency_key="k", coalesce=coalesce)
    )
    await coalesced.until_reached()
    engine.start()
    result: RunResult[Any] = await within(waiting)
    assert (result.id, result.output, result.disposition) == (first.id, Total(total=total), "coalesced")


# ---------------------------------------------------------------------- progress and logs


async def speak(step: StepContext, _input: Numbers) -> Total:
    step.progress(1, 2, "half")
    step.log.warn("careful")
    return Total(total=1)


speaking = make_job(speak, output=Total)


async def test_progress_and_logs_are_told_live(make_engine: MakeEngine) -> None:
    gate = Gate()
    heard: list[tuple[Any, ...]] = []

    async def body(step: StepContext, _input: Numbers) -> None:
        step.progress(1, 2, "half")
        step.log.warn("careful", data={"n": 1})
        await gate()

    engine = make_engine(make_job(body))
    run = await engine.jobs.work.trigger({})
    waiting = await wait_for(
        engine,
        run.id,
        on_progress=lambda progress: heard.append((progress.current, progress.message)),
        on_log=lambda event: heard.append((event.level, event.message, event.data)),
    )
    engine.start()
    await gate.until_reached()
    assert heard == [(1, "half"), ("warn", "careful", {"n": 1})]
    gate.open()
    await within(waiting)


async def test_other_runs_are_not_told(make_engine: MakeEngine) -> None:
    heard: list[Any] = []
    engine = make_engine(speaking)
    other = await engine.jobs.work.trigger({})
    run = await engine.jobs.work.trigger({})
    waiting = await wait_for(engine, run.id, on_progress=heard.append, on_log=heard.append)
    await within(engine.process_one())
    assert ((await ended(engine, other.id)).status, heard) == ("completed", [])
    await within(engine.process_one())
    await within(waiting)
    assert len(heard) == 2


def raise_at_once(_what: Any) -> None:
    raise LookupError("a listener's fault")


async def raise_later(_what: Any) -> None:
    raise LookupError("a listener's fault")


@pytest.mark.parametrize("callback", [raise_at_once, raise_later])
async def test_raising_callbacks_disturb_nothing(make_engine: MakeEngine, callback: Any) -> None:
    engine = make_engine(speaking)
    errors: list[str] = []
    engine.on_error(lambda _error, event: errors.append(event.type))
    run = await engine.jobs.work.trigger({})
    waiting = await wait_for(engine, run.id, on_progress=callback, on_log=callback)
    await within(engine.process_one())
    assert (await within(waiting)).output == {"total": 1}
    assert errors == ["run:progress", "log:write"]


# ---------------------------------------------------------------------- nothing is left behind


Ending = Callable[[Durably, str], Awaitable[Any]]


async def execute(engine: Durably, _run_id: str) -> None:
    await engine.process_until_idle()


async def cancel(engine: Durably, run_id: str) -> None:
    await engine.cancel(run_id)


async def cancel_and_delete(engine: Durably, run_id: str) -> None:
    await engine.cancel(run_id)
    await engine.delete_run(run_id)


@pytest.mark.parametrize("job", [doubling, breaking], ids=["completed", "failed"])
@pytest.mark.parametrize("ending", [execute, cancel, cancel_and_delete])
async def test_settled_waiter_leaves_nothing_behind(make_engine: MakeEngine, job: Any, ending: Ending) -> None:
    engine = make_engine(job)
    run = await engine.jobs.work.trigger({})
    waiting = await wait_for(engine, run.id, on_progress=print, on_log=print)
    assert left_behind(engine) == 5
    await within(ending(engine, run.id))
    await within(asyncio.wait([waiting]))
    await turns()
    assert left_behind(engine) == 0


@pytest.mark.parametrize("options", [{"timeout_ms": 0}, {"polling_interval_ms": 0}, {"run_id": "nowhere"}])
async def test_refused_waiter_leaves_nothing_behind(make_engine: MakeEngine, options: dict[str, Any]) -> None:
    engine = make_engine(doubling)
    run = await engine.jobs.work.trigger({})
    with pytest.raises((WaitTimeoutError, ValidationError, NotFoundError)):
        await within(engine.wait_for_run(**({"run_id": run.id} | options)))
    assert left_behind(engine) == 0


async def test_cancelled_waiter_leaves_nothing_behind(make_engine: MakeEngine) -> None:
    engine = make_engine(doubling)
    run = await engine.jobs.work.trigger({})
    tasks_before = asyncio.all_tasks()
    waiting = await wait_for(engine, run.id)
    waiting.cancel()
    await asyncio.wait([waiting])
    assert (waiting.cancelled(), left_behind(engine)) == (True, 0)
    await until_only(tasks_before)


async def test_leaving_waiter_takes_no_one_along(make_engine: MakeEngine) -> None:
    engine = make_engine(doubling, polling_interval_ms=1)
    run = await make_engine(doubling).jobs.work.trigger({})
    leaving, staying = await wait_for(engine, run.id), await wait_for(engine, run.id)
    leaving.cancel()
    await asyncio.wait([leaving])
    await within(make_engine(doubling).process_one())
    assert (await within(staying)).status == "completed"


# ---------------------------------------------------------------------- what other engines do


@pytest.mark.parametrize(
    ("ending", "error"),
    [(cancel, CancelledError), (cancel_and_delete, NotFoundError)],
    ids=["cancel", "delete"],
)
async def test_end_elsewhere_is_seen_by_polling(
    make_engine: MakeEngine, probe: StoreProbe, ending: Ending, error: type[Exception]
) -> None:
    polling = Gate()
    probe.before["find_changed"] = polling
    engine, other = make_engine(doubling, store=probe.as_store, polling_interval_ms=1), make_engine(doubling)
    run = await other.jobs.work.trigger({})
    waiting = await wait_for(engine, run.id)
    await polling.until_reached()
    await within(ending(other, run.id))
    polling.open()
    with pytest.raises(error):
        await within(waiting)


async def test_output_from_elsewhere_is_the_same(make_engine: MakeEngine, probe: StoreProbe) -> None:
    engine, other = make_engine(doubling, store=probe.as_store, polling_interval_ms=1), make_engine(doubling)
    probe.after["enqueue"] = triggered = Gate()
    triggered.open()
    waiting = asyncio.create_task(engine.jobs.work.trigger_and_wait({"count": 4}))
    await triggered.until_reached()
    await within(other.process_until_idle())
    assert (await within(waiting)).output == Total(total=8)


async def test_interval_of_the_waiter_goes_first(make_engine: MakeEngine) -> None:
    engine = make_engine(doubling)
    run = await engine.jobs.work.trigger({})
    waiting = await wait_for(engine, run.id, polling_interval_ms=1)
    await within(make_engine(doubling).process_one())
    assert (await within(waiting)).output == {"total": 6}


async def test_one_poll_serves_all_who_wait(make_engine: MakeEngine, probe: StoreProbe) -> None:
    polling = Gate()
    engine = make_engine(doubling, store=probe.as_store, polling_interval_ms=1)
    runs = [await engine.jobs.work.trigger({}) for _ in range(20)]
    waiting = [await wait_for(engine, run.id) for run in runs]
    probe.before["find_changed"] = polling
    await polling.until_reached()
    probe.calls.clear()
    await turns()
    assert "find_changed" not in probe.calls
    polling.open()
    await within(make_engine(doubling).process_until_idle())
    assert [(await within(each)).status for each in waiting] == ["completed"] * 20


async def test_unrelated_events_cost_no_look(make_engine: MakeEngine, probe: StoreProbe, store: Store) -> None:
    engine = make_engine(doubling, store=probe.as_store)
    run = await engine.jobs.work.trigger({})
    waiting = await wait_for(engine, run.id)
    # Where other processes are heard of, it looks once more as soon as it listens to them.
    await probe.until_answered("get_run", 1 if isinstance(store, SQLiteStore) else 2)
    await turns()
    probe.calls.clear()
    for _ in range(3):
        await engine.cancel((await engine.jobs.work.trigger({})).id)
    await turns()
    # The first of all changes of a file is taken for another process's, and may be seen at any time.
    assert probe.calls.count("get_run") <= (1 if isinstance(store, SQLiteStore) else 0)
    await engine.cancel(run.id)
    with pytest.raises(CancelledError):
        await within(waiting)


async def test_unrelated_events_elsewhere_cost_no_look(make_engine: MakeEngine, probe: StoreProbe) -> None:
    polls, polled = 0, asyncio.Event()

    async def count() -> None:
        nonlocal polls
        polls += 1
        if polls >= 3:
            polled.set()

    engine, other = make_engine(doubling, store=probe.as_store, polling_interval_ms=1), make_engine(doubling)
    waiting = await wait_for(engine, (await other.jobs.work.trigger({})).id)
    probe.after["find_changed"] = count
    await within(polled.wait())
    await turns()
    for _ in range(3):
        await other.jobs.work.trigger({})
    probe.calls.clear()
    polls = 0
    polled.clear()
    await within(polled.wait())
    await turns()
    assert "get_run" not in probe.calls
    await within(other.process_one())
    assert (await within(waiting)).status == "completed"


async def test_run_that_ends_during_first_look(make_engine: MakeEngine, probe: StoreProbe) -> None:
    looked = Gate()
    engine = make_engine(doubling, store=probe.as_store)
    run = await engine.jobs.work.trigger({})
    probe.after["get_run"] = looked
    waiting = asyncio.create_task(engine.wait_for_run(run.id))
    await looked.until_reached()
    heard = Heard(engine)
    engine.start()
    await heard.until("run:complete")
    looked.open()
    assert (await within(waiting)).status == "completed"


# ---------------------------------------------------------------------- a store that fails


async def test_waiting_survives_a_failing_look(make_engine: MakeEngine, probe: StoreProbe) -> None:
    failed = asyncio.Event()

    async def fail_thrice() -> None:
        if probe.calls.count("find_changed") > 3:
            failed.set()
            return
        raise StorageError("The disk is gone.")

    engine = make_engine(doubling, store=probe.as_store, polling_interval_ms=1)
    run = await engine.jobs.work.trigger({})
    probe.before["find_changed"] = fail_thrice
    waiting = await wait_for(engine, run.id)
    await within(failed.wait())
    await within(make_engine(doubling).process_until_idle())
    assert (await within(waiting)).status == "completed"


async def follow(engine: Durably, run_id: str) -> None:
    async for _event in engine.subscribe(run_id):
        pass


@pytest.mark.parametrize("closing", ["engine", "store"])
@pytest.mark.parametrize("how", [follow, Durably.wait_for_run])
async def test_closed_store_ends_those_who_wait(
    make_engine: MakeEngine, how: Callable[[Durably, str], Awaitable[object]], closing: str
) -> None:
    engine = make_engine(doubling, polling_interval_ms=3_600_000 if closing == "engine" else 1)
    run = await engine.jobs.work.trigger({})
    waiting = asyncio.ensure_future(how(engine, run.id))
    await turns()
    await within(engine.close() if closing == "engine" else engine.store.close())
    with pytest.raises(StorageError):
        await within(waiting)
    assert left_behind(engine) == 0


async def test_poller_that_died_is_replaced(make_engine: MakeEngine) -> None:
    engine = make_engine(doubling, polling_interval_ms=1)
    run = await engine.jobs.work.trigger({})
    first = await wait_for(engine, run.id)
    assert engine.waiting._poller is not None
    await die(engine.waiting._poller)
    second = await wait_for(engine, run.id)
    await within(make_engine(doubling).process_until_idle())
    assert [(await within(each)).status for each in (first, second)] == ["completed"] * 2


@pytest.mark.parametrize("timeout_ms", ["abc", 1.5, True])
async def test_impossible_patience_is_refused(make_engine: MakeEngine, timeout_ms: Any) -> None:
    engine = make_engine(doubling)
    run = await engine.jobs.work.trigger({})
    with pytest.raises(ValidationError, match="timeout_ms"):
        await within(engine.wait_for_run(run.id, timeout_ms=timeout_ms))
