"""axe finds nothing in what the dashboard shows, in light and in dark, on a phone and on a screen."""

import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, Playwright, expect

from tests.browser.browser import Chromium, Site, launched, wait_until_ended, wait_until_ready
from tests.browser.dashboard import Dashboard, detail, faults_of, go, triggered
from tests.browser.test_console import console_on_a_server
from tests.browser.test_dashboard_jobs import HEADLINE, add, note, notes, resize
from tests.browser.test_dashboard_run import LINES, shown

LOOKS = [(width, scheme) for width in (390, 1440) for scheme in ("light", "dark")]


def expect_no_faults(page: Page, settled: Any, *, is_waiting: bool = False) -> None:
    """In each look, once ``settled`` is to be seen."""
    for width, scheme in LOOKS:
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        expect(settled).to_be_visible()
        assert faults_of(page, is_waiting=is_waiting) == [], (width, scheme)


@pytest.fixture(scope="module")
def tested(shared_chromium: Chromium, test_site: Site) -> Page:
    page = shared_chromium.open(f"{test_site.url}#/runs")
    wait_until_ready(page)
    return page


@pytest.fixture(scope="module")
def demo(shared_chromium: Chromium, demo_site: Site) -> Page:
    page = shared_chromium.open(f"{demo_site.url}#/runs")
    wait_until_ready(page)
    return page


def test_failed_run(tested: Page) -> None:
    run_id = triggered(tested, "fail", {"count": 3}, {"tenant": "acme"})
    wait_until_ended(tested, run_id)
    run = shown(tested, run_id)
    expect_no_faults(tested, run.get_by_role("group", name="Error"))


def test_run_with_logs_and_unfolded_input(tested: Page) -> None:
    run_id = triggered(tested, "talk", {"lines": LINES}, {"tenant": "acme"})
    wait_until_ended(tested, run_id)
    run = shown(tested, run_id)
    run.locator("details.json summary").first.click()
    expect_no_faults(tested, run.get_by_role("tree", name="Input"))


def test_list_with_filters_and_a_selection(tested: Page) -> None:
    go(tested, "/runs?label=tenant:acme&status=failed&status=completed")
    tested.set_viewport_size({"width": 1440, "height": 900})
    tested.get_by_role("checkbox", name=re.compile("^Select all")).check()
    expect_no_faults(tested, tested.get_by_role("group", name="With the selected runs"))


def test_json_with_faults_and_options(tested: Page) -> None:
    go(tested, "/trigger/talk")
    tested.get_by_role("button", name="JSON", exact=True).click()
    tested.get_by_role("textbox", name=re.compile("as JSON")).fill('{"lines": [{"text": 3}]}')
    tested.locator("details.options summary").click()
    tested.get_by_label("Concurrency key").fill("one")
    tested.get_by_role("button", name="Start talk").click()
    expect_no_faults(tested, tested.get_by_role("alert").get_by_text("lines.0.text"))


def test_resize_images(demo: Page) -> None:
    resize(demo, "160 pixels")
    result = demo.get_by_role("heading", name=HEADLINE)
    expect(result).to_be_visible()
    expect_no_faults(demo, result)
    go(demo, "/trigger/resize-images")
    expect_no_faults(demo, demo.get_by_role("list", name="Chosen pictures"))


def test_sync_notes(demo: Page) -> None:
    notes(demo)
    add(demo, "Buy milk")
    expect(note(demo, "Buy milk").get_by_role("status")).to_have_text(re.compile("^On the server"))
    expect_no_faults(demo, note(demo, "Buy milk"))
    demo.set_viewport_size({"width": 1440, "height": 900})
    run_id = demo.evaluate("async () => (await durably.getRuns({ view: 'summary' }))[0].id")
    go(demo, f"/runs/{run_id}")
    result = detail(demo).get_by_role("heading", name="1 change on the server, 0 refused")
    expect_no_faults(demo, result)


def test_dialogs(tested: Page) -> None:
    run_id = triggered(tested, "fail", {"count": 1})
    wait_until_ended(tested, run_id)
    shown(tested, run_id).get_by_role("button", name="Delete").click()
    dialog = tested.get_by_role("dialog", name=f"Delete run {run_id[-6:]}?")
    expect_no_faults(tested, dialog)
    dialog.get_by_role("button", name="Keep it").click()
    go(tested, "/storage")
    tested.get_by_role("button", name="Delete everything…").click()
    dialog = tested.get_by_role("dialog", name="Delete everything?")
    expect_no_faults(tested, dialog)
    dialog.get_by_role("button", name="Keep it").click()


def test_page_whose_python_is_not_up_yet(chromium: Chromium, demo_site: Site) -> None:
    chromium.context.route("**/pyodide.asm.wasm", lambda _route: None)
    page = chromium.open(demo_site.url)
    expect(page.locator(".boot-status[data-state='starting']")).to_be_visible()
    for view, settled in (
        ("/runs", page.get_by_role("heading", name="Runs")),
        ("/trigger/import-csv", page.get_by_role("button", name="Start import-csv")),
        ("/overview", page.get_by_role("heading", name="Overview")),
        ("/storage", page.get_by_role("heading", name="Storage and engine")),
    ):
        go(page, view)
        expect_no_faults(page, settled.first, is_waiting=True)
    expect(page.locator(".boot-status[data-state='starting']")).to_be_visible()


def test_page_on_which_nothing_has_run(chromium: Chromium, demo_site: Site) -> None:
    page = chromium.open(f"{demo_site.url}#/runs")
    wait_until_ready(page)
    expect_no_faults(page, page.get_by_role("button", name="Run import-csv with the sample"))
    go(page, "/overview")
    expect_no_faults(page, page.get_by_role("heading", name="Nothing has run yet"))
    go(page, "/storage")
    expect_no_faults(page, page.get_by_role("button", name="Export"))


def test_page_whose_server_is_away(playwright: Playwright, tmp_path: Path) -> None:
    with launched(playwright, tmp_path / "profile") as browser:
        with console_on_a_server(tmp_path) as url:
            page = browser.open(f"{url}/#/runs")
            expect(page.get_by_text("Ready, on the server")).to_be_attached()
            run_id = triggered(page, "burn", {})
            wait_until_ended(page, run_id)
            go(page, f"/runs/{run_id}")
            burnt = detail(page).get_by_role("group", name="Error")
            expect(burnt).to_be_visible()
            Dashboard(page).open_view("Trigger")
            expect(page.get_by_role("button", name="Start bake")).to_be_visible()
        expect(page.locator(".boot-status[data-state='offline']")).to_be_visible()
        for view, settled in (
            (f"/runs/{run_id}", burnt),
            ("/runs", page.get_by_text("The runs are as they were before the server went away.")),
            ("/trigger/bake", page.get_by_text("A job can be started once it is back")),
            ("/overview", page.get_by_role("heading", name="Overview")),
            ("/storage", page.get_by_text("What is shown here is from before.")),
        ):
            go(page, view)
            expect_no_faults(page, settled.first, is_waiting=True)
        browser.faults.clear()  # the browser reports what it could not fetch
