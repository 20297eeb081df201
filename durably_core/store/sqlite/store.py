"""The SQLite store, for servers and for the browser."""

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from durably_core.blocking import HAS_THREADS, OwnThread
from durably_core.clock import Clock, SystemClock
from durably_core.errors import StorageError, StorageFullError, ValidationError
from durably_core.store.base import Lease, LeaseState, Notes, QueryResult, StepWork
from durably_core.store.guests import GuestError
from durably_core.store.sql_store import SQLStore
from durably_core.store.sqlite.database import Database
from durably_core.store.sqlite.transitions import SQLiteTransitions
from durably_core.store.sqlite.watch import Watch
from durably_core.store.sqlite.writes import Write, Writes
from durably_core.store.transitions import RefusedError, Session, Transitions

T = TypeVar("T")

IN_MEMORY = frozenset({"", ":memory:"})


class SQLiteStore(SQLStore):
    """One connection with a thread of its own, so that the event loop never waits for the disk.

    ``exclusive``: this process is the only one that has the file open, for as long as the store
    lives. WAL then needs no shared memory, which is what makes it work in the browser.
    ``reserve_bytes``: room that a file beside the database sets apart. When storage is full it is given
    up, so that runs that execute can still be ended; nothing else is written until there is room again.
    """

    def __init__(
        self, path: str, *, exclusive: bool = False, reserve_bytes: int = 0, clock: Clock | None = None
    ) -> None:
        if reserve_bytes and not exclusive:
            raise ValidationError("A reserve is for a database that no other process has open: exclusive=True.")
        self.path = self.name = path
        self.clock = clock or SystemClock()
        self._database = Database(path, exclusive=exclusive, reserve_bytes=reserve_bytes, clock=self.clock)
        self._transitions = SQLiteTransitions(self._database)
        self._writes = Writes(together=self._commit_together, alone=self._commit_alone)
        self._thread = OwnThread("durably-sqlite")
        log = None if exclusive or path in IN_MEMORY else Path(f"{path}-wal")
        self._watch = Watch(log, lambda: self._look(self._database.data_version))

    async def migrate(self) -> None:
        await self._write_at_any_rate(lambda _: self._database.migrate())

    async def close(self) -> None:
        self._watch.stop()
        if not self._thread.closed:
            closing = self._thread.call(self._database.close)
            # From here on no call may open the file again.
            self._thread.closed = True
            await closing
            self._thread.close()

    def watch(self, changed: Callable[[], None]) -> Callable[[], None]:
        return self._watch.add(changed)

    async def run_transaction(
        self, lease: Lease, work: StepWork, notes: Notes, is_to_stop: Callable[[], bool]
    ) -> LeaseState:
        def run() -> LeaseState:
            return self._transitions.run_transaction(lease, work, notes, is_to_stop)

        try:
            # Not a second time: what a step did in a transaction that was rolled back, it has seen as done.
            return await self._call(lambda: self._commit(run, when_full=None))
        except RefusedError as refused:
            return refused.state
        except GuestError as raised:
            raise raised.error from None

    async def query(self, sql: str, parameters: Any, *, limit: int, timeout_ms: int) -> QueryResult:
        given_up = threading.Event()

        def work() -> QueryResult:
            return self._database.query(sql, parameters, limit, timeout_ms, given_up.is_set)

        return await self._call(lambda: self._database.read(work), given_up.set)

    async def shrink(self, *, limit: int) -> int:
        surplus = await self._look(self._database.surplus_pages)
        if not surplus:
            return 0
        return await self._call(lambda: self._shrink(min(limit, surplus)))

    def _shrink(self, pages: int) -> int:
        try:
            return self._transitions.commit(lambda: self._database.shrink(pages), from_reserve=True)
        except StorageFullError:
            return 0  # no reason to spend the reserve

    async def checkpoint(self) -> bool:
        return await self._look(self._database.checkpoint)

    # ------------------------------------------------------------------ the file

    async def commit_once(self) -> None:
        """Commit a change that changes nothing: who counts flushes sees whether one reaches the disk."""
        await self._write_at_any_rate(lambda _: self._database.touch())

    async def pack(self) -> None:
        """Bring the file up to date and to its smallest size, for a copy of it."""
        await self._look(self._database.pack)

    # ------------------------------------------------------------------ the way to the store's own thread

    async def _read(self, work: Callable[[Session], T]) -> T:
        return await self._look(lambda: work(self._database))

    async def _look(self, work: Callable[[], T]) -> T:
        return await self._call(lambda: self._database.read(work))

    async def _write(
        self,
        work: Callable[[Transitions], T],
        when_full: Callable[[Transitions], T] | None = None,
        *,
        of_run: str | None = None,
        is_brief: bool = False,
        from_reserve: bool = False,
    ) -> T:
        self._expect_open()
        transitions, full = self._transitions, when_full or work
        write = Write(lambda: work(transitions), lambda: full(transitions), from_reserve)
        self._writes.add(write)
        try:
            if not HAS_THREADS:
                # Those that are ready now write first, and go along: nothing else lets writes come together.
                await asyncio.sleep(0)
                if not write.is_done:
                    self._expect_open()
            return await self._thread.call(lambda: self._writes.carry_out(write))
        finally:
            if not write.is_done:
                self._writes.withdraw(write)

    async def _write_at_any_rate(
        self,
        work: Callable[[Transitions], T],
        when_full: Callable[[Transitions], T] | None = None,
        *,
        of_run: str | None = None,
        is_brief: bool = False,
    ) -> T:
        """The reserve is spent on it."""
        return await self._write(work, when_full, from_reserve=True)

    def _commit_together(self, writes: list[Write[Any]]) -> None:
        if not self._database.reserve.is_whole:
            raise StorageFullError  # some may be written, and others not
        self._transitions.commit_together(writes)

    def _commit_alone(self, write: Write[T]) -> T:
        return self._commit(write.work, write.when_full, from_reserve=write.from_reserve)

    def _commit(
        self, work: Callable[[], T], when_full: Callable[[], T] | None, *, from_reserve: bool = False
    ) -> T:
        """``when_full`` is tried once the database has made what room it can; None: nothing is."""
        try:
            return self._transitions.commit(work, from_reserve=from_reserve)
        except StorageFullError:
            self._database.read(self._database.make_room)
            if when_full is None:
                raise
            return self._transitions.commit(when_full, from_reserve=from_reserve)

    async def _call(self, work: Callable[[], T], told: Callable[[], object] | None = None) -> T:
        """``told`` is called when who waits for it is cancelled."""
        self._expect_open()
        return await self._thread.call(work, told)

    def _expect_open(self) -> None:
        if self._thread.closed:
            raise StorageError("The store is closed.")
