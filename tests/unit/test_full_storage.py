"""A disk without room, as SQLite and the reserve see it. The simulation has real files without room."""

import asyncio
import errno
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import pytest

from durably_core import (
    SQLiteStore,
    StepContext,
    StorageError,
    StorageFullError,
    Transaction,
    ValidationError,
    create_durably,
    with_log_persistence,
)
from durably_core.store.sqlite.reserve import Reserve
from tests.conftest import Heard, Numbers, Total, make_job, new_run, request_for, within

RESERVE_BYTES = 3 * 1024 * 1024 + 5


class FullDisk:
    """Refuses commits for as long as it is full. What the reserve gives up is room for all that follows."""

    def __init__(self, inner: sqlite3.Connection, reserve: Reserve) -> None:
        self._inner = inner
        self._reserve = reserve
        self.is_full = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def execute(self, statement: str, *args: Any) -> sqlite3.Cursor:
        if statement == "COMMIT" and self.is_full and self._reserve._measure():
            error = sqlite3.OperationalError("database or disk is full")
            error.sqlite_errorcode = sqlite3.SQLITE_FULL
            raise error
        return self._inner.execute(statement, *args)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SQLiteStore]:
    store = SQLiteStore(str(tmp_path / "app.db"), exclusive=True, reserve_bytes=RESERVE_BYTES)
    await store.migrate()
    yield store
    await store.close()


@pytest.fixture
def disk(store: SQLiteStore, monkeypatch: pytest.MonkeyPatch) -> FullDisk:
    database = store._database
    disk = FullDisk(database.read(database._open), database.reserve)
    database.connection = cast("sqlite3.Connection", disk)
    fill = database.reserve._fill

    def fill_unless_full(size: int) -> None:
        if disk.is_full:
            raise OSError(errno.ENOSPC, "no room")
        fill(size)

    monkeypatch.setattr(database.reserve, "_fill", fill_unless_full)
    return disk


def reserved(tmp_path: Path) -> int:
    return (tmp_path / "app.db-reserve").stat().st_size


async def test_reserve_is_set_apart_with_the_first_write(store: SQLiteStore, tmp_path: Path) -> None:
    assert not (tmp_path / "app.db-reserve").exists()
    await store.enqueue([new_run("01")])
    assert reserved(tmp_path) == RESERVE_BYTES


async def test_store_without_reserve_has_no_such_file(tmp_path: Path) -> None:
    store = SQLiteStore(str(tmp_path / "app.db"))
    await store.migrate()
    await store.enqueue([new_run("01")])
    await store.close()
    assert [path.name for path in tmp_path.iterdir()] == ["app.db"]


async def test_full_storage_refuses_what_begins_runs(
    store: SQLiteStore, disk: FullDisk, tmp_path: Path
) -> None:
    await store.enqueue([new_run("01")])
    disk.is_full = True
    with pytest.raises(StorageFullError):
        await store.enqueue([new_run("02")])
    with pytest.raises(StorageFullError):
        await store.claim(request_for())
    assert reserved(tmp_path) == 0  # for those that end
    assert (await store.get_run("01")) is not None
    assert (await store.get_run("02")) is None


async def test_full_storage_takes_what_ends_runs(store: SQLiteStore, disk: FullDisk) -> None:
    await store.enqueue([new_run("01"), new_run("02")])
    disk.is_full = True
    assert (await store.cancel_run("01", keep_steps=False)).sequence == 3
    assert (await store.delete_run("01")).sequence == 4
    assert (await store.get_run("01")) is None


async def test_reserve_is_set_apart_again_when_there_is_room(
    store: SQLiteStore, disk: FullDisk, tmp_path: Path
) -> None:
    await store.enqueue([new_run("01")])
    disk.is_full = True
    await store.cancel_run("01", keep_steps=False)
    assert reserved(tmp_path) == 0
    disk.is_full = False
    await store.enqueue([new_run("02")])
    assert reserved(tmp_path) == RESERVE_BYTES


async def test_reserve_comes_back_only_when_there_is_twice_its_room(
    store: SQLiteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted: list[int] = []
    reserve = store._database.reserve
    fill = reserve._fill

    def note(size: int) -> None:
        wanted.append(size)
        fill(size)

    monkeypatch.setattr(reserve, "_fill", note)
    assert reserve.restore()
    reserve.spend()
    assert reserve.restore()
    assert (wanted, reserve._measure()) == ([RESERVE_BYTES, 2 * RESERVE_BYTES], RESERVE_BYTES)


async def test_fault_of_the_reserve_is_no_full_storage(
    store: SQLiteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_size: int) -> None:
        raise OSError(errno.EIO, "broken")

    monkeypatch.setattr(store._database.reserve, "_fill", fail)
    with pytest.raises(StorageError, match="broken") as raised:
        await store.enqueue([new_run("01")])
    assert not isinstance(raised.value, StorageFullError)


async def test_run_ends_from_the_reserve_and_the_next_waits_for_room(
    store: SQLiteStore, disk: FullDisk
) -> None:
    async def body(step: StepContext, input: Numbers) -> Total:
        total = await step.run("all", lambda: 3)
        disk.is_full = input.count == 1
        return Total(total=total)

    job = make_job(body, output=Total)
    engine = create_durably(database=store, jobs={"work": job}, polling_interval_ms=10)
    engine.use(with_log_persistence())
    heard = Heard(engine)
    runs = [await engine.jobs.work.trigger({"count": number}) for number in (1, 2)]
    engine.start()
    pause = await heard.until("worker:pause")
    assert (pause.code, pause.error) == ("storage_full", StorageFullError().message)
    first, second = [await engine.get_run(run.id) for run in runs]
    assert first is not None
    assert second is not None
    assert (first.status, first.output, second.status) == ("completed", {"total": 3}, "pending")
    with pytest.raises(StorageFullError):
        await engine.jobs.work.trigger({})

    disk.is_full = False
    await heard.until("worker:resume")
    assert (await within(engine.wait_for_run(second.id))).output == {"total": 3}
    assert len(heard.of("worker:pause")) == len(heard.of("worker:resume")) == 1
    await within(engine.stop())


async def test_step_that_could_not_be_saved_runs_again_when_there_is_room(
    store: SQLiteStore, disk: FullDisk
) -> None:
    calls: list[str] = []

    def work(name: str) -> str:
        calls.append(name)
        disk.is_full = calls == ["first", "second"]
        return name

    async def body(step: StepContext, _input: Numbers) -> None:
        await step.run("first", work, "first")
        await step.run("second", work, "second")

    engine = create_durably(database=store, jobs={"work": make_job(body)}, polling_interval_ms=10)
    heard = Heard(engine)
    run = await engine.jobs.work.trigger({})
    engine.start()
    await heard.until("worker:pause")
    await heard.until("run:requeue")
    waiting = await engine.get_run(run.id)
    assert waiting is not None
    assert (waiting.status, waiting.error) == ("pending", None)
    disk.is_full = False
    await within(engine.wait_for_run(run.id))
    assert calls == ["first", "second", "second"]
    await within(engine.stop())


async def test_transaction_of_a_step_is_not_repeated_at_once(store: SQLiteStore, disk: FullDisk) -> None:
    calls: list[int] = []

    def count(transaction: Transaction) -> int:
        transaction.execute("CREATE TABLE IF NOT EXISTS own (number INTEGER)")
        calls.append(len(calls) + 1)
        disk.is_full = len(calls) == 1
        return calls[-1]

    async def body(step: StepContext, _input: Numbers) -> Total:
        return Total(total=await step.transaction("count", count))

    engine = create_durably(
        database=store, jobs={"work": make_job(body, output=Total)}, polling_interval_ms=10, preserve_steps=True
    )
    heard = Heard(engine)
    run = await engine.jobs.work.trigger({})
    engine.start()
    await heard.until("worker:pause")
    disk.is_full = False
    ended = await within(engine.wait_for_run(run.id))
    [step] = await engine.get_steps(run.id)
    [event] = heard.of("step:complete")
    # What the job saw is what is stored: nothing of the transaction that was rolled back.
    assert (ended.output, step.output, event.output) == ({"total": 2}, "2", 2)
    assert event.sequence > 0
    assert calls == [1, 2]
    await within(engine.stop())


async def test_database_can_be_packed_in_a_full_storage(store: SQLiteStore, disk: FullDisk) -> None:
    await store.enqueue([new_run("01")])
    disk.is_full = True
    await store.pack()


async def test_reserve_of_another_size_is_made_whole(tmp_path: Path) -> None:
    for size in (0, 1000, 2 * RESERVE_BYTES):
        (tmp_path / "app.db-reserve").write_bytes(b"x" * size)
        reserve = Reserve(str(tmp_path / "app.db-reserve"), RESERVE_BYTES)
        assert reserve.restore()
        assert reserved(tmp_path) == RESERVE_BYTES


def test_reserve_is_refused_where_others_write(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="exclusive=True"):
        SQLiteStore(str(tmp_path / "app.db"), reserve_bytes=RESERVE_BYTES)


async def test_failing_storage_is_a_pause_with_its_own_code(
    store: SQLiteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = create_durably(database=store, polling_interval_ms=10)
    heard = Heard(engine)

    async def fail(_request: object) -> None:
        raise StorageError("The disk is gone.")

    monkeypatch.setattr(store, "claim", fail)
    engine.start()
    await heard.until("worker:error", 3)
    monkeypatch.undo()
    await heard.until("worker:resume")
    await within(engine.stop())
    assert [(event.code, event.error) for event in heard.of("worker:pause")] == [
        ("storage", "The disk is gone.")
    ]


async def test_pause_stops_with_its_worker(store: SQLiteStore, disk: FullDisk) -> None:
    engine = create_durably(database=store, polling_interval_ms=3_600_000)
    heard = Heard(engine)
    disk.is_full = True
    engine.start()
    await heard.until("worker:pause")
    async with asyncio.timeout(5):
        await engine.stop()
