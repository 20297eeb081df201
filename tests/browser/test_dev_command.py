"""``durably dev``: the page has the jobs as they are on disk, and says what is wrong with them."""

import shutil
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.browser import Chromium
from tests.browser.commands import DURABLY, Serving, serving
from tests.browser.conftest import ROOT
from tests.browser.dashboard import Dashboard, output_of

JOBS = Path(__file__).parent / "console" / "jobs.py"
GIVEN = ("--wheels", ROOT / "build/wheels")
ADDRESS = r"Durably is at (http://\S+)"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    shutil.copy(JOBS, folder)
    return folder


@pytest.fixture
def server(folder: Path) -> Iterator[Serving]:
    with serving(folder, DURABLY, "dev", "jobs.py", "--port", "0", *GIVEN) as server:
        yield server


def change(folder: Path, old: str, new: str) -> None:
    text = (folder / "jobs.py").read_text("utf-8")
    assert old in text
    (folder / "jobs.py").write_text(text.replace(old, new), "utf-8")


def bake(page: Page) -> None:
    run = Dashboard(page).trigger("bake", '{ "flour": "rye" }')
    expect(output_of(run)).to_contain_text("baked:3")


def test_page_follows_the_job_file(server: Serving, folder: Path, chromium: Chromium) -> None:
    page = chromium.open(server.wait_for(ADDRESS))
    assert page.evaluate("crossOriginIsolated")
    bake(page)
    change(folder, '@job("burn")', '@job("char")')
    console = Dashboard(page)
    console.open_view("Trigger")
    expect(console.jobs.filter(has_text="char")).to_be_visible()
    # What was done before is still there.
    console.open_view("Runs")
    expect(output_of(console.run)).to_contain_text("baked:3")
    error = page.get_by_role("alert", name="Error in the jobs")
    expect(error).to_have_count(0)

    line = 1 + (folder / "jobs.py").read_text("utf-8").split("async def bake(")[0].count("\n")
    change(folder, "async def bake(", "async def bake((")
    expect(error).to_contain_text(f"jobs.py:{line}: SyntaxError")
    expect(error).to_contain_text(f">{line:4} | async def bake((")
    server.wait_for(f"(jobs.py:{line}): SyntaxError")
    page.reload()
    expect(error).to_contain_text(f"jobs.py:{line}: SyntaxError")
    console.open_view("Trigger")
    expect(console.jobs.filter(has_text="char")).to_be_visible()

    change(folder, "async def bake((", "async def bake(")
    expect(error).to_have_count(0)
    bake(page)
    assert server.end() == 0
    assert "Traceback" not in server.said


def test_file_that_is_broken_at_first_is_waited_for(folder: Path, chromium: Chromium) -> None:
    change(folder, "import asyncio\n", "import asyncio\nimport nowhere_to_be_found\n")
    with serving(folder, DURABLY, "dev", "jobs.py", "--port", "0", *GIVEN) as server:
        page = chromium.open(server.wait_for(ADDRESS))
        error = page.get_by_role("alert", name="Error in the jobs")
        expect(error).to_contain_text("jobs.py:4: ModuleNotFoundError: No module named 'nowhere_to_be_found'")
        change(folder, "import nowhere_to_be_found\n", "")
        console = Dashboard(page)
        console.open_view("Trigger")
        expect(console.jobs.filter(has_text="bake")).to_be_visible()
        expect(error).to_have_count(0)
        assert server.end(signal.SIGTERM) == 0


def test_what_is_missing_is_told_before_anything_is_served(folder: Path) -> None:
    with serving(folder, DURABLY, "dev", "none.py", *GIVEN) as server:
        server.wait_for("(There is no job file none.py)")


def test_port_that_is_taken_is_told(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        with serving(folder, DURABLY, "dev", "jobs.py", "--port", port, *GIVEN) as server:
            server.wait_for(f"(Port {port} is taken: choose another with --port)")
