"""The engine's wheels for the browser, fetched by pip into the user's cache."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from durably_core import NotFoundError
from spa_runtime import wheels

ROOT = Path(__file__).parent.parent.parent
FETCH = [sys.executable, "-c", "from spa_runtime import wheels; print(wheels.cached())"]


def start(cache: Path) -> subprocess.Popen[str]:
    environment = os.environ | {"DURABLY_CACHE": str(cache)}
    return subprocess.Popen(FETCH, cwd=ROOT, env=environment, stdout=-1, stderr=-1, text=True)


def test_two_that_fetch_at_once_share_one_folder(tmp_path: Path) -> None:
    both = [start(tmp_path) for _ in range(2)]
    told = [process.communicate() for process in both]
    assert [process.returncode for process in both] == [0, 0], told
    [folder] = {Path(stdout.strip()) for stdout, _ in told}
    assert list(tmp_path.iterdir()) == [folder]
    assert any("wasm32" in wheel.name for wheel in folder.iterdir())
    again, stderr = start(tmp_path).communicate()
    assert (again.strip(), stderr) == (str(folder), "")


def test_failed_download_says_so_and_leaves_nothing(tmp_path: Path) -> None:
    requirements = tmp_path / "list.txt"
    requirements.write_text(f"durably-that-is-not-there @ {(tmp_path / 'gone.whl').as_uri()}\n")
    with pytest.raises(NotFoundError, match="connected to the network"):
        wheels.download(requirements, tmp_path / "wheels")
    assert list(tmp_path.iterdir()) == [requirements]


def test_list_pins_the_engines_dependency_for_pyodides_python() -> None:
    assert "\npydantic==" in wheels.ENGINE.read_text("utf-8")
    assert wheels.PYTHON in (ROOT / "Makefile").read_text("utf-8")


@pytest.mark.parametrize("name", ["DURABLY_CACHE", "XDG_CACHE_HOME"])
def test_cache_is_where_the_environment_says(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DURABLY_CACHE", raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv(name, str(tmp_path))
    assert wheels.cache_folder() == (tmp_path if name == "DURABLY_CACHE" else tmp_path / "durably")
