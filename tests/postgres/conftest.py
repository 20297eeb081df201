"""Stores on a PostgreSQL of the tests' own."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from durably_core.store.postgres import PostgresStore
from tests.postgres.server import emptied

OpenAnother = Callable[..., PostgresStore]


@pytest.fixture
async def open_store() -> AsyncIterator[OpenAnother]:
    """Opens stores on one empty database, as other processes would."""
    url = emptied().url
    opened: list[PostgresStore] = []

    def open_another(**options: Any) -> PostgresStore:
        opened.append(PostgresStore(url, **options))
        return opened[-1]

    yield open_another
    for store in opened:
        await store.close()


@pytest.fixture
async def store(open_store: OpenAnother) -> PostgresStore:
    store = open_store()
    await store.migrate()
    return store
