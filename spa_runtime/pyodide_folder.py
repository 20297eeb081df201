"""Where Pyodide's files are: in the npm package, which a web project has with ``durably``."""

from collections.abc import Iterator
from pathlib import Path

from durably_core.errors import NotFoundError

VERSION = "314.0.7"
"""Of the npm package: the one for which the wheels are."""
PLACES = ("node_modules/pyodide", "node_modules/durably/node_modules/pyodide")
OF_SOURCES = Path(__file__).parent.parent / "web" / "node_modules" / "pyodide"
"""Where ``make`` has put it, for an installation that is a link to the sources."""


def find_pyodide(given: Path | None, jobs: Path) -> Path:
    """The folder that was given, or that of the web project around the jobs or the current folder.

    Raises ``NotFoundError`` when there is none.
    """
    for folder in [given] if given is not None else _places(jobs):
        if (folder / "package.json").is_file():
            return folder
    where = "around here" if given is None else f"in {given}"
    raise NotFoundError(
        f"Pyodide, the Python for browsers, is not {where}: run `npm install pyodide@{VERSION}` in this "
        "folder, or name the folder of that npm package with --pyodide."
    )


def _places(jobs: Path) -> Iterator[Path]:
    for start in (jobs.resolve().parent, Path.cwd()):
        for folder in (start, *start.parents):
            yield from (folder / place for place in PLACES)
    yield OF_SOURCES
