"""What the simulation of power cuts calls in Python. Answers are JSON text, or "" when all is well."""

import json
import sqlite3
from collections.abc import Callable
from typing import Any

from tests.power.check import (
    Violation,
    expect_none,
    expect_outcomes,
    faults_between_tables,
    faults_of_file,
    has_schema,
)
from tests.power.filling import Filling
from tests.power.loop import simulate
from tests.power.trial import Trial
from tests.power.workloads import WORKLOADS, trigger
from tests.power.world import History, Position, Work, World, state_of


class Recording:
    """One life, and what may be left of it."""

    def __init__(self, workload: str, path: str, seed: int, position: Position, on_commit: Any) -> None:
        self._seed = seed
        self._history = History(position, on_commit)
        simulate(self._live(workload, path))

    async def _live(self, workload: str, path: str) -> None:
        await WORKLOADS[workload](World(path, self._history, f"life {self._seed}"))

    def summary(self) -> str:
        history = self._history
        positions = {position for position, _ in history.states} | {event[0] for event in history.events}
        counts = {
            "promises": sorted(
                positions | {position for position, _ in history.triggered} | {*history.finished.values()}
            ),
            "commits": len(history.states) - 1,
            "events": len(history.events),
            "steps": len(history.finished),
        }
        return json.dumps(counts)

    def verify(self, path: str, cut: int, position: Position) -> str:
        """Open what a cut at ``cut`` left, look at it, and go on. JSON: ``fault``, ``state``, ``opened``."""
        found: dict[str, Any] = {"fault": "", "state": -1, "opened": 0}
        try:
            simulate(self._verify(path, cut, position, found))
        except Exception as error:  # noqa: BLE001 - whatever it is, it is a fault of what is tested
            found["fault"] = f"{type(error).__name__}: {error}"
        return json.dumps(found)

    async def _verify(self, path: str, cut: int, position: Position, found: dict[str, Any]) -> None:
        world = World(path, History(position), f"after {self._seed}")
        try:
            connection = world.connect()
            expect_none(faults_of_file(connection))
            found["state"] = self._state_after(connection, cut)
            found["opened"] = position()
            if has_schema(connection):
                self._expect_acknowledged(connection, cut)
                expect_none(faults_between_tables(connection))
            await self._resume(world, cut)
        finally:
            await world.store.close()

    def _state_after(self, connection: sqlite3.Connection, cut: int) -> int:
        states = self._history.states
        acknowledged = max(index for index, (position, _) in enumerate(states) if position <= cut)
        state = state_of(connection)
        found = [index for index, (_, digest) in enumerate(states) if digest == state]
        if not found:
            raise Violation("the database is in a state that no commit led to")
        if found[-1] < acknowledged:
            raise Violation(f"commit {acknowledged} was acknowledged, the database is at commit {found[-1]}")
        return found[-1]

    def _expect_acknowledged(self, connection: sqlite3.Connection, cut: int) -> None:
        rows = connection.execute("SELECT sequence, type, run_id FROM durably_events")
        events = {tuple(row) for row in rows}
        for position, *event in self._history.events:
            if position <= cut and tuple(event) not in events:
                raise Violation(f"an event was told and is not in the log: {event}")
        triggered = {run_id for _, event_type, run_id in events if event_type == "run:trigger"}
        for position, run_id in self._history.triggered:
            if position <= cut and run_id not in triggered:
                raise Violation(f"trigger returned the run {run_id}, which is not there")

    async def _resume(self, world: World, cut: int) -> None:
        world.slow_began.set()  # it waits only in the first life
        engine = await world.open()
        await engine.process_until_idle()
        for (key, step), position in self._history.finished.items():
            if position <= cut and world.calls[key, step]:
                raise Violation(f"{step} of {key} had returned, and ran again")
        await trigger(world, engine, Work(key="after the cut", steps=2))
        await engine.process_until_idle()
        expect_outcomes(await engine.get_runs())
        connection = world.connect()
        expect_none(faults_between_tables(connection))
        expect_none(faults_of_file(connection))


def trial(scene: str, arm: Callable[[bool], None]) -> Trial:
    return Trial(scene, arm)


def filling(give_room: Callable[[], None]) -> Filling:
    return Filling(give_room)


def record(workload: str, path: str, seed: int, position: Position, on_commit: Any) -> Recording:
    return Recording(workload, path, seed, position, on_commit)
