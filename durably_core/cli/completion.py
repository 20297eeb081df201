"""What the shell offers when someone presses Tab. It never fails, and makes no database."""

import os
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import redirect_stdout, suppress
from typing import Any, get_args

import typer

from durably_core.cli.database import read_only
from durably_core.cli.target import load
from durably_core.durably import Durably
from durably_core.errors import DurablyError
from durably_core.models import RunStatus
from durably_core.store.opening import sqlite_path

MOST = 50
"""A longer list helps no one."""


def complete_run_ids(ctx: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    """The newest runs that begin so, each with its job and status."""
    sql = (
        "SELECT id, job_name || ', ' || status FROM durably_runs"
        " WHERE substr(id, 1, length(:begin)) = :begin ORDER BY id DESC LIMIT :most"
    )
    return [(run_id, about) for run_id, about in _rows(ctx, sql, incomplete)]


def complete_statuses(incomplete: str) -> list[str]:
    """The five statuses."""
    return [status for status in get_args(RunStatus) if status.startswith(incomplete)]


def complete_stored_jobs(ctx: typer.Context, incomplete: str) -> list[str]:
    """Names of jobs of which there are runs."""
    sql = (
        "SELECT DISTINCT job_name FROM durably_runs"
        " WHERE substr(job_name, 1, length(:begin)) = :begin ORDER BY 1 LIMIT :most"
    )
    return [name for (name,) in _rows(ctx, sql, incomplete)]


def complete_jobs(ctx: typer.Context, incomplete: str) -> list[str]:
    """Names of the jobs of the target that was typed before."""
    with redirect_stdout(sys.stderr), suppress(DurablyError):
        loaded = load(ctx.params.get("target") or "")
        jobs = loaded.jobs if isinstance(loaded, Durably) else loaded.values()
        return [job.name for job in jobs if job.name.startswith(incomplete)]
    return []


def _rows(ctx: typer.Context, sql: str, incomplete: str) -> Iterator[tuple[Any, ...]]:
    database = ctx.params.get("database") or os.environ.get("DURABLY_DATABASE") or "durably.db"
    with suppress(DurablyError, sqlite3.Error), read_only(sqlite_path(database)) as connection:
        yield from connection.execute(sql, {"begin": incomplete, "most": MOST}).fetchall()
