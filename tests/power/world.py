"""An engine on a database that may lose its power, its jobs, and a note of all that it acknowledged."""

import asyncio
import hashlib
import random
import sqlite3
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any, cast

from pydantic import BaseModel

from durably_core import (
    Durably,
    SQLiteStore,
    StepContext,
    Transaction,
    create_durably,
    define_job,
    with_log_persistence,
)
from durably_core.clock import IdFactory
from durably_core.events import Event
from tests.power.loop import SimulatedClock

DAY_MS = 86_400_000

RESERVE_BYTES = 8192
"""Small: every power cut copies it."""

Position = Callable[[], int]
"""How many operations have reached the files."""


class Work(BaseModel):
    key: str
    """Unlike a run's id it is the same in every life."""
    steps: int = 0
    size: int = 20
    """Characters per step's result."""


class Total(BaseModel):
    total: int


class Connection:
    """A connection that notes the state of the database at each commit, and when the commit returned."""

    def __init__(self, inner: sqlite3.Connection, history: "History") -> None:
        self._inner = inner
        self._history = history

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def execute(self, statement: str, *args: Any) -> sqlite3.Cursor:
        cursor = self._inner.execute(statement, *args)
        if statement == "COMMIT":
            self._history.committed(self._inner)
        return cursor


class History:
    """What happened in a life, and how many operations on the files had been asked for by then."""

    def __init__(self, position: Position, on_commit: Callable[[], None] | None = None) -> None:
        self.position = position
        self._on_commit = on_commit  # none: the states are of no interest
        self.states: list[tuple[int, str]] = [(0, EMPTY)]
        """Each state of the database that a commit led to, with the position at which it was acknowledged."""
        self.events: list[tuple[int, int, str, str]] = []
        """Position, number, type and run of each event that a listener heard of."""
        self.triggered: list[tuple[int, str]] = []
        self.finished: dict[tuple[str, str], int] = {}
        """When ``step.run`` returned, by run key and step."""

    def committed(self, connection: sqlite3.Connection) -> None:
        if self._on_commit is not None:
            self._on_commit()
            self.states.append((self.position(), state_of(connection)))

    def hear(self, event: Event) -> None:
        if event.sequence:
            self.events.append((self.position(), event.sequence, event.type, getattr(event, "run_id", "")))

    def trigger_returned(self, *run_ids: str) -> None:
        self.triggered.extend((self.position(), run_id) for run_id in run_ids)


class World:
    """One life of an engine on a database: ``open`` begins it, ``close`` ends it in good order."""

    def __init__(self, path: str, history: History, seed: str, *, reserve_bytes: int = RESERVE_BYTES) -> None:
        self.path = path
        self.history = history
        self.clock = SimulatedClock()
        self.calls: Counter[tuple[str, str]] = Counter()
        self.slow_began = asyncio.Event()
        self._rng = random.Random(seed)
        self.store = SQLiteStore(path, exclusive=True, reserve_bytes=reserve_bytes, clock=self.clock)

    def connect(self) -> sqlite3.Connection:
        """Open the file as the engine does, and no more than that."""
        database = self.store._database
        return database.read(database._open)

    async def open(self, **options: Any) -> Durably:
        database = self.store._database
        database.connection = cast("sqlite3.Connection", Connection(self.connect(), self.history))
        return await self._start(options)

    async def _start(self, options: dict[str, Any]) -> Durably:
        engine = create_durably(
            database=self.store,
            jobs={
                job.name: job
                for job in (
                    define_job(name="steps", input=Work, output=Total, run=self._steps),
                    define_job(name="failing", input=Work, output=Total, run=self._failing),
                    define_job(name="slow", input=Work, output=Total, run=self._slow),
                    define_job(name="owning", input=Work, output=Total, run=self._owning),
                )
            },
            clock=self.clock,
            new_id=IdFactory(self.clock, self._rng),
            rng=self._rng,
            exclusive=True,
            **{"maintenance_interval_ms": 10 * DAY_MS} | options,
        )
        engine.use(with_log_persistence())
        engine.on("*", self.history.hear)
        await engine.migrate()
        return engine

    # ------------------------------------------------------------------ jobs

    async def _steps(self, step: StepContext, input: Work) -> Total:
        total = 0
        for number in range(input.steps):
            step.progress(number, input.steps)
            step.log.info(f"step {number} is next", {"of": input.steps})
            total += len(await self._step(step, input, f"step-{number}"))
        return Total(total=total)

    async def _failing(self, step: StepContext, input: Work) -> Total:
        await self._step(step, input, "first")
        await step.run("failing", self._fail)
        return Total(total=0)

    async def _slow(self, step: StepContext, input: Work) -> Total:
        await self._step(step, input, "first")
        if not self.slow_began.is_set():
            self.slow_began.set()
            await step.run("waiting", self._wait)
        return Total(total=input.size)

    async def _owning(self, step: StepContext, input: Work) -> Total:
        """Writes to a table of its own: as often as its steps are finished, and not more often."""
        await step.transaction("own-table", own_table)
        self.history.finished.setdefault((input.key, "own-table"), self.history.position())
        for number in range(input.steps):
            await step.transaction(f"own-{number}", own_row, step.run_id, f"own-{number}")
            self.history.finished.setdefault((input.key, f"own-{number}"), self.history.position())
        return Total(total=input.steps)

    async def _step(self, step: StepContext, input: Work, name: str) -> str:
        result = await step.run(name, self._work, input, name)
        self.history.finished.setdefault((input.key, name), self.history.position())
        return result

    async def _work(self, input: Work, name: str) -> str:
        self.calls[input.key, name] += 1
        return (name[-1] * input.size)[: input.size]

    def _fail(self) -> None:
        raise ValueError("the workload wants it so")

    async def _wait(self) -> None:
        await asyncio.Event().wait()


def own_table(transaction: Transaction) -> None:
    transaction.execute("CREATE TABLE IF NOT EXISTS owned (run_id TEXT, name TEXT)")


def own_row(transaction: Transaction, run_id: str, name: str) -> None:
    transaction.execute("INSERT INTO owned (run_id, name) VALUES (?, ?)", (run_id, name))


EMPTY = ""
"""The state of a database without tables."""


def state_of(connection: sqlite3.Connection) -> str:
    """A digest of every row of every table."""
    tables = connection.execute(
        "SELECT name, sql FROM sqlite_schema WHERE type = 'table' ORDER BY name"
    ).fetchall()
    if not tables:
        return EMPTY
    digest = hashlib.sha1(usedforsecurity=False)
    for name, sql in map(tuple, tables):
        digest.update(repr((name, sql)).encode())
        for row in connection.execute(f'SELECT * FROM "{name}"'):
            digest.update(repr(tuple(row)).encode())
    return digest.hexdigest()


Workload = Callable[[World], Awaitable[None]]
