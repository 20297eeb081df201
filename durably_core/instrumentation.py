"""What watches an engine at work: spans and timers around runs and steps, and an ear for every event."""

import logging
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from types import TracebackType
from typing import Literal, Protocol

from durably_core.events import Event
from durably_core.models import Run, RunError

Outcome = Literal["completed", "failed", "cancelled", "released", "lost", "interrupted"]
"""How an attempt at a run ended. ``released``: it was given back, because its worker stopped. ``lost``: another
worker had taken the run over. ``interrupted``: its last write is missing, because storage failed or the
worker's own task was cancelled; the run goes on later."""

Scope = AbstractContextManager[object]

_log = logging.getLogger("durably")
_NOTHING = nullcontext()


class Attempt(Protocol):
    """One attempt at a run."""

    @property
    def run(self) -> Run:
        """As it was when it was claimed."""

    @property
    def outcome(self) -> Outcome:
        """``interrupted`` until the attempt has ended."""

    @property
    def error(self) -> RunError | None:
        """Why the attempt failed."""


class Instrumentation(Protocol):
    """What ``Durably.instrument`` takes. It is called on the engine's loop and must not block.

    What it raises is logged and stops nothing.
    """

    def triggered(self, run_id: str) -> None:
        """A run is about to be stored. Called in the context of who triggers it.

        A trigger that is refused, or answered with a run that is there, leaves the id unused.
        """

    def run(self, attempt: Attempt) -> Scope:
        """Entered around an attempt, up to its last write. Job code inherits its context variables."""

    def step(self, run: Run, name: str, index: int) -> Scope:
        """Entered around a step that executes, up to its checkpoint; not around one that is replayed.

        Left with what the step raises. The step's function sees its context variables, also in a thread.
        """

    def heard(self, event: Event) -> None:
        """Called with every event, beside the listeners: a fault that only this hears is still logged."""


class Instrumentations:
    """All that an engine was given: the first is the outermost."""

    def __init__(self) -> None:
        self._all: list[Instrumentation] = []

    def add(self, instrumentation: Instrumentation) -> None:
        self._all.append(instrumentation)

    def triggered(self, run_id: str) -> None:
        for each in self._all:
            try:
                each.triggered(run_id)
            except Exception:  # noqa: BLE001 - not ours; it must not stop the engine
                _log_failure()

    def run(self, attempt: Attempt) -> Scope:
        if not self._all:
            return _NOTHING
        return _Guarded([partial(each.run, attempt) for each in self._all])

    def step(self, run: Run, name: str, index: int) -> Scope:
        if not self._all:
            return _NOTHING
        return _Guarded([partial(each.step, run, name, index) for each in self._all])


class _Guarded:
    """Several scopes as one. What they raise stops neither the others nor what they are around."""

    def __init__(self, openers: Sequence[Callable[[], Scope]]) -> None:
        self._openers = openers
        self._entered: list[Scope] = []

    def __enter__(self) -> None:
        for open_scope in self._openers:
            try:
                scope = open_scope()
                scope.__enter__()
            except Exception:  # noqa: BLE001 - not ours; it must not fail a run
                _log_failure()
            else:
                self._entered.append(scope)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        while self._entered:
            try:
                self._entered.pop().__exit__(kind, error, trace)
            except Exception:  # noqa: BLE001 - as above
                _log_failure()


def _log_failure() -> None:
    _log.exception("an instrumentation failed")
