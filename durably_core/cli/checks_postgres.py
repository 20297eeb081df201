"""What ``durably doctor`` looks at in PostgreSQL. It reads only."""

from collections.abc import Iterable, Iterator
from typing import Any

import psycopg

from durably_core.cli.content import Check, check_content
from durably_core.cli.output import size
from durably_core.store.postgres import PostgresStore
from durably_core.store.postgres.schema import MINIMUM_VERSION

CONNECT_TIMEOUT_S = 5
UNSAFE = {
    "fsync": "A crash of the server's machine may damage the whole database: set it to on.",
    "synchronous_commit": "What was said to be written may be lost in a crash of the server: set it to on.",
}
"""Settings that are not to be off."""


def check_postgres(store: PostgresStore, job_names: Iterable[str] | None) -> Iterator[Check]:
    """The server and what is in it. ``job_names``: those that are known; None: not known which."""
    try:
        with psycopg.connect(store.url, autocommit=True, connect_timeout=CONNECT_TIMEOUT_S) as connection:
            connection.execute("SET default_transaction_read_only = on")
            yield from _check_server(connection, store)
            yield from _check_inside(connection, store.schema, job_names)
    except psycopg.OperationalError as error:
        todo = "Look whether the server runs, and whether address, user and password are right."
        text = f"{store.name} can't be reached: {str(error).strip()}"
        yield Check(name="database", state="fail", text=text, todo=todo)


def _check_server(connection: psycopg.Connection[Any], store: PostgresStore) -> Iterator[Check]:
    number = connection.info.server_version
    version = f"PostgreSQL {number // 10_000}.{number % 10_000}"
    row = connection.execute("SELECT pg_database_size(current_database()), pg_is_in_recovery()").fetchone()
    assert row is not None
    text = f"{store.name}, {version}, {size(row[0])}"
    if number < MINIMUM_VERSION:
        todo = f"PostgreSQL {MINIMUM_VERSION // 10_000} or newer is needed."
        yield Check(name="database", state="fail", text=text, todo=todo)
    else:
        yield Check(name="database", state="ok", text=text)
    if row[1]:
        todo = "It is a standby: name the primary."
        yield Check(name="writable", state="fail", text="the server only reads", todo=todo)
    else:
        yield Check(name="writable", state="ok", text="the server is no standby")
    off = [name for name in UNSAFE if connection.execute(f"SHOW {name}".encode()).fetchone() == ("off",)]
    for name in off:
        yield Check(name="durability", state="warn", text=f"{name} is off", todo=UNSAFE[name])
    if not off:
        yield Check(name="durability", state="ok", text="each commit is flushed")


def _check_inside(
    connection: psycopg.Connection[Any], schema: str, job_names: Iterable[str] | None
) -> Iterator[Check]:
    connection.execute(
        "SELECT set_config('search_path', %s, false)", (psycopg.sql.Identifier(schema).as_string(),)
    )
    there = connection.execute("SELECT to_regclass('durably_schema_versions') IS NOT NULL").fetchone()
    applied: dict[int, str] = {}
    if there == (True,):
        applied = dict(connection.execute("SELECT version, checksum FROM durably_schema_versions").fetchall())

    def rows(sql: str) -> list[Any]:
        return connection.execute(sql.encode()).fetchall()

    yield from check_content(rows, "postgres", f"The schema {schema!r}", applied, job_names)
