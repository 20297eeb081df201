"""What a worker tells of its runs, line by line on stderr: sentences for people, or JSON."""

import sys
from collections.abc import Callable
from datetime import datetime
from typing import Any, Literal

from pydantic_core import to_json

from durably_core.cli.output import counted, duration, first_line, now_iso, plain
from durably_core.durably import Durably
from durably_core.events import Event, RunEvent, RunLeased, to_wire

LogFormat = Literal["text", "json"]

FAULTS = frozenset({"worker:error", "worker:pause"})
"""What is told even to those who want it quiet."""


ENDS = frozenset({"run:complete", "run:fail", "run:cancel", "run:requeue", "worker:error"})
"""After these no one asks any more how long a run has taken."""


class EventLines:
    """Listens to an engine."""

    def __init__(self, durably: Durably, log_format: LogFormat, *, quiet: bool) -> None:
        self._as_json = log_format == "json"
        self._quiet = quiet
        self._began_ms: dict[str, int] = {}
        durably.on("*", self._hear)

    def tell(self, kind: str, sentence: str, **facts: Any) -> None:
        """Something about the process itself."""
        if not self._quiet:
            self._write({"type": f"process:{kind}", "timestamp": now_iso(), **facts}, sentence)

    def _hear(self, event: Event) -> None:
        sentence = SENTENCES.get(event.type)
        if sentence is not None and (not self._quiet or event.type in FAULTS):
            self._write(to_wire(event, payload=False), sentence(event, self._took(event)))
        if isinstance(event, RunLeased):
            self._began_ms[event.run_id] = event.timestamp_ms
        elif event.type in ENDS:
            self._began_ms.pop(_run_id(event), None)

    def _took(self, event: Event) -> str:
        began_ms = self._began_ms.get(_run_id(event))
        return "" if began_ms is None else f" after {duration(event.timestamp_ms - began_ms)}"

    def _write(self, wire: dict[str, Any], sentence: str) -> None:
        line = to_json(wire, inf_nan_mode="null").decode() if self._as_json else _dated(sentence)
        # In one piece: jobs write to stderr, too.
        sys.stderr.write(f"{line}\n")
        sys.stderr.flush()


def _run_id(event: Event) -> str:
    return getattr(event, "run_id", None) or ""


def _dated(sentence: str) -> str:
    return f"{datetime.now().astimezone():%H:%M:%S} {plain(sentence)}"


def _trigger(event: Any, _took: str) -> str:
    return f"{_name(event)} triggered"


def _leased(event: Any, _took: str) -> str:
    return f"{_name(event)} begun" + (f", attempt {event.attempt}" if event.attempt > 1 else "")


def _complete(event: Any, _took: str) -> str:
    return f"{_name(event)} completed in {duration(event.duration)}"


def _fail(event: Any, took: str) -> str:
    where = f" in step {event.failed_step_name}" if event.failed_step_name else ""
    return f"{_name(event)} failed{took}{where}: {first_line(event.error)}"


def _cancel(event: Any, took: str) -> str:
    return f"{_name(event)} cancelled{took}"


def _requeue(event: Any, took: str) -> str:
    why = "given back" if event.reason == "released" else "waits again: its lease ran out"
    return f"{_name(event)} {why}{took}"


def _error(event: Any, _took: str) -> str:
    return f"fault in {event.context}: {first_line(event.error)}"


def _pause(event: Any, _took: str) -> str:
    return f"begins no runs for now: {first_line(event.error)}"


def _resume(_event: Any, _took: str) -> str:
    return "begins runs again"


def _unknown_job(event: Any, _took: str) -> str:
    return f"{counted(event.waiting, 'run')} of the job {event.job_name!r}, which is not known here, waiting"


def _name(event: RunEvent) -> str:
    return f"{event.job_name} {event.run_id}"


SENTENCES: dict[str, Callable[[Any, str], str]] = {
    "run:trigger": _trigger,
    "run:leased": _leased,
    "run:complete": _complete,
    "run:fail": _fail,
    "run:cancel": _cancel,
    "run:requeue": _requeue,
    "worker:error": _error,
    "worker:pause": _pause,
    "worker:resume": _resume,
    "worker:unknown-job": _unknown_job,
}
"""The events that matter to whoever looks after a worker."""
