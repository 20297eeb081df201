"""Whether the jobs can be loaded, asked of a fresh Python: this one would have them as they were."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LINES_AROUND = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What is wrong with the jobs, or with what they are packed from."""

    message: str
    place: str | None = None
    """File and line, as ``jobs.py:12``."""
    frame: str | None = None
    """The lines around it."""

    @property
    def text(self) -> str:
        """For a terminal."""
        where = "" if self.place is None else f"{self.place}: "
        return f"{where}{self.message}" + ("" if self.frame is None else f"\n\n{self.frame}\n")


def check_jobs(jobs: Path) -> list[str] | Fault:
    """The names of the jobs in a file, or what is wrong with it."""
    command = [sys.executable, "-m", "spa_runtime", "describe", str(jobs)]
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
        return _fault(described["error"], jobs)
    return [job["name"] for job in described["jobs"]]


def _fault(error: dict[str, Any], jobs: Path) -> Fault:
    file, folder = Path(error["file"]), jobs.resolve().parent
    name = file.relative_to(folder) if file.is_relative_to(folder) else file
    try:
        lines = file.read_text("utf-8", "replace").splitlines()
    except OSError:
        return Fault(message=error["message"])
    frame = "\n".join(_frame(lines, error["line"], error["column"]))
    return Fault(message=error["message"], place=f"{name}:{error['line']}", frame=frame)


def _frame(lines: list[str], line: int, column: int | None) -> Iterator[str]:
    first = max(1, line - LINES_AROUND)
    for number, text in enumerate(lines[first - 1 : line + LINES_AROUND], start=first):
        yield f"{'>' if number == line else ' '}{number:4} | {text}"
        if number == line and column is not None:
            yield f"{'':5} | {'':{column - 1}}^"
