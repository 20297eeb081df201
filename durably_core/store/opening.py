"""Which store a path or URL means."""

import importlib
import re

from durably_core.clock import Clock
from durably_core.errors import ValidationError
from durably_core.store.base import Store
from durably_core.store.sqlite import SQLiteStore

_PAIRS = re.compile(r"\s*(host|hostaddr|port|dbname|user|password|service)\s*=")
"""As libpq takes them, too. A file of such a name would be made, and no one would look there."""


def open_store(database: str, *, exclusive: bool = False, clock: Clock | None = None) -> Store:
    """The store that ``create_durably`` means by a path or URL. Raises ``ValidationError``."""
    if not database.startswith(("postgresql:", "postgres:")):
        return SQLiteStore(sqlite_path(database), exclusive=exclusive, clock=clock)
    if exclusive:
        raise ValidationError("exclusive=True is for files: no one owns a PostgreSQL database alone.")
    try:
        # Only now: who keeps to SQLite does not need to have the driver.
        postgres = importlib.import_module("durably_core.store.postgres")
    except ImportError as error:
        raise ValidationError(
            f"For PostgreSQL the driver is needed ({error}): pip install 'durably[postgres]'."
        ) from error
    store: Store = postgres.PostgresStore(database, clock=clock)
    return store


def sqlite_path(database: str) -> str:
    """The path in what ``create_durably`` takes as ``database``. Raises ``ValidationError``."""
    scheme, separator, rest = database.partition(":")
    if separator and scheme == "sqlite":
        database = rest.removeprefix("///").removeprefix("//")
    elif rest.startswith("//"):
        raise ValidationError(
            f"There is no store for {scheme}: databases. Pass a path, a sqlite: or a postgresql: URL."
        )
    if _PAIRS.match(database):
        raise ValidationError(
            "That looks like the address of a PostgreSQL database in pairs (host=… dbname=…). "
            "Write it as postgresql://user:password@host:5432/name."
        )
    if not database:
        raise ValidationError("The database needs a name: a path, or ':memory:' for one that does not last.")
    return database
