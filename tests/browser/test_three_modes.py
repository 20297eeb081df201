"""One job file on a server, behind HTTP, and in the browser: the same bytes give the same output."""

import json
import shutil
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.browser import Chromium, Site, get_run, run_ids, wait_until_ready
from tests.browser.test_storage import bring, export
from tests.browser.vite import (
    ENVIRONMENT,
    ROOT,
    UVICORNS_ADDRESS,
    VITES_ADDRESS,
    Project,
    copy_example,
    running,
)
from tests.examples.example import commands_of

EXAMPLE = ROOT / "examples" / "three_modes"
SERVER, FULLSTACK, SPA = commands_of("three_modes")[:3]
OWN = {"jobs.py", "server.py", "app.py"}
"""All Python of the example."""
JOBS = (EXAMPLE / "jobs" / "jobs.py").read_bytes()
SUMMARY = {
    "days": 91,
    "kinds": [
        {"kind": "rain", "days": 54, "mean_max_c": 8.9},
        {"kind": "sun", "days": 18, "mean_max_c": 10.4},
        {"kind": "snow", "days": 15, "mean_max_c": 5.0},
        {"kind": "drizzle", "days": 4, "mean_max_c": 9.9},
    ],
}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """One copy for all modes, with a job file that none of them may change or add to."""
    project = copy_example(tmp_path_factory.mktemp("modes") / "app", EXAMPLE)
    yield project
    assert (project.folder / "jobs" / "jobs.py").read_bytes() == JOBS
    assert [path.name for path in (project.folder / "jobs").glob("*.*")] == ["jobs.py"]


def summarised(chromium: Chromium, url: str, where: str) -> Any:
    """What the page shows in the end."""
    page = chromium.open(url)
    expect(page.get_by_text(f"The engine is ready: {where}.")).to_be_visible()
    page.get_by_role("button", name="Summarise").click()
    return json.loads(page.locator("output").inner_text())


def packed(site: Path) -> dict[str, bytes]:
    """The example's Python files that the browser gets."""
    [archive] = (site / "durably/immutable").glob("app-*.zip")
    with zipfile.ZipFile(archive) as files:
        return {name: files.read(name) for name in files.namelist() if name in OWN}


def test_server_mode_prints_the_summary(project: Project) -> None:
    done = subprocess.run(
        SERVER.split(), cwd=project.folder, env=ENVIRONMENT, capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout) == SUMMARY


def test_fullstack_mode_shows_the_summary(project: Project, chromium: Chromium) -> None:
    with running(f"{FULLSTACK} -- --port 0", project.folder, UVICORNS_ADDRESS) as url:
        assert summarised(chromium, url, "on the server") == SUMMARY
    assert not (project.folder / "dist/fullstack/durably").exists()


def test_spa_mode_shows_the_summary_of_the_very_same_file(project: Project, chromium: Chromium) -> None:
    with running(f"{SPA} -- --port 0", project.folder, VITES_ADDRESS) as url:
        assert summarised(chromium, url, "in this browser") == SUMMARY
    # Neither more nor less: no Python of the server is published.
    assert packed(project.folder / "dist/spa") == {"jobs.py": JOBS}


@pytest.mark.parametrize("command", ["tsc", "types"])
def test_page_knows_the_types_of_the_jobs(command: str) -> None:
    commands = {"tsc": ["node_modules/.bin/tsc"], "types": ["npm", "run", "types", "--", "--check"]}
    subprocess.run(commands[command], cwd=EXAMPLE, env=ENVIRONMENT, check=True)


def test_database_moves_from_the_server_to_the_browser_and_back(
    project: Project, test_site: Site, chromium: Chromium, tmp_path: Path
) -> None:
    app = tmp_path / "app"
    shutil.copytree(project.folder, app, ignore=shutil.ignore_patterns("node_modules", "dist", "*.db*"))
    subprocess.run(SERVER.split(), cwd=app, env=ENVIRONMENT, check=True)
    page = chromium.open(test_site.url)
    wait_until_ready(page)
    assert bring(page, (app / "weather.db").read_bytes()) is None
    [run_id] = run_ids(page)
    assert get_run(page, run_id)["output"] == SUMMARY
    export(page, app / "back.db")
    command = ["durably", "show", run_id, "--json", "--database", "back.db"]
    shown = subprocess.run(command, cwd=app, env=ENVIRONMENT, capture_output=True, text=True, check=True)
    assert json.loads(shown.stdout)["output"] == SUMMARY
