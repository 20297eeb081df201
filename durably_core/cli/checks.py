"""What ``durably doctor`` looks at: each check reads, and says what to do. None changes anything."""

import os
import sqlite3
import sys
from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from pathlib import Path

from durably_core.cli.content import Check, check_content
from durably_core.cli.database import (
    applied_versions,
    expect_file,
    has_wal,
    is_in_wal_mode,
    read_only,
)
from durably_core.cli.output import size
from durably_core.errors import DurablyError
from durably_core.store.sqlite.database import MINIMUM_SQLITE

MINIMUM_PYTHON = (3, 11)
EXTRAS = {
    "server": ("starlette", "uvicorn"),
    "postgres": ("psycopg", "psycopg_pool"),
    "telemetry": ("opentelemetry",),
}
"""What each extra of the package brings."""


def check_machine() -> Iterator[Check]:
    """Python, SQLite, and the optional packages."""
    yield _version("python", sys.version_info[:3], MINIMUM_PYTHON, "install a newer Python")
    todo = "install a Python with a newer SQLite"
    yield _version("sqlite", sqlite3.sqlite_version_info, MINIMUM_SQLITE, todo)
    for extra, modules in EXTRAS.items():
        missing = [module for module in modules if find_spec(module) is None]
        text = f"not installed: `pip install 'durably[{extra}]'` if you need it" if missing else "installed"
        yield Check(name=f"extra {extra}", state="ok", text=text)


def check_database(path: str, job_names: Iterable[str] | None) -> Iterator[Check]:
    """The file and what is in it. ``job_names``: those that are known; None: not known which."""
    try:
        expect_file(path)
    except DurablyError as error:
        yield Check(name="database", state="fail", text=f"{path} can't be opened", todo=error.message)
        return
    yield Check(name="database", state="ok", text=f"{path}, {_size_on_disk(path)}")
    yield _check_writable(path)
    had_wal = has_wal(path)
    found = list(_check_content(path, job_names))
    if not had_wal and has_wal(path):
        # No one had it open, so it was read without a lock; someone has opened it meanwhile.
        found = list(_check_content(path, job_names))
    yield from found


def _version(name: str, found: tuple[int, ...], needed: tuple[int, ...], todo: str) -> Check:
    text, minimum = ".".join(map(str, found)), ".".join(map(str, needed))
    if found >= needed:
        return Check(name=name, state="ok", text=text)
    return Check(name=name, state="fail", text=text, todo=f"{minimum} or newer is needed: {todo}.")


def _size_on_disk(path: str) -> str:
    sizes = {suffix: _bytes_of(f"{path}{suffix}") for suffix in ("", "-wal")}
    return size(sizes[""]) + (f" and {size(sizes['-wal'])} in its WAL" if sizes["-wal"] else "")


def _bytes_of(path: str) -> int:
    try:
        return Path(path).stat().st_size
    except FileNotFoundError:
        return 0


def _check_writable(path: str) -> Check:
    folder = Path(path).resolve().parent
    for place in (path, folder):
        if not os.access(place, os.W_OK):
            todo = f"Let this user write to {place}: SQLite needs the file and its folder."
            return Check(name="writable", state="fail", text=f"{place} can't be written", todo=todo)
    return Check(name="writable", state="ok", text="the file and its folder")


def _check_content(path: str, job_names: Iterable[str] | None) -> Iterator[Check]:
    try:
        with read_only(path) as connection:
            yield from _check_inside(connection, path, job_names)
    except sqlite3.Error as error:
        todo = "Restore it from a backup, or name another with --database."
        yield Check(name="content", state="fail", text=f"can't be read: {error}", todo=todo)


def _check_inside(
    connection: sqlite3.Connection, path: str, job_names: Iterable[str] | None
) -> Iterator[Check]:
    faults = [row[0] for row in connection.execute("PRAGMA quick_check(3)")]
    if faults != ["ok"]:
        todo = "Stop all workers, then restore it from a backup or export what can still be read."
        yield Check(name="integrity", state="fail", text="; ".join(faults), todo=todo)
        return
    yield Check(name="integrity", state="ok", text="no damage found")
    yield _check_journal(path)
    applied = applied_versions(connection)
    yield from check_content(lambda sql: connection.execute(sql).fetchall(), "sqlite", path, applied, job_names)


def _check_journal(path: str) -> Check:
    if is_in_wal_mode(path):
        return Check(name="journal", state="ok", text="WAL")
    todo = "The engine switches to WAL when it opens the database: on a network drive that fails."
    return Check(name="journal", state="warn", text="not WAL", todo=todo)
