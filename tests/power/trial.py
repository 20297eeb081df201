"""An engine whose files fail while it lives. It may refuse what it is asked, and must lose nothing."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from durably_core import Durably
from durably_core.errors import StorageError
from durably_core.models import Run
from durably_core.triggering import BatchItem
from tests.power.check import (
    Violation,
    expect_none,
    expect_outcomes,
    faults_between_tables,
    faults_of_file,
    has_schema,
)
from tests.power.loop import simulate
from tests.power.world import History, Work, World

POLLING = {"polling_interval_ms": 20_000}

PATIENCE_S = 3600
"""Simulated. The worker's longest pause between two attempts is a small part of it."""


class Trial:
    """Lives with faults that JavaScript arms, then the life of who comes after."""

    def __init__(self, scene: str, arm: Callable[[bool], None]) -> None:
        self._scene = scene
        self._arm = arm
        self._history = History(lambda: 0)

    def begin(self, path: str) -> str:
        """Live without faults, and die in the middle of it: the store is never closed."""
        return self._told(self._begin(path))

    async def _begin(self, path: str) -> None:
        engine = await World(path, self._history, seed="before").open()
        await self._trigger(engine, "before")
        await engine.process_until_idle(max_runs=1)

    def live(self, path: str, is_lost: Callable[[], bool]) -> str:
        return self._told(self._live(path, is_lost))

    async def _live(self, path: str, is_lost: Callable[[], bool]) -> None:
        world = World(path, self._history, seed="with faults")
        try:
            engine = await self._open(world)
            if engine is not None:
                await self._work(engine, is_lost)
        finally:
            self._arm(False)
            try:
                await world.store.close()
            except StorageError:
                if not is_lost():
                    raise

    async def _open(self, world: World) -> Durably | None:
        if self._scene == "running":
            engine = await world.open(**POLLING)
            await self._trigger(engine, "first")
            self._arm(True)
            return engine
        self._arm(True)
        try:
            return await world.open(**POLLING)
        except StorageError:
            return None
        # The worker reports it, the page shows it, and a new worker is started.

    async def _work(self, engine: Durably, is_lost: Callable[[], bool]) -> None:
        engine.start()
        await self._unless_refused(self._trigger(engine, "second"))
        await self._unless_refused(self._batch(engine))
        await asyncio.sleep(90)
        await self._unless_refused(engine.store.checkpoint())
        self._arm(False)
        if is_lost():
            # The worker has ended itself; what remains of it does no more work.
            await engine.stop(timeout_ms=0)
            return
        async with asyncio.timeout(PATIENCE_S):
            await self._trigger(engine, "third")
            await self._batch(engine)
            await self._until_idle(engine)
            await engine.stop()
        expect_outcomes(await engine.get_runs())
        connection = engine.store._database.connection  # type: ignore[attr-defined]
        expect_none(faults_of_file(connection))
        expect_none(faults_between_tables(connection))

    async def _until_idle(self, engine: Durably) -> None:
        for run in await engine.get_runs():
            await engine.wait_for_run(run.id)

    async def _trigger(self, engine: Durably, key: str) -> None:
        run = await engine.jobs.steps.trigger(Work(key=key, steps=2, size=3000), idempotency_key=key)
        self._history.trigger_returned(run.id)

    async def _batch(self, engine: Durably) -> None:
        items = [BatchItem(input=Work(key=f"batch-{n}", steps=n), idempotency_key=f"batch-{n}") for n in (0, 1)]
        runs = await engine.jobs.steps.batch_trigger(items)
        self._history.trigger_returned(*(run.id for run in runs))

    async def _unless_refused(self, operation: Coroutine[Any, Any, object]) -> None:
        try:
            await operation
        except StorageError:
            return

    # ------------------------------------------------------------------ who comes after

    def recover(self, path: str) -> str:
        return self._told(self._recover(path))

    async def _recover(self, path: str) -> None:
        world = World(path, History(lambda: 0), seed="after")
        try:
            connection = world.connect()
            expect_none(faults_of_file(connection))
            if has_schema(connection):
                expect_none(faults_between_tables(connection))
            engine = await world.open()
            await engine.process_until_idle()
            self._expect_kept(await engine.get_runs(), world)
            await self._trigger(engine, "after")
            await engine.process_until_idle()
            expect_outcomes(await engine.get_runs())
            expect_none(faults_of_file(connection))
            expect_none(faults_between_tables(connection))
        finally:
            await world.store.close()

    def _expect_kept(self, runs: list[Run], world: World) -> None:
        if self._scene == "reopening" and not any(run.input["key"] == "before" for run in runs):
            raise Violation("the run of the life before is gone")
        run_ids = {run.id for run in runs}
        for _, run_id in self._history.triggered:
            if run_id not in run_ids:
                raise Violation(f"trigger returned the run {run_id}, which is not there")
        for key, step in self._history.finished:
            if world.calls[key, step]:
                raise Violation(f"{step} of {key} had returned, and ran again")

    def _told(self, life: Coroutine[Any, Any, None]) -> str:
        try:
            simulate(life)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is a fault of what is tested
            return f"{type(error).__name__}: {error}"
        return ""
