"""Durably: jobs made of checkpointed steps."""

from durably_core.durably import Durably, JobHandle, TriggeredRun, create_durably
from durably_core.errors import (
    CancelledError,
    ConflictError,
    DurablyError,
    LeaseLostError,
    NotFoundError,
    StorageError,
    StorageFullError,
    ValidationError,
)
from durably_core.job import Job, define_job, job
from durably_core.models import LogEntry, Progress, Run, RunError, Step
from durably_core.step import StepContext
from durably_core.store.base import Store
from durably_core.store.sqlite import SQLiteStore

__all__ = [
    "create_durably",
    "define_job",
    "job",
    "Job",
    "StepContext",
    "Durably",
    "JobHandle",
    "TriggeredRun",
    "Run",
    "RunError",
    "Step",
    "LogEntry",
    "Progress",
    "Store",
    "SQLiteStore",
    "DurablyError",
    "NotFoundError",
    "ValidationError",
    "ConflictError",
    "StorageError",
    "StorageFullError",
    "CancelledError",
    "LeaseLostError",
]
