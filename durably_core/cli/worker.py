"""``durably worker``: executes runs until it is told to stop."""

import os
from typing import Annotated

import typer

from durably_core.cli.database import name_of
from durably_core.cli.event_lines import EventLines, LogFormat, event_lines
from durably_core.cli.options import (
    Build,
    Database,
    EngineOptions,
    LeaseMs,
    PollingIntervalMs,
    PreserveSteps,
    RetainRuns,
    Slots,
    Target,
    open_target,
)
from durably_core.cli.output import counted, duration
from durably_core.cli.running import leave_behind, listening, run
from durably_core.durably import Durably
from durably_core.errors import ValidationError

DrainTimeout = Annotated[
    float,
    typer.Option(
        "--drain-timeout", metavar="SECONDS", min=0, help="How long runs may go on when told to stop."
    ),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Tell only of what failed.")]
LogFormatOption = Annotated[LogFormat, typer.Option("--log-format", help="Lines for people, or JSON.")]


def worker(
    target: Target,
    database: Database = None,
    slots: Slots = None,
    drain_timeout: DrainTimeout = 30,
    quiet: Quiet = False,
    log_format: LogFormatOption = "text",
    lease_ms: LeaseMs = None,
    polling_interval_ms: PollingIntervalMs = None,
    retain_runs: RetainRuns = None,
    preserve_steps: PreserveSteps = None,
    build: Build = None,
) -> None:
    """Execute runs until stopped.

    On SIGTERM or SIGINT (Ctrl-C) no more is begun. What executes may end within --drain-timeout; the rest
    is given back and goes on from its last finished step. A second signal stops at once.
    """
    given = EngineOptions(
        database=database,
        slots=slots,
        lease_ms=lease_ms,
        polling_interval_ms=polling_interval_ms,
        retain_runs=retain_runs,
        preserve_steps=preserve_steps,
        build=build,
    )
    durably = open_target(target, given)
    if not list(durably.jobs):
        raise ValidationError(f"The engine of {target} has no jobs: register some, or nothing is executed.")
    run(work(durably, event_lines(durably, log_format, quiet=quiet), round(drain_timeout * 1000)))


async def work(durably: Durably, lines: EventLines, drain_ms: int) -> None:
    """Until a signal comes; then what executes may end within that time."""
    with listening() as stop:
        try:
            await durably.init()
            _tell_start(durably, lines)
            await stop.asked.wait()
            await drain(durably, lines, drain_ms)
        finally:
            await durably.close(timeout_ms=0)
    lines.tell("stopped", "stopped")


async def drain(durably: Durably, lines: EventLines, drain_ms: int) -> None:
    """Claim no more; give back what has not ended in that time.

    Code that does not stop even then is left behind, and the process with it.
    """
    executing = durably.executing
    sentence = "stopping"
    if executing:
        sentence += f": {counted(len(executing), 'run')} may go on for {duration(drain_ms)}"
    lines.tell("stopping", sentence, executing=executing, drain_timeout_ms=drain_ms)
    await durably.stop(timeout_ms=drain_ms)
    leave_behind(durably, 1)


def _tell_start(durably: Durably, lines: EventLines) -> None:
    database = name_of(durably)
    jobs = sorted({handle.name for handle in durably.jobs})
    lines.tell(
        "start",
        f"working on {database}: {', '.join(jobs)}. Stop with Ctrl-C.",
        database=database,
        jobs=jobs,
        pid=os.getpid(),
    )
