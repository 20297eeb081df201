"""A run goes on from its last finished step, whatever died."""

import asyncio
from dataclasses import replace

from durably_core import Durably, Job, StepContext, Store
from durably_core.models import RunError
from durably_core.store.base import Notes
from tests.conftest import (
    FakeClock,
    Gate,
    Heard,
    MakeEngine,
    Numbers,
    StoreProbe,
    Total,
    claim,
    die,
    ended,
    enqueue,
    lease_of,
    make_job,
    new_run,
    new_step,
    request_for,
    within,
)


class Crashing:
    """A job of four steps that waits in the third, and counts what it calls."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.attempts: list[int] = []
        self.gate = Gate()
        self.job: Job[Numbers, Total] = make_job(self.body, output=Total)

    async def body(self, step: StepContext, _input: Numbers) -> Total:
        self.attempts.append(step.attempt)
        total = 0
        for name in ("one", "two", "three", "four"):
            total += await step.run(name, self.call, name)
        return Total(total=total)

    async def call(self, name: str) -> int:
        self.calls.append(name)
        if name == "three":
            await self.gate()
        return len(name)


async def crash(engine: Durably, crashing: Crashing) -> str:
    """Trigger a run and die in its third step."""
    triggered = await engine.jobs.work.trigger({})
    executing = asyncio.create_task(engine.process_one())
    await crashing.gate.until_reached()
    await die(executing)
    crashing.gate.open()
    return triggered.id


async def test_finished_steps_do_not_run_again(make_engine: MakeEngine, clock: FakeClock) -> None:
    crashing = Crashing()
    engine = make_engine(crashing.job)
    run_id = await crash(engine, crashing)
    clock.advance(30_000)
    assert await within(make_engine(crashing.job).process_one())
    assert crashing.calls == ["one", "two", "three", "three", "four"]
    assert (await ended(engine, run_id)).output == {"total": 15}


async def test_crashed_run_waits_for_its_lease(make_engine: MakeEngine, clock: FakeClock) -> None:
    crashing = Crashing()
    run_id = await crash(make_engine(crashing.job), crashing)
    clock.advance(29_999)
    second = make_engine(crashing.job)
    assert await second.process_one() is False
    assert (await ended(second, run_id)).status == "leased"


async def test_exclusive_engine_takes_over_at_once(make_engine: MakeEngine) -> None:
    crashing = Crashing()
    run_id = await crash(make_engine(crashing.job), crashing)
    second = make_engine(crashing.job, exclusive=True)
    await within(second.init())
    await Heard(second).until("run:complete")
    assert (await ended(second, run_id)).status == "completed"


async def test_index_goes_on_where_it_was(make_engine: MakeEngine) -> None:
    crashing = Crashing()
    run_id = await crash(make_engine(crashing.job), crashing)
    second = make_engine(crashing.job, exclusive=True)
    await second.migrate()
    await within(second.process_one())
    assert [(step.name, step.index) for step in await second.get_steps(run_id)] == [
        ("one", 0),
        ("two", 1),
        ("three", 2),
        ("four", 3),
    ]
    run = await ended(second, run_id)
    assert (run.current_step_index, run.completed_step_count) == (4, 4)


async def test_replayed_steps_emit_no_events(make_engine: MakeEngine) -> None:
    crashing = Crashing()
    await crash(make_engine(crashing.job), crashing)
    second = make_engine(crashing.job, exclusive=True)
    heard = Heard(second)
    await second.migrate()
    await within(second.process_one())
    assert [event.step_name for event in heard.of("step:start")] == ["three", "four"]
    assert [event.step_index for event in heard.of("step:complete")] == [2, 3]


async def test_attempt_counts_executions(make_engine: MakeEngine) -> None:
    crashing = Crashing()
    run_id = await crash(make_engine(crashing.job), crashing)
    second = make_engine(crashing.job, exclusive=True)
    await second.migrate()
    await within(second.process_one())
    assert crashing.attempts == [1, 2]
    assert (await ended(second, run_id)).attempt == 2


async def test_resumed_run_may_skip_and_add_steps(make_engine: MakeEngine) -> None:
    crashing = Crashing()
    run_id = await crash(make_engine(crashing.job), crashing)

    async def newer(step: StepContext, _input: Numbers) -> Total:
        added = await step.run("zero", lambda: 100)
        return Total(total=added + await step.run("two", crashing.call, "two"))

    second = make_engine(make_job(newer, output=Total), exclusive=True)
    await second.migrate()
    await within(second.process_one())
    assert (await ended(second, run_id)).output == {"total": 103}
    assert crashing.calls == ["one", "two", "three"]


async def test_death_while_saving_keeps_the_checkpoint(make_engine: MakeEngine, probe: StoreProbe) -> None:
    crashing, saved = Crashing(), Gate()
    crashing.gate.open()
    probe.after["save_step"] = saved
    await (first := make_engine(crashing.job, store=probe.as_store)).jobs.work.trigger({})
    executing = asyncio.create_task(first.process_one())
    await saved.until_reached()
    await die(executing)
    second = make_engine(crashing.job, exclusive=True)
    await second.migrate()
    await within(second.process_one())
    assert crashing.calls == ["one", "two", "three", "four"]


async def test_timeout_while_saving_does_not_repeat_step(make_engine: MakeEngine, probe: StoreProbe) -> None:
    calls: list[str] = []
    saved = Gate()
    probe.after["save_step"] = saved

    async def body(step: StepContext, _input: Numbers) -> Total:
        saving = asyncio.ensure_future(step.run("once", lambda: calls.append("once")))
        await saved.until_reached()
        saving.cancel()
        saved.open()
        await asyncio.wait([saving])
        assert saving.cancelled()
        await step.run("once", lambda: calls.append("again"))
        return Total(total=len(calls))

    engine = make_engine(make_job(body, output=Total), store=probe.as_store)
    triggered = await engine.jobs.work.trigger({})
    await within(engine.process_one())
    assert (await ended(engine, triggered.id)).output == {"total": 1}


async def test_death_before_first_step_starts_over(make_engine: MakeEngine) -> None:
    gate, calls = Gate(), []

    async def body(step: StepContext, _input: Numbers) -> None:
        await gate()
        calls.append(await step.run("only", lambda: 1))

    engine = make_engine(make_job(body))
    run_id = (await engine.jobs.work.trigger({})).id
    executing = asyncio.create_task(engine.process_one())
    await gate.until_reached()
    await die(executing)
    gate.open()
    second = make_engine(make_job(body), exclusive=True)
    await second.migrate()
    await within(second.process_one())
    assert ((await ended(second, run_id)).status, calls) == ("completed", [1])


async def test_progress_of_dead_attempt_stays(make_engine: MakeEngine, store: Store) -> None:
    gate = Gate()

    async def body(step: StepContext, _input: Numbers) -> None:
        step.progress(1, 2, "half")
        await step.run("save", lambda: None)
        await step.run("wait", gate)

    engine = make_engine(make_job(body))
    run_id = (await engine.jobs.work.trigger({})).id
    executing = asyncio.create_task(engine.process_one())
    await gate.until_reached()
    await die(executing)
    run = await store.get_run(run_id)
    assert run is not None
    assert run.progress is not None
    assert (run.progress.current, run.progress.total, run.progress.message) == (1, 2, "half")


async def test_failures_of_a_step_are_no_checkpoint(store: Store, clock: FakeClock) -> None:
    await enqueue(store, new_run("01"))
    lease = lease_of(await claim(store, request_for()))
    error = RunError(message="no", type="E", traceback="")
    await store.save_step(lease, replace(new_step("bad"), status="failed", error=error), Notes())
    await store.save_step(lease, replace(new_step("good"), status="failed", error=error), Notes())
    await store.save_step(lease, new_step("good", output="7"), Notes())
    clock.advance(1000)
    claimed = await claim(store, request_for())
    assert claimed is not None
    assert claimed.checkpoints == {"good": "7"}
