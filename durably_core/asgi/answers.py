"""What the routes answer with, as models: for the OpenAPI document, and for those who make clients from it."""

from dataclasses import dataclass
from typing import Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, JsonValue
from pydantic.alias_generators import to_camel

from durably_core.models import Disposition, LogLevel, RunStatus, StepStatus


class Told(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, extra="forbid")


class Progress(Told):
    model_config = ConfigDict(
        alias_generator=to_camel, extra="forbid", json_schema_serialization_defaults_required=False
    )
    current: float
    total: float | None = None
    message: str | None = None


class RunSummary(Told):
    id: str
    job_name: str
    status: RunStatus
    labels: dict[str, str]
    current_step_index: int
    completed_step_count: int
    progress: Progress | None
    error: str | None
    error_type: str | None
    error_traceback: str | None
    failed_step_name: str | None
    attempt: int
    retriggered_from: str | None
    is_terminal: bool
    is_active: bool
    started_at: AwareDatetime | None
    completed_at: AwareDatetime | None
    created_at: AwareDatetime


class Run(RunSummary):
    input: JsonValue
    output: JsonValue


class Step(Told):
    id: str
    run_id: str
    name: str
    index: int
    status: StepStatus
    output: JsonValue
    error: str | None
    started_at: AwareDatetime
    completed_at: AwareDatetime
    build: str | None


class LogEntry(Told):
    id: str
    run_id: str
    step_name: str | None
    level: LogLevel
    message: str
    data: JsonValue
    created_at: AwareDatetime


class JobInfo(Told):
    name: str
    description: str | None
    input_schema: dict[str, Any]
    output_schema: dict[str, Any] | None
    keys: list[str]


class Event(Told):
    """What happened to a run. Each type has fields of its own, as docs/reference.md says."""

    model_config = ConfigDict(alias_generator=to_camel, extra="allow")
    type: str
    sequence: int
    timestamp: AwareDatetime
    run_id: str
    job_name: str
    labels: dict[str, str]


class Outcomes(Told):
    """How runs that ended within some time ended."""

    completed: int
    failed: int
    cancelled: int
    duration_p50_ms: int | None = Field(alias="durationP50Ms")
    duration_p95_ms: int | None = Field(alias="durationP95Ms")


class StatsBucket(Outcomes):
    at: AwareDatetime


class JobStats(Outcomes):
    job_name: str
    pending: int
    leased: int
    oldest_pending_at: AwareDatetime | None
    buckets: list[StatsBucket]


class Stats(Told):
    since: AwareDatetime
    until: AwareDatetime
    bucket_ms: int
    jobs: list[JobStats]


class Triggered(Told):
    run_id: str
    disposition: Disposition


class Done(Told):
    success: Literal[True]


class Retriggered(Done):
    run_id: str


class Purged(Told):
    deleted: int


class Outcome(Told):
    """What became of one of several runs: ``success``, or why not."""

    model_config = ConfigDict(
        alias_generator=to_camel, extra="forbid", json_schema_serialization_defaults_required=False
    )
    run_id: str
    success: bool
    new_run_id: str = ""
    error: str = ""
    code: str = ""


class Issue(Told):
    path: list[str | int]
    message: str


class Error(Told):
    model_config = ConfigDict(
        alias_generator=to_camel, extra="forbid", json_schema_serialization_defaults_required=False
    )
    error: str
    """A sentence for people."""
    code: str
    """A name for programs."""
    status: int
    issues: list[Issue] = []


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    summary: str
    type: Any = None
    is_stream: bool = False


ANSWERS: dict[tuple[str, str], Answer] = {
    ("POST", "/trigger"): Answer(summary="Add a run.", type=Triggered),
    ("POST", "/trigger/batch"): Answer(summary="Add many runs of a job: all or none.", type=list[Triggered]),
    ("GET", "/runs"): Answer(summary="Runs, newest first.", type=list[Run] | list[RunSummary]),
    ("GET", "/runs/count"): Answer(
        summary="How many runs there are in each status.", type=dict[RunStatus, int]
    ),
    ("GET", "/runs/stats"): Answer(
        summary="How runs ended within some time, how long they took, and what waits now.", type=Stats
    ),
    ("GET", "/run"): Answer(summary="A run.", type=Run | RunSummary),
    ("GET", "/steps"): Answer(summary="What is recorded of a run's steps.", type=list[Step]),
    ("GET", "/logs"): Answer(summary="The lines that a run's job wrote.", type=list[LogEntry]),
    ("GET", "/retriggers"): Answer(summary="The runs that repeat a run, newest first.", type=list[RunSummary]),
    ("GET", "/jobs"): Answer(
        summary="The jobs, with the schemas of what they take and give.", type=list[JobInfo]
    ),
    ("GET", "/events"): Answer(summary="Events from the log, oldest first.", type=list[Event]),
    ("POST", "/cancel"): Answer(summary="Cancel a run that waits or executes.", type=Done),
    ("POST", "/retrigger"): Answer(summary="A new run like one that has ended.", type=Retriggered),
    ("DELETE", "/run"): Answer(summary="Delete a run that has ended.", type=Done),
    ("POST", "/runs/cancel"): Answer(summary="Cancel several runs.", type=list[Outcome]),
    ("POST", "/runs/retrigger"): Answer(summary="Retrigger several runs.", type=list[Outcome]),
    ("POST", "/runs/delete"): Answer(summary="Delete several runs.", type=list[Outcome]),
    ("POST", "/runs/purge"): Answer(summary="Delete runs that ended long ago.", type=Purged),
    ("GET", "/subscribe"): Answer(summary="What happens to a run, up to its end.", is_stream=True),
    ("GET", "/runs/subscribe"): Answer(summary="What happens to runs.", is_stream=True),
}

MODELS: tuple[type[BaseModel], ...] = (
    Run,
    RunSummary,
    Step,
    LogEntry,
    JobInfo,
    Stats,
    JobStats,
    StatsBucket,
    Event,
    Triggered,
    Done,
    Retriggered,
    Purged,
    Outcome,
    Error,
)
