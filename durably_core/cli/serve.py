"""``durably serve``: the engine behind HTTP."""

import importlib
from pathlib import Path
from typing import Annotated

import typer

from durably_core.cli.event_lines import event_lines
from durably_core.cli.options import (
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
from durably_core.errors import NotFoundError

Host = Annotated[str, typer.Option("--host", metavar="HOST", help="The address to listen on.")]
Port = Annotated[int, typer.Option("--port", metavar="PORT", min=0, max=65535, help="0: any that is free.")]
Page = Annotated[
    Path | None, typer.Option("--page", metavar="FOLDER", help="A folder with an index.html, served at /.")
]
NoWorker = Annotated[bool, typer.Option("--no-worker", help="Execute no runs: workers elsewhere do.")]


def serve(
    target: Target,
    database: Database = None,
    host: Host = "127.0.0.1",
    port: Port = 8000,
    page: Page = None,
    no_worker: NoWorker = False,
    slots: Slots = None,
    drain_timeout: DrainTimeout = 30,
    quiet: Quiet = False,
    log_format: LogFormatOption = "text",
    lease_ms: LeaseMs = None,
    polling_interval_ms: PollingIntervalMs = None,
    retain_runs: RetainRuns = None,
    preserve_steps: PreserveSteps = None,
) -> None:
    """Serve the API at /api/durably, and execute runs, until stopped.

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
    )
    try:
        # By name: what it needs comes with an extra, and the other commands work without.
        server = importlib.import_module("durably_core.cli.server")
    except ModuleNotFoundError as error:
        raise NotFoundError(f"{error.msg}: run `pip install 'durably[server]'` first.") from error
    durably = open_target(target, given)
    site = server.Site(host=host, port=port, page=page, is_worker=not no_worker)
    lines = event_lines(durably, log_format, quiet=quiet)
    run(server.serve(durably, site, lines, round(drain_timeout * 1000)))
