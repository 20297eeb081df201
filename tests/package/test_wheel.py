"""The Python package: what is in it, and that its commands work where it is installed alone."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.package.conftest import ROOT


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site-packages")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "--no-deps", "--no-index", "--target", folder, wheel], check=True)
    return folder


def test_wheel_has_the_two_packages_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == {
        "durably_core",
        "spa_runtime",
    }
    assert {"spa_runtime/pyodide-requirements.txt", "durably_core/py.typed"} <= set(names)
    page = {"index.html", "config.json", "embed.js", "manifest.webmanifest", "icons/icon-512.png"}
    assert {f"spa_runtime/console/{name}" for name in page} <= set(names)
    assert {"spa_runtime/pyodide/pyodide.asm.wasm", "spa_runtime/pyodide/bytecode.zip"} <= set(names)
    assert {"spa_runtime/templates/common/dot-gitignore", "spa_runtime/templates/server/main.py"} <= set(names)
    assert not [name for name in names if "__pycache__" in name]


def test_installed_package_describes_jobs(installed: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "spa_runtime", "describe", str(ROOT / "examples/demo/demo_jobs.py")]
    environment = os.environ | {"PYTHONPATH": str(installed)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, check=True, capture_output=True, text=True)
    assert [job["name"] for job in json.loads(done.stdout)["jobs"]] == [
        "import-csv",
        "resize-images",
        "sync-notes",
    ]


def test_installed_package_has_the_console_and_the_templates(installed: Path, tmp_path: Path) -> None:
    program = "from spa_runtime import assets, new; print(assets.console()); new.new('mine', new.Mode.server)"
    environment = os.environ | {"PYTHONPATH": str(installed)}
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout.startswith(f"{installed / 'spa_runtime/console'}\n")
    assert (tmp_path / "mine/.gitignore").is_file()


def test_commands_but_serve_need_no_web_framework() -> None:
    program = "import sys, spa_runtime.__main__; print(*sorted(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout
    assert not {"starlette", "uvicorn"} & set(loaded.split())


JOBS = """
# /// script
# dependencies = ["humanize", "colorama; sys_platform == 'win32'"]
# ///
import humanize
from durably_core import StepContext, job
from pydantic import BaseModel

class Number(BaseModel):
    number: int

@job("tell")
async def tell(step: StepContext, input: Number) -> None:
    await step.run("tell", lambda: humanize.intcomma(input.number))
"""


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh virtual environment with the wheel, as `pip install` makes it."""
    folder = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    pip = [str(folder / "bin/python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, str(wheel)], check=True)
    return folder


def test_site_is_built_where_there_is_no_node_and_then_without_a_network(
    environment: Path, tmp_path: Path
) -> None:
    (tmp_path / "jobs.py").write_text(JOBS)
    cache = tmp_path / "cache"

    def build(folder: str, **where: str) -> dict[str, bytes]:
        # Nothing but the environment's own programs can be found.
        variables = {"PATH": str(environment / "bin"), "HOME": str(tmp_path), "DURABLY_CACHE": str(cache)}
        done = subprocess.run(
            [environment / "bin/durably", "build", "jobs.py", "-o", folder],
            cwd=tmp_path,
            env={**variables, "PIP_CONFIG_FILE": os.devnull, **where},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        files = sorted(path for path in (tmp_path / folder).rglob("*") if path.is_file())
        return {path.relative_to(tmp_path / folder).as_posix(): path.read_bytes() for path in files}

    wheels = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(ROOT / "build/test-wheels")}
    first = build("first", **wheels)
    manifest = json.loads(first["durably/manifest.json"])
    names = {each["name"] for each in manifest["licenses"]}
    assert {"humanize", "micropip", "pydantic", "react", "Pyodide"} <= names
    assert not {"colorama", "typer", "The page around it"} & names
    assert build("second", PIP_INDEX_URL="http://127.0.0.1:9/simple") == first
