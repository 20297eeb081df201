"""What each operation costs: transactions that write, and statements that read."""

import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.trace import TracerProvider

from durably_core import Durably, SQLiteStore, StepContext, create_durably, notebook
from durably_core.telemetry import with_telemetry
from tests.conftest import FakeClock, Heard, Numbers, make_job, nothing, turns, within


class Statements:
    """The statements that a store's connection executes."""

    def __init__(self, store: SQLiteStore) -> None:
        self._log: list[str] = []
        assert isinstance(store._database.connection, sqlite3.Connection)
        store._database.connection.set_trace_callback(self._log.append)

    def taken(self) -> list[str]:
        """The first words since the last call; parts of triggers and the like left out."""
        log = [line.split()[0].upper() for line in self._log if not line.startswith("--")]
        self._log.clear()
        return log


async def saving(step: StepContext, input: Numbers) -> None:
    for number in range(input.count):
        step.progress(number)
        step.log.info("saving")
        await step.run(f"step-{number}", lambda: "result")


@pytest.fixture
async def store(tmp_path: Path, clock: FakeClock) -> AsyncIterator[SQLiteStore]:
    store = SQLiteStore(str(tmp_path / "durably.db"), clock=clock)
    await store.migrate()
    yield store
    await store.close()


@pytest.fixture
async def engine(
    store: SQLiteStore, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Durably]:
    # Notes that wait get a write of their own after a while: on a slow machine that is a statement more.
    monkeypatch.setattr(notebook, "NOTES_DELAY_MS", 3_600_000)
    jobs = {"save": make_job(saving, name="save"), "nothing": make_job(nothing, name="nothing")}
    engine = create_durably(database=store, jobs=jobs, clock=clock, polling_interval_ms=3_600_000)
    yield engine
    await within(engine.stop())


async def cost_of_steps(engine: Durably, statements: Statements, count: int) -> list[str]:
    await engine.jobs.save.trigger({"count": count})
    statements.taken()
    await within(engine.process_one())
    return statements.taken()


async def test_a_step_is_one_commit(engine: Durably, store: SQLiteStore) -> None:
    statements = Statements(store)
    none = await cost_of_steps(engine, statements, 0)
    ten = await cost_of_steps(engine, statements, 10)
    assert ten.count("COMMIT") - none.count("COMMIT") == 10


async def test_a_step_reads_nothing(engine: Durably, store: SQLiteStore) -> None:
    statements = Statements(store)
    none = await cost_of_steps(engine, statements, 0)
    ten = await cost_of_steps(engine, statements, 10)
    assert ten.count("SELECT") == none.count("SELECT")


async def test_a_step_with_notes_is_one_statement_per_row(engine: Durably, store: SQLiteStore) -> None:
    statements = Statements(store)
    none = await cost_of_steps(engine, statements, 0)
    ten = await cost_of_steps(engine, statements, 10)
    begin, guard, step, events, commit = 10, 10, 10, 4 * 10, 10  # start, progress, log line, end
    assert len(ten) - len(none) == begin + guard + step + events + commit


async def test_telemetry_costs_a_step_no_statement(engine: Durably, store: SQLiteStore) -> None:
    statements = Statements(store)
    unwatched = await cost_of_steps(engine, statements, 10)
    engine.use(with_telemetry(TracerProvider(), MeterProvider()))
    assert await cost_of_steps(engine, statements, 10) == unwatched


async def test_a_trigger_is_one_commit(engine: Durably, store: SQLiteStore) -> None:
    statements = Statements(store)
    await engine.jobs.save.trigger({}, idempotency_key="i", concurrency_key="k", labels={"a": "b"})
    assert statements.taken().count("COMMIT") == 1


async def test_an_idempotent_trigger_writes_nothing(engine: Durably, store: SQLiteStore) -> None:
    await engine.jobs.save.trigger({}, idempotency_key="i")
    statements = Statements(store)
    await engine.jobs.save.trigger({}, idempotency_key="i")
    assert not {"INSERT", "UPDATE", "DELETE"} & set(statements.taken())


async def test_an_empty_run_alone_is_two_commits(engine: Durably, store: SQLiteStore) -> None:
    await engine.jobs.nothing.trigger({})
    statements = Statements(store)
    await within(engine.process_one())
    assert statements.taken().count("COMMIT") == 2


async def test_worker_ends_and_claims_in_one_commit(engine: Durably, store: SQLiteStore) -> None:
    for _ in range(20):
        await engine.jobs.nothing.trigger({})
    statements, heard = Statements(store), Heard(engine)
    engine.start()
    await heard.until("run:complete", 20)
    await engine.stop()
    # The first claim, twenty ends of which nineteen claim the next run, and one look that finds nothing.
    assert statements.taken().count("COMMIT") <= 22


async def test_clean_up_rides_with_the_end(engine: Durably, store: SQLiteStore) -> None:
    statements = Statements(store)
    await cost_of_steps(engine, statements, 3)
    await engine.jobs.save.trigger({"count": 3})
    statements.taken()
    await within(engine.process_one())
    log = statements.taken()
    last = len(log) - log[::-1].index("BEGIN")
    assert log[last:].count("DELETE") == 1
    assert log.count("DELETE") == 1


async def test_an_idle_worker_looks_once(engine: Durably, store: SQLiteStore) -> None:
    statements = Statements(store)
    engine.start()
    await turns()
    await engine.stop()
    assert statements.taken().count("COMMIT") <= 1


async def test_a_read_opens_no_write_transaction(engine: Durably, store: SQLiteStore) -> None:
    run = await engine.jobs.nothing.trigger({})
    statements = Statements(store)
    await engine.get_run(run.id)
    await engine.get_runs()
    await engine.get_steps(run.id)
    await engine.get_logs(run.id)
    assert statements.taken() == ["SELECT"] * 4


async def test_commits_reach_the_disk(store: SQLiteStore) -> None:
    connection = store._database.connection
    assert connection is not None
    assert connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
    assert connection.execute("PRAGMA synchronous").fetchone()[0] == 2  # FULL
