"""The npm package in a React and Vite application: the example, with the real Vite."""

import json
import posixpath
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from playwright.sync_api import Page, expect

from spa_runtime.bundle import hosts
from spa_runtime.headers import isolation_headers
from tests.browser.browser import Chromium
from tests.browser.vite import EXAMPLE, Project, copy_example

FAULT = ("async def count_words(", "async def count_words((")
OVERLAY = "vite-error-overlay"
OVERLAY_TEXT = f"document.querySelector('{OVERLAY}').shadowRoot.querySelector('.window').innerText"
FETCHED = """
async (address) => {
  const response = await fetch(address)
  await response.arrayBuffer()
  return Object.fromEntries(response.headers)
}
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return copy_example(tmp_path_factory.mktemp("vite") / "app")


@pytest.fixture(scope="module")
def developed(project: Project) -> Iterator[str]:
    """The address of the application in development, below a base."""
    with project.served("--base", "/app/") as url:
        yield url


@pytest.fixture(scope="module")
def built(project: Project) -> Iterator[str]:
    """The address of the application that was built, below a base."""
    done = project.build("--base", "/app/")
    assert done.returncode == 0, done.stdout
    with project.served("preview", "--base", "/app/") as url:
        yield url


def count(page: Page, text: str) -> None:
    """Start the job, and wait for its result."""
    expect(page.get_by_role("status")).to_have_count(0)
    page.get_by_label("Text").fill(text)
    page.get_by_role("button", name="Count words").click()
    expect(page.get_by_role("heading", name=f"{len(text.split())} words")).to_be_visible()


def fetched(page: Page, address: str) -> dict[str, str]:
    """The headers of the answer."""
    headers: dict[str, str] = page.evaluate(FETCHED, address)
    return headers


def expect_isolated(page: Page, url: str) -> None:
    """Page and runtime come with what Python needs to be interrupted, and as what they are."""
    assert page.evaluate("crossOriginIsolated")
    manifest = f"{url}durably/manifest.json"
    pyodide = page.evaluate("async (url) => (await (await fetch(url)).json()).pyodide.url", manifest)
    types = {url: "text/html", manifest: "application/json"}
    types |= {f"{url}durably/{pyodide}pyodide.asm.wasm": "application/wasm"}
    for address, content_type in types.items():
        headers = fetched(page, address)
        assert {name: headers[name.lower()] for name in isolation_headers()} == isolation_headers()
        assert headers["content-type"].startswith(content_type)


def test_job_runs_in_development_on_any_route(developed: str, chromium: Chromium) -> None:
    page = chromium.open(f"{developed}some/client/route")
    count(page, "tick tock tick")
    expect(page.get_by_label("Logs")).to_contain_text("Page 1: 2 different words so far")
    expect(page.get_by_label("Recent runs").get_by_role("listitem")).to_have_count(1)
    expect_isolated(page, developed)


def test_run_of_a_built_application_goes_on_after_a_reload(built: str, chromium: Chromium) -> None:
    page = chromium.open(f"{built}some/client/route")
    expect(page.get_by_role("status")).to_have_count(0)
    page.get_by_role("button", name="Count words").click()
    expect(page.get_by_label("Logs")).to_contain_text("Page 2:")
    page.reload()
    expect(page.get_by_role("heading", name="680 words")).to_be_visible()
    expect(page.get_by_label("Logs")).to_contain_text("Page 1:")
    expect_isolated(page, built)


@pytest.mark.usefixtures("built")
def test_manifest_of_a_built_application_names_all_its_files(project: Project) -> None:
    dist = project.folder / "dist"
    listed = json.loads((dist / "durably/manifest.json").read_text("utf-8"))["files"]
    named = {posixpath.normpath(f"durably/{name}") for name in listed}
    there = {path.relative_to(dist).as_posix() for path in dist.rglob("*") if path.is_file()}
    assert named == there - {"durably/manifest.json", *hosts.FILES}


@pytest.mark.usefixtures("built")
def test_types_that_a_build_writes_are_those_in_the_example_and_hold(project: Project) -> None:
    assert project.read("src/jobs.gen.ts") == (EXAMPLE / "src/jobs.gen.ts").read_text("utf-8")
    subprocess.run(["node", "node_modules/typescript/bin/tsc"], cwd=project.folder, check=True)


def test_python_that_changes_reloads_the_page_and_its_types(
    developed: str, project: Project, chromium: Chromium
) -> None:
    page = chromium.open(developed)
    count(page, "tick tock tick")
    page.evaluate("window.before = true")
    with project.changed("    pages: int\n", "    pages: int\n    news: str = 'now there is more'\n"):
        page.wait_for_function("window.before === undefined")
        count(page, "tick")
        assert "news: string" in project.read("src/jobs.gen.ts")


def test_fault_in_python_is_shown_over_the_page_until_it_is_mended(
    developed: str, project: Project, chromium: Chromium
) -> None:
    page = chromium.open(developed)
    count(page, "tick")
    line = 1 + project.read("jobs.py").split(FAULT[0])[0].count("\n")
    with project.changed(*FAULT):
        expect(page.locator(OVERLAY)).to_be_attached()
        shown = page.evaluate(OVERLAY_TEXT)
        assert "SyntaxError" in shown
        assert f"jobs.py:{line}:" in shown
        assert f"{line}  |  async def count_words((" in shown
        page.reload()
        expect(page.locator(OVERLAY)).to_be_attached()
    expect(page.locator(OVERLAY)).to_have_count(0)
    count(page, "tick tock")


def test_package_that_cannot_be_packed_is_shown_with_its_line(
    developed: str, project: Project, chromium: Chromium
) -> None:
    page = chromium.open(developed)
    count(page, "one two")
    declaration = '# /// script\n# dependencies = [\n#   "../lib",\n# ]\n# ///\n\nimport asyncio\n'
    with project.changed("import asyncio\n", declaration):
        expect(page.locator(OVERLAY)).to_be_attached()
        shown = page.evaluate(OVERLAY_TEXT)
        assert "../lib is no wheel, and only wheels can be packed for the browser" in shown
        assert "jobs.py:5:" in shown
    expect(page.locator(OVERLAY)).to_have_count(0)


@pytest.mark.parametrize("name", ["nothing.json", "..%2f..%2f..%2f..%2fjobs.py", "pyodide"])
def test_development_serves_only_files_of_the_runtime(developed: str, name: str) -> None:
    with pytest.raises(HTTPError, match="404"):
        urlopen(f"{developed}durably/{name}")


def test_build_fails_with_the_line_at_fault(project: Project) -> None:
    with project.changed(*FAULT):
        done = project.build("--outDir", "failed")
    assert done.returncode == 1
    assert "SyntaxError" in done.stdout
    assert "|  async def count_words((" in done.stdout
    assert not (project.folder / "failed").exists()


@pytest.mark.parametrize(
    ("has_python", "advice"), [(False, "install Python 3.11 or newer"), (True, "-m pip install durably")]
)
def test_missing_python_or_package_is_told(
    project: Project, tmp_path: Path, has_python: bool, advice: str
) -> None:
    if has_python:
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path], check=True)
    done = project.build("--outDir", "failed", VIRTUAL_ENV=str(tmp_path))
    assert done.returncode == 1
    assert advice in done.stdout
    assert str(tmp_path) in done.stdout
