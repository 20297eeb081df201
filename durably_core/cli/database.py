"""A database that is there: found and looked into without making or changing one."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import quote

from durably_core.durably import Durably
from durably_core.errors import NotFoundError, StorageError, ValidationError
from durably_core.store.sql import missing
from durably_core.store.sqlite import SQLiteStore

WAL_VERSION = b"\x02\x02"
"""Bytes 18 and 19 of a file in WAL mode."""


def path_of(durably: Durably) -> str | None:
    """The path of the engine's SQLite file; None for an engine with another store."""
    return durably.store.path if isinstance(durably.store, SQLiteStore) else None


def name_of(durably: Durably) -> str:
    """What messages call the engine's database."""
    return durably.store.name


def expect_current(durably: Durably) -> None:
    """Raises unless the engine's database exists and has the schema that this code knows."""
    path = path_of(durably)
    if path is None:
        return
    expect_file(path)
    try:
        with read_only(path) as connection:
            expect_schema("sqlite", path, applied_versions(connection))
    except sqlite3.Error as error:
        raise StorageError(f"{path} can't be read as a database: {error}. Run `durably doctor`.") from error


def expect_file(path: str) -> None:
    """Raises ``NotFoundError`` for a file that is not there, or ``ValidationError`` for a folder."""
    if Path(path).is_dir():
        raise ValidationError(f"{path} is a folder: name the file of a database.")
    if not Path(path).is_file():
        raise NotFoundError(
            f"There is no database {path}: name another with --database, or make it with `durably migrate`."
        )


def applied_versions(connection: sqlite3.Connection) -> dict[int, str]:
    """The checksum of each schema version of the database. Empty: it is none of ours."""
    there = connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'durably_schema_versions'").fetchone()
    if there is None:
        return {}
    return dict(connection.execute("SELECT version, checksum FROM durably_schema_versions").fetchall())


def expect_schema(dialect: str, name: str, applied: dict[int, str]) -> None:
    """Raises ``StorageError`` for a schema that this code can't work with. ``name``: of the database."""
    if not applied:
        raise StorageError(f"{name} has no tables of Durably: name another, or run `durably migrate`.")
    if lacking := missing(dialect, applied, name):
        newest, needed = max(applied), lacking[-1].version
        raise StorageError(
            f"{name} has schema version {newest}, this code needs {needed}: run `durably migrate`."
        )


@contextmanager
def read_only(path: str) -> Iterator[sqlite3.Connection]:
    """A connection that can't write.

    Without a WAL beside it no one has the file open, and it is read as it is: to open it in the usual way
    would leave a WAL there. If there is one afterwards, someone began to write, and what was read may be torn.
    """
    mode = "mode=ro" if has_wal(path) else "mode=ro&immutable=1"
    with closing(sqlite3.connect(f"file:{quote(path)}?{mode}", uri=True)) as connection:
        yield connection


def has_wal(path: str) -> bool:
    return Path(f"{path}-wal").exists()


def is_in_wal_mode(path: str) -> bool:
    with Path(path).open("rb") as file:
        return file.read(20)[18:] == WAL_VERSION
