"""The console over both transports: as ``durably build`` makes it, and as ``durably serve`` serves it."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, Playwright, expect

from tests.browser.browser import launched, served
from tests.browser.commands import DURABLY, serving
from tests.browser.conftest import PATIENCE_MS, ROOT

JOBS = Path(__file__).parent / "console" / "jobs.py"


@dataclass(frozen=True)
class Console:
    """The page, opened anew."""

    page: Page

    def choose(self, job: str) -> None:
        self.page.get_by_role("radio", name=job).check()

    def trigger(self, job: str, text: str | None = None) -> Locator:
        """The pane of the run."""
        before = self.page.url
        self.choose(job)
        if text is not None:
            self.page.get_by_label(f"Input of {job}, as JSON").fill(text)
        self.page.get_by_role("button", name="Trigger", exact=True).click()
        self.page.wait_for_url(lambda url: url != before and "#run=" in url)
        expect(self.pane(job)).to_be_visible()
        return self.pane(job)

    def pane(self, job: str) -> Locator:
        return self.page.get_by_role("region", name=job, exact=True)

    @property
    def rows(self) -> Locator:
        return self.page.get_by_role("table", name="Runs").locator("tbody tr")


@pytest.fixture(scope="module", params=["browser", "server"])
def address(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where the console is served, over an engine in the browser or on the server."""
    folder = tmp_path_factory.mktemp("console")
    shutil.copy(JOBS, folder)
    if request.param == "server":
        with serving(folder, DURABLY, "serve", "jobs.py", "--port", "0") as server:
            yield server.wait_for(r"(http://\S+:\d+)") + "/"
            return
    with serving(folder, DURABLY, "build", "jobs.py", "--wheels", ROOT / "build/wheels") as build:
        build.wait_for(r"(dist: \d+ files)")
    with served(folder / "dist") as site:
        yield site.url


@pytest.fixture(scope="module")
def opened(playwright: Playwright, address: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    with launched(playwright, tmp_path_factory.mktemp("profile")) as browser:
        browser.context.set_default_timeout(PATIENCE_MS)
        yield Console(browser.open(address))


@pytest.fixture
def console(opened: Console) -> Console:
    """With all jobs, and no run shown."""
    opened.page.evaluate("location.hash = ''")
    expect(opened.page.get_by_role("radio")).to_have_count(3)
    return opened


def test_run_is_triggered_and_shown_to_its_end(console: Console) -> None:
    pane = console.trigger("bake", '{ "loaves": 5, "flour": "rye" }')
    expect(pane.get_by_text("completed")).to_be_visible()
    expect(pane.get_by_role("progressbar")).to_have_attribute("value", "5")
    expect(pane.get_by_label("Output")).to_have_text('{ "baked": 5 }')
    expect(pane.get_by_role("list", name="Steps").get_by_role("listitem")).to_have_count(5)
    expect(pane.get_by_role("list", name="Logs")).to_contain_text('All is baked {"flour":"rye"}')
    row = console.rows.first
    expect(row.get_by_role("link", name="bake")).to_have_attribute("aria-current", "true")
    expect(row).to_contain_text("completed")
    expect(row).to_contain_text("5 / 5")


def test_input_goes_back_to_the_defaults_of_the_schema(console: Console) -> None:
    console.choose("bake")
    field = console.page.get_by_label("Input of bake")
    field.fill("{}")
    console.page.get_by_role("button", name="Defaults").click()
    expect(field).to_have_value('{\n  "loaves": 3,\n  "flour": ""\n}')


@pytest.mark.parametrize(
    ("text", "refusal"),
    [
        ('{ "loaves": }', "The input is not JSON"),
        ('{ "loaves": 0, "flour": "rye" }', "greater than or equal to 1"),
        ('{ "loaves": 0 }', "flour: Field required"),
    ],
)
def test_refusal_is_told(console: Console, text: str, refusal: str) -> None:
    runs = console.rows.count()
    console.choose("bake")
    console.page.get_by_label("Input of bake").fill(text)
    console.page.get_by_role("button", name="Trigger", exact=True).click()
    expect(console.page.get_by_label("Jobs").get_by_role("alert").filter(visible=True)).to_contain_text(refusal)
    expect(console.page.get_by_label("Input of bake")).to_have_attribute("aria-invalid", "true")
    expect(console.rows).to_have_count(runs)


def test_failure_is_shown_with_its_traceback(console: Console) -> None:
    pane = console.trigger("burn")
    error = pane.get_by_role("region", name="Error")
    expect(error).to_contain_text("ValueError: too hot")
    expect(error).to_contain_text("In the step oven")
    expect(error.get_by_label("Traceback")).to_contain_text('raise ValueError("too hot")')
    expect(pane.get_by_role("list", name="Logs")).to_contain_text("warn It smells")
    expect(pane.get_by_role("list", name="Steps")).to_contain_text("failed")


def test_run_is_cancelled_repeated_and_deleted(console: Console) -> None:
    pane = console.trigger("rest")
    expect(pane.get_by_text("running", exact=True).first).to_be_visible()
    pane.get_by_role("button", name="Cancel").click()
    expect(pane.get_by_text("cancelled", exact=True).first).to_be_visible()
    first = console.page.url
    pane.get_by_role("button", name="Retrigger").click()
    console.page.wait_for_url(lambda url: url != first)
    expect(pane.get_by_text("running", exact=True).first).to_be_visible()
    pane.get_by_role("button", name="Cancel").click()
    runs = console.rows.count()
    pane.get_by_role("button", name="Delete").click()
    pane.get_by_role("button", name="Delete for good?").click()
    expect(pane).to_have_count(0)
    expect(console.rows).to_have_count(runs - 1)


def test_keyboard_alone_does_it_all(console: Console) -> None:
    keyboard = console.page.keyboard
    console.choose("bake")
    console.page.get_by_role("radio", name="bake").focus()
    keyboard.press("ArrowDown")
    expect(console.page.get_by_role("radio", name="burn")).to_be_checked()
    expect(console.page.get_by_role("radio", name="burn")).to_be_focused()
    keyboard.press("Tab")
    expect(console.page.get_by_label("Input of burn")).to_be_focused()
    keyboard.press("Tab")
    keyboard.press("Enter")
    expect(console.pane("burn").get_by_role("region", name="Error")).to_be_visible()
    # Whoever typed stays there; whoever follows a link is brought to the run.
    expect(console.page.get_by_role("button", name="Trigger", exact=True)).to_be_focused()
    console.page.evaluate("location.hash = ''")
    expect(console.pane("burn")).to_have_count(0)
    console.rows.first.get_by_role("link").focus()
    keyboard.press("Enter")
    expect(console.pane("burn").get_by_role("heading", level=2)).to_be_focused()
    keyboard.press("Tab")
    keyboard.press("Enter")
    expect(console.pane("burn")).to_have_count(0)
    expect(console.rows.first.get_by_role("link")).to_be_focused()


def test_page_of_a_run_is_found_again_by_its_address(console: Console) -> None:
    console.trigger("bake", '{ "loaves": 1, "flour": "rye" }')
    expect(console.pane("bake").get_by_label("Output")).to_be_visible()
    console.page.reload()
    expect(console.pane("bake").get_by_label("Output")).to_have_text('{ "baked": 1 }')


def test_run_that_is_gone_is_told(console: Console) -> None:
    console.page.evaluate("location.hash = '#run=none'")
    expect(console.page.get_by_role("region", name="Run", exact=True)).to_contain_text("There is no such run")
