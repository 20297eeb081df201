"""The command ``durably``. Whoever has commands of its own brings them by an entry point."""

from importlib.metadata import entry_points, version
from typing import Annotated

import typer

from durably_core.cli.changes import cancel, delete, migrate, purge, retrigger
from durably_core.cli.doctor import doctor
from durably_core.cli.jobs import jobs
from durably_core.cli.moving import migrate_data
from durably_core.cli.output import print_error
from durably_core.cli.run_page import show
from durably_core.cli.runs import runs
from durably_core.cli.serve import serve
from durably_core.cli.trigger import trigger
from durably_core.cli.worker import worker
from durably_core.errors import DurablyError

COMMANDS = "durably.commands"
"""The group of entry points. Each is a ``typer.Typer`` whose commands become commands of ``durably``."""

OWN = (
    *(worker, serve, jobs, trigger, runs, show, cancel, retrigger, delete, purge),
    *(migrate, migrate_data, doctor),
)
"""The engine's own commands, in the order in which they are listed."""


def main() -> None:
    """Run the command line. A ``DurablyError`` is one sentence on stderr and exit code 1."""
    try:
        make_app()(prog_name="durably")
    except DurablyError as error:
        print_error(error.message)
        raise SystemExit(1) from None


def make_app() -> typer.Typer:
    """The command line with all commands that are installed."""
    # What is not a DurablyError is a fault of ours: its plain traceback helps most.
    app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, pretty_exceptions_enable=False)
    app.callback()(durably)
    for command in OWN:
        app.command()(command)
    for commands in sorted(entry_points(group=COMMANDS), key=lambda entry: entry.name):
        app.add_typer(commands.load())
    return app


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(version("durably"))
        raise typer.Exit


def durably(
    _version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and stop."),
    ] = False,
) -> None:
    """Python jobs that survive closing, reloading and killing what runs them."""
