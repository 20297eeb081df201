"""Jobs that need packages, in a real browser: built into the site, or installed while they run."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, Playwright, expect

from tests.browser.browser import launched, served
from tests.browser.commands import DURABLY, serving
from tests.browser.conftest import PATIENCE_MS, ROOT
from tests.browser.dashboard import Dashboard
from tests.browser.vite import ENVIRONMENT
from tests.unit.package_index import Index, index_of, make_wheel

JOBS = Path(__file__).parent / "packages" / "jobs.py"
GREETING = "def greet() -> str:\n    return 'hello from afar'\n"
ADDRESS = r"Durably is at (http://\S+)"


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """All that pip finds are the wheels that this repository pins."""
    return {
        **ENVIRONMENT,
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(ROOT / "build" / "test-wheels"),
        "DURABLY_CACHE": str(tmp_path_factory.mktemp("cache")),
    }


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Index]:
    """What jobs install when they run comes from another origin."""
    folder = tmp_path_factory.mktemp("index")
    make_wheel(folder, "greeting", "1", "need>=1", files={"greeting.py": "from need import greet\n"})
    make_wheel(folder, "need", "2", files={"need.py": GREETING})
    with index_of(folder) as index:
        yield index


@pytest.fixture(scope="module")
def page(
    playwright: Playwright,
    environment: Mapping[str, str],
    index: Index,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Page]:
    """The site of those jobs, with the policy of its own that lets it install from there."""
    folder = tmp_path_factory.mktemp("project")
    shutil.copy(JOBS, folder)
    origin = index.url.removesuffix("/simple")
    command = [str(DURABLY), "build", "jobs.py", "--csp", f"connect-src 'self' {origin}"]
    built = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    assert "packages of jobs.py (inline metadata)\n" in built.stderr
    assert "    humanize 4." in built.stdout
    assert "    msgpack 1." in built.stdout
    with (
        served(folder / "dist") as site,
        launched(playwright, tmp_path_factory.mktemp("profile"), obeys_csp=True) as browser,
    ):
        browser.context.set_default_timeout(PATIENCE_MS)
        yield browser.open(site.url)


def trigger(page: Page, job: str, input_: Mapping[str, object]) -> None:
    Dashboard(page).trigger(job, json.dumps(input_))


def output(page: Page) -> Any:
    """Of the run that is shown."""
    expect(Dashboard(page).run.get_by_text("Completed", exact=True)).to_be_visible()
    return page.evaluate("async (id) => (await durably.getRun(id)).output", page.url.rpartition("/")[2])


def test_packages_that_are_declared_run_in_the_page(page: Page) -> None:
    trigger(page, "tell", {})
    told = output(page)
    assert (told["words"], told["unpacked"]) == ("1,234,567", [1_234_567, 2])
    assert told["versions"]["humanize"].startswith("4.")
    assert set(told["versions"]) == {"humanize", "msgpack", "pydantic", "micropip"}
    # The engine and what it needs comes compiled. What was resolved for these jobs does not.
    packages = {module.partition(".")[0] for module in told["compiled_here"]}
    assert packages == {"jobs", "humanize", "msgpack"}, told["compiled_here"]


def test_package_is_installed_from_an_index_when_a_job_runs(page: Page, index: Index) -> None:
    trigger(page, "greet", {"package": "greeting", "index": index.url})
    assert output(page) == {"greeting": "hello from afar"}
    assert index.downloads == ["greeting-1-py3-none-any.whl", "need-2-py3-none-any.whl"]


def test_package_is_installed_from_an_address(page: Page, index: Index) -> None:
    page.reload()
    address = f"{index.url.removesuffix('/simple')}/files/need-2-py3-none-any.whl"
    trigger(page, "greet", {"package": address})
    pane = Dashboard(page).run
    # What is installed so brings nothing else along: the job's own module is missing.
    expect(pane.get_by_text("No module named 'greeting'").first).to_be_visible()
    assert "need-2-py3-none-any.whl" in index.downloads


def test_without_a_network_the_run_fails_and_says_why(page: Page, index: Index) -> None:
    page.reload()
    trigger(page, "greet", {"package": "greeting", "index": "http://127.0.0.1:9/simple"})
    pane = Dashboard(page).run
    expect(pane.get_by_text("Failed", exact=True)).to_be_visible()
    expect(pane).to_contain_text("ValueError: Can't fetch metadata for 'greeting'")


def test_dev_follows_what_is_declared(
    playwright: Playwright, environment: Mapping[str, str], tmp_path: Path
) -> None:
    folder = tmp_path / "project"
    folder.mkdir()
    source = JOBS.read_text("utf-8").replace("# /// script", "# (no script)").replace("# ///", "#")
    (folder / "jobs.py").write_text(source)
    with (
        serving(folder, DURABLY, "dev", "jobs.py", "--port", "0", environment=environment) as server,
        launched(playwright, tmp_path / "profile") as browser,
    ):
        browser.context.set_default_timeout(PATIENCE_MS)
        page = browser.open(server.wait_for(ADDRESS))
        error = page.get_by_role("alert", name="Error in the jobs")
        expect(error).to_contain_text(
            "No module named 'humanize'. Is it a package? Then the jobs must declare it"
        )

        (folder / "requirements.txt").write_text("humanize\nnowhere-to-be-found\n")
        expect(error).to_contain_text("requirements.txt:2: nowhere-to-be-found is in no package index")
        expect(error).to_contain_text(">   2 | nowhere-to-be-found")
        server.wait_for("(requirements.txt:2: nowhere-to-be-found is in no package index)")

        (folder / "more").mkdir()
        (folder / "more/list.txt").write_text("humanize==0.0.1\n")
        (folder / "requirements.txt").write_text("-r more/list.txt\nmsgpack\n")
        expect(error).to_contain_text(
            "more/list.txt:1: There is no humanize==0.0.1 with a wheel for the browser"
        )

        (folder / "more/list.txt").write_text("humanize\n")
        expect(error).to_have_count(0)
        trigger(page, "tell", {"number": 1000})
        assert output(page)["words"] == "1,000"
        assert server.end() == 0
        assert "Traceback" not in server.said
