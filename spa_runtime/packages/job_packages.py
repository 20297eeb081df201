"""The wheels for a job file: from the cache, or resolved and kept there."""

import hashlib
import json
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from durably_core.errors import NotFoundError
from spa_runtime.packages import engine, pyodide
from spa_runtime.packages.cache import Cache, fingerprint
from spa_runtime.packages.declared import Declared, find_declared
from spa_runtime.packages.progress import Tell
from spa_runtime.packages.requirements import Requirement
from spa_runtime.packages.resolving import Resolution
from spa_runtime.packages.wheel import Wheel, wheels_in

KEY_VERSION = 1
"""Another number forgets all that was resolved."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageOptions:
    """What a person may say about packages. Without it the job project says it all."""

    requirements: Path | None = None
    """A list in pip's format, in the place of what the project declares."""
    find_links: Sequence[Path] = ()
    """Folders of wheels, beside the package index."""
    upgrade: bool = False
    """Resolve again what was resolved before."""
    wheels: Path | None = None
    """A folder of wheels to take as they are, with those that the engine needs: nothing is resolved."""


def wheels_for(jobs: Path | None, options: PackageOptions, tell: Tell) -> Path:
    """A folder of wheels: what the engine needs in the browser, micropip, and what the job project declares.

    Without a job file, only ``options`` can declare something. Raises ``DurablyError``. Of its kinds, a
    ``PackagesError`` knows the line at fault.
    """
    if jobs is not None and not jobs.is_file():
        raise NotFoundError(f"There is no job file {jobs}.")
    if options.wheels is not None:
        return options.wheels
    _expect_folders(options.find_links)
    declared = find_declared(jobs, options.requirements)
    if declared.wanted.requirements:
        tell(f"packages of {declared.place}")
    cache, key = Cache(), _key(declared, options.find_links)
    known = None if options.upgrade else cache.find(key)
    return known or _resolved(declared, options, key, tell)


def known_wheels(jobs: Path, options: PackageOptions) -> Path | None:
    """The same, if it was resolved before: neither pip nor a network is asked. Raises ``PackagesError``."""
    declared = find_declared(jobs, options.requirements)
    return options.wheels or Cache().find(_key(declared, options.find_links))


def modules_of(wheels: Path) -> Path:
    """A folder of all modules in a folder of wheels that any Python can import."""
    return Cache().unpacked(wheels)


def additional(wheels: Path) -> list[Wheel]:
    """Those that the engine alone would not need, the largest first."""
    ours = {pin.name for pin in engine.pins()}
    found = [wheel for wheel in wheels_in(wheels) if wheel.name not in ours]
    return sorted(found, key=lambda wheel: -wheel.size)


def _resolved(declared: Declared, options: PackageOptions, key: str, tell: Tell) -> Path:
    what = (
        "packages for the browser" if declared.wanted.requirements else "what the engine needs in the browser"
    )
    tell(f"downloading {what}, once …")
    cache = Cache()
    with cache.work() as work:
        wheels = work / "wheels"
        wheels.mkdir()
        Resolution(declared=declared, find_links=options.find_links, work=work, tell=tell).into(wheels)
        return cache.keep(key, wheels)


def _expect_folders(folders: Sequence[Path]) -> None:
    for folder in folders:
        if not folder.is_dir():
            raise NotFoundError(f"There is no folder {folder} of wheels.")


def _key(declared: Declared, find_links: Sequence[Path]) -> str:
    """A hash over everything that decides what is resolved, but for what indexes have."""
    wanted = declared.wanted
    decisive = {
        "version": KEY_VERSION,
        "durably": [version(engine.NAME), engine.NEEDS, engine.PINS.read_text("utf-8")],
        "pyodide": [pyodide.PLATFORM, pyodide.MARKERS],
        "python": declared.python and declared.python.text,
        "requirements": [_said(line) for line in wanted.requirements],
        "constraints": [_said(line) for line in wanted.constraints],
        "options": [_said(line) for line in wanted.options],
        "folders": [fingerprint(folder) for folder in find_links],
    }
    return hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()[:32]


def _said(line: Requirement) -> list[object]:
    return [line.text, line.hashes, [_content(path) for path in _paths(line.text)]]


def _paths(text: str) -> Iterator[Path]:
    """Files and folders on this machine of which a line speaks."""
    if text.startswith("--find-links "):
        yield from (path for part in shlex.split(text)[1:] if (path := Path(part)).exists())
    yield from (Path(url2pathname(urlsplit(part).path)) for part in text.split() if part.startswith("file:"))


def _content(path: Path) -> str:
    if path.is_dir():
        return fingerprint(path)
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
