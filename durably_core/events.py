"""What happened, as one frozen value per kind of event, and the bus that tells it on."""

import contextlib
import dataclasses
import functools
import inspect
import logging
from collections.abc import Callable, Iterable
from contextvars import Context
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Literal

from pydantic_core import from_json, to_json

from durably_core.clock import Clock, from_ms, iso_from_ms, to_iso
from durably_core.errors import ValidationError
from durably_core.models import LogLevel, Progress, Row


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened."""

    type: ClassVar[str]
    sequence: int = 0
    """Position in the database's log of events, from 1 up: a later reader goes on from there. 0 for what
    is not in the log: leases renewed, faults of a worker, and progress, logs and starts of steps
    until the write that they ride along with."""
    timestamp_ms: int = 0
    """Milliseconds since 1970-01-01 UTC."""

    @property
    def timestamp(self) -> datetime:
        return from_ms(self.timestamp_ms)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunEvent(Event):
    """Inputs and outputs are None in an event that was read back from the log: the run has them."""

    run_id: str
    job_name: str
    labels: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunTrigger(RunEvent):
    """A run was created."""

    type = "run:trigger"
    input: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class RunCoalesced(RunEvent):
    """A trigger was merged into this run, which waits. What was given up is that of the trigger
    (``skip``), or what the run had before it (``queue``)."""

    type = "run:coalesced"
    skipped_input: Any
    skipped_labels: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRequeue(RunEvent):
    """The run waits to be claimed again: its lease ran out, or its worker stopped and gave it back."""

    type = "run:requeue"
    reason: Literal["expired", "released"]
    attempt: int
    """How often the run had been claimed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunLeased(RunEvent):
    """A worker claimed the run and executes it now."""

    type = "run:leased"
    input: Any
    lease_owner: str
    lease_expires_at: datetime
    attempt: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RunLeaseRenewed(RunEvent):
    """The worker still holds the run."""

    type = "run:lease-renewed"
    lease_owner: str
    lease_expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RunProgress(RunEvent):
    """The job said how far it is."""

    type = "run:progress"
    progress: Progress


@dataclass(frozen=True, slots=True, kw_only=True)
class RunComplete(RunEvent):
    """The run completed. ``duration``: milliseconds of this attempt."""

    type = "run:complete"
    output: Any
    duration: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFail(RunEvent):
    """The run failed. ``failed_step_name``: the step whose error ended it, if one did."""

    type = "run:fail"
    error: str
    failed_step_name: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunCancel(RunEvent):
    """The run was cancelled. Its code may still be stopping."""

    type = "run:cancel"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStop(RunEvent):
    """The code of a cancelled run has stopped: its concurrency key is free."""

    type = "run:stop"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunDelete(RunEvent):
    """The run was deleted with its steps and logs, by someone or because it was too old."""

    type = "run:delete"
    reason: Literal["deleted", "purged"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StepStart(RunEvent):
    """A step's function is about to be called."""

    type = "step:start"
    step_name: str
    step_index: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StepComplete(RunEvent):
    """A step's result is on disk. ``duration``: milliseconds."""

    type = "step:complete"
    step_name: str
    step_index: int
    output: Any
    duration: int
    build: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StepFail(RunEvent):
    """A step's function raised."""

    type = "step:fail"
    step_name: str
    step_index: int
    error: str
    build: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StepCancel(RunEvent):
    """A step was stopped because its run was cancelled; its result is dropped."""

    type = "step:cancel"
    step_name: str
    step_index: int
    build: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LogWrite(RunEvent):
    """The job wrote a log line."""

    type = "log:write"
    id: str
    created_at: datetime
    step_name: str | None
    level: LogLevel
    message: str
    data: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerError(Event):
    """The worker hit an error outside of job code. ``context`` names what it was doing."""

    type = "worker:error"
    code: str
    error: str
    context: str
    run_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerPause(Event):
    """The storage refuses what runs need: it is tried now and then whether it takes that again.
    ``code`` is that of the ``StorageError``."""

    type = "worker:pause"
    code: str
    error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerResume(Event):
    """The storage takes it again."""

    type = "worker:resume"


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerUnknownJob(Event):
    """Runs wait for a job that this engine does not have. Told once, and when their number changes."""

    type = "worker:unknown-job"
    job_name: str
    waiting: int


EVENT_TYPES: dict[str, type[Event]] = {
    cls.type: cls
    for cls in (
        RunTrigger,
        RunCoalesced,
        RunLeased,
        RunLeaseRenewed,
        RunProgress,
        RunRequeue,
        RunComplete,
        RunFail,
        RunCancel,
        RunStop,
        RunDelete,
        StepStart,
        StepComplete,
        StepFail,
        StepCancel,
        LogWrite,
        WorkerError,
        WorkerPause,
        WorkerResume,
        WorkerUnknownJob,
    )
}

_log = logging.getLogger("durably")
"""Where faults go that no one listens for."""

DOMAIN_EVENTS = frozenset(
    {"run:trigger", "run:coalesced", "run:complete", "run:fail", "run:cancel", "run:delete"}
)
"""What matters to an application; the others tell how it came about."""

_PAYLOAD = frozenset({"input", "output", "skipped_input"})
_NOT_ON_WIRE = frozenset({"timestamp_ms"})
_COLUMNS = frozenset({"sequence", "timestamp_ms", "run_id", "job_name", "labels"})

_MOMENTS = frozenset({"lease_expires_at", "created_at"})

Listener = Callable[[Any], Any]
StoredListener = Callable[[str, str], None]
ErrorHandler = Callable[[BaseException, Event], Any]


def to_wire(event: Event, *, payload: bool = True) -> dict[str, Any]:
    """The event in the wire's camelCase; ``payload=False`` leaves inputs and outputs out."""
    wire: dict[str, Any] = {"type": event.type, "timestamp": iso_from_ms(event.timestamp_ms)}
    for name, wire_name in _wire_names(event.type, payload):
        value = getattr(event, name)
        if value.__class__ is datetime:
            value = to_iso(value)
        elif value.__class__ is Progress:
            value = value.to_wire()
        wire[wire_name] = value
    return wire


def is_domain_event(event: Event) -> bool:
    """Whether an application's own logic may want to know of it."""
    return event.type in DOMAIN_EVENTS


def stamp(event: Event, sequence: int) -> None:
    """Give an event the number under which it was written."""
    object.__setattr__(event, "sequence", sequence)


def to_data(event: RunEvent) -> str:
    """JSON text of what the log's columns don't hold. Inputs and outputs are left out."""
    data: dict[str, Any] = {}
    for name in _data_names(event.type):
        value = getattr(event, name)
        data[name] = to_iso(value) if isinstance(value, datetime) else value
    return to_json(data, inf_nan_mode="constants").decode() if data else "{}"


def from_row(row: Row) -> RunEvent:
    """The event behind a row of the log."""
    cls = EVENT_TYPES[row["type"]]
    assert issubclass(cls, RunEvent)
    fields: dict[str, Any] = dict.fromkeys(_payload_names(cls.type))
    for name, value in from_json(row["data"]).items():
        if name == "progress":
            fields[name] = Progress(**value)
        else:
            fields[name] = datetime.fromisoformat(value) if name in _MOMENTS else value
    return cls(
        sequence=row["sequence"],
        timestamp_ms=row["created_at"],
        run_id=row["run_id"],
        job_name=row["job_name"],
        labels=from_json(row["labels"]),
        **fields,
    )


class EventBus:
    """Tells listeners of events, synchronously and in order.

    A listener that raises stops neither the others nor the engine: its error goes to ``on_error``.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._listeners: dict[str, dict[object, Listener]] = {}
        self._stored_listeners: dict[object, StoredListener] = {}
        self._watchers: list[Listener] = []
        self._error_handler: ErrorHandler | None = None

    def on(self, event_type: str, listener: Listener) -> Callable[[], None]:
        """Call ``listener`` with each event of that type, of every type for ``"*"``.

        Returns the way to stop.
        """
        if event_type != "*" and event_type not in EVENT_TYPES:
            known = ", ".join(sorted(EVENT_TYPES))
            raise ValidationError(f"There is no event {event_type!r}. Events: {known}, or * for all of them.")
        listeners = self._listeners.setdefault(event_type, {})
        token = object()
        listeners[token] = listener
        return lambda: listeners.pop(token, None) and None

    def on_error(self, handler: ErrorHandler | None) -> None:
        """Call ``handler(error, event)`` when a listener raises."""
        self._error_handler = handler

    def watch(self, watcher: Listener) -> None:
        """Call ``watcher`` with each event, after the listeners. It does not count as one who takes care of
        faults: these are logged as if it were not there."""
        self._watchers.append(watcher)

    def on_stored(self, listener: StoredListener) -> Callable[[], None]:
        """Call ``listener(run_id, type)`` when an event of that run has reached the log; the type is empty
        for events that were told before. Returns the way to stop."""
        token = object()
        self._stored_listeners[token] = listener
        return lambda: self._stored_listeners.pop(token, None) and None

    def stored(self, run_id: str, event_type: str = "") -> None:
        """Events of the run that were told before are in the log now."""
        for listener in [*self._stored_listeners.values()]:
            listener(run_id, event_type)

    def emit(self, event: Event) -> None:
        listeners = [*self._listeners.get(event.type, {}).values(), *self._listeners.get("*", {}).values()]
        if event.timestamp_ms == 0:
            # Stamped once, before anyone has seen it: a copy for each event would cost more than telling it.
            object.__setattr__(event, "timestamp_ms", self._clock.now_ms())
        if listeners or self._watchers:
            # In a context of its own: what a listener starts is not part of the job that happens to execute.
            Context().run(self._tell, event, listeners + self._watchers)
        if not listeners and event.type.startswith("worker:"):
            _log.log(logging.INFO if event.type == "worker:resume" else logging.ERROR, "%s", event)
        if event.sequence and self._stored_listeners and isinstance(event, RunEvent):
            self.stored(event.run_id, event.type)

    def _tell(self, event: Event, listeners: list[Listener]) -> None:
        for listener in listeners:
            try:
                outcome = listener(event)
            except Exception as error:  # noqa: BLE001 - user code; it must not stop the engine
                self._report(error, event)
            else:
                if inspect.iscoroutine(outcome):
                    outcome.close()
                    self._report(TypeError("Listeners are called synchronously: use a plain function."), event)

    def emit_all(self, events: Iterable[Event]) -> None:
        for event in events:
            self.emit(event)

    def _report(self, error: BaseException, event: Event) -> None:
        if self._error_handler is None:
            _log.error("a listener of %s failed", event.type, exc_info=error)
        else:
            with contextlib.suppress(Exception):  # there is no one left to tell
                self._error_handler(error, event)


@functools.cache
def _wire_names(event_type: str, payload: bool) -> tuple[tuple[str, str], ...]:
    left_out = _NOT_ON_WIRE if payload else _NOT_ON_WIRE | _PAYLOAD
    names = (field.name for field in dataclasses.fields(EVENT_TYPES[event_type]))
    return tuple((name, _camel(name)) for name in names if name not in left_out)


@functools.cache
def _data_names(event_type: str) -> tuple[str, ...]:
    names = (field.name for field in dataclasses.fields(EVENT_TYPES[event_type]))
    return tuple(name for name in names if name not in _COLUMNS | _PAYLOAD)


@functools.cache
def _payload_names(event_type: str) -> tuple[str, ...]:
    names = (field.name for field in dataclasses.fields(EVENT_TYPES[event_type]))
    return tuple(name for name in names if name in _PAYLOAD)


def _camel(name: str) -> str:
    head, *tail = name.split("_")
    return head + "".join(word.title() for word in tail)
