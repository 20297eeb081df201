"""One connection to PostgreSQL. Everything here blocks, and runs on a thread of the store's.

Statements whose results no one waits for yet are sent together with the next one whose result someone does, and
with the commit: each wait is a way to the server and back.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass
from typing import Any, TypeVar

import psycopg
from psycopg import Connection, Cursor, Pipeline
from psycopg.pq import TransactionStatus
from psycopg.rows import DictRow

from durably_core.clock import Clock
from durably_core.models import Row
from durably_core.store.postgres.clock import DatabaseClock
from durably_core.store.postgres.guests import PostgresTransaction, lent
from durably_core.store.sql import queries

T = TypeVar("T")

CANCEL_TIMEOUT_S = 5

REALM_BITS = 43
"""What a lock on a number of an event leaves for the number; above it is the schema that it belongs to."""


@dataclass(frozen=True, slots=True)
class Executed:
    """A statement that was sent."""

    cursor: Cursor[DictRow]
    pipeline: Pipeline | None

    @property
    def rowcount(self) -> int:
        if self.pipeline is not None:
            self.pipeline.sync()
        return self.cursor.rowcount


class CommitUnknownError(Exception):
    """The connection broke after the commit was sent and before it was answered."""


class NothingChangedError(Exception):
    """A row was not there that was said to be. Nothing was done: it is to be asked whether it is."""


class PostgresSession:
    """See ``transitions.Session``.

    ``is_confident``: rows that are to be changed are taken to be there until all else is sent; who is wrong
    then raises ``NothingChangedError`` in place of the commit.
    """

    def __init__(
        self,
        connection: Connection[DictRow],
        clock: Clock,
        realm: int,
        *,
        is_pipelined: bool = True,
        is_confident: bool = False,
    ) -> None:
        self.connection = connection
        self._clock = clock
        self._realm = realm
        self._is_pipelined = is_pipelined
        self._is_confident = is_confident
        self._expected: list[Cursor[DictRow]] = []
        self._queries = queries("postgres")
        self._pipeline: Pipeline | None = None

    def now_ms(self) -> int:
        return self._clock.now_ms()

    def execute(self, query: str, parameters: Mapping[str, Any]) -> Executed:
        return Executed(self.connection.execute(self._queries[query], parameters), self._pipeline)

    def all(self, query: str, parameters: Mapping[str, Any]) -> Sequence[Row]:
        return self.connection.execute(self._queries[query], parameters).fetchall()

    def one(self, query: str, parameters: Mapping[str, Any]) -> Row | None:
        return self.connection.execute(self._queries[query], parameters).fetchone()

    def changes(self, query: str, parameters: Mapping[str, Any]) -> bool:
        executed = self.execute(query, parameters)
        if not self._is_confident:
            return executed.rowcount > 0
        self._expected.append(executed.cursor)
        return True

    def ask(self, query: str, parameters: Mapping[str, Any]) -> Callable[[], Sequence[Row]]:
        return self.execute(query, parameters).cursor.fetchall

    def lock(self, name: str) -> None:
        self.execute("lock", {"name": name})

    def may_claim(self, found: Row) -> Callable[[], bool]:
        if found["concurrency_key"] is None:
            return lambda: True
        locked = self.ask("try_lock", {"name": found["concurrency_key"]})
        return lambda: bool(locked()[0]["is_locked"])

    def insert_events(self, rows: Sequence[Mapping[str, Any]]) -> Callable[[], Sequence[int]]:
        inserted = self.execute("insert_events", {"realm": self._realm, "events": json.dumps(rows)}).cursor
        return lambda: sorted(row["sequence"] for row in inserted.fetchall())

    # ------------------------------------------------------------------ transactions

    def write(self, work: Callable[[], T]) -> T:
        """What ``work`` returns, as one transaction: all of it or nothing."""
        if isinstance(self._clock, DatabaseClock) and self._clock.is_doubtful:
            self._hear_clock(self.execute("get_now", {}).cursor)
        with self.connection.pipeline() if self._is_pipelined else nullcontext() as self._pipeline:
            self.connection.execute("BEGIN")
            try:
                result = work()
                self._commit()
            except BaseException:
                self._roll_back()
                raise
        return result

    def _commit(self) -> None:
        # Before the commit is sent: a connection that breaks up to here has written nothing, and all of it is
        # done again.
        self._sync()
        if any(cursor.rowcount == 0 for cursor in self._expected):
            raise NothingChangedError
        asked = None
        if isinstance(self._clock, DatabaseClock) and self._clock.is_stale:
            asked = self.execute("get_now", {}).cursor
        try:
            # A crash before this line leaves nothing of the transaction, after it everything.
            self.connection.execute("COMMIT")
            self._sync()
        except psycopg.OperationalError as error:
            if self.connection.closed:
                raise CommitUnknownError(str(error)) from error
            raise
        if asked is not None:
            self._hear_clock(asked)

    def _hear_clock(self, asked: Cursor[DictRow]) -> None:
        row = asked.fetchone()
        assert row is not None
        assert isinstance(self._clock, DatabaseClock)
        self._clock.hear(row["now"])

    def _roll_back(self) -> None:
        if self.connection.info.transaction_status == TransactionStatus.ACTIVE:
            # A step was interrupted in the middle of a statement: the connection is of no use any more, and
            # the server undoes what it holds open.
            with suppress(psycopg.Error):
                self.connection.cancel_safe(timeout=CANCEL_TIMEOUT_S)
            self.connection.close()
            return
        with suppress(psycopg.Error):
            # What was sent and not waited for fails here, for the same reason; what was raised first is told.
            self._sync()
        if self.connection.closed:
            return
        try:
            self.connection.execute("ROLLBACK")
            self._sync()
        except psycopg.Error:
            self.connection.close()

    def _sync(self) -> None:
        if self._pipeline is not None:
            self._pipeline.sync()

    def lent(self, is_to_stop: Callable[[], bool]) -> AbstractContextManager[PostgresTransaction]:
        """The open transaction in the hands of a step. Its statements are answered one by one."""
        assert not self._is_pipelined
        return lent(self.connection, is_to_stop)
