"""What ``durably new`` makes, installed and run as its README says, with the packages that were built."""

import shutil
import socket
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.browser import Chromium
from tests.browser.commands import DURABLY, Workplace, path_without_environment, serving
from tests.browser.vite import ENVIRONMENT, ROOT, Project, link

VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
NPM_PACKAGE = ROOT / "build" / f"durably-{VERSION}.tgz"
WHEEL = ROOT / "build" / f"durably-{VERSION}-py3-none-any.whl"
TOOLS = Path(sys.prefix, "bin")
MYPY_CACHE = ROOT / "build" / "mypy-new"


@dataclass(frozen=True, slots=True)
class Made(Workplace):
    """A project with all that it needs, but for what its page needs."""

    def python(self, name: str) -> Path:
        return self.folder / ".venv" / "bin" / name

    def expect_typed(self, *files: str) -> None:
        self.run(TOOLS / "mypy", "--strict", "--no-error-summary", "--cache-dir", MYPY_CACHE, *files)


def made(parent: Path, mode: str) -> Made:
    """The packages are not published yet: those that were built take their place."""
    assert WHEEL.is_file(), "run `make package` first"
    environment = {name: value for name, value in ENVIRONMENT.items() if name != "VIRTUAL_ENV"}
    environment |= {"PATH": path_without_environment(), "npm_config_prefer_offline": "true"}
    subprocess.run([DURABLY, "new", "bakery", "--mode", mode], cwd=parent, check=True)
    project = Made(parent / "bakery", environment)
    project.replace("requirements.txt", f"=={VERSION}", f" @ {WHEEL.as_uri()}")
    project.run(sys.executable, "-m", "venv", ".venv")
    pip = project.python("pip")
    project.run(pip, "install", "--quiet", "--disable-pip-version-check", "-r", "requirements.txt")
    return project


@pytest.fixture(scope="module")
def spa(tmp_path_factory: pytest.TempPathFactory) -> Made:
    project = made(tmp_path_factory.mktemp("spa"), "spa")
    project.replace("package.json", f'"durably": "{VERSION}"', f'"durably": "file:{NPM_PACKAGE}"')
    project.run("npm", "install", "--no-audit", "--no-fund", "--loglevel=error")
    return project


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return made(tmp_path_factory.mktemp("server"), "server")


@pytest.fixture(scope="module")
def fullstack(spa: Made, tmp_path_factory: pytest.TempPathFactory) -> Made:
    project = made(tmp_path_factory.mktemp("fullstack"), "fullstack")
    # The page needs the same packages.
    modules = spa.folder / "node_modules"
    shutil.copytree(modules, project.folder / "node_modules", copy_function=link, symlinks=True)
    return project


def bake(url: str, chromium: Chromium) -> None:
    page = chromium.open(url)
    page.get_by_label("Loaves").fill("3")
    page.get_by_role("button", name="Bake").click()
    expect(page.get_by_role("progressbar")).to_be_visible()
    expect(page.get_by_text("3 loaves are baked.")).to_be_visible()


def test_page_with_the_engine_in_it_works(spa: Made, chromium: Chromium) -> None:
    spa.run(spa.python("durably"), "types", "--check", "jobs.py", "-o", "src/jobs.gen.ts")
    spa.run("npx", "tsc")
    with Project(spa.folder, spa.environment).served() as url:
        bake(url, chromium)


def test_script_and_worker_work(server: Made) -> None:
    assert "5 loaves are baked." in server.run(server.python("python"), "main.py")
    with serving(
        server.folder, server.python("durably"), "worker", "jobs.py", environment=server.environment
    ) as worker:
        worker.wait_for("(working on durably.db)")
        trigger = ("trigger", "jobs.py", "bake", "--set", "loaves=1", "--wait")
        assert '{"baked":1}' in server.run(server.python("durably"), *trigger)
        assert worker.end() == 0
    server.expect_typed("jobs.py", "main.py")


def test_server_and_page_work(fullstack: Made, chromium: Chromium) -> None:
    fullstack.run("npm", "run", "build")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    fullstack.replace("vite.config.ts", ":8000", f":{port}")
    uvicorn = (fullstack.python("uvicorn"), "app:app", "--port", port, "--timeout-graceful-shutdown", "1")
    with serving(fullstack.folder, *uvicorn, environment=fullstack.environment) as app:
        bake(app.wait_for(r"(http://\S+:\d+)"), chromium)
        with Project(fullstack.folder, fullstack.environment).served() as url:
            bake(url, chromium)
        app.end()
    assert (fullstack.folder / "durably.db").exists()
    fullstack.expect_typed("jobs.py", "app.py")
