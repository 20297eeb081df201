"""What commands work with: a file of jobs, or an engine in a file or module."""

import sys
from collections.abc import Mapping
from contextlib import redirect_stdout
from pathlib import Path
from types import ModuleType
from typing import Any

from durably_core.durably import Durably
from durably_core.errors import NotFoundError, ValidationError
from durably_core.job import Job, by_name, collect_jobs
from durably_core.job_file import expect_inside, import_module

Jobs = Mapping[str, Job[Any, Any]]


def load(target: str) -> Durably | Jobs:
    """The engine that a target names or defines, or else its jobs. Imports the file or module.

    Raises ``NotFoundError`` for what is not there, ``JobFileError`` for what can't be imported, and
    ``ValidationError`` when it is not clear which engine is meant.
    """
    place, name = _split(target)
    # Whatever is printed meanwhile is not the command's answer.
    with redirect_stdout(sys.stderr):
        module = _module_of_file(Path(place)) if place.endswith(".py") else _module_of_name(place)
    if name is not None:
        return _named(module, name, place)
    engines = _engines(module)
    if len({id(engine) for engine in engines.values()}) > 1:
        known = ", ".join(engines)
        raise ValidationError(
            f"{place} has several engines ({known}): say which, as in {place}:{next(iter(engines))}."
        )
    return next(iter(engines.values())) if engines else _jobs(module)


def _split(target: str) -> tuple[str, str | None]:
    place, colon, name = target.rpartition(":")
    # The colon of a drive is none that separates.
    if not colon or target.endswith(".py"):
        return target, None
    if not place or not name:
        raise ValidationError(
            f"{target!r} is no target: name a file or a module, as in jobs.py or app:durably."
        )
    return place, name


def _module_of_file(path: Path) -> ModuleType:
    file = path.resolve()
    if not file.is_file():
        raise NotFoundError(f"There is no job file {path}.")
    _put_on_path(file.parent)
    module = import_module(file.stem, file.parent)
    expect_inside(module, file.parent)
    return module


def _module_of_name(name: str) -> ModuleType:
    if not all(part.isidentifier() for part in name.split(".")):
        raise ValidationError(f"{name!r} is no target: name a file or a module, as in jobs.py or app:durably.")
    folder = Path.cwd()
    _put_on_path(folder)
    return import_module(name, folder)


def _put_on_path(folder: Path) -> None:
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))


def _named(module: ModuleType, name: str, place: str) -> Durably:
    value = getattr(module, name, None)
    if isinstance(value, Durably):
        return value
    known = ", ".join(_engines(module)) or "none"
    raise NotFoundError(
        f"{place} has no engine {name!r} made by create_durably. Engines: {known}."
        + (f" For its jobs alone, leave out :{name}." if known == "none" else "")
    )


def _engines(module: ModuleType) -> dict[str, Durably]:
    return {name: value for name, value in vars(module).items() if isinstance(value, Durably)}


def _jobs(module: ModuleType) -> Jobs:
    jobs = collect_jobs(module)
    by_name(jobs)
    return jobs
