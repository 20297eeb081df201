"""Whether the jobs can be loaded, asked of a fresh Python: this one would have them as they were."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from durably_core.errors import DurablyError
from durably_core.job_file import Place
from spa_runtime.packages import PackagesError, modules_of, shown, wheels_in

JobInfo = dict[str, Any]
"""``{"name", "keys", "description", "inputSchema", "outputSchema"}``"""

LINES_AROUND = 2
MISSING = re.compile(r"ModuleNotFoundError: No module named '([^'.]+)[^']*'$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What is wrong with the jobs, or with what they are packed from."""

    message: str
    place: str | None = None
    """File and line, as ``jobs/jobs.py:12`` seen from the current folder."""
    frame: str | None = None
    """The lines around it."""

    @property
    def text(self) -> str:
        """For a terminal."""
        where = "" if self.place is None else f"{self.place}: "
        return f"{where}{self.message}" + ("" if self.frame is None else f"\n\n{self.frame}\n")


def check_jobs(jobs: Path, wheels: Path) -> list[JobInfo] | Fault:
    """What an engine would tell of the jobs in a file, or what is wrong with it.

    ``wheels``: the packages that are packed; what of them is not installed here is imported from there.
    Raises ``DurablyError`` for wheels that can't be unpacked.
    """
    modules = str(modules_of(wheels))
    command = [sys.executable, "-m", "spa_runtime", "describe", str(jobs), "--modules", modules]
    # The current folder is no place to import from: it may hold a types.py.
    environment = {**os.environ, "PYTHONSAFEPATH": "1", "PYTHONDONTWRITEBYTECODE": "1", "PYTHONUTF8": "1"}
    # A Ctrl-C at the terminal is for whoever asks, not for the Python that answers.
    done = subprocess.run(  # noqa: S603 - arguments of ours
        command, env=environment, stdout=subprocess.PIPE, start_new_session=True, check=False
    )
    try:
        described = json.loads(done.stdout)
    except ValueError:
        return Fault(message=f"The jobs could not be checked: Python ended with {done.returncode}.")
    if "error" in described:
        error = described["error"]
        place = Place(file=Path(error["file"]), line=error["line"], column=error["column"])
        return fault_at(place, error["message"] + _advice(error["message"], wheels))
    infos: list[JobInfo] = described["infos"]
    return infos


def fault_of(error: DurablyError) -> Fault:
    """What is wrong with what the jobs are packed from."""
    if isinstance(error, PackagesError) and error.place is not None:
        return fault_at(error.place, error.reason)
    return Fault(message=error.message)


def fault_at(place: Place, message: str) -> Fault:
    try:
        lines = place.file.read_text("utf-8", "replace").splitlines()
    except OSError:
        return Fault(message=message)
    frame = "\n".join(_frame(lines, place.line, place.column))
    return Fault(message=message, place=f"{shown(place.file)}:{place.line}", frame=frame)


def _advice(message: str, wheels: Path) -> str:
    """What to do about a module that is missing here."""
    if (found := MISSING.match(message)) is None:
        return ""
    for wheel in wheels_in(wheels):
        if not wheel.is_pure and found[1] in wheel.modules():
            return (
                f". It is packed, but compiled for the browser. Import it in the function that needs it, or "
                f"install it here, too, so that the jobs can be checked: `pip install {wheel.name}`."
            )
    return ". Is it a package? Then the jobs must declare it, as in a requirements.txt beside the job file."


def _frame(lines: list[str], line: int, column: int | None) -> Iterator[str]:
    first = max(1, line - LINES_AROUND)
    for number, text in enumerate(lines[first - 1 : line + LINES_AROUND], start=first):
        yield f"{'>' if number == line else ' '}{number:4} | {text}"
        if number == line and column is not None:
            yield f"{'':5} | {'':{column - 1}}^"
