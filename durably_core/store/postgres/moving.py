"""Runs that move from a SQLite file to PostgreSQL, with all that belongs to them."""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import Connection, DataError, errors, sql
from psycopg.rows import DictRow, tuple_row

from durably_core.errors import ConflictError, StorageError, ValidationError

BATCH = 200
"""Runs that are copied in one transaction."""

TABLES = {
    "durably_runs": "id",
    "durably_payloads": "run_id",
    "durably_run_labels": "run_id",
    "durably_steps": "run_id",
    "durably_logs": "run_id",
    "durably_idempotency_keys": "run_id",
}
"""What is copied, and which column names its run. Events are not: their numbers are places in one log."""


@dataclass(frozen=True, slots=True)
class Moved:
    runs: int
    """That are there now."""
    found: int
    """Of those: that had been there before."""


def move(source: sqlite3.Connection, target: Connection[DictRow], tell: Callable[[int, int], None]) -> Moved:
    """Copy all runs that are not there yet, oldest first. ``tell`` hears how many of how many are done.

    Each batch is read again and compared before it is committed. Broken off, it goes on when called again.
    Raises ``ConflictError`` while runs execute, or when the target has something else in a run's place, and
    ``StorageError`` when what was read again is not what was written.
    """
    _expect_idle(source)
    [total] = source.execute("SELECT count(*) FROM durably_runs").fetchone()
    done = found = 0
    for run_ids in _batches(source):
        known = _known(target, run_ids)
        found += len(known)
        _copy(source, target, [run_id for run_id in run_ids if run_id not in known])
        done += len(run_ids)
        tell(done, total)
    return Moved(done, found)


def _expect_idle(source: sqlite3.Connection) -> None:
    now = (
        "CAST(unixepoch('subsec') * 1000 AS INTEGER)"
        if sqlite3.sqlite_version_info >= (3, 42)
        else ("CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)")
    )
    busy = f"SELECT count(*) FROM durably_runs WHERE lease_expires_at > {now}"  # noqa: S608 - no one's text
    [leased] = source.execute(busy).fetchone()
    if leased:
        raise ConflictError(
            f"{leased} runs execute in the database: stop its workers, wait until their leases have run out, "
            "and try again."
        )


def _batches(source: sqlite3.Connection) -> Iterator[list[str]]:
    after = ""
    query = "SELECT id FROM durably_runs WHERE id > ? ORDER BY id LIMIT ?"
    while run_ids := [run_id for (run_id,) in source.execute(query, (after, BATCH))]:
        yield run_ids
        after = run_ids[-1]


def _known(target: Connection[DictRow], run_ids: Sequence[str]) -> set[str]:
    rows = target.execute("SELECT id FROM durably_runs WHERE id = ANY (%s)", (list(run_ids),))
    return {row["id"] for row in rows}


def _copy(source: sqlite3.Connection, target: Connection[DictRow], run_ids: Sequence[str]) -> None:
    if not run_ids:
        return
    try:
        # A crash in here leaves nothing of the batch: a run that is there is there with all that belongs to it.
        with target.transaction(), target.cursor(row_factory=tuple_row) as cursor:
            for table, column in TABLES.items():
                names, rows = _read(source, table, column, run_ids)
                if not rows:
                    continue
                columns = sql.SQL(", ").join(map(sql.Identifier, names))
                places = sql.SQL(", ").join(sql.Placeholder() * len(names))
                into = sql.Identifier(table)
                cursor.executemany(
                    sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(into, columns, places), rows
                )
                again = sql.SQL("SELECT {} FROM {} WHERE {} = ANY (%s)")
                cursor.execute(again.format(columns, into, sql.Identifier(column)), (list(run_ids),))
                if sorted(cursor.fetchall(), key=repr) != sorted(rows, key=repr):
                    raise StorageError(f"What was written to {table} was not the same when it was read again.")
    except errors.UniqueViolation as error:
        raise ConflictError(
            f"The runs {run_ids[0]} to {run_ids[-1]} can't be copied: something is in their place "
            f"({error.diag.message_detail or error})"
        ) from error
    except DataError as error:
        raise ValidationError(
            f"The runs {run_ids[0]} to {run_ids[-1]} can't be copied: PostgreSQL can't hold a value ({error})."
        ) from error


def _read(
    source: sqlite3.Connection, table: str, column: str, run_ids: Sequence[str]
) -> tuple[list[str], list[tuple[Any, ...]]]:
    places = ", ".join("?" * len(run_ids))
    found = source.execute(f"SELECT * FROM {table} WHERE {column} IN ({places})", list(run_ids))  # noqa: S608
    return [name for name, *_ in found.description], found.fetchall()
