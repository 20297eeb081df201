"""An engine that outlives the event loop in which it began, as in scripts that call ``asyncio.run`` twice."""

import asyncio
from pathlib import Path

import pytest

from durably_core import Durably, create_durably
from tests.conftest import Gate, StoreProbe, make_job, nothing, within


def make(path: Path) -> Durably:
    return create_durably(
        database=str(path / "app.db"), jobs={"work": make_job(nothing)}, maintenance_interval_ms=1
    )


async def work(engine: Durably, *, stop: bool) -> None:
    """Both ways of executing, and both of waiting."""
    await engine.init()
    result = await within(engine.jobs.work.trigger_and_wait({}))
    async for event in engine.subscribe(result.id):
        assert event.type == "run:complete"
    if stop:
        await within(engine.stop())
        await engine.jobs.work.trigger({})
        assert await within(engine.process_until_idle()) == 1


@pytest.mark.parametrize("stop", [True, False])
def test_engine_works_in_a_second_loop(tmp_path: Path, stop: bool) -> None:
    engine = make(tmp_path)
    for _ in range(2):
        asyncio.run(work(engine, stop=stop))
    asyncio.run(engine.store.close())


@pytest.mark.parametrize("stop", [True, False])
def test_engine_is_maintained_in_a_second_loop(tmp_path: Path, stop: bool) -> None:
    async def maintained() -> None:
        await engine.init()
        probe.before["checkpoint"] = maintaining = Gate()
        await maintaining.until_reached()
        maintaining.open()
        if stop:
            await within(engine.stop())

    engine = make(tmp_path)
    probe = StoreProbe(engine.store)
    engine._maintenance._store = probe.as_store
    for _ in range(2):
        asyncio.run(maintained())
    asyncio.run(engine.close())
