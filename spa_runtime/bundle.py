"""Makes the static folder: page, Pyodide, and one archive of wheels, engine and jobs.

``plan`` reads and decides, ``write`` writes. Every file of the runtime has a hash of its content in
its name, but for the manifest, which names them all.
"""

import hashlib
import io
import json
import shutil
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from durably_core.errors import ConflictError, NotFoundError

PYODIDE_FILES = ("pyodide.mjs", "pyodide.asm.mjs", "pyodide.asm.wasm", "python_stdlib.zip", "pyodide-lock.json")
MANIFEST = "durably/manifest.json"
ENGINE_PACKAGES = (
    "durably_core",
    "spa_runtime/__init__.py",
    "spa_runtime/bridge.py",
    "spa_runtime/job_file.py",
    "spa_runtime/storage.py",
)
SPA_OPTIONS = {
    "polling_interval_ms": 100,
    "lease_renew_interval_ms": 500,
    "lease_ms": 3000,
    "preserve_steps": True,
    "retain_runs": "30d",
}
EPOCH = (1980, 1, 1, 0, 0, 0)
"""A zip knows no earlier time: two builds of the same input are the same bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """What a bundle is made of."""

    jobs: Path
    """The Python file that defines the jobs."""
    page: Path
    """Folder of the built page."""
    pyodide: Path
    """Folder of the npm package ``pyodide``."""
    wheels: Path
    """Folder of the wheels that the engine needs inside Pyodide."""
    options: Mapping[str, Any] = field(default_factory=lambda: SPA_OPTIONS)
    """Options of ``create_durably``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Every file of the bundle by its path, as bytes or as the file to copy."""

    files: dict[str, bytes | Path]
    build: str


def plan(sources: Sources) -> Plan:
    """Decide what goes into the bundle. Raises ``NotFoundError`` for a source that is missing."""
    _check(sources)
    pyodide = {name: (sources.pyodide / name).read_bytes() for name in PYODIDE_FILES}
    # Packages come from our archive; a list of what a CDN has is of no use here.
    lock = json.loads(pyodide["pyodide-lock.json"])
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
        path.relative_to(sources.page).as_posix(): path for path in _files_below(sources.page)
    }
    files |= {f"durably/{pyodide_folder}/{name}": content for name, content in pyodide.items()}
    files[f"durably/{app_name}"] = app
    files[MANIFEST] = json.dumps(manifest, indent=1).encode()
    return Plan(files=files, build=manifest["build"])


def write(plan: Plan, target: Path) -> None:
    """Write the bundle to ``target``, which is replaced as a whole.

    Raises ``ConflictError`` for a folder that holds anything else than a bundle.
    """
    if target.exists() and not (target / MANIFEST).is_file() and (target.is_file() or any(target.iterdir())):
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
        shutil.rmtree(target, ignore_errors=True)
        fresh.rename(target)
    except BaseException:
        shutil.rmtree(fresh, ignore_errors=True)
        raise


def _check(sources: Sources) -> None:
    needed = {
        "job file": sources.jobs,
        "built page": sources.page / "index.html",
        "npm package pyodide": sources.pyodide / "package.json",
    }
    for name, path in needed.items():
        if not path.is_file():
            raise NotFoundError(f"The {name} is missing: there is no file {path}.")
    if not any(sources.wheels.glob("*.whl")):
        raise NotFoundError(f"The wheels for Pyodide are missing: there are none in {sources.wheels}.")


def _archive(sources: Sources) -> bytes:
    """Wheels, engine and jobs side by side in one zip, as they will lie on Python's path."""
    content = dict(_content(sources))
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in sorted(content):
            archive.writestr(zipfile.ZipInfo(name, EPOCH), content[name], zipfile.ZIP_DEFLATED, 9)
    return buffer.getvalue()


def _content(sources: Sources) -> Iterator[tuple[str, bytes]]:
    for wheel in sorted(sources.wheels.glob("*.whl")):
        with zipfile.ZipFile(wheel) as archive:
            for name in archive.namelist():
                if not name.endswith(("/", ".pyi")):
                    yield name, archive.read(name)
    root = Path(__file__).parent.parent
    for package in ENGINE_PACKAGES:
        top = root / package
        for path in [top] if top.is_file() else _files_below(top):
            yield path.relative_to(root).as_posix(), path.read_bytes()
    for path in _job_modules(sources.jobs.parent):
        yield path.relative_to(sources.jobs.parent).as_posix(), path.read_bytes()


def _files_below(folder: Path) -> list[Path]:
    return sorted(
        path
        for path in folder.rglob("*")
        if path.is_file() and not any(_is_private(part) for part in path.relative_to(folder).parts)
    )


def _job_modules(folder: Path) -> list[Path]:
    """The Python files beside the job file, and below.

    Nothing else: what is packed is published, and there may be secrets, databases and builds.
    """
    foreign = {path.parent for path in folder.rglob("pyvenv.cfg")}
    foreign |= {path.parent.parent for path in folder.rglob(MANIFEST)} | set(folder.rglob("node_modules"))
    return [path for path in _files_below(folder) if path.suffix == ".py" and foreign.isdisjoint(path.parents)]


def _is_private(name: str) -> bool:
    return name.startswith(".") or name == "__pycache__"


def _hash(*contents: bytes) -> str:
    digest = hashlib.sha256()
    for content in contents:
        digest.update(hashlib.sha256(content).digest())
    return digest.hexdigest()[:16]
