"""Writes that come while a commit is under way share the next one."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from durably_core.blocking import to_its_end
from durably_core.store.transitions import Transitions

T = TypeVar("T")

Work = Callable[[Transitions], T]

MOST = 100
"""So many share one transaction: whoever waits for the first of them waits for the last."""

PATIENCE_S = 0.01
"""No one waits longer for a commit of others: where the network is slow, commits go beside each other."""


@dataclass(frozen=True, slots=True)
class Outcome(Generic[T]):
    result: T | None = None
    error: BaseException | None = None


@dataclass(eq=False, slots=True)
class Write(Generic[T]):
    """What someone waits for."""

    work: Work[T]
    done: asyncio.Future[T]


class Together:
    """``commit`` carries out several, in another thread, and answers for each; it raises nothing."""

    def __init__(self, commit: Callable[[Sequence[Work[Any]]], asyncio.Future[list[Outcome[Any]]]]) -> None:
        self._commit = commit
        self._waiting: deque[Write[Any]] = deque()
        self._ahead: object | None = None
        """The commit that those who wait are waiting for."""

    async def write(self, work: Work[T]) -> T:
        """What ``work`` returns, as part of a transaction that is committed."""
        write = Write(work, asyncio.get_running_loop().create_future())
        self._waiting.append(write)
        if self._ahead is None:
            self._start()
        return await to_its_end(write.done, lambda: self._withdraw(write))

    def _withdraw(self, write: Write[Any]) -> None:
        """Who asked for it hears no answer any more: if it is not under way yet, it never is."""
        if write in self._waiting:
            self._waiting.remove(write)
            write.done.cancel()

    def _start(self) -> None:
        taken = [self._waiting.popleft() for _ in range(min(len(self._waiting), MOST))]
        self._ahead = ahead = object()
        patience = asyncio.get_running_loop().call_later(PATIENCE_S, self._go_on, ahead)

        def committed(outcomes: asyncio.Future[list[Outcome[Any]]]) -> None:
            patience.cancel()
            self._go_on(ahead)
            for write, outcome in zip(taken, outcomes.result(), strict=True):
                if outcome.error is None:
                    write.done.set_result(outcome.result)
                else:
                    write.done.set_exception(outcome.error)

        self._commit([write.work for write in taken]).add_done_callback(committed)

    def _go_on(self, ahead: object) -> None:
        if self._ahead is ahead:
            self._ahead = None
            if self._waiting:
                self._start()
