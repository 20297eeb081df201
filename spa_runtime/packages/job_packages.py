"""The wheels for a job file: from the cache, or resolved and kept there."""

import hashlib
import json
import shlex
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from pathlib import Path
from urllib.parse import unquote, urlsplit

from durably_core.errors import NotFoundError
from spa_runtime.packages import engine, pyodide
from spa_runtime.packages.cache import Cache, fingerprint
from spa_runtime.packages.declared import Declared, find_declared
from spa_runtime.packages.requirements import Requirement
from spa_runtime.packages.resolving import Resolution, Tell
from spa_runtime.packages.wheel import wheels_in

KEY_VERSION = 1
"""Another number forgets all that was resolved."""


def wheels_for(
    jobs: Path,
    *,
    requirements: Path | None = None,
    find_links: Sequence[Path] = (),
    upgrade: bool = False,
    tell: Tell,
) -> Path:
    """A folder of wheels: what the engine needs in the browser, micropip, and what the job project declares.

    ``requirements``: a list of pip's format, in the place of what the project declares. ``find_links``: folders
    of wheels, beside the package index. ``upgrade``: resolve again what was resolved before. Raises
    ``DurablyError``, of which a ``PackagesError`` knows the line at fault.
    """
    if not jobs.is_file():
        raise NotFoundError(f"There is no job file {jobs}.")
    _expect_folders(find_links)
    declared = find_declared(jobs, requirements)
    if declared.wanted.requirements:
        tell(f"packages of {declared.place}")
    cache, key = Cache(), _key(declared, find_links)
    known = None if upgrade else cache.find(key)
    if known is not None:
        return known
    tell("downloading packages for the browser" if declared.wanted.requirements else _FIRST)
    with cache.work() as work:
        wheels = work / "wheels"
        wheels.mkdir()
        Resolution(declared=declared, find_links=find_links, work=work, tell=tell).into(wheels)
        return cache.keep(key, wheels)


def modules_of(wheels: Path) -> Path:
    """A folder of all modules in a folder of wheels that any Python can import."""
    return Cache().unpacked(wheels)


_FIRST = "downloading what the engine needs in the browser, once"


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
    yield from (Path(unquote(urlsplit(part).path)) for part in text.split() if part.startswith("file:"))


def _content(path: Path) -> str:
    if path.is_dir():
        return fingerprint(path)
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""


def listed(wheels: Path) -> list[tuple[str, str, int]]:
    """Name, version and bytes of each package that the engine alone would not need, the largest first."""
    ours = {pin.name for pin in engine.pins()}
    found = [(wheel.size, wheel.name, wheel.version) for wheel in wheels_in(wheels) if wheel.name not in ours]
    return [(name, release, size) for size, name, release in sorted(found, reverse=True)]
