"""The pages that this package brings, for whoever serves or builds one."""

from pathlib import Path

from durably_core.errors import NotFoundError

PACKED = Path(__file__).parent / "console"
"""Where a wheel has it."""
BUILT = Path(__file__).parent.parent / "build" / "console"
"""Where ``make`` puts it, for an installation that is a link to the sources."""


def console() -> Path:
    """The folder of the console: a page for any jobs, over either transport. Raises ``NotFoundError``."""
    for folder in (PACKED, BUILT):
        if (folder / "index.html").is_file():
            return folder
    raise NotFoundError(
        "This installation of Durably has no console page: run `make package` where its sources are, and "
        "install the wheel from build."
    )
