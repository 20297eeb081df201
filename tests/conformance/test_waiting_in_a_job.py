"""A job that waits for another run: no deadlock, and the same result after a crash."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from durably_core import ConflictError, Durably, Event, RunFailedError, RunResult, StepContext
from tests.conftest import (
    FakeClock,
    Gate,
    MakeEngine,
    Numbers,
    Total,
    die,
    ended,
    make_job,
    nothing,
    turns,
    within,
)


async def started(engine: Durably, runs: int) -> None:
    ended, all_ended = 0, asyncio.Event()

    def count(_event: Event) -> None:
        nonlocal ended
        ended += 1
        if ended == runs:
            all_ended.set()

    engine.on("run:complete", count)
    engine.on("run:fail", count)
    engine.start()
    await within(all_ended.wait())


async def one_by_one(engine: Durably, _runs: int) -> None:
    while await within(engine.process_one()):
        pass


async def until_idle(engine: Durably, _runs: int) -> None:
    await within(engine.process_until_idle())


Drive = Callable[[Durably, int], Awaitable[None]]
however_driven = pytest.mark.parametrize("drive", [started, one_by_one, until_idle])


class Family:
    """A parent that waits for a child that waits for a leaf, each in a step."""

    def __init__(self, make_engine: MakeEngine, **options: Any) -> None:
        jobs = (make_job(self.waiting_for(below), name=name, output=Total) for name, below in self.ORDER)
        self.engine = make_engine(*jobs, make_job(self.leaf, name="leaf", output=Total), **options)
        self.executed: list[str] = []

    ORDER = (("work", "child"), ("child", "leaf"))

    def waiting_for(self, below: str) -> Any:
        async def body(step: StepContext, input: Numbers) -> Total:
            key = f"{step.run_id}/{below}"
            handle = self.engine.jobs[below]
            result = await step.run(below, handle.trigger_and_wait, input, idempotency_key=key)
            self.executed.append(below)
            return Total(total=result.output.total + 1)

        return body

    async def leaf(self, _step: StepContext, input: Numbers) -> Total:
        return Total(total=input.count)


@however_driven
async def test_one_slot_serves_three_generations(make_engine: MakeEngine, drive: Drive) -> None:
    family = Family(make_engine, max_concurrent_runs=1)
    run = await family.engine.jobs.work.trigger({"count": 1})
    await drive(family.engine, 3)
    assert (await ended(family.engine, run.id)).output == {"total": 3}
    assert family.executed == ["leaf", "child"]


async def test_many_parents_share_one_slot(make_engine: MakeEngine) -> None:
    family = Family(make_engine, max_concurrent_runs=1)
    runs = [await family.engine.jobs.work.trigger({"count": count}) for count in range(5)]
    await started(family.engine, 15)
    outputs = [(await ended(family.engine, run.id)).output for run in runs]
    assert outputs == [{"total": count + 2} for count in range(5)]


@however_driven
async def test_failing_child_fails_the_waiting_step(make_engine: MakeEngine, drive: Drive) -> None:
    async def parent(step: StepContext, _input: Numbers) -> None:
        await step.run("child", engine.jobs.child.trigger_and_wait, {})

    async def child(_step: StepContext, _input: Numbers) -> None:
        raise LookupError("lost")

    engine = make_engine(make_job(parent), make_job(child, name="child"))
    run = await engine.jobs.work.trigger({})
    await drive(engine, 2)
    failed = await ended(engine, run.id)
    assert (failed.error and failed.error.type, failed.failed_step_name) == (RunFailedError.__name__, "child")


async def test_slot_is_lent_only_while_waiting(make_engine: MakeEngine) -> None:
    gate, other = Gate(), Gate()

    async def parent(_step: StepContext, _input: Numbers) -> None:
        await engine.jobs.child.trigger_and_wait({})
        await gate()

    async def behind(_step: StepContext, _input: Numbers) -> None:
        await other()

    engine = make_engine(make_job(parent), make_job(nothing, name="child"), make_job(behind, name="behind"))
    engine.start()
    await engine.jobs.work.trigger({})
    await gate.until_reached()
    run = await engine.jobs.behind.trigger({})
    await turns()
    assert (await ended(engine, run.id)).status == "pending"
    gate.open()
    await other.until_reached()
    other.open()


async def test_timeout_takes_the_lent_slot_back(make_engine: MakeEngine) -> None:
    gate = Gate()

    async def parent(_step: StepContext, _input: Numbers) -> None:
        with pytest.raises(TimeoutError):
            await engine.wait_for_run(stranger.id, timeout_ms=0)
        await gate()

    engine = make_engine(make_job(parent), make_job(nothing, name="child"))
    stranger = await make_engine(make_job(nothing, name="stranger")).jobs.stranger.trigger({})
    engine.start()
    await engine.jobs.work.trigger({})
    await gate.until_reached()
    child = await engine.jobs.child.trigger({})
    await turns()
    assert (await ended(engine, child.id)).status == "pending"
    gate.open()


@however_driven
async def test_child_with_the_parents_key_is_refused(make_engine: MakeEngine, drive: Drive) -> None:
    async def parent(_step: StepContext, _input: Numbers) -> None:
        with pytest.raises(ConflictError, match="would wait for ever"):
            await engine.jobs.child.trigger_and_wait({}, concurrency_key="k")

    engine = make_engine(make_job(parent), make_job(nothing, name="child"))
    run = await engine.jobs.work.trigger({}, concurrency_key="k")
    await drive(engine, 2)
    assert (await ended(engine, run.id)).status == "completed"


async def test_run_does_not_wait_for_itself(make_engine: MakeEngine) -> None:
    async def body(step: StepContext, _input: Numbers) -> None:
        with pytest.raises(ConflictError):
            await engine.wait_for_run(step.run_id)

    engine = make_engine(make_job(body))
    run = await engine.jobs.work.trigger({})
    await within(engine.process_one())
    assert (await ended(engine, run.id)).status == "completed"


async def test_ended_run_with_the_same_key_is_read(make_engine: MakeEngine) -> None:
    async def body(_step: StepContext, _input: Numbers) -> None:
        seen.append((await engine.wait_for_run(before.id)).status)

    seen: list[str] = []
    engine = make_engine(make_job(body), make_job(nothing, name="child"))
    before = await engine.jobs.child.trigger({}, concurrency_key="k")
    await within(engine.process_until_idle())
    await engine.jobs.work.trigger({}, concurrency_key="k")
    await within(engine.process_until_idle())
    assert seen == ["completed"]


# ---------------------------------------------------------------------- crashes


class Crashing:
    """A parent that dies after its child's step, or while it waits in it."""

    def __init__(self, output: type[Total] | None = Total) -> None:
        self.results: list[Any] = []
        self.after_child, self.in_child = Gate(), Gate()
        self.jobs = (make_job(self.parent), make_job(self.child(output), name="child", output=output))

    def make(self, make_engine: MakeEngine) -> Durably:
        self.engine = make_engine(*self.jobs)
        return self.engine

    async def parent(self, step: StepContext, _input: Numbers) -> None:
        handle = self.engine.jobs.child
        result = await step.run(
            "child", handle.trigger_and_wait, {"count": 5}, idempotency_key=f"{step.run_id}/child"
        )
        self.results.append(result)
        await step.run("after", self.after_child)

    def child(self, output: type[Total] | None) -> Any:
        async def body(_step: StepContext, input: Numbers) -> Total | None:
            await self.in_child()
            return None if output is None else Total(total=input.count)

        return body

    async def die_at(self, gate: Gate, make_engine: MakeEngine, clock: FakeClock) -> Durably:
        engine = self.make(make_engine)
        await engine.jobs.work.trigger({})
        executing = asyncio.create_task(engine.process_one())
        await gate.until_reached()
        await die(executing)
        for each in (self.in_child, self.after_child):
            each.open()
        clock.advance(30_000)
        return self.make(make_engine)


@pytest.mark.parametrize("output", [Total, None])
async def test_result_of_a_child_replays_with_its_types(
    make_engine: MakeEngine, clock: FakeClock, output: type[Total] | None
) -> None:
    crashing = Crashing(output)
    crashing.in_child.open()
    engine = await crashing.die_at(crashing.after_child, make_engine, clock)
    await within(engine.process_until_idle())
    first, replayed = crashing.results
    assert (type(first), type(first.output)) == (RunResult, output or type(None))
    assert (type(replayed), type(replayed.output), replayed) == (type(first), type(first.output), first)


async def test_resumed_parent_waits_for_the_same_child(make_engine: MakeEngine, clock: FakeClock) -> None:
    crashing = Crashing()
    engine = await crashing.die_at(crashing.in_child, make_engine, clock)
    await within(engine.process_until_idle())
    [child] = await engine.jobs.child.get_runs()
    assert [(result.id, result.output) for result in crashing.results] == [(child.id, Total(total=5))]
    assert len(await engine.get_runs(status="completed")) == 2
