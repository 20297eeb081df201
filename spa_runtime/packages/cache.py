"""The user's cache: folders of wheels, which never change, and what they were resolved for."""

import hashlib
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from durably_core.errors import ConflictError
from spa_runtime.packages.wheel import merged, wheels_in

WORK = ".work-"
"""Begins the names of folders that are not complete yet."""
ABANDONED_S = 86_400
"""So old, they were left by a build that was killed."""


def cache_folder() -> Path:
    """Where this user's programs keep what they can fetch again; ``DURABLY_CACHE`` names another place."""
    if chosen := os.environ.get("DURABLY_CACHE"):
        return Path(chosen).absolute()
    if sys.platform == "win32":
        caches = os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        caches = Path.home() / "Library" / "Caches"
    else:
        caches = os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")
    return Path(caches) / "durably"


class Cache:
    """``resolved/KEY`` names a folder ``wheels-HASH``. Both are there as a whole or not at all."""

    def __init__(self) -> None:
        self._folder = cache_folder()

    def find(self, key: str) -> Path | None:
        """The wheels that were resolved for a key."""
        try:
            folder = self._folder / (self._folder / "resolved" / key).read_text("utf-8")
        except OSError:
            return None
        return folder if folder.is_dir() else None

    def keep(self, key: str, wheels: Path) -> Path:
        """Move a folder of wheels, made in ``work``, to where ``find`` finds it."""
        folder = self._moved(wheels, self._folder / f"wheels-{fingerprint(wheels)}")
        pointers = self._folder / "resolved"
        pointers.mkdir(exist_ok=True)
        with self.work() as place:
            (place / key).write_text(folder.name, "utf-8")
            # In one piece: another build sees the old wheels or the new ones.
            (place / key).replace(pointers / key)
        return folder

    def unpacked(self, wheels: Path) -> Path:
        """What in a folder of wheels any Python can import, as a folder of modules."""
        target = self._folder / f"modules-{fingerprint(wheels)}"
        if target.is_dir():
            return target
        with self.work() as place:
            modules = place / "modules"
            modules.mkdir()
            for path, content in merged(wheel for wheel in wheels_in(wheels) if wheel.is_pure).items():
                (modules / path).parent.mkdir(parents=True, exist_ok=True)
                (modules / path).write_bytes(content)
            return self._moved(modules, target)

    @contextmanager
    def work(self) -> Iterator[Path]:
        """An empty folder, which is gone afterwards. Raises ``ConflictError`` where nothing can be written."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            place = Path(tempfile.mkdtemp(prefix=WORK, dir=self._folder))
        except OSError as error:
            raise ConflictError(
                f"The cache {self._folder} can't be written: {error.strerror}. Name another folder with the "
                "variable DURABLY_CACHE."
            ) from error
        try:
            yield place
        finally:
            shutil.rmtree(place, ignore_errors=True)
            self._remove_abandoned()

    def _remove_abandoned(self) -> None:
        for place in self._folder.glob(f"{WORK}*"):
            with suppress(OSError):
                if time.time() - place.stat().st_mtime > ABANDONED_S:
                    shutil.rmtree(place, ignore_errors=True)

    def _moved(self, fresh: Path, target: Path) -> Path:
        fresh.chmod(0o755)
        try:
            fresh.rename(target)
        except OSError:
            # Someone else made the same meanwhile, or long ago.
            if not target.is_dir():
                raise
        return target


def fingerprint(folder: Path) -> str:
    """A hash of the names and contents of the wheels in a folder."""
    digest = hashlib.sha256()
    for wheel in wheels_in(folder):
        digest.update(f"{wheel.file.name} {hashlib.sha256(wheel.file.read_bytes()).hexdigest()}\n".encode())
    return digest.hexdigest()[:16]
