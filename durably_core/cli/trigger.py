"""``durably trigger``: one run, and if wanted its end."""

import sys
from contextlib import nullcontext, redirect_stdout
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import typer

from durably_core.cli.completion import complete_jobs
from durably_core.cli.following import Followed, follow
from durably_core.cli.options import Database, EngineOptions, Json, Target, open_target
from durably_core.cli.output import compact, duration, first_line, is_terminal, print_error, print_json
from durably_core.cli.pairs import input_of, labels_of
from durably_core.cli.running import SIGNALLED, leave_behind, listening, run
from durably_core.durably import Durably
from durably_core.errors import NotFoundError, ValidationError
from durably_core.handles import JobHandle, TriggeredRun
from durably_core.models import Run

RUN_FAILED = 3
RUN_CANCELLED = 4
TIMED_OUT = 5

EXIT_CODES = {"completed": 0, "failed": RUN_FAILED, "cancelled": RUN_CANCELLED}
"""By how a run that was waited for ended; one that has not ended has timed out."""

JobName = Annotated[str, typer.Argument(metavar="JOB", help="The job's name.", autocompletion=complete_jobs)]
Input = Annotated[
    str | None,
    typer.Argument(metavar="INPUT", help="JSON, - for stdin, or @file. [default: {}]", show_default=False),
]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="A field of the input: JSON, or else text. Repeatable."),
]
IdempotencyKey = Annotated[
    str | None,
    typer.Option("--idempotency-key", metavar="KEY", help="A second trigger with it gets the first run."),
]
ConcurrencyKey = Annotated[
    str | None,
    typer.Option("--concurrency-key", metavar="KEY", help="Runs with it execute one at a time."),
]
CoalesceOption = Annotated[
    Literal["skip", "queue"] | None,
    typer.Option("--coalesce", help="When one waits with that key: drop this one, or let it take over."),
]
Labels = Annotated[
    list[str] | None, typer.Option("--label", metavar="KEY=VALUE", help="A label of the run. Repeatable.")
]
Wait = Annotated[bool, typer.Option("--wait", help="Wait for the end, and print the output.")]
RunHere = Annotated[bool, typer.Option("--run", help="Execute it in this process, and wait for the end.")]
TimeoutS = Annotated[
    float | None,
    typer.Option("--timeout", metavar="SECONDS", min=0, help="How long to wait at most."),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """What is done about the end of the run."""

    wait: bool
    here: bool
    timeout_ms: int | None
    json: bool


def trigger(
    target: Target,
    job: JobName,
    input: Input = None,
    settings: Settings = None,
    database: Database = None,
    idempotency_key: IdempotencyKey = None,
    concurrency_key: ConcurrencyKey = None,
    coalesce: CoalesceOption = None,
    labels: Labels = None,
    wait: Wait = False,
    run_here: RunHere = False,
    timeout: TimeoutS = None,
    json: Json = False,
) -> None:
    """Add a run.

    Prints its id, or with --wait or --run its output. --wait needs a worker elsewhere; --run needs none.
    Exit code 3: the run failed; 4: it was cancelled; 5: it has not ended in time, and goes on.
    """
    if timeout is not None and not (wait or run_here):
        raise ValidationError("--timeout is how long to wait: add --wait or --run.")
    value = input_of(input, settings)
    options = {
        "idempotency_key": idempotency_key,
        "concurrency_key": concurrency_key,
        "coalesce": coalesce,
        "labels": labels_of(labels),
    }
    durably = open_target(target, EngineOptions(database=database))
    timeout_ms = None if timeout is None else round(timeout * 1000)
    manner = Manner(wait=wait or run_here, here=run_here, timeout_ms=timeout_ms, json=json)
    code = run(_trigger(durably, _job(durably, job), value, options, manner))
    raise typer.Exit(code)


def _job(durably: Durably, name: str) -> JobHandle[Any, Any]:
    handle = durably.get_job(name)
    if handle is None:
        known = ", ".join(sorted(each.name for each in durably.jobs)) or "none"
        raise NotFoundError(f"There is no job {name!r}. Jobs: {known}.")
    return handle


async def _trigger(
    durably: Durably, handle: JobHandle[Any, Any], value: Any, options: dict[str, Any], manner: Manner
) -> int:
    with listening() as stop:
        try:
            await durably.migrate()
            triggered = await handle.trigger(value, **options)
            if not manner.wait:
                _tell_triggered(triggered, manner)
                return 0
            if is_terminal():
                typer.echo(f"{triggered.id} {_how(triggered)}", err=True)
            # What the job prints is not the command's answer.
            with redirect_stdout(sys.stderr) if manner.here else nullcontext():
                followed = await follow(
                    durably, triggered.run, stop, timeout_ms=manner.timeout_ms, here=manner.here
                )
        finally:
            # Not a second time for code that did not stop.
            if not durably.executing:
                await durably.close(timeout_ms=0)
    code = _tell_end(triggered, followed, manner, SIGNALLED + stop.number)
    leave_behind(durably, code)
    return code


def _how(triggered: TriggeredRun) -> str:
    return "triggered" if triggered.disposition == "created" else f"was there already ({triggered.disposition})"


def _tell_triggered(triggered: TriggeredRun, manner: Manner) -> None:
    if manner.json:
        print_json({"runId": triggered.id, "disposition": triggered.disposition})
        return
    typer.echo(triggered.id)
    if triggered.disposition != "created":
        typer.echo(f"It {_how(triggered)}.", err=True)


def _tell_end(triggered: TriggeredRun, followed: Followed, manner: Manner, signalled: int) -> int:
    """Tell what became of the run; returns the exit code."""
    ended = followed.run
    if ended is None:
        what = "was given back" if followed.given_back else "goes on"
        print_error(f"Stopped waiting: the run {triggered.id} {what}.")
        return signalled
    if manner.json:
        print_json({"runId": ended.id, "disposition": triggered.disposition, "run": ended.to_wire()})
    elif ended.status == "completed":
        typer.echo(compact(ended.output))
        if is_terminal() and ended.started_at is not None and ended.completed_at is not None:
            took = (ended.completed_at - ended.started_at).total_seconds() * 1000
            typer.echo(f"{ended.id} completed in {duration(took)}", err=True)
    if ended.status != "completed":
        print_error(_misfortune(ended, followed, manner))
    return EXIT_CODES.get(ended.status, TIMED_OUT)


def _misfortune(run: Run, followed: Followed, manner: Manner) -> str:
    if run.status == "cancelled":
        return f"The run {run.id} was cancelled."
    if run.error is not None:
        where = f" in the step {run.failed_step_name!r}" if run.failed_step_name else ""
        return f"The run {run.id} failed{where}: {run.error.type}: {first_line(run.error.message)}"
    what = "was given back" if followed.given_back else f"is {run.status}, and goes on"
    return f"The run {run.id} has not ended within {duration(manner.timeout_ms or 0)}: it {what}."
