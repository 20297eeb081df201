"""Between the worker's JavaScript and the engine. Runs inside Pyodide.

JavaScript passes data, never code; every body is JSON text. JavaScript's JSON has no NaN and no
infinity: both arrive there as null.
"""

import asyncio
import contextlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, Protocol

from pydantic_core import to_json

from durably_core import api, tasks
from durably_core.commands import Command
from durably_core.durably import Durably, create_durably
from durably_core.errors import (
    DurablyError,
    StorageDamagedError,
    StorageError,
    StorageFullError,
    ValidationError,
)
from durably_core.events import Event, WorkerError, WorkerPause, to_wire
from durably_core.job import Job
from durably_core.job_file import JobFileError, import_jobs
from durably_core.plugins import with_log_persistence
from durably_core.store.sqlite import SQLiteStore
from durably_core.watching import LimitState
from spa_runtime.storage import RESERVE_BYTES
from spa_runtime.turns import share_turns

APP = Path("/app")
"""Where the worker unpacks engine and jobs."""


class Host(Protocol):
    """What the worker's JavaScript offers. All bodies are JSON text."""

    def respond(self, request_id: int, ok: bool, body: str) -> None: ...

    def events(self, body: str) -> None: ...

    def paused(self, body: str) -> None:
        """No run is begun: a ``WireError``. ``""``: they are begun again."""

    def damaged(self, body: str) -> None:
        """The database turned out to be damaged: a ``WireError``."""

    def failed(self, body: str) -> None:
        """The engine could not be started: a ``WireError``."""

    def countFlushes(self) -> int:  # noqa: N802 - JavaScript
        """How often the database's WAL was flushed."""

    def cancelsAsked(self) -> str:  # noqa: N802 - JavaScript
        """Ids of runs, one in each line, that are to be cancelled, as soon as the page is heard."""

    def limit(self, body: str) -> None:
        """A run or a step of it may take so long, was told that this is over, or has ended."""


def prepare(jobs_module: str) -> None:
    """Import the jobs beforehand. What is wrong with them is told by ``start``."""
    with contextlib.suppress(Exception):
        import_jobs(jobs_module, APP)


async def start(
    database: str, jobs_module: str, options: str, host: Host, first: str, overdue: str
) -> "Bridge":
    """Import the jobs, open the database and start the engine.

    ``options``: JSON object of ``create_durably``'s options. Before any run is begun, ``overdue`` runs are
    failed, a JSON array of the arguments of ``Durably.fail_overdue``, and the requests in ``first`` are
    answered, a JSON array of the arguments of ``Bridge.request``. ``host.failed`` hears before this raises.
    """
    share_turns(asyncio.get_running_loop())
    durably: Durably | None = None
    try:
        jobs = _import_jobs(jobs_module)
        # The worker holds the tab lock, so no one else has this database open.
        store = SQLiteStore(database, exclusive=True, reserve_bytes=RESERVE_BYTES)
        durably = create_durably(database=store, jobs=jobs, exclusive=True, **json.loads(options))
        # The page shows what jobs logged.
        durably.use(with_log_persistence())
        bridge = Bridge(durably, store, host)
        await durably.migrate()
        await _expect_durable(store, host.countFlushes)
        for arguments in json.loads(overdue):
            await durably.fail_overdue(*arguments)
        await bridge.answer_all(json.loads(first))
        durably.start()
    except BaseException as error:
        if durably is not None:
            await durably.close()  # whoever looks into the file next must be alone with it
        if isinstance(error, DurablyError):
            host.failed(_wire(error))
        raise
    return bridge


def _import_jobs(module: str) -> dict[str, Job[Any, Any]]:
    try:
        return import_jobs(module, APP)
    except JobFileError as error:
        if isinstance(error.__cause__, ModuleNotFoundError):
            hint = "Only what is packed for the browser can be imported here, whatever pip has installed."
            raise ValidationError(f"{error.message}. {hint}") from error
        raise


def _wire(error: DurablyError) -> str:
    return to_json(error.to_wire()).decode()


async def _expect_durable(store: SQLiteStore, count_flushes: Callable[[], int]) -> None:
    """Commit once, and see it flushed: no promise is made that is not kept."""
    before = count_flushes()
    await store.commit_once()
    if count_flushes() == before:
        raise StorageError(
            "This browser does not write to its disk what it is told to: finished steps could be lost. "
            "Use a recent Chrome, Edge, Firefox or Safari."
        )


class Bridge:
    """Passes requests in, and answers and events out."""

    def __init__(self, durably: Durably, store: SQLiteStore, host: Host) -> None:
        self._durably = durably
        self._store = store
        self._host = host
        self._events: list[dict[str, Any]] = []
        self._turn_awaited = False
        self._requests: set[asyncio.Task[None]] = set()
        durably.watch(self)
        durably.on("*", self._collect)
        durably.on("worker:error", self._on_error)
        durably.on("worker:pause", self._on_pause)
        durably.on("worker:resume", lambda _event: host.paused(""))

    async def pack(self) -> str:
        """See ``spa_runtime.storage.pack``, for the database of this engine."""
        try:
            await self._store.pack()
        except DurablyError as error:
            self._tell_damage(error)
            return _wire(error)
        return ""

    async def stop(self) -> None:
        """Stop the engine and close its database; what executes is given back."""
        await self._durably.stop(timeout_ms=0)
        # What was asked gets its answer from the open database.
        if self._requests:
            await asyncio.wait(self._requests)
        await self._durably.close(timeout_ms=0)

    async def hand_over(self, timeout_ms: int, between: Literal["steps", "runs"]) -> bool:
        """See ``Durably.hand_over``."""
        return await self._durably.hand_over(timeout_ms=timeout_ms, between=between)

    def request(self, request_id: int, operation: str, body: str, command: str, is_repeated: bool) -> None:
        """Start an operation; its answer goes through ``Host.respond``.

        ``command``: the page's name for it, under which it may be sent again.
        """
        asked = Command(id=command, is_repeated=is_repeated)
        task = tasks.start(self._answer(request_id, operation, body, asked))
        # The loop only holds tasks weakly.
        self._requests.add(task)
        task.add_done_callback(self._requests.discard)

    async def answer_all(self, requests: list[Any]) -> None:
        """The same for several, one after the other."""
        for request_id, operation, body, command, is_repeated in requests:
            await self._answer(request_id, operation, body, Command(id=command, is_repeated=is_repeated))

    async def _answer(self, request_id: int, operation: str, body: str, command: Command) -> None:
        try:
            result = await api.call(self._durably, operation, body, command)
            text, ok = to_json(result, inf_nan_mode="null").decode(), True
        except DurablyError as error:
            text, ok = _wire(error), False
            self._tell_damage(error)
        except Exception as error:  # noqa: BLE001 - a fault of ours; without an answer the page would wait for ever
            message = f"The engine failed: {type(error).__name__}: {error}"
            text, ok = to_json({"code": "internal", "status": 500, "message": message}).decode(), False
        # Events that led to this answer are heard before it.
        self._send_events()
        self._host.respond(request_id, ok, text)

    # ---------------------------------------------------------------- watcher of the engine's code

    def is_cancel_asked(self, run_id: str) -> bool:
        asked = self._host.cancelsAsked()
        return bool(asked) and run_id in asked.split("\n")

    def limit(
        self, run_id: str, attempt: int, step_name: str | None, timeout_ms: int, state: LimitState
    ) -> None:
        overdue = {"runId": run_id, "attempt": attempt, "stepName": step_name, "timeoutMs": timeout_ms}
        self._host.limit(to_json({**overdue, "state": state}).decode())

    # ---------------------------------------------------------------- what the engine tells

    def _on_pause(self, event: WorkerPause) -> None:
        error = next(
            (cls for cls in (StorageFullError, StorageDamagedError) if cls.code == event.code), StorageError
        )
        self._host.paused(_wire(error(event.error)))

    def _on_error(self, event: WorkerError) -> None:
        if event.code == StorageDamagedError.code:
            self._tell_damage(StorageDamagedError(event.error))

    def _tell_damage(self, error: DurablyError) -> None:
        if isinstance(error, StorageDamagedError):
            self._host.damaged(_wire(error))

    def _collect(self, event: Event) -> None:
        # One message per turn of the browser's loop, however many events.
        if not self._turn_awaited:
            self._turn_awaited = True
            asyncio.get_running_loop().call_later(0, self._on_turn)
        self._events.append(to_wire(event, payload=False))
        if event.type == "run:leased":
            # Its code may keep this thread for itself from here on: the page has to know whose it is.
            self._send_events()

    def _on_turn(self) -> None:
        self._turn_awaited = False
        self._send_events()

    def _send_events(self) -> None:
        if self._events:
            events, self._events = self._events, []
            self._host.events(to_json(events, inf_nan_mode="null").decode())
