"""``durably build``: jobs become a static site, with the console or a page of one's own."""

from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from durably_core.errors import NotFoundError, ValidationError
from spa_runtime import assets, bundle
from spa_runtime.bundle.app_manifest import title_of
from spa_runtime.checking import Fault, check_jobs, fault_of
from spa_runtime.packages import PackageOptions, PackagesError, additional, tell_person, wheels_for

JobFile = Annotated[Path, typer.Argument(metavar="JOBS", help="The Python file that defines the jobs.")]
Output = Annotated[
    Path, typer.Option("--output", "-o", metavar="FOLDER", help="The site. Replaced as a whole.")
]
Page = Annotated[
    Path | None,
    typer.Option("--page", metavar="FOLDER", help="A built page with an index.html. [default: console]"),
]
Title = Annotated[
    str | None,
    typer.Option("--title", metavar="TEXT", help="What the console is called. [default: as the job file]"),
]
Requirements = Annotated[
    Path | None,
    typer.Option(
        "--requirements",
        metavar="FILE",
        help="A list of the packages that the jobs need. [default: what the job file or project declares]",
    ),
]
FindLinks = Annotated[
    list[Path] | None,
    typer.Option(
        "--find-links", metavar="FOLDER", help="Wheels beside those of the package index. Repeatable."
    ),
]
Upgrade = Annotated[
    bool, typer.Option("--upgrade", help="Resolve the packages again, to their newest versions that fit.")
]
Wheels = Annotated[
    Path | None,
    typer.Option("--wheels", metavar="FOLDER", help="All wheels to pack, as they are: nothing is resolved."),
]


def build(
    jobs: JobFile,
    output: Output = Path("dist"),
    page: Page = None,
    title: Title = None,
    requirements: Requirements = None,
    find_links: FindLinks = None,
    upgrade: Upgrade = False,
    wheels: Wheels = None,
) -> None:
    """Make a static site of jobs: Python, engine, jobs, the packages they need, and a page, for any host."""
    page, title = _page_and_title(jobs, page, title)
    pyodide = assets.pyodide()
    options = PackageOptions(
        requirements=requirements, find_links=find_links or (), upgrade=upgrade, wheels=wheels
    )
    packages = _packages(jobs, options)
    typer.echo(f"checking {jobs}", err=True)
    names = check_jobs(jobs, packages)
    if isinstance(names, Fault):
        raise ValidationError(names.text)
    typer.echo(f"packing {', '.join(names)}", err=True)
    planned = bundle.plan(bundle.Sources(jobs=jobs, pyodide=pyodide, wheels=packages, page=page, title=title))
    bundle.write(planned, output)
    _tell(output, planned, packages)


def _packages(jobs: Path, options: PackageOptions) -> Path:
    try:
        return wheels_for(jobs, options, tell_person)
    except PackagesError as error:
        raise ValidationError(fault_of(error, jobs).text) from error


def _page_and_title(jobs: Path, page: Path | None, title: str | None) -> tuple[Path, str | None]:
    if page is None:
        return assets.console(), title or title_of(jobs)
    if title is not None:
        raise ValidationError("--title is what the console is called: a page of your own says it itself.")
    if not (page / "index.html").is_file():
        raise NotFoundError(f"There is no page in {page}: it needs an index.html.")
    return page, None


def _tell(output: Path, planned: bundle.Plan, packages: Path) -> None:
    sizes: Counter[str] = Counter()
    for name in planned.files:
        sizes[_part(name)] += (output / name).stat().st_size
    for part, size in sizes.items():
        typer.echo(f"  {part:16} {_megabytes(size)}")
        for wheel in additional(packages) if part == "packages" else ():
            typer.echo(f"    {wheel.name} {wheel.version}: {_megabytes(wheel.size).strip()}")
    typer.echo(f"{output}: {len(planned.files)} files, {_megabytes(sizes.total()).strip()}. Look at it:")
    typer.echo(f"  python -m spa_runtime serve {output}")


def _megabytes(size: int) -> str:
    return f"{size / 1e6:5.1f} MB" if size >= 50_000 else f"{size / 1e3:5.1f} kB"


def _part(name: str) -> str:
    if not name.startswith("durably/"):
        return "page"
    file = name.removeprefix("durably/immutable/")
    if file.startswith("pyodide-"):
        return "Pyodide"
    return "packages" if file.startswith("packages-") else "engine and jobs"
