"""Every error of the engine, flat. The docstring is the default message."""

from dataclasses import dataclass
from typing import Any, ClassVar


@dataclass(frozen=True, slots=True)
class Issue:
    """One fault in an input: ``path`` leads to the field, ``message`` says what is wrong with it."""

    path: tuple[str | int, ...]
    message: str


class DurablyError(Exception):
    """Something went wrong in the job engine."""

    code: ClassVar[str] = "error"
    """Stable name for programs."""
    status: ClassVar[int] = 500
    """HTTP status."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or (type(self).__doc__ or "").strip())

    @property
    def message(self) -> str:
        return str(self.args[0])

    def to_wire(self) -> dict[str, Any]:
        """The error as clients receive it: ``code``, ``status``, ``message`` and what a class adds."""
        return {"code": self.code, "status": self.status, "message": self.message}


class NotFoundError(DurablyError):
    """There is no such thing."""

    code = "not_found"
    status = 404


class ValidationError(DurablyError):
    """The input is not valid."""

    code = "validation"
    status = 400

    def __init__(self, message: str | None = None, issues: tuple[Issue, ...] = ()) -> None:
        super().__init__(message)
        self.issues = issues

    def to_wire(self) -> dict[str, Any]:
        issues = [{"path": list(issue.path), "message": issue.message} for issue in self.issues]
        return {**super().to_wire(), "issues": issues}


class ConflictError(DurablyError):
    """The run is in a state that does not allow this."""

    code = "conflict"
    status = 409


class UnauthorizedError(DurablyError):
    """Who asks is not known here. Sign in first."""

    code = "unauthorized"
    status = 401


class ForbiddenError(DurablyError):
    """Who asks may not do this."""

    code = "forbidden"
    status = 403


class TooLargeError(DurablyError):
    """The request is too large."""

    code = "too_large"
    status = 413


class UnsupportedMediaTypeError(DurablyError):
    """The body of the request must be JSON."""

    code = "unsupported_media_type"
    status = 415


class KeyTakenError(ConflictError):
    """A key of the trigger stands for a run that the caller has no access to."""

    def __init__(self, run_ids: frozenset[str]) -> None:
        super().__init__("A key of the trigger is taken. Use another one.")
        self.run_ids = run_ids
        """Not for the caller's eyes."""


class RunFailedError(DurablyError):
    """The run failed."""

    code = "run_failed"
    status = 500

    def __init__(
        self, message: str, *, run_id: str, error_type: str, traceback: str, failed_step_name: str | None
    ) -> None:
        super().__init__(message)
        self.run_id = run_id
        self.error_type = error_type
        """Name of the class of the exception that ended the run."""
        self.traceback = traceback
        self.failed_step_name = failed_step_name


class EventsGoneError(DurablyError):
    """The log of events does not reach back that far. Read the runs anew, and go on from its end."""

    code = "events_gone"
    status = 410


class WaitTimeoutError(DurablyError, TimeoutError):
    """The run has not ended in time. It goes on."""

    code = "timeout"
    status = 504


class StepTimeoutError(DurablyError, TimeoutError):
    """The step took longer than it may. Its function was stopped."""

    code = "step_timeout"
    status = 504


class RunTimeoutError(DurablyError):
    """This attempt at the run took longer than it may. Its code was stopped."""

    code = "run_timeout"
    status = 504


class NotStoppingError(DurablyError):
    """Code that was told to stop still runs. Its slot and its concurrency key are free when it ends."""

    code = "not_stopping"


class StorageError(DurablyError):
    """The database could not be read or written."""

    code = "storage"
    status = 503


class StorageFullError(StorageError):
    """There is no room left for the database. Free some space, then try again."""

    code = "storage_full"
    status = 507


class StorageDamagedError(StorageError):
    """The database file is damaged."""

    code = "storage_damaged"


class CancelledError(DurablyError):
    """The run was cancelled."""

    code = "cancelled"
    status = 409


class LeaseLostError(DurablyError):
    """Another worker holds the lease of this run now."""

    code = "lease_lost"
    status = 409


class WorkerStoppedError(DurablyError):
    """The worker stops. The run goes on from its last finished step when a worker claims it again."""

    code = "worker_stopped"
    status = 503
