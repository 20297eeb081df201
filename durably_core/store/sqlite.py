"""The SQLite store, for servers and for the browser."""

import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Concatenate, ParamSpec, TypeVar

from durably_core.blocking import OwnThread
from durably_core.clock import Clock, SystemClock
from durably_core.errors import ConflictError, NotFoundError, StorageError, StorageFullError
from durably_core.models import LogEntry, Run, Step
from durably_core.store.base import (
    Claimed,
    ClaimRequest,
    Ended,
    Ending,
    Enqueued,
    Lease,
    LeaseState,
    NewRun,
    NewStep,
    Notes,
    RunFilter,
)
from durably_core.store.sql import migrations, queries

MINIMUM_SQLITE = (3, 38, 0)

P = ParamSpec("P")
T = TypeVar("T")

Connect = Callable[[], sqlite3.Connection]


class SQLiteStore:
    """One connection with a thread of its own, so that the event loop never waits for the disk.

    ``exclusive``: this process is the only one that has the file open, for as long as the store
    lives. WAL then needs no shared memory, which is what makes it work in the browser.
    """

    def __init__(self, path: str, *, exclusive: bool = False, clock: Clock | None = None) -> None:
        if sqlite3.sqlite_version_info < MINIMUM_SQLITE:
            needed = ".".join(map(str, MINIMUM_SQLITE))
            raise StorageError(f"SQLite {needed} or newer is needed; this Python has {sqlite3.sqlite_version}.")
        self._path = path
        self._exclusive = exclusive
        self._clock = clock or SystemClock()
        self._queries = queries("sqlite")
        self._thread = OwnThread("durably-sqlite")
        self._connection: sqlite3.Connection | None = None

    # ------------------------------------------------------------------ schema

    async def migrate(self) -> None:
        await self._write(SQLiteStore._migrate)

    async def close(self) -> None:
        if not self._thread.closed:
            await self._thread.call(self._close)
            self._thread.close()

    # ------------------------------------------------------------------ life of a run

    async def enqueue(self, run: NewRun) -> Enqueued:
        return await self._write(SQLiteStore._enqueue, run)

    async def claim(self, request: ClaimRequest) -> Claimed | None:
        return await self._write(SQLiteStore._claim, request)

    async def expire_leases(self) -> None:
        await self._write(SQLiteStore._expire_leases)

    async def renew_lease(self, lease: Lease) -> LeaseState:
        return await self._write(SQLiteStore._renew_lease, lease)

    async def save_step(self, lease: Lease, step: NewStep, notes: Notes) -> LeaseState:
        return await self._write(SQLiteStore._save, lease, step, notes)

    async def save_notes(self, lease: Lease, notes: Notes) -> LeaseState:
        return await self._write(SQLiteStore._save, lease, None, notes)

    async def end_run(
        self, lease: Lease, ending: Ending, notes: Notes, then_claim: ClaimRequest | None
    ) -> Ended:
        return await self._write(SQLiteStore._end_run, lease, ending, notes, then_claim)

    async def cancel_run(self, run_id: str, *, keep_steps: bool) -> Run:
        return await self._write(SQLiteStore._cancel_run, run_id, keep_steps)

    async def delete_run(self, run_id: str) -> Run:
        return await self._write(SQLiteStore._delete_run, run_id)

    # ------------------------------------------------------------------ reading

    async def get_run(self, run_id: str) -> Run | None:
        return await self._read(SQLiteStore._get_run, run_id)

    async def get_runs(self, filter: RunFilter) -> list[Run]:
        return await self._read(SQLiteStore._get_runs, filter)

    async def get_steps(self, run_id: str) -> list[Step]:
        rows = await self._read(SQLiteStore._all, "get_steps", {"run_id": run_id})
        return [Step.from_row(row) for row in rows]

    async def get_logs(self, run_id: str) -> list[LogEntry]:
        rows = await self._read(SQLiteStore._all, "get_logs", {"run_id": run_id})
        return [LogEntry.from_row(row) for row in rows]

    # ================================================================== on the store's own thread

    async def _read(
        self, method: Callable[Concatenate["SQLiteStore", P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        return await self._thread.call(lambda: self._mapped(method, *args, **kwargs))

    async def _write(
        self, method: Callable[Concatenate["SQLiteStore", P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        return await self._thread.call(lambda: self._mapped(SQLiteStore._transaction, method, *args, **kwargs))

    def _mapped(self, method: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        try:
            return method(self, *args, **kwargs)
        except sqlite3.Error as error:
            raise _storage_error(error) from error

    def _transaction(self, method: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        connection = self._open()
        connection.execute("BEGIN IMMEDIATE")
        try:
            result = method(self, *args, **kwargs)
            # A crash before this line leaves nothing of the transaction, after it everything.
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        return result

    def _open(self) -> sqlite3.Connection:
        if self._connection is not None:
            return self._connection
        connection = sqlite3.connect(
            self._path, isolation_level=None, check_same_thread=False, cached_statements=128
        )
        connection.row_factory = sqlite3.Row
        try:
            if self._exclusive:
                connection.execute("PRAGMA locking_mode = EXCLUSIVE")
            mode = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
            if mode not in ("wal", "memory"):
                raise StorageError(f"{self._path} can't be opened in WAL mode (it stays in {mode!r} mode).")
            for pragma in (
                "synchronous = FULL",
                "busy_timeout = 10000",
                "foreign_keys = ON",
                "temp_store = MEMORY",
                "cache_size = -8192",
                "journal_size_limit = 4194304",
            ):
                connection.execute(f"PRAGMA {pragma}")
        except BaseException:
            connection.close()
            raise
        self._connection = connection
        return connection

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _execute(self, query: str, parameters: Mapping[str, Any]) -> sqlite3.Cursor:
        return self._open().execute(self._queries[query], parameters)

    def _all(self, query: str, parameters: Mapping[str, Any]) -> list[sqlite3.Row]:
        return self._execute(query, parameters).fetchall()

    def _one(self, query: str, parameters: Mapping[str, Any]) -> sqlite3.Row | None:
        row: sqlite3.Row | None = self._execute(query, parameters).fetchone()
        return row

    # ------------------------------------------------------------------ transactions

    def _migrate(self) -> None:
        connection = self._open()
        connection.execute(
            "CREATE TABLE IF NOT EXISTS durably_schema_versions"
            " (version INTEGER NOT NULL PRIMARY KEY, checksum TEXT NOT NULL, applied_at INTEGER NOT NULL)"
        )
        rows = connection.execute("SELECT version, checksum FROM durably_schema_versions").fetchall()
        applied = {row["version"]: row["checksum"] for row in rows}
        known = migrations("sqlite")
        newest = max(applied, default=0)
        if newest > len(known):
            raise StorageError(
                f"The database has schema version {newest}, this code knows versions up to {len(known)}: "
                "update Durably, or open the database with the version that wrote it."
            )
        for migration in known:
            recorded = applied.get(migration.version)
            if recorded is None:
                for statement in _statements(migration.text):
                    connection.execute(statement)
                connection.execute(
                    "INSERT INTO durably_schema_versions (version, checksum, applied_at) VALUES (?, ?, ?)",
                    (migration.version, migration.checksum, self._clock.now_ms()),
                )
            elif recorded != migration.checksum:
                raise StorageError(
                    f"Schema version {migration.version} of the database is not the one this code knows: "
                    "it was written by a development version. Export the data, or delete the database."
                )

    def _enqueue(self, new: NewRun) -> Enqueued:
        keys = {"job_name": new.job_name, "idempotency_key": new.idempotency_key}
        if new.idempotency_key is not None and (row := self._one("find_idempotent", keys)):
            return Enqueued(run=self._must_get(row["id"]), disposition="idempotent")
        columns = {
            **keys,
            "id": new.id,
            "labels": json.dumps(new.labels),
            "concurrency_key": new.concurrency_key,
            "input": new.input,
            "now": self._clock.now_ms(),
        }
        try:
            row = self._one("insert_run", columns)
        except sqlite3.IntegrityError as error:
            if "concurrency_key" not in str(error):
                raise
            raise ConflictError(
                f"A run of {new.job_name!r} with the concurrency key "
                f"{new.concurrency_key!r} is already waiting."
            ) from error
        self._execute("insert_payload", {"id": new.id, "input": new.input})
        for key, value in new.labels.items():
            self._execute("insert_label", {"run_id": new.id, "key": key, "value": value})
        assert row is not None
        return Enqueued(run=Run.from_row(row), disposition="created")

    def _claim(self, request: ClaimRequest) -> Claimed | None:
        row = self._one(
            "claim",
            {
                "worker_id": request.worker_id,
                "job_names": json.dumps(request.job_names),
                "lease_ms": request.lease_ms,
                "now": self._clock.now_ms(),
            },
        )
        if row is None:
            return None
        run = Run.from_row(row)
        # A first attempt has no checkpoints: nothing to look for.
        rows = self._all("get_checkpoints", {"run_id": run.id}) if run.attempt > 1 else []
        return Claimed(run=run, checkpoints={row["name"]: row["output"] for row in rows})

    def _expire_leases(self) -> None:
        self._execute("expire_leases", {"now": self._clock.now_ms()})

    def _renew_lease(self, lease: Lease) -> LeaseState:
        row = self._one("renew_lease", self._guard(lease))
        if row is None:
            return "lost"
        return "held" if row["status"] == "leased" else "cancelled"

    def _save(self, lease: Lease, step: NewStep | None, notes: Notes) -> LeaseState:
        completed = step is not None and step.status == "completed"
        guard = self._guard(lease) | {
            "step_index": step.index + 1 if step is not None and completed else 0,
            "completed_steps": int(completed),
            "progress": notes.progress,
        }
        if self._execute("save_notes", guard).rowcount == 0:
            return self._why_refused(lease)
        if step is not None:
            self._insert_step(lease.run_id, step, guard["now"])
        self._insert_logs(lease.run_id, notes)
        return "held"

    def _end_run(self, lease: Lease, ending: Ending, notes: Notes, then_claim: ClaimRequest | None) -> Ended:
        won = self._end(lease, ending, notes)
        return Ended(won=won, next=None if then_claim is None else self._claim(then_claim))

    def _end(self, lease: Lease, ending: Ending, notes: Notes) -> bool:
        guard = self._guard(lease)
        if ending.status == "cancelled":
            ended = self._execute("release_run", guard)
        else:
            outcome = {"status": ending.status, "failed_step_name": ending.failed_step_name}
            ended = self._execute(
                "finish_run", guard | outcome | _error_columns(ending) | {"progress": notes.progress}
            )
        if ended.rowcount == 0:
            return False
        if ending.output is not None:
            self._execute("save_output", {"run_id": lease.run_id, "output": ending.output})
        if ending.keep_steps and ending.status != "cancelled":
            self._insert_logs(lease.run_id, notes)
        elif not ending.keep_steps:
            self._delete_details(lease.run_id)
        return True

    def _cancel_run(self, run_id: str, keep_steps: bool) -> Run:
        row = self._one("cancel_run", {"run_id": run_id, "now": self._clock.now_ms()})
        run = self._must_get(run_id)
        if row is None:
            raise ConflictError(f"The run {run_id} can't be cancelled: it is {run.status}.")
        # Its code may still run, but writes nothing any more; and if it is dead, no one comes to tidy up.
        if not keep_steps:
            self._delete_details(run_id)
        return run

    def _delete_run(self, run_id: str) -> Run:
        run = self._must_get(run_id)
        if self._execute("delete_run", {"run_id": run_id, "now": self._clock.now_ms()}).rowcount == 0:
            state = run.status if not run.is_terminal else "cancelled, but its code has not stopped yet"
            raise ConflictError(f"The run {run_id} can't be deleted: it is {state}.")
        self._delete_details(run_id)
        return run

    # ------------------------------------------------------------------ parts of transactions

    def _guard(self, lease: Lease) -> dict[str, Any]:
        return {
            "run_id": lease.run_id,
            "generation": lease.generation,
            "lease_ms": lease.lease_ms,
            "now": self._clock.now_ms(),
        }

    def _why_refused(self, lease: Lease) -> LeaseState:
        row = self._one("get_run_status", {"run_id": lease.run_id})
        mine = row is not None and row["lease_generation"] == lease.generation
        return "cancelled" if row is not None and mine and row["status"] == "cancelled" else "lost"

    def _insert_step(self, run_id: str, step: NewStep, now: int) -> None:
        self._execute(
            "insert_step",
            {
                "run_id": run_id,
                "name": step.name,
                "step_index": step.index,
                "status": step.status,
                "output": step.output,
                "started_at": step.started_at,
                "now": now,
            }
            | _error_columns(step),
        )

    def _insert_logs(self, run_id: str, notes: Notes) -> None:
        for log in notes.logs:
            self._execute(
                "insert_log",
                {
                    "run_id": run_id,
                    "id": log.id,
                    "step_name": log.step_name,
                    "level": log.level,
                    "message": log.message,
                    "data": log.data,
                    "created_at": log.created_at,
                },
            )

    def _delete_details(self, run_id: str) -> None:
        for query in ("delete_steps", "delete_logs"):
            self._execute(query, {"run_id": run_id})

    def _get_run(self, run_id: str) -> Run | None:
        row = self._one("get_run", {"run_id": run_id})
        return None if row is None else Run.from_row(row)

    def _must_get(self, run_id: str) -> Run:
        run = self._get_run(run_id)
        if run is None:
            raise NotFoundError(f"There is no run {run_id}.")
        return run

    def _get_runs(self, filter: RunFilter) -> list[Run]:
        rows = self._all(
            "get_run_summaries" if filter.summary else "get_runs",
            {
                "job_names": None if filter.job_names is None else json.dumps(filter.job_names),
                "statuses": None if filter.statuses is None else json.dumps(filter.statuses),
                "limit": -1 if filter.limit is None else filter.limit,
                "offset": filter.offset,
            },
        )
        return [Run.from_row(row) for row in rows]


def _error_columns(ended: NewStep | Ending) -> dict[str, str | None]:
    error = ended.error
    if error is None:
        return {"error": None, "error_type": None, "error_traceback": None}
    return {"error": error.message, "error_type": error.type, "error_traceback": error.traceback}


def _statements(script: str) -> Iterator[str]:
    """The statements of a script, one by one: ``executescript`` would commit the open transaction."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


def _storage_error(error: sqlite3.Error) -> StorageError:
    code = getattr(error, "sqlite_errorcode", None)
    if code is not None and code & 0xFF == sqlite3.SQLITE_FULL:
        return StorageFullError()
    name = getattr(error, "sqlite_errorname", type(error).__name__)
    return StorageError(f"The database could not be read or written: {error} ({name}).")
