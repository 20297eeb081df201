"""What ``durably doctor`` says of the runs in a database, whichever that is."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from durably_core.cli.database import expect_schema
from durably_core.cli.output import ago, counted
from durably_core.clock import from_ms
from durably_core.errors import StorageError

IDLE_MS = 60_000
"""A run that has waited longer than this is not about to be claimed."""

State = Literal["ok", "warn", "fail"]

Rows = Callable[[str], Sequence[Sequence[Any]]]
"""What a query finds."""

WAITING = "SELECT job_name, count(*), min(created_at) FROM durably_runs WHERE status = 'pending' GROUP BY 1"
OVERDUE = "SELECT count(*) FROM durably_runs WHERE lease_owner IS NOT NULL AND lease_expires_at < {now}"
STATUSES = "SELECT status, count(*) FROM durably_runs GROUP BY 1 ORDER BY 1"
EVENTS = "SELECT count(*), min(sequence), max(sequence) FROM durably_events"


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """What was found. ``todo``: what to do about it, if anything."""

    name: str
    state: State
    text: str
    todo: str | None = None


def check_content(
    rows: Rows, dialect: str, name: str, applied: dict[int, str], job_names: Iterable[str] | None
) -> Iterator[Check]:
    """Schema, and if that is one to work with, runs, leases and events.

    ``name``: of the database; ``applied``: its migrations; ``job_names``: those that are known, None: not known
    which.
    """
    try:
        expect_schema(dialect, name, applied)
    except StorageError as error:
        yield Check(name="schema", state="fail", text="does not fit this version", todo=error.message)
        return
    yield Check(name="schema", state="ok", text=f"version {max(applied)}")
    yield _check_runs(rows)
    yield _check_leases(rows)
    yield from _check_waiting(rows, job_names)
    yield _check_events(rows)


def _check_runs(rows: Rows) -> Check:
    counts = [f"{count} {status}" for status, count in rows(STATUSES)]
    return Check(name="runs", state="ok", text=", ".join(counts) or "none")


def _check_leases(rows: Rows) -> Check:
    [[overdue]] = rows(OVERDUE.format(now=_now_ms()))
    if not overdue:
        return Check(name="leases", state="ok", text="none has run out")
    todo = "Their workers died or sleep. They go on when a worker looks: start `durably worker`."
    return Check(name="leases", state="warn", text=f"{counted(overdue, 'lease')} run out", todo=todo)


def _check_waiting(rows: Rows, job_names: Iterable[str] | None) -> Iterator[Check]:
    waiting = rows(WAITING)
    known = None if job_names is None else set(job_names)
    unknown = [f"{name} ({count})" for name, count, _ in waiting if known is not None and name not in known]
    if unknown:
        todo = "Start a worker that has these jobs, or cancel the runs."
        text = f"runs wait for jobs that are not known: {', '.join(unknown)}"
        yield Check(name="unknown jobs", state="warn", text=text, todo=todo)
    elif known is not None:
        yield Check(name="unknown jobs", state="ok", text="no run waits for one")
    oldest_ms = min((created for name, _, created in waiting if known is None or name in known), default=None)
    if oldest_ms is None or _now_ms() - oldest_ms < IDLE_MS:
        yield Check(name="waiting", state="ok", text="no run waits for long")
        return
    text = (
        f"{counted(sum(count for _, count, _ in waiting), 'run')}, the oldest created {ago(from_ms(oldest_ms))}"
    )
    todo = "If no worker is busy with others, start `durably worker`."
    yield Check(name="waiting", state="warn", text=text, todo=todo)


def _check_events(rows: Rows) -> Check:
    [[count, oldest, newest]] = rows(EVENTS)
    text = f"{counted(count, 'event')} kept, {oldest} to {newest}" if count else "none"
    return Check(name="events", state="ok", text=text)


def _now_ms() -> int:
    return round(datetime.now(UTC).timestamp() * 1000)
