"""SQL of others on the engine's connections: within a step's transaction, and queries that only read."""

import re
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import Connection, Cursor
from psycopg.pq import TransactionStatus
from psycopg.rows import DictRow, TupleRow, tuple_row

from durably_core.errors import ValidationError
from durably_core.store.base import QueryResult
from durably_core.store.guests import GuestError

LOOK_INTERVAL_S = 0.05
"""How often a statement that executes is looked at: whether its step is to stop."""

_COMMENTS = re.compile(r"/\*.*?\*/|--[^\n]*", re.DOTALL)
_NEVER = re.compile(
    r"\s*(begin|start|commit|end|rollback|abort|savepoint|release|prepare\s+transaction|set|reset|discard)\b",
    re.IGNORECASE,
)
_WRITES_TO_OWN = re.compile(
    r"\b(insert\s+into|update|delete\s+from|merge\s+into|truncate|(drop|alter)\s+\w+)"
    r'(\s+(table|only|if\s+exists))*\s+("?\w+"?\s*\.\s*)?"?durably_',
    re.IGNORECASE,
)
_FAULTS_OF_STORAGE = ("08", "53", "57P", "58", "XX")
"""How SQLSTATEs begin that say nothing of the statement."""


class PostgresTransaction:
    """See ``store.base.Transaction``. Parameters are psycopg's: ``%s`` and ``%(name)s``.

    What keeps a step from the engine's tables is a look at its SQL. That is for mistakes: a statement that
    hides what it does is not seen through.
    """

    def __init__(self, connection: Connection[DictRow]) -> None:
        self._connection: Connection[DictRow] | None = connection

    def execute(self, sql: str, parameters: Any = None) -> Cursor[TupleRow]:
        cursor = self._cursor(sql)
        # Prepared, a text is one statement: a second one in it could end the transaction.
        return cursor.execute(sql, parameters, prepare=True)

    def executemany(self, sql: str, parameters: Iterable[Any]) -> Cursor[TupleRow]:
        cursor = self._cursor(sql)
        cursor.executemany(sql, parameters)
        return cursor

    def end(self) -> None:
        """Whoever kept this can do nothing with it any more."""
        self._connection = None

    def _cursor(self, sql: str) -> Cursor[TupleRow]:
        if self._connection is None:
            raise ValidationError("The transaction of this step has ended: use it in the step's function only.")
        expect_open(self._connection)
        plain = _COMMENTS.sub(" ", sql)
        if _NEVER.match(plain) or _WRITES_TO_OWN.search(plain):
            raise ValidationError(
                "Within a step's transaction, SQL may work on tables of your own. It may not write to tables "
                "named durably_…, begin or end transactions, or change settings."
            )
        return self._connection.cursor(row_factory=tuple_row)


@contextmanager
def lent(connection: Connection[DictRow], is_to_stop: Callable[[], bool]) -> Iterator[PostgresTransaction]:
    """The open transaction in the hands of a guest. Raises ``GuestError`` for what the guest raises.

    Statements fail once ``is_to_stop`` says so.
    """
    transaction = PostgresTransaction(connection)
    try:
        with cancelled_when(is_to_stop, connection):
            yield transaction
        expect_open(connection)
    except psycopg.Error as error:
        if is_fault_of_storage(error):
            raise
        raise GuestError(error) from error
    except Exception as error:
        raise GuestError(error) from error
    finally:
        transaction.end()


def expect_open(connection: Connection[Any]) -> None:
    """Raises ``ValidationError`` when a statement has failed: nothing that comes after it would be written."""
    if connection.info.transaction_status != TransactionStatus.INTRANS:
        raise ValidationError("The transaction of this step has failed: let the database's error pass.")


@contextmanager
def cancelled_when(is_to_stop: Callable[[], bool], connection: Connection[Any]) -> Iterator[None]:
    """The statement that executes is ended once that is so. Its own thread waits, and can't look."""
    is_over = threading.Event()

    def look_on() -> None:
        while not is_over.wait(LOOK_INTERVAL_S):
            # Between two statements it would hit what comes after them.
            if is_to_stop() and connection.info.transaction_status == TransactionStatus.ACTIVE:
                connection.cancel_safe(timeout=5)

    onlooker = threading.Thread(target=look_on, name="durably-postgres-onlooker", daemon=True)
    onlooker.start()
    try:
        yield
    finally:
        is_over.set()
        onlooker.join()


def query(
    connection: Connection[DictRow],
    sql: str,
    parameters: Any,
    limit: int,
    timeout_ms: int,
    is_given_up: Callable[[], bool],
) -> QueryResult:
    """What a query finds. Raises ``ValidationError`` for one that would write, fails, or takes too long."""
    try:
        with connection.transaction(force_rollback=True), cancelled_when(is_given_up, connection):
            connection.execute(f"SET LOCAL statement_timeout = {int(timeout_ms)}")
            connection.execute("SET LOCAL transaction_read_only = on")
            # What a cursor can be declared for is one query; no more of its rows are sent than are asked for.
            with connection.cursor("durably_query", row_factory=tuple_row) as cursor:
                cursor.execute(sql, parameters or None)
                rows = cursor.fetchmany(limit + 1)
                columns = [column.name for column in cursor.description or ()]
    except psycopg.Error as error:
        if is_fault_of_storage(error):
            raise
        raise _explained(error, timeout_ms) from error
    return QueryResult(columns=columns, rows=rows[:limit], truncated=len(rows) > limit)


def is_fault_of_storage(error: psycopg.Error) -> bool:
    """Whether the database is to blame, and not the statement."""
    if error.sqlstate is None:
        return isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)
    return error.sqlstate.startswith(_FAULTS_OF_STORAGE)


def _explained(error: psycopg.Error, timeout_ms: int) -> ValidationError:
    if isinstance(error, psycopg.errors.QueryCanceled):
        return ValidationError(f"The query took longer than {timeout_ms} ms. Narrow it, or add an index.")
    if isinstance(error, psycopg.errors.ReadOnlySqlTransaction | psycopg.errors.SyntaxError):
        return ValidationError(
            f"A query may only read: one SELECT, without settings and transactions ({error})."
        )
    return ValidationError(f"The query failed: {error}.")
