"""``durably serve``: the engine behind HTTP."""

import importlib
from pathlib import Path
from typing import Annotated

import typer

from durably_core.cli.event_lines import event_lines
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
from durably_core.cli.running import run
from durably_core.cli.worker import DrainTimeout, LogFormatOption, Quiet
from durably_core.errors import NotFoundError, ValidationError

Host = Annotated[str, typer.Option("--host", metavar="HOST", help="The address to listen on.")]
Port = Annotated[int, typer.Option("--port", metavar="PORT", min=0, max=65535, help="0: any that is free.")]
Page = Annotated[
    Path | None,
    typer.Option(
        "--page", metavar="FOLDER", help="A folder with an index.html, served at /. [default: console]"
    ),
]
NoPage = Annotated[bool, typer.Option("--no-page", help="Serve no page, only the API.")]
NoWorker = Annotated[bool, typer.Option("--no-worker", help="Execute no runs: workers elsewhere do.")]


def serve(
    target: Target,
    database: Database = None,
    host: Host = "127.0.0.1",
    port: Port = 8000,
    page: Page = None,
    no_page: NoPage = False,
    no_worker: NoWorker = False,
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
    """Serve the API at /api/durably and a page at /, and execute runs, until stopped.

    /healthz says whether the database can be read. Signals are heard as by the worker. There are no users
    and no rights: whoever reaches the address may do everything.
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
    try:
        # By name: what it needs comes with an extra, and the other commands work without.
        server = importlib.import_module("durably_core.cli.server")
    except ModuleNotFoundError as error:
        raise NotFoundError(f"{error.msg}: run `pip install 'durably[server]'` first.") from error
    if page is not None and no_page:
        raise ValidationError("There is either a page or none: leave out --page or --no-page.")
    durably = open_target(target, given)
    site = server.Site(
        host=host, port=port, page=page, has_console=page is None and not no_page, is_worker=not no_worker
    )
    lines = event_lines(durably, log_format, quiet=quiet)
    run(server.serve(durably, site, lines, round(drain_timeout * 1000)))
