"""What the engine stores, as frozen values. Rows are decoded here and nowhere else."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Protocol

from pydantic_core import from_json

from durably_core.clock import from_ms, to_iso

RunStatus = Literal["pending", "leased", "completed", "failed", "cancelled"]
StepStatus = Literal["completed", "failed", "cancelled"]
LogLevel = Literal["info", "warn", "error"]
Disposition = Literal["created", "idempotent", "coalesced"]

TERMINAL: frozenset[str] = frozenset({"completed", "failed", "cancelled"})


class Row(Protocol):
    """A database row, as every driver hands it out."""

    def __getitem__(self, column: str, /) -> Any: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a run is."""

    current: float
    total: float | None = None
    message: str | None = None

    def to_wire(self) -> dict[str, Any]:
        optional = {"total": self.total, "message": self.message}
        return {"current": self.current} | {key: value for key, value in optional.items() if value is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class RunError:
    """Why a run or a step failed."""

    message: str
    type: str
    """Name of the exception's class."""
    traceback: str

    @classmethod
    def from_row(cls, row: Row) -> "RunError | None":
        if row["error"] is None:
            return None
        return cls(message=row["error"], type=row["error_type"], traceback=row["error_traceback"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One persisted execution of a job."""

    id: str
    job_name: str
    input: Any
    """JSON value, after validation. None in summaries."""
    status: RunStatus
    labels: dict[str, str]
    idempotency_key: str | None
    concurrency_key: str | None
    current_step_index: int
    completed_step_count: int
    progress: Progress | None
    output: Any
    """JSON value. None in summaries."""
    error: RunError | None
    failed_step_name: str | None
    attempt: int
    """How often a worker has claimed this run."""
    attempts_since_step: int
    """The same since a step was last finished; attempts that a worker gave back don't count."""
    retriggered_from: str | None
    """The run that this one repeats."""
    lease_owner: str | None
    lease_expires_at: datetime | None
    lease_generation: int
    """Fencing token: grows with each claim; a writer with an older one is refused."""
    started_at: datetime | None
    completed_at: datetime | None
    created_at: datetime
    updated_at: datetime

    @property
    def is_terminal(self) -> bool:
        return self.status in TERMINAL

    @classmethod
    def from_row(cls, row: Row) -> "Run":
        progress = _json(row["progress"])
        return cls(
            id=row["id"],
            job_name=row["job_name"],
            input=_json(row["input"]),
            status=row["status"],
            labels=_json(row["labels"]),
            idempotency_key=row["idempotency_key"],
            concurrency_key=row["concurrency_key"],
            current_step_index=row["current_step_index"],
            completed_step_count=row["completed_step_count"],
            progress=None if progress is None else Progress(**progress),
            output=_json(row["output"]),
            error=RunError.from_row(row),
            failed_step_name=row["failed_step_name"],
            attempt=row["attempt"],
            attempts_since_step=row["attempts_since_step"],
            retriggered_from=row["retriggered_from"],
            lease_owner=row["lease_owner"],
            lease_expires_at=_moment(row["lease_expires_at"]),
            lease_generation=row["lease_generation"],
            started_at=_moment(row["started_at"]),
            completed_at=_moment(row["completed_at"]),
            created_at=from_ms(row["created_at"]),
            updated_at=from_ms(row["updated_at"]),
        )

    def to_wire(self, *, summary: bool = False) -> dict[str, Any]:
        """The run as clients see it (camelCase; no keys, no lease). ``summary``: no input, no output."""
        payload = {} if summary else {"input": self.input, "output": self.output}
        return payload | {
            "id": self.id,
            "jobName": self.job_name,
            "status": self.status,
            "labels": self.labels,
            "currentStepIndex": self.current_step_index,
            "completedStepCount": self.completed_step_count,
            "progress": None if self.progress is None else self.progress.to_wire(),
            "error": None if self.error is None else self.error.message,
            "errorType": None if self.error is None else self.error.type,
            "errorTraceback": None if self.error is None else self.error.traceback,
            "failedStepName": self.failed_step_name,
            "attempt": self.attempt,
            "retriggeredFrom": self.retriggered_from,
            "isTerminal": self.is_terminal,
            "isActive": not self.is_terminal,
            "startedAt": _iso(self.started_at),
            "completedAt": _iso(self.completed_at),
            "createdAt": to_iso(self.created_at),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One recorded end of a step: a checkpoint when ``completed``, history otherwise."""

    id: str
    run_id: str
    name: str
    index: int
    status: StepStatus
    output: str | None
    """JSON text as stored: the reader knows the type to make of it."""
    error: RunError | None
    started_at: datetime
    completed_at: datetime
    build: str | None
    """Of the code that executed it: see ``create_durably``."""

    @classmethod
    def from_row(cls, row: Row) -> "Step":
        return cls(
            id=f"{row['run_id']}:{row['name']}:{row['failure']}",
            run_id=row["run_id"],
            name=row["name"],
            index=row["step_index"],
            status=row["status"],
            output=row["output"],
            error=RunError.from_row(row),
            started_at=from_ms(row["started_at"]),
            completed_at=from_ms(row["completed_at"]),
            build=row["build"],
        )

    def to_wire(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "runId": self.run_id,
            "name": self.name,
            "index": self.index,
            "status": self.status,
            "output": _json(self.output),
            "error": None if self.error is None else self.error.message,
            "startedAt": to_iso(self.started_at),
            "completedAt": to_iso(self.completed_at),
            "build": self.build,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class LogEntry:
    """One line that a job wrote with ``step.log``."""

    id: str
    run_id: str
    step_name: str | None
    level: LogLevel
    message: str
    data: Any
    created_at: datetime

    @classmethod
    def from_row(cls, row: Row) -> "LogEntry":
        return cls(
            id=row["id"],
            run_id=row["run_id"],
            step_name=row["step_name"],
            level=row["level"],
            message=row["message"],
            data=_json(row["data"]),
            created_at=from_ms(row["created_at"]),
        )

    def to_wire(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "runId": self.run_id,
            "stepName": self.step_name,
            "level": self.level,
            "message": self.message,
            "data": self.data,
            "createdAt": to_iso(self.created_at),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcomes:
    """How runs that ended within some time ended."""

    completed: int
    failed: int
    cancelled: int
    duration_p50_ms: int | None
    """What half of those that completed took at most, from when they were first begun. None: none completed."""
    duration_p95_ms: int | None

    @classmethod
    def from_row(cls, row: Row) -> "Outcomes":
        return cls(
            completed=row["completed"],
            failed=row["failed"],
            cancelled=row["cancelled"],
            duration_p50_ms=row["p50"],
            duration_p95_ms=row["p95"],
        )

    def to_wire(self) -> dict[str, Any]:
        return {
            "completed": self.completed,
            "failed": self.failed,
            "cancelled": self.cancelled,
            "durationP50Ms": self.duration_p50_ms,
            "durationP95Ms": self.duration_p95_ms,
        }


NO_OUTCOMES = Outcomes(completed=0, failed=0, cancelled=0, duration_p50_ms=None, duration_p95_ms=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class JobQueue:
    """What of a job waits and executes at this moment."""

    pending: int
    leased: int
    oldest_pending_at: datetime | None
    """When the run that has waited longest was triggered."""

    @classmethod
    def from_row(cls, row: Row) -> "JobQueue":
        return cls(
            pending=row["pending"],
            leased=row["leased"],
            oldest_pending_at=_moment(row["oldest_pending_at"]),
        )

    def to_wire(self) -> dict[str, Any]:
        return {
            "pending": self.pending,
            "leased": self.leased,
            "oldestPendingAt": _iso(self.oldest_pending_at),
        }


EMPTY_QUEUE = JobQueue(pending=0, leased=0, oldest_pending_at=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class JobStats:
    """One job's figures."""

    job_name: str
    queue: JobQueue
    total: Outcomes
    """Over the whole time."""
    buckets: dict[datetime, Outcomes]
    """By the beginning of each stretch of time, oldest first. Those in which no run ended are left out."""

    def to_wire(self) -> dict[str, Any]:
        buckets = [{"at": to_iso(at), **outcomes.to_wire()} for at, outcomes in self.buckets.items()]
        return {"jobName": self.job_name, **self.queue.to_wire(), **self.total.to_wire(), "buckets": buckets}


@dataclass(frozen=True, slots=True, kw_only=True)
class Stats:
    """How the runs of each job ended within some time, and what waits now."""

    since: datetime
    until: datetime
    """Not itself in it."""
    bucket_ms: int
    jobs: list[JobStats]
    """By name. Jobs of which no run ended, waits or executes are left out."""

    def to_wire(self) -> dict[str, Any]:
        return {
            "since": to_iso(self.since),
            "until": to_iso(self.until),
            "bucketMs": self.bucket_ms,
            "jobs": [job.to_wire() for job in self.jobs],
        }


def _json(text: str | None) -> Any:
    return None if text is None else from_json(text)


def _moment(ms: int | None) -> datetime | None:
    return None if ms is None else from_ms(ms)


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else to_iso(moment)
