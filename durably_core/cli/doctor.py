"""``durably doctor``: whether everything is as it should be, and what to do if not."""

import os
from collections.abc import Iterator
from importlib import import_module
from typing import Any

import typer
from rich.console import Console
from rich.text import Text

from durably_core.cli.checks import check_database, check_machine
from durably_core.cli.content import Check
from durably_core.cli.options import App, Database, Json, open_any
from durably_core.cli.output import console, plain, print_json, styled
from durably_core.durably import Durably
from durably_core.errors import DurablyError
from durably_core.store.base import Store
from durably_core.store.sqlite import SQLiteStore


def doctor(database: Database = None, app: App = None, json: Json = False) -> None:
    """Check the machine and the database. Changes nothing.

    With --app it also looks for runs of jobs that the app does not have. Exit code 1 when a check fails.
    """
    found = list(_checks(database, app))
    if json:
        print_json(to_wire(found))
    else:
        for check in found:
            _print(console(), check)
    if not _is_well(found):
        raise typer.Exit(1)


def to_wire(found: list[Check]) -> dict[str, Any]:
    checks = [{"name": each.name, "state": each.state, "text": each.text, "todo": each.todo} for each in found]
    return {"ok": _is_well(found), "checks": checks}


def _is_well(found: list[Check]) -> bool:
    return all(each.state != "fail" for each in found)


def _checks(database: str | None, app: str | None) -> Iterator[Check]:
    yield from check_machine()
    try:
        durably = open_any(database, app)
    except DurablyError as error:
        yield Check(name="app", state="fail", text="can't be loaded", todo=error.message)
        return
    named = app or (os.environ.get("DURABLY_APP") if database is None else None)
    if named:
        yield Check(name="app", state="ok", text=f"{named}: {', '.join(_job_names(durably)) or 'no jobs'}")
    yield from _check_store(durably.store, _job_names(durably) if named else None)


def _check_store(store: Store, job_names: list[str] | None) -> Iterator[Check]:
    if isinstance(store, SQLiteStore):
        yield from check_database(store.path, job_names)
    elif hasattr(store, "connected"):
        # Only now: who keeps to SQLite does not need to have the driver.
        postgres = import_module("durably_core.cli.checks_postgres")
        yield from postgres.check_postgres(store, job_names)
    else:
        yield Check(name="database", state="ok", text="a store of another kind, which is not looked into")


def _job_names(durably: Durably) -> list[str]:
    return sorted({handle.name for handle in durably.jobs})


def _print(out: Console, check: Check) -> None:
    out.print(Text.assemble(_padded(check.state), f"{check.name:<18}", plain(check.text)), soft_wrap=True)
    if check.todo is not None:
        out.print(Text(f"{'':<6}{'':<18}{plain(check.todo)}", style="bold"), soft_wrap=True)


def _padded(state: str) -> Text:
    word = styled(state)
    word.pad_right(6 - len(state))
    return word
