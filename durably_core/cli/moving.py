"""``durably migrate-data``: from a SQLite file, also one that a browser exported, to PostgreSQL."""

import importlib
from typing import Annotated, Any

import typer
from rich.progress import Progress

from durably_core.cli.database import applied_versions, expect_file, expect_schema, read_only
from durably_core.cli.options import Json
from durably_core.cli.output import console, counted, print_json
from durably_core.cli.running import run
from durably_core.errors import ValidationError
from durably_core.store.opening import open_store, sqlite_path


def migrate_data(
    source: Annotated[str, typer.Option("--from", help="The SQLite database. Nothing in it is changed.")],
    target: Annotated[str, typer.Option("--to", help="The PostgreSQL database, as postgresql://…")],
    json: Json = False,
) -> None:
    """Copy runs with their steps, logs and labels to PostgreSQL.

    The workers of the SQLite database must be stopped. Broken off, the command goes on where it was.
    """
    path = sqlite_path(source)
    expect_file(path)
    store: Any = open_store(target)
    if not hasattr(store, "connected"):
        raise ValidationError("--to needs the address of a PostgreSQL database: postgresql://user@host/name.")
    moving = importlib.import_module("durably_core.store.postgres.moving")
    with read_only(path) as connection:
        expect_schema("sqlite", path, applied_versions(connection))
    with Progress(console=console(stderr=True), disable=json) as progress:
        bar = progress.add_task("copying", total=None)

        def tell(done: int, total: int) -> None:
            progress.update(bar, completed=done, total=total)

        def move(to: Any) -> Any:
            # In the thread in which it is used.
            with read_only(path) as connection:
                return moving.move(connection, to, tell)

        moved = run(_moved(store, move))
    if json:
        print_json({"runs": moved.runs, "foundBefore": moved.found})
    else:
        before = f", {moved.found} of them before" if moved.found else ""
        typer.echo(f"{counted(moved.runs, 'run')} of {path} are in {store.name}{before}.")


async def _moved(store: Any, work: Any) -> Any:
    try:
        await store.migrate()
        return await store.connected(work)
    finally:
        await store.close()
