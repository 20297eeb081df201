"""A planted fault: SQLite syncs nothing, so what it wrote last waits in the worker's memory.

From the engine's own test on, which looks for just that.
"""

import importlib
from typing import Any

from durably_core.store.sqlite import SQLiteStore

work = importlib.import_module("jobs").work

_commit_once = SQLiteStore.commit_once


async def commit_once(store: SQLiteStore) -> None:
    await _commit_once(store)
    connection = store._database.connection
    assert connection is not None
    connection.execute("PRAGMA synchronous = OFF")


patched: Any = SQLiteStore
patched.commit_once = commit_once
