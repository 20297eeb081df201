"""What tests of the dashboard have in common: how they lead to what they look at, and how they read it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from playwright.sync_api import Locator, Page, expect

from tests.browser.browser import open_gate, wait_for
from tests.browser.conftest import ROOT

AXE = ROOT / "web" / "node_modules" / "axe-core" / "axe.min.js"
TRIGGER = """
async ([job, input, labels, options]) => (await durably.trigger(job, input, { labels, ...options })).runId
"""
NOTE = {"changes": [{"id": "a", "version": 1, "text": "Buy milk", "deleted": False}]}
"""An input of ``sync-notes``."""
AT_REST = """
(isWaiting) => document.getAnimations().every(({ playState, effect }) =>
  playState !== 'running' || (isWaiting && effect.getComputedTiming().iterations === Infinity))
"""
FOCUSED = "document.activeElement?.closest('[data-index]')?.dataset.index ?? null"


def open_view(root: Page | Locator, name: str) -> None:
    root.get_by_role("navigation", name="Views").get_by_role("link", name=name).click()


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


def let_go(page: Page, run: Locator) -> None:
    """Opens the gate until the run has completed: nobody hears it who does not wait at it yet."""

    def has_completed() -> bool:
        open_gate(page)
        return run.locator(".chip").first.inner_text() == "Completed"

    wait_for(page, has_completed)


def box_of(row: Locator) -> Locator:
    return row.get_by_role("checkbox")


def detail(root: Page | Locator) -> Locator:
    return root.get_by_role("region", name="Selected run")


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


def faults_of(page: Page, *, is_waiting: bool = False) -> Sequence[tuple[str, Sequence[str]]]:
    """What axe finds, and whether anything sticks out at the side.

    ``is_waiting``: what moves until something is there may do so.
    """
    if not page.evaluate("'axe' in window"):
        page.add_script_tag(path=AXE)
    # Colours that are on their way to others are none to judge.
    page.wait_for_function(AT_REST, arg=is_waiting)
    found = page.evaluate("async () => (await axe.run()).violations")
    faults = [(each["id"], [node["html"][:160] for node in each["nodes"]]) for each in found]
    if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
        faults.append(("scrolls sideways", []))
    return faults


@dataclass(frozen=True)
class Dashboard:
    """As a person uses it: in a page of its own, or within an element of another's."""

    root: Page | Locator

    def open_view(self, name: str) -> None:
        open_view(self.root, name)

    @property
    def jobs(self) -> Locator:
        """In the view that triggers them."""
        return self.root.get_by_role("navigation", name="Jobs").get_by_role("link")

    def choose(self, job: str) -> None:
        self.open_view("Trigger")
        page = self.root if isinstance(self.root, Page) else self.root.page
        link = self.jobs.filter(has=page.get_by_text(job, exact=True))
        # One job alone is not listed.
        expect(link.or_(self.root.get_by_role("heading", name=job, exact=True)).first).to_be_visible()
        if link.is_visible():
            link.click()

    def fill(self, job: str, text: str) -> Locator:
        """The field with the input as JSON."""
        self.choose(job)
        self.root.get_by_role("button", name="JSON", exact=True).click()
        field = self.root.get_by_label(f"Input of {job}, as JSON")
        field.fill(text)
        return field

    def start(self, job: str) -> None:
        self.root.get_by_role("button", name=f"Start {job}").click()

    def trigger(self, job: str, text: str | None = None) -> Locator:
        """The new run, as it is shown."""
        if text is None:
            self.choose(job)
        else:
            self.fill(job, text)
        self.start(job)
        expect(self.run.get_by_role("heading", level=2)).to_contain_text(job)
        return self.run

    @property
    def run(self) -> Locator:
        return detail(self.root)

    @property
    def rows(self) -> Locator:
        return self.root.get_by_role("list", name="Runs").get_by_role("listitem")


def output_of(run: Locator) -> Locator:
    return run.get_by_label("Output", exact=True)
