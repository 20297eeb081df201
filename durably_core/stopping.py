"""Code that has to stop: it is told, and told again when it does not heed; and the time that a step gets."""

import asyncio
import math
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

from durably_core.abort import AbortSignal
from durably_core.errors import RunTimeoutError, StepTimeoutError
from durably_core.user_code import calls_user_code
from durably_core.watching import LimitState

T = TypeVar("T")

GRACE_S = 5.0
"""Code that was told to stop may tidy up for so long. Then it is reported, and told again."""

AGAIN_S = 0.5
"""How often: code that swallows it may let it pass another time."""

MAX_TIMEOUT_MS = 2**31 - 1
"""The most that a timer of a browser can wait: 24 days."""

current_limit: ContextVar["Limit | None"] = ContextVar("durably_current_limit", default=None)
"""That of the step whose function is asking."""


def is_timeout(value: Any) -> bool:
    """Whether it is a count of milliseconds for which a timer can wait."""
    return type(value) is int and 1 <= value <= MAX_TIMEOUT_MS


def overdue(step_name: str | None, timeout_ms: int) -> StepTimeoutError | RunTimeoutError:
    """What becomes of a run whose process had to be ended, because nothing else stopped its code."""
    why = "Its code did not stop when it was interrupted, so the engine was started anew without it."
    if step_name is None:
        return RunTimeoutError(f"This attempt at the run took longer than {timeout_ms} ms. {why}")
    return StepTimeoutError(f"The step {step_name!r} took longer than {timeout_ms} ms. {why}")


class Insistence:
    """What follows when code was told to stop, until it has."""

    def __init__(self, tell_again: Callable[[], object], report: Callable[[], object]) -> None:
        self._tell_again = tell_again
        self._report = report
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None

    def begin(self) -> None:
        """Beginning twice is beginning once."""
        if self._timer is None:
            self._timer = self._loop.call_later(GRACE_S, self._insist)

    def end(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _insist(self) -> None:
        self._timer = self._loop.call_later(AGAIN_S, self._insist)
        self._report()
        self._tell_again()


class Limit:
    """How long the function of one step may take, from where it begins.

    Who answers too late has timed out, whatever the answer is. The end of the run comes first.
    """

    def __init__(
        self,
        step_name: str,
        timeout_ms: int,
        signal: AbortSignal,
        report: Callable[[str], object],
        tell: Callable[[str, int, LimitState], object],
    ) -> None:
        self._step_name = step_name
        self._timeout_ms = timeout_ms
        self._signal = signal
        self._report = report
        self._tell_state = tell
        self._loop = asyncio.get_running_loop()
        self._loop_thread = threading.get_ident()
        self._timer: asyncio.TimerHandle | None = None
        self._insistence: Insistence | None = None
        self._at = math.inf
        self._outer = current_limit.get()

    def is_over(self, now: float) -> bool:
        """Whether this step's time is over, or that of one that it is a part of; by the loop's clock."""
        return now >= self._at or (self._outer is not None and self._outer.is_over(now))

    @contextmanager
    def around(self, tell: Callable[[], object]) -> Iterator[None]:
        """Around the function, in the thread that calls it. ``tell``, called on the loop, stops it.

        Raises ``StepTimeoutError``, once the function has stopped.
        """
        self._at = self._loop.time() + self._timeout_ms / 1000
        token = current_limit.set(self)
        self._on_loop(self._arm, self._at, tell)
        try:
            yield
        except (Exception, asyncio.CancelledError) as error:
            self._expect_in_time(error)
            raise
        else:
            self._expect_in_time(None)
        finally:
            self._at = math.inf
            self._on_loop(self._disarm)
            current_limit.reset(token)

    @calls_user_code
    async def awaited(self, awaitable: Awaitable[T]) -> T:
        """The result of an awaitable, which is cancelled when the time is over."""
        task = asyncio.current_task()
        assert task is not None
        before, told = task.cancelling(), 0

        def tell() -> None:
            nonlocal told
            told += 1
            task.cancel()

        try:
            with self.around(tell):
                return await awaitable
        except StepTimeoutError:
            if task.cancelling() - told > before:
                raise asyncio.CancelledError from None  # someone else wants the task to end, too
            raise
        finally:
            for _ in range(told):
                task.uncancel()

    def _expect_in_time(self, error: BaseException | None) -> None:
        if self._loop.time() >= self._at and not self._signal.aborted:
            raise StepTimeoutError(
                f"The step {self._step_name!r} took longer than {self._timeout_ms} ms."
            ) from error

    def _on_loop(self, work: Callable[..., object], *args: Any) -> None:
        if threading.get_ident() == self._loop_thread:
            work(*args)
        else:
            self._loop.call_soon_threadsafe(work, *args)

    def _arm(self, at: float, tell: Callable[[], object]) -> None:
        self._tell_state(self._step_name, self._timeout_ms, "begun")
        # Not call_at: the browser's loop refuses a moment that has passed.
        self._timer = self._loop.call_later(max(0, at - self._loop.time()), self._on_time, tell)

    def _on_time(self, tell: Callable[[], object]) -> None:
        self._at = min(self._at, self._loop.time())  # timers may be early
        self._tell_state(self._step_name, self._timeout_ms, "heard")
        self._insistence = Insistence(tell, lambda: self._report(self._step_name))
        self._insistence.begin()
        tell()

    def _disarm(self) -> None:
        self._tell_state(self._step_name, self._timeout_ms, "ended")
        if self._timer is not None:
            self._timer.cancel()
        if self._insistence is not None:
            self._insistence.end()
