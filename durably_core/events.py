"""What happened, as one frozen value per kind of event, and the bus that tells it on."""

import contextlib
import dataclasses
import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from durably_core.clock import Clock, from_ms, iso_from_ms, to_iso
from durably_core.models import LogLevel, Progress


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """``sequence`` counts up by one per event of this engine, beginning at 1."""

    type: ClassVar[str]
    sequence: int = 0
    timestamp_ms: int = 0
    """Milliseconds since 1970-01-01 UTC."""

    @property
    def timestamp(self) -> datetime:
        return from_ms(self.timestamp_ms)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunEvent(Event):
    run_id: str
    job_name: str
    labels: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunTrigger(RunEvent):
    """A run was created."""

    type = "run:trigger"
    input: Any


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
    """The run was cancelled."""

    type = "run:cancel"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunDelete(RunEvent):
    """The run was deleted with its steps and logs."""

    type = "run:delete"


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


@dataclass(frozen=True, slots=True, kw_only=True)
class StepFail(RunEvent):
    """A step's function raised."""

    type = "step:fail"
    step_name: str
    step_index: int
    error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StepCancel(RunEvent):
    """A step was stopped because its run was cancelled; its result is dropped."""

    type = "step:cancel"
    step_name: str
    step_index: int


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
    error: str
    context: str
    run_id: str | None = None


EVENT_TYPES: dict[str, type[Event]] = {
    cls.type: cls
    for cls in (
        RunTrigger,
        RunLeased,
        RunLeaseRenewed,
        RunProgress,
        RunComplete,
        RunFail,
        RunCancel,
        RunDelete,
        StepStart,
        StepComplete,
        StepFail,
        StepCancel,
        LogWrite,
        WorkerError,
    )
}

_PAYLOAD = frozenset({"input", "output"})
_NOT_ON_WIRE = frozenset({"timestamp_ms"})

Listener = Callable[[Any], Any]
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


class EventBus:
    """Tells listeners of events, synchronously and in order.

    A listener that raises stops neither the others nor the engine: its error goes to ``on_error``.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._listeners: dict[str, dict[object, Listener]] = {}
        self._error_handler: ErrorHandler | None = None
        self._sequence = 0

    def on(self, event_type: str, listener: Listener) -> Callable[[], None]:
        """Call ``listener`` with each event of that type, of every type for ``"*"``.

        Returns the way to stop.
        """
        if event_type != "*" and event_type not in EVENT_TYPES:
            known = ", ".join(sorted(EVENT_TYPES))
            raise ValueError(f"There is no event {event_type!r}. Events: {known}, or * for all of them.")
        listeners = self._listeners.setdefault(event_type, {})
        token = object()
        listeners[token] = listener
        return lambda: listeners.pop(token, None) and None

    def on_error(self, handler: ErrorHandler | None) -> None:
        """Call ``handler(error, event)`` when a listener raises."""
        self._error_handler = handler

    def emit(self, event: Event) -> None:
        self._sequence += 1
        listeners = [*self._listeners.get(event.type, {}).values(), *self._listeners.get("*", {}).values()]
        if not listeners:
            return
        # Stamped here, once, before anyone has seen it: a copy for each event would cost more than telling it.
        object.__setattr__(event, "sequence", self._sequence)
        object.__setattr__(event, "timestamp_ms", self._clock.now_ms())
        for listener in listeners:
            try:
                outcome = listener(event)
            except Exception as error:  # noqa: BLE001 - user code; it must not stop the engine
                self._report(error, event)
            else:
                if inspect.iscoroutine(outcome):
                    outcome.close()
                    self._report(TypeError("Listeners are called synchronously: use a plain function."), event)

    def _report(self, error: BaseException, event: Event) -> None:
        if self._error_handler is not None:
            with contextlib.suppress(Exception):  # there is no one left to tell
                self._error_handler(error, event)


@functools.cache
def _wire_names(event_type: str, payload: bool) -> tuple[tuple[str, str], ...]:
    left_out = _NOT_ON_WIRE if payload else _NOT_ON_WIRE | _PAYLOAD
    names = (field.name for field in dataclasses.fields(EVENT_TYPES[event_type]))
    return tuple((name, _camel(name)) for name in names if name not in left_out)


def _camel(name: str) -> str:
    head, *tail = name.split("_")
    return head + "".join(word.title() for word in tail)
