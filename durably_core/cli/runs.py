"""``durably runs``: which runs there are."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.cells import cell_len
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Column, Table
from rich.text import Text

from durably_core import tasks
from durably_core.cli.completion import complete_run_ids, complete_statuses, complete_stored_jobs
from durably_core.cli.options import App, Database, Json, open_existing
from durably_core.cli.output import (
    GAP,
    ago,
    console,
    counted,
    duration,
    first_line,
    local,
    pairs,
    plain,
    print_json,
    styled,
    table,
)
from durably_core.cli.pairs import labels_of
from durably_core.cli.running import listening, run
from durably_core.durably import Durably
from durably_core.errors import ValidationError
from durably_core.models import Run

WATCH_INTERVAL_S = 0.5
WIDE = 100
"""Columns from which on there is room for what a run says about itself."""

LEAST_ABOUT = 20

Statuses = Annotated[
    list[str] | None,
    typer.Option(
        "--status",
        metavar="STATUS",
        help="Only runs in this status. Repeatable.",
        autocompletion=complete_statuses,
    ),
]
JobNames = Annotated[
    list[str] | None,
    typer.Option(
        "--job", metavar="JOB", help="Only runs of this job. Repeatable.", autocompletion=complete_stored_jobs
    ),
]
Labels = Annotated[
    list[str] | None, typer.Option("--label", metavar="KEY=VALUE", help="Only runs with it. Repeatable.")
]
Limit = Annotated[int, typer.Option("--limit", metavar="N", min=0, help="At most so many.")]
Cursor = Annotated[
    str | None,
    typer.Option(
        "--cursor",
        metavar="RUN_ID",
        help="Go on after this run, the last of the page before.",
        autocompletion=complete_run_ids,
    ),
]
Count = Annotated[bool, typer.Option("--count", help="Only how many there are in each status.")]
Watch = Annotated[bool, typer.Option("--watch", help="Stay, and show what changes.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which runs are listed."""

    status: list[str] | None
    job_name: list[str] | None
    labels: dict[str, str] | None
    limit: int
    cursor: str | None

    @property
    def filter(self) -> dict[str, Any]:
        return {"status": self.status or None, "job_name": self.job_name or None, "labels": self.labels}

    async def read(self, durably: Durably, *, summary: bool) -> list[Run]:
        return await durably.get_runs(**self.filter, limit=self.limit, cursor=self.cursor, summary=summary)


def runs(
    database: Database = None,
    app: App = None,
    status: Statuses = None,
    job: JobNames = None,
    label: Labels = None,
    limit: Limit = 20,
    cursor: Cursor = None,
    count: Count = False,
    watch: Watch = False,
    json: Json = False,
) -> None:
    """List runs, newest first."""
    wanted = Wanted(status=status, job_name=job, labels=labels_of(label), limit=limit, cursor=cursor)
    if watch and (json or count or not console().is_terminal):
        raise ValidationError("--watch is for a person at a terminal: leave it out, or --json and --count.")
    durably = open_existing(database, app)
    if watch:
        run(_watch(durably, wanted))
    elif count:
        run(_count(durably, wanted, json))
    else:
        run(_list(durably, wanted, json))


async def _list(durably: Durably, wanted: Wanted, json: bool) -> None:
    try:
        found = await wanted.read(durably, summary=not json)
    finally:
        await durably.close()
    if json:
        print_json([each.to_wire() for each in found])
        return
    out = console()
    out.print(runs_table(found, out) if found else Text("There are no such runs.", style="dim"))
    if out.is_terminal and found and len(found) == wanted.limit:
        out.print(Text(f"Older ones: --cursor {found[-1].id}", style="dim"))


async def _count(durably: Durably, wanted: Wanted, json: bool) -> None:
    try:
        counts = await durably.count_runs(**wanted.filter)
    finally:
        await durably.close()
    if json:
        print_json(counts)
        return
    rows = table("STATUS", "RUNS")
    for status, count in counts.items():
        rows.add_row(styled(status), str(count))
    console().print(rows)


async def _watch(durably: Durably, wanted: Wanted) -> None:
    """Until Ctrl-C, which is the way to leave it, and no fault."""
    out = console()
    try:
        with listening() as stop, Live(console=out, auto_refresh=False) as live:
            while not stop.asked.is_set():
                found = await wanted.read(durably, summary=True)
                live.update(_page(found, out), refresh=True)
                await tasks.set_within(stop.asked, WATCH_INTERVAL_S)
    finally:
        await durably.close()


def _page(found: list[Run], out: Console) -> RenderableType:
    about = f"{counted(len(found), 'run')} at {local(datetime.now(UTC))}. Leave with Ctrl-C."
    return Group(runs_table(found, out), Text(about, style="dim"))


def runs_table(found: list[Run], out: Console) -> Table:
    """One line for each run, as wide as there is room for."""
    is_wide = out.width >= WIDE
    rows = table("ID", "JOB", "STATUS", "PROGRESS", "CREATED", "TOOK", *(["ABOUT"] if is_wide else []))
    rows.columns[0].min_width = max((len(each.id) for each in found), default=0)
    for each in found:
        cells: list[str | Text] = [
            plain(each.id),
            plain(each.job_name),
            styled(each.status),
            progress_of(each),
            ago(each.created_at),
            took(each),
        ]
        rows.add_row(*cells, *([_about(each)] if is_wide else []))
    if is_wide:
        # The rest of the line, and no more: what is long must not push the others out.
        rows.columns[-1].max_width = max(LEAST_ABOUT, out.width - sum(map(_width, rows.columns[:-1])))
    return rows


def progress_of(run: Run) -> str:
    """What the job told last, or else how many steps it has finished."""
    if run.progress is None:
        return counted(run.completed_step_count, "step") if run.completed_step_count else ""
    total = "" if run.progress.total is None else f"/{run.progress.total:g}"
    return f"{run.progress.current:g}{total}"


def took(run: Run) -> str:
    """From the first claim to the end, or up to now for a run that executes."""
    if run.started_at is None or run.status == "pending":
        return ""
    until = run.completed_at or datetime.now(UTC)
    return duration((until - run.started_at).total_seconds() * 1000)


def _width(column: Column) -> int:
    return GAP + max(cell_len(str(cell)) for cell in [column.header, *column.cells])


def _about(run: Run) -> str:
    if run.error is not None:
        return first_line(run.error.message)
    message = run.progress.message if run.progress is not None and not run.is_terminal else None
    return " ".join(filter(None, [first_line(message or ""), pairs(run.labels)]))
