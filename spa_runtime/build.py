"""``durably build``: jobs become a static site, with the console or a page of one's own."""

from collections import Counter
from pathlib import Path

import typer

from durably_core.errors import NotFoundError, ValidationError
from spa_runtime import assets, bundle
from spa_runtime.bundle import Library, licenses
from spa_runtime.bundle.app_manifest import title_of
from spa_runtime.checking import Fault, JobInfo, check_jobs, fault_of
from spa_runtime.headers import Isolation, security_policy
from spa_runtime.options import (
    Compress,
    Csp,
    FindLinks,
    IsolationOption,
    JobFile,
    LibraryOption,
    NoServiceWorker,
    Output,
    Page,
    Requirements,
    Title,
    Upgrade,
    Wheels,
)
from spa_runtime.packages import PackageOptions, PackagesError, additional, tell_person, wheels_for


def build(
    jobs: JobFile,
    output: Output = Path("dist"),
    page: Page = None,
    title: Title = None,
    requirements: Requirements = None,
    find_links: FindLinks = None,
    upgrade: Upgrade = False,
    wheels: Wheels = None,
    isolation: IsolationOption = Isolation.require_corp,
    csp: Csp = None,
    no_service_worker: NoServiceWorker = False,
    library: LibraryOption = Library.split,
    compress: Compress = False,
) -> None:
    """Make a static site of jobs: Python, engine, jobs, the packages they need, and a page, for any host."""
    console, pyodide = assets.console(), assets.pyodide()
    if page is not None:
        _expect_page(page, title)
    policy = security_policy(csp or ())
    options = PackageOptions(
        requirements=requirements, find_links=find_links or (), upgrade=upgrade, wheels=wheels
    )
    packages, infos = _checked(jobs, options)
    planned = bundle.plan(
        bundle.Sources(
            jobs=jobs,
            pyodide=pyodide,
            wheels=packages,
            infos=infos,
            page=page or console,
            title=title or title_of(jobs) if page is None else None,
            console=console,
            isolation=isolation,
            policy=policy,
            offline=bundle.Offline(enabled=not no_service_worker),
            library=library,
        )
    )
    if compress:
        planned = bundle.compressed(planned)
    bundle.write(planned, output)
    _tell(output, planned, packages)


def _expect_page(page: Path, title: str | None) -> None:
    if title is not None:
        raise ValidationError("--title is what the console is called: a page of your own says it itself.")
    if not (page / "index.html").is_file():
        raise NotFoundError(f"There is no page in {page}: it needs an index.html.")


def _checked(jobs: Path, options: PackageOptions) -> tuple[Path, list[JobInfo]]:
    """The wheels for jobs that can be imported with them, and what is to be told of the jobs."""
    try:
        packages = wheels_for(jobs, options, tell_person)
    except PackagesError as error:
        raise ValidationError(fault_of(error).text) from error
    typer.echo(f"checking {jobs}", err=True)
    infos = check_jobs(jobs, packages)
    if isinstance(infos, Fault):
        raise ValidationError(infos.text)
    typer.echo(f"packing {', '.join(info['name'] for info in infos)}", err=True)
    return packages, infos


def _tell(output: Path, planned: bundle.Plan, packages: Path) -> None:
    sizes: Counter[str] = Counter()
    for name in planned.files:
        sizes[_part(name)] += (output / name).stat().st_size
    for part, size in sizes.items():
        typer.echo(f"  {part:16} {size / 1e6:5.1f} MB")
        for wheel in additional(packages) if part == "packages" else ():
            typer.echo(f"    {wheel.name} {wheel.version}, {wheel.size / 1e3:,.0f} kB")
    typer.echo(f"{output}: {len(planned.files)} files, {sizes.total() / 1e6:.1f} MB. Look at it:")
    typer.echo(f"  python -m spa_runtime serve {output}")


def _part(name: str) -> str:
    if not name.startswith("durably/"):
        return "page"
    file = name.removeprefix("durably/immutable/")
    if file.startswith("pyodide-"):
        return "Pyodide"
    if file == f"durably/{licenses.FILE}":
        return "licences"
    return "packages" if file.startswith("packages-") else "engine and jobs"
