"""A planted fault: SQLite syncs nothing, so what it wrote last waits in the worker's memory."""

import importlib
import sqlite3
from typing import Any

from durably_core.store.sqlite.database import Database

work = importlib.import_module("jobs").work

_open = Database._open


def opened(database: Database) -> sqlite3.Connection:
    is_new = database.connection is None
    connection = _open(database)
    if is_new:
        connection.execute("PRAGMA synchronous = OFF")
    return connection


patched: Any = Database
patched._open = opened
