"""Jobs that wait for other runs: how many slots they lend, to whom, and in whose name."""

import asyncio

import pytest

from durably_core import ConflictError, Event, StepContext
from tests.conftest import Gate, Heard, MakeEngine, Numbers, ended, make_job, nothing, run_to_end, turns, within

# ---------------------------------------------------------------------- lent slots


async def test_following_job_lends_its_slot(make_engine: MakeEngine) -> None:
    async def parent(_step: StepContext, _input: Numbers) -> None:
        child = await engine.jobs.child.trigger({})
        told.extend([event.type async for event in engine.subscribe(child.id)])

    told: list[str] = []
    engine = make_engine(make_job(parent), make_job(nothing, name="child"))
    heard = Heard(engine)
    engine.start()
    await engine.jobs.work.trigger({})
    await heard.until("run:complete", 2)
    assert told == ["run:leased", "run:complete"]


# ---------------------------------------------------------------------- waiting for ever


async def test_grandchild_with_the_grandparents_key_is_refused(make_engine: MakeEngine) -> None:
    async def parent(_step: StepContext, _input: Numbers) -> None:
        await engine.jobs.child.trigger_and_wait({})

    async def child(_step: StepContext, _input: Numbers) -> None:
        with pytest.raises(ConflictError, match="would wait for ever"):
            await engine.jobs.grandchild.trigger_and_wait({}, concurrency_key="k")

    jobs = (make_job(parent), make_job(child, name="child"), make_job(nothing, name="grandchild"))
    engine = make_engine(*jobs)
    run = await engine.jobs.work.trigger({}, concurrency_key="k")
    await within(engine.process_until_idle())
    assert (await ended(engine, run.id)).status == "completed"


async def test_listener_may_wait_for_the_run_it_heard_of(make_engine: MakeEngine) -> None:
    async def body(step: StepContext, _input: Numbers) -> None:
        await step.run("one", nothing, step, _input)
        await gate()

    def wait(event: Event) -> None:
        waiting.append(asyncio.create_task(engine.wait_for_run(event.run_id)))  # type: ignore[attr-defined]

    gate = Gate()
    waiting: list[asyncio.Task[object]] = []
    engine = make_engine(job := make_job(body))
    engine.on("step:start", wait)
    executing = asyncio.create_task(run_to_end(engine, job))
    await gate.until_reached()
    await turns()
    gate.open()
    assert await within(waiting[0]) == await within(executing)


# ---------------------------------------------------------------------- in whose name


async def test_child_logs_in_its_own_name(make_engine: MakeEngine) -> None:
    async def parent(step: StepContext, _input: Numbers) -> None:
        await step.run("waiting", engine.jobs.child.trigger_and_wait, {})

    async def child(step: StepContext, _input: Numbers) -> None:
        step.log.info("hello")

    engine = make_engine(make_job(parent), make_job(child, name="child"))
    heard = Heard(engine)
    await engine.jobs.work.trigger({})
    await within(engine.process_until_idle())
    assert [event.step_name for event in heard.of("log:write")] == [None]


async def test_worker_started_by_a_job_is_no_part_of_it(make_engine: MakeEngine) -> None:
    async def starting(step: StepContext, _input: Numbers) -> None:
        await step.run("starting", started)

    async def started() -> None:
        engine.start()

    async def child(step: StepContext, _input: Numbers) -> None:
        step.log.info("hello")

    engine = make_engine(make_job(starting), make_job(child, name="child"))
    heard = Heard(engine)
    await engine.jobs.work.trigger({})
    await within(engine.process_one())
    await engine.jobs.child.trigger({})
    await heard.until("run:complete", 2)
    assert [event.step_name for event in heard.of("log:write")] == [None]
