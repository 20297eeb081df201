"""Half of Python's standard library comes when a job imports it first."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, Request

from spa_runtime import bundle
from tests.browser.browser import Chromium, Site, served, trigger, wait_until_ended, wait_until_ready
from tests.browser.conftest import sources

JOBS = """
from pydantic import BaseModel

from durably_core import StepContext, define_job


class Names(BaseModel):
    modules: list[str]


class Found(BaseModel):
    files: list[str]


def imported(name: str) -> str:
    import importlib

    return str(importlib.import_module(name).__file__)


async def load(step: StepContext, names: Names) -> Found:
    return Found(files=[await step.run(name, imported, name) for name in names.modules])


load_job = define_job(name="load", input=Names, output=Found, run=load)
"""

# In the other half, and one that is a module of a package there.
RARE = ["xml.etree.ElementTree", "unittest.mock", "statistics", "csv"]


def built(folder: Path, **changes: Any) -> Path:
    (folder / "jobs.py").write_text(JOBS, "utf-8")
    planned = replace(sources(folder / "jobs.py", dict(bundle.SPA_OPTIONS)), **changes)
    bundle.write(bundle.plan(planned), folder / "site")
    return folder / "site"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("library")
    with served(built(folder, offline=bundle.Offline(enabled=False))) as site:
        yield site


def asked_for_more(chromium: Chromium) -> list[str]:
    found: list[str] = []

    def hear(request: Request) -> None:
        if "stdlib_more" in request.url:
            found.append(request.url)

    chromium.context.on("request", hear)
    return found


def load(page: Page, modules: list[str]) -> dict[str, Any]:
    return wait_until_ended(page, trigger(page, "load", {"modules": modules}))


def test_what_a_job_imports_comes_once_and_not_before(chromium: Chromium, site: Site) -> None:
    asked = asked_for_more(chromium)
    page = chromium.open(site.url)
    wait_until_ready(page)
    assert load(page, ["asyncio", "json"])["status"] == "completed"
    assert asked == []
    run = load(page, RARE)
    assert run["status"] == "completed", run["error"]
    assert all("/lib/python_stdlib_more.zip/" in file for file in run["output"]["files"][:3])
    assert load(page, ["html.parser"])["status"] == "completed"
    assert len(asked) == 1


def test_module_that_cannot_be_fetched_is_told_in_words_and_comes_later(chromium: Chromium, site: Site) -> None:
    page = chromium.open(site.url)
    wait_until_ready(page)
    chromium.context.set_offline(True)
    run = load(page, ["statistics"])
    assert run["status"] == "failed"
    assert "statistics is in the part of the standard library that is fetched" in run["error"]
    assert load(page, ["nowhere"])["error"] == "No module named 'nowhere'"
    chromium.context.set_offline(False)
    assert load(page, ["statistics"])["status"] == "completed"


def test_page_that_works_offline_has_all_of_it(chromium: Chromium, tmp_path: Path) -> None:
    with served(built(tmp_path)) as site:
        page = chromium.open(site.url)
        wait_until_ready(page)
        page.evaluate("navigator.serviceWorker.ready")
        page.reload()
        wait_until_ready(page)
    # The server is gone.
    run = load(page, RARE)
    assert run["status"] == "completed", run["error"]


def test_whole_library_comes_with_the_first_visit(chromium: Chromium, tmp_path: Path) -> None:
    asked = asked_for_more(chromium)
    folder = built(tmp_path, library=bundle.Library.whole, offline=bundle.Offline(enabled=False))
    with served(folder) as site:
        page = chromium.open(site.url)
        wait_until_ready(page)
        assert load(page, RARE)["status"] == "completed"
        assert asked == []
    assert not [path for path in folder.rglob("*") if "stdlib_more" in path.name]
