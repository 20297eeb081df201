"""Builders that every test may use. Nothing here needs threads, sleeps or files of its own."""

import asyncio
import random
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, Protocol, TypeVar, cast

import pytest
from pydantic import BaseModel

from durably_core import (
    Durably,
    Job,
    Run,
    SQLiteStore,
    StepContext,
    Store,
    create_durably,
    define_job,
    with_log_persistence,
)
from durably_core.clock import Clock, IdFactory
from durably_core.errors import StorageError
from durably_core.events import Event
from durably_core.store.base import Claimed, ClaimRequest, Ending, Enqueued, Lease, NewRun, NewStep

START_MS = 1_700_000_000_000
PATIENCE_S = 5
"""After this long a test that waits has failed; no test waits for time to pass."""

OPFS_DATABASE = "/database/conformance.db"
"""Where ``web/conformance/worker.ts`` mounts the database."""

T = TypeVar("T")
OpenStore = Callable[[Clock, Path], Store]
"""Opens an empty store; the folder is the test's own."""
Body = Callable[[StepContext, Any], Awaitable[Any]]


class Numbers(BaseModel):
    """An input that most tests don't look at."""

    count: int = 3


class Total(BaseModel):
    total: int


class FakeClock:
    """A clock that a test moves."""

    def __init__(self, now_ms: int = START_MS) -> None:
        self._now_ms = now_ms

    def now_ms(self) -> int:
        return self._now_ms

    def advance(self, ms: int) -> None:
        self._now_ms += ms


class Heard:
    """The events of an engine, in order."""

    def __init__(self, durably: Durably) -> None:
        self.events: list[Any] = []
        self._more = asyncio.Event()
        durably.on("*", self._hear)

    def _hear(self, event: Event) -> None:
        self.events.append(event)
        self._more.set()

    @property
    def types(self) -> list[str]:
        return [event.type for event in self.events]

    def of(self, event_type: str) -> list[Any]:
        return [event for event in self.events if event.type == event_type]

    async def until(self, event_type: str, count: int = 1) -> Any:
        """The ``count``-th event of that type, as soon as it is there."""
        async with asyncio.timeout(PATIENCE_S):
            while len(self.of(event_type)) < count:
                self._more.clear()
                await self._more.wait()
        return self.of(event_type)[count - 1]


class Gate:
    """Stops who passes until the test opens it."""

    def __init__(self) -> None:
        self.reached = asyncio.Event()
        self.opened = asyncio.Event()

    async def __call__(self) -> None:
        self.reached.set()
        await within(self.opened.wait())

    def open(self) -> None:
        self.opened.set()

    async def until_reached(self) -> None:
        await within(self.reached.wait())


Trap = Callable[[], Awaitable[None]]


class StoreProbe:
    """A store that notes each call and lets a test act before or after it."""

    def __init__(self, inner: Store) -> None:
        self._inner = inner
        self.clock, self.name = inner.clock, inner.name
        self.calls: list[str] = []
        self.answered: list[str] = []
        self._answer = asyncio.Event()
        self.before: dict[str, Trap] = {}
        self.after: dict[str, Trap] = {}

    def watch(self, changed: Callable[[], None]) -> Callable[[], None]:
        return self._inner.watch(changed)

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        method = getattr(self._inner, name)

        async def call(*args: Any, **kwargs: Any) -> Any:
            self.calls.append(name)
            if name in self.before:
                await self.before[name]()
            try:
                result = await method(*args, **kwargs)
            finally:
                self.answered.append(name)
                self._answer.set()
            if name in self.after:
                await self.after[name]()
            return result

        return call

    @property
    def as_store(self) -> Store:
        return cast("Store", self)

    async def until_answered(self, name: str, count: int | None = None) -> None:
        """Until so many calls have been answered; None: all that were made."""
        async with asyncio.timeout(PATIENCE_S):
            while self.answered.count(name) < (self.calls.count(name) if count is None else count):
                self._answer.clear()
                await self._answer.wait()

    def fail(self, *names: str) -> None:
        """Refuse these calls from now on, as a full or broken disk does."""
        for name in names:
            self.before[name] = fail_storage

    def heal(self) -> None:
        self.before.clear()


async def fail_storage() -> None:
    raise StorageError("The disk is gone.")


class MakeEngine(Protocol):
    def __call__(self, *jobs: Job[Any, Any], store: Store | None = None, **options: Any) -> Durably: ...


async def within(awaitable: Awaitable[T]) -> T:
    """The result, or a failed test instead of one that hangs."""
    async with asyncio.timeout(PATIENCE_S):
        return await awaitable


async def turns(count: int = 50) -> None:
    """Let everything that is ready run, for that many turns of the loop."""
    for _ in range(count):
        await asyncio.sleep(0)


async def until_only(tasks: set[asyncio.Task[Any]]) -> None:
    """Until nothing else executes: what was cancelled may have to wait for a thread."""
    async with asyncio.timeout(PATIENCE_S):
        while left := asyncio.all_tasks() - tasks:
            await asyncio.wait(left, timeout=0.01)
    assert asyncio.all_tasks() == tasks


def make_job(
    body: Body, *, name: str = "work", input: type[BaseModel] = Numbers, output: type[BaseModel] | None = None
) -> Job[Any, Any]:
    return define_job(name=name, input=input, output=output, run=cast("Any", body))


async def nothing(_step: StepContext, _input: Numbers) -> None:
    """A job without steps."""


async def ended(durably: Durably, run_id: str) -> Run:
    """The run as it is on disk."""
    run = await durably.get_run(run_id)
    assert run is not None
    return run


async def run_to_end(durably: Durably, job: Job[Any, Any], input: Any = None, **options: Any) -> Run:
    """Trigger a run, execute what waits, and return the run as it is on disk."""
    handle = durably.get_job(job.name)
    assert handle is not None
    run = await handle.trigger({} if input is None else input, **options)
    await within(durably.process_until_idle())
    return await ended(durably, run.id)


async def die(task: asyncio.Task[Any]) -> None:
    """What a crash does to whoever executes: it is gone, nothing is tidied up in the store."""
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()
    # A note or a renewal may be on its way to the disk: a crash would end it, and the lock of its row with it.
    tasks = {each: repr(each.get_coro()) for each in asyncio.all_tasks()}
    writing = [
        each
        for each, name in tasks.items()
        # Workers that live keep their leases.
        if "_write_notes" in name or ("_keep_leases" in name and each.cancelling())
    ]
    if writing:
        await asyncio.wait(writing)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def new_id(clock: FakeClock) -> IdFactory:
    return IdFactory(clock, random.Random(7))


def in_opfs(clock: Clock, _folder: Path) -> Store:
    for suffix in ("", "-journal", "-wal"):
        Path(OPFS_DATABASE + suffix).unlink(missing_ok=True)
    return SQLiteStore(OPFS_DATABASE, exclusive=True, clock=clock)


def in_postgres(clock: Clock, _folder: Path) -> Store:
    from durably_core.store.postgres import PostgresStore
    from tests.postgres.server import emptied

    return PostgresStore(emptied().url, clock=clock, pool_size=4)


STORES: dict[str, OpenStore] = {
    "sqlite-memory": lambda clock, _folder: SQLiteStore(":memory:", clock=clock),
    "sqlite-file": lambda clock, folder: SQLiteStore(str(folder / "durably.db"), clock=clock),
    "postgres": in_postgres,
}
STORES_IN_BROWSER: dict[str, OpenStore] = {"opfs": in_opfs}
"""Every store that there is, by the name that reports give it. ``tests/browser/test_conformance.py`` takes
the suite into the browser."""


@pytest.fixture(params=STORES_IN_BROWSER if sys.platform == "emscripten" else STORES)
async def store(request: pytest.FixtureRequest, clock: FakeClock, tmp_path: Path) -> AsyncIterator[Store]:
    """Every store that there is, empty and migrated."""
    opened = (STORES | STORES_IN_BROWSER)[request.param](clock, tmp_path)
    await opened.migrate()
    yield opened
    await opened.close()


@pytest.fixture
def probe(store: Store) -> StoreProbe:
    return StoreProbe(store)


@pytest.fixture
async def make_engine(store: Store, clock: FakeClock, new_id: IdFactory) -> AsyncIterator[MakeEngine]:
    """Makes engines over the test's store; they are stopped at the end."""
    made: list[Durably] = []

    def make(*jobs: Job[Any, Any], store: Store = store, **options: Any) -> Durably:
        # Polling is left out of it: what is not woken up does not run.
        settings = {"polling_interval_ms": 3_600_000, "preserve_steps": True} | options
        engine = create_durably(
            database=store,
            jobs={job.name: job for job in jobs},
            clock=clock,
            new_id=new_id,
            rng=random.Random(7),
            **settings,
        )
        made.append(engine)
        return engine.use(with_log_persistence())

    yield cast("MakeEngine", make)
    for engine in made:
        await within(engine.stop())


async def enqueue(store: Store, run: NewRun) -> Enqueued:
    [enqueued] = await store.enqueue([run])
    return enqueued


async def claim(store: Store, request: ClaimRequest) -> Claimed | None:
    """What a claim leased; what else it did is in the log of events."""
    return (await store.claim(request)).claimed


def request_for(*job_names: str, worker_id: str = "worker-1", lease_ms: int = 1000) -> ClaimRequest:
    return ClaimRequest(worker_id=worker_id, job_names=job_names or ("work",), lease_ms=lease_ms)


def new_run(run_id: str, job_name: str = "work", **fields: Any) -> NewRun:
    return NewRun(id=run_id, job_name=job_name, input="{}", **fields)


def new_step(name: str = "first", index: int = 0, output: str | None = "1") -> NewStep:
    return NewStep(name=name, index=index, status="completed", output=output, error=None, started_at=START_MS)


def completed(**fields: Any) -> Ending:
    return Ending(status="completed", keep_steps=True, **fields)


def lease_of(claimed: Claimed | None, lease_ms: int = 1000) -> Lease:
    assert claimed is not None
    return Lease(run_id=claimed.run.id, generation=claimed.run.lease_generation, lease_ms=lease_ms)
