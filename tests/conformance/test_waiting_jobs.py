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


class Fan:
    """A parent that waits for its children, all at once, in a step each."""

    def __init__(self, make_engine: MakeEngine, *, children: int = 5, slots: int = 1) -> None:
        self.children = children
        self.executing = self.most = 0
        jobs = (make_job(self.parent), make_job(self.child, name="child"))
        self.engine = make_engine(*jobs, max_concurrent_runs=slots)
        self.heard = Heard(self.engine)

    async def parent(self, step: StepContext, _input: Numbers) -> None:
        wait = self.engine.jobs.child.trigger_and_wait
        await asyncio.gather(*(step.run(f"child {number}", wait, {}) for number in range(self.children)))

    async def child(self, step: StepContext, _input: Numbers) -> None:
        self.executing += 1
        self.most = max(self.most, self.executing)
        for _ in range(20):  # looks in each of which a worker with a free slot claims
            await self.engine.get_run(step.run_id)
        self.executing -= 1

    async def execute(self, parents: int = 1) -> None:
        for _ in range(parents):
            await self.engine.jobs.work.trigger({})
        self.engine.start()
        await self.heard.until("run:complete", parents * (1 + self.children))


# ---------------------------------------------------------------------- lent slots


@pytest.mark.parametrize(("slots", "parents", "most"), [(1, 1, 1), (2, 1, 2), (3, 2, 3)])
async def test_waiting_job_lends_one_slot(make_engine: MakeEngine, slots: int, parents: int, most: int) -> None:
    fan = Fan(make_engine, slots=slots)
    await within(fan.execute(parents))
    assert 1 <= fan.most <= most


async def test_lone_call_serves_all_children(make_engine: MakeEngine) -> None:
    fan = Fan(make_engine)
    await run_to_end(fan.engine, fan.engine.jobs.work.job)
    assert (len(await fan.engine.get_runs(status="completed")), fan.most) == (6, 1)
