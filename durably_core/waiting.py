"""Waiting for runs and following them, wherever they execute.

What happens in this process is heard at once; what happens in another is found in the database.
"""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextvars import Context
from dataclasses import dataclass
from typing import Any

from durably_core import events, tasks
from durably_core.errors import (
    CancelledError,
    ConflictError,
    NotFoundError,
    RunFailedError,
    ValidationError,
    WaitTimeoutError,
)
from durably_core.events import EventBus, LogWrite, RunEvent, RunProgress
from durably_core.execution import current_execution
from durably_core.executor import Executor
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


@dataclass(slots=True, eq=False)
class _Waiter:
    """Someone who waits for something to happen to a run."""

    run_id: str
    interval_s: float
    woken: asyncio.Event
    idle: bool = False
    """Has seen all that there was, and waits."""
    quiet_until: int = 0
    """Up to that event nothing happened to the run since the waiter became idle."""

    expired: bool = False

    def expire(self) -> None:
        """The time of the waiter is over."""
        self.expired = True
        self.woken.set()

    async def wait(self) -> None:
        self.idle = True
        try:
            await self.woken.wait()
        finally:
            self.idle = False


class Ear:
    """Passes what one run tells to callbacks."""

    def __init__(self, on_progress: OnProgress | None, on_log: OnLog | None) -> None:
        self._on_progress, self._on_log = on_progress, on_log
        self._run_id: str | None = None
        self._early: list[RunProgress | LogWrite] = []

    def listen_to(self, run_id: str) -> None:
        """The run's id; what it told before that is passed on now."""
        self._run_id = run_id
        early, self._early = self._early, []
        for event in early:
            self.hear(event)

    def hear(self, event: RunProgress | LogWrite) -> Any:
        if self._run_id is None:
            self._early.append(event)
        elif event.run_id != self._run_id:
            return None
        elif isinstance(event, RunProgress):
            return self._on_progress(event.progress) if self._on_progress is not None else None
        else:
            return self._on_log(event) if self._on_log is not None else None
        return None


class Waiting:
    """Wakes those who wait for runs. One poll serves all of them."""

    def __init__(
        self,
        store: Store,
        bus: EventBus,
        executor: Executor,
        worker: Worker,
        *,
        polling_interval_ms: int,
    ) -> None:
        self._store = store
        self._bus = bus
        self._executor = executor
        self._worker = worker
        self._polling_interval_ms = polling_interval_ms
        # In the order in which they came: who is woken first shows in what happens next.
        self._waiters: dict[_Waiter, None] = {}
        self._joined = asyncio.Event()
        self._must_look = False
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
        ear: "Ear | None" = None,
    ) -> Run:
        """See ``Durably.wait_for_run``. ``ear``: one that listens already, in place of the callbacks."""
        interval_ms = self._checked_interval(polling_interval_ms)
        if timeout_ms is not None and type(timeout_ms) is not int:
            raise ValidationError(f"timeout_ms must be a whole number of milliseconds, not {timeout_ms!r}.")
        with self.ear(on_progress, on_log) as own, self._waiter(run_id, interval_ms, ENDS) as waiter:
            (ear or own).listen_to(run_id)
            run = await self._must_get(run_id)
            if not run.is_terminal:
                async with self._while_a_job_waits(run):
                    run = await self._until_ended(run, waiter, timeout_ms)
        return _completed(run)

    async def _until_ended(self, run: Run, waiter: _Waiter, timeout_ms: int | None) -> Run:
        timer = None
        if timeout_ms is not None:
            timer = asyncio.get_running_loop().call_later(max(0, timeout_ms) / 1000, waiter.expire)
        try:
            while not run.is_terminal and not waiter.expired:
                await waiter.wait()
                waiter.woken.clear()
                run = await self._must_get(run.id)
        finally:
            if timer is not None:
                timer.cancel()
        if not run.is_terminal:
            raise WaitTimeoutError(
                f"The run {run.id} has not ended within {timeout_ms} ms. It goes on; wait for it again, "
                "or cancel it."
            )
        return run

    @contextlib.asynccontextmanager
    async def _while_a_job_waits(self, run: Run) -> AsyncIterator[None]:
        execution = current_execution.get()
        # One that has ended left a task behind, which no slot waits for.
        if execution is None or execution not in self._executor.executing:
            yield
            return
        for waiting in self._executor.waiting_for(execution):
            key = waiting.run.concurrency_key
            if run.id == waiting.run.id or (key is not None and key == run.concurrency_key):
                raise ConflictError(
                    f"The run {execution.run.id} would wait for ever: {run.id} can't begin before the run "
                    f"{waiting.run.id} has ended."
                )
        execution.waits_for[run.id] += 1
        self._worker.lend_slots()
        try:
            yield
        finally:
            execution.waits_for -= Counter([run.id])
            self._worker.wake()

    # ------------------------------------------------------------------ the events of a run

    async def subscribe(self, run_id: str, *, after: int | None = None) -> AsyncIterator[RunEvent]:
        """See ``Durably.subscribe``."""
        with self._waiter(run_id, self._polling_interval_ms) as waiter:
            found = await self._store.get_run_and_newest_event(run_id)
            if found is None and after is None:
                raise NotFoundError(f"There is no run {run_id}.")
            if after is None:
                assert found is not None
                run, after = found
                for event in snapshot(self._executor.as_told(run), after):
                    yield event
                if run.is_terminal:
                    return
            async for event in self._follow(run_id, after, waiter):
                yield event

    async def _follow(self, run_id: str, after: int, waiter: _Waiter) -> AsyncIterator[RunEvent]:
        """The run's events after that number, up to its end."""
        while True:
            waiter.woken.clear()
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
            if run.is_terminal:
                return  # its end lies before ``after``
            waiter.quiet_until = after = max(after, newest)
            async with self._while_a_job_waits(run):
                await waiter.wait()
            after = max(after, waiter.quiet_until)

    # ------------------------------------------------------------------ being woken

    def wake_all(self) -> None:
        """Whoever waits looks again."""
        self._wake(None)

    @contextlib.contextmanager
    def _waiter(
        self, run_id: str, interval_ms: float, types: frozenset[str] | None = None
    ) -> Iterator[_Waiter]:
        """Someone who is woken when something may have happened to the run, of those types if given."""

        def stored(stored_id: str, event_type: str) -> None:
            if stored_id == run_id and (types is None or event_type in types):
                waiter.woken.set()

        waiter = _Waiter(run_id, interval_ms / 1000, asyncio.Event())
        self._waiters[waiter] = None
        stop = self._bus.on_stored(stored)
        if self._poller is None or self._poller.done():
            self._joined = asyncio.Event()
            self._poller = asyncio.create_task(self._poll(), context=Context())
        self._joined.set()
        try:
            yield waiter
        finally:
            stop()
            self._waiters.pop(waiter, None)
            if not self._waiters:
                self._poller.cancel()
                self._poller = None

    async def _poll(self) -> None:
        """What other processes do is not heard: look into the log, once for all who wait."""
        stop = self._store.watch(self._look_now)
        try:
            await self._look_on()
        finally:
            stop()

    def _look_now(self) -> None:
        self._must_look = True
        self._joined.set()

    async def _look_on(self) -> None:
        now = asyncio.get_running_loop().time
        after, looked_at = BEFORE_ALL, now()
        while True:
            self._joined.clear()
            left = looked_at + min(waiter.interval_s for waiter in self._waiters) - now()
            if left > 0 and not self._must_look:
                # Who joins may want to look sooner than those before.
                await tasks.set_within(self._joined, left)
                continue
            looked_at, self._must_look = now(), False
            try:
                after, changed = await self._store.find_changed(after=after)
            except Exception:  # noqa: BLE001 - whoever waits reads for themselves, and hears of it there
                self._wake(None)
            else:
                self._wake(changed, quiet_until=after)

    def _wake(self, run_ids: set[str] | None, quiet_until: int = 0) -> None:
        for waiter in self._waiters:
            if run_ids is None or waiter.run_id in run_ids:
                waiter.woken.set()
            elif waiter.idle and not waiter.woken.is_set():
                waiter.quiet_until = max(waiter.quiet_until, quiet_until)

    @contextlib.contextmanager
    def ear(self, on_progress: OnProgress | None, on_log: OnLog | None) -> Iterator["Ear"]:
        """Listens from now on for what a run tells whose id may not be known yet."""
        ear = Ear(on_progress, on_log)
        stops = []
        if on_progress is not None:
            stops.append(self._bus.on("run:progress", ear.hear))
        if on_log is not None:
            stops.append(self._bus.on("log:write", ear.hear))
        try:
            yield ear
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


def snapshot(run: Run, sequence: int) -> Iterator[RunEvent]:
    """Where the run is, told as events of that number."""
    moment = run.completed_at or run.updated_at
    subject: dict[str, Any] = {
        "run_id": run.id,
        "job_name": run.job_name,
        "labels": run.labels,
        "sequence": sequence,
        "timestamp_ms": round(moment.timestamp() * 1000),
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
            began = run.started_at or moment
            duration = round((moment - began).total_seconds() * 1000)
            yield events.RunComplete(**subject, output=run.output, duration=max(0, duration))
        case "failed":
            assert run.error is not None
            yield events.RunFail(**subject, error=run.error.message, failed_step_name=run.failed_step_name)
        case "cancelled":
            yield events.RunCancel(**subject)
