"""How a run is told to stop."""

import asyncio

from durably_core.errors import DurablyError


class RunStopped(asyncio.CancelledError):
    """Raised inside job code when its run was stopped: the way asyncio stops any task.

    ``except Exception`` does not catch it. ``reason`` says why.
    """

    def __init__(self, reason: DurablyError) -> None:
        super().__init__(reason.message)
        self.reason = reason


class Interrupted(asyncio.CancelledError):
    """Raised in the middle of code that does not wait, when it is to stop."""


class AbortSignal:
    """Says whether a run was told to stop, and why. Safe to read from any thread."""

    def __init__(self) -> None:
        self._reason: DurablyError | None = None

    @property
    def aborted(self) -> bool:
        return self._reason is not None

    @property
    def reason(self) -> DurablyError | None:
        """``CancelledError``, ``RunTimeoutError``, ``LeaseLostError``, ``WorkerStoppedError`` or
        ``StorageError``; None while the run may go on."""
        return self._reason

    def throw_if_aborted(self) -> None:
        """Raises ``RunStopped`` once the run was told to stop."""
        if self._reason is not None:
            raise RunStopped(self._reason)

    def abort(self, reason: DurablyError) -> None:
        """The first reason stays."""
        if self._reason is None:
            self._reason = reason
