"""The database file gives back what it does not need, and can be copied as one file."""

import json
import sqlite3
from pathlib import Path

import pytest

from durably_core import SQLiteStore
from durably_core.store.base import Notes
from durably_core.store.sqlite.database import PAGES_KEPT_FREE
from spa_runtime import storage
from tests.conftest import completed, lease_of, new_run, request_for

PAGE_BYTES = 4096
LARGE = json.dumps("x" * 20_000)


def pages(path: Path) -> int:
    return path.stat().st_size // PAGE_BYTES


async def store_with_runs(path: Path, count: int) -> SQLiteStore:
    """A store with so many runs that have ended, of six pages each."""
    store = SQLiteStore(str(path), exclusive=True)
    await store.migrate()
    for number in range(count):
        run_id = f"{number:04}"
        await store.enqueue([new_run(run_id)])
        claimed = (await store.claim(request_for())).claimed
        await store.end_run(lease_of(claimed), completed(output=LARGE), Notes(), None)
    return store


async def test_deleted_runs_make_the_file_smaller(tmp_path: Path) -> None:
    path = tmp_path / "app.db"
    store = await store_with_runs(path, 200)
    await store.checkpoint()
    before = pages(path)
    assert before > 1000
    assert len(await store.purge_runs(before_ms=2**60, limit=1000)) == 200
    while await store.shrink(limit=100):
        pass
    assert await store.checkpoint()
    assert pages(path) < PAGES_KEPT_FREE + 100
    await store.close()


async def test_free_pages_that_are_soon_needed_stay(tmp_path: Path) -> None:
    store = await store_with_runs(tmp_path / "app.db", 30)
    await store.purge_runs(before_ms=2**60, limit=1000)
    assert await store.shrink(limit=1000) == 0
    await store.close()


async def test_packed_file_holds_everything_and_no_free_page(tmp_path: Path) -> None:
    path = tmp_path / "app.db"
    store = await store_with_runs(path, 60)
    for number in range(40):
        await store.delete_run(f"{number:04}")
    await store.pack()
    copy = tmp_path / "copy.db"
    copy.write_bytes(path.read_bytes())
    await store.close()
    connection = sqlite3.connect(copy)
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert connection.execute("PRAGMA freelist_count").fetchone() == (0,)
    assert connection.execute("SELECT count(*) FROM durably_runs").fetchone() == (20,)
    connection.close()


async def test_commit_once_reaches_the_disk_and_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "app.db"
    store = SQLiteStore(str(path), exclusive=True)
    await store.migrate()
    wal = tmp_path / "app.db-wal"
    connection = store._database.connection
    assert connection is not None
    before, size = "\n".join(connection.iterdump()), wal.stat().st_size
    await store.commit_once()
    assert wal.stat().st_size > size
    assert "\n".join(connection.iterdump()) == before
    await store.close()


# ---------------------------------------------------------------------- what a person brings


def code_of(answer: str) -> str:
    return str(json.loads(answer)["code"]) if answer else ""


async def exported(path: Path) -> Path:
    store = await store_with_runs(path, 3)
    await store.pack()
    await store.close()
    return path


async def test_exported_database_can_be_brought_back(tmp_path: Path) -> None:
    path = await exported(tmp_path / "app.db")
    assert storage.verify(str(path)) == ""
    assert storage.check(str(path)) == ""
    assert storage.pack(str(path)) == ""
    assert [each.name for each in tmp_path.iterdir()] == ["app.db"]


async def test_damaged_database_is_not_taken(tmp_path: Path) -> None:
    path = await exported(tmp_path / "app.db")
    content = bytearray(path.read_bytes())
    content[8 * PAGE_BYTES : 20 * PAGE_BYTES] = b"\x55" * (12 * PAGE_BYTES)
    path.write_bytes(content)
    assert code_of(storage.verify(str(path))) == "storage_damaged"
    assert code_of(storage.check(str(path))) == "storage_damaged"


@pytest.mark.parametrize("content", [b"", b"this is no database, " * 1000, b"SQLite format 3"])
async def test_file_that_is_no_database_is_not_taken(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "notes.txt"
    path.write_bytes(content)
    assert code_of(storage.verify(str(path))) == "validation"
    assert path.read_bytes() == content


async def test_database_of_something_else_is_not_taken(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE bookmarks (url TEXT)")
    answer = storage.verify(str(path))
    assert (code_of(answer), "no database of Durably" in answer) == ("validation", True)


async def test_database_of_a_newer_version_is_not_taken(tmp_path: Path) -> None:
    path = await exported(tmp_path / "app.db")
    with sqlite3.connect(path) as connection:
        connection.execute("INSERT INTO durably_schema_versions VALUES (99, 'later', 0)")
    connection.close()
    assert "schema version 99" in storage.verify(str(path))


@pytest.mark.parametrize(
    "change",
    [
        "DROP TABLE durably_logs",
        "DROP INDEX durably_runs_pending",
        "CREATE TRIGGER spy AFTER INSERT ON durably_runs BEGIN DELETE FROM durably_logs; END",
        "CREATE VIEW durably_more AS SELECT 1",
    ],
)
async def test_database_with_other_tables_than_ours_is_not_taken(tmp_path: Path, change: str) -> None:
    path = await exported(tmp_path / "app.db")
    connection = sqlite3.connect(path)
    connection.execute(change)
    connection.commit()
    connection.close()
    assert code_of(storage.verify(str(path))) == "validation"


async def test_tables_of_a_persons_own_come_along(tmp_path: Path) -> None:
    path = await exported(tmp_path / "app.db")
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE bookmarks (url TEXT)")
    connection.close()
    assert storage.verify(str(path)) == ""
