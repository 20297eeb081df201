"""``durably build``: jobs become a static site, with the console or a page of one's own."""

from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from durably_core.errors import NotFoundError, ValidationError
from spa_runtime import assets, bundle, wheels
from spa_runtime.bundle.app_manifest import title_of
from spa_runtime.checking import Fault, check_jobs
from spa_runtime.headers import Isolation, security_policy

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
Wheels = Annotated[
    Path | None,
    typer.Option(
        "--wheels", metavar="FOLDER", help="What the engine needs in the browser. [default: the user's cache]"
    ),
]

IsolationOption = Annotated[
    Isolation, typer.Option("--isolation", help="What the page may load from other sites; see docs/hosting.md.")
]
Csp = Annotated[
    list[str] | None,
    typer.Option(
        "--csp",
        metavar="DIRECTIVE",
        help="A directive of the Content-Security-Policy in the place of the strict one; none: no policy.",
        show_default=False,
    ),
]
NoServiceWorker = Annotated[
    bool,
    typer.Option(
        "--no-service-worker", help="No site that works offline: remove the service worker of an earlier one."
    ),
]


def build(
    jobs: JobFile,
    output: Output = Path("dist"),
    page: Page = None,
    title: Title = None,
    wheels: Wheels = None,
    isolation: IsolationOption = Isolation.require_corp,
    csp: Csp = None,
    no_service_worker: NoServiceWorker = False,
) -> None:
    """Make a static site of jobs: Python, engine, jobs and a page, for any static host."""
    console = assets.console()
    if page is not None:
        _expect_page(page, title)
    policy = security_policy(csp or ())
    typer.echo(f"checking {jobs}", err=True)
    names = check_jobs(jobs)
    if isinstance(names, Fault):
        raise ValidationError(names.text)
    sources = runtime_sources(jobs, wheels)
    typer.echo(f"packing {', '.join(names)}", err=True)
    planned = bundle.plan(
        bundle.Sources(
            jobs=sources.jobs,
            pyodide=sources.pyodide,
            wheels=sources.wheels,
            page=page or console,
            title=title or title_of(jobs) if page is None else None,
            console=console,
            isolation=isolation,
            policy=policy,
            offline=bundle.Offline(enabled=not no_service_worker),
        )
    )
    bundle.write(planned, output)
    _tell(output, planned)


def _expect_page(page: Path, title: str | None) -> None:
    if title is not None:
        raise ValidationError("--title is what the console is called: a page of your own says it itself.")
    if not (page / "index.html").is_file():
        raise NotFoundError(f"There is no page in {page}: it needs an index.html.")


def runtime_sources(jobs: Path, wheel_folder: Path | None) -> bundle.RuntimeSources:
    """What is given, and the rest from where it usually is. Raises ``NotFoundError`` for what is nowhere."""
    if not jobs.is_file():
        raise NotFoundError(f"There is no job file {jobs}.")
    return bundle.RuntimeSources(jobs=jobs, pyodide=assets.pyodide(), wheels=wheel_folder or wheels.cached())


def _tell(output: Path, planned: bundle.Plan) -> None:
    sizes: Counter[str] = Counter()
    for name in planned.files:
        sizes[_part(name)] += (output / name).stat().st_size
    for part, size in sizes.items():
        typer.echo(f"  {part:16} {size / 1e6:5.1f} MB")
    typer.echo(f"{output}: {len(planned.files)} files, {sizes.total() / 1e6:.1f} MB. Look at it:")
    typer.echo(f"  python -m spa_runtime serve {output}")


def _part(name: str) -> str:
    if not name.startswith("durably/"):
        return "page"
    file = name.removeprefix("durably/immutable/")
    if file.startswith("pyodide-"):
        return "Pyodide"
    return "packages" if file.startswith("packages-") else "engine and jobs"
