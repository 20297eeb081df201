"""An engine whose storage has too little room, until it is given more."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

from durably_core import Durably
from durably_core.errors import StorageFullError
from durably_core.events import Event
from tests.power.check import Violation, expect_none, expect_outcomes, faults_between_tables, faults_of_file
from tests.power.loop import simulate
from tests.power.world import History, Work, World

RESERVE_BYTES = 512 * 1024
RUNS = 30
STEPS = 4
STEP_BYTES = 8000
PATIENCE_S = 600
"""Simulated."""


class Filling:
    """Triggers runs until the storage refuses one, and goes on when there is room again."""

    def __init__(self, give_room: Callable[[], None]) -> None:
        self._give_room = give_room
        self._history = History(lambda: 0)
        self._ended_when_full = 0
        self._refused = False
        self._pauses = 0

    def live(self, path: str) -> str:
        """JSON: ``fault``, and what there was to see of the storage being full."""
        fault = ""
        try:
            simulate(self._live(path))
        except Exception as error:  # noqa: BLE001 - whatever it is, it is a fault of what is tested
            fault = f"{type(error).__name__}: {error}"
        return json.dumps({"fault": fault, "pauses": self._pauses, "endedWhenFull": self._ended_when_full})

    async def _live(self, path: str) -> None:
        world = World(path, self._history, seed="filling", reserve_bytes=RESERVE_BYTES)
        try:
            try:
                engine = await world.open(polling_interval_ms=1000)
            except StorageFullError:
                return  # no room even for an empty database, and that is what is said
            await self._fill(world, engine)
            await engine.stop()
        finally:
            await world.store.close()

    async def _fill(self, world: World, engine: Durably) -> None:
        resumed = self._listen(world, engine)
        engine.start()
        await self._trigger_until_refused(engine)
        async with asyncio.timeout(PATIENCE_S):
            if not self._refused:
                await self._wait_for_all(engine)
                return
            await asyncio.sleep(30)
            await self._expect_nothing_failed(engine)
            self._give_room()
            if self._pauses:
                await resumed.wait()
            run = await engine.jobs.steps.trigger(Work(key="after", steps=1))
            self._history.trigger_returned(run.id)
            await self._wait_for_all(engine)
        self._expect_all_kept(world, {run.id for run in await engine.get_runs()})
        expect_outcomes(await engine.get_runs())
        expect_none(faults_of_file(world.connect()))
        expect_none(faults_between_tables(world.connect()))

    def _listen(self, world: World, engine: Durably) -> asyncio.Event:
        resumed = asyncio.Event()

        def hear(event: Event) -> None:
            match event.type:
                case "worker:pause":
                    self._pauses += 1
                    resumed.clear()
                case "worker:resume":
                    resumed.set()
                case "run:complete":
                    self._ended_when_full += not world.store._database.reserve.is_whole

        engine.on("*", hear)
        return resumed

    async def _trigger_until_refused(self, engine: Durably) -> None:
        for n in range(RUNS):
            try:
                run = await engine.jobs.steps.trigger(Work(key=f"run-{n}", steps=STEPS, size=STEP_BYTES))
            except StorageFullError:
                self._refused = True
                return
            self._history.trigger_returned(run.id)
            await asyncio.sleep(0.01)

    async def _expect_nothing_failed(self, engine: Durably) -> None:
        for run in await engine.get_runs():
            if run.status == "failed":
                raise Violation(f"the run {run.id} failed because the storage was full: {run.error}")

    async def _wait_for_all(self, engine: Durably) -> None:
        for run in await engine.get_runs():
            await engine.wait_for_run(run.id)

    def _expect_all_kept(self, world: World, run_ids: set[str]) -> None:
        for _, run_id in self._history.triggered:
            if run_id not in run_ids:
                raise Violation(f"trigger returned the run {run_id}, which is not there")
        for key, step in self._history.finished:
            calls: Any = world.calls[key, step]
            # Its result could not be saved, so it was called again; once saved, never more.
            if calls > 1 + self._pauses:
                raise Violation(f"{step} of {key} was called {calls} times in {self._pauses} pauses")
