"""The facade: what an application holds in its hands."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Literal, Protocol, get_args

from pydantic import BaseModel
from pydantic_core import to_json

from durably_core.blocking import uninterrupted
from durably_core.clock import Clock, IdFactory, NewId, from_ms
from durably_core.errors import (
    CancelledError,
    ConflictError,
    KeyTakenError,
    NotFoundError,
    StorageError,
    ValidationError,
)
from durably_core.events import ErrorHandler, EventBus, Listener, RunEvent
from durably_core.execution import ExecutionOptions
from durably_core.executor import Executor
from durably_core.feed import Feed
from durably_core.handles import JobHandle, Jobs, TriggeredRun
from durably_core.instrumentation import Instrumentation
from durably_core.job import Job, by_name
from durably_core.listing import moment_ms, run_filter, stats_period
from durably_core.maintenance import Chore, Maintenance, MaintenanceOptions
from durably_core.models import LogEntry, Run, RunStatus, Stats, Step
from durably_core.options import Options, check_count, check_jobs, check_ms
from durably_core.stopping import overdue
from durably_core.store.base import ClaimRequest, Enqueued, NewRun, Page, QueryResult, Store
from durably_core.store.opening import open_store
from durably_core.triggering import BatchItem, new_run
from durably_core.waiting import OnLog, OnProgress, Waiting
from durably_core.watching import Watcher
from durably_core.worker import Worker

EVENTS_PAGE = 1000


class Plugin(Protocol):
    """Something that adds to an engine: see ``Durably.use``."""

    @property
    def name(self) -> str: ...

    def install(self, durably: "Durably") -> None: ...


class Durably:
    """A job engine over one store. Make it with ``create_durably``."""

    def __init__(
        self, store: Store, options: Options, *, clock: Clock, new_id: NewId, rng: random.Random
    ) -> None:
        self.store = store
        self._options = options
        self._clock = clock
        self._new_id = new_id
        self._bus = EventBus(clock)
        self._by_name: dict[str, Job[Any, Any]] = {}
        self._handles: dict[str, JobHandle[Any, Any]] = {}
        self.jobs = Jobs(self._handles)
        self._worker_id = f"worker_{new_id()}"
        self._executor = Executor(
            store,
            self._bus,
            self._by_name,
            clock,
            ExecutionOptions(
                lease_ms=options.lease_ms,
                preserve_steps=options.preserve_steps,
                build=options.build,
                new_id=new_id,
            ),
        )
        self._worker = Worker(
            store,
            self._executor,
            self._bus,
            lambda: self._claim_request(self._worker_id),
            slots=options.max_concurrent_runs,
            polling_interval_ms=options.polling_interval_ms,
            lease_renew_interval_ms=options.lease_renew_interval_ms,
            rng=rng,
        )
        self._maintenance = Maintenance(
            store,
            self._bus,
            clock,
            lambda: tuple(self._by_name),
            MaintenanceOptions(
                interval_ms=options.maintenance_interval_ms,
                retain_runs_ms=options.retain_runs_ms,
                retain_events=options.retain_events,
            ),
        )
        self.waiting = Waiting(
            store,
            self._bus,
            self._executor,
            self._worker,
            polling_interval_ms=options.polling_interval_ms,
        )
        self.feed = Feed(store, self._bus, polling_interval_ms=options.polling_interval_ms)
        self._migrating: asyncio.Lock = asyncio.Lock()
        self._migrated = False
        self._closed = False

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
            if self._options.exclusive:
                # No one else has the database open, so whoever held a lease is dead.
                request = self._claim_request(self._worker_id)
                self._bus.emit_all(await self.store.expire_leases(request))
            self._migrated = True

    @property
    def worker_state(self) -> Literal["running", "paused", "stopped"]:
        """``paused``: the storage refuses what runs need, and is tried again now and then."""
        if not self._worker.running:
            return "stopped"
        return "paused" if self._worker.is_paused else "running"

    def start(self, *, worker_id: str | None = None) -> None:
        """Start claiming and executing runs, and looking after the database. Twice is once.

        Raises ``StorageError`` for an engine that was closed.
        """
        if self._closed:
            raise StorageError("The engine was closed: make another.")
        if worker_id is not None and not self._worker.running:
            self._worker_id = worker_id
        self._worker.start()
        self._maintenance.start()

    async def stop(self, *, timeout_ms: int | None = None) -> None:
        """Claim no more; returns when the runs that execute have ended, and what they wait for.

        After ``timeout_ms`` those that still execute are told to stop and given back: they go on from
        their last finished step, here after ``start()`` or at another worker. Without it the end is
        waited for, however long that takes.
        """
        if timeout_ms is not None:
            check_ms("timeout_ms", timeout_ms, least=0)
        if await self._worker.stop(timeout_ms):
            await self._maintenance.stop()

    async def hand_over(self, *, timeout_ms: int = 2000, between: Literal["steps", "runs"] = "steps") -> bool:
        """``stop()`` for another engine to go on at once, but cut off no step: each is finished and saved.

        With ``between="runs"`` no run either. Returns False when that takes longer than ``timeout_ms``: this
        engine then goes on as before.
        """
        check_ms("timeout_ms", timeout_ms, least=0)
        if not await self._worker.hand_over(timeout_ms, between_runs=between == "runs"):
            return False
        await self._maintenance.stop()
        return True

    async def close(self, *, timeout_ms: int | None = None) -> None:
        """``stop()``, then close the store. Who waits for a run then gets a ``StorageError``."""
        self._closed = True
        await self.stop(timeout_ms=timeout_ms)
        await self.feed.close()
        await self.store.close()
        self.waiting.wake_all()

    @property
    def executing(self) -> list[str]:
        """Ids of the runs whose code runs in this process, also of those that are told to stop."""
        return [execution.run.id for execution in self._executor.executing]

    async def process_one(self, *, worker_id: str | None = None, run_id: str | None = None) -> bool:
        """Claim one run and execute it, without ``start()``. False: there was none.

        ``run_id``: that one and no other, and what it waits for. False when it does not wait, or may not
        begin yet.
        """
        request = self._claim_request(worker_id or self._worker_id)
        return await self._worker.run_once(
            request if run_id is None else replace(request, run_ids=frozenset([run_id]))
        )

    async def process_until_idle(
        self, *, worker_id: str | None = None, max_runs: int | None = None, budget_ms: int | None = None
    ) -> int:
        """Execute runs one by one until none is left; returns how many were begun.

        For a cron job or a function with a time limit: stops after ``max_runs``, or when ``budget_ms``
        of wall-clock time are used up. The run that executes then is given back, and goes on from its
        last finished step the next time. Looks after the database when it finds nothing left to do.
        """
        if budget_ms is not None:
            check_ms("budget_ms", budget_ms)
        if max_runs is not None:
            check_count("max_runs", max_runs, least=0)
        now = asyncio.get_running_loop().time
        until = None if budget_ms is None else now() + budget_ms / 1000
        request = self._claim_request(worker_id or self._worker_id)
        count = 0
        while (max_runs is None or count < max_runs) and (until is None or now() < until):
            if not await self._worker.run_once(request, until):
                await self._maintenance.run_if_due()
                break
            count += 1
        return count

    async def maintain(self) -> None:
        """Do at once what is otherwise done every ``maintenance_interval_ms`` between start and stop.

        Deletes runs older than ``retain_runs`` and events beyond ``retain_events``, forgets idempotency
        keys whose time is over, tells of runs that wait for unknown jobs, gives the pages that this leaves
        free back to the disk, and empties the WAL.
        """
        await self._maintenance.run()

    def _claim_request(self, worker_id: str) -> ClaimRequest:
        return ClaimRequest(
            worker_id=worker_id,
            job_names=tuple(self._by_name),
            lease_ms=self._options.lease_ms,
            max_attempts=self._options.max_attempts,
            keep_steps=self._options.preserve_steps,
        )

    # ------------------------------------------------------------------ jobs, plugins and events

    def register(self, jobs: Mapping[str, Job[Any, Any]]) -> "Durably":
        """Add jobs, also to an engine that has been started. Returns the engine.

        Registering the same job again changes nothing. Raises ``ValidationError`` when another job has
        that job name or is registered under that name.
        """
        check_jobs(jobs)
        known = {key: handle.job for key, handle in self._handles.items()}
        for key, job in jobs.items():
            if known.setdefault(key, job) is not job:
                raise ValidationError(f"Another job is registered as {key!r}: choose another name.")
        self._by_name.update(by_name(known))
        for key, job in jobs.items():
            self._handles.setdefault(key, JobHandle(self, job))
        self._worker.wake()
        return self

    def get_job(self, name: str) -> JobHandle[Any, Any] | None:
        """The job of that name, or the one that was registered as ``name``."""
        named = next((handle for handle in self.jobs if handle.name == name), None)
        return named or self._handles.get(name)

    def use(self, plugin: Plugin) -> "Durably":
        """Install a plugin: its ``install`` is called with this engine at once. Returns the engine."""
        plugin.install(self)
        return self

    def persist_logs(self) -> None:
        """Keep what jobs log for as long as their runs. See ``with_log_persistence``."""
        self._executor.persist_logs = True

    def watch(self, watcher: Watcher) -> None:
        """Let ``watcher`` end, together with this process, code that nothing else ends."""
        self._executor.watcher = watcher

    async def fail_overdue(self, run_id: str, attempt: int, step_name: str | None, timeout_ms: int) -> None:
        """Fail a run that took longer than it, or its step, may, and whose process was ended for it.

        To be called before ``start()``. Nothing happens to a run that has ended, or was begun again since
        that ``attempt``.
        """
        run = await self.store.get_run(run_id)
        if run is None or run.attempt != attempt:
            return
        claim = await self.store.claim(
            replace(self._claim_request(self._worker_id), run_ids=frozenset([run_id]))
        )
        self._bus.emit_all(claim.events)
        if claim.claimed is not None:
            await self._executor.fail(claim.claimed, overdue(step_name, timeout_ms), step_name)

    def instrument(self, instrumentation: Instrumentation) -> None:
        """Let ``instrumentation`` watch runs, steps and events: see ``durably_core.instrumentation``."""
        self._executor.instrumentations.add(instrumentation)
        self._bus.watch(instrumentation.heard)

    def every(self, interval_ms: int, name: str, work: Callable[[], Awaitable[object]]) -> None:
        """Do ``work`` so often between start and stop, the first time at once, and with each ``maintain()``.

        What it raises is told as ``worker:error`` with ``name`` as its context.
        """
        check_ms("interval_ms", interval_ms)
        self._maintenance.add(Chore(name=name, interval_ms=interval_ms, work=work))

    def on(self, event_type: str, listener: Listener) -> Callable[[], None]:
        """Call ``listener`` with each event of that type, of every type for ``"*"``.

        Only what happens in this process is heard; ``subscribe`` and ``get_events`` tell of all.
        Returns the way to stop.
        """
        return self._bus.on(event_type, listener)

    def on_error(self, handler: ErrorHandler | None) -> None:
        """Call ``handler(error, event)`` when a listener raises."""
        self._bus.on_error(handler)

    async def get_events(
        self,
        *,
        after: int | None = None,
        run_id: str | None = None,
        types: Sequence[str] | None = None,
        limit: int = EVENTS_PAGE,
    ) -> list[RunEvent]:
        """Events of all processes from the log, oldest first: all that it holds, or those after a number.

        A reader goes on with ``after=`` the ``sequence`` of the last event that it saw, and misses and
        repeats none. Inputs and outputs are None: the run has them. The log keeps the newest
        ``retain_events``: raises ``EventsGoneError`` when it does not reach back that far.
        """
        check_count("limit", limit, least=0)
        if after is not None:
            check_count("after", after, least=0)
        return await self.store.get_events(after=after, run_id=run_id, types=types, limit=limit)

    async def get_newest_event(self) -> int:
        """The number of the newest event in the log: where a reader begins who knows the runs as they are."""
        return await self.store.get_newest_event()

    # ------------------------------------------------------------------ runs

    async def trigger_all(
        self,
        job: Job[Any, Any],
        items: Sequence[BatchItem[Any]],
        *,
        may_join: Callable[[Run], Awaitable[bool]] | None = None,
    ) -> list[TriggeredRun]:
        """See ``JobHandle.batch_trigger``. ``may_join(run)``: whether a key may lead to that run. Where it
        may not, ``KeyTakenError`` is raised, and the run is left as it is."""
        runs = []
        for index, item in enumerate(items):
            try:
                runs.append(new_run(job, item, self._options, self._new_id))
            except ValidationError as error:
                if len(items) == 1:
                    raise
                raise ValidationError(f"Item {index} of the batch: {error.message}", error.issues) from error
        if not runs:
            return []
        enqueued = await self._enqueue_asking(runs, may_join)
        return [TriggeredRun(run=item.run, disposition=item.disposition) for item in enqueued]

    async def _enqueue_asking(
        self, runs: Sequence[NewRun], may_join: Callable[[Run], Awaitable[bool]] | None
    ) -> list[Enqueued]:
        if may_join is None:
            return await uninterrupted(self._enqueue(runs))
        joinable: frozenset[str] = frozenset()
        while True:
            try:
                asked = [replace(run, may_join=joinable) for run in runs]
                return await uninterrupted(self._enqueue(asked))
            except KeyTakenError as taken:
                # Asked outside of the transaction: a hook may take its time.
                for run_id in taken.run_ids - joinable:
                    run = await self.store.get_run(run_id)
                    if run is not None and not await may_join(run):
                        raise
                joinable |= taken.run_ids

    async def _enqueue(self, runs: Sequence[NewRun]) -> list[Enqueued]:
        for run in runs:
            # Before they are stored: from then on a worker may claim them.
            self._executor.instrumentations.triggered(run.id)
        # A run that waits is locked while a trigger joins it, or may not: who looks meanwhile passes it over.
        try:
            enqueued = await self.store.enqueue(runs)
        except BaseException:
            self._worker.wake()
            raise
        self._bus.emit_all(item.event for item in enqueued if item.event is not None)
        if any(item.disposition != "idempotent" for item in enqueued):
            self._worker.wake()
        return enqueued

    async def get_run_and_newest_event(self, run_id: str) -> tuple[Run, int]:
        """The run, and the number of the newest event of all as of the same moment: where to go on from.

        Raises ``NotFoundError``.
        """
        found = await self.store.get_run_and_newest_event(run_id)
        if found is None:
            raise NotFoundError(f"There is no run {run_id}.")
        run, newest = found
        return self._executor.as_told(run), newest

    async def write_notes(self, run_id: str) -> None:
        """Returns when all that the run's code has told is on disk, if it executes in this process.

        Logs wait a moment for a write to ride along with: who has not heard of them, and reads them now,
        would miss them.
        """
        await self._executor.flush_notes(run_id)

    async def get_run(self, run_id: str) -> Run | None:
        run = await self.store.get_run(run_id)
        return None if run is None else self._executor.as_told(run)

    async def get_runs(
        self,
        *,
        status: RunStatus | Sequence[RunStatus] | None = None,
        job_name: str | Sequence[str] | None = None,
        labels: Mapping[str, str] | None = None,
        limit: int | None = None,
        offset: int = 0,
        cursor: str | None = None,
        summary: bool = False,
    ) -> list[Run]:
        """Runs, newest first, in an order that does not change.

        ``status``, ``job_name``: one or several; an empty list matches nothing. ``labels``: all of them
        must match. ``cursor``: the id of the last run of the page before; unlike an ``offset`` it stays
        right while runs are added. ``summary`` leaves out inputs and outputs.
        """
        if limit is not None:
            check_count("limit", limit, least=0)
        check_count("offset", offset, least=0)
        if cursor is not None and (not isinstance(cursor, str) or not cursor):
            raise ValidationError(f"cursor must be the id of a run, not {cursor!r}.")
        page = Page(limit=limit, offset=offset, cursor=cursor, summary=summary)
        runs = await self.store.get_runs(run_filter(status, job_name, labels), page)
        return [self._executor.as_told(run) for run in runs]

    async def get_retriggers(self, run_id: str) -> list[Run]:
        """The newest hundred runs that repeat that one, newest first, without inputs and outputs."""
        return [self._executor.as_told(run) for run in await self.store.get_retriggers(run_id)]

    async def count_runs(
        self,
        *,
        status: RunStatus | Sequence[RunStatus] | None = None,
        job_name: str | Sequence[str] | None = None,
        labels: Mapping[str, str] | None = None,
    ) -> dict[RunStatus, int]:
        """How many runs there are in each of the five statuses, with the filters of ``get_runs``."""
        counts = await self.store.count_runs(run_filter(status, job_name, labels))
        return {each: counts.get(each, 0) for each in get_args(RunStatus)}

    async def get_stats(
        self,
        *,
        since: datetime,
        until: datetime | None = None,
        bucket_ms: int | None = None,
        status: RunStatus | Sequence[RunStatus] | None = None,
        job_name: str | Sequence[str] | None = None,
        labels: Mapping[str, str] | None = None,
    ) -> Stats:
        """How the runs of each job ended from ``since`` to before ``until`` (now), and what waits now.

        ``bucket_ms``: in stretches of so long, 1000 at most; without it, in 30. The filters are those of
        ``get_runs``. Raises ``ValidationError`` for a time that can't be.
        """
        period = stats_period(since, until, bucket_ms, now_ms=self._clock.now_ms())
        jobs = await self.store.get_stats(run_filter(status, job_name, labels), period)
        return Stats(
            since=from_ms(period.since_ms),
            until=from_ms(period.until_ms),
            bucket_ms=period.bucket_ms,
            jobs=jobs,
        )

    async def wait_for_run(
        self,
        run_id: str,
        *,
        timeout_ms: int | None = None,
        polling_interval_ms: int | None = None,
        on_progress: OnProgress | None = None,
        on_log: OnLog | None = None,
    ) -> Run:
        """The run, once it has completed, wherever it executes.

        What ends in this process is heard at once, the rest within ``polling_interval_ms`` (that of the
        engine by default). ``on_progress(progress)`` and ``on_log(event)`` are called with what happens
        meanwhile in this process.

        Raises ``RunFailedError``, ``CancelledError``, ``NotFoundError`` when the run does not exist or is
        deleted, and ``WaitTimeoutError`` (a ``TimeoutError``) after ``timeout_ms``; the run goes on then.
        In a job: ``ConflictError`` when the run can't begin before the job has ended.
        """
        return await self.waiting.wait_for_run(
            run_id,
            timeout_ms=timeout_ms,
            polling_interval_ms=polling_interval_ms,
            on_progress=on_progress,
            on_log=on_log,
        )

    def subscribe(self, run_id: str, *, after: int | None = None) -> AsyncIterator[RunEvent]:
        """What happens to a run, wherever it executes, up to its end.

        Begins with where the run is: an event that tells it is leased, its progress, or its end. With
        ``after``, the ``sequence`` of an event seen before, it goes on from there, and neither misses nor
        repeats one. Events come from the log, in its order, when they are on disk.

        Iterating raises ``NotFoundError`` for an unknown run, and ``EventsGoneError`` when the log does not
        reach back to ``after``.
        """
        return self.waiting.subscribe(run_id, after=after)

    async def query(
        self,
        sql: str,
        parameters: Sequence[Any] | Mapping[str, Any] = (),
        *,
        limit: int = 1000,
        timeout_ms: int = 5000,
    ) -> QueryResult:
        """What one SELECT finds in the engine's database, in its own tables or in yours.

        At most ``limit`` rows; ``truncated`` says whether there are more. Raises ``ValidationError`` for a
        query that would write, fails, or takes longer than ``timeout_ms``; nothing else is read or written
        meanwhile.
        """
        if not isinstance(sql, str) or not sql.strip():
            raise ValidationError(f"A query is a text, not {sql!r}.")
        check_count("limit", limit, least=0)
        check_ms("timeout_ms", timeout_ms)
        return await self.store.query(sql, parameters, limit=limit, timeout_ms=timeout_ms)

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
        await uninterrupted(self._cancel(run_id))

    async def _cancel(self, run_id: str) -> None:
        if self._executor.is_in_transaction(run_id):
            # It has the store's only thread: nothing can be written before it has stopped. Its own last
            # write comes after the one below, which is queued before the loop turns.
            self._executor.stop_run(run_id, CancelledError())
        else:
            # What the code told before the cancellation stands before it in the log, too.
            await self._executor.flush_notes(run_id)
        self._bus.emit(await self.store.cancel_run(run_id, keep_steps=self._options.preserve_steps))
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
        try:
            job.load_input(run.input)
        except ValidationError as error:
            raise ValidationError(
                f"The run {run_id} can't be retriggered with its old input. {error.message}", error.issues
            ) from error
        again = NewRun(
            id=self._new_id(),
            job_name=run.job_name,
            input=to_json(run.input, inf_nan_mode="constants").decode(),
            labels=run.labels,
            concurrency_key=run.concurrency_key,
            retriggered_from=run.id,
        )
        return (await uninterrupted(self._enqueue([again])))[0].run

    async def delete_run(self, run_id: str) -> None:
        """Delete a run that has ended, with its steps and logs.

        Raises ``NotFoundError``, or ``ConflictError`` for a run that has not ended.
        """
        await uninterrupted(self._delete_run(run_id))

    async def _delete_run(self, run_id: str) -> None:
        self._bus.emit(await self.store.delete_run(run_id))

    async def purge_runs(self, *, older_than: datetime, limit: int = 500) -> int:
        """Delete at most ``limit`` runs that ended before ``older_than``, those that ended first.

        Returns how many. Raises ``ValidationError`` for a datetime without a time zone.
        """
        before_ms = moment_ms("older_than", older_than)
        check_count("limit", limit, least=0)
        return await uninterrupted(self._purge(before_ms, limit))

    async def _purge(self, before_ms: int, limit: int) -> int:
        deleted = await self.store.purge_runs(before_ms=before_ms, limit=limit)
        self._bus.emit_all(deleted)
        return len(deleted)


def create_durably(
    *,
    database: str | Store,
    jobs: Mapping[str, Job[Any, Any]] | None = None,
    polling_interval_ms: int = 1000,
    lease_ms: int = 30_000,
    lease_renew_interval_ms: int = 5000,
    maintenance_interval_ms: int = 60_000,
    max_concurrent_runs: int = 1,
    max_attempts: int = 10,
    preserve_steps: bool = False,
    retain_runs: str | None = None,
    retain_events: int = 10_000,
    labels: type[BaseModel] | None = None,
    idempotency_mismatch: Literal["ignore", "error"] = "ignore",
    exclusive: bool = False,
    build: str | None = None,
    clock: Clock | None = None,
    new_id: NewId | None = None,
    rng: random.Random | None = None,
) -> Durably:
    """Make an engine. Opens nothing yet: ``await durably.init()`` does.

    ``database``: a path, a ``sqlite:`` or ``postgresql:`` URL, or a store.
    ``jobs``: the jobs under the names by which they are reached; ``register`` adds more.
    ``polling_interval_ms``: how often to look for what other processes did; this process needs no look.
    ``lease_ms``, ``lease_renew_interval_ms``: after how long without renewal a worker counts as dead.
    ``maintenance_interval_ms``: see ``Durably.maintain``.
    ``max_concurrent_runs``: slots, 1 to 1000.
    ``max_attempts``: a run begun so often without finishing a step, as its worker died, ends as failed.
    ``preserve_steps``: keep the steps of runs that have ended.
    ``retain_runs``: delete runs that ended longer ago, as ``"30d"``, ``"12h"``, ``"90m"``; None: keep them.
    ``retain_events``: how many of the newest events the log keeps.
    ``labels``: a pydantic model that the labels of each trigger must fit; its defaults apply.
    ``idempotency_mismatch``: ``"error"`` refuses a known idempotency key with another input
    (``ConflictError``); ``"ignore"`` answers with the run that is there.
    ``exclusive``: no other process has the database open, so leases found in it are taken over at once.
    ``build``: a name of the application's version, as a Git commit: each step says which one executed it.
    ``clock``, ``new_id`` and ``rng`` are for simulations.

    Raises ``ValidationError`` for an option that can't work.
    """
    options = Options(
        polling_interval_ms=polling_interval_ms,
        lease_ms=lease_ms,
        lease_renew_interval_ms=lease_renew_interval_ms,
        maintenance_interval_ms=maintenance_interval_ms,
        max_concurrent_runs=max_concurrent_runs,
        max_attempts=max_attempts,
        preserve_steps=preserve_steps,
        retain_runs=retain_runs,
        retain_events=retain_events,
        labels=labels,
        idempotency_mismatch=idempotency_mismatch,
        exclusive=exclusive,
        build=build,
    )
    if isinstance(database, str):
        database = open_store(database, exclusive=exclusive, clock=clock)
    clock = clock or database.clock
    durably = Durably(
        database,
        options,
        clock=clock,
        new_id=new_id or IdFactory(clock),
        rng=rng or random.Random(),  # noqa: S311 - jitter
    )
    return durably.register(jobs or {})
