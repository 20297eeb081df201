"""What was begun in a browser goes on in PostgreSQL."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import psycopg

from tests.browser.browser import Chromium, Site, trigger, wait_for, wait_until_ended, wait_until_ready
from tests.browser.test_storage import export
from tests.postgres.moves import contents, move
from tests.postgres.server import emptied


def test_database_of_a_browser_moves_to_postgresql(chromium: Chromium, test_site: Site, tmp_path: Path) -> None:
    page = chromium.open(test_site.url)
    wait_until_ready(page)
    ended = wait_until_ended(page, trigger(page, "count", {"count": 3}))
    executing = trigger(page, "gate", {"count": 3, "closed_at": 2})
    waiting = trigger(page, "count", {"count": 1})
    wait_for(page, lambda: "begin 2" in chromium.bodies)
    url = emptied().url

    file = export(page, tmp_path / "app.db")
    refused = move(file, url)
    assert (refused.returncode, "stop its workers" in refused.stderr) == (1, True), refused.stderr

    with closing(sqlite3.connect(file)) as later:
        later.execute("UPDATE durably_runs SET lease_expires_at = 1 WHERE lease_owner IS NOT NULL")
        later.commit()
    moved = move(file, url)
    assert moved.returncode == 0, moved.stderr
    assert json.loads(moved.stdout) == {"runs": 3, "foundBefore": 0}
    with psycopg.connect(url) as there, closing(sqlite3.connect(file)) as here:
        assert contents(there) == contents(here)
        statuses = {row[0]: row[1] for row in there.execute("SELECT id, status FROM durably_runs").fetchall()}
        steps = there.execute("SELECT name FROM durably_steps WHERE run_id = %s ORDER BY name", [executing])
        assert steps.fetchall() == [("step-0",), ("step-1",)]
    assert statuses == {ended["id"]: "completed", executing: "leased", waiting: "pending"}
