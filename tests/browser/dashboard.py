"""What tests of the dashboard have in common: how they lead to what they look at, and how they read it."""

from collections.abc import Sequence
from typing import Any

from playwright.sync_api import Locator, Page

from tests.browser.browser import wait_for
from tests.browser.conftest import ROOT

AXE = ROOT / "web" / "node_modules" / "axe-core" / "axe.min.js"
TRIGGER = """
async ([job, input, labels, options]) => (await durably.trigger(job, input, { labels, ...options })).runId
"""
FOCUSED = "document.activeElement?.closest('[data-index]')?.dataset.index ?? null"


def go(page: Page, address: str) -> None:
    """Without loading the page again: ``/runs?status=failed``."""
    page.evaluate("(address) => { location.hash = address }", address)


def triggered(
    page: Page, job: str, input: dict[str, Any], labels: dict[str, str] | None = None, **options: Any
) -> str:
    """The id of a run that is new, or that a key leads to."""
    return str(page.evaluate(TRIGGER, [job, input, labels or {}, options]))


def count_of(page: Page, condition: str) -> int:
    """How many runs the database has with that."""
    sql = f"select count(*) from durably_runs where {condition}"
    return int(page.evaluate("async (sql) => (await durably.query(sql)).rows[0][0]", sql))


def rows(page: Page) -> Locator:
    return page.get_by_role("list", name="Runs", exact=True).locator("> li")


def row_of(page: Page, run_id: str) -> Locator:
    return rows(page).filter(has=page.locator("code", has_text=run_id[-6:]))


def link_of(row: Locator) -> Locator:
    return row.locator("a.run-link")


def box_of(row: Locator) -> Locator:
    return row.get_by_role("checkbox")


def detail(page: Page) -> Locator:
    return page.get_by_role("region", name="Selected run")


def is_at(page: Page, index: int) -> bool:
    """Whether the focus is in that row of the list."""
    return bool(page.evaluate(FOCUSED) == str(index))


def wait_until_at(page: Page, index: int) -> None:
    wait_for(page, lambda: is_at(page, index))


def address(page: Page) -> str:
    """What stands after the ``#``."""
    return str(page.evaluate("location.hash.slice(1)"))


def query(page: Page) -> list[list[str]]:
    """What the address asks for."""
    found: list[list[str]] = page.evaluate("[...new URLSearchParams(location.hash.split('?')[1] ?? '')]")
    return found


def faults_of(page: Page) -> Sequence[tuple[str, Sequence[str]]]:
    """What axe finds, and whether anything sticks out at the side."""
    if not page.evaluate("'axe' in window"):
        page.add_script_tag(path=AXE)
    # Colours that are on their way to others are none to judge.
    page.wait_for_function("document.getAnimations().every(({ playState }) => playState !== 'running')")
    found = page.evaluate("async () => (await axe.run()).violations")
    faults = [(each["id"], [node["html"][:160] for node in each["nodes"]]) for each in found]
    if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
        faults.append(("scrolls sideways", []))
    return faults
