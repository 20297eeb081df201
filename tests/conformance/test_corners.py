"""Corners: what job code raises, what JSON can't hold, and what comes after the end."""

import asyncio
import contextlib
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict

from durably_core import StepContext, StorageError, ValidationError
from tests.conftest import (
    Gate,
    Heard,
    MakeEngine,
    Numbers,
    StoreProbe,
    ended,
    make_job,
    nothing,
    run_to_end,
    turns,
    within,
)

# ---------------------------------------------------------------------- what job code raises


class Weird(BaseException):
    """No Exception: as frameworks make them up."""


def raise_(error: BaseException) -> None:
    raise error


async def raise_later(error: BaseException) -> None:
    raise error


@pytest.mark.parametrize("function", [raise_, raise_later])
async def test_step_that_raises_stop_iteration_fails(make_engine: MakeEngine, function: Any) -> None:
    async def body(step: StepContext, _input: Numbers) -> None:
        await step.run("next", function, StopIteration())

    engine = make_engine(job := make_job(body))
    run = await within(run_to_end(engine, job))
    assert run.error is not None
    assert (run.status, run.error.type, run.failed_step_name) == ("failed", "RuntimeError", "next")


@pytest.mark.parametrize("function", [raise_, raise_later, None])
@pytest.mark.parametrize("error", [Weird, SystemExit])
async def test_what_is_no_exception_fails_the_run(
    make_engine: MakeEngine, function: Any, error: type[BaseException]
) -> None:
    async def body(step: StepContext, input: Numbers) -> None:
        if input.count == 0:
            await (raise_later(error()) if function is None else step.run("raise", function, error()))

    engine = make_engine(make_job(body))
    heard = Heard(engine)
    bad, good = await engine.jobs.work.batch_trigger([{"count": 0}, {"count": 1}])
    engine.start()
    await heard.until("run:complete")
    failed = await ended(engine, bad.id)
    assert failed.error is not None
    assert (failed.status, failed.error.type) == ("failed", error.__name__)
    assert (await ended(engine, good.id)).status == "completed"


# ---------------------------------------------------------------------- storage


async def test_timeout_while_a_refused_save_stops_the_run(make_engine: MakeEngine, probe: StoreProbe) -> None:
    async def body(step: StepContext, _input: Numbers) -> None:
        for _ in range(2):
            with contextlib.suppress(TimeoutError):
                async with timer:
                    returned.append(await step.run("one", call))

    def call() -> int:
        calls.append(1)
        return 1

    async def expire_and_fail() -> None:
        timer.reschedule(0)
        await turns()
        raise StorageError("The disk is gone.")

    timer = asyncio.timeout(None)
    calls: list[int] = []
    returned: list[int] = []
    engine = make_engine(make_job(body), store=probe.as_store)
    probe.before["save_step"] = expire_and_fail
    run = await engine.jobs.work.trigger({})
    await within(engine.process_one())
    assert (returned, calls, await engine.get_steps(run.id)) == ([], [1], [])
    assert (await ended(engine, run.id)).status == "leased"


# ---------------------------------------------------------------------- what JSON can't hold


class Price(BaseModel):
    name: str = ""
    price: float = 0.0


class Told(BaseModel):
    model_config = ConfigDict(ser_json_inf_nan="constants")
    note: str | None = None
    price: float = 0.0


NAN = float("nan")
words = pytest.mark.parametrize("word", ["", "NaN", "Infinity", "-Infinity", "null"])


@words
async def test_lost_nan_of_a_result_is_refused(make_engine: MakeEngine, word: str) -> None:
    async def body(step: StepContext, _input: Numbers) -> None:
        def price() -> Price:
            return Price(name=word, price=NAN)

        await step.run("price", price)

    engine = make_engine(job := make_job(body))
    run = await run_to_end(engine, job)
    assert run.error is not None
    assert (run.failed_step_name, run.error.type) == ("price", "ValidationError")
    assert "price is not a finite number" in run.error.message


@words
async def test_lost_nan_of_an_input_is_refused(make_engine: MakeEngine, word: str) -> None:
    engine = make_engine(make_job(nothing, input=Price))
    with pytest.raises(ValidationError, match="price is not a finite number"):
        await engine.jobs.work.trigger({"name": word, "price": NAN})
    assert await engine.get_runs() == []


@words
async def test_lost_nan_of_an_output_is_refused(make_engine: MakeEngine, word: str) -> None:
    async def body(_step: StepContext, _input: Numbers) -> Price:
        return Price(name=word, price=NAN)

    engine = make_engine(job := make_job(body, output=Price))
    run = await run_to_end(engine, job)
    assert run.error is not None
    assert (run.status, run.error.type) == ("failed", "ValidationError")


async def test_nan_beside_none_goes_through(make_engine: MakeEngine) -> None:
    async def body(step: StepContext, input: Told) -> Told:
        def same() -> Told:
            return input

        return await step.run("same", same)

    engine = make_engine(job := make_job(body, input=Told, output=Told))
    run = await run_to_end(engine, job, Told(price=NAN))
    assert (run.status, run.output["note"], str(run.output["price"])) == ("completed", None, "nan")


# ---------------------------------------------------------------------- after the end


@pytest.mark.parametrize("at", ["last write", "after the last write", "after the end"])
async def test_late_step_tells_no_fault(make_engine: MakeEngine, probe: StoreProbe, at: str) -> None:
    async def body(step: StepContext, _input: Numbers) -> None:
        tasks.append(asyncio.create_task(late(step)))

    async def late(step: StepContext) -> None:
        await go()
        await step.run("late", lambda: 1)

    async def let_go() -> None:
        go.open()
        await asyncio.wait(tasks)

    tasks: list[asyncio.Task[None]] = []
    go = Gate()
    engine = make_engine(make_job(body), store=probe.as_store)
    heard = Heard(engine)
    if at == "last write":
        probe.before["end_run"] = let_go
    elif at == "after the last write":
        probe.after["end_run"] = let_go
    run = await engine.jobs.work.trigger({})
    await within(engine.process_one())
    await within(let_go())
    assert tasks[0].cancelled() is (at != "last write")
    assert ((await ended(engine, run.id)).status, heard.of("worker:error")) == ("completed", [])


async def test_claim_passes_over_unknown_jobs(make_engine: MakeEngine) -> None:
    stranger, engine = make_engine(make_job(nothing, name="unknown")), make_engine(make_job(nothing))
    await stranger.jobs.unknown.batch_trigger([{}] * 1000)
    first = await engine.jobs.work.trigger({})
    await engine.jobs.work.trigger({})
    assert await within(engine.process_until_idle(max_runs=1)) == 1
    assert [run.id for run in await engine.get_runs(status="completed")] == [first.id]


class Bag(BaseModel):
    by_number: dict[int, float | None] = {}
    several: set[float | None] = set()


@pytest.mark.parametrize("bag", [{"by_number": {1: float("nan")}}, {"several": {float("nan")}}])
async def test_lost_nan_in_odd_places_is_refused(make_engine: MakeEngine, bag: Any) -> None:
    engine = make_engine(make_job(nothing, input=Bag))
    with pytest.raises(ValidationError):
        await engine.jobs.work.trigger(Bag(**bag))
