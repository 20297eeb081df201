"""Writes that wait for the disk at the same moment share a commit, and nothing else."""

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from durably_core import (
    ConflictError,
    Durably,
    SQLiteStore,
    StorageError,
    ValidationError,
    create_durably,
)
from tests.conftest import FakeClock, make_job, nothing, turns, within


class Disk:
    """Counts the commits of a store, whose thread can be kept busy."""

    def __init__(self, store: SQLiteStore) -> None:
        self.store = store
        self.commits = 0
        connection = store._database.connection
        assert connection is not None
        self.connection = connection
        connection.set_trace_callback(self._traced)

    def _traced(self, statement: str) -> None:
        self.commits += statement == "COMMIT"

    @contextmanager
    def busy(self) -> Iterator[None]:
        """What is asked for within waits, and is done when that is over."""
        is_free = threading.Event()
        kept = asyncio.ensure_future(self.store._thread.call(is_free.wait))
        try:
            yield
        finally:
            is_free.set()
        assert not kept.done()


@pytest.fixture
async def engine(tmp_path: Path, clock: FakeClock) -> AsyncIterator[Durably]:
    store = SQLiteStore(str(tmp_path / "durably.db"), clock=clock)
    engine = create_durably(database=store, jobs={"work": make_job(nothing, name="work")}, clock=clock)
    await engine.migrate()
    yield engine
    await engine.close()


@pytest.fixture
def disk(engine: Durably) -> Disk:
    assert isinstance(engine.store, SQLiteStore)
    return Disk(engine.store)


async def all_at_once(engine: Durably, disk: Disk, *triggers: dict[str, Any]) -> list[Any]:
    """What comes of each, results and errors."""
    with disk.busy():
        asked = [asyncio.ensure_future(engine.jobs.work.trigger({}, **each)) for each in triggers]
        await turns()
        assert len(disk.store._writes._waiting) == len(triggers)
    return await within(asyncio.gather(*asked, return_exceptions=True))


async def test_writes_that_wait_share_one_commit(engine: Durably, disk: Disk) -> None:
    runs = await all_at_once(engine, disk, *({} for _ in range(10)))
    assert disk.commits == 1
    assert {run.id for run in await engine.get_runs()} == {run.id for run in runs}


async def test_write_that_is_refused_is_undone_alone(engine: Durably, disk: Disk) -> None:
    first, refused, last = await all_at_once(
        engine, disk, {"concurrency_key": "a"}, {"concurrency_key": "a", "idempotency_key": "x"}, {}
    )
    assert isinstance(refused, ConflictError)
    assert disk.commits == 1
    assert {run.id for run in await engine.get_runs()} == {first.id, last.id}
    # Nothing is left of it: not even its key.
    again = await engine.jobs.work.trigger({}, idempotency_key="x")
    assert again.disposition == "created"


async def test_events_of_a_write_that_is_undone_have_no_numbers(engine: Durably, disk: Disk) -> None:
    await all_at_once(engine, disk, {"concurrency_key": "a"}, {"concurrency_key": "a"}, {})
    assert [event.sequence for event in await engine.get_events()] == [1, 2]


async def test_write_that_the_database_refuses_does_not_take_the_others_along(
    engine: Durably, disk: Disk
) -> None:
    disk.connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, 1000)
    labels = {f"label-{number}": "x" * 200 for number in range(10)}
    first, too_big, last = await all_at_once(engine, disk, {}, {"labels": labels}, {})
    assert isinstance(too_big, ValidationError)
    assert {run.id for run in await engine.get_runs()} == {first.id, last.id}


async def test_who_is_cancelled_meanwhile_takes_no_one_along(engine: Durably, disk: Disk) -> None:
    with disk.busy():
        asked = [asyncio.ensure_future(engine.jobs.work.trigger({})) for _ in range(3)]
        await turns()
        assert len(disk.store._writes._waiting) == len(asked)
        asked[1].cancel()
        await asyncio.sleep(0)
    await within(asyncio.wait(asked))
    assert [task.cancelled() for task in asked] == [False, True, False]
    # It was on its way to the disk, and got there with the others.
    assert len(await engine.get_runs()) == 3


# ---------------------------------------------------------------------- where there are no threads


@pytest.fixture
async def threadless(
    tmp_path: Path, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[Durably, Disk]]:
    for module in ("durably_core.blocking", "durably_core.store.sqlite.store"):
        monkeypatch.setattr(f"{module}.HAS_THREADS", False)
    store = SQLiteStore(str(tmp_path / "durably.db"), exclusive=True, clock=clock)
    engine = create_durably(database=store, jobs={"work": make_job(nothing, name="work")}, clock=clock)
    await engine.migrate()
    yield engine, Disk(store)
    await engine.close()


async def test_writes_that_are_ready_share_one_commit_without_threads(threadless: tuple[Durably, Disk]) -> None:
    engine, disk = threadless
    runs = await within(asyncio.gather(*(engine.jobs.work.trigger({}) for _ in range(10))))
    assert disk.commits == 1
    assert {run.id for run in await engine.get_runs()} == {run.id for run in runs}


async def test_write_whose_store_is_closed_before_its_turn_does_not_open_it_again(
    threadless: tuple[Durably, Disk],
) -> None:
    engine, disk = threadless
    late = asyncio.ensure_future(engine.jobs.work.trigger({}))
    while not disk.store._writes._waiting:  # noqa: ASYNC110 - the very turn in which it waits
        await asyncio.sleep(0)
    await disk.store.close()
    with pytest.raises(StorageError, match="closed"):
        await within(late)
    assert disk.store._database.connection is None
    assert disk.commits == 0


async def test_write_that_was_carried_out_is_acknowledged_though_the_store_is_closed(
    threadless: tuple[Durably, Disk],
) -> None:
    engine, disk = threadless
    first = asyncio.ensure_future(engine.jobs.work.trigger({}))
    # Goes along with the first.
    second = asyncio.ensure_future(engine.jobs.work.trigger({}))
    closing: list[asyncio.Future[None]] = []
    commit = disk.store._commit_together

    def then_close(writes: list[Any]) -> None:
        commit(writes)
        closing.append(asyncio.ensure_future(disk.store.close()))

    disk.store._writes.together = then_close
    assert (await within(first)).id != (await within(second)).id
    await closing[0]
    assert disk.commits == 1
