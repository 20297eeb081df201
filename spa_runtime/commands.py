"""What the browser's half brings to the command ``durably``."""

from pathlib import Path
from typing import Annotated

import typer

from spa_runtime.build import build
from spa_runtime.check_deploy import check_deploy
from spa_runtime.dev import dev
from spa_runtime.new import new
from spa_runtime.types_file import check_types, write_types

app = typer.Typer()
app.command()(new)
app.command()(dev)
app.command()(build)
app.command()(check_deploy)


@app.command()
def types(
    jobs: Annotated[Path, typer.Argument(help="The Python file that defines the jobs.")],
    output: Annotated[
        Path, typer.Option("-o", "--output", help="The TypeScript file, such as src/jobs.gen.ts.")
    ],
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing: fail if the file no longer fits the jobs.")
    ] = False,
) -> None:
    """Write TypeScript types for what jobs take and give."""
    if check:
        check_types(jobs, output)
        typer.echo(f"{output} fits {jobs}.")
    elif write_types(jobs, output):
        typer.echo(f"{output} is written.")
    else:
        typer.echo(f"{output} is up to date.")
