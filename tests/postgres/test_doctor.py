"""What ``durably doctor`` finds in PostgreSQL."""

import json
import subprocess
import sys

import psycopg
import pytest

from durably_core.store.postgres import PostgresStore
from tests.conftest import claim, new_run, request_for
from tests.postgres.server import emptied, free_port

Found = dict[str, tuple[str, str, str | None]]


def checks(url: str) -> Found:
    """State, text and advice of each check, by name."""
    code = "from durably_core.cli import main; main()"
    command = [sys.executable, "-c", code, "doctor", "--database", url, "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    answer = json.loads(done.stdout)
    assert done.returncode == (0 if answer["ok"] else 1)
    return {each["name"]: (each["state"], each["text"], each["todo"]) for each in answer["checks"]}


async def test_runs_and_leases_are_told(store: PostgresStore) -> None:
    await store.enqueue([new_run(f"run-{number}") for number in range(3)])
    assert await claim(store, request_for(lease_ms=1)) is not None
    found = checks(store.url)
    assert found["schema"] == ("ok", "version 3", None)
    assert found["runs"] == ("ok", "1 leased, 2 pending", None)
    assert found["leases"][:2] == ("warn", "1 lease run out")
    assert found["events"][1].startswith("4 events kept")
    assert "PostgreSQL" in found["database"][1]
    # The server of the tests.
    assert found["durability"][:2] == ("warn", "fsync is off")


def test_database_without_tables_is_told() -> None:
    state, text, todo = checks(emptied().url)["schema"]
    assert (state, text) == ("fail", "does not fit this version")
    assert todo == "The schema 'public' has no tables of Durably: name another, or run `durably migrate`."


@pytest.mark.parametrize(
    ("sql", "todo"),
    [
        ("INSERT INTO durably_schema_versions VALUES (99, '', 0)", "update Durably"),
        ("UPDATE durably_schema_versions SET checksum = 'other'", "development version"),
        ("DELETE FROM durably_schema_versions", "run `durably migrate`."),
    ],
)
async def test_other_schema_is_told(store: PostgresStore, sql: str, todo: str) -> None:
    with psycopg.connect(store.url, autocommit=True) as connection:
        connection.execute(sql.encode())
    state, _, advice = checks(store.url)["schema"]
    assert (state, advice is not None and todo in advice) == ("fail", True), advice


def test_server_that_is_not_there_is_told() -> None:
    state, text, todo = checks(f"postgresql://durably@127.0.0.1:{free_port()}/app")["database"]
    assert (state, "app on 127.0.0.1 can't be reached" in text) == ("fail", True), text
    assert todo is not None
