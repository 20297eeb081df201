"""What the engine itself needs in the browser: the ranges that it works with, and versions to begin with."""

import zipfile
from importlib.metadata import version
from pathlib import Path

from spa_runtime.packages.requirements import Requirement, read_requirements

PINS = Path(__file__).parent.parent / "pyodide-requirements.txt"
"""Written by ``make lock``, with hashes."""
NEEDS = ("pydantic>=2.14,<3", "micropip>=0.11")
"""An older pydantic has no wheel of its compiled part for the browser."""
EXTRAS = ("server", "spa", "telemetry")
NAME = "durably"


def pins() -> tuple[Requirement, ...]:
    """One of each package that the engine needs, with what that needs."""
    return read_requirements(PINS).requirements


def write_stand_in(folder: Path, python: str | None) -> Path:
    """A wheel that stands for Durably while pip resolves: it needs what the engine needs in the browser.

    So packages that need Durably find this version of it, and not what an index has. ``python``: versions of
    Python that the jobs can run with.
    """
    release = f"{NAME}-{version(NAME)}"
    fields = ["Metadata-Version: 2.1", f"Name: {NAME}", f"Version: {version(NAME)}"]
    fields += [f"Requires-Dist: {need}" for need in NEEDS]
    fields += [f"Provides-Extra: {extra}" for extra in EXTRAS]
    fields += [] if python is None else [f"Requires-Python: {python}"]
    wheel = folder / f"{release}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr(f"{release}.dist-info/METADATA", "\n".join([*fields, ""]))
        archive.writestr(
            f"{release}.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{release}.dist-info/RECORD", "")
    return wheel
