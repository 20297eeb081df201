"""SQL of others on the engine's connection: statements within a step's transaction, and queries that only read.

SQLite itself asks for permission for each thing that a statement would do.
"""

import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from durably_core.errors import ValidationError
from durably_core.store.base import QueryResult
from durably_core.store.guests import GuestError

Parameters = Sequence[Any] | Mapping[str, Any]

OWN_TABLES = "durably_"
STEPS_BETWEEN_LOOKS = 10_000
"""Of SQLite's virtual machine, at the clock."""

_WRITES = {
    sqlite3.SQLITE_INSERT,
    sqlite3.SQLITE_UPDATE,
    sqlite3.SQLITE_DELETE,
    sqlite3.SQLITE_DROP_TABLE,
    sqlite3.SQLITE_ALTER_TABLE,
}
_NEVER = {
    sqlite3.SQLITE_TRANSACTION,
    sqlite3.SQLITE_SAVEPOINT,
    sqlite3.SQLITE_ATTACH,
    sqlite3.SQLITE_DETACH,
    sqlite3.SQLITE_PRAGMA,
}
_READS = {
    sqlite3.SQLITE_SELECT,
    sqlite3.SQLITE_READ,
    sqlite3.SQLITE_FUNCTION,
    sqlite3.SQLITE_RECURSIVE,
}
_FAULTS_OF_STORAGE = {
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_NOTADB,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_BUSY,
}


class SQLiteTransaction:
    """See ``store.base.Transaction``."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection: sqlite3.Connection | None = connection

    def execute(self, sql: str, parameters: Parameters = ()) -> sqlite3.Cursor:
        return self._allowed(lambda connection: connection.execute(sql, parameters))

    def executemany(self, sql: str, parameters: Iterable[Parameters]) -> sqlite3.Cursor:
        return self._allowed(lambda connection: connection.executemany(sql, parameters))

    def end(self) -> None:
        """Whoever kept this can do nothing with it any more."""
        self._connection = None

    def _allowed(self, work: Callable[[sqlite3.Connection], sqlite3.Cursor]) -> sqlite3.Cursor:
        if self._connection is None:
            raise ValidationError("The transaction of this step has ended: use it in the step's function only.")
        expect_open(self._connection)
        try:
            return work(self._connection)
        except sqlite3.DatabaseError as error:
            if getattr(error, "sqlite_errorcode", None) != sqlite3.SQLITE_AUTH:
                raise
            raise ValidationError(
                "Within a step's transaction, SQL may work on tables of your own. It may not write to tables "
                f"named {OWN_TABLES}…, begin or end transactions, attach databases, or change settings."
            ) from error


@contextmanager
def lent(connection: sqlite3.Connection, is_to_stop: Callable[[], bool]) -> Iterator[SQLiteTransaction]:
    """The open transaction in the hands of a guest. Raises ``GuestError`` for what the guest raises.

    Statements fail once ``is_to_stop`` says so.
    """
    transaction = SQLiteTransaction(connection)
    connection.set_authorizer(_for_transactions)
    # In the thread that executes, and gone with the guest: ``interrupt`` may hit what comes after a statement.
    connection.set_progress_handler(is_to_stop, STEPS_BETWEEN_LOOKS)
    try:
        yield transaction
        expect_open(connection)
    except sqlite3.Error as error:
        if is_fault_of_storage(error):
            raise
        raise GuestError(error) from error
    except Exception as error:
        raise GuestError(error) from error
    finally:
        transaction.end()
        connection.set_progress_handler(None, 0)
        connection.set_authorizer(None)


def expect_open(connection: sqlite3.Connection) -> None:
    """Raises ``ValidationError`` when SQLite has rolled the transaction back, as it does at some errors.

    What a guest that has not heeded the error does next would be written at once, and for good.
    """
    if not connection.in_transaction:
        raise ValidationError("The transaction of this step was rolled back: let the database's error pass.")


def query(
    connection: sqlite3.Connection,
    sql: str,
    parameters: Parameters,
    limit: int,
    timeout_ms: int,
    is_given_up: Callable[[], bool],
) -> QueryResult:
    """What a query finds. Raises ``ValidationError`` for one that would write, fails, or takes too long."""
    until = time.monotonic() + timeout_ms / 1000
    connection.set_authorizer(_for_queries)
    connection.set_progress_handler(lambda: is_given_up() or time.monotonic() > until, STEPS_BETWEEN_LOOKS)
    try:
        cursor = connection.execute(sql, parameters)
        try:
            rows = cursor.fetchmany(limit + 1)
            columns = [column[0] for column in cursor.description or ()]
        finally:
            cursor.close()
    except (sqlite3.Error, sqlite3.Warning) as error:
        if isinstance(error, sqlite3.Error) and is_fault_of_storage(error):
            raise
        raise _explained(error, timeout_ms) from error
    finally:
        connection.set_progress_handler(None, 0)
        connection.set_authorizer(None)
    return QueryResult(columns=columns, rows=[tuple(row) for row in rows[:limit]], truncated=len(rows) > limit)


def is_fault_of_storage(error: sqlite3.Error) -> bool:
    """Whether the database is to blame, and not the statement."""
    code = getattr(error, "sqlite_errorcode", None)
    return code is not None and code & 0xFF in _FAULTS_OF_STORAGE


def _explained(error: sqlite3.Error | sqlite3.Warning, timeout_ms: int) -> ValidationError:
    code = getattr(error, "sqlite_errorcode", None)
    if code == sqlite3.SQLITE_AUTH:
        return ValidationError("A query may only read: one SELECT, without settings and transactions.")
    if code == sqlite3.SQLITE_INTERRUPT:
        return ValidationError(f"The query took longer than {timeout_ms} ms. Narrow it, or add an index.")
    return ValidationError(f"The query failed: {error}.")


def _for_transactions(action: int, table: str | None, *_: str | None) -> int:
    is_own = table is not None and table.lower().startswith(OWN_TABLES)
    if action in _NEVER or (is_own and action in _WRITES):
        return sqlite3.SQLITE_DENY
    return sqlite3.SQLITE_OK


def _for_queries(action: int, *_: str | None) -> int:
    return sqlite3.SQLITE_OK if action in _READS else sqlite3.SQLITE_DENY
