"""A planted fault: one trigger in eight is acknowledged and rolled back."""

import importlib
import itertools
from collections.abc import Callable
from typing import Any

from durably_core.store.sqlite.database import Database
from durably_core.store.transitions import Transitions

work = importlib.import_module("jobs").work

_enqueue = Transitions.enqueue
_write = Database.write
_numbers = itertools.count(1)


class RolledBackError(Exception):
    pass


def enqueue(transitions: Transitions, runs: Any) -> Any:
    enqueued = _enqueue(transitions, runs)
    if next(_numbers) % 8 == 0:
        raise RolledBackError(enqueued)
    return enqueued


def write(database: Database, change: Callable[[], Any], **options: Any) -> Any:
    try:
        return _write(database, change, **options)
    except RolledBackError as error:
        return error.args[0]


patched_transitions: Any = Transitions
patched_transitions.enqueue = enqueue
patched_database: Any = Database
patched_database.write = write
