"""What was built beforehand and comes with this package, so that whoever builds a site needs no Node."""

from pathlib import Path

from durably_core.errors import NotFoundError

PACKED = Path(__file__).parent
"""Where a wheel has it."""
OF_SOURCES = Path(__file__).parent.parent
"""Where ``make`` puts it, for an installation that is a link to the sources."""


def console() -> Path:
    """The folder of the console: a page for any jobs, over either transport. Raises ``NotFoundError``."""
    return _folder("console", "build/console", "index.html")


def pyodide() -> Path:
    """The folder of Pyodide: Python for browsers, its standard library compiled, and bytecode of the engine.

    Raises ``NotFoundError``.
    """
    return _folder("pyodide", "build/pyodide", "bytecode.zip")


def service_worker() -> Path:
    """The script that stands at ``sw.js``, without its list of files. Raises ``NotFoundError``."""
    return _service_workers() / "sw.js"


def kill_switch() -> Path:
    """The script in its place where there is no service worker: it removes one that was there before.

    Raises ``NotFoundError``.
    """
    return _service_workers() / "kill-switch.js"


def _service_workers() -> Path:
    return _folder("service_worker", "build/service-worker", "sw.js")


def _folder(name: str, built: str, file: str) -> Path:
    for folder in (PACKED / name, OF_SOURCES / built):
        if (folder / file).is_file():
            return folder
    raise NotFoundError(
        f"This installation of Durably has no {name}: run `make package` where its sources are, and "
        "install the wheel from build."
    )
