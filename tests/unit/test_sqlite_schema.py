"""Migrations and named queries."""

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from durably_core import SQLiteStore, StorageError
from durably_core.store import sql
from durably_core.store.sql import migrations, queries


def change(path: Path, statement: str) -> None:
    connection = sqlite3.connect(path)
    with connection:
        connection.execute(statement)
    connection.close()


@pytest.fixture
async def path(tmp_path: Path) -> Path:
    store = SQLiteStore(str(tmp_path / "durably.db"))
    await store.migrate()
    await store.close()
    return tmp_path / "durably.db"


async def migrate(path: Path) -> None:
    store = SQLiteStore(str(path))
    try:
        await store.migrate()
    finally:
        await store.close()


async def test_migrating_twice_changes_nothing(path: Path) -> None:
    await migrate(path)


async def test_newer_database_is_refused(path: Path) -> None:
    change(path, "INSERT INTO durably_schema_versions VALUES (99, 'x', 0)")
    with pytest.raises(StorageError, match="schema version 99, this code knows versions up to 5"):
        await migrate(path)


async def test_edited_migration_is_noticed(path: Path) -> None:
    change(path, "UPDATE durably_schema_versions SET checksum = 'other'")
    with pytest.raises(StorageError, match="with another schema version 1"):
        await migrate(path)


async def test_half_a_migration_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "durably.db"
    change(path, "CREATE TABLE durably_logs (id INTEGER)")
    with pytest.raises(StorageError):
        await migrate(path)
    connection = sqlite3.connect(path)
    tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    connection.close()
    assert tables == ["durably_logs"]


def test_every_query_has_a_name_and_a_body() -> None:
    named = queries("sqlite")
    assert {"claim", "save_notes", "finish_run", "insert_step", "insert_log"} <= named.keys()
    assert all(body and not body.startswith("--") and not body.endswith(";") for body in named.values())


async def test_every_query_can_be_prepared(path: Path) -> None:
    connection = sqlite3.connect(path)
    for body in queries("sqlite").values():
        parameters: dict[str, Any] = _Anything()
        connection.execute(f"EXPLAIN {body}", parameters)
    connection.close()


class _Anything(dict[str, Any]):
    def __missing__(self, key: str) -> int:
        return 1


@pytest.mark.parametrize("dialect", ["sqlite", "postgres"])
def test_every_query_is_used(dialect: str) -> None:
    store = Path(sql.__file__).parent.parent
    source = "".join(file.read_text() for folder in (store, store / dialect) for file in folder.glob("*.py"))
    assert [name for name in queries(dialect) if f'"{name}"' not in source] == []


def test_dialects_have_the_same_queries() -> None:
    """But for those that only many writers need."""
    only_postgres = {"get_now", "insert_events", "lock", "try_lock"}
    assert {*queries("postgres")} ^ {*queries("sqlite")} == only_postgres | {"insert_event"}


def test_migrations_count_up_from_one() -> None:
    assert [migration.version for migration in migrations("sqlite")] == list(
        range(1, len(migrations("sqlite")) + 1)
    )


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("find_next", ["durably_runs_pending (job_name=?)", "durably_runs_key_holders"]),
        ("find_next_of", ["durably_runs_by_status (status=? AND id=?)", "durably_runs_key_holders"]),
        ("get_checkpoints", ["durably_steps USING PRIMARY KEY (run_id=?)"]),
        ("get_logs", ["durably_logs USING PRIMARY KEY (run_id=?)"]),
        ("find_idempotent", ["durably_idempotency_keys USING PRIMARY KEY (job_name=? AND key=?)"]),
        ("find_waiting", ["durably_runs_waiting_key"]),
        ("requeue_expired", ["durably_runs_by_status (status=?)"]),
        ("purge_runs", ["durably_runs_by_end"]),
        ("get_retriggers", ["durably_runs_retriggers (retriggered_from=?)"]),
        ("prune_events", ["INTEGER PRIMARY KEY"]),
        ("get_events", ["INTEGER PRIMARY KEY"]),
        ("delete_expired_keys", ["durably_idempotency_keys_by_expiry"]),
    ],
)
def test_query_uses_its_index(path: Path, name: str, words: list[str]) -> None:
    connection = sqlite3.connect(path)
    plan = "\n".join(
        row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {queries('sqlite')[name]}", _Anything())
    )
    connection.close()
    assert all(word in plan for word in words), plan
    assert "SCAN durably" not in plan
