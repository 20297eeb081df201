"""Errors of job code: recorded with type and traceback, caught or not, by the right step."""

import asyncio
from typing import Any

import pytest

from durably_core import ConflictError, Run, StepContext, ValidationError
from tests.conftest import Heard, MakeEngine, Numbers, Total, make_job, run_to_end


class OddError(Exception):
    """An error that can't even be printed."""

    def __str__(self) -> str:
        raise RuntimeError("not now")


async def fail(message: str = "broken") -> None:
    raise LookupError(message)


async def run_of(make_engine: MakeEngine, body: Any) -> Run:
    return await run_to_end(make_engine(job := make_job(body)), job)


async def test_error_keeps_message_type_and_traceback(make_engine: MakeEngine) -> None:
    async def body(_step: StepContext, _input: Numbers) -> None:
        await fail()

    run = await run_of(make_engine, body)
    assert (run.status, run.output) == ("failed", None)
    assert run.error is not None
    assert (run.error.message, run.error.type) == ("broken", "LookupError")
    assert "raise LookupError(message)\nLookupError: broken" in run.error.traceback


async def test_fail_event_carries_error_and_step(make_engine: MakeEngine) -> None:
    async def body(step: StepContext, _input: Numbers) -> None:
        await step.run("load", fail)

    engine = make_engine(job := make_job(body))
    heard = Heard(engine)
    await run_to_end(engine, job)
    assert heard.types[2:] == ["step:start", "step:fail", "run:fail"]
    event = heard.of("run:fail")[0]
    assert (event.error, event.failed_step_name) == ("broken", "load")


async def test_failed_step_is_recorded(make_engine: MakeEngine) -> None:
    async def body(step: StepContext, _input: Numbers) -> None:
        await step.run("load", fail)

    run = await run_to_end(engine := make_engine(job := make_job(body)), job)
    [step] = await engine.get_steps(run.id)
    assert (step.name, step.index, step.status, step.output) == ("load", 0, "failed", None)
    assert step.error is not None
    assert (step.error.message, step.error.type) == ("broken", "LookupError")
    assert (run.failed_step_name, run.completed_step_count) == ("load", 0)


async def test_failed_step_runs_again_within_the_job(make_engine: MakeEngine) -> None:
    calls: list[int] = []

    async def flaky() -> int:
        calls.append(1)
        if len(calls) < 3:
            await fail()
        return len(calls)

    async def body(step: StepContext, _input: Numbers) -> Total:
        while True:
            try:
                return Total(total=await step.run("flaky", flaky))
            except LookupError:
                continue

    run = await run_to_end(engine := make_engine(job := make_job(body, output=Total)), job)
    assert (run.status, run.output) == ("completed", {"total": 3})
    steps = await engine.get_steps(run.id)
    assert [(step.status, step.index) for step in steps] == [("failed", 0), ("failed", 1), ("completed", 2)]


async def test_caught_step_error_is_not_the_failed_step(make_engine: MakeEngine) -> None:
    async def body(step: StepContext, _input: Numbers) -> None:
        with pytest.raises(LookupError):
            await step.run("caught", fail)
        raise ValueError("something else")

    run = await run_of(make_engine, body)
    assert (run.failed_step_name, run.error and run.error.message) == (None, "something else")


async def test_step_whose_error_ended_the_run_is_named(make_engine: MakeEngine) -> None:
    async def body(step: StepContext, _input: Numbers) -> None:
        with pytest.raises(LookupError):
            await step.run("caught", fail)
        await step.run("fatal", fail)

    assert (await run_of(make_engine, body)).failed_step_name == "fatal"


async def test_first_of_parallel_failures_is_named(make_engine: MakeEngine) -> None:
    async def body(step: StepContext, _input: Numbers) -> None:
        await asyncio.gather(step.run("one", fail, "first"), step.run("two", fail, "second"))

    run = await run_of(make_engine, body)
    assert (run.failed_step_name, run.error and run.error.message) == ("one", "first")


async def test_error_raised_again_still_names_its_step(make_engine: MakeEngine) -> None:
    async def body(step: StepContext, _input: Numbers) -> None:
        try:
            await step.run("load", fail)
        except LookupError:
            await step.run("tidy", lambda: None)
            raise

    assert (await run_of(make_engine, body)).failed_step_name == "load"


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (ValueError(), "ValueError"),
        (OddError(), "<exception str() failed>"),
        (ValueError("\udcff"), "\\udcff"),
        (asyncio.CancelledError(), "CancelledError"),
        (ValidationError("too big"), "too big"),
        (ExceptionGroup("two", [ValueError("a")]), "two (1 sub-exception)"),
    ],
    ids=lambda value: type(value).__name__,
)
async def test_odd_errors_fail_only_their_run(
    make_engine: MakeEngine, error: BaseException, message: str
) -> None:
    async def body(_step: StepContext, _input: Numbers) -> None:
        raise error

    run = await run_of(make_engine, body)
    assert run.error is not None
    assert (run.status, run.error.type) == ("failed", type(error).__name__)
    assert message in run.error.message


async def test_failing_run_leaves_the_worker_whole(make_engine: MakeEngine) -> None:
    async def body(_step: StepContext, input: Numbers) -> None:
        if input.count < 3:
            raise OddError

    engine = make_engine(make_job(body))
    heard = Heard(engine)
    engine.start()
    for count in (1, 2, 3):
        await engine.jobs.work.trigger({"count": count})
    await heard.until("run:complete")
    assert (len(heard.of("run:fail")), heard.of("worker:error")) == (2, [])


async def test_same_step_twice_in_flight_is_refused(make_engine: MakeEngine) -> None:
    async def body(step: StepContext, _input: Numbers) -> None:
        await asyncio.gather(step.run("same", asyncio.sleep, 0), step.run("same", asyncio.sleep, 0))

    run = await run_of(make_engine, body)
    assert run.error is not None
    assert (run.error.type, run.error.message) == (
        ConflictError.__name__,
        "The step 'same' is already running: parallel steps need a name each.",
    )


async def test_same_step_later_returns_first_result(make_engine: MakeEngine) -> None:
    async def body(step: StepContext, _input: Numbers) -> Total:
        first = await step.run("same", lambda: 1)
        second = await step.run("same", lambda: 2)
        return Total(total=first * 10 + second)

    engine = make_engine(job := make_job(body, output=Total))
    heard = Heard(engine)
    run = await run_to_end(engine, job)
    assert (run.output, run.completed_step_count, len(heard.of("step:start"))) == ({"total": 11}, 1, 1)


@pytest.mark.parametrize("name", ["", None, 5, "\ud800"])
async def test_step_needs_a_name(make_engine: MakeEngine, name: Any) -> None:
    async def body(step: StepContext, _input: Numbers) -> None:
        await step.run(name, lambda: 1)

    run = await run_of(make_engine, body)
    assert run.error is not None
    assert run.error.message.startswith("A step needs a name")


async def test_step_passes_arguments_on(make_engine: MakeEngine) -> None:
    def function(a: int, *, name: int) -> int:
        return a + name

    async def body(step: StepContext, _input: Numbers) -> Total:
        return Total(total=await step.run("add", function, 1, name=2))

    run = await run_to_end(make_engine(job := make_job(body, output=Total)), job)
    assert run.output == {"total": 3}


async def test_parallel_steps_have_an_index_each(make_engine: MakeEngine) -> None:
    async def body(step: StepContext, _input: Numbers) -> None:
        await asyncio.gather(*(step.run(f"step-{n}", asyncio.sleep, 0) for n in range(4)))

    run = await run_to_end(engine := make_engine(job := make_job(body)), job)
    assert sorted(step.index for step in await engine.get_steps(run.id)) == [0, 1, 2, 3]
    assert (run.current_step_index, run.completed_step_count) == (4, 4)


async def test_run_ends_only_when_parallel_steps_have_stopped(make_engine: MakeEngine) -> None:
    stopped: list[str] = []
    reached = asyncio.Event()

    async def slow() -> None:
        reached.set()
        try:
            await asyncio.Event().wait()
        finally:
            stopped.append("slow")

    async def broken() -> None:
        await reached.wait()
        raise ValueError("broken")

    async def body(step: StepContext, _input: Numbers) -> None:
        await asyncio.gather(step.run("slow", slow), step.run("broken", broken))

    engine = make_engine(job := make_job(body))
    engine.on("run:fail", lambda _event: stopped.append("run"))
    run = await run_to_end(engine, job)
    assert (run.status, run.failed_step_name) == ("failed", "broken")
    assert stopped == ["slow", "run"]


async def test_job_that_exits_fails_and_the_worker_goes_on(make_engine: MakeEngine) -> None:
    async def body(_step: StepContext, _input: Numbers) -> None:
        raise SystemExit(3)

    engine = make_engine(job := make_job(body))
    run = await run_to_end(engine, job)
    assert run.error is not None
    assert (run.status, run.error.type, run.error.message) == ("failed", "SystemExit", "3")
