"""Durably: jobs made of checkpointed steps."""

from durably_core.durably import Durably, Plugin, create_durably
from durably_core.errors import (
    CancelledError,
    ConflictError,
    DurablyError,
    EventsGoneError,
    LeaseLostError,
    NotFoundError,
    RunFailedError,
    RunTimeoutError,
    StepTimeoutError,
    StorageDamagedError,
    StorageError,
    StorageFullError,
    ValidationError,
    WaitTimeoutError,
    WorkerStoppedError,
)
from durably_core.events import Event, RunEvent, is_domain_event
from durably_core.handles import JobHandle, RunResult, TriggeredRun
from durably_core.job import Job, define_job, job
from durably_core.models import JobQueue, JobStats, LogEntry, Outcomes, Progress, Run, RunError, Stats, Step
from durably_core.plugins import with_log_persistence
from durably_core.step import StepContext
from durably_core.store.base import QueryResult, Store, Transaction
from durably_core.store.sqlite import SQLiteStore
from durably_core.triggering import BatchItem

__all__ = [
    "create_durably",
    "define_job",
    "job",
    "Job",
    "StepContext",
    "with_log_persistence",
    "Durably",
    "Plugin",
    "JobHandle",
    "BatchItem",
    "TriggeredRun",
    "RunResult",
    "Run",
    "RunError",
    "Step",
    "LogEntry",
    "Progress",
    "Stats",
    "JobStats",
    "Outcomes",
    "JobQueue",
    "Event",
    "RunEvent",
    "is_domain_event",
    "Store",
    "Transaction",
    "QueryResult",
    "SQLiteStore",
    "DurablyError",
    "NotFoundError",
    "ValidationError",
    "ConflictError",
    "StorageError",
    "StorageFullError",
    "StorageDamagedError",
    "EventsGoneError",
    "RunFailedError",
    "StepTimeoutError",
    "RunTimeoutError",
    "WaitTimeoutError",
    "CancelledError",
    "LeaseLostError",
    "WorkerStoppedError",
]
