"""What ``durably doctor`` finds, and that it changes nothing."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from durably_core import create_durably
from tests.unit.conftest import Command


def checks(run: Command, *arguments: str) -> dict[str, tuple[str, str, str | None]]:
    """State, text and advice of each check, by name."""
    answer = run("doctor", "--json", *arguments)
    assert answer.code == (0 if answer.json["ok"] else 1)
    return {each["name"]: (each["state"], each["text"], each["todo"]) for each in answer.json["checks"]}


def change(folder: Path, sql: str, *parameters: Any) -> None:
    with closing(sqlite3.connect(folder / "durably.db")) as connection, connection:
        connection.execute(sql, parameters)


def test_all_is_well(run: Command) -> None:
    run.ok("trigger", "jobs.py", "bake", "--run")
    answer = run.ok("doctor")
    assert [line.split()[0] for line in answer.out.splitlines()] == ["ok"] * len(answer.out.splitlines())
    found = checks(run, "--app", "jobs.py")
    assert found["runs"] == ("ok", "1 completed", None)
    assert found["schema"] == ("ok", "version 5", None)
    assert found["journal"] == ("ok", "WAL", None)
    assert found["app"] == ("ok", "jobs.py: bake, burn", None)
    assert found["events"][1].endswith("events kept, 1 to 10")


def test_doctor_makes_no_database(run: Command, folder: Path) -> None:
    state, text, todo = checks(run)["database"]
    assert (state, text) == ("fail", "durably.db can't be opened")
    assert todo is not None
    assert "make it with `durably migrate`" in todo
    assert not list(folder.glob("durably.db*"))


def test_doctor_leaves_a_database_as_it_is(run: Command, folder: Path) -> None:
    run.ok("trigger", "jobs.py", "bake")
    [path] = folder.glob("durably.db*")
    before = path.read_bytes(), path.stat().st_mtime_ns
    run.ok("doctor")
    assert list(folder.glob("durably.db*")) == [path]
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before


async def test_doctor_looks_beside_an_open_engine(run: Command, folder: Path) -> None:
    engine = create_durably(database=str(folder / "durably.db"))
    await engine.migrate()
    found = checks(run)
    assert "in its WAL" in found["database"][1]
    assert found["schema"][0] == "ok"
    await engine.close()


@pytest.mark.parametrize("content", [b"no database at all" * 99, None], ids=["other", "damaged"])
def test_damage_is_found(run: Command, folder: Path, content: bytes | None) -> None:
    run.ok("trigger", "jobs.py", "bake")
    path = folder / "durably.db"
    if content is None:
        page = 4096
        whole = path.read_bytes()
        content = whole[: 2 * page] + bytes([255]) * page + whole[3 * page :]
    path.write_bytes(content)
    found = checks(run)
    state, _, todo = found.get("integrity") or found["content"]
    assert state == "fail"
    assert todo is not None
    assert "from a backup" in todo
    assert path.read_bytes() == content


def test_missing_tables_are_found(run: Command, folder: Path) -> None:
    (folder / "durably.db").touch()
    assert checks(run)["schema"][0] == "fail"


def test_journal_that_is_no_wal_is_found(run: Command, folder: Path) -> None:
    run.ok("migrate")
    change(folder, "PRAGMA journal_mode = DELETE")
    assert checks(run)["journal"][0] == "warn"


def test_runs_of_unknown_jobs_are_found(run: Command, folder: Path) -> None:
    run.ok("trigger", "jobs.py", "bake")
    (folder / "others.py").write_text((folder / "jobs.py").read_text().replace('"bake"', '"bread"'))
    found = checks(run, "--app", "others.py")
    assert found["unknown jobs"][:2] == ("warn", "runs wait for jobs that are not known: bake (1)")
    assert "unknown jobs" not in checks(run)
    assert checks(run, "--app", "jobs.py")["unknown jobs"][0] == "ok"


def test_leases_that_have_run_out_are_found(run: Command, folder: Path) -> None:
    run.ok("trigger", "jobs.py", "bake")
    change(folder, "UPDATE durably_runs SET status = 'leased', lease_owner = 'x', lease_expires_at = 1")
    assert checks(run)["leases"][:2] == ("warn", "1 lease run out")


def test_runs_that_wait_for_long_are_found(run: Command, folder: Path) -> None:
    run.ok("trigger", "jobs.py", "bake")
    assert checks(run)["waiting"][0] == "ok"
    change(folder, "UPDATE durably_runs SET created_at = created_at - 3600000")
    assert checks(run)["waiting"][:2] == ("warn", "1 run, the oldest created 1 h ago")


def test_app_that_cannot_be_loaded_is_found(run: Command) -> None:
    assert checks(run, "--app", "nowhere.py")["app"] == (
        "fail",
        "can't be loaded",
        "There is no job file nowhere.py.",
    )
