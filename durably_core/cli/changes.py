"""Commands that change runs and the database: cancel, retrigger, delete, purge, migrate."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer

from durably_core.cli.database import expect_current, name_of
from durably_core.cli.options import (
    App,
    Database,
    EngineOptions,
    Json,
    RunIds,
    Target,
    open_any,
    open_existing,
    open_target,
)
from durably_core.cli.output import counted, is_terminal, local, print_error, print_json
from durably_core.cli.running import run
from durably_core.durably import Durably
from durably_core.errors import DurablyError, ValidationError
from durably_core.options import age_in_ms

PURGE_AT_ONCE = 500
"""Runs per transaction: workers write in between."""

OlderThan = Annotated[
    str, typer.Option("--older-than", metavar="AGE", help="Runs that ended longer ago, as 30d, 12h or 90m.")
]
PurgeLimit = Annotated[
    int | None,
    typer.Option("--limit", metavar="N", min=0, help="At most so many. [default: all]"),
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Delete without asking.")]

Change = Callable[[str], Awaitable[dict[str, Any]]]


def cancel(run_ids: RunIds, database: Database = None, app: App = None, json: Json = False) -> None:
    """Cancel runs that wait or execute."""
    durably = open_existing(database, app)

    async def change(run_id: str) -> dict[str, Any]:
        await durably.cancel(run_id)
        return {}

    _change(durably, run_ids, change, "cancelled", json)


def delete(run_ids: RunIds, database: Database = None, app: App = None, json: Json = False) -> None:
    """Delete runs that have ended, with their steps and logs."""
    durably = open_existing(database, app)

    async def change(run_id: str) -> dict[str, Any]:
        await durably.delete_run(run_id)
        return {}

    _change(durably, run_ids, change, "deleted", json)


def retrigger(target: Target, run_ids: RunIds, database: Database = None, json: Json = False) -> None:
    """Repeat runs that have ended, as new ones with the same input."""
    durably = open_target(target, EngineOptions(database=database))
    expect_current(durably)

    async def change(run_id: str) -> dict[str, Any]:
        return {"newRunId": (await durably.retrigger(run_id)).id}

    _change(durably, run_ids, change, "retriggered", json)


def _change(durably: Durably, run_ids: list[str], change: Change, done: str, json: bool) -> None:
    """Each of the runs, whatever becomes of the others. Exit code 1 when one could not be changed."""
    outcomes = run(_changed(durably, run_ids, change))
    if json:
        print_json(outcomes)
    for outcome in outcomes:
        if "error" in outcome:
            print_error(outcome["error"]["message"])
        elif not json:
            new = f" as {outcome['newRunId']}" if "newRunId" in outcome else ""
            typer.echo(f"{outcome['runId']} {done}{new}")
    if not all(outcome["success"] for outcome in outcomes):
        raise typer.Exit(1)


async def _changed(durably: Durably, run_ids: list[str], change: Change) -> list[dict[str, Any]]:
    outcomes = []
    try:
        for run_id in dict.fromkeys(run_ids):
            try:
                outcomes.append({"runId": run_id, "success": True, **await change(run_id)})
            except DurablyError as error:
                outcomes.append({"runId": run_id, "success": False, "error": error.to_wire()})
    finally:
        await durably.close()
    return outcomes


def purge(
    older_than: OlderThan,
    database: Database = None,
    app: App = None,
    limit: PurgeLimit = None,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Delete all runs that ended long ago."""
    before = datetime.now(UTC) - timedelta(milliseconds=age_in_ms("--older-than", older_than))
    durably = open_existing(database, app)
    if not yes and (json or not is_terminal()):
        raise ValidationError("There is no one to ask whether to delete runs: add --yes.")
    deleted = run(_purge(durably, before, limit, ask=not yes))
    if json:
        print_json({"deleted": deleted})
    else:
        typer.echo(f"{counted(deleted, 'run')} deleted.")


async def _purge(durably: Durably, before: datetime, limit: int | None, *, ask: bool) -> int:
    try:
        if ask:
            await _ask(durably, before, limit)
        deleted = 0
        while limit is None or deleted < limit:
            most = PURGE_AT_ONCE if limit is None else min(PURGE_AT_ONCE, limit - deleted)
            purged = await durably.purge_runs(older_than=before, limit=most)
            deleted += purged
            if purged < most:
                break
        return deleted
    finally:
        await durably.close()


async def _ask(durably: Durably, before: datetime, limit: int | None) -> None:
    # In the text: databases differ in how they write a parameter.
    moment = round(before.timestamp() * 1000)
    sql = f"SELECT count(*) FROM durably_runs WHERE completed_at < {moment}"  # noqa: S608 - a number
    [[found]] = (await durably.query(sql)).rows
    count = found if limit is None else min(found, limit)
    if count:
        what = f"{counted(count, 'run')} that ended before {local(before)}"
        typer.confirm(f"Delete {what}?", abort=True, err=True)


def migrate(database: Database = None, app: App = None, json: Json = False) -> None:
    """Create the database, or bring its tables up to date."""
    durably = open_any(database, app)
    version = run(_migrate(durably))
    name = name_of(durably)
    if json:
        print_json({"database": name, "schemaVersion": version})
    else:
        typer.echo(f"{name} has schema version {version}.")


async def _migrate(durably: Durably) -> int:
    try:
        await durably.migrate()
        [[version]] = (await durably.query("SELECT max(version) FROM durably_schema_versions")).rows
        return int(version)
    finally:
        await durably.close()
