"""``durably check-deploy``: what a deploy does to runs that are in flight, said before it."""

import asyncio
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from pydantic_core import to_json

from durably_core.store.base import Page, RunFilter
from durably_core.store.opening import open_store
from spa_runtime.deploys import Change, compare, read_version, worst

MOST_SHOWN = 20
"""Runs of one job, for people."""

Old = Annotated[Path, typer.Argument(help="What is deployed: a folder that was built, or a job file.")]
New = Annotated[Path, typer.Argument(help="What is to be deployed.")]
Database = Annotated[
    str | None,
    typer.Option(
        "--database", metavar="PATH", help="Where the runs are: jobs without one in flight are left out."
    ),
]
Strict = Annotated[bool, typer.Option("--strict", help="Fail for risky changes, too.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


def check_deploy(
    old: Old, new: New, database: Database = None, strict: Strict = False, json: Json = False
) -> None:
    """Say which changes are safe, risky or breaking for runs in flight. Exit code 1: breaking."""
    before, after = read_version(old), read_version(new)
    changes = compare(before, after)
    in_flight = None if database is None else asyncio.run(_in_flight(database, [*before.jobs]))
    if in_flight is not None:
        changes = [change for change in changes if change.job in in_flight]
    verdict = worst(changes)
    if json:
        told = {"verdict": verdict, "inFlight": in_flight, "changes": [asdict(change) for change in changes]}
        typer.echo(to_json(told, indent=2).decode())
    else:
        _tell(changes, in_flight)
    if verdict == "breaking" or (strict and verdict == "risky"):
        raise typer.Exit(1)


async def _in_flight(database: str, names: list[str]) -> dict[str, list[str]]:
    """The ids of runs that wait or execute, newest first, by the name of their job, if it has any."""
    store = open_store(database)
    try:
        found = {}
        for name in names:
            wanted = RunFilter(job_names=(name,), statuses=("pending", "leased"))
            runs = await store.get_runs(wanted, Page(limit=None, summary=True))
            if runs:
                found[name] = [run.id for run in runs]
        return found
    finally:
        await store.close()


def _tell(changes: list[Change], in_flight: dict[str, list[str]] | None) -> None:
    if not changes:
        typer.echo(
            "safe: no run in flight is affected" if in_flight is not None else "safe: nothing has changed"
        )
        return
    for job in dict.fromkeys(change.job for change in changes):
        own = [change for change in changes if change.job == job]
        runs = [] if in_flight is None else in_flight[job]
        typer.echo(f"{job}: {worst(own)}" + (f", {len(runs)} in flight" if runs else ""))
        for run_id in runs[:MOST_SHOWN]:
            typer.echo(f"  run       {run_id}")
        if len(runs) > MOST_SHOWN:
            typer.echo(f"            and {len(runs) - MOST_SHOWN:,} more: --json names all of them")
        for change in sorted(own, key=lambda change: change.verdict != worst(own)):
            typer.echo(f"  {change.verdict:8}  {change.what}")
            typer.echo(f"            {change.means}")
            if change.todo is not None:
                typer.echo(f"            → {change.todo}")
