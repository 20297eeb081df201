"""The archives that are unpacked side by side on Python's path: packages, the engine, and the jobs."""

import io
import os
import zipfile
from collections.abc import Iterator
from pathlib import Path

from spa_runtime.bundle.bytecode import Bytecode
from spa_runtime.bundle.folder import MANIFEST, RUNTIME, files_below, is_private
from spa_runtime.packages import merged, wheels_in

EPOCH = (1980, 1, 1, 0, 0, 0)
"""A zip knows no earlier time: two builds of the same input are the same bytes."""
ROOT = Path(__file__).parent.parent.parent
ENGINE_PACKAGES = (
    "durably_core",
    "spa_runtime/__init__.py",
    "spa_runtime/bridge.py",
    "spa_runtime/interrupting.py",
    "spa_runtime/library.py",
    "spa_runtime/snapshot.py",
    "spa_runtime/storage.py",
    "spa_runtime/turns.py",
)
SERVER_ONLY = (
    "durably_core/cli",
    "durably_core/asgi",
    "durably_core/store/postgres",
    "durably_core/store/sql/postgres",
)
"""Modules and packages of the engine that no page needs."""


def pack_wheels(folder: Path, bytecode: Bytecode) -> bytes:
    """The wheels of a folder in one zip."""
    return zipped(bytecode.beside(merged(wheels_in(folder))))


def pack_engine(bytecode: Bytecode) -> bytes:
    """What of Durably itself runs in the browser, in one zip."""
    return zipped(bytecode.beside(engine_files()))


def pack_jobs(jobs: Path) -> bytes:
    """The job file, and the Python files beside it and below, in one zip."""
    return zipped(dict(_of_jobs(jobs.parent)))


def engine_files() -> dict[str, bytes]:
    """What of Durably itself runs in the browser, by its path."""
    return dict(_of_engine())


def zipped(content: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in sorted(content):
            archive.writestr(zipfile.ZipInfo(name, EPOCH), content[name], zipfile.ZIP_DEFLATED, 9)
    return buffer.getvalue()


def _of_engine() -> Iterator[tuple[str, bytes]]:
    for package in ENGINE_PACKAGES:
        top = ROOT / package
        for path in [top] if top.is_file() else files_below(top):
            name = path.relative_to(ROOT).as_posix()
            if not _is_server_only(name):
                yield name, path.read_bytes()


def _is_server_only(name: str) -> bool:
    return any(name == f"{each}.py" or name.startswith(f"{each}/") for each in SERVER_ONLY)


def _of_jobs(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Python files and nothing else: what is packed is published, and there may be secrets and databases."""
    for name, folders, files in os.walk(folder):
        here = Path(name)
        # Not entered: what is installed is large.
        folders[:] = sorted(each for each in folders if not _is_foreign(here / each))
        for file in sorted(files):
            if file.endswith(".py") and not is_private(file):
                yield (here / file).relative_to(folder).as_posix(), (here / file).read_bytes()


def _is_foreign(folder: Path) -> bool:
    """Installed or built by a program, or private."""
    is_made = (folder / "pyvenv.cfg").exists() or (folder / RUNTIME / MANIFEST).exists()
    return is_made or folder.name == "node_modules" or is_private(folder.name)
