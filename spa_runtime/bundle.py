"""Makes the runtime folder: Pyodide, and one archive of wheels, engine and jobs. With a page: a static site.

``plan`` reads and decides, ``write`` writes. Every file of the runtime has a hash of its content in
its name, but for the manifest, which names them all.
"""

import hashlib
import io
import json
import os
import shutil
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from durably_core.durably import create_durably
from durably_core.errors import ConflictError, NotFoundError, ValidationError
from spa_runtime.wheels import PYTHON

PYODIDE_FILES = ("pyodide.mjs", "pyodide.asm.mjs", "pyodide.asm.wasm", "python_stdlib.zip", "pyodide-lock.json")
RUNTIME_MANIFEST = "manifest.json"
MANIFEST = f"durably/{RUNTIME_MANIFEST}"
ENGINE_PACKAGES = (
    "durably_core",
    "spa_runtime/__init__.py",
    "spa_runtime/bridge.py",
    "spa_runtime/storage.py",
)
SERVER_ONLY = ("durably_core/cli", "durably_core/asgi")
"""Modules and packages of the engine that no page needs."""
SPA_OPTIONS = {
    "polling_interval_ms": 100,
    "lease_renew_interval_ms": 500,
    "lease_ms": 3000,
    "preserve_steps": True,
    "retain_runs": "30d",
}
OPTION_NAMES = frozenset(
    {
        "polling_interval_ms",
        "lease_ms",
        "lease_renew_interval_ms",
        "maintenance_interval_ms",
        "max_concurrent_runs",
        "max_attempts",
        "preserve_steps",
        "retain_runs",
        "retain_events",
        "idempotency_mismatch",
    }
)
"""Options that can stand in a manifest: the others are the page's to decide, or no JSON."""
MOST_WRITERS = 10
"""So many builds may write one folder at the same moment: two servers that watch one project do."""
EPOCH = (1980, 1, 1, 0, 0, 0)
"""A zip knows no earlier time: two builds of the same input are the same bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RuntimeSources:
    """What a runtime folder is made of."""

    jobs: Path
    """The Python file that defines the jobs."""
    pyodide: Path
    """Folder of the npm package ``pyodide``."""
    wheels: Path
    """Folder of the wheels that the engine needs inside Pyodide."""
    options: Mapping[str, Any] = field(default_factory=lambda: SPA_OPTIONS)
    """Options of ``create_durably``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources(RuntimeSources):
    """What a static site is made of."""

    page: Path
    """Folder of the built page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Every file of the folder by its path, as bytes or as the file to copy."""

    files: dict[str, bytes | Path]
    build: str
    manifest: str = MANIFEST
    """Path of the manifest, by which the folder is known as ours."""


def plan(sources: Sources) -> Plan:
    """Decide what goes into the site. Raises ``NotFoundError`` for a source that is missing."""
    _expect_files({"built page": sources.page / "index.html"})
    runtime = plan_runtime(sources)
    files: dict[str, bytes | Path] = {
        path.relative_to(sources.page).as_posix(): path for path in _files_below(sources.page)
    }
    files |= {f"durably/{name}": content for name, content in runtime.files.items()}
    return Plan(files=files, build=runtime.build)


def plan_runtime(sources: RuntimeSources) -> Plan:
    """Decide what goes into the runtime folder. Raises ``NotFoundError`` for a source that is missing."""
    _check(sources)
    pyodide = {name: (sources.pyodide / name).read_bytes() for name in PYODIDE_FILES}
    # Packages come from our archive; a list of what a CDN has is of no use here.
    lock = json.loads(pyodide["pyodide-lock.json"])
    _expect_fitting(lock["info"], sources.pyodide)
    pyodide["pyodide-lock.json"] = json.dumps({"info": lock["info"], "packages": {}}).encode()
    pyodide_folder = f"pyodide-{_hash(*pyodide.values())}"
    app = _archive(sources)
    app_name = f"app-{_hash(app)}.zip"
    manifest: dict[str, Any] = {
        "manifestVersion": 1,
        "engine": version("durably"),
        "build": _hash(pyodide_folder.encode(), app),
        "pyodide": {
            "version": json.loads((sources.pyodide / "package.json").read_text("utf-8"))["version"],
            "url": f"{pyodide_folder}/",
        },
        "app": {"url": app_name, "bytes": len(app)},
        "jobsModule": sources.jobs.stem,
        "options": dict(sources.options),
    }
    files: dict[str, bytes | Path] = {
        **{f"{pyodide_folder}/{name}": content for name, content in pyodide.items()},
        app_name: app,
        RUNTIME_MANIFEST: json.dumps(manifest, indent=1).encode(),
    }
    return Plan(files=files, build=manifest["build"], manifest=RUNTIME_MANIFEST)


def write(plan: Plan, target: Path) -> None:
    """Write the folder to ``target``, which is replaced as a whole.

    Raises ``ConflictError`` for a folder that was not written by this function.
    """
    if not _is_replaceable(target, plan.manifest):
        raise ConflictError(f"{target} is something else than a bundle: choose another folder.")
    target.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    fresh.chmod(0o755)
    try:
        for name, content in plan.files.items():
            path = fresh / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(content, Path):
                shutil.copyfile(content, path)
            else:
                path.write_bytes(content)
        # A build that fails before this line leaves the old bundle as it was.
        _replace(target, fresh)
    except BaseException:
        shutil.rmtree(fresh, ignore_errors=True)
        raise


def _replace(target: Path, fresh: Path) -> None:
    old = fresh.with_name(f"{fresh.name}.old")
    for attempts_left in reversed(range(MOST_WRITERS)):
        # In one piece: whoever looks meanwhile sees a whole folder or none.
        with suppress(FileNotFoundError):
            target.rename(old)
        shutil.rmtree(old, ignore_errors=True)
        try:
            fresh.rename(target)
        except OSError:
            # Another build has written the folder meanwhile: the last one stays.
            if not attempts_left:
                raise
        else:
            return


def _is_replaceable(target: Path, manifest: str) -> bool:
    try:
        # Other programs write files of this name, too.
        return b'"manifestVersion"' in (target / manifest).read_bytes()
    except OSError:
        return not target.exists() or (target.is_dir() and not any(target.iterdir()))


def _check(sources: RuntimeSources) -> None:
    _expect_files({"job file": sources.jobs, "npm package pyodide": sources.pyodide / "package.json"})
    if not any(sources.wheels.glob("*.whl")):
        raise NotFoundError(f"The wheels for Pyodide are missing: there are none in {sources.wheels}.")
    _expect_options(sources.options)


def _expect_files(needed: Mapping[str, Path]) -> None:
    for name, path in needed.items():
        if not path.is_file():
            raise NotFoundError(f"The {name} is missing: there is no file {path}.")


def _expect_options(options: Mapping[str, Any]) -> None:
    """What can't work is said here, not by every browser that opens the page."""
    for name in options.keys() - OPTION_NAMES:
        known = ", ".join(sorted(OPTION_NAMES))
        raise ValidationError(f"There is no option {name!r} for the engine of a page. There are: {known}.")
    create_durably(database=":memory:", **options)


def _expect_fitting(pyodide: Mapping[str, str], folder: Path) -> None:
    """Wheels for one version of Python don't work in another."""
    if not pyodide["python"].startswith(f"{PYTHON}."):
        raise ValidationError(
            f"The Pyodide in {folder} has Python {pyodide['python']}, but the engine needs {PYTHON}: "
            "use npm packages and Python packages of Durably that were published together."
        )


def _archive(sources: RuntimeSources) -> bytes:
    """Wheels, engine and jobs side by side in one zip, as they will lie on Python's path."""
    content = dict(_content(sources))
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in sorted(content):
            archive.writestr(zipfile.ZipInfo(name, EPOCH), content[name], zipfile.ZIP_DEFLATED, 9)
    return buffer.getvalue()


def _content(sources: RuntimeSources) -> Iterator[tuple[str, bytes]]:
    for wheel in sorted(sources.wheels.glob("*.whl")):
        with zipfile.ZipFile(wheel) as archive:
            for name in archive.namelist():
                if not name.endswith(("/", ".pyi")):
                    yield name, archive.read(name)
    root = Path(__file__).parent.parent
    for package in ENGINE_PACKAGES:
        top = root / package
        for path in [top] if top.is_file() else _files_below(top):
            name = path.relative_to(root).as_posix()
            if not _is_server_only(name):
                yield name, path.read_bytes()
    for path in _job_modules(sources.jobs.parent):
        yield path.relative_to(sources.jobs.parent).as_posix(), path.read_bytes()


def _is_server_only(name: str) -> bool:
    return any(name == f"{each}.py" or name.startswith(f"{each}/") for each in SERVER_ONLY)


def _files_below(folder: Path) -> list[Path]:
    return sorted(
        path
        for path in folder.rglob("*")
        if path.is_file() and not any(_is_private(part) for part in path.relative_to(folder).parts)
    )


def _job_modules(folder: Path) -> Iterator[Path]:
    """The Python files beside the job file, and below.

    Nothing else: what is packed is published, and there may be secrets, databases and builds.
    """
    for name, folders, files in os.walk(folder):
        here = Path(name)
        # Not entered: what is installed is large.
        folders[:] = sorted(each for each in folders if not _is_foreign(here / each))
        yield from (here / file for file in sorted(files) if file.endswith(".py") and not _is_private(file))


def _is_foreign(folder: Path) -> bool:
    """Installed or built by a program, or private."""
    is_made = (folder / "pyvenv.cfg").exists() or (folder / MANIFEST).exists()
    return is_made or folder.name == "node_modules" or _is_private(folder.name)


def _is_private(name: str) -> bool:
    return name.startswith(".") or name == "__pycache__"


def _hash(*contents: bytes) -> str:
    digest = hashlib.sha256()
    for content in contents:
        digest.update(hashlib.sha256(content).digest())
    return digest.hexdigest()[:16]
