"""Databases as files: what is done with one that no engine has open. Runs inside Pyodide.

Every function answers with "" or with the JSON text of a ``WireError``.
"""

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from pydantic_core import to_json

from durably_core.clock import SystemClock
from durably_core.errors import DurablyError, StorageDamagedError, ValidationError
from durably_core.store.base import ClaimRequest
from durably_core.store.sqlite.database import Database
from durably_core.store.sqlite.transitions import SQLiteTransitions

RESERVE_BYTES = 4 * 1024 * 1024
"""As much as the WAL may hold before it is emptied."""

NOBODY = ClaimRequest(worker_id="nobody", job_names=(), lease_ms=1)
SQLITE_HEADER = b"SQLite format 3\0"


def pack(path: str) -> str:
    """Bring a file up to date and to its smallest size, for a copy of it."""
    return _told(path, lambda database: database.read(database.pack), RESERVE_BYTES)


def check(path: str) -> str:
    """Look for damage in all of a file."""
    return _told(path, lambda database: database.read(lambda: _expect_whole(database)))


def verify(path: str) -> str:
    """Whether an engine can go on with a copy that a person brings. Brings its schema up to date."""

    def work(database: Database) -> None:
        _expect_sqlite(path)
        database.read(lambda: _expect_whole(database))
        database.read(lambda: _expect_ours(database))
        database.write(database.migrate)
        database.read(lambda: _expect_same_schema(database))
        # What an engine does first.
        transitions = SQLiteTransitions(database)
        transitions.commit(lambda: transitions.expire_leases(NOBODY))
        database.read(database.pack)

    return _told(path, work)


def _told(path: str, work: Callable[[Database], Any], reserve_bytes: int = 0) -> str:
    try:
        with closing(_opened(path, reserve_bytes)) as database:
            work(database)
    except DurablyError as error:
        return to_json(error.to_wire()).decode()
    return ""


def _opened(path: str, reserve_bytes: int = 0) -> Database:
    return Database(path, exclusive=True, reserve_bytes=reserve_bytes, clock=SystemClock())


def _expect_sqlite(path: str) -> None:
    file = Path(path)
    # In the browser a file without content does not exist.
    if not file.exists() or _beginning(file) != SQLITE_HEADER:
        raise ValidationError("The file is no SQLite database: choose one that was exported here.")


def _beginning(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(len(SQLITE_HEADER))


def _expect_whole(database: Database) -> None:
    [result] = database.run("PRAGMA integrity_check(1)").fetchone()
    if result != "ok":
        raise StorageDamagedError(f"The database file is damaged: {result}.")


def _expect_ours(database: Database) -> None:
    query = "SELECT 1 FROM sqlite_schema WHERE name = 'durably_schema_versions'"
    if database.run(query).fetchone() is None:
        raise ValidationError("The file is no database of Durably: choose one that was exported here.")


def _expect_same_schema(database: Database) -> None:
    """Tables that lack something, and triggers that do something, would be found out only later."""
    with closing(_opened(":memory:")) as fresh:
        fresh.write(fresh.migrate)
        if _schema(database) != _schema(fresh):
            raise ValidationError("The tables of the file are not as Durably makes them: it can't be imported.")


def _schema(database: Database) -> set[tuple[str, ...]]:
    query = "SELECT type, name, tbl_name, sql FROM sqlite_schema WHERE tbl_name GLOB 'durably_*'"
    return {tuple(row) for row in database.run(query)}
