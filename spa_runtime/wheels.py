"""The wheels that the engine needs inside Pyodide: pinned and hashed, fetched by pip, kept in the user's cache.

Those that a job project needs beside them are not resolved yet.
"""

import hashlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from durably_core.errors import NotFoundError

PYTHON = "3.14"
PLATFORM = "pyemscripten_2026_0_wasm32"
"""Of the Pyodide that the npm package depends on."""
ENGINE = Path(__file__).parent / "pyodide-requirements.txt"
"""What the engine needs, for pip. Written by ``make lock``."""


def cached() -> Path:
    """The folder of the engine's wheels. They are downloaded when they are needed for the first time."""
    folder = cache_folder() / f"wheels-{hashlib.sha256(ENGINE.read_bytes()).hexdigest()[:16]}"
    if not folder.is_dir():
        print("durably: downloading what the engine needs in the browser, once …", file=sys.stderr)  # noqa: T201
        download(ENGINE, folder)
    return folder


def cache_folder() -> Path:
    """Where this user's programs keep what they can fetch again; ``DURABLY_CACHE`` names another place."""
    if chosen := os.environ.get("DURABLY_CACHE"):
        return Path(chosen)
    if sys.platform == "win32":
        caches = os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        caches = Path.home() / "Library" / "Caches"
    else:
        caches = os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")
    return Path(caches) / "durably"


def download(requirements: Path, folder: Path) -> None:
    """Make ``folder`` of the wheels in a list for pip. It is there as a whole or not at all.

    Raises ``NotFoundError`` when they can't be had.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}.", dir=folder.parent) as name:
        fresh = Path(name) / "wheels"
        _pip_download(requirements, fresh)
        try:
            fresh.rename(folder)
        except OSError:
            # Someone else downloaded the same wheels meanwhile.
            if not folder.is_dir():
                raise


def _pip_download(requirements: Path, folder: Path) -> None:
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    platform = ["--platform", PLATFORM, "--python-version", PYTHON, "--only-binary=:all:", "--no-deps"]
    wanted = ["--require-hashes", "--requirement", str(requirements), "--dest", str(folder)]
    done = subprocess.run(  # noqa: S603 - arguments of ours
        [*pip, *platform, *wanted], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    if done.returncode == 0:
        return
    if "No module named pip" in done.stderr:
        raise NotFoundError(
            f"pip is needed to download the wheels for Pyodide: run `{sys.executable} -m ensurepip`, or "
            f"`uv pip install pip` in an environment made by uv."
        )
    raise NotFoundError(
        "The wheels for Pyodide could not be downloaded. Is this machine connected to the network? pip says:\n"
        + done.stderr.strip()
    )
