"""What several commands take, and the engine that comes of it."""

import os
from dataclasses import dataclass, fields
from typing import Annotated, Any

import typer

from durably_core.cli.completion import complete_run_ids
from durably_core.cli.database import expect_current
from durably_core.cli.target import load
from durably_core.durably import Durably, create_durably
from durably_core.errors import ValidationError
from durably_core.plugins import with_log_persistence

DEFAULT_DATABASE = "durably.db"
RENEWALS_PER_LEASE = 6
"""As with the engine's defaults: 30 seconds, renewed every 5."""

Target = Annotated[
    str,
    typer.Argument(
        metavar="TARGET", help="A file of jobs (jobs.py), or an engine (app.py:durably, package.app:durably)."
    ),
]
Database = Annotated[
    str | None,
    typer.Option(
        "--database",
        "-d",
        metavar="DATABASE",
        help="A SQLite file, or a postgresql:// address. [default: $DURABLY_DATABASE, or durably.db]",
        show_default=False,
    ),
]
App = Annotated[
    str | None,
    typer.Option(
        "--app",
        metavar="TARGET",
        help="Take the database of this target. [default: $DURABLY_APP]",
        show_default=False,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
RunIds = Annotated[
    list[str],
    typer.Argument(metavar="RUN_ID...", help="Ids of runs.", autocompletion=complete_run_ids),
]
Slots = Annotated[
    int | None,
    typer.Option("--slots", metavar="N", help="How many runs may execute at once. [default: 1]"),
]
LeaseMs = Annotated[
    int | None,
    typer.Option(
        "--lease-ms", metavar="MS", help="After how long without a sign a worker is dead. [default: 30000]"
    ),
]
PollingIntervalMs = Annotated[
    int | None,
    typer.Option(
        "--polling-interval-ms",
        metavar="MS",
        help="How often to look for what other processes did. [default: 1000]",
    ),
]
RetainRuns = Annotated[
    str | None,
    typer.Option("--retain-runs", metavar="AGE", help="Delete runs that ended longer ago, as 30d or 12h."),
]
PreserveSteps = Annotated[
    bool | None,
    typer.Option(
        "--preserve-steps/--no-preserve-steps",
        help="Keep the steps of runs that have ended. [default: kept]",
        show_default=False,
    ),
]


Build = Annotated[
    str | None,
    typer.Option(
        "--build",
        metavar="NAME",
        help="The application's version, which each step is to name. [default: $DURABLY_BUILD]",
        show_default=False,
    ),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineOptions:
    """Options of an engine that is made here. None: not given."""

    database: str | None = None
    slots: int | None = None
    lease_ms: int | None = None
    polling_interval_ms: int | None = None
    retain_runs: str | None = None
    preserve_steps: bool | None = None
    build: str | None = None

    @property
    def given(self) -> list[str]:
        """The options as they were typed."""
        names = [field.name for field in fields(self) if getattr(self, field.name) is not None]
        return [f"--{name.replace('_', '-')}" for name in names]

    def to_engine(self) -> dict[str, Any]:
        """Keyword arguments of ``create_durably``."""
        renew_ms = None if self.lease_ms is None else min(5000, max(1, self.lease_ms // RENEWALS_PER_LEASE))
        chosen = {
            "max_concurrent_runs": self.slots,
            "lease_ms": self.lease_ms,
            "lease_renew_interval_ms": renew_ms,
            "polling_interval_ms": self.polling_interval_ms,
            "retain_runs": self.retain_runs,
            "build": self.build or os.environ.get("DURABLY_BUILD") or None,
        }
        return {
            "database": self.database or os.environ.get("DURABLY_DATABASE") or DEFAULT_DATABASE,
            "preserve_steps": self.preserve_steps is not False,
            **{name: value for name, value in chosen.items() if value is not None},
        }


def open_target(target: str, options: EngineOptions) -> Durably:
    """The engine of a target: its own, or one made for its jobs.

    Raises ``ValidationError`` for options that an engine of its own would ignore.
    """
    loaded = load(target)
    if not isinstance(loaded, Durably):
        made = create_durably(jobs=loaded, **options.to_engine())
        return made.use(with_log_persistence())
    if options.given:
        raise ValidationError(
            f"{target} has an engine with a database and options of its own: leave out "
            f"{' and '.join(options.given)}."
        )
    return loaded


def open_existing(database: str | None, app: str | None) -> Durably:
    """An engine over a database that is there, with the jobs of the app if there is one.

    What is typed goes before what the environment says, and there the app before the database.
    Raises ``NotFoundError`` or ``StorageError`` when there is no database to work with.
    """
    durably = open_any(database, app)
    expect_current(durably)
    return durably


def open_any(database: str | None, app: str | None) -> Durably:
    """The same without looking whether the database is there."""
    if app is None and database is None:
        app = os.environ.get("DURABLY_APP") or None
    options = EngineOptions(database=database)
    if app is not None:
        return open_target(app, options)
    return create_durably(**options.to_engine()).use(with_log_persistence())
