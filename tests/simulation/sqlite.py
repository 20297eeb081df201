"""The simulated disk of SQLite: one database in memory."""

import sqlite3
from collections.abc import Callable
from typing import Any

from durably_core.store.sqlite import SQLiteStore
from durably_core.store.sqlite.database import Database
from durably_core.store.sqlite.transitions import SQLiteTransitions
from durably_core.store.sqlite.writes import Write
from tests.simulation.disk import Call, Disk, Row, Weather, asked
from tests.simulation.world import World


class SQLiteDisk(Disk):
    placeholder = "?"

    def __init__(self, world: World, weather: Weather, *, is_watched: bool) -> None:
        super().__init__(world, weather, is_watched=is_watched)
        self.database = Database(":memory:", exclusive=False, reserve_bytes=0, clock=world.clock)

    def store(self) -> SQLiteStore:
        return _Store(self)

    @property
    def changes(self) -> int:
        connection = self.database.connection
        return 0 if connection is None else connection.total_changes

    def rows(self, sql: str) -> list[Row]:
        return [dict(row) for row in self._connection.execute(sql)]

    def execute(self, sql: str) -> None:
        self._connection.execute(sql)

    @property
    def _connection(self) -> sqlite3.Connection:
        connection = self.database.connection
        assert connection is not None
        return connection

    def close(self) -> None:
        self.database.close()

    def carry_out(self, call: Call, work: Callable[[], Any]) -> Any:
        before = self.changes
        try:
            return super().carry_out(call, work)
        finally:
            # As with a file: who has written nothing wakes no one.
            if self.changes != before:
                self.tell_watchers(call.process)


class _Store(SQLiteStore):
    def __init__(self, disk: SQLiteDisk) -> None:
        super().__init__(":memory:", clock=disk.world.clock)
        self._disk = disk
        self._database = disk.database
        self._transitions = SQLiteTransitions(disk.database)

    async def _call(self, work: Callable[[], Any], told: Callable[[], object] | None = None) -> Any:
        call = asked()
        return await super()._call(lambda: self._disk.carry_out(call, work), told)

    async def _write(
        self, work: Any, when_full: Any = None, *, from_reserve: bool = False, **manner: Any
    ) -> Any:
        call = asked()

        def seen(work: Callable[[Any], Any]) -> Callable[[Any], Any]:
            def logged(transitions: SQLiteTransitions) -> Any:
                result = work(transitions)
                # Here already: who looks on compares what was done with what is told of it.
                transitions.finish()
                return result

            return lambda transitions: self._disk.carry_out(call, lambda: logged(transitions))

        full = None if when_full is None else seen(when_full)
        return await super()._write(seen(work), full, from_reserve=from_reserve, **manner)

    def _commit(self, work: Any, when_full: Any, *, from_reserve: bool = False) -> Any:
        commit = super()._commit
        return self._disk.commit(lambda: commit(work, when_full, from_reserve=from_reserve))

    def _commit_together(self, writes: list[Write[Any]]) -> None:
        together = super()._commit_together
        self._disk.commit(lambda: together(writes))
