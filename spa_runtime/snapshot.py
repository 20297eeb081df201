"""What of Python's memory is kept between starts of the engine. Runs inside Pyodide.

To import this module is to import what each start would import again: the engine, and what job files import of
pydantic. The memory is kept after ``prepare``, and a later start goes on from it. No JavaScript may be in it.
"""

import importlib
import random

from pydantic import (  # noqa: F401 - pydantic imports these when they are asked for
    BaseModel,
    ConfigDict,
    Field,
    RootModel,
    TypeAdapter,
    dataclasses,
    field_validator,
    model_validator,
)

import spa_runtime.bridge
import spa_runtime.interrupting
import spa_runtime.library
import spa_runtime.storage  # noqa: F401
from durably_core.store.sql import migrations, queries


def prepare() -> None:
    """Read what the engine reads once. Called before the memory is kept."""
    queries("sqlite")
    migrations("sqlite")


def restored() -> None:
    """A start goes on from here."""
    # Two starts from one memory would draw the same numbers.
    random.seed()
    # The files are others: those of the jobs above all.
    importlib.invalidate_caches()
