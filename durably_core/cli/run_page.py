"""``durably show``: everything about one run."""

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from durably_core.cli.completion import complete_run_ids
from durably_core.cli.options import App, Database, Json, open_existing
from durably_core.cli.output import (
    ago,
    compact,
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
from durably_core.cli.running import run
from durably_core.cli.runs import progress_of, took
from durably_core.clock import to_iso
from durably_core.durably import Durably
from durably_core.errors import NotFoundError
from durably_core.models import LogEntry, Run, Step

RunId = Annotated[str, typer.Argument(metavar="RUN_ID", help="The run's id.", autocompletion=complete_run_ids)]


def show(run_id: RunId, database: Database = None, app: App = None, json: Json = False) -> None:
    """Show a run: its fields, steps, logs, and why it failed."""
    found, steps, logs = run(_read(open_existing(database, app), run_id))
    if json:
        print_json(to_wire(found, steps, logs))
        return
    out = console()
    _print_fields(out, found)
    _print_steps(out, found, steps)
    _print_logs(out, logs)
    if found.error is not None:
        _print_heading(out, "Traceback")
        out.print(Text(plain(found.error.traceback.rstrip() or found.error.message)))


async def _read(durably: Durably, run_id: str) -> tuple[Run, list[Step], list[LogEntry]]:
    try:
        found = await durably.get_run(run_id)
        if found is None:
            raise NotFoundError(f"There is no run {run_id}.")
        return found, await durably.get_steps(run_id), await durably.get_logs(run_id)
    finally:
        await durably.close()


def to_wire(run: Run, steps: list[Step], logs: list[LogEntry]) -> dict[str, Any]:
    """The run as clients see it, with its keys, its lease, its steps and its logs."""
    expires = run.lease_expires_at
    return {
        **run.to_wire(),
        "idempotencyKey": run.idempotency_key,
        "concurrencyKey": run.concurrency_key,
        "leaseOwner": run.lease_owner,
        "leaseExpiresAt": None if expires is None else to_iso(expires),
        "steps": [step.to_wire() for step in steps],
        "logs": [log.to_wire() for log in logs],
    }


def _print_fields(out: Console, run: Run) -> None:
    out.print(Text.assemble((plain(run.id), "bold"), "  ", plain(run.job_name), "  ", styled(run.status)))
    out.print()
    for name, value in _fields(run):
        if value:
            # A tab stop of its own for values of several lines would cost more than it gives.
            out.print(Text.assemble((f"  {name:<18}", "dim"), value), soft_wrap=True)


def _fields(run: Run) -> Iterator[tuple[str, str]]:
    yield "created", _moment(run.created_at)
    yield "started", _moment(run.started_at)
    yield "ended", _moment(run.completed_at)
    yield "took", took(run)
    yield "attempt", str(run.attempt) if run.attempt else ""
    yield "steps finished", str(run.completed_step_count)
    message = "" if run.progress is None else plain(run.progress.message or "")
    yield "progress", "" if run.progress is None else f"{progress_of(run)} {message}"
    yield "labels", pairs(run.labels)
    yield "idempotency key", plain(run.idempotency_key or "")
    yield "concurrency key", plain(run.concurrency_key or "")
    yield "retriggered from", plain(run.retriggered_from or "")
    yield "executed by", plain(run.lease_owner or "")
    yield "lease until", _moment(run.lease_expires_at)
    yield "input", compact(run.input)
    yield "output", compact(run.output) if run.status == "completed" else ""
    yield "failed in step", plain(run.failed_step_name or "")
    yield "error", "" if run.error is None else f"{run.error.type}: {first_line(run.error.message)}"


def _moment(moment: datetime | None) -> str:
    return "" if moment is None else f"{local(moment)} ({ago(moment)})"


def _print_heading(out: Console, text: str) -> None:
    out.print()
    out.print(Text(text, style="bold"))


def _print_steps(out: Console, run: Run, steps: list[Step]) -> None:
    if not steps:
        if run.completed_step_count:
            _print_heading(out, "Steps")
            finished = counted(run.completed_step_count, "step")
            out.print(Text(f"{finished} finished; not kept, because of preserve_steps.", style="dim"))
        return
    _print_heading(out, "Steps")
    # Only where some engine was told its name.
    builds = any(step.build for step in steps)
    rows = table("#", "STEP", "STATUS", "TOOK", *(["BUILD"] if builds else []), "RESULT")
    for step in steps:
        took_ms = (step.completed_at - step.started_at).total_seconds() * 1000
        result = first_line(step.error.message) if step.error else plain(step.output or "")
        build = [plain(step.build or "")] if builds else []
        rows.add_row(str(step.index), plain(step.name), styled(step.status), duration(took_ms), *build, result)
    out.print(rows)


def _print_logs(out: Console, logs: list[LogEntry]) -> None:
    if not logs:
        return
    _print_heading(out, "Logs")
    for log in logs:
        data = "" if log.data is None else f" {compact(log.data)}"
        where = f"{plain(log.step_name)}: " if log.step_name else ""
        line = Text.assemble(
            (f"{log.created_at.astimezone():%H:%M:%S} ", "dim"),
            (f"{log.level:<5} ", "red" if log.level == "error" else "yellow" if log.level == "warn" else ""),
            f"{where}{plain(log.message)}",
            (data, "dim"),
        )
        out.print(line, soft_wrap=True)
