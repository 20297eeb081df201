"""The store contract: every transition of a run is one call, and each call is one transaction."""

from dataclasses import dataclass, field
from typing import Literal, Protocol

from durably_core.models import Disposition, LogEntry, LogLevel, Run, RunError, RunStatus, Step, StepStatus

LeaseState = Literal["held", "cancelled", "lost"]
"""What a holder learns from a write: it still holds the run, or the run was cancelled, or claimed anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRun:
    id: str
    job_name: str
    input: str
    """JSON text."""
    labels: dict[str, str] = field(default_factory=dict)
    idempotency_key: str | None = None
    concurrency_key: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Enqueued:
    run: Run
    disposition: Disposition


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimRequest:
    worker_id: str
    job_names: tuple[str, ...]
    """A worker claims only jobs that it knows; the others stay pending."""
    lease_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    run: Run
    checkpoints: dict[str, str | None]
    """JSON text of each finished step's result, by step name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """The right to write to a run, as its holder shows it with each write."""

    run_id: str
    generation: int
    lease_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NewLog:
    id: str
    step_name: str | None
    level: LogLevel
    message: str
    data: str | None
    """JSON text."""
    created_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Notes:
    """Progress and logs: they ride along with the holder's next write."""

    progress: str | None = None
    """JSON text."""
    logs: tuple[NewLog, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class NewStep:
    name: str
    index: int
    status: StepStatus
    output: str | None
    """JSON text."""
    error: RunError | None
    started_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How an execution ended. ``cancelled`` releases the lease that a cancelled run still holds."""

    status: Literal["completed", "failed", "cancelled"]
    output: str | None = None
    """JSON text."""
    error: RunError | None = None
    failed_step_name: str | None = None
    keep_steps: bool = False
    """False: steps and logs are deleted in the same transaction."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    won: bool
    """False: the lease was lost, nothing was written."""
    next: Claimed | None
    """What the same transaction claimed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFilter:
    job_names: tuple[str, ...] | None = None
    statuses: tuple[RunStatus, ...] | None = None
    limit: int | None = None
    offset: int = 0
    summary: bool = False
    """Leave out inputs and outputs."""


class Store(Protocol):
    """Raises ``StorageError`` when the database can't be read or written; nothing is half done then."""

    async def migrate(self) -> None:
        """Bring the schema up to date. Raises ``StorageError`` for a database newer than this code."""

    async def close(self) -> None: ...

    async def enqueue(self, run: NewRun) -> Enqueued:
        """Add a pending run. Raises ``ConflictError`` when one waits with the same concurrency key."""

    async def claim(self, request: ClaimRequest) -> Claimed | None:
        """Lease the oldest run that may run, with all its checkpoints."""

    async def expire_leases(self) -> None:
        """End all leases. Only for an owner that knows all others to be dead."""

    async def renew_lease(self, lease: Lease) -> LeaseState: ...

    async def save_step(self, lease: Lease, step: NewStep, notes: Notes) -> LeaseState: ...

    async def save_notes(self, lease: Lease, notes: Notes) -> LeaseState: ...

    async def end_run(
        self, lease: Lease, ending: Ending, notes: Notes, then_claim: ClaimRequest | None
    ) -> Ended:
        """The holder's last write. Claims the next run in the same transaction when asked to."""

    async def cancel_run(self, run_id: str, *, keep_steps: bool) -> Run:
        """Raises ``NotFoundError``, or ``ConflictError`` for a run that has ended."""

    async def delete_run(self, run_id: str) -> Run:
        """Raises ``NotFoundError``, or ``ConflictError`` for a run that has not ended."""

    async def get_run(self, run_id: str) -> Run | None: ...

    async def get_runs(self, filter: RunFilter) -> list[Run]:
        """Newest first."""

    async def get_steps(self, run_id: str) -> list[Step]: ...

    async def get_logs(self, run_id: str) -> list[LogEntry]: ...
