"""What a worker tells of its runs, line by line on stderr: sentences for people, or records as JSON."""

import logging
import sys
from collections.abc import Callable
from datetime import datetime
from typing import Any, Literal, Protocol

from durably_core.cli.output import counted, duration, first_line, plain
from durably_core.durably import Durably
from durably_core.event_log import LOGGED, JsonFormatter, with_event_log
from durably_core.events import Event, RunEvent, RunLeased

LogFormat = Literal["text", "json"]

ENDS = frozenset({"run:complete", "run:fail", "run:cancel", "run:requeue", "worker:error"})
"""After these no one asks any more how long a run has taken."""


class EventLines(Protocol):
    """Tells what happens in an engine, and to the process."""

    def tell(self, kind: str, sentence: str, **facts: Any) -> None:
        """Something about the process itself."""


def event_lines(durably: Durably, log_format: LogFormat, *, quiet: bool) -> EventLines:
    """Listens to the engine from now on. ``quiet``: only to what failed."""
    made = JsonLines if log_format == "json" else TextLines
    return made(durably, logging.ERROR if quiet else logging.INFO)


class JsonLines:
    """One JSON object per line, as ``with_event_log`` and ``JsonFormatter`` make them."""

    def __init__(self, durably: Durably, level: int) -> None:
        self._logger = logging.getLogger("durably")
        self._logger.setLevel(level)
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(JsonFormatter())
        root = logging.getLogger()
        if root.handlers:
            # Whoever wrote the jobs has set logging up: theirs is left as it is.
            self._logger.addHandler(handler)
            self._logger.propagate = False
        else:
            root.addHandler(handler)
        durably.use(with_event_log(self._logger))

    def tell(self, kind: str, sentence: str, **facts: Any) -> None:
        self._logger.info("%s", sentence, extra={"event": f"process:{kind}", **facts})


class TextLines:
    """One sentence per line, with the time in front."""

    def __init__(self, durably: Durably, level: int) -> None:
        self._level = level
        self._began_ms: dict[str, int] = {}
        durably.on("*", self._hear)

    def tell(self, kind: str, sentence: str, **facts: Any) -> None:
        if self._level <= logging.INFO:
            _write(sentence)

    def _hear(self, event: Event) -> None:
        sentence = SENTENCES.get(event.type)
        if sentence is not None and LOGGED[event.type][0] >= self._level:
            _write(sentence(event, self._took(event)))
        if isinstance(event, RunLeased):
            self._began_ms[event.run_id] = event.timestamp_ms
        elif event.type in ENDS:
            self._began_ms.pop(_run_id(event), None)

    def _took(self, event: Event) -> str:
        began_ms = self._began_ms.get(_run_id(event))
        return "" if began_ms is None else f" after {duration(event.timestamp_ms - began_ms)}"


def _write(sentence: str) -> None:
    # In one piece: jobs write to stderr, too.
    sys.stderr.write(f"{datetime.now().astimezone():%H:%M:%S} {plain(sentence)}\n")
    sys.stderr.flush()


def _run_id(event: Event) -> str:
    return getattr(event, "run_id", None) or ""


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
