"""Die at every commit of a long history: what is left is whole, and goes on to its end."""

import asyncio
import contextlib
import json
import random
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from durably_core import BatchItem, Durably, SQLiteStore, StepContext, create_durably, with_log_persistence
from durably_core.clock import IdFactory, from_ms
from tests.conftest import FakeClock, Heard, Numbers, Total, make_job, within
from tests.unit.test_crash_points import Counting

DAY_MS = 86_400_000

LEAST_COMMITS = 40
"""A history that is cut short by a fault of its own tests nothing."""

CHILDREN = ("payloads", "run_labels", "steps", "logs", "idempotency_keys")
"""Tables whose rows belong to a run."""

STATUS_AFTER = {
    "run:trigger": "pending",
    "run:requeue": "pending",
    "run:leased": "leased",
    "run:complete": "completed",
    "run:fail": "failed",
    "run:cancel": "cancelled",
    "run:stop": "cancelled",
    "run:delete": None,
}
OUTCOMES = {
    "steps": {"completed", "cancelled"},  # one is cancelled while it waits
    "catches": {"completed"},
    "fails": {"failed"},
    "stays": {"completed"},
    "queued": {"completed"},
    "doomed": {"completed", "cancelled"},  # the latter if its cancellation is on disk
}

Rows = list[dict[str, Any]]


@dataclass
class Snapshot:
    """All tables as they are at one moment."""

    runs: dict[str, dict[str, Any]]
    events: Rows
    children: dict[str, Rows]

    @classmethod
    def of(cls, path: Path) -> "Snapshot":
        with closing(sqlite3.connect(path)) as connection:
            connection.row_factory = sqlite3.Row

            def rows(table: str) -> Rows:
                return [dict(row) for row in connection.execute(f"SELECT * FROM durably_{table} ORDER BY 1")]

            return cls(
                {run["id"]: run for run in rows("runs")},
                rows("events"),
                {table: rows(table) for table in CHILDREN},
            )

    def checkpoints(self) -> list[tuple[str, str]]:
        steps = self.children["steps"]
        return [(step["run_id"], step["name"]) for step in steps if step["status"] == "completed"]


@dataclass
class Aftermath:
    """What a death at one commit left, before and after the engine came back."""

    commit: int
    told: dict[int, tuple[str, str]] = field(default_factory=dict)
    """Type and run of the events that were told with a number before the death."""
    finished: set[tuple[str, str]] = field(default_factory=set)
    """Run and name of the steps whose result the job had in its hands."""
    repeated: list[tuple[str, str]] = field(default_factory=list)
    """The same of steps that began although their result was on disk."""
    at_death: Snapshot = None  # type: ignore[assignment]
    after: Snapshot = None  # type: ignore[assignment]


class History:
    """The jobs, and what an application does with them until the power is cut."""

    def __init__(self, path: Path, commit: int, when: str) -> None:
        self.path = path
        self._commit, self._when = commit, when
        self._clock = FakeClock()
        self._new_id = IdFactory(self._clock, random.Random(7))
        self._at_gates: dict[str, asyncio.Event] = {}
        self.left = Aftermath(commit)
        self.survived = False
        self._on_disk: set[tuple[str, str]] = set()

    # ------------------------------------------------------------------ the jobs

    async def _step(self, step: StepContext, name: str, body: Callable[[], Any]) -> Any:
        key = (step.run_id, name)

        async def counted() -> Any:
            if key in self.left.finished or key in self._on_disk:
                self.left.repeated.append(key)
            return await body() if asyncio.iscoroutinefunction(body) else body()

        result = await step.run(name, counted)
        self.left.finished.add(key)
        return result

    async def steps(self, step: StepContext, input: Numbers) -> Total:
        total = 0
        for number in range(input.count):
            step.progress(number, input.count)
            step.log.info("adding", data={"number": number})
            total += await self._step(step, f"step-{number}", lambda number=number: number)  # type: ignore[misc]
        step.log.warn("added")
        return Total(total=total)

    async def catches(self, step: StepContext, _input: Numbers) -> None:
        with contextlib.suppress(RuntimeError):
            await self._step(step, "bad", _refuse)
        await self._step(step, "good", lambda: 1)

    async def fails(self, step: StepContext, _input: Numbers) -> None:
        await self._step(step, "good", lambda: 1)
        await self._step(step, "bad", _refuse)

    async def gated(self, step: StepContext, _input: Numbers) -> None:
        step.log.info("at the gate")
        await self._step(step, "before", lambda: 1)
        await self._step(step, "gate", self._gate)
        await self._step(step, "after", lambda: 1)

    async def _gate(self) -> None:
        """Closed for as long as the first engine lives."""
        if self._at_gates:
            next(gate for gate in self._at_gates.values() if not gate.is_set()).set()
            await asyncio.Event().wait()

    # ------------------------------------------------------------------ the application

    async def _play(self, engine: Durably) -> None:
        heard = Heard(engine)
        doomed, stays = await self._cancelled_and_given_back(engine, heard)
        jobs = engine.jobs
        await jobs.steps.batch_trigger(
            [
                BatchItem(input={"count": 2}, idempotency_key="i", labels={"team": "blue"}),
                BatchItem(input={"count": 1}, concurrency_key="k", labels={"team": "red"}),
            ]
        )
        for number in range(3):
            await jobs.queued.trigger(
                {"count": number}, idempotency_key=f"q-{number}", concurrency_key="q", coalesce="queue"
            )
        catches, fails = [await jobs[name].trigger({}) for name in ("catches", "fails")]
        await engine.process_until_idle()
        await engine.retrigger(fails.id)
        self._clock.advance(DAY_MS)
        await engine.process_until_idle()
        await engine.delete_run(catches.id)
        idle = await jobs.steps.trigger({"count": 1}, idempotency_key="short", idempotency_ttl_ms=1000)
        await engine.cancel(idle.id)
        await engine.purge_runs(older_than=from_ms(self._clock.now_ms()) - timedelta(hours=1), limit=2)
        self._clock.advance(1000)
        await engine.maintain()
        assert {doomed, stays}.isdisjoint(run.id for run in await engine.get_runs())

    async def _cancelled_and_given_back(self, engine: Durably, heard: Heard) -> tuple[str, str]:
        """One run is cancelled while it executes, the other is given back when the worker stops."""
        doomed = (await engine.jobs.doomed.trigger({}, concurrency_key="k", labels={"a": "b"})).id
        stays = (await engine.jobs.stays.trigger({})).id
        self._at_gates = {run_id: asyncio.Event() for run_id in (doomed, stays)}
        engine.start()
        for gate in self._at_gates.values():
            await within(gate.wait())
        await engine.cancel(doomed)
        await heard.until("run:stop")
        await engine.stop(timeout_ms=0)
        self._at_gates = {}
        return doomed, stays

    def _engine(self, store: SQLiteStore) -> Durably:
        bodies = {"steps": self.steps, "queued": self.steps, "catches": self.catches, "fails": self.fails}
        bodies |= {"doomed": self.gated, "stays": self.gated}
        outputs = {"steps": Total, "queued": Total}
        return create_durably(
            database=store,
            jobs={name: make_job(body, name=name, output=outputs.get(name)) for name, body in bodies.items()},
            clock=self._clock,
            new_id=self._new_id,
            rng=random.Random(7),
            exclusive=True,
            max_concurrent_runs=2,
            polling_interval_ms=3_600_000,
            preserve_steps=True,
        ).use(with_log_persistence())

    async def live(self) -> None:
        """Play until the n-th commit, and note what is left."""
        store = SQLiteStore(str(self.path), exclusive=True, clock=self._clock)
        engine = self._engine(store)
        await engine.migrate()
        loop, died = asyncio.get_running_loop(), asyncio.Event()
        connection = store._database.connection
        assert connection is not None
        connection.execute("PRAGMA synchronous = OFF")  # this death is acted: the disk need not know
        store._database.connection = Counting(  # type: ignore[assignment]
            connection, self._commit, self._when, lambda: loop.call_soon_threadsafe(died.set)
        )
        engine.on("*", self._hear)
        playing = asyncio.create_task(self._play(engine))
        dying = asyncio.create_task(died.wait())
        await asyncio.wait([playing, dying], return_when=asyncio.FIRST_COMPLETED, timeout=30)
        self.survived = not died.is_set()
        if self.survived:
            playing.result()  # its own faults
        await _end_all_tasks()
        # What the operating system does when a process dies: the open transaction is gone.
        store._database.connection = connection
        await store.close()
        self.left.at_death = Snapshot.of(self.path)

    def _hear(self, event: Any) -> None:
        if event.sequence:
            self.left.told[event.sequence] = (event.type, event.run_id)

    async def come_back(self) -> None:
        """Another engine opens the file and executes what there is."""
        self._on_disk = set(self.left.at_death.checkpoints())
        self._at_gates = {}
        store = SQLiteStore(str(self.path), exclusive=True, clock=self._clock)
        engine = self._engine(store)
        await engine.migrate()
        assert store._database.connection is not None
        store._database.connection.execute("PRAGMA synchronous = OFF")
        await within(engine.process_until_idle())
        await engine.close()
        self.left.after = Snapshot.of(self.path)


def _refuse() -> None:
    raise RuntimeError("no")


async def _end_all_tasks() -> None:
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@pytest.fixture(scope="module", params=["before", "after"])
def aftermaths(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> list[Aftermath]:
    """One for each commit of the history, and of the last one that no death came before."""
    folder, found = tmp_path_factory.mktemp("history"), []
    for commit in count(1):
        history = History(folder / f"{commit}.db", commit, request.param)
        asyncio.run(history.live())
        asyncio.run(history.come_back())
        found.append(history.left)
        if history.survived:
            break
    assert len(found) > LEAST_COMMITS
    return found


def moments(aftermaths: list[Aftermath]) -> Iterator[tuple[int, Snapshot]]:
    """The number of the commit, for whoever reads a failure, and the tables."""
    for left in aftermaths:
        yield left.commit, left.at_death
        yield left.commit, left.after


def test_everything_that_can_end_ends(aftermaths: list[Aftermath]) -> None:
    unexpected = [
        (left.commit, run["job_name"], run["status"])
        for left in aftermaths
        for run in left.after.runs.values()
        if run["status"] not in OUTCOMES[run["job_name"]]
    ]
    assert unexpected == []


def test_every_job_of_the_history_has_ended(aftermaths: list[Aftermath]) -> None:
    ends = ("run:complete", "run:fail", "run:cancel")
    survivor = aftermaths[-1]
    ended = Counter(
        (event["job_name"], event["type"]) for event in survivor.after.events if event["type"] in ends
    )
    assert ended == {
        ("steps", "run:complete"): 2,
        ("queued", "run:complete"): 1,
        ("catches", "run:complete"): 1,
        ("stays", "run:complete"): 1,
        ("fails", "run:fail"): 2,
        ("doomed", "run:cancel"): 1,
        ("steps", "run:cancel"): 1,
    }


def test_no_finished_step_runs_twice(aftermaths: list[Aftermath]) -> None:
    assert {left.commit: left.repeated for left in aftermaths if left.repeated} == {}


def test_every_result_in_hand_is_on_disk(aftermaths: list[Aftermath]) -> None:
    for left in aftermaths:
        deleted = {event["run_id"] for event in left.after.events if event["type"] == "run:delete"}
        kept = {(run_id, name) for run_id, name in left.finished if run_id not in deleted}
        assert kept <= set(left.after.checkpoints()), left.commit


def test_last_event_agrees_with_the_status(aftermaths: list[Aftermath]) -> None:
    for commit, snapshot in moments(aftermaths):
        told = {
            event["run_id"]: STATUS_AFTER[event["type"]]
            for event in snapshot.events
            if event["type"] in STATUS_AFTER
        }
        alive = {run_id: status for run_id, status in told.items() if status is not None}
        assert alive == {run_id: run["status"] for run_id, run in snapshot.runs.items()}, commit


def test_checkpoints_and_their_events_agree(aftermaths: list[Aftermath]) -> None:
    for commit, snapshot in moments(aftermaths):
        completed = Counter(
            (event["run_id"], json.loads(event["data"])["step_name"])
            for event in snapshot.events
            if event["type"] == "step:complete" and event["run_id"] in snapshot.runs
        )
        assert completed == Counter(snapshot.checkpoints()), commit


def test_step_count_agrees_with_the_checkpoints(aftermaths: list[Aftermath]) -> None:
    for commit, snapshot in moments(aftermaths):
        checkpoints = Counter(run_id for run_id, _ in snapshot.checkpoints())
        counted = {run_id: run["completed_step_count"] for run_id, run in snapshot.runs.items()}
        assert counted == {run_id: checkpoints[run_id] for run_id in snapshot.runs}, commit


def test_log_lines_and_their_events_agree(aftermaths: list[Aftermath]) -> None:
    for commit, snapshot in moments(aftermaths):
        written = Counter(
            event["run_id"]
            for event in snapshot.events
            if event["type"] == "log:write" and event["run_id"] in snapshot.runs
        )
        assert written == Counter(log["run_id"] for log in snapshot.children["logs"]), commit


def test_told_event_is_in_the_log_under_its_number(aftermaths: list[Aftermath]) -> None:
    for left in aftermaths:
        log = {event["sequence"]: (event["type"], event["run_id"]) for event in left.after.events}
        assert left.told.items() <= log.items(), left.commit


def test_return_adds_events_and_changes_none(aftermaths: list[Aftermath]) -> None:
    for left in aftermaths:
        before, after = left.at_death.events, left.after.events
        assert after[: len(before)] == before, left.commit
        numbers = [event["sequence"] for event in after]
        assert numbers == list(range(1, len(after) + 1)), left.commit


@pytest.mark.parametrize("table", CHILDREN)
def test_no_row_belongs_to_a_missing_run(aftermaths: list[Aftermath], table: str) -> None:
    orphans = [
        (commit, row)
        for commit, snapshot in moments(aftermaths)
        for row in snapshot.children[table]
        if row["run_id"] not in snapshot.runs
    ]
    assert orphans == []


def test_every_run_has_its_payload_and_labels(aftermaths: list[Aftermath]) -> None:
    for commit, snapshot in moments(aftermaths):
        assert {row["run_id"] for row in snapshot.children["payloads"]} == snapshot.runs.keys(), commit
        labelled = {run_id for run_id, run in snapshot.runs.items() if run["labels"] != "{}"}
        assert {row["run_id"] for row in snapshot.children["run_labels"]} == labelled, commit
