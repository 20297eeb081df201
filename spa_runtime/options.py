"""Options of the commands ``build`` and ``dev``."""

from pathlib import Path
from typing import Annotated

import typer

from spa_runtime.bundle import Library
from spa_runtime.headers import Isolation

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
IsolationOption = Annotated[
    Isolation, typer.Option("--isolation", help="What the page may load from other sites.")
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
LibraryOption = Annotated[
    Library,
    typer.Option(
        "--library",
        help="split: half of Python's standard library, which no start needs, comes when it is imported.",
    ),
]
Compress = Annotated[
    bool,
    typer.Option("--compress", help="Write a compressed file beside each, for servers that send those."),
]
NoServiceWorker = Annotated[
    bool,
    typer.Option(
        "--no-service-worker", help="No site that works offline: remove the service worker of an earlier one."
    ),
]
