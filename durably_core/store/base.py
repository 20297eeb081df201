"""The store contract: every transition of a run is one call, and each call is one transaction.

A transition writes its events in the same transaction and hands them back, numbered: whoever called
it tells them on.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from durably_core.clock import Clock
from durably_core.events import RunEvent
from durably_core.models import (
    Disposition,
    JobStats,
    LogEntry,
    LogLevel,
    Run,
    RunError,
    RunStatus,
    Step,
    StepStatus,
)

LeaseState = Literal["held", "cancelled", "lost"]
"""What a holder learns from a write: it still holds the run, or the run was cancelled, or claimed anew."""

Coalesce = Literal["skip", "queue"]
"""What a trigger does when a run of its job waits with its concurrency key: nothing, or replace its input."""

MAX_ATTEMPTS_ERROR = "MaxAttemptsExceeded"
"""``error_type`` of a run that was given up because it never got on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRun:
    id: str
    job_name: str
    input: str
    """JSON text."""
    labels: dict[str, str] = field(default_factory=dict)
    idempotency_key: str | None = None
    idempotency_ttl_ms: int | None = None
    """How long the idempotency key stands for the run; None: for as long as the run exists."""
    same_input: bool = False
    """Refuse a known idempotency key when its run has another input."""
    concurrency_key: str | None = None
    coalesce: Coalesce | None = None
    retriggered_from: str | None = None
    may_join: frozenset[str] | None = None
    """The runs that a key may lead to; None: any."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Enqueued:
    run: Run
    disposition: Disposition
    event: RunEvent | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimRequest:
    worker_id: str
    job_names: tuple[str, ...]
    """A worker claims only jobs that it knows; the others stay pending."""
    lease_ms: int
    max_attempts: int = 10
    """A run that was claimed so often without finishing a step ends as failed instead."""
    keep_steps: bool = False
    """False: steps of runs that fail so are deleted."""
    run_ids: frozenset[str] | None = None
    """Only one of these; None: any."""
    held: Mapping[str, int] = field(default_factory=dict)
    """Leases of who claims: run ids and generations. That they have run out is no reason to end them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    run: Run
    checkpoints: dict[str, str | None]
    """JSON text of each finished step's result, by step name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What came of a claim. ``events`` also tells of the runs whose lease had run out."""

    claimed: Claimed | None = None
    events: tuple[RunEvent, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """The right to write to a run, as its holder shows it with each write."""

    run_id: str
    generation: int
    lease_ms: int
    build: str | None = None
    """Of the holder's code."""


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
    """What rides along with the holder's next write."""

    progress: str | None = None
    """JSON text."""
    logs: tuple[NewLog, ...] = ()
    events: tuple[RunEvent, ...] = ()
    """In order. Numbered by the write."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewStep:
    name: str
    index: int
    status: StepStatus
    output: str | None
    """JSON text."""
    error: RunError | None
    started_at: int


class Transaction(Protocol):
    """The database's transaction in which a step's checkpoint is written, for the step's own statements.

    ``execute`` and ``executemany`` are those of the database's driver. Tables of the engine can be read
    and not written; the transaction ends with the step.
    """

    def execute(self, sql: str, parameters: Any = ..., /) -> Any: ...

    def executemany(self, sql: str, parameters: Any, /) -> Any: ...


StepWork = Callable[[Transaction], tuple[NewStep, RunEvent]]
"""What a step does in a transaction; answers with its checkpoint and the event that tells of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryResult:
    columns: list[str]
    rows: list[tuple[Any, ...]]
    truncated: bool
    """Whether there are more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How an execution ended. ``cancelled`` frees the lease that a cancelled run still holds; ``released``
    gives back a run that has not ended, ``forgiven`` when that attempt shall not count."""

    status: Literal["completed", "failed", "cancelled", "released"]
    output: str | None = None
    """JSON text."""
    error: RunError | None = None
    failed_step_name: str | None = None
    keep_steps: bool = False
    """False: steps are deleted in the same transaction."""
    forgiven: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    state: LeaseState
    """``held``: the run ended as asked. ``cancelled``: it was cancelled before; its lease is free now.
    ``lost``: nothing was written."""
    stop: RunEvent | None = None
    """Told of a run that was cancelled before."""
    claim: Claim = Claim()
    """What the same transaction claimed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownCommand:
    """A command that was carried out."""

    answer: Any
    """The JSON value that it was answered with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFilter:
    """None: any. An empty tuple: none."""

    job_names: tuple[str, ...] | None = None
    statuses: tuple[RunStatus, ...] | None = None
    labels: dict[str, str] | None = None
    """All of them must match."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    limit: int | None = None
    offset: int = 0
    cursor: str | None = None
    """The last id of the page before."""
    summary: bool = False
    """Leave out inputs and outputs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """A stretch of time in equal parts, of which the last may be shorter. Milliseconds since 1970."""

    since_ms: int
    until_ms: int
    """Not itself in it."""
    bucket_ms: int


class Store(Protocol):
    """Raises ``StorageError`` when the database can't be read or written; nothing is half done then.

    What clients ask for commits its answer beside itself: see ``commands.current_recording``.
    """

    @property
    def clock(self) -> Clock:
        """The one that all who write to the database go by."""

    @property
    def name(self) -> str:
        """What people call the database in messages. No password is in it."""

    async def migrate(self) -> None:
        """Bring the schema up to date. Raises ``StorageError`` for a database newer than this code."""

    async def close(self) -> None: ...

    def watch(self, changed: Callable[[], None]) -> Callable[[], None]:
        """Call ``changed`` soon after another process has written, if that can be noticed. Returns the way
        to stop. Whoever watches polls as well, if seldom."""

    # ------------------------------------------------------------------ transitions

    async def enqueue(self, runs: Sequence[NewRun]) -> list[Enqueued]:
        """Add pending runs, all or none, and answer in their order.

        Raises ``ConflictError`` when one waits with the same concurrency key already, or was triggered
        with the same idempotency key and another input; ``KeyTakenError`` when a key leads to a run that
        ``may_join`` does not name.
        """

    async def claim(self, request: ClaimRequest) -> Claim:
        """Lease the oldest run that may run, with all its checkpoints."""

    async def expire_leases(self, request: ClaimRequest) -> tuple[RunEvent, ...]:
        """End all leases. Only for an owner that knows all others to be dead."""

    async def renew_lease(self, lease: Lease) -> LeaseState: ...

    async def get_lease_state(self, lease: Lease) -> LeaseState:
        """What ``renew_lease`` would answer. Writes nothing."""

    async def save_step(self, lease: Lease, step: NewStep, notes: Notes) -> LeaseState: ...

    async def run_transaction(
        self, lease: Lease, work: StepWork, notes: Notes, is_to_stop: Callable[[], bool]
    ) -> LeaseState:
        """Commit what ``work`` writes and the step's checkpoint together, or neither.

        ``work`` is called only while the lease is held. What it raises is raised. Its statements fail
        once ``is_to_stop`` says so.
        """

    async def save_notes(self, lease: Lease, notes: Notes) -> LeaseState: ...

    async def end_run(
        self, lease: Lease, ending: Ending, notes: Notes, then_claim: ClaimRequest | None
    ) -> Ended:
        """The holder's last write. Claims the next run in the same transaction when asked to."""

    async def cancel_run(self, run_id: str, *, keep_steps: bool) -> RunEvent:
        """Raises ``NotFoundError``, or ``ConflictError`` for a run that has ended."""

    async def delete_run(self, run_id: str) -> RunEvent:
        """Raises ``NotFoundError``, or ``ConflictError`` for a run that has not ended."""

    async def purge_runs(self, *, before_ms: int, limit: int) -> tuple[RunEvent, ...]:
        """Delete at most so many runs that ended before a moment, those that ended first."""

    # ------------------------------------------------------------------ reading

    async def get_run(self, run_id: str) -> Run | None: ...

    async def get_run_and_newest_event(self, run_id: str) -> tuple[Run, int] | None:
        """The run, and the number of the newest event of all as of the same moment.

        Where the run has ended, or is None, the event that tells it is among those up to the newest. Raises
        ``StorageError`` where another process does not let that be known.
        """

    async def get_runs(self, filter: RunFilter, page: Page) -> list[Run]:
        """Newest first."""

    async def get_retriggers(self, run_id: str) -> list[Run]:
        """The newest hundred runs that repeat that one, newest first, without inputs and outputs."""

    async def count_runs(self, filter: RunFilter) -> dict[RunStatus, int]: ...

    async def get_stats(self, filter: RunFilter, period: Period) -> list[JobStats]:
        """By the names of the jobs. Those with nothing to tell are left out."""

    async def count_unknown_jobs(self, job_names: Sequence[str]) -> dict[str, int]:
        """How many runs wait for each job that is not among those."""

    async def get_steps(self, run_id: str) -> list[Step]: ...

    async def get_logs(self, run_id: str) -> list[LogEntry]: ...

    async def get_events(
        self, *, after: int | None, run_id: str | None, types: Sequence[str] | None, limit: int
    ) -> list[RunEvent]:
        """None: from the oldest. Raises ``EventsGoneError`` when events after that number have been pruned."""

    async def find_changed(self, *, after: int) -> tuple[int, set[str] | None]:
        """The newest event's number, and the runs that have events after that number; None: can't be known."""

    async def get_newest_event(self) -> int:
        """The number of the newest event; 0 when there is none."""

    async def query(self, sql: str, parameters: Any, *, limit: int, timeout_ms: int) -> QueryResult:
        """Raises ``ValidationError`` for a query that would write, fails, or takes too long.

        A query whose caller is cancelled is ended.
        """

    async def get_command(self, command_id: str) -> KnownCommand | None:
        """None: nothing is known of it."""

    # ------------------------------------------------------------------ maintenance

    async def delete_old_commands(self, *, before_ms: int) -> int:
        """Forget commands that were carried out before a moment; returns how many."""

    async def prune_events(self, *, keep: int, limit: int) -> int:
        """Delete at most so many of the oldest events beyond the newest ``keep``; returns how many."""

    async def delete_expired_keys(self) -> int:
        """Forget idempotency keys whose time is over; returns how many."""

    async def shrink(self, *, limit: int) -> int:
        """Give back to the disk at most so many of the pages that deleted rows left; returns how many."""

    async def checkpoint(self) -> bool:
        """Bound what a log-structured database keeps beside its file. False: try again later."""
