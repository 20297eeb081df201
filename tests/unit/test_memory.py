"""What is kept of a run that has ended. In browsers, where it counts most: ``tests/browser/test_memory.py``."""

import asyncio
import gc
from typing import Any

from durably_core import StepContext
from durably_core.execution import Execution
from tests.conftest import MakeEngine, make_job


async def test_run_that_has_ended_is_not_kept_in_memory(make_engine: MakeEngine) -> None:
    """Not even until Python looks for cycles: it does that by the number of objects, and these may be large."""

    async def body(step: StepContext, _input: Any) -> None:
        step.log.info("begun")
        await step.run("one", asyncio.sleep, 0, "x" * 1000)

    engine = make_engine(make_job(body))
    await engine.migrate()
    ids = {(await next(iter(engine.jobs)).trigger({})).id for _ in range(4)}
    gc.collect()
    gc.disable()
    try:
        assert await engine.process_until_idle() == 4
        # Timers that were cancelled stay in the loop until it is their time.
        await asyncio.sleep(0.3)
        kept = [each for each in gc.get_objects() if isinstance(each, Execution) and each.run.id in ids]
        assert len(kept) <= 1, "a store's thread may have the context of what it did last"
    finally:
        gc.enable()
