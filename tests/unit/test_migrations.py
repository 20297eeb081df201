"""Schema migrations: many at the same moment, from an old version with data, refused, and interrupted."""

import asyncio
import json
import sqlite3
import sys
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from durably_core import ConflictError, Durably, SQLiteStore, StepContext, StorageError, create_durably
from durably_core.store.sql import migrations
from durably_core.store.sqlite.database import _statements
from tests.conftest import START_MS, FakeClock, Numbers, Total, make_job, within

BOUND_S = 20
"""After this long a test that waits for another process has failed."""

AT_ONCE = 8

NEWEST = len(migrations("sqlite"))
OF_SECOND = len(list(_statements(migrations("sqlite")[1].text)))

MIGRATE = """
import asyncio, sys
from durably_core import SQLiteStore
print("ready", flush=True)
for path in map(str.strip, sys.stdin):
    store = SQLiteStore(path)
    asyncio.run(store.migrate())
    print("migrated", flush=True)
    asyncio.run(store.close())
"""


def rows_of(path: Path, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(query, parameters).fetchall()


def versions(path: Path) -> list[int]:
    return [version for (version,) in rows_of(path, "SELECT version FROM durably_schema_versions ORDER BY 1")]


def dump(path: Path) -> list[str]:
    """The whole schema and all data."""
    with closing(sqlite3.connect(path)) as connection:
        return list(connection.iterdump())


def change(path: Path, statement: str) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(statement)


async def migrate(path: Path) -> None:
    store = SQLiteStore(str(path))
    try:
        await store.migrate()
    finally:
        await store.close()


# ---------------------------------------------------------------- at the same moment


@pytest.fixture
async def migrators() -> AsyncIterator[list[asyncio.subprocess.Process]]:
    """Processes that migrate each path that is written to them, ready to do so."""
    pipe = asyncio.subprocess.PIPE
    processes = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-c", MIGRATE, stdin=pipe, stdout=pipe, stderr=pipe
        )
        for _ in range(AT_ONCE)
    ]
    assert set(await answers(processes)) == {b"ready\n"}
    yield processes
    written = await asyncio.gather(*(process.communicate(b"") for process in processes))
    assert {stderr for _, stderr in written} == {b""}


async def answers(processes: list[asyncio.subprocess.Process]) -> list[bytes]:
    streams = [process.stdout for process in processes if process.stdout is not None]
    async with asyncio.timeout(BOUND_S):
        return await asyncio.gather(*(stream.readline() for stream in streams))


async def test_eight_processes_migrate_one_new_file(
    migrators: list[asyncio.subprocess.Process], tmp_path: Path
) -> None:
    for number in range(3):
        path = tmp_path / f"{number}.db"
        for process in migrators:
            assert process.stdin is not None
            process.stdin.write(f"{path}\n".encode())
        assert await answers(migrators) == [b"migrated\n"] * AT_ONCE
        assert versions(path) == list(range(1, NEWEST + 1))


async def test_eight_connections_migrate_one_new_file(tmp_path: Path) -> None:
    for number in range(10):
        path = tmp_path / f"{number}.db"
        async with asyncio.timeout(BOUND_S):
            await asyncio.gather(*(migrate(path) for _ in range(AT_ONCE)))
        assert versions(path) == list(range(1, NEWEST + 1))


# ---------------------------------------------------------------- from version 1, with data

RUN = {
    "job_name": "work",
    "status": "pending",
    "labels": '{"team": "blue"}',
    "created_at": START_MS,
    "updated_at": START_MS,
}
HELD = {"lease_owner": "worker-1", "lease_generation": 1, "attempt": 1, "started_at": START_MS}
OVER = {"attempt": 1, "lease_generation": 1, "started_at": START_MS, "completed_at": START_MS + 9}
RUNS: list[dict[str, Any]] = [
    {"id": "01", "idempotency_key": "i", **OVER, "status": "completed"},
    {
        "id": "02",
        **OVER,
        "status": "failed",
        "error": "no",
        "error_type": "E",
        "error_traceback": "",
        "failed_step_name": "bad",
    },
    {"id": "03", "completed_at": START_MS + 9, "status": "cancelled"},
    {
        "id": "04",
        **HELD,
        "status": "leased",
        "lease_expires_at": START_MS,
        "completed_step_count": 1,
        "progress": '{"current":1}',
    },
    {"id": "05", "idempotency_key": "later", "concurrency_key": "k"},
    {
        "id": "06",
        **HELD,
        "status": "cancelled",
        "lease_expires_at": START_MS + 5000,
        "concurrency_key": "stopping",
        "completed_at": START_MS,
    },
]
STEPS: list[dict[str, Any]] = [
    {"run_id": "04", "name": "first", "failure": 0, "step_index": 0, "status": "completed", "output": "40"},
    {
        "run_id": "02",
        "name": "bad",
        "failure": 1,
        "step_index": 0,
        "status": "failed",
        "error": "no",
        "error_type": "E",
        "error_traceback": "",
    },
]


def build_version_1(path: Path) -> None:
    """What version 1 of the code left behind."""
    [first, *_] = migrations("sqlite")
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(
            "CREATE TABLE durably_schema_versions"
            " (version INTEGER NOT NULL PRIMARY KEY, checksum TEXT NOT NULL, applied_at INTEGER NOT NULL)"
        )
        connection.executescript(first.text)
        insert(connection, "schema_versions", version=1, checksum=first.checksum, applied_at=START_MS)
        for run in RUNS:
            insert(connection, "runs", **RUN | run)
            output = '{"total":7}' if run.get("status") == "completed" else None
            insert(connection, "payloads", run_id=run["id"], input='{"count":3}', output=output)
            insert(connection, "run_labels", run_id=run["id"], key="team", value="blue")
            log = {"run_id": run["id"], "id": "L1", "level": "info", "message": "hello", "data": "[1]"}
            insert(connection, "logs", **log, created_at=START_MS)
        for step in STEPS:
            insert(connection, "steps", **step, started_at=START_MS, completed_at=START_MS)


def insert(connection: sqlite3.Connection, table: str, **columns: Any) -> None:
    names, marks = ", ".join(columns), ", ".join("?" * len(columns))
    connection.execute(f"INSERT INTO durably_{table} ({names}) VALUES ({marks})", [*columns.values()])


@pytest.fixture
def old(tmp_path: Path) -> Path:
    build_version_1(tmp_path / "old.db")
    return tmp_path / "old.db"


def tables_of_version_1(path: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Its tables as they are in that file now, the columns of version 1 only."""
    columns = {"runs": [*RUNS[3], *RUNS[1], *RUNS[4], *RUN], "steps": [*STEPS[0], *STEPS[1]]}
    found = {
        table: rows_of(path, f"SELECT {', '.join(dict.fromkeys(names))} FROM durably_{table} ORDER BY 1")
        for table, names in columns.items()
    }
    for table in ("payloads", "run_labels", "logs"):
        found[table] = rows_of(path, f"SELECT * FROM durably_{table} ORDER BY 1")
    return found


@pytest.fixture
async def upgraded(old: Path, clock: FakeClock) -> AsyncIterator[Durably]:
    async def body(step: StepContext, _input: Numbers) -> Total:
        return Total(total=await step.run("first", lambda: 0) + await step.run("second", lambda: 2))

    engine = create_durably(
        database=SQLiteStore(str(old), clock=clock),
        jobs={"work": make_job(body, output=Total)},
        clock=clock,
        preserve_steps=True,
    )
    await engine.migrate()
    yield engine
    await within(engine.close())


async def test_upgrade_keeps_every_row(old: Path) -> None:
    before = tables_of_version_1(old)
    await migrate(old)
    assert versions(old) == list(range(1, NEWEST + 1))
    assert tables_of_version_1(old) == before


async def test_upgraded_runs_can_be_read(upgraded: Durably) -> None:
    runs = await upgraded.get_runs(labels={"team": "blue"})
    assert [(run.id, run.status) for run in reversed(runs)] == [
        (run["id"], run.get("status", "pending")) for run in RUNS
    ]
    assert {json.dumps(run.input) for run in runs} == {'{"count": 3}'}
    assert [run.output for run in runs if run.output is not None] == [{"total": 7}]
    assert [log.message for log in await upgraded.get_logs("02")] == ["hello"]


@pytest.mark.parametrize(("key", "run_id"), [("i", "01"), ("later", "05")])
async def test_idempotency_keys_hold_after_the_upgrade(upgraded: Durably, key: str, run_id: str) -> None:
    again = await upgraded.jobs.work.trigger({}, idempotency_key=key)
    assert (again.id, again.disposition) == (run_id, "idempotent")


async def test_leased_run_resumes_after_the_upgrade(upgraded: Durably) -> None:
    assert await within(upgraded.process_one())
    run = await upgraded.get_run("04")
    assert run is not None
    assert (run.status, run.output, run.attempt) == ("completed", {"total": 42}, 2)
    assert run.completed_step_count == 2


async def test_waiting_keys_exclude_after_the_upgrade(upgraded: Durably) -> None:
    with pytest.raises(ConflictError):
        await upgraded.jobs.work.trigger({}, concurrency_key="k")
    merged = await upgraded.jobs.work.trigger({}, concurrency_key="k", coalesce="skip")
    assert (merged.id, merged.disposition) == ("05", "coalesced")


async def test_stopping_code_keeps_its_key_after_the_upgrade(upgraded: Durably, clock: FakeClock) -> None:
    waiting = await upgraded.jobs.work.trigger({}, concurrency_key="stopping")
    await within(upgraded.process_until_idle())
    statuses = [(await upgraded.count_runs())["pending"]]
    clock.advance(5000)
    await within(upgraded.process_until_idle())
    run = await upgraded.get_run(waiting.id)
    assert run is not None
    assert (*statuses, run.status) == (1, "completed")


async def test_deleting_an_upgraded_run_frees_its_key(upgraded: Durably) -> None:
    await upgraded.delete_run("01")
    assert (await upgraded.jobs.work.trigger({}, idempotency_key="i")).disposition == "created"


# ---------------------------------------------------------------- refused, or interrupted


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        ("INSERT INTO durably_schema_versions VALUES (99, 'x', 0)", "schema version 99, this code knows"),
        ("UPDATE durably_schema_versions SET checksum = 'x' WHERE version = 1", "another schema version 1"),
        ("UPDATE durably_schema_versions SET checksum = 'x' WHERE version = 2", "another schema version 2"),
    ],
)
async def test_refused_database_is_left_byte_identical(old: Path, edit: str, message: str) -> None:
    await migrate(old)
    change(old, edit)
    before = old.read_bytes()
    with pytest.raises(StorageError, match=message):
        await migrate(old)
    assert old.read_bytes() == before
    assert [file.name for file in old.parent.iterdir()] == [old.name]


async def test_edited_version_1_is_not_upgraded(old: Path) -> None:
    change(old, "UPDATE durably_schema_versions SET checksum = 'x'")
    before = old.read_bytes()
    with pytest.raises(StorageError, match="another schema version 1"):
        await migrate(old)
    assert old.read_bytes() == before


class Failing:
    """A connection whose n-th write of a migration after version 1 fails, as on a full disk."""

    def __init__(self, connection: sqlite3.Connection, statement: int) -> None:
        self._connection = connection
        self._left = statement

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def execute(self, statement: str, *args: Any) -> Any:
        reads = statement.startswith(("BEGIN", "ROLLBACK", "SELECT", "CREATE TABLE IF NOT EXISTS"))
        self._left -= not reads
        if not reads and self._left < 0:
            raise sqlite3.OperationalError("database or disk is full")
        return self._connection.execute(statement, *args)


# The statements of the migration, the row that records it, and the commit.
@pytest.mark.parametrize("statement", range(OF_SECOND + 2))
async def test_interrupted_upgrade_leaves_version_1(old: Path, statement: int) -> None:
    before = dump(old)
    store = SQLiteStore(str(old))
    connection = await store._look(store._database._open)
    store._database.connection = Failing(connection, statement)  # type: ignore[assignment]
    with pytest.raises(StorageError, match="disk is full"):
        await store.migrate()
    assert dump(old) == before
    store._database.connection = connection
    await store.migrate()  # the same connection, once there is room again
    await store.close()
    assert versions(old) == list(range(1, NEWEST + 1))


async def test_blocked_upgrade_succeeds_when_tried_again(old: Path) -> None:
    change(old, "CREATE TABLE durably_idempotency_keys (mine)")
    before = dump(old)
    with pytest.raises(StorageError, match="already exists"):
        await migrate(old)
    assert dump(old) == before
    change(old, "DROP TABLE durably_idempotency_keys")
    await migrate(old)
    assert versions(old) == list(range(1, NEWEST + 1))
