"""Waiting for runs and following them, wherever they execute.

What happens in this process is heard at once; what happens in another is found in the database.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

from durably_core import events
from durably_core.errors import (
    CancelledError,
    ConflictError,
    EventsGoneError,
    NotFoundError,
    RunFailedError,
    StorageError,
    ValidationError,
    WaitTimeoutError,
)
from durably_core.events import EventBus, LogWrite, RunEvent, RunProgress
from durably_core.executor import current_execution
from durably_core.models import Progress, Run
from durably_core.store.base import Store
from durably_core.worker import Worker

ENDS = frozenset({"run:complete", "run:fail", "run:cancel", "run:delete"})

EVENTS_LIMIT = 500
"""Events that are read at once."""

BEFORE_ALL = -1
"""A number before that of any event."""

OnProgress = Callable[[Progress], Any]
OnLog = Callable[[LogWrite], Any]


class Waiting:
    """Wakes those who wait for runs. One poll serves all of them."""

    def __init__(self, store: Store, bus: EventBus, worker: Worker, *, polling_interval_ms: int) -> None:
        self._store = store
        self._bus = bus
        self._worker = worker
        self._polling_interval_ms = polling_interval_ms
        self._waiters: dict[asyncio.Event, tuple[str, float]] = {}
        self._poller: asyncio.Task[None] | None = None

    # ------------------------------------------------------------------ the end of a run

    async def wait_for_run(
        self,
        run_id: str,
        *,
        timeout_ms: int | None = None,
        polling_interval_ms: int | None = None,
        on_progress: OnProgress | None = None,
        on_log: OnLog | None = None,
    ) -> Run:
        """See ``Durably.wait_for_run``."""
        interval_ms = self._checked_interval(polling_interval_ms)
        with self._listening(run_id, on_progress, on_log), self._woken(run_id, interval_ms) as woken:
            run = await self._must_get(run_id)
            if not run.is_terminal:
                async with self._while_a_job_waits(run):
                    run = await self._until_ended(run, woken, timeout_ms)
        return _completed(run)

    async def _until_ended(self, run: Run, woken: asyncio.Event, timeout_ms: int | None) -> Run:
        seconds = None if timeout_ms is None else max(0, timeout_ms) / 1000
        timer = asyncio.timeout(seconds)
        try:
            async with timer:
                while not run.is_terminal:
                    await woken.wait()
                    woken.clear()
                    run = await self._must_get(run.id)
        except TimeoutError as error:
            if not timer.expired():
                raise
            raise WaitTimeoutError(
                f"The run {run.id} has not ended within {timeout_ms} ms. It goes on; wait for it again, "
                "or cancel it."
            ) from error
        return run

    @contextlib.asynccontextmanager
    async def _while_a_job_waits(self, run: Run) -> AsyncIterator[None]:
        execution = current_execution.get()
        if execution is None:
            yield
            return
        key = execution.run.concurrency_key
        if run.id == execution.run.id or (key is not None and key == run.concurrency_key):
            raise ConflictError(
                f"The run {execution.run.id} would wait for ever: {run.id} can't begin before it has ended."
            )
        async with self._worker.lent_slot():
            yield

    # ------------------------------------------------------------------ the events of a run

    async def subscribe(self, run_id: str, *, after: int | None = None) -> AsyncIterator[RunEvent]:
        """See ``Durably.subscribe``."""
        with self._woken(run_id, self._polling_interval_ms) as woken:
            if after is None:
                found = await self._store.get_run_and_newest_event(run_id)
                if found is None:
                    raise NotFoundError(f"There is no run {run_id}.")
                run, after = found
                for event in _snapshot(run, after):
                    yield event
                if run.is_terminal:
                    return
            async for event in self._follow(run_id, after, woken):
                yield event

    async def _follow(self, run_id: str, after: int, woken: asyncio.Event) -> AsyncIterator[RunEvent]:
        """The run's events after that number, up to its end."""
        while True:
            woken.clear()
            # Before the events: what is read after it holds all of them up to its number.
            found = await self._store.get_run_and_newest_event(run_id)
            read = await self._store.get_events(after=after, run_id=run_id, types=None, limit=EVENTS_LIMIT)
            for event in read:
                after = event.sequence
                yield event
                if event.type in ENDS:
                    return
            if len(read) == EVENTS_LIMIT:
                continue
            if found is None:
                raise NotFoundError(f"There is no run {run_id}.")
            run, newest = found
            if run.is_terminal and not read:
                return  # its end lies before ``after``
            after = max(after, newest)
            await woken.wait()

    # ------------------------------------------------------------------ being woken

    @contextlib.contextmanager
    def _woken(self, run_id: str, interval_ms: float) -> Iterator[asyncio.Event]:
        """An event that is set when something may have happened to the run."""
        woken = asyncio.Event()
        self._waiters[woken] = (run_id, interval_ms / 1000)
        stop = self._bus.on_stored(lambda stored: woken.set() if stored == run_id else None)
        if self._poller is None:
            self._poller = asyncio.create_task(self._poll())
        try:
            yield woken
        finally:
            stop()
            del self._waiters[woken]
            if not self._waiters:
                self._poller.cancel()
                self._poller = None

    async def _poll(self) -> None:
        """What other processes do is not heard: look into the log, once for all who wait."""
        after = BEFORE_ALL
        while True:
            await asyncio.sleep(min(interval for _, interval in self._waiters.values()))
            try:
                happened = await self._store.get_events(
                    after=after, run_id=None, types=None, limit=EVENTS_LIMIT
                )
            except EventsGoneError:
                # The first look, or one that comes too late: anything may have happened.
                after = await self._store.get_newest_event()
                self._wake(None)
            except StorageError:
                self._wake(None)  # whoever waits reads for themselves, and hears of it there
            else:
                self._wake({event.run_id for event in happened})
                after = happened[-1].sequence if happened else after

    def _wake(self, run_ids: set[str] | None) -> None:
        for woken, (run_id, _) in self._waiters.items():
            if run_ids is None or run_id in run_ids:
                woken.set()

    @contextlib.contextmanager
    def _listening(self, run_id: str, on_progress: OnProgress | None, on_log: OnLog | None) -> Iterator[None]:
        def progressed(event: RunProgress) -> Any:
            return on_progress(event.progress) if on_progress is not None and event.run_id == run_id else None

        def logged(event: LogWrite) -> Any:
            return on_log(event) if on_log is not None and event.run_id == run_id else None

        stops = [self._bus.on("run:progress", progressed), self._bus.on("log:write", logged)]
        try:
            yield
        finally:
            for stop in stops:
                stop()

    def _checked_interval(self, interval_ms: int | None) -> int:
        if interval_ms is None:
            return self._polling_interval_ms
        if type(interval_ms) is not int or interval_ms < 1:
            raise ValidationError(
                f"polling_interval_ms must be a whole number of milliseconds, at least 1, not {interval_ms!r}."
            )
        return interval_ms

    async def _must_get(self, run_id: str) -> Run:
        run = await self._store.get_run(run_id)
        if run is None:
            raise NotFoundError(f"There is no run {run_id}.")
        return run


def _completed(run: Run) -> Run:
    if run.status == "cancelled":
        raise CancelledError(f"The run {run.id} was cancelled.")
    if run.error is not None:
        raise RunFailedError(
            run.error.message,
            run_id=run.id,
            error_type=run.error.type,
            traceback=run.error.traceback,
            failed_step_name=run.failed_step_name,
        )
    return run


def _snapshot(run: Run, sequence: int) -> Iterator[RunEvent]:
    """Where the run is, told as events of that number."""
    subject: dict[str, Any] = {
        "run_id": run.id,
        "job_name": run.job_name,
        "labels": run.labels,
        "sequence": sequence,
    }
    match run.status:
        case "pending":
            return
        case "leased":
            assert run.lease_owner is not None
            assert run.lease_expires_at is not None
            yield events.RunLeased(
                **subject,
                input=run.input,
                lease_owner=run.lease_owner,
                lease_expires_at=run.lease_expires_at,
                attempt=run.attempt,
            )
            if run.progress is not None:
                yield events.RunProgress(**subject, progress=run.progress)
        case "completed":
            yield events.RunComplete(**subject, output=run.output, duration=0)
        case "failed":
            assert run.error is not None
            yield events.RunFail(**subject, error=run.error.message, failed_step_name=run.failed_step_name)
        case "cancelled":
            yield events.RunCancel(**subject)
