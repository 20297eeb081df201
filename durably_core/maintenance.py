"""What has to be done now and then, however busy the worker is: on a timer of its own."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextvars import Context
from dataclasses import dataclass
from typing import Any

from durably_core import events
from durably_core.blocking import uninterrupted
from durably_core.clock import Clock
from durably_core.commands import RETAIN_COMMANDS_MS
from durably_core.errors import StorageError
from durably_core.events import EventBus
from durably_core.store.base import Store

PURGE_LIMIT = 100
"""Runs per transaction: the worker's writes come in between."""

PRUNE_LIMIT = 5000
"""Events per transaction."""

SHRINK_LIMIT = 250
"""Pages per transaction."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MaintenanceOptions:
    interval_ms: int
    retain_runs_ms: int | None
    """Runs that ended longer ago are deleted; None: never."""
    retain_events: int
    """So many of the newest events are kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chore:
    """What a plugin wants done now and then, on a timer of its own."""

    name: str
    interval_ms: int
    work: Callable[[], Awaitable[object]]


class Maintenance:
    """Deletes what is too old, gives back what that leaves, and tells of runs that no one here can execute."""

    def __init__(
        self,
        store: Store,
        bus: EventBus,
        clock: Clock,
        job_names: Callable[[], Sequence[str]],
        options: MaintenanceOptions,
    ) -> None:
        self._store = store
        self._bus = bus
        self._clock = clock
        self._job_names = job_names
        self._options = options
        self._unknown: dict[str, int] = {}
        self._done_at: int | None = None
        self._chores: list[Chore] = []
        self._tasks: list[asyncio.Task[None]] = []

    def add(self, chore: Chore) -> None:
        """Begins at once when all else has begun."""
        self._chores.append(chore)
        if self._is_running:
            self._begin(self._repeat(chore))

    def start(self) -> None:
        """Starting twice is starting once."""
        if not self._is_running:
            self._tasks = []
            self._begin(self._loop())
            for chore in self._chores:
                self._begin(self._repeat(chore))

    async def stop(self) -> None:
        """Returns when what is under way has ended."""
        tasks, self._tasks = [task for task in self._tasks if not task.done()], []
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    @property
    def _is_running(self) -> bool:
        return any(not task.done() for task in self._tasks)

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        self._tasks.append(asyncio.create_task(work, context=Context()))

    async def run(self) -> None:
        """Do all of it once. What fails is told as ``worker:error`` and tried again the next time."""
        self._done_at = self._clock.now_ms()
        await self._do("retention", self._purge)
        await self._do("event-retention", self._prune)
        await self._do("idempotency-keys", self._store.delete_expired_keys)
        await self._do("commands", self._forget_commands)
        await self._do("unknown-jobs", self._tell_unknown_jobs)
        await self._do("free-pages", self._shrink)
        await self._do("wal-checkpoint", self._store.checkpoint)
        for chore in self._chores:
            await self._do(chore.name, chore.work)

    async def run_if_due(self) -> None:
        """The same, unless it was done within the interval."""
        if self._done_at is None or self._clock.now_ms() - self._done_at >= self._options.interval_ms:
            await self.run()

    async def _loop(self) -> None:
        # Soon, for those who never stay for a whole interval; not at once, when there is a first job to do.
        await asyncio.sleep(self._options.interval_ms / 10_000)
        while True:
            await self.run()
            await asyncio.sleep(self._options.interval_ms / 1000)

    async def _repeat(self, chore: Chore) -> None:
        while True:
            await self._do(chore.name, chore.work)
            await asyncio.sleep(chore.interval_ms / 1000)

    async def _do(self, context: str, work: Callable[[], Awaitable[object]]) -> None:
        try:
            await work()
        except Exception as error:  # noqa: BLE001 - the other parts must be done all the same
            if not isinstance(error, StorageError):
                error = StorageError(f"{type(error).__name__}: {error}")
            self._bus.emit(events.WorkerError(code=error.code, error=error.message, context=context))

    async def _purge(self) -> None:
        if self._options.retain_runs_ms is None:
            return
        before_ms = self._clock.now_ms() - self._options.retain_runs_ms
        purged = PURGE_LIMIT
        while purged:
            purged = await uninterrupted(self._purge_some(before_ms))
            await asyncio.sleep(0)

    async def _purge_some(self, before_ms: int) -> int:
        deleted = await self._store.purge_runs(before_ms=before_ms, limit=PURGE_LIMIT)
        self._bus.emit_all(deleted)
        return len(deleted)

    async def _prune(self) -> None:
        pruned = PRUNE_LIMIT
        while pruned:
            pruned = await self._store.prune_events(keep=self._options.retain_events, limit=PRUNE_LIMIT)
            await asyncio.sleep(0)

    async def _forget_commands(self) -> int:
        return await self._store.delete_old_commands(before_ms=self._clock.now_ms() - RETAIN_COMMANDS_MS)

    async def _shrink(self) -> None:
        given_back = SHRINK_LIMIT
        while given_back:
            given_back = await self._store.shrink(limit=SHRINK_LIMIT)
            await asyncio.sleep(0)

    async def _tell_unknown_jobs(self) -> None:
        unknown = await self._store.count_unknown_jobs(self._job_names())
        for job_name, waiting in unknown.items():
            if self._unknown.get(job_name) != waiting:
                self._bus.emit(events.WorkerUnknownJob(job_name=job_name, waiting=waiting))
        self._unknown = unknown
