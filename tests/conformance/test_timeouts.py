"""What takes longer than it may is stopped: a step's function, or one attempt at a run."""

import asyncio
import contextlib
import math
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from durably_core import (
    RunFailedError,
    RunTimeoutError,
    StepContext,
    StepTimeoutError,
    Transaction,
    ValidationError,
    WaitTimeoutError,
    define_job,
)
from durably_core.abort import RunStopped
from tests.conftest import (
    FakeClock,
    Gate,
    Heard,
    MakeEngine,
    Numbers,
    Total,
    die,
    ended,
    make_job,
    nothing,
    run_to_end,
    turns,
    within,
)

SOON_MS = 5
NEVER_MS = 3_600_000


async def wait_for_ever() -> int:
    await asyncio.Event().wait()
    return 0


async def caught(step: StepContext, name: str, function: Callable[[], Awaitable[Any]]) -> BaseException | None:
    """What a step with a short limit raises."""
    try:
        await step.with_timeout(SOON_MS).run(name, function)
    except Exception as error:  # noqa: BLE001 - whatever it is
        return error
    return None


# ---------------------------------------------------------------------- a step


async def test_step_that_takes_too_long_fails_its_run(make_engine: MakeEngine) -> None:
    async def body(step: StepContext, _input: Numbers) -> None:
        await step.with_timeout(SOON_MS).run("slow", wait_for_ever)

    engine = make_engine(job := make_job(body))
    heard = Heard(engine)
    run = await run_to_end(engine, job)
    assert run.error is not None
    assert (run.status, run.failed_step_name, run.error.type) == ("failed", "slow", "StepTimeoutError")
    assert run.error.message == "The step 'slow' took longer than 5 ms."
    assert [event.error for event in heard.of("step:fail")] == [run.error.message]
    [step] = await engine.get_steps(run.id)
    assert (step.name, step.status) == ("slow", "failed")


async def test_job_may_go_on_after_a_timeout(make_engine: MakeEngine) -> None:
    async def body(step: StepContext, _input: Numbers) -> Total:
        with contextlib.suppress(TimeoutError):
            await step.with_timeout(SOON_MS).run("slow", wait_for_ever)
        return Total(total=await step.run("instead", lambda: 7))

    engine = make_engine(job := make_job(body, output=Total))
    run = await run_to_end(engine, job)
    assert (run.status, run.output, run.completed_step_count) == ("completed", {"total": 7}, 1)


async def test_step_in_time_is_left_alone(make_engine: MakeEngine) -> None:
    async def quick() -> int:
        await asyncio.sleep(0)
        return 1

    async def body(step: StepContext, _input: Numbers) -> Total:
        limited = step.with_timeout(NEVER_MS)
        one = await limited.run("one", quick)
        two = await limited.run("two", lambda: 2)
        three = await limited.transaction("three", lambda _transaction: 3)
        return Total(total=one + two + three)

    engine = make_engine(job := make_job(body, output=Total))
    run = await run_to_end(engine, job)
    steps = await engine.get_steps(run.id)
    assert (run.output, [step.index for step in steps]) == ({"total": 6}, [0, 1, 2])


async def test_limit_is_of_that_context_only(make_engine: MakeEngine) -> None:
    async def slow() -> int:
        await asyncio.sleep(SOON_MS * 3 / 1000)
        return 1

    async def body(step: StepContext, _input: Numbers) -> Total:
        step.with_timeout(SOON_MS)
        return Total(total=await step.run("slow", slow))

    engine = make_engine(job := make_job(body, output=Total))
    assert (await run_to_end(engine, job)).output == {"total": 1}


async def test_replayed_step_takes_no_time(make_engine: MakeEngine, clock: FakeClock) -> None:
    gate, calls = Gate(), []

    async def quick() -> int:
        calls.append("quick")
        return 1

    async def body(step: StepContext, _input: Numbers) -> Total:
        one = await step.with_timeout(1 if calls else NEVER_MS).run("one", quick)
        await gate()
        return Total(total=one)

    engine = make_engine(make_job(body, output=Total))
    run = await engine.jobs.work.trigger({})
    executing = asyncio.create_task(engine.process_one())
    await gate.until_reached()
    await die(executing)
    clock.advance(NEVER_MS)
    gate.open()
    assert await within(engine.process_one())
    assert ((await ended(engine, run.id)).output, calls) == ({"total": 1}, ["quick"])


async def test_timeout_is_told_when_the_function_has_stopped(make_engine: MakeEngine) -> None:
    told, gate = [], Gate()

    async def tidies_up() -> None:
        try:
            await wait_for_ever()
        finally:
            await gate()
            told.append("stopped")

    async def body(step: StepContext, _input: Numbers) -> None:
        assert isinstance(await caught(step, "slow", tidies_up), StepTimeoutError)
        told.append("timeout")

    engine = make_engine(make_job(body))
    run = await engine.jobs.work.trigger({})
    executing = asyncio.create_task(engine.process_one())
    await gate.until_reached()
    await turns()
    assert told == []
    gate.open()
    await within(executing)
    assert (told, (await ended(engine, run.id)).status) == (["stopped", "timeout"], "completed")


async def swallows_it() -> int:
    with contextlib.suppress(asyncio.CancelledError):
        await wait_for_ever()
    return 5


async def fails_instead() -> int:
    try:
        return await wait_for_ever()
    except asyncio.CancelledError:
        raise ValueError("tidying up failed") from None


async def spawns_more() -> int:
    async with asyncio.TaskGroup() as group:
        group.create_task(wait_for_ever())
        group.create_task(wait_for_ever())
    return 0


async def has_a_limit_of_its_own() -> int:
    async with asyncio.timeout(NEVER_MS):
        return await wait_for_ever()


async def never_waits() -> int:
    loop = asyncio.get_running_loop()
    until = loop.time() + SOON_MS * 2 / 1000
    while loop.time() < until:
        pass
    return 5


@pytest.mark.parametrize(
    "function", [swallows_it, fails_instead, spawns_more, has_a_limit_of_its_own, never_waits]
)
async def test_answer_that_comes_too_late_is_a_timeout(
    make_engine: MakeEngine, function: Callable[[], Awaitable[int]]
) -> None:
    errors: list[Any] = []

    async def body(step: StepContext, _input: Numbers) -> Total:
        errors.append(await caught(step, "slow", function))
        # Whoever was cancelled for it is not cancelled any more.
        task = asyncio.current_task()
        assert task is not None
        return Total(total=task.cancelling())

    engine = make_engine(job := make_job(body, output=Total))
    run = await run_to_end(engine, job)
    assert ([type(error) for error in errors], run.output) == ([StepTimeoutError], {"total": 0})


async def test_timeout_within_the_function_is_its_own(make_engine: MakeEngine) -> None:
    async def times_out_itself() -> int:
        try:
            async with asyncio.timeout(0):
                return await wait_for_ever()
        except TimeoutError:
            return 3

    async def body(step: StepContext, _input: Numbers) -> Total:
        return Total(total=await step.with_timeout(NEVER_MS).run("step", times_out_itself))

    engine = make_engine(job := make_job(body, output=Total))
    assert (await run_to_end(engine, job)).output == {"total": 3}


async def test_timeout_around_a_step_is_not_the_steps(make_engine: MakeEngine) -> None:
    async def body(step: StepContext, _input: Numbers) -> Total:
        try:
            async with asyncio.timeout(0):
                await step.with_timeout(NEVER_MS).run("slow", wait_for_ever)
        except StepTimeoutError:
            return Total(total=1)
        except TimeoutError:
            return Total(total=2)
        return Total(total=3)

    engine = make_engine(job := make_job(body, output=Total))
    assert (await run_to_end(engine, job)).output == {"total": 2}


async def test_limits_may_be_nested(make_engine: MakeEngine) -> None:
    errors: list[Any] = []

    async def body(step: StepContext, _input: Numbers) -> None:
        async def inner() -> None:
            try:
                await step.with_timeout(NEVER_MS).run("inner", wait_for_ever)
            except asyncio.CancelledError as error:
                errors.append(error)
                raise

        errors.append(await caught(step, "outer", inner))

    engine = make_engine(job := make_job(body))
    assert (await run_to_end(engine, job)).status == "completed"
    assert [type(error) for error in errors] == [asyncio.CancelledError, StepTimeoutError]
    assert [step.name for step in await engine.get_steps((await engine.get_runs())[0].id)] == ["outer"]


async def test_parallel_steps_have_limits_of_their_own(make_engine: MakeEngine) -> None:
    gate = Gate()

    async def body(step: StepContext, _input: Numbers) -> Total:
        late = asyncio.create_task(step.with_timeout(SOON_MS).run("late", wait_for_ever))
        other = asyncio.create_task(step.with_timeout(NEVER_MS).run("other", gate))
        with pytest.raises(StepTimeoutError):
            await late
        gate.open()
        await other
        return Total(total=1)

    engine = make_engine(job := make_job(body, output=Total))
    assert (await run_to_end(engine, job)).output == {"total": 1}


async def test_transaction_that_takes_too_long_leaves_nothing(make_engine: MakeEngine) -> None:
    def slow(transaction: Transaction) -> None:
        transaction.execute("CREATE TABLE notes (text TEXT)")
        # A statement that never ends: it is ended by the database, also where there is one thread for all.
        transaction.execute(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
        ).fetchall()

    def create_again(transaction: Transaction) -> int:
        transaction.execute("CREATE TABLE notes (text TEXT)")
        return 0

    async def body(step: StepContext, _input: Numbers) -> Total:
        with pytest.raises(StepTimeoutError, match="'slow' took longer than 5 ms"):
            await step.with_timeout(SOON_MS).transaction("slow", slow)
        return Total(total=await step.transaction("look", create_again))

    engine = make_engine(job := make_job(body, output=Total))
    run = await run_to_end(engine, job)
    assert (run.status, run.output) == ("completed", {"total": 0})
    assert [(step.name, step.status) for step in await engine.get_steps(run.id)] == [
        ("slow", "failed"),
        ("look", "completed"),
    ]


async def test_cancel_beats_a_timeout(make_engine: MakeEngine) -> None:
    gate = Gate()

    async def stops_slowly() -> None:
        try:
            await wait_for_ever()
        finally:
            await gate()

    async def body(step: StepContext, _input: Numbers) -> None:
        await step.with_timeout(SOON_MS).run("slow", stops_slowly)

    engine = make_engine(make_job(body))
    heard = Heard(engine)
    run = await engine.jobs.work.trigger({})
    executing = asyncio.create_task(engine.process_one())
    await gate.until_reached()
    await engine.cancel(run.id)
    gate.open()
    await within(executing)
    assert ((await ended(engine, run.id)).status, heard.of("step:fail")) == ("cancelled", [])
    assert [event.step_name for event in heard.of("step:cancel")] == ["slow"]


@pytest.mark.parametrize("wrong", [0, -1, 1.5, True, "5", None, math.inf, 2**31])
async def test_limit_that_no_timer_can_wait_for_is_refused(make_engine: MakeEngine, wrong: Any) -> None:
    async def body(step: StepContext, _input: Numbers) -> None:
        step.with_timeout(wrong)

    engine = make_engine(job := make_job(body))
    run = await run_to_end(engine, job)
    assert run.error is not None
    assert run.error.type == ValidationError.__name__
    assert run.error.message.startswith("timeout_ms must be a whole number of milliseconds")


# ---------------------------------------------------------------------- a run


async def test_attempt_that_takes_too_long_fails_its_run(make_engine: MakeEngine) -> None:
    reasons: list[Any] = []

    async def body(step: StepContext, _input: Numbers) -> None:
        await step.run("first", lambda: 1)
        try:
            await step.run("slow", wait_for_ever)
        finally:
            reasons.append(step.signal.reason)

    limited = define_job(name="work", input=Numbers, run=body, timeout_ms=50)
    engine = make_engine(limited, make_job(nothing, name="other"))
    heard = Heard(engine)
    run = await engine.jobs.work.trigger({}, concurrency_key="k")
    await engine.jobs.other.trigger({}, concurrency_key="k")
    assert await within(engine.process_until_idle()) == 2
    failed = await ended(engine, run.id)
    assert failed.error is not None
    assert (failed.status, failed.error.type, failed.lease_owner) == ("failed", "RunTimeoutError", None)
    assert failed.error.message == "This attempt at the run took longer than 50 ms."
    assert [type(reason) for reason in reasons] == [RunTimeoutError]
    assert [event.step_name for event in heard.of("step:cancel")] == ["slow"]
    assert [event.error for event in heard.of("run:fail")] == [failed.error.message]
    assert [step.name for step in await engine.get_steps(run.id)] == ["first"]
    with pytest.raises(RunFailedError, match="took longer than 50 ms"):
        await engine.wait_for_run(run.id)


async def test_run_timeout_is_no_error_that_a_job_may_catch(make_engine: MakeEngine) -> None:
    async def body(step: StepContext, _input: Numbers) -> Total:
        with contextlib.suppress(Exception):
            await step.run("slow", wait_for_ever)
        return Total(total=1)

    limited = define_job(name="work", input=Numbers, output=Total, run=body, timeout_ms=SOON_MS)
    run = await run_to_end(make_engine(limited), limited)
    assert (run.status, run.output) == ("failed", None)


@pytest.mark.parametrize("function", [swallows_it, fails_instead, spawns_more, never_waits])
async def test_run_that_answers_too_late_has_timed_out(
    make_engine: MakeEngine, function: Callable[[], Awaitable[int]]
) -> None:
    async def body(_step: StepContext, _input: Numbers) -> Total:
        return Total(total=await function())

    limited = define_job(name="work", input=Numbers, output=Total, run=body, timeout_ms=SOON_MS)
    run = await run_to_end(make_engine(limited), limited)
    assert run.error is not None
    assert (run.status, run.output, run.error.type) == ("failed", None, "RunTimeoutError")


async def test_run_in_time_is_left_alone(make_engine: MakeEngine) -> None:
    limited = define_job(name="work", input=Numbers, run=nothing, timeout_ms=NEVER_MS)
    assert (await run_to_end(make_engine(limited), limited)).status == "completed"


async def test_each_attempt_has_the_whole_time(make_engine: MakeEngine, clock: FakeClock) -> None:
    gate, reasons = Gate(), []

    async def body(step: StepContext, _input: Numbers) -> None:
        try:
            await gate()
        except asyncio.CancelledError:
            reasons.append(step.signal.reason)
            raise

    limited = define_job(name="work", input=Numbers, run=body, timeout_ms=NEVER_MS)
    engine = make_engine(limited)
    run = await engine.jobs.work.trigger({})
    executing = asyncio.create_task(engine.process_one())
    await gate.until_reached()
    await die(executing)
    clock.advance(NEVER_MS * 2)
    gate.open()
    assert await within(engine.process_one())
    found = await ended(engine, run.id)
    assert (found.status, found.attempt) == ("completed", 2)


async def test_waiting_for_another_run_takes_time_too(make_engine: MakeEngine) -> None:
    gate = Gate()

    async def child(_step: StepContext, _input: Numbers) -> None:
        await gate()

    async def parent(_step: StepContext, _input: Numbers) -> None:
        await engine.jobs.child.trigger_and_wait({})

    limited = define_job(name="parent", input=Numbers, run=parent, timeout_ms=200)
    engine = make_engine(limited, make_job(child, name="child"))
    engine.start()
    run = await engine.jobs.parent.trigger({})
    await gate.until_reached()
    with pytest.raises(RunFailedError, match="took longer than 200 ms"):
        await within(engine.wait_for_run(run.id))
    gate.open()
    assert [found.status for found in await engine.get_runs(job_name="parent")] == ["failed"]


async def test_cancel_of_a_run_beats_its_timeout(make_engine: MakeEngine) -> None:
    gate = Gate()

    async def body(_step: StepContext, _input: Numbers) -> None:
        try:
            await wait_for_ever()
        finally:
            await gate()

    limited = define_job(name="work", input=Numbers, run=body, timeout_ms=SOON_MS)
    engine = make_engine(limited)
    heard = Heard(engine)
    run = await engine.jobs.work.trigger({})
    executing = asyncio.create_task(engine.process_one())
    await gate.until_reached()
    await engine.cancel(run.id)
    gate.open()
    await within(executing)
    assert ((await ended(engine, run.id)).status, heard.of("run:fail")) == ("cancelled", [])


async def test_step_after_the_timeout_is_not_begun(make_engine: MakeEngine) -> None:
    raised: list[BaseException] = []

    async def body(step: StepContext, _input: Numbers) -> None:
        with contextlib.suppress(asyncio.CancelledError):
            await wait_for_ever()
        try:
            await step.run("late", lambda: 1)
        except asyncio.CancelledError as error:
            raised.append(error)
            raise

    limited = define_job(name="work", input=Numbers, run=body, timeout_ms=SOON_MS)
    engine = make_engine(limited)
    run = await run_to_end(engine, limited)
    assert ([type(error) for error in raised], await engine.get_steps(run.id)) == ([RunStopped], [])


async def test_timeouts_are_told_apart() -> None:
    assert issubclass(StepTimeoutError, TimeoutError)
    assert not issubclass(StepTimeoutError, WaitTimeoutError)
    assert not issubclass(RunTimeoutError, TimeoutError)


@pytest.mark.parametrize("wrong", [0, -1, 1.5, True, "5", 2**31])
def test_timeout_of_a_job_is_a_count_of_milliseconds(wrong: Any) -> None:
    with pytest.raises(TypeError, match="timeout_ms of the job 'work' must be a whole number of milliseconds"):
        define_job(name="work", input=Numbers, run=nothing, timeout_ms=wrong)
