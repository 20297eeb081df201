"""What the engine does, as records of the standard ``logging`` module."""

import dataclasses
import functools
import json
import logging
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from durably_core.clock import iso_from_ms
from durably_core.events import EVENT_TYPES, Event

if TYPE_CHECKING:
    from durably_core.durably import Durably

LOGGED: dict[str, tuple[int, str]] = {
    "run:trigger": (logging.INFO, "run {run_id} of {job_name} was triggered"),
    "run:coalesced": (logging.INFO, "a trigger was merged into run {run_id} of {job_name}"),
    "run:leased": (logging.INFO, "run {run_id} of {job_name} begins, attempt {attempt}"),
    "run:requeue": (logging.INFO, "run {run_id} of {job_name} waits again: {reason}"),
    "run:complete": (logging.INFO, "run {run_id} of {job_name} completed in {duration} ms"),
    "run:fail": (logging.ERROR, "run {run_id} of {job_name} failed: {error}"),
    "run:cancel": (logging.INFO, "run {run_id} of {job_name} was cancelled"),
    "worker:error": (logging.ERROR, "the worker failed ({context}, {code}): {error}"),
    "worker:pause": (logging.ERROR, "the worker begins no more runs ({code}): {error}"),
    "worker:resume": (logging.INFO, "the worker begins runs again"),
    "worker:unknown-job": (logging.WARNING, "{waiting} runs wait for the unknown job {job_name}"),
}
"""The events that are logged, each with its level and message. Progress, steps and renewed leases are not."""

NOT_LOGGED = frozenset({"timestamp_ms", "input", "output", "skipped_input"})
"""Fields that stay out of records: inputs and outputs may be large, and no one's business."""

STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
"""Attributes of every record. What is left are the fields that it was given."""


def with_event_log(logger: logging.Logger | None = None) -> "EventLog":
    """Log what happens to runs, and faults of the worker, with the event's fields as ``extra``.

    ``logger``: by default the one named ``durably``. Inputs and outputs are never logged.
    """
    return EventLog(logger or logging.getLogger("durably"))


@dataclass(frozen=True, slots=True)
class EventLog:
    """See ``with_event_log``."""

    logger: logging.Logger
    name: str = "event-log"

    def install(self, durably: "Durably") -> None:
        for event_type in LOGGED:
            durably.on(event_type, self._log)

    def _log(self, event: Event) -> None:
        level, message = LOGGED[event.type]
        # A lease that ran out means that a worker died or hung; one that was given back, that it was stopped.
        if getattr(event, "reason", None) == "expired":
            level = logging.WARNING
        if self.logger.isEnabledFor(level):
            fields = _fields(event)
            # No arguments: a text in an event must not be taken for a format.
            self.logger.log(level, "%s", message.format_map(fields), extra=fields)


class JsonFormatter(logging.Formatter):
    """Writes a record as one line of JSON: ``time`` (UTC), ``level``, ``logger``, ``message``, the fields that
    the record was given as ``extra``, and ``exception`` with the traceback.

    For records of any logger. What JSON can't hold is written as text.
    """

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": iso_from_ms(int(record.created * 1000)),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        for name, value in vars(record).items():
            if name not in STANDARD:
                line.setdefault(name, value)
        if record.exc_info and record.exc_info[0] is not None:
            line["exception"] = self.formatException(record.exc_info)
        if record.stack_info:
            line["stack"] = self.formatStack(record.stack_info)
        return _to_json(line)


def _fields(event: Event) -> dict[str, Any]:
    return {"event": event.type} | {name: getattr(event, name) for name in _names(event.type)}


@functools.cache
def _names(event_type: str) -> tuple[str, ...]:
    names = (field.name for field in dataclasses.fields(EVENT_TYPES[event_type]))
    return tuple(name for name in names if name not in NOT_LOGGED)


def _to_json(line: dict[str, Any]) -> str:
    try:
        return json.dumps(line, allow_nan=False, default=_text)
    except (TypeError, ValueError, RecursionError):
        # NaN, a key that is no text, a circle: whatever it is, the line must not be lost.
        return json.dumps({name: _plain(value) for name, value in line.items()})


def _text(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _plain(value: Any) -> Any:
    return value if isinstance(value, str | int | bool | None) else repr(value)
