"""The facade: what an application holds in its hands."""

import asyncio
import random
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Generic

from pydantic import BaseModel
from pydantic_core import to_json

from durably_core import events
from durably_core.clock import Clock, IdFactory, NewId, SystemClock
from durably_core.errors import CancelledError, ConflictError, NotFoundError, ValidationError
from durably_core.events import ErrorHandler, EventBus, Listener
from durably_core.executor import Executor, ExecutorOptions
from durably_core.job import In, Job, Out, by_name
from durably_core.models import Disposition, LogEntry, Run, RunStatus, Step
from durably_core.store.base import ClaimRequest, NewRun, RunFilter, Store
from durably_core.store.sqlite import SQLiteStore
from durably_core.values import storable
from durably_core.worker import Worker

LABEL_KEY = re.compile(r"[A-Za-z0-9_./-]{1,256}")
MAX_SLOTS = 1000
MAX_PAGE = 2**53 - 1


class TriggeredRun:
    """A run together with how the trigger was resolved."""

    def __init__(self, run: Run, disposition: Disposition) -> None:
        self.run = run
        self.id = run.id
        self.status: RunStatus = run.status
        self.disposition: Disposition = disposition


class JobHandle(Generic[In, Out]):
    """A registered job, ready to be triggered."""

    def __init__(self, durably: "Durably", job: Job[In, Out]) -> None:
        self._durably = durably
        self.job = job
        self.name = job.name

    async def trigger(
        self,
        input: In | Mapping[str, Any],
        *,
        idempotency_key: str | None = None,
        concurrency_key: str | None = None,
        labels: Mapping[str, str] | None = None,
    ) -> TriggeredRun:
        """Add a run; it is on disk when this returns.

        ``idempotency_key``: a second trigger of this job with the same key returns the first run.
        ``concurrency_key``: runs with the same key execute one at a time, across all jobs.

        Raises ``ValidationError`` for a bad input, key or label, ``ConflictError`` when a run of
        this job with the same concurrency key is already waiting.
        """
        return await self._durably._trigger(  # noqa: SLF001 - handle and facade are one
            self.job, input, idempotency_key, concurrency_key, labels or {}
        )

    async def get_run(self, run_id: str) -> Run | None:
        """The run, if it is one of this job."""
        run = await self._durably.get_run(run_id)
        return run if run is not None and run.job_name == self.name else None

    async def get_runs(
        self, *, status: RunStatus | list[RunStatus] | None = None, limit: int | None = None, offset: int = 0
    ) -> list[Run]:
        """This job's runs, newest first."""
        return await self._durably.get_runs(job_name=self.name, status=status, limit=limit, offset=offset)


class Jobs:
    """The registered jobs as attributes, under the names they were registered with."""

    def __init__(self, handles: Mapping[str, JobHandle[Any, Any]]) -> None:
        self._handles = dict(handles)

    def __getattr__(self, name: str) -> JobHandle[Any, Any]:
        handle = self.__dict__.get("_handles", {}).get(name)
        if handle is None:
            known = ", ".join(sorted(self.__dict__.get("_handles", {}))) or "none"
            raise AttributeError(f"No job is registered as {name!r}; registered: {known}.")
        found: JobHandle[Any, Any] = handle
        return found

    def __getitem__(self, name: str) -> JobHandle[Any, Any]:
        return self.__getattr__(name)

    def __iter__(self) -> Iterator[JobHandle[Any, Any]]:
        return iter(self._handles.values())


class Durably:
    """A job engine over one store. Make it with ``create_durably``."""

    def __init__(
        self,
        store: Store,
        jobs: Mapping[str, Job[Any, Any]],
        *,
        polling_interval_ms: int,
        lease_ms: int,
        lease_renew_interval_ms: int,
        max_concurrent_runs: int,
        preserve_steps: bool,
        exclusive: bool,
        clock: Clock,
        new_id: NewId,
        rng: random.Random,
    ) -> None:
        self.store = store
        self._by_name = by_name(jobs)
        self.jobs = Jobs({key: JobHandle(self, job) for key, job in jobs.items()})
        self._lease_ms = lease_ms
        self._preserve_steps = preserve_steps
        self._exclusive = exclusive
        self._clock = clock
        self._new_id = new_id
        self._bus = EventBus(clock)
        options = ExecutorOptions(lease_ms=lease_ms, preserve_steps=preserve_steps, new_id=new_id)
        self._executor = Executor(store, self._bus, self._by_name, clock, options)
        self._worker = Worker(
            store,
            self._executor,
            self._bus,
            slots=max_concurrent_runs,
            polling_interval_ms=polling_interval_ms,
            lease_renew_interval_ms=lease_renew_interval_ms,
            rng=rng,
        )
        self._worker_id = f"worker_{new_id()}"
        self._migrating: asyncio.Lock = asyncio.Lock()
        self._migrated = False

    # ------------------------------------------------------------------ life

    async def init(self) -> None:
        """``migrate()``, then ``start()``. Safe to call more than once."""
        await self.migrate()
        self.start()

    async def migrate(self) -> None:
        """Bring the database's schema up to date."""
        async with self._migrating:
            if self._migrated:
                return
            await self.store.migrate()
            if self._exclusive:
                # No one else has the database open, so whoever held a lease is dead.
                await self.store.expire_leases()
            self._migrated = True

    def start(self) -> None:
        """Start claiming and executing runs."""
        self._worker.start(self._claim_request(self._worker_id))

    async def stop(self) -> None:
        """Claim no more; returns when the runs that execute have ended."""
        await self._worker.stop()

    async def close(self) -> None:
        """``stop()``, then close the store."""
        await self.stop()
        await self.store.close()

    async def process_one(self, *, worker_id: str | None = None) -> bool:
        """Claim one run and execute it, without ``start()``. False: there was none."""
        return await self._worker.run_once(self._claim_request(worker_id or self._worker_id))

    async def process_until_idle(self, *, worker_id: str | None = None, max_runs: int | None = None) -> int:
        """Execute runs one by one until none is left or ``max_runs`` were; returns how many."""
        count = 0
        while (max_runs is None or count < max_runs) and await self.process_one(worker_id=worker_id):
            count += 1
        return count

    def _claim_request(self, worker_id: str) -> ClaimRequest:
        return ClaimRequest(worker_id=worker_id, job_names=tuple(self._by_name), lease_ms=self._lease_ms)

    # ------------------------------------------------------------------ jobs and events

    def get_job(self, name: str) -> JobHandle[Any, Any] | None:
        """The job of that job name."""
        return next((handle for handle in self.jobs if handle.name == name), None)

    def on(self, event_type: str, listener: Listener) -> Callable[[], None]:
        """Call ``listener`` with each event of that type, of every type for ``"*"``.

        Returns the way to stop.
        """
        return self._bus.on(event_type, listener)

    def on_error(self, handler: ErrorHandler | None) -> None:
        """Call ``handler(error, event)`` when a listener raises."""
        self._bus.on_error(handler)

    # ------------------------------------------------------------------ runs

    async def _trigger(
        self,
        job: Job[Any, Any],
        input: BaseModel | Mapping[str, Any],
        idempotency_key: str | None,
        concurrency_key: str | None,
        labels: Mapping[str, str],
    ) -> TriggeredRun:
        valid = job.validate_input(input)
        _check_keys(idempotency_key, concurrency_key, labels)
        enqueued = await self.store.enqueue(
            NewRun(
                id=self._new_id(),
                job_name=job.name,
                input=job.dump_input(valid),
                labels=dict(labels),
                idempotency_key=idempotency_key,
                concurrency_key=concurrency_key,
            )
        )
        if enqueued.disposition == "created":
            self._announce(enqueued.run)
        return TriggeredRun(enqueued.run, enqueued.disposition)

    def _announce(self, run: Run) -> None:
        self._bus.emit(
            events.RunTrigger(run_id=run.id, job_name=run.job_name, labels=run.labels, input=run.input)
        )
        self._worker.wake()

    async def get_run(self, run_id: str) -> Run | None:
        return await self.store.get_run(run_id)

    async def get_runs(
        self,
        *,
        status: RunStatus | list[RunStatus] | None = None,
        job_name: str | list[str] | None = None,
        limit: int | None = None,
        offset: int = 0,
        summary: bool = False,
    ) -> list[Run]:
        """Runs, newest first. ``summary`` leaves out inputs and outputs."""
        if not 0 <= offset <= MAX_PAGE or not 0 <= (limit or 0) <= MAX_PAGE:
            raise ValidationError(f"limit and offset count from 0 to {MAX_PAGE}.")
        filter = RunFilter(
            job_names=_tuple(job_name), statuses=_tuple(status), limit=limit, offset=offset, summary=summary
        )
        return await self.store.get_runs(filter)

    async def get_steps(self, run_id: str) -> list[Step]:
        """What is recorded of the run's steps, in the order in which they ended."""
        return await self.store.get_steps(run_id)

    async def get_logs(self, run_id: str) -> list[LogEntry]:
        """The run's log lines, oldest first."""
        return await self.store.get_logs(run_id)

    async def cancel(self, run_id: str) -> None:
        """Cancel a run that waits or executes. Code that executes is told to stop.

        Raises ``NotFoundError``, or ``ConflictError`` for a run that has ended.
        """
        run = await self.store.cancel_run(run_id, keep_steps=self._preserve_steps)
        self._bus.emit(events.RunCancel(run_id=run.id, job_name=run.job_name, labels=run.labels))
        self._executor.stop_run(run_id, CancelledError())

    async def retrigger(self, run_id: str) -> Run:
        """A new run with the input, labels and concurrency key of one that has ended.

        The input is validated against today's model: raises ``ValidationError`` when it no longer
        fits, ``NotFoundError`` for an unknown run or job, ``ConflictError`` for a run that has not ended.
        """
        run = await self.store.get_run(run_id)
        if run is None:
            raise NotFoundError(f"There is no run {run_id}.")
        if not run.is_terminal:
            raise ConflictError(f"The run {run_id} can't be retriggered: it is {run.status}. Cancel it first.")
        job = self._by_name.get(run.job_name)
        if job is None:
            raise NotFoundError(
                f"The run {run_id} can't be retriggered: there is no job {run.job_name!r} any more."
            )
        job.load_input(run.input)
        enqueued = await self.store.enqueue(
            NewRun(
                id=self._new_id(),
                job_name=run.job_name,
                input=to_json(run.input).decode(),
                labels=run.labels,
                concurrency_key=run.concurrency_key,
            )
        )
        self._announce(enqueued.run)
        return enqueued.run

    async def delete_run(self, run_id: str) -> None:
        """Delete a run that has ended, with its steps and logs.

        Raises ``NotFoundError``, or ``ConflictError`` for a run that has not ended.
        """
        run = await self.store.delete_run(run_id)
        self._bus.emit(events.RunDelete(run_id=run.id, job_name=run.job_name, labels=run.labels))


def create_durably(
    *,
    database: str | Store,
    jobs: Mapping[str, Job[Any, Any]],
    polling_interval_ms: int = 1000,
    lease_ms: int = 30_000,
    lease_renew_interval_ms: int = 5000,
    max_concurrent_runs: int = 1,
    preserve_steps: bool = False,
    exclusive: bool = False,
    clock: Clock | None = None,
    new_id: NewId | None = None,
    rng: random.Random | None = None,
) -> Durably:
    """Make an engine. Opens nothing yet: ``await durably.init()`` does.

    ``database``: a path, a ``sqlite:`` URL, or a store. ``exclusive``: the caller guarantees that no
    other process has the database open, so leases found in it are taken over at once.
    ``preserve_steps``: keep steps and logs of runs that have ended. ``clock``, ``new_id`` and ``rng``
    are for simulations.

    Raises ``ValidationError`` for an option that can't work.
    """
    _check_intervals(polling_interval_ms, lease_ms, lease_renew_interval_ms)
    if type(max_concurrent_runs) is not int or not 1 <= max_concurrent_runs <= MAX_SLOTS:
        raise ValidationError(f"max_concurrent_runs must be a whole number from 1 to {MAX_SLOTS}.")
    clock = clock or SystemClock()
    if isinstance(database, str):
        database = SQLiteStore(_sqlite_path(database), exclusive=exclusive, clock=clock)
    return Durably(
        database,
        jobs,
        polling_interval_ms=polling_interval_ms,
        lease_ms=lease_ms,
        lease_renew_interval_ms=lease_renew_interval_ms,
        max_concurrent_runs=max_concurrent_runs,
        preserve_steps=preserve_steps,
        exclusive=exclusive,
        clock=clock,
        new_id=new_id or IdFactory(clock),
        rng=rng or random.Random(),  # noqa: S311 - jitter
    )


def _check_intervals(polling_interval_ms: int, lease_ms: int, lease_renew_interval_ms: int) -> None:
    intervals = {
        "polling_interval_ms": polling_interval_ms,
        "lease_ms": lease_ms,
        "lease_renew_interval_ms": lease_renew_interval_ms,
    }
    for name, value in intervals.items():
        if type(value) is not int or value < 1:
            raise ValidationError(f"{name} must be a whole number of milliseconds, at least 1, not {value!r}.")
    if lease_renew_interval_ms * 2 > lease_ms:
        raise ValidationError(
            f"lease_renew_interval_ms ({lease_renew_interval_ms}) must be at most half of "
            f"lease_ms ({lease_ms}), or one late renewal loses the lease."
        )


def _sqlite_path(database: str) -> str:
    scheme, separator, rest = database.partition(":")
    if separator and scheme in ("postgresql", "postgres"):
        raise ValidationError("This version has no PostgreSQL store yet: pass a path or a sqlite: URL.")
    if separator and scheme == "sqlite":
        return rest.removeprefix("///").removeprefix("//")
    return database


def _check_keys(idempotency_key: str | None, concurrency_key: str | None, labels: Mapping[str, str]) -> None:
    for name, key in (("idempotency_key", idempotency_key), ("concurrency_key", concurrency_key)):
        if key is not None and (not isinstance(key, str) or not key or storable(key) != key):
            raise ValidationError(f"{name} must be a text that is not empty, not {key!r}.")
    for label, value in labels.items():
        if not isinstance(label, str) or not LABEL_KEY.fullmatch(label):
            raise ValidationError(
                f"The label key {label!r} must be 1 to 256 letters, digits, '-', '_', '.' or '/'."
            )
        if not isinstance(value, str) or storable(value) != value:
            raise ValidationError(f"The label {label!r} must have a text as its value, not {value!r}.")


def _tuple(value: Any) -> Any:
    if value is None or value == []:
        return None
    return (value,) if isinstance(value, str) else tuple(value)
