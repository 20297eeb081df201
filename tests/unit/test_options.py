"""Options that can't work are refused when the engine is made."""

import sys
from pathlib import Path
from typing import Any

import pytest

from durably_core import SQLiteStore, StorageError, ValidationError, create_durably
from tests.conftest import make_job, nothing

INTERVALS = ("polling_interval_ms", "lease_ms", "lease_renew_interval_ms")


def create(**options: Any) -> Any:
    return create_durably(**({"database": ":memory:", "jobs": {"work": make_job(nothing)}} | options))


@pytest.mark.parametrize("name", INTERVALS)
@pytest.mark.parametrize("value", [0, -1, 1.5, True, None, "100", float("nan")], ids=repr)
def test_interval_must_be_whole_milliseconds(name: str, value: Any) -> None:
    with pytest.raises(ValidationError, match=f"{name} must be a whole number of milliseconds"):
        create(**{name: value})


@pytest.mark.parametrize("value", [0, -1, 1.5, True, None, "2", 1001], ids=repr)
def test_slots_must_be_one_to_a_thousand(value: Any) -> None:
    with pytest.raises(ValidationError, match="max_concurrent_runs must be a whole number from 1 to 1000"):
        create(max_concurrent_runs=value)


@pytest.mark.parametrize("value", [1, 1000])
def test_slots_may_be_one_or_a_thousand(value: int) -> None:
    create(max_concurrent_runs=value)


def test_renewals_must_fit_into_the_lease() -> None:
    create(lease_ms=1000, lease_renew_interval_ms=500)
    with pytest.raises(ValidationError, match="must be at most half of"):
        create(lease_ms=1000, lease_renew_interval_ms=501)


def test_two_jobs_cannot_share_a_name() -> None:
    with pytest.raises(ValidationError, match="Two jobs are named 'work'"):
        create(jobs={"one": make_job(nothing), "two": make_job(nothing)})


def test_one_job_may_have_two_keys() -> None:
    job = make_job(nothing)
    create(jobs={"one": job, "two": job})


def test_postgresql_has_no_single_owner() -> None:
    with pytest.raises(ValidationError, match="no one owns a PostgreSQL database alone"):
        create(database="postgresql://localhost/app", exclusive=True)


def test_address_of_postgresql_is_checked() -> None:
    with pytest.raises(ValidationError, match=r"postgresql://user:password@host:5432/name"):
        create(database="postgresql://localhost/app?no=such")


async def test_name_of_a_database_has_no_password() -> None:
    store = create(database="postgresql://me:secret@db.internal:5433/app").store
    assert store.name == "app on db.internal"
    await store.close()


def test_driver_of_postgresql_is_asked_for_where_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "durably_core.store.postgres", None)
    with pytest.raises(ValidationError, match=r"pip install 'durably\[postgres\]'"):
        create(database="postgresql://localhost/app")


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("app.db", "app.db"),
        ("sqlite:app.db", "app.db"),
        ("sqlite:///app.db", "app.db"),
        ("sqlite:////tmp/app.db", "/tmp/app.db"),
        (":memory:", ":memory:"),
        ("sqlite::memory:", ":memory:"),
        (r"C:\data\app.db", r"C:\data\app.db"),
    ],
)
def test_database_may_be_path_or_url(url: str, path: str) -> None:
    assert create(database=url).store._database._path == path


@pytest.mark.parametrize(
    ("database", "sentence"),
    [
        (
            "mysql://x",
            "There is no store for mysql: databases. Pass a path, a sqlite: or a postgresql: URL.",
        ),
        ("host=db.internal dbname=app", r"Write it as postgresql://user:password@host:5432/name"),
        ("", r"The database needs a name: a path, or ':memory:'"),
        ("sqlite:", r"The database needs a name: a path, or ':memory:'"),
    ],
)
def test_impossible_database_is_refused_in_words(database: str, sentence: str) -> None:
    with pytest.raises(ValidationError, match=sentence):
        create(database=database)


@pytest.mark.parametrize("database", ["", "sqlite:", "sqlite:///"])
async def test_nameless_database_is_refused(database: str) -> None:
    # SQLite takes "" for a temporary file that is gone at the end.
    with pytest.raises((ValidationError, StorageError)):
        await create(database=database).migrate()


def test_making_an_engine_opens_nothing(tmp_path: Path) -> None:
    create(database=str(tmp_path / "app.db"))
    assert list(tmp_path.iterdir()) == []


async def test_missing_folder_is_a_storage_error(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="could not be read or written"):
        await SQLiteStore(str(tmp_path / "none" / "app.db")).migrate()


async def test_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "app.db"
    path.write_text("this is not a database, but it is long enough to be looked at" * 50)
    with pytest.raises(StorageError, match="not a database"):
        await SQLiteStore(str(path)).migrate()


async def test_engine_closes_twice(tmp_path: Path) -> None:
    engine = create(database=str(tmp_path / "app.db"))
    await engine.init()
    await engine.close()
    await engine.close()


@pytest.mark.parametrize("build", ["", "x" * 201, "a\nb", 7, b"v1"])
def test_build_is_a_short_name(build: Any) -> None:
    with pytest.raises(ValidationError, match="build must be a text of 1 to 200 printable characters"):
        create(build=build)


def test_build_may_be_a_commit() -> None:
    create(build="f" * 40)
