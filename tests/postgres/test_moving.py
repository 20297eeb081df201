"""Runs move from a SQLite file to PostgreSQL whole, or not at all, and go on there."""

import json
import sqlite3
from pathlib import Path

import psycopg
import pytest
from psycopg.rows import dict_row

from durably_core import StepContext, create_durably, with_log_persistence
from durably_core.store.postgres import moving
from durably_core.store.postgres.schema import migrate
from tests.conftest import Numbers, make_job, within
from tests.postgres.moves import contents, move
from tests.postgres.server import emptied

MANY = 450
"""More than two batches."""


async def body(step: StepContext, input: Numbers) -> None:
    step.log.info("begins", data={"count": input.count})
    for number in range(2):
        await step.run(f"step-{number}", lambda: {"text": "ä\u0001 '", "n": [1.5, None]})
    if input.count == 1:
        raise RuntimeError("no")


JOBS = {"work": make_job(body)}


@pytest.fixture
async def file(tmp_path: Path) -> Path:
    """Runs of all kinds, with all that runs may have."""
    path = tmp_path / "app.db"
    engine = create_durably(database=str(path), jobs=JOBS, preserve_steps=True).use(with_log_persistence())
    await engine.migrate()
    work = engine.jobs.work
    for count in range(3):
        await work.trigger({"count": count}, labels={"user": f"u{count}"}, idempotency_key=f"key-{count}")
    await within(engine.process_until_idle())
    cancelled = await work.trigger({})
    await engine.cancel(cancelled.id)
    await work.trigger({}, concurrency_key="waits")
    await work.batch_trigger([{"count": number} for number in range(MANY)])
    await engine.close()
    return path


@pytest.fixture
def url() -> str:
    return emptied().url


async def test_all_that_belongs_to_runs_is_moved_and_goes_on(file: Path, url: str) -> None:
    moved = move(file, url)
    assert moved.returncode == 0, moved.stderr
    assert json.loads(moved.stdout) == {"runs": MANY + 5, "foundBefore": 0}
    with psycopg.connect(url) as there, sqlite3.connect(file) as here:
        assert contents(there) == contents(here)
    engine = create_durably(database=url, jobs=JOBS)
    repeated = await engine.jobs.work.trigger({"count": 0}, idempotency_key="key-0")
    assert repeated.disposition == "idempotent"
    assert await engine.process_one()
    assert (await engine.count_runs())["completed"] == 3
    await engine.close()


def test_what_was_broken_off_goes_on(file: Path, url: str) -> None:
    def stop(done: int, _total: int) -> None:
        if done > moving.BATCH:
            raise KeyboardInterrupt

    with psycopg.connect(url, autocommit=True, row_factory=dict_row) as there, sqlite3.connect(file) as here:
        migrate(there, "public")
        with pytest.raises(KeyboardInterrupt):
            moving.move(here, there, stop)
    again = move(file, url)
    assert json.loads(again.stdout) == {"runs": MANY + 5, "foundBefore": 2 * moving.BATCH}
    with psycopg.connect(url) as there_again, sqlite3.connect(file) as here:
        assert contents(there_again) == contents(here)


def test_difference_undoes_the_batch(file: Path, url: str) -> None:
    with psycopg.connect(url, autocommit=True, row_factory=dict_row) as there:
        migrate(there, "public")
        there.execute(
            "CREATE FUNCTION spoil() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN NEW.message := 'spoilt'; RETURN NEW; END $$"
        )
        there.execute(
            "CREATE TRIGGER spoil BEFORE INSERT ON durably_logs FOR EACH ROW EXECUTE FUNCTION spoil()"
        )
        moved = move(file, url)
        assert (moved.returncode, "was not the same when it was read again" in moved.stderr) == (1, True)
        assert there.execute("SELECT count(*) AS runs FROM durably_runs").fetchone() == {"runs": 0}


async def test_run_that_waits_in_the_same_place_is_told(file: Path, url: str) -> None:
    engine = create_durably(database=url, jobs=JOBS)
    await engine.migrate()
    await engine.jobs.work.trigger({}, concurrency_key="waits")
    await engine.close()
    moved = move(file, url)
    assert (moved.returncode, "something is in their place" in moved.stderr) == (1, True), moved.stderr


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        (
            "UPDATE durably_runs SET lease_owner = 'w', lease_expires_at = 9e12 WHERE status = 'cancelled'",
            "stop its workers",
        ),
        ("DELETE FROM durably_schema_versions", "no tables of Durably"),
        ("UPDATE durably_logs SET message = 'a' || char(0)", "can't hold a value"),
    ],
)
def test_file_that_can_not_be_moved_is_told(file: Path, url: str, changed: str, sentence: str) -> None:
    here = sqlite3.connect(file)
    with here:
        here.execute(changed)
    here.close()
    moved = move(file, url)
    assert (moved.returncode, sentence in moved.stderr) == (1, True), moved.stderr


def test_other_kinds_of_database_are_told(file: Path) -> None:
    assert "--to needs the address of a PostgreSQL database" in move(file, f"{file}2").stderr
    assert "There is no database nowhere.db" in move(Path("nowhere.db"), "postgresql://localhost/x").stderr
