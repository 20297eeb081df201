"""The SQLite store, for servers and for the browser."""

import asyncio
import json
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic_core import from_json, to_json

from durably_core import events
from durably_core.blocking import HAS_THREADS, OwnThread
from durably_core.clock import Clock, SystemClock
from durably_core.commands import AlreadyDoneError, current_recording
from durably_core.errors import EventsGoneError, StorageError, StorageFullError, ValidationError
from durably_core.events import RunEvent
from durably_core.models import LogEntry, Run, RunStatus, Step
from durably_core.store.base import (
    Claim,
    ClaimRequest,
    Ended,
    Ending,
    Enqueued,
    KnownCommand,
    Lease,
    LeaseState,
    NewRun,
    NewStep,
    Notes,
    Page,
    QueryResult,
    RunFilter,
    StepWork,
)
from durably_core.store.sqlite.database import Database
from durably_core.store.sqlite.guests import GuestError
from durably_core.store.sqlite.transitions import Transitions
from durably_core.store.sqlite.watch import Watch
from durably_core.store.sqlite.writes import Write, Writes

T = TypeVar("T")

IN_MEMORY = frozenset({"", ":memory:"})


class SQLiteStore:
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
        self.path = path
        self._database = Database(
            path, exclusive=exclusive, reserve_bytes=reserve_bytes, clock=clock or SystemClock()
        )
        self._transitions = Transitions(self._database)
        self._writes = Writes(together=self._commit_together, alone=self._commit_alone)
        self._thread = OwnThread("durably-sqlite")
        log = None if exclusive or path in IN_MEMORY else Path(f"{path}-wal")
        self._watch = Watch(log, lambda: self._read(self._database.data_version))

    async def migrate(self) -> None:
        await self._write_at_any_rate(self._database.migrate)

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

    # ------------------------------------------------------------------ transitions

    async def enqueue(self, runs: Sequence[NewRun]) -> list[Enqueued]:
        return await self._write(self._recorded(lambda: self._transitions.enqueue(runs)))

    async def claim(self, request: ClaimRequest) -> Claim:
        return await self._write(lambda: self._transitions.claim(request))

    async def expire_leases(self, request: ClaimRequest) -> tuple[RunEvent, ...]:
        return await self._write_at_any_rate(lambda: self._transitions.expire_leases(request))

    async def renew_lease(self, lease: Lease) -> LeaseState:
        return await self._write_at_any_rate(lambda: self._transitions.renew_lease(lease))

    async def get_lease_state(self, lease: Lease) -> LeaseState:
        return await self._read(lambda: self._transitions.lease_state(lease))

    async def save_step(self, lease: Lease, step: NewStep, notes: Notes) -> LeaseState:
        return await self._write(lambda: self._transitions.save(lease, step, notes))

    async def run_transaction(
        self, lease: Lease, index: int, work: StepWork, notes: Notes, is_to_stop: Callable[[], bool]
    ) -> LeaseState:
        def run() -> LeaseState:
            return self._transitions.run_transaction(lease, index, work, notes, is_to_stop)

        try:
            # Not a second time: what a step did in a transaction that was rolled back, it has seen as done.
            return await self._call(lambda: self._commit(run, when_full=None))
        except GuestError as raised:
            raise raised.error from None

    async def save_notes(self, lease: Lease, notes: Notes) -> LeaseState:
        return await self._write(lambda: self._transitions.save(lease, None, notes))

    async def end_run(
        self, lease: Lease, ending: Ending, notes: Notes, then_claim: ClaimRequest | None
    ) -> Ended:
        def end(then_claim: ClaimRequest | None) -> Ended:
            return self._transitions.end_run(lease, ending, notes, then_claim)

        # In a full storage the run is ended, and no other is begun.
        return await self._write_at_any_rate(lambda: end(then_claim), lambda: end(None))

    async def cancel_run(self, run_id: str, *, keep_steps: bool) -> RunEvent:
        return await self._write_at_any_rate(
            self._recorded(lambda: self._transitions.cancel_run(run_id, keep_steps))
        )

    async def delete_run(self, run_id: str) -> RunEvent:
        return await self._write_at_any_rate(self._recorded(lambda: self._transitions.delete_run(run_id)))

    async def purge_runs(self, *, before_ms: int, limit: int) -> tuple[RunEvent, ...]:
        return await self._write_at_any_rate(
            self._recorded(lambda: self._transitions.purge_runs(before_ms, limit))
        )

    def _recorded(self, work: Callable[[], T]) -> Callable[[], T]:
        """The same in a transaction with the answer to the command that asks for it, if one does."""
        recording = current_recording()
        if recording is None:
            return work

        def recorded() -> T:
            # In here: of two that were sent for the same command, both may have found nothing before.
            if (known := self._database.one("get_command", {"id": recording.id})) is not None:
                raise AlreadyDoneError(from_json(known["answer"]))
            result = work()
            answer = to_json(recording.answer(result)).decode()
            row = {"id": recording.id, "answer": answer, "now": self._database.now_ms()}
            self._database.execute("insert_command", row)
            recording.is_written = True
            return result

        return recorded

    # ------------------------------------------------------------------ reading

    async def get_run(self, run_id: str) -> Run | None:
        row = await self._read(lambda: self._database.one("get_run", {"run_id": run_id}))
        return None if row is None else Run.from_row(row)

    async def get_run_and_newest_event(self, run_id: str) -> tuple[Run, int] | None:
        row = await self._read(lambda: self._database.one("get_run_and_newest_event", {"run_id": run_id}))
        return None if row is None else (Run.from_row(row), row["newest_event"])

    async def get_runs(self, filter: RunFilter, page: Page) -> list[Run]:
        parameters = _parameters(filter) | {
            "limit": -1 if page.limit is None else page.limit,
            "offset": page.offset,
            "cursor": page.cursor,
        }
        query = "get_run_summaries" if page.summary else "get_runs"
        rows = await self._read(lambda: self._database.all(query, parameters))
        return [Run.from_row(row) for row in rows]

    async def count_runs(self, filter: RunFilter) -> dict[RunStatus, int]:
        rows = await self._read(lambda: self._database.all("count_runs", _parameters(filter)))
        return {row["status"]: row["runs"] for row in rows}

    async def count_unknown_jobs(self, job_names: Sequence[str]) -> dict[str, int]:
        parameters = {"job_names": json.dumps(job_names)}
        rows = await self._read(lambda: self._database.all("count_unknown_jobs", parameters))
        return {row["job_name"]: row["runs"] for row in rows}

    async def get_steps(self, run_id: str) -> list[Step]:
        rows = await self._read(lambda: self._database.all("get_steps", {"run_id": run_id}))
        return [Step.from_row(row) for row in rows]

    async def get_logs(self, run_id: str) -> list[LogEntry]:
        rows = await self._read(lambda: self._database.all("get_logs", {"run_id": run_id}))
        return [LogEntry.from_row(row) for row in rows]

    async def get_events(
        self, *, after: int | None, run_id: str | None, types: Sequence[str] | None, limit: int
    ) -> list[RunEvent]:
        parameters = {
            "after": 0 if after is None else after,
            "run_id": run_id,
            "types": None if types is None else json.dumps(types),
            "limit": limit,
        }
        rows = await self._read(lambda: self._database.all("get_events", parameters))
        oldest, newest = rows[0]["oldest"], rows[0]["newest"]
        if after is not None and not oldest - 1 <= after <= newest:
            raise EventsGoneError(
                f"There is nothing to go on with after event {after}: the log holds {oldest} to {newest}. "
                f"Read the runs anew, and go on from {newest}."
            )
        return [events.from_row(row) for row in rows if row["sequence"] is not None]

    async def find_changed(self, *, after: int) -> tuple[int, set[str] | None]:
        rows = await self._read(lambda: self._database.all("find_changed", {"after": after}))
        oldest, newest = rows[0]["oldest"], rows[0]["newest"]
        if not oldest - 1 <= after <= newest:
            return newest, None
        return newest, {row["run_id"] for row in rows if row["run_id"] is not None}

    async def get_newest_event(self) -> int:
        row = await self._read(lambda: self._database.one("get_newest_event", {}))
        assert row is not None
        return int(row["newest"])

    async def query(self, sql: str, parameters: Any, *, limit: int, timeout_ms: int) -> QueryResult:
        given_up = threading.Event()

        def work() -> QueryResult:
            return self._database.query(sql, parameters, limit, timeout_ms, given_up.is_set)

        return await self._call(lambda: self._database.read(work), given_up.set)

    async def get_command(self, command_id: str) -> KnownCommand | None:
        row = await self._read(lambda: self._database.one("get_command", {"id": command_id}))
        return None if row is None else KnownCommand(answer=from_json(row["answer"]))

    # ------------------------------------------------------------------ maintenance

    async def delete_old_commands(self, *, before_ms: int) -> int:
        return await self._write_at_any_rate(
            lambda: self._database.execute("delete_old_commands", {"before": before_ms}).rowcount
        )

    async def prune_events(self, *, keep: int, limit: int) -> int:
        parameters = {"keep": keep, "limit": limit}
        return await self._write_at_any_rate(
            lambda: self._database.execute("prune_events", parameters).rowcount
        )

    async def delete_expired_keys(self) -> int:
        parameters = {"now": self._database.now_ms()}
        return await self._write_at_any_rate(
            lambda: self._database.execute("delete_expired_keys", parameters).rowcount
        )

    async def shrink(self, *, limit: int) -> int:
        surplus = await self._read(self._database.surplus_pages)
        if not surplus:
            return 0
        return await self._call(lambda: self._shrink(min(limit, surplus)))

    def _shrink(self, pages: int) -> int:
        try:
            return self._transitions.commit(lambda: self._database.shrink(pages), from_reserve=True)
        except StorageFullError:
            return 0  # no reason to spend the reserve

    async def checkpoint(self) -> bool:
        return await self._read(self._database.checkpoint)

    # ------------------------------------------------------------------ the file

    async def commit_once(self) -> None:
        """Commit a change that changes nothing: who counts flushes sees whether one reaches the disk."""
        await self._write_at_any_rate(self._database.touch)

    async def pack(self) -> None:
        """Bring the file up to date and to its smallest size, for a copy of it."""
        await self._read(self._database.pack)

    # ------------------------------------------------------------------ the way to the store's own thread

    async def _read(self, work: Callable[[], T]) -> T:
        return await self._call(lambda: self._database.read(work))

    async def _write(
        self, work: Callable[[], T], when_full: Callable[[], T] | None = None, *, from_reserve: bool = False
    ) -> T:
        """``work`` may be called more than once, and counts once."""
        self._expect_open()
        write = Write(work, when_full or work, from_reserve)
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

    async def _write_at_any_rate(self, work: Callable[[], T], when_full: Callable[[], T] | None = None) -> T:
        """For what ends runs or gives room back. In a full storage the reserve is spent on it."""
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


def _parameters(filter: RunFilter) -> dict[str, str | None]:
    parts = {"job_names": filter.job_names, "statuses": filter.statuses, "labels": filter.labels}
    return {name: None if part is None else json.dumps(part) for name, part in parts.items()}
