"""A store whose file others read, and one that is closed."""

import asyncio
import inspect
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from durably_core import SQLiteStore, StorageError, Store
from durably_core.store.base import Ending, Lease, Notes, Page, Period, RunFilter
from durably_core.store.sqlite.database import BUSY_TIMEOUT_MS
from tests.conftest import new_run, new_step, request_for

LEASE = Lease(run_id="01", generation=1, lease_ms=1000)
ARGUMENTS: dict[str, Any] = {
    "lease": LEASE,
    "step": new_step(),
    "notes": Notes(),
    "ending": Ending(status="completed"),
    "then_claim": None,
    "request": request_for(),
    "runs": [new_run("01")],
    "run_id": "01",
    "index": 0,
    "work": lambda _transaction: None,
    "is_to_stop": lambda: False,
    "command_id": "01",
    "sql": "SELECT 1",
    "parameters": (),
    "timeout_ms": 1000,
    "filter": RunFilter(),
    "period": Period(since_ms=0, until_ms=1, bucket_ms=1),
    "page": Page(),
    "job_names": ["work"],
    "types": None,
    "after": 0,
    "limit": 1,
    "keep": 1,
    "before_ms": 0,
    "keep_steps": True,
}
CALLS = [
    name for name in vars(Store) if not name.startswith("_") and name not in ("clock", "close", "name", "watch")
]


def arguments(name: str) -> dict[str, Any]:
    parameters = list(inspect.signature(getattr(Store, name)).parameters)[1:]
    return {parameter: ARGUMENTS[parameter] for parameter in parameters}


@pytest.mark.parametrize("name", CALLS)
async def test_closed_store_refuses_every_call(tmp_path: Path, name: str) -> None:
    store = SQLiteStore(str(tmp_path / "app.db"))
    await store.migrate()
    await store.close()
    with pytest.raises(StorageError, match="The store is closed"):
        await getattr(store, name)(**arguments(name))


async def test_checkpoint_does_not_wait_for_readers(tmp_path: Path) -> None:
    store = SQLiteStore(str(tmp_path / "app.db"))
    await store.migrate()
    await store.enqueue([new_run("01")])
    reader = sqlite3.connect(tmp_path / "app.db", isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM durably_runs").fetchone()
    await store.enqueue([new_run("02")])
    assert await store.checkpoint() is False
    reader.close()
    assert await store.checkpoint() is True
    await store.close()


@pytest.mark.parametrize("busy", [True, False])
async def test_checkpoint_restores_the_patience_of_writes(tmp_path: Path, busy: bool) -> None:
    store = SQLiteStore(str(tmp_path / "app.db"))
    await store.migrate()
    other = sqlite3.connect(tmp_path / "app.db", isolation_level=None)
    if busy:
        other.execute("BEGIN IMMEDIATE")
    connection = store._database.connection
    assert connection is not None
    patience: list[int] = []
    connection.set_trace_callback(
        lambda statement: patience.append(int(statement.split()[-1])) if "busy_timeout" in statement else None
    )
    assert await store.checkpoint() is not busy
    other.close()
    assert patience == [0, BUSY_TIMEOUT_MS]
    assert connection.execute("PRAGMA busy_timeout").fetchone()[0] == BUSY_TIMEOUT_MS == 60_000
    await store.close()


async def test_call_beside_the_closing_is_refused(tmp_path: Path) -> None:
    store = SQLiteStore(str(tmp_path / "app.db"))
    await store.migrate()
    _, answer = await asyncio.gather(store.close(), store.get_run("01"), return_exceptions=True)
    assert (type(answer), store._database.connection) == (StorageError, None)
