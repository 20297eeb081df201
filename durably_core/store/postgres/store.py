"""The PostgreSQL store, for more than one machine."""

import asyncio
import contextlib
import random
import threading
import time
import zlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager
from typing import Any, TypeVar

import psycopg
from psycopg import Connection
from psycopg.rows import DictRow, dict_row
from psycopg_pool import ConnectionPool, PoolClosed, PoolTimeout

from durably_core.blocking import to_its_end
from durably_core.clock import Clock
from durably_core.errors import DurablyError, StorageError, StorageFullError, ValidationError
from durably_core.events import RunEvent
from durably_core.store.base import (
    Claim,
    ClaimRequest,
    Ended,
    Ending,
    Enqueued,
    Lease,
    LeaseState,
    NewRun,
    NewStep,
    Notes,
    QueryResult,
    StepWork,
    Transaction,
)
from durably_core.store.guests import GuestError
from durably_core.store.postgres.clock import DatabaseClock
from durably_core.store.postgres.guests import is_fault_of_storage, query
from durably_core.store.postgres.schema import migrate
from durably_core.store.postgres.session import (
    REALM_BITS,
    CommitUnknownError,
    NothingChangedError,
    PostgresSession,
)
from durably_core.store.postgres.signals import Signals
from durably_core.store.postgres.together import Outcome, Together, Work
from durably_core.store.postgres.turns import Turns
from durably_core.store.sql_store import SQLStore
from durably_core.store.transitions import RefusedError, Session, Transitions

T = TypeVar("T")

PATIENCE_S = 5.0
"""For so long a database that does not answer is tried again before whoever waits hears of it."""

CONFLICTS = (psycopg.errors.SerializationFailure, psycopg.errors.DeadlockDetected)
"""What PostgreSQL undoes because of another transaction: done again, it passes."""

MOST_CONFLICTS = 20

KEPT_ALIVE = {"connect_timeout": 5, "keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3}
"""A connection that was cut without a word is noticed within half a minute."""


KEPT_ALIVE_BY_SERVER = {"tcp_keepalives_idle": 10, "tcp_keepalives_interval": 5, "tcp_keepalives_count": 3}


class PostgresStore(SQLStore):
    """Several connections, each call on one of them in a thread of its own.

    ``url``: as libpq takes it: ``postgresql://user:password@host:5432/name``, or ``key=value`` pairs.
    ``schema``: where the tables are; it is made when it is not there.
    ``pool_size``: connections at most, beside one that hears of other processes.
    ``clock``: for tests; by default the database's, by which all who share it go.
    """

    def __init__(
        self, url: str, *, schema: str = "public", pool_size: int = 10, clock: Clock | None = None
    ) -> None:
        if pool_size < 1:
            raise ValidationError(f"pool_size must be 1 or more, not {pool_size!r}.")
        self.url = url
        try:
            given = psycopg.conninfo.conninfo_to_dict(url)
        except psycopg.ProgrammingError as error:
            raise ValidationError(
                f"That is no address of a PostgreSQL database ({error}): "
                "it has the form postgresql://user:password@host:5432/name."
            ) from error
        self.name = f"{given.get('dbname', 'the database')} on {given.get('host', 'this machine')}"
        self.schema = schema
        self.clock = clock or DatabaseClock()
        self._realm = (zlib.crc32(schema.encode()) & 0xFFFFF) << REALM_BITS
        self._options: dict[str, Any] = {**KEPT_ALIVE, **given}
        self._pool = ConnectionPool(
            kwargs={**self._options, "autocommit": True, "row_factory": dict_row},
            min_size=1,
            max_size=pool_size,
            configure=self._configure,
            open=False,
            # After so long without one, whoever needs a connection next begins anew, without a long pause.
            reconnect_timeout=PATIENCE_S,
            name="durably",
        )
        self._opening = threading.Lock()
        # There are more threads than connections. Whoever waits for others to give one back waits here, however
        # long their queries take: the pool's own patience is for a server that can't be reached.
        self._permits = threading.BoundedSemaphore(pool_size)
        self._threads = ThreadPoolExecutor(pool_size, "durably-postgres")
        # Steps may keep their connections for long. Renewals, cancels and claims don't wait for them, nor does
        # what such a step waits for itself.
        self._step_threads = (
            self._threads if pool_size == 1 else ThreadPoolExecutor(pool_size - 1, "durably-postgres-step")
        )
        self._signals = Signals(f"durably_{schema}", self._connect, self._signal)
        self._turns = Turns()
        self._together = Together(self._begin_commit)
        self._enqueuing: dict[str, asyncio.Future[None]] = {}
        self._closing = threading.Event()
        self._settled = 0
        self._settling = threading.Lock()

    async def migrate(self) -> None:
        await self._call(lambda: self._tried(lambda connection: migrate(connection, self.schema)))

    async def close(self) -> None:
        if self._closing.is_set():
            return
        self._closing.set()
        await self._signals.close()
        await asyncio.get_running_loop().run_in_executor(None, self._close)

    def _close(self) -> None:
        self._step_threads.shutdown()
        self._threads.shutdown()
        self._pool.close()

    def watch(self, changed: Callable[[], None]) -> Callable[[], None]:
        return self._signals.watch(changed)

    async def enqueue(self, runs: Sequence[NewRun]) -> list[Enqueued]:
        told: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._enqueuing |= dict.fromkeys((run.id for run in runs), told)
        try:
            async with self._turn_with_key(runs):
                return await super().enqueue(runs)
        finally:
            for run in runs:
                self._enqueuing.pop(run.id, None)
            told.set_result(None)

    def _turn_with_key(self, runs: Sequence[NewRun]) -> AbstractAsyncContextManager[None]:
        """Of several triggers that take the place of one another, the last one that was asked for stays."""
        if len(runs) == 1 and runs[0].coalesce is not None:
            return self._turns.of(f"{runs[0].job_name}:{runs[0].concurrency_key}")
        return contextlib.nullcontext()

    async def claim(self, request: ClaimRequest) -> Claim:
        return await self._told_after_trigger(await super().claim(request))

    async def end_run(
        self, lease: Lease, ending: Ending, notes: Notes, then_claim: ClaimRequest | None
    ) -> Ended:
        ended = await super().end_run(lease, ending, notes, then_claim)
        await self._told_after_trigger(ended.claim)
        return ended

    async def _told_after_trigger(self, claim: Claim) -> Claim:
        """A thread may claim what another has just committed: here that it was triggered is told first."""
        if claim.claimed is not None and (told := self._enqueuing.get(claim.claimed.run.id)) is not None:
            await to_its_end(told)
        return claim

    async def run_transaction(
        self, lease: Lease, work: StepWork, notes: Notes, is_to_stop: Callable[[], bool]
    ) -> LeaseState:
        has_begun = False

        def begin(transaction: Transaction) -> tuple[NewStep, RunEvent]:
            nonlocal has_begun
            has_begun = True
            return work(transaction)

        def run(connection: Connection[DictRow]) -> LeaseState:
            transitions = Transitions(self._session(connection, is_pipelined=False))
            return transitions.commit(lambda: transitions.run_transaction(lease, begin, notes, is_to_stop))

        try:
            # What was told before is written before. What comes now need not wait for a step that takes long.
            async with self._turns.of(lease.run_id):
                pass
            # Not a second time: what a step did in a transaction that was rolled back, it has seen as done.
            state = await self._call(
                lambda: self._tried(run, lambda: not has_begun), threads=self._step_threads
            )
        except RefusedError as refused:
            return refused.state
        except GuestError as raised:
            raise raised.error from None
        self._signals.written()
        return state

    async def query(self, sql: str, parameters: Any, *, limit: int, timeout_ms: int) -> QueryResult:
        given_up = threading.Event()

        def work(connection: Connection[DictRow]) -> QueryResult:
            return query(connection, sql, parameters, limit, timeout_ms, given_up.is_set)

        return await self._call(lambda: self._tried(work), given_up.set)

    async def connected(self, work: Callable[[Connection[DictRow]], T]) -> T:
        """What ``work`` returns, called once with a connection, in a thread."""
        return await self._call(lambda: self._tried(work, lambda: False))

    async def shrink(self, *, limit: int) -> int:
        return 0

    async def checkpoint(self) -> bool:
        return True  # so does it this

    def _newest(self, session: Session, **parameters: int) -> tuple[int, int]:
        newest, last = super()._newest(session, realm=self._realm, **parameters)
        # A writer that was slow to take its lock names a lower number than it need. What was settled once is.
        with self._settling:
            self._settled = max(self._settled, newest)
            return self._settled, last

    # ------------------------------------------------------------------ the way to a connection

    async def _read(self, work: Callable[[Session], T]) -> T:
        return await self._call(lambda: self._tried(lambda connection: work(self._session(connection))))

    async def _write(
        self, work: Callable[[Transitions], T], *, of_run: str | None = None, is_brief: bool = False
    ) -> T:
        async with self._turns.of(of_run) if of_run is not None else contextlib.nullcontext():
            if is_brief:
                self._expect_open()
                return await self._together.write(work)
            result, is_news = await self._call(lambda: self._committed(work))
        # A claim that found nothing would wake others, whose claims would wake this one.
        if is_news:
            self._signals.written()
        return result

    def _begin_commit(self, works: Sequence[Work[Any]]) -> asyncio.Future[list[Outcome[Any]]]:
        loop = asyncio.get_running_loop()

        def tell() -> None:
            loop.call_soon_threadsafe(self._signals.written)

        return loop.run_in_executor(self._threads, lambda: self._commit_together(works, tell))

    def _commit_together(self, works: Sequence[Work[Any]], tell: Callable[[], None]) -> list[Outcome[Any]]:
        """All in one transaction; where something is wrong with one of them, each for itself."""

        def all_of_them(transitions: Transitions) -> list[Any]:
            return [work(transitions) for work in works]

        try:
            results, is_news = self._committed(all_of_them)
        except BaseException as error:  # noqa: BLE001 - it is told to whoever waits
            if len(works) == 1 or isinstance(error, StorageError):
                # Of several, each would fail the same way, or what became of them is not known.
                return [Outcome(error=error) for _ in works]
            return [outcome for work in works for outcome in self._commit_together([work], tell)]
        if is_news:
            tell()
        return [Outcome(result) for result in results]

    async def _write_at_any_rate(
        self,
        work: Callable[[Transitions], T],
        when_full: Callable[[Transitions], T] | None = None,
        *,
        of_run: str | None = None,
        is_brief: bool = False,
    ) -> T:
        """There is no reserve: a full disk is the same for all."""
        return await self._write(work, of_run=of_run, is_brief=is_brief)

    def _committed(self, work: Callable[[Transitions], T]) -> tuple[T, bool]:
        """What ``work`` returns, and whether others may want to hear of it."""

        def commit(connection: Connection[DictRow]) -> tuple[T, bool]:
            try:
                return commit_in(self._session(connection, is_confident=True))
            except NothingChangedError:
                return commit_in(self._session(connection))

        def commit_in(session: PostgresSession) -> tuple[T, bool]:
            transitions = Transitions(session)
            return transitions.commit(lambda: work(transitions)), transitions.is_news

        return self._tried(commit)

    def _session(
        self, connection: Connection[DictRow], *, is_pipelined: bool = True, is_confident: bool = False
    ) -> PostgresSession:
        return PostgresSession(
            connection, self.clock, self._realm, is_pipelined=is_pipelined, is_confident=is_confident
        )

    def _tried(
        self, work: Callable[[Connection[DictRow]], T], may_try_again: Callable[[], bool] = lambda: True
    ) -> T:
        """What ``work`` returns, again for as long as it is sure that nothing was done and there is hope."""
        until = time.monotonic() + PATIENCE_S
        failures = 0
        while True:
            try:
                return self._once(work)
            except _UndoneError as undone:
                failures += 1
                is_hopeless = failures >= MOST_CONFLICTS if undone.is_conflict else time.monotonic() > until
                if is_hopeless or self._closing.is_set() or not may_try_again():
                    raise undone.error from undone
                most_s = 0.02 if undone.is_conflict else 0.5
                pause_s = min(0.002 * 2 ** min(failures, 10), most_s)
                self._closing.wait(pause_s * random.uniform(0.5, 1.0))  # noqa: S311 - jitter

    def _once(self, work: Callable[[Connection[DictRow]], T]) -> T:
        """Raises ``_UndoneError`` where nothing was done, for a reason that may pass."""
        self._expect_open()
        try:
            with self._permits, self._opened().connection(timeout=PATIENCE_S) as connection:
                return work(connection)
        except PoolTimeout as error:
            raise StorageError(f"PostgreSQL can't be reached: {error}") from error
        except PoolClosed as error:
            raise StorageError("The store is closed.") from error
        except CommitUnknownError as error:
            raise StorageError(
                f"The connection to PostgreSQL broke during a commit ({error}): it is not known whether that "
                "was written. Look at the run before you try again."
            ) from error
        except psycopg.Error as error:
            explained = _explained(error, self.schema)
            if isinstance(error, CONFLICTS):
                raise _UndoneError(explained, is_conflict=True) from error
            if is_fault_of_storage(error) and not isinstance(error, psycopg.errors.DiskFull):
                raise _UndoneError(explained, is_conflict=False) from error
            raise explained from error

    async def _call(
        self,
        work: Callable[[], T],
        told: Callable[[], object] | None = None,
        *,
        threads: ThreadPoolExecutor | None = None,
    ) -> T:
        self._expect_open()
        loop = asyncio.get_running_loop()
        return await to_its_end(loop.run_in_executor(threads or self._threads, work), told)

    def _expect_open(self) -> None:
        if self._closing.is_set():
            raise StorageError("The store is closed.")

    def _opened(self) -> ConnectionPool[Connection[DictRow]]:
        with self._opening:
            if self._pool.closed and not self._closing.is_set():
                self._pool.open()
        return self._pool

    def _configure(self, connection: Connection[Any]) -> None:
        path = psycopg.sql.SQL("SET search_path TO {}, public").format(psycopg.sql.Identifier(self.schema))
        connection.execute(path)
        # The server's side: a transaction of a machine that was unplugged holds up all who read the log.
        for name, value in KEPT_ALIVE_BY_SERVER.items():
            connection.execute(psycopg.sql.SQL("SET {} = {}").format(psycopg.sql.Identifier(name), value))

    def _connect(self) -> Connection[Any]:
        return psycopg.connect(**self._options, autocommit=True)

    def _signal(self, channel: str, text: str) -> asyncio.Future[None]:
        def send() -> None:
            with self._permits, self._opened().connection(timeout=PATIENCE_S) as connection:
                connection.execute("SELECT pg_notify(%s, %s)", (channel, text))

        return asyncio.get_running_loop().run_in_executor(self._threads, send)


class _UndoneError(Exception):
    """Nothing was done, and it may be tried again."""

    def __init__(self, error: DurablyError, *, is_conflict: bool) -> None:
        super().__init__(error)
        self.error = error
        self.is_conflict = is_conflict


def _explained(error: psycopg.Error, schema: str) -> DurablyError:
    if isinstance(error, psycopg.errors.UndefinedTable | psycopg.errors.UndefinedFunction):
        return StorageError(
            f"The schema {schema!r} of the database has no tables of Durably: call init() or migrate() first."
        )
    if isinstance(error, psycopg.errors.DiskFull):
        return StorageFullError()
    if isinstance(error, psycopg.DataError):
        return ValidationError(f"PostgreSQL can't hold a value: {error}.")
    kind = type(error).__name__ if error.sqlstate is None else f"{type(error).__name__}, {error.sqlstate}"
    return StorageError(f"PostgreSQL could not be read or written: {error} ({kind}).")
