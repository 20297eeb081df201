"""The console over both transports: as ``durably build`` makes it, and as ``durably serve`` serves it."""

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Page, Playwright, expect

from tests.browser.browser import launched, served
from tests.browser.commands import DURABLY, serving
from tests.browser.conftest import PATIENCE_MS, ROOT
from tests.browser.dashboard import Dashboard, output_of, row_of, triggered
from tests.browser.test_page import tab_to

JOBS = Path(__file__).parent / "console" / "jobs.py"
FORM = "**/schema-form*.js"
"""What the page loads when it is idle, or shows a form."""


@contextmanager
def console_on_a_server(folder: Path, port: str = "0") -> Iterator[str]:
    """Its address."""
    shutil.copy(JOBS, folder)
    with serving(folder, DURABLY, "serve", "jobs.py", "--port", port) as server:
        yield server.wait_for(r"(http://\S+:\d+)")


@pytest.fixture(scope="module", params=["browser", "server"])
def address(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where the console is served, over an engine in the browser or on the server."""
    folder = tmp_path_factory.mktemp("console")
    shutil.copy(JOBS, folder)
    if request.param == "server":
        with console_on_a_server(folder) as url:
            yield f"{url}/"
        return
    with serving(folder, DURABLY, "build", "jobs.py", "--wheels", ROOT / "build/wheels") as build:
        build.wait_for(r"(dist: \d+ files)")
    with served(folder / "dist") as site:
        yield site.url


@pytest.fixture(scope="module")
def page(playwright: Playwright, address: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with launched(playwright, tmp_path_factory.mktemp("profile")) as browser:
        browser.context.set_default_timeout(PATIENCE_MS)
        yield browser.open(address)


@pytest.fixture
def console(page: Page) -> Dashboard:
    """With all jobs, and no run shown."""
    page.evaluate("location.hash = '/runs'")
    console = Dashboard(page)
    console.open_view("Trigger")
    expect(console.jobs).to_have_count(3)
    return console


def test_run_is_triggered_and_shown_to_its_end(console: Dashboard) -> None:
    run = console.trigger("bake", '{ "loaves": 5, "flour": "rye" }')
    expect(run.get_by_text("Completed", exact=True)).to_be_visible()
    expect(run.get_by_role("progressbar")).to_have_attribute("aria-valuenow", "5")
    expect(output_of(run)).to_contain_text("baked:5")
    expect(run.get_by_role("list", name="Steps").get_by_role("listitem")).to_have_count(5)
    expect(run.get_by_role("list", name="Logs")).to_contain_text('All is baked {"flour":"rye"}')
    row = console.rows.first
    expect(row.get_by_role("link", name="bake")).to_have_attribute("aria-current", "true")
    expect(row).to_contain_text("Completed")
    expect(row).to_contain_text("5 steps")


def test_json_begins_with_the_defaults_of_the_schema(console: Dashboard, page: Page) -> None:
    page.reload()
    console.choose("bake")
    page.get_by_role("button", name="JSON", exact=True).click()
    expect(page.get_by_label("Input of bake")).to_have_value('{\n  "loaves": 3,\n  "flour": ""\n}')


@pytest.mark.parametrize(
    ("text", "refusal"),
    [
        ('{ "loaves": }', "This is no JSON"),
        ('{ "loaves": 0, "flour": "rye" }', "greater than or equal to 1"),
        ('{ "loaves": 0 }', "flour: Field required"),
    ],
)
def test_refusal_is_told(console: Dashboard, page: Page, text: str, refusal: str) -> None:
    runs = page.evaluate("async () => (await durably.getRuns()).length")
    field = console.fill("bake", text)
    console.start("bake")
    expect(page.locator(".job-form").get_by_role("alert").filter(visible=True)).to_contain_text(refusal)
    expect(field).to_have_attribute("aria-invalid", "true")
    assert page.evaluate("async () => (await durably.getRuns()).length") == runs


def test_failure_is_shown_with_its_traceback(console: Dashboard) -> None:
    run = console.trigger("burn")
    error = run.get_by_role("group", name="Error")
    expect(error).to_contain_text("ValueError: too hot")
    expect(error).to_contain_text("In the step oven")
    expect(error).to_contain_text('raise ValueError("too hot")')
    expect(run.get_by_role("list", name="Logs")).to_contain_text("warnIt smells")
    expect(run.get_by_role("list", name="Steps")).to_contain_text("failed")


def test_run_is_cancelled_repeated_and_deleted(console: Dashboard, page: Page) -> None:
    run = console.trigger("rest")
    expect(run.get_by_text("Running", exact=True)).to_be_visible()
    run.get_by_role("button", name="Cancel").click()
    expect(run.get_by_text("Cancelled", exact=True)).to_be_visible()
    first = page.url
    run.get_by_role("button", name="Run again").click()
    page.wait_for_url(lambda url: url != first)
    expect(run.get_by_text("Running", exact=True)).to_be_visible()
    expect(run.get_by_role("link", name=first[-6:])).to_be_visible()
    run.get_by_role("button", name="Cancel").click()
    runs = console.rows.count()
    run.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(console.rows).to_have_count(runs - 1)
    expect(run).to_contain_text("Choose a run")


def test_keyboard_alone_does_it_all(console: Dashboard, page: Page) -> None:
    keyboard = page.keyboard
    page.get_by_role("navigation", name="Views").get_by_role("link", name="Trigger").focus()
    tab_to(page, "burn")
    keyboard.press("Enter")
    tab_to(page, "Start burn")
    keyboard.press("Enter")
    expect(console.run.get_by_role("group", name="Error")).to_be_visible()
    assert page.evaluate("document.activeElement.localName") == "main"
    console.rows.first.get_by_role("checkbox").focus()
    keyboard.press("Tab")
    expect(console.rows.first.get_by_role("link").first).to_be_focused()
    address = page.url
    keyboard.press("ArrowDown")
    expect(console.rows.nth(1).get_by_role("link").first).to_be_focused()
    keyboard.press("Enter")
    page.wait_for_url(lambda url: url != address)
    expect(console.rows.nth(1).get_by_role("link").first).to_have_attribute("aria-current", "true")


def test_page_of_a_run_is_found_again_by_its_address(console: Dashboard, page: Page) -> None:
    run = console.trigger("bake", '{ "loaves": 1, "flour": "rye" }')
    expect(output_of(run)).to_contain_text("baked:1")
    page.reload()
    expect(output_of(run)).to_contain_text("baked:1")


def test_run_that_is_gone_is_told(console: Dashboard, page: Page) -> None:
    page.evaluate("location.hash = '/runs/none'")
    expect(console.run).to_contain_text("There is no run none.")


def test_server_that_leaves_is_told_and_what_it_took_comes_back_with_it(
    playwright: Playwright, tmp_path: Path
) -> None:
    with launched(playwright, tmp_path / "profile") as browser:
        with console_on_a_server(tmp_path) as url:
            # As where the server leaves before the page was idle.
            browser.context.route(FORM, lambda route: route.abort())
            page = browser.open(f"{url}/#/runs")
            expect(page.get_by_text("Ready, on the server")).to_be_attached()
            run_id = triggered(page, "burn", {})
            expect(row_of(page, run_id)).to_contain_text("Failed")
        expect(page.get_by_text(re.compile("^The server can.t be reached"))).to_be_visible()
        expect(page.get_by_text("The runs are as they were before the server went away.")).to_be_visible()
        Dashboard(page).open_view("Trigger")
        told = page.get_by_text("The form could not be loaded, because the server is away.")
        expect(told).to_be_visible()
        browser.context.unroute(FORM)
        with console_on_a_server(tmp_path, url.rpartition(":")[2]):
            expect(page.get_by_role("button", name="Start bake")).to_be_visible()
        browser.faults.clear()  # the browser reports the failed import, too


def test_what_was_never_looked_at_is_there_when_the_server_leaves(
    playwright: Playwright, tmp_path: Path
) -> None:
    with launched(playwright, tmp_path / "profile") as browser:
        with console_on_a_server(tmp_path) as url:
            page = browser.open(f"{url}/#/trigger")
            expect(page.get_by_role("button", name="Start bake")).to_be_visible()
            page.evaluate("location.hash = '/runs'")
            loaded = (
                "(name) => performance.getEntriesByType('resource').some((each) => each.name.includes(name))"
            )
            page.wait_for_function(loaded, arg="drawn-chart")
        expect(page.get_by_text(re.compile("^The server can.t be reached"))).to_be_visible()
        Dashboard(page).open_view("Trigger")
        expect(page.get_by_text("A job can be started once it is back")).to_be_visible()
        expect(page.get_by_role("button", name="Start bake")).to_be_visible()
        Dashboard(page).open_view("Engine")
        expect(page.get_by_text("What is shown here is from before.")).to_be_visible()
        page.get_by_role("button", name="Try again").click()
        browser.faults.clear()  # the browser reports what it could not fetch
