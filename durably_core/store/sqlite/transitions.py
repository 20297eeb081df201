"""Transitions in SQLite's one connection, of which several may share a transaction."""

import sqlite3
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from durably_core.store.sqlite.database import Database
from durably_core.store.sqlite.writes import Write
from durably_core.store.transitions import Transitions

T = TypeVar("T")


class SQLiteTransitions(Transitions):
    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._database = database

    def commit(self, work: Callable[[], T], *, from_reserve: bool = False) -> T:
        return self._numbered(lambda: self._database.write(self._logged(work), from_reserve=from_reserve))

    def commit_together(self, writes: Sequence[Write[Any]]) -> None:
        """Several as one transaction. What one of them raises undoes that one alone."""
        outcomes = super().commit(lambda: [self._undone_alone(write.work) for write in writes])
        for write, (result, error) in zip(writes, outcomes, strict=True):
            if error is None:
                write.settle(result)
            else:
                write.fail(error)

    def _undone_alone(self, work: Callable[[], T]) -> tuple[T | None, Exception | None]:
        logs = len(self._logs)
        self._database.run("SAVEPOINT one_of_them")
        try:
            outcome: tuple[T | None, Exception | None] = (work(), None)
            self.finish()
        except sqlite3.Error:
            raise  # SQLite may have undone all of them
        except Exception as error:  # noqa: BLE001 - it is told to whoever waits for this one
            self._happened.clear()
            self._wanted.clear()
            del self._logs[logs:]
            self._database.run("ROLLBACK TO one_of_them")
            outcome = (None, error)
        self._database.run("RELEASE one_of_them")
        return outcome
