"""Writes that wait for the disk at the same moment share one transaction, and so one flush."""

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar, cast

from durably_core.errors import DurablyError

T = TypeVar("T")

MOST = 100
"""So many share one transaction: whoever waits for the first of them waits for the last."""


@dataclass(eq=False, slots=True)
class Write(Generic[T]):
    """What someone waits for."""

    work: Callable[[], T]
    when_full: Callable[[], T]
    """What is tried once the database has made what room it can."""
    from_reserve: bool
    is_done: bool = False
    _result: T | None = None
    _error: Exception | None = None

    def settle(self, result: T) -> None:
        self._result, self.is_done = result, True

    def fail(self, error: Exception) -> None:
        self._error, self.is_done = error, True

    def outcome(self) -> T:
        if self._error is not None:
            raise self._error
        return cast("T", self._result)


@dataclass(slots=True)
class Writes:
    """Those that wait. They are added on the loop, and carried out in the store's own thread.

    ``together`` commits several in one transaction, or raises ``DurablyError`` and leaves nothing of them;
    ``alone`` commits one.
    """

    together: Callable[[list[Write[Any]]], None]
    alone: Callable[[Write[Any]], Any]
    _waiting: deque[Write[Any]] = field(default_factory=deque)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, write: Write[Any]) -> None:
        with self._lock:
            self._waiting.append(write)

    def withdraw(self, write: Write[Any]) -> None:
        """Who asked for it hears no answer any more: if its turn has not come, it never does."""
        with self._lock:
            if write in self._waiting:
                self._waiting.remove(write)

    def carry_out(self, write: Write[T]) -> T:
        """It is this one's turn: those behind it go along. Acknowledged here, after the commit of all."""
        if not write.is_done:
            self._commit_waiting()
        return write.outcome()

    def _commit_waiting(self) -> None:
        with self._lock:
            taken = [self._waiting.popleft() for _ in range(min(len(self._waiting), MOST))]
        try:
            self._commit(taken)
        finally:
            # Interrupted: what is not done keeps its place.
            with self._lock:
                self._waiting.extendleft(write for write in reversed(taken) if not write.is_done)

    def _commit(self, writes: list[Write[Any]]) -> None:
        if len(writes) > 1:
            try:
                self.together(writes)
            except DurablyError:
                pass  # each for itself, then, to meet what is wrong with it, and nothing else
            else:
                return
        for write in writes:
            try:
                write.settle(self.alone(write))
            except Exception as error:  # noqa: BLE001 - it is told to whoever waits for this one
                write.fail(error)
