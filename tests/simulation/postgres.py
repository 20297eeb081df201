"""The simulated disk of PostgreSQL: a real server, whose transactions come one after the other.

What the engine does of its own is tried in all orders; what PostgreSQL does with transactions that overlap is
tried in ``tests/postgres``.
"""

import contextlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import psycopg
from psycopg import Connection
from psycopg.rows import DictRow, dict_row

from durably_core.store.postgres import PostgresStore
from durably_core.store.postgres.session import PostgresSession
from tests.postgres.server import emptied
from tests.simulation.disk import Disk, Row, Weather, asked
from tests.simulation.world import World

T = TypeVar("T")


class PostgresDisk(Disk):
    placeholder = "%s"

    def __init__(self, world: World, weather: Weather, *, is_watched: bool) -> None:
        super().__init__(world, weather, is_watched=is_watched)
        self.url = emptied().url
        self.connection: Connection[DictRow] = psycopg.connect(self.url, autocommit=True, row_factory=dict_row)
        self.commits_with_changes = 0

    def store(self) -> PostgresStore:
        return _Store(self)

    @property
    def changes(self) -> int:
        return self.commits_with_changes

    def rows(self, sql: str) -> list[Row]:
        return self.connection.execute(sql).fetchall()

    def execute(self, sql: str) -> None:
        self.connection.execute(sql)

    def close(self) -> None:
        self.connection.close()


class _Store(PostgresStore):
    def __init__(self, disk: PostgresDisk) -> None:
        super().__init__(disk.url, clock=disk.world.clock)
        self._disk = disk
        self._pool: Any = _Pool(disk.connection)
        self._threads: Any = None  # as many as it takes
        self._step_threads: Any = None
        self._permits: Any = contextlib.nullcontext()
        self._signals: Any = _Signals(disk)

    async def _call(
        self, work: Callable[[], Any], told: Callable[[], object] | None = None, *, threads: Any = None
    ) -> Any:
        call = asked()
        return await super()._call(lambda: self._disk.carry_out(call, work), told)

    async def _write(self, work: Any, *, of_run: str | None = None, is_brief: bool = False) -> Any:
        # Each for itself: who looks on compares what a call has done with what is told of it. Writes that
        # share a transaction are in the simulated histories of SQLite, and in ``tests/postgres``.
        return await super()._write(work, of_run=of_run)

    def _session(self, connection: Connection[DictRow], **manner: bool) -> PostgresSession:
        return _Session(self._disk, connection, self.clock, self._realm, **manner)


class _Session(PostgresSession):
    def __init__(self, disk: PostgresDisk, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._disk = disk

    def write(self, work: Callable[[], T]) -> T:
        write = super().write
        result: T = self._disk.commit(lambda: write(work))
        return result

    def _commit(self) -> None:
        # Only who has written, or locked what it read, has a number.
        looked = self.connection.execute("SELECT pg_current_xact_id_if_assigned() AS number").fetchone()
        assert looked is not None
        super()._commit()
        self._disk.commits_with_changes += looked["number"] is not None


class _Pool:
    """One connection is enough where calls come one after the other."""

    closed = False

    def __init__(self, connection: Connection[DictRow]) -> None:
        self._connection = connection

    @contextmanager
    def connection(self, timeout: float) -> Iterator[Connection[DictRow]]:
        yield self._connection


class _Signals:
    def __init__(self, disk: PostgresDisk) -> None:
        self._disk = disk

    def written(self) -> None:
        self._disk.tell_watchers(asked().process)
