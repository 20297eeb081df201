"""Who asks for a change and is cancelled meanwhile: the change and the telling of it both happen."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from durably_core import Durably, Run
from durably_core.clock import from_ms
from tests.conftest import (
    START_MS,
    Gate,
    Heard,
    MakeEngine,
    StoreProbe,
    die,
    make_job,
    nothing,
    run_to_end,
    turns,
    within,
)

TOMORROW = from_ms(START_MS) + timedelta(days=1)

Change = Callable[[Durably, Run], Awaitable[object]]

CHANGES: list[tuple[str, str, Change]] = [
    ("enqueue", "run:trigger", lambda engine, _: engine.jobs.work.trigger({})),
    ("enqueue", "run:trigger", lambda engine, run: engine.retrigger(run.id)),
    ("delete_run", "run:delete", lambda engine, run: engine.delete_run(run.id)),
    ("purge_runs", "run:delete", lambda engine, _: engine.purge_runs(older_than=TOMORROW)),
]


async def interrupt(probe: StoreProbe, method: str, change: Awaitable[object]) -> None:
    """Cancel who asked when the change is on disk, before the answer is there."""
    gate = Gate()
    probe.after[method] = gate
    asking = asyncio.ensure_future(change)
    await gate.until_reached()
    dying = asyncio.create_task(die(asking))
    await turns()
    gate.open()
    await within(dying)


@pytest.mark.parametrize(("method", "event", "change"), CHANGES)
async def test_change_of_cancelled_caller_is_told(
    make_engine: MakeEngine, probe: StoreProbe, method: str, event: str, change: Change
) -> None:
    job = make_job(nothing)
    engine = make_engine(job, store=probe.as_store)
    run = await run_to_end(engine, job)
    heard = Heard(engine)
    await interrupt(probe, method, change(engine, run))
    assert heard.types == [event]


async def test_run_of_cancelled_caller_is_executed(make_engine: MakeEngine, probe: StoreProbe) -> None:
    engine = make_engine(make_job(nothing), store=probe.as_store)
    heard = Heard(engine)
    engine.start()
    await turns()
    await interrupt(probe, "enqueue", engine.jobs.work.trigger({}))
    await heard.until("run:complete")


async def test_cancel_of_cancelled_caller_stops_code(make_engine: MakeEngine, probe: StoreProbe) -> None:
    begun = asyncio.Event()

    async def body(_step: object, _input: object) -> None:
        begun.set()
        await asyncio.Event().wait()

    engine = make_engine(make_job(body), store=probe.as_store)
    heard = Heard(engine)
    run = await engine.jobs.work.trigger({})
    engine.start()
    await within(begun.wait())
    await interrupt(probe, "cancel_run", engine.cancel(run.id))
    await heard.until("run:stop")
    assert len(heard.of("run:cancel")) == 1
