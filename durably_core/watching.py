"""Who can end code that nothing else ends, together with the process in which it runs."""

from typing import Literal, Protocol

LimitState = Literal["begun", "heard", "ended"]
"""``heard``: the time is over and the event loop turns, so the code has been told."""


class Watcher(Protocol):
    """In the browser: the page, which sees whether its worker still answers."""

    def is_cancel_asked(self, run_id: str) -> bool:
        """Whether a cancel is on its way that can't be heard while the run's code does not wait."""

    def limit(
        self, run_id: str, attempt: int, step_name: str | None, timeout_ms: int, state: LimitState
    ) -> None:
        """The time that a step has, or for None an attempt at the run, begins or ends."""


class NoWatcher:
    """Where code has a thread of its own, the event loop looks after it."""

    def is_cancel_asked(self, _run_id: str) -> bool:
        return False

    def limit(
        self, run_id: str, attempt: int, step_name: str | None, timeout_ms: int, state: LimitState
    ) -> None:
        pass
