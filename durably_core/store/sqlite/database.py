"""One SQLite file and the connection to it: opening, transactions, migrations, errors.

Everything here blocks, and runs on the store's own thread.
"""

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from typing import Any, TypeVar

from durably_core.clock import Clock
from durably_core.errors import (
    DurablyError,
    StorageDamagedError,
    StorageError,
    StorageFullError,
    ValidationError,
)
from durably_core.models import Row
from durably_core.store.base import QueryResult
from durably_core.store.sql import missing, queries
from durably_core.store.sqlite.guests import Parameters, SQLiteTransaction, lent, query
from durably_core.store.sqlite.reserve import Reserve

MINIMUM_SQLITE = (3, 38, 0)
BUSY_TIMEOUT_MS = 60_000
"""How long a write waits for another process's write."""

PAGES_KEPT_FREE = 256
"""Of free pages so many stay in the file, or a quarter of it: new runs use them soon."""

PAGES_PER_BITE = 64
"""What is moved when a file is packed goes through the WAL."""

AUTOCHECKPOINT_WITH_RESERVE = 500
"""Pages. The less there is in the WAL when storage is full, the less must fit into the file then."""

T = TypeVar("T")


class Database:
    """A connection that is opened at its first use."""

    def __init__(self, path: str, *, exclusive: bool, reserve_bytes: int, clock: Clock) -> None:
        if sqlite3.sqlite_version_info < MINIMUM_SQLITE:
            needed = ".".join(map(str, MINIMUM_SQLITE))
            raise StorageError(f"SQLite {needed} or newer is needed; this Python has {sqlite3.sqlite_version}.")
        self._path = path
        self._exclusive = exclusive
        self._clock = clock
        self._queries = queries("sqlite")
        self.reserve = Reserve(f"{path}-reserve", reserve_bytes)
        self.connection: sqlite3.Connection | None = None

    def now_ms(self) -> int:
        return self._clock.now_ms()

    # ------------------------------------------------------------------ statements and transactions

    def execute(self, query: str, parameters: Mapping[str, Any]) -> sqlite3.Cursor:
        """Run a named query."""
        return (self.connection or self._open()).execute(self._queries[query], parameters)

    def run(self, sql: str) -> sqlite3.Cursor:
        """Run a statement that has no name."""
        return (self.connection or self._open()).execute(sql)

    def all(self, query: str, parameters: Mapping[str, Any]) -> list[sqlite3.Row]:
        return self.execute(query, parameters).fetchall()

    def one(self, query: str, parameters: Mapping[str, Any]) -> sqlite3.Row | None:
        row: sqlite3.Row | None = self.execute(query, parameters).fetchone()
        return row

    def changes(self, query: str, parameters: Mapping[str, Any]) -> bool:
        return self.execute(query, parameters).rowcount > 0

    def ask(self, query: str, parameters: Mapping[str, Any]) -> Callable[[], Sequence[Row]]:
        rows = self.all(query, parameters)
        return lambda: rows

    def lock(self, name: str) -> None:
        """Nothing to wait for: SQLite has one writer."""

    def may_claim(self, _found: Row) -> Callable[[], bool]:
        return lambda: True

    def insert_events(self, rows: Sequence[Mapping[str, Any]]) -> Callable[[], Sequence[int]]:
        numbers = [self.execute("insert_event", row).lastrowid or 0 for row in rows]
        return lambda: numbers

    def read(self, work: Callable[[], T]) -> T:
        """What ``work`` returns. Raises ``StorageError`` in place of SQLite's errors."""
        try:
            return work()
        except sqlite3.Error as error:
            raise _storage_error(error) from error

    def write(self, work: Callable[[], T], *, from_reserve: bool = False) -> T:
        """The same as one transaction: all of it or nothing.

        Raises ``StorageFullError`` when the reserve is spent, unless ``from_reserve`` says that this is
        what the reserve is for.
        """
        try:
            if not from_reserve:
                self._require_room()
            connection = self.connection or self._open()
            connection.execute("BEGIN IMMEDIATE")
            try:
                result = work()
                # A crash before this line leaves nothing of the transaction, after it everything.
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
        except sqlite3.Error as error:
            raise _storage_error(error) from error
        return result

    def lent(self, is_to_stop: Callable[[], bool]) -> AbstractContextManager[SQLiteTransaction]:
        """The open transaction in the hands of a step."""
        assert self.connection is not None
        return lent(self.connection, is_to_stop)

    def query(
        self, sql: str, parameters: Parameters, limit: int, timeout_ms: int, is_given_up: Callable[[], bool]
    ) -> QueryResult:
        """What a query of a guest finds."""
        return query(self.connection or self._open(), sql, parameters, limit, timeout_ms, is_given_up)

    # ------------------------------------------------------------------ the file

    def _open(self) -> sqlite3.Connection:
        if self.connection is not None:
            return self.connection
        connection = sqlite3.connect(
            self._path, isolation_level=None, check_same_thread=False, cached_statements=128
        )
        connection.row_factory = sqlite3.Row
        try:
            # First of all: several processes may open a new file at the same moment.
            connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
            if self._exclusive:
                connection.execute("PRAGMA locking_mode = EXCLUSIVE")
            if not _number(connection, "page_count"):
                # Only a new file can be told, before anything is written to it. It can then be made smaller.
                connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
            mode = _switch_to_wal(connection)
            if mode not in ("wal", "memory"):
                raise StorageError(f"{self._path} can't be opened in WAL mode (it stays in {mode!r} mode).")
            for pragma in (
                "synchronous = FULL",
                "foreign_keys = ON",
                "temp_store = MEMORY",
                "cache_size = -8192",
                "journal_size_limit = 4194304",
                f"wal_autocheckpoint = {AUTOCHECKPOINT_WITH_RESERVE if self.reserve.size else 1000}",
            ):
                connection.execute(f"PRAGMA {pragma}")
        except BaseException:
            connection.close()
            raise
        self.connection = connection
        return connection

    def close(self) -> None:
        if self.connection is not None:
            self.connection.close()
            self.connection = None

    def data_version(self) -> int:
        """Changes with what other connections commit, and not with what this one does."""
        return _number(self._open(), "data_version")

    def checkpoint(self) -> bool:
        """Move the whole WAL into the file and empty it. False: someone reads or writes right now."""
        connection = self._open()
        # Not waited for: all writes of this process would wait, too.
        connection.execute("PRAGMA busy_timeout = 0")
        try:
            busy, _frames, _moved = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            return not busy
        finally:
            connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")

    def surplus_pages(self) -> int:
        """How many pages of the file are free, but for a part that new runs will soon use."""
        connection = self._open()
        kept = max(PAGES_KEPT_FREE, _number(connection, "page_count") // 4)
        return max(0, _number(connection, "freelist_count") - kept)

    def shrink(self, pages: int) -> int:
        """Take so many free pages out of the file; returns how many there were."""
        connection = self._open()
        before = _number(connection, "freelist_count")
        if before:
            connection.execute(f"PRAGMA incremental_vacuum({pages})").fetchall()
        return before - _number(connection, "freelist_count")

    def pack(self) -> None:
        """Take free pages out of the file where there is room for that, and move the whole WAL into it."""
        with suppress(sqlite3.OperationalError):
            self._shrink_by(_number(self._open(), "freelist_count"))
        try:
            is_whole = self.checkpoint()
        except sqlite3.OperationalError:
            # The person wants to have the data out of a full storage.
            self.reserve.spend()
            is_whole = self.checkpoint()
        if not is_whole:
            raise StorageError("The database is in use. Try again.")

    def _shrink_by(self, pages: int) -> None:
        # Bite by bite: as soon as the file is small enough, what has waited in the WAL fits into it.
        while pages > 0 and (taken := self.shrink(min(pages, PAGES_PER_BITE))):
            pages -= taken
            with suppress(sqlite3.OperationalError):
                self.checkpoint()

    # ------------------------------------------------------------------ room

    def _require_room(self) -> None:
        """Raises ``StorageFullError`` for as long as the reserve is spent and can't be set apart again."""
        if self.reserve.is_whole:
            return
        self._open()  # what is in the way of that is told first
        if not self.reserve.restore():
            raise StorageFullError

    def make_room(self) -> None:
        """Give back what the database holds and does not need. That takes room itself: the reserve's."""
        self.reserve.spend()
        # Not more than is needed: all else waits meanwhile. Without a reserve, new runs take free pages.
        pages = 2 * self.reserve.size // _number(self._open(), "page_size")
        for work in (lambda: self._shrink_by(pages), self.checkpoint):
            with suppress(sqlite3.OperationalError):  # there may be too little even so
                work()

    # ------------------------------------------------------------------ schema

    def migrate(self) -> None:
        """Within a transaction: of several processes that migrate, one does it and the others find it done."""
        connection = self._open()
        connection.execute(
            "CREATE TABLE IF NOT EXISTS durably_schema_versions"
            " (version INTEGER NOT NULL PRIMARY KEY, checksum TEXT NOT NULL, applied_at INTEGER NOT NULL)"
        )
        rows = connection.execute("SELECT version, checksum FROM durably_schema_versions").fetchall()
        applied = {row["version"]: row["checksum"] for row in rows}
        for migration in missing("sqlite", applied, "The database"):
            for statement in _statements(migration.text):
                connection.execute(statement)
            connection.execute(
                "INSERT INTO durably_schema_versions (version, checksum, applied_at) VALUES (?, ?, ?)",
                (migration.version, migration.checksum, self.now_ms()),
            )

    def touch(self) -> None:
        """Change the file without changing what it says. Inside of a transaction.

        An update to the same value would not do: SQLite sees that there is nothing to write.
        """
        connection = self._open()
        connection.execute("INSERT INTO durably_schema_versions VALUES (0, '', 0)")
        connection.execute("DELETE FROM durably_schema_versions WHERE version = 0")


def _number(connection: sqlite3.Connection, pragma: str) -> int:
    return int(connection.execute(f"PRAGMA {pragma}").fetchone()[0])


def _switch_to_wal(connection: sqlite3.Connection) -> str:
    # The first switch of a file takes a lock for which SQLite does not wait as it does for others.
    with suppress(sqlite3.OperationalError):
        return str(connection.execute("PRAGMA journal_mode = WAL").fetchone()[0])
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("ROLLBACK")
    return str(connection.execute("PRAGMA journal_mode = WAL").fetchone()[0])


def _statements(script: str) -> Iterator[str]:
    """The statements of a script, one by one: ``executescript`` would commit the open transaction."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


def _storage_error(error: sqlite3.Error) -> DurablyError:
    code = getattr(error, "sqlite_errorcode", None)
    if code is not None and code & 0xFF == sqlite3.SQLITE_TOOBIG:
        # No fault of the storage: it will be too big the next time, too.
        return ValidationError("A value is too big for the database. Store it elsewhere, and its place here.")
    if code is not None and code & 0xFF == sqlite3.SQLITE_BUSY:
        return StorageError(
            f"Another process has kept the database locked for {BUSY_TIMEOUT_MS // 1000} s: look for one that "
            "hangs, or for a step.transaction that takes very long."
        )
    if code is not None and code & 0xFF == sqlite3.SQLITE_FULL:
        return StorageFullError()
    name = getattr(error, "sqlite_errorname", type(error).__name__)
    if code is not None and code & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return StorageDamagedError(
            f"The database file is damaged: {error} ({name}). Nothing of it was deleted."
        )
    return StorageError(f"The database could not be read or written: {error} ({name}).")
