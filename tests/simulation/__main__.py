"""``python -m tests.simulation``: as many histories as asked, or one of them again, told line by line."""

from contextlib import nullcontext
from typing import Annotated, Literal

import typer

from tests.simulation.disk import Disk
from tests.simulation.history import carry_out
from tests.simulation.plan import plan_of
from tests.simulation.planted import FAULTS, RARE
from tests.simulation.shrinking import shrunk
from tests.simulation.sqlite import SQLiteDisk

app = typer.Typer(add_completion=False)


@app.command()
def simulate(
    seeds: Annotated[int, typer.Option(help="How many histories.")] = 1000,
    first: Annotated[int, typer.Option(help="The first seed.")] = 0,
    seed: Annotated[int | None, typer.Option(help="Only this one, with all that happens in it.")] = None,
    fault: Annotated[str, typer.Option(help="Plant this fault into the engine (part of its name).")] = "",
    on: Annotated[Literal["sqlite", "postgres"], typer.Option(help="Which database is below it.")] = "sqlite",
) -> None:
    """Look for a history in which the engine breaks a promise. Exit code 1 when there is one."""
    planted = [each for each in (*FAULTS, *RARE) if fault and fault in each.name]
    if fault and len(planted) != 1:
        names = "\n".join(f"  {each.name}" for each in (*FAULTS, *RARE))
        raise typer.BadParameter(f"{len(planted)} faults have that in their name. There are:\n{names}")
    disk = _disk(on)
    with planted[0].planted(on) if planted else nullcontext():
        if seed is not None:
            raise typer.Exit(_replay(seed, disk))
        again = (f" --fault {planted[0].name!r}" if planted else "") + ("" if on == "sqlite" else f" --on {on}")
        for each in range(first, first + seeds):
            violation = carry_out(plan_of(each), disk).violation
            if violation is not None:
                _report(each, violation.rule, disk, again)
                raise typer.Exit(1)
            if (each - first + 1) % 100 == 0:
                typer.echo(f"{each - first + 1} histories, no promise broken")


def _disk(on: str) -> type[Disk]:
    if on == "sqlite":
        return SQLiteDisk
    from tests.simulation.postgres import PostgresDisk

    return PostgresDisk


def _replay(seed: int, disk: type[Disk]) -> int:
    plan = plan_of(seed)
    outcome = carry_out(plan, disk)
    typer.echo(plan)
    typer.echo("\n".join(outcome.trace))
    return 0 if outcome.violation is None else 1


def _report(seed: int, rule: str, disk: type[Disk], again: str) -> None:
    short = shrunk(plan_of(seed), rule, disk)
    outcome = carry_out(short, disk)
    typer.echo(f"Seed {seed} breaks a promise. In short:\n\n{short}\n")
    typer.echo("\n".join(outcome.trace))
    typer.echo(f"\nThe whole of it: python -m tests.simulation --seed {seed}{again}")


app()
