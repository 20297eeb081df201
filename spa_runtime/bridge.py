"""Between the worker's JavaScript and the engine. Runs inside Pyodide.

JavaScript passes data, never code; every body is JSON text. JavaScript's JSON has no NaN and no
infinity: both arrive there as null.
"""

import asyncio
import importlib
import json
import traceback
from collections.abc import Callable
from typing import Any

from pydantic_core import to_json

from durably_core import api, tasks
from durably_core.durably import Durably, create_durably
from durably_core.errors import DurablyError, ValidationError
from durably_core.events import Event, to_wire
from durably_core.job import Job, collect_jobs
from durably_core.plugins import with_log_persistence

APP = "/app/"
"""Where the worker unpacks engine and jobs."""

Respond = Callable[[int, bool, str], None]
Tell = Callable[[str], None]


async def start(
    database: str, jobs_module: str, options: str, respond: Respond, tell_events: Tell, tell_failed: Tell
) -> "Bridge":
    """Import the jobs, open the database and start the engine.

    ``options``: JSON object of ``create_durably``'s options. The callbacks are JavaScript functions;
    ``tell_failed`` hears a ``WireError`` before this raises.
    """
    try:
        jobs = _import_jobs(jobs_module)
        # The worker holds the tab lock, so no one else has this database open.
        durably = create_durably(database=database, jobs=jobs, exclusive=True, **json.loads(options))
        # The page shows what jobs logged.
        durably.use(with_log_persistence())
        bridge = Bridge(durably, respond, tell_events)
        await durably.init()
    except DurablyError as error:
        tell_failed(to_json(error.to_wire()).decode())
        raise
    return bridge


def _import_jobs(module: str) -> dict[str, Job[Any, Any]]:
    try:
        return collect_jobs(importlib.import_module(module))
    except DurablyError:
        raise
    except Exception as error:
        # The innermost line of the job project: where its author has to look.
        frames = [
            frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename.startswith(APP)
        ]
        place = f" ({frames[-1].filename.removeprefix(APP)}, line {frames[-1].lineno})" if frames else ""
        if isinstance(error, SyntaxError):
            place = f" ({str(error.filename).removeprefix(APP)}, line {error.lineno})"
        reason = f"{type(error).__name__}: {getattr(error, 'msg', error)}"
        raise ValidationError(f"The jobs could not be loaded. {reason}{place}") from error


class Bridge:
    """Passes requests in, and answers and events out."""

    def __init__(self, durably: Durably, respond: Respond, tell_events: Tell) -> None:
        self._durably = durably
        self._respond = respond
        self._tell_events = tell_events
        self._events: list[dict[str, Any]] = []
        self._turn_awaited = False
        self._requests: set[asyncio.Task[None]] = set()
        durably.on("*", self._collect)

    def request(self, request_id: int, operation: str, body: str) -> None:
        """Start an operation; its answer goes through ``respond``."""
        task = tasks.start(self._answer(request_id, operation, body))
        # The loop only holds tasks weakly.
        self._requests.add(task)
        task.add_done_callback(self._requests.discard)

    async def _answer(self, request_id: int, operation: str, body: str) -> None:
        try:
            result = await api.call(self._durably, operation, body)
            text, ok = to_json(result, inf_nan_mode="null").decode(), True
        except DurablyError as error:
            text, ok = to_json(error.to_wire()).decode(), False
        except Exception as error:  # noqa: BLE001 - a fault of ours; without an answer the page would wait for ever
            message = f"The engine failed: {type(error).__name__}: {error}"
            text, ok = to_json({"code": "internal", "status": 500, "message": message}).decode(), False
        # Events that led to this answer are heard before it.
        self._send_events()
        self._respond(request_id, ok, text)

    def _collect(self, event: Event) -> None:
        # One message per turn of the loop, however many events.
        if not self._turn_awaited:
            self._turn_awaited = True
            asyncio.get_running_loop().call_soon(self._on_turn)
        self._events.append(to_wire(event, payload=False))

    def _on_turn(self) -> None:
        self._turn_awaited = False
        self._send_events()

    def _send_events(self) -> None:
        if self._events:
            events, self._events = self._events, []
            self._tell_events(to_json(events, inf_nan_mode="null").decode())
