"""The runtime folder: what the worker in the page loads.

The manifest names all other files; each of those has a hash of its content in its path.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from durably_core.errors import NotFoundError, ValidationError
from spa_runtime.bundle.archive import pack_engine, pack_jobs, pack_wheels
from spa_runtime.bundle.bytecode import FILE as BYTECODE
from spa_runtime.bundle.bytecode import Bytecode
from spa_runtime.bundle.folder import MANIFEST, Content, Plan, expect_files, facts_of, read, short_hash
from spa_runtime.bundle.library import FILE as LIBRARY
from spa_runtime.bundle.library import MORE, Library, split
from spa_runtime.bundle.licenses import FILE as LICENSES
from spa_runtime.bundle.licenses import for_people, for_programs, page_licenses, runtime_licenses
from spa_runtime.bundle.options import SPA_OPTIONS, expect_options
from spa_runtime.packages.pyodide import PYTHON

MANIFEST_VERSION = 2
"""Grows with what a page and a runtime of different versions would misunderstand."""
IMMUTABLE = "immutable"
"""The folder of files whose content never changes: hosts and browsers may keep them for ever."""
PYODIDE_FILES = ("pyodide.mjs", "pyodide.asm.mjs", "pyodide.asm.wasm", LIBRARY, "pyodide-lock.json")


@dataclass(frozen=True, slots=True, kw_only=True)
class RuntimeSources:
    """What a runtime folder is made of."""

    jobs: Path
    """The Python file that defines the jobs."""
    pyodide: Path
    """Folder of Pyodide, as ``spa_runtime.assets`` knows it."""
    wheels: Path
    """Folder of the wheels that engine and jobs need inside Pyodide."""
    options: Mapping[str, Any] = field(default_factory=lambda: SPA_OPTIONS)
    """Options of ``create_durably``."""
    infos: Sequence[Mapping[str, Any]] | None = None
    """What an engine would tell of its jobs: a page shows them, and takes triggers, before Python is up. None:
    it learns of them from the engine."""
    library: Library = Library.split
    """``split``: the part of the standard library that no start needs comes when it is imported first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Runtime:
    """The files of the folder but for the manifest, and what that says of them."""

    files: Mapping[str, Content]
    manifest: Mapping[str, Any]


def plan_runtime(sources: RuntimeSources) -> Plan:
    """Decide what goes into the runtime folder. Raises ``NotFoundError`` for a source that is missing."""
    runtime = runtime_of(sources)
    manifest, build = sealed(runtime.manifest, runtime.files)
    return Plan(files={**runtime.files, MANIFEST: manifest}, build=build, manifest=MANIFEST)


def runtime_of(sources: RuntimeSources) -> Runtime:
    """The folder before its manifest is sealed."""
    _check(sources)
    bytecode = Bytecode(sources.pyodide)
    pyodide = _pyodide(sources.pyodide)
    more: tuple[str, ...] = ()
    if sources.library is Library.split:
        halves = split(pyodide[LIBRARY], bytecode.library)
        pyodide |= {LIBRARY: halves.start, MORE: halves.more}
        more = halves.modules
    pyodide_folder = f"{IMMUTABLE}/pyodide-{short_hash(*pyodide.values())}"
    # Apart: a deploy in which the jobs changed brings them alone.
    packed = {
        "packages": pack_wheels(sources.wheels, bytecode),
        "engine": pack_engine(bytecode),
        "app": pack_jobs(sources.jobs),
    }
    archives = {f"{IMMUTABLE}/{name}-{short_hash(zip_)}.zip": zip_ for name, zip_ in packed.items()}
    licenses = runtime_licenses(sources.wheels), page_licenses(())
    manifest = {
        "manifestVersion": MANIFEST_VERSION,
        "engine": version("durably"),
        "pyodide": {
            "version": json.loads((sources.pyodide / "package.json").read_text("utf-8"))["version"],
            "url": f"{pyodide_folder}/",
        },
        "library": {"path": f"{pyodide_folder}/{MORE}", "modules": more} if more else None,
        "archives": list(archives),
        "jobsModule": sources.jobs.stem,
        "jobs": sources.infos,
        "options": dict(sources.options),
        "licenses": for_programs(*licenses),
    }
    files = {f"{pyodide_folder}/{name}": content for name, content in pyodide.items()}
    return Runtime(files={**files, **archives, LICENSES: for_people(*licenses)}, manifest=manifest)


def sealed(manifest: Mapping[str, Any], files: Mapping[str, Content]) -> tuple[bytes, str]:
    """The manifest with size and hash of each file, by its path from the manifest; and the build's name."""
    listed = {name: facts_of(read(files[name])) for name in sorted(files)}
    content = {**{key: manifest[key] for key in manifest if key not in ("build", "files")}, "files": listed}
    build = short_hash(json.dumps(content, sort_keys=True).encode())
    return json.dumps({"build": build, **content}, indent=1).encode(), build


def _pyodide(folder: Path) -> dict[str, bytes]:
    files = {name: (folder / name).read_bytes() for name in PYODIDE_FILES}
    lock = json.loads(files["pyodide-lock.json"])
    _expect_fitting(lock["info"], folder)
    # Packages come from our archive; a list of what a CDN has is of no use here.
    files["pyodide-lock.json"] = json.dumps({"info": lock["info"], "packages": {}}).encode()
    return files


def _check(sources: RuntimeSources) -> None:
    expect_files(
        {
            "job file": sources.jobs,
            "Pyodide": sources.pyodide / "package.json",
            "bytecode of the engine": sources.pyodide / BYTECODE,
        }
    )
    if not any(sources.wheels.glob("*.whl")):
        raise NotFoundError(f"The wheels for Pyodide are missing: there are none in {sources.wheels}.")
    expect_options(sources.options)


def _expect_fitting(pyodide: Mapping[str, str], folder: Path) -> None:
    """Wheels for one version of Python don't work in another."""
    if not pyodide["python"].startswith(f"{PYTHON}."):
        raise ValidationError(
            f"The Pyodide in {folder} has Python {pyodide['python']}, but the engine needs {PYTHON}: "
            "install Durably anew."
        )
