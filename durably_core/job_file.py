"""The Python file that defines the jobs: what it defines, and where its author looks when it fails."""

import importlib
import sys
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from durably_core.errors import ValidationError
from durably_core.job import Job, by_name, collect_jobs


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A line of the job project. Lines and columns begin at 1."""

    file: Path
    line: int
    column: int | None = None


class JobFileError(ValidationError):
    """The jobs could not be loaded."""

    def __init__(self, reason: str, place: Place | None, folder: Path) -> None:
        where = f" ({place.file.relative_to(folder)}, line {place.line})" if place else ""
        super().__init__(f"The jobs could not be loaded. {reason}{where}")
        self.reason = reason
        self.place = place
        """The innermost line of the job project, if the error came from one."""


def import_jobs(module: str, folder: Path) -> dict[str, Job[Any, Any]]:
    """The jobs of a module in ``folder``, which is on Python's path, by the names of their variables.

    Raises ``JobFileError`` when it can't be imported, ``ValidationError`` for jobs that can't be told apart.
    """
    loaded = import_module(module, folder)
    expect_inside(loaded, folder)
    jobs = collect_jobs(loaded)
    by_name(jobs)
    return jobs


def import_module(module: str, folder: Path) -> ModuleType:
    """The module, which may lie elsewhere than in ``folder``, the project of whoever wrote the jobs.

    Raises ``JobFileError`` when it can't be imported, with the line of the project at fault.
    """
    installed = {name.partition(".")[0] for name in sys.modules}
    try:
        return importlib.import_module(module)
    except (Exception, SystemExit) as error:
        places = [place for place in _places(error) if _is_of_project(place.file, folder, installed)]
        raise JobFileError(_reason(error), places[-1] if places else None, folder) from error


def expect_inside(module: ModuleType, folder: Path) -> None:
    """Raises ``ValidationError`` when Python found another module of that name elsewhere."""
    file = module.__file__
    if file is None or not Path(file).is_relative_to(folder):
        raise ValidationError(
            f"Python has another module named {module.__name__!r}: give the file of the jobs another name."
        )


def _places(error: BaseException) -> Iterator[Place]:
    """Where the error came by, outermost first."""
    for frame in traceback.extract_tb(error.__traceback__):
        column = None if frame.colno is None else frame.colno + 1
        yield Place(file=Path(frame.filename), line=frame.lineno or 1, column=column)
    if isinstance(error, SyntaxError) and error.filename:
        yield Place(file=Path(error.filename), line=error.lineno or 1, column=error.offset or None)


def _is_of_project(file: Path, folder: Path, installed: set[str]) -> bool:
    """Whether the author of the jobs wrote the file: packages may lie in the same folder."""
    if not file.is_relative_to(folder):
        return False
    parts = file.relative_to(folder).with_suffix("").parts
    return parts[0] not in installed and "site-packages" not in parts


def _reason(error: BaseException) -> str:
    text = str(getattr(error, "msg", None) or error).partition("\n\nFor further information visit")[0]
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
