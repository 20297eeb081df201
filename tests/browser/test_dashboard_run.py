"""What the dashboard shows of one run: when it ran, its steps, logs and values, and where it comes from."""

import json
import re
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.browser import (
    Chromium,
    Site,
    open_gate,
    trigger,
    wait_for,
    wait_until_ended,
    wait_until_ready,
)
from tests.browser.dashboard import address, count_of, detail, go, let_go, link_of, row_of, rows, triggered
from tests.browser.test_crash import kill_renderer

LINES = [{"level": ("info", "warn", "error")[number % 3], "text": f"line {number}"} for number in range(150)]
NOTE = "x" * 700
MOST_LINES = 500
FAR = "(list) => list.scrollHeight - list.scrollTop - list.clientHeight"
NOWHERE = "01ARZ3NDEKTSV4RRFFQ69G5FAV"


@pytest.fixture(scope="module")
def page(shared_chromium: Chromium, test_site: Site) -> Page:
    origin = test_site.url.rstrip("/")
    shared_chromium.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=origin)
    page = shared_chromium.open(f"{test_site.url}#/runs")
    wait_until_ready(page)
    return page


@pytest.fixture(scope="module")
def talk(page: Page) -> str:
    """A run with much input, and many lines in its log."""
    run_id = triggered(page, "talk", {"lines": [*LINES, {"text": NOTE}]}, {"of": "talk"})
    wait_until_ended(page, run_id)
    return run_id


@pytest.fixture
def talked(page: Page, talk: str) -> Locator:
    """That run, looked at anew."""
    go(page, f"/runs/{NOWHERE}")
    expect(detail(page).get_by_text("There is no run")).to_be_visible()
    return shown(page, talk)


def shown(page: Page, run_id: str) -> Locator:
    go(page, f"/runs/{run_id}")
    expect(detail(page).get_by_role("heading", level=2)).to_contain_text(run_id[-6:])
    return detail(page)


def steps(page: Page) -> Locator:
    return page.get_by_role("list", name=re.compile("^Steps"))


def clipboard(page: Page) -> str:
    return str(page.evaluate("navigator.clipboard.readText()"))


# ---------------------------------------------------------------------- timeline


def test_run_that_was_killed_shows_two_attempts_and_what_was_replayed(
    chromium: Chromium, test_site: Site
) -> None:
    page = chromium.open(test_site.url)
    wait_until_ready(page)
    run_id = trigger(page, "gate", {"count": 4, "closed_at": 2})
    wait_for(page, lambda: chromium.bodies[-1:] == ["begin 2"])
    page = kill_renderer(chromium, page)
    wait_for(page, lambda: chromium.bodies.count("begin 2") == 2)
    wait_until_ready(page)
    run = shown(page, run_id)
    expect(run.get_by_title(re.compile("went on from its last finished step"))).to_be_visible()
    open_gate(page)
    expect(steps(page).locator("[data-status=completed]")).to_have_count(4)
    lane = run.get_by_role("list", name="When the run waited and when it ran")
    expect(lane.get_by_text(re.compile(r"^Attempt 1: "))).to_have_count(1)
    expect(lane.get_by_text(re.compile(r"^Attempt 2: "))).to_have_count(1)
    expect(steps(page).locator("[data-replayed=true] .step-name")).to_have_text(["step-0", "step-1"])
    expect(steps(page).locator(".step em")).to_have_text(["replayed", "replayed"])


def test_run_that_waits_and_then_executes_shows_both(page: Page) -> None:
    held: dict[str, Any] = {"concurrencyKey": "waits"}
    first = triggered(page, "gate", {"count": 1, "closed_at": 0}, **held)
    second = triggered(page, "count", {"count": 2}, **held)
    run = shown(page, second)
    lane = run.get_by_role("list", name="When the run waited and when it ran")
    expect(lane.get_by_text(re.compile(r"^Waited "))).to_have_count(1)
    expect(run.get_by_text("No step has begun yet.")).to_be_visible()
    page.evaluate("(id) => durably.cancel(id)", first)
    open_gate(page)
    expect(lane.get_by_text(re.compile(r"^Attempt 1: "))).to_have_count(1)
    expect(steps(page).locator("[data-status=completed] .step-name")).to_have_text(["step-0", "step-1"])


def test_failed_step_shows_its_error_and_the_traceback_is_open(page: Page) -> None:
    run_id = triggered(page, "fail", {"count": 1})
    run = shown(page, run_id)
    failed = steps(page).locator("[data-status=failed]")
    expect(failed.locator(".step-name")).to_have_text("broken")
    expect(failed.locator(".step-error")).to_contain_text("the test wants it so")
    error = run.get_by_role("group", name="Error")
    traceback = error.get_by_text('raise ZeroDivisionError("the test wants it so")')
    expect(traceback).to_be_visible()
    error.get_by_text("Traceback", exact=True).focus()
    page.keyboard.press("Enter")
    expect(traceback).to_be_hidden()


# ---------------------------------------------------------------------- input and output


def test_input_unfolds_as_a_tree_by_keyboard(page: Page, talked: Locator) -> None:
    details = talked.locator("details.json").filter(has_text="Input")
    tree = talked.get_by_role("tree", name="Input")
    expect(tree).to_have_count(0)
    details.locator("summary").focus()
    page.keyboard.press("Enter")
    expect(tree).to_be_visible()
    lines = tree.get_by_role("button", name=re.compile("Unfold|Fold")).nth(1)
    expect(lines).to_have_attribute("aria-expanded", "false")
    for _ in range(3):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.closest('[role=tree]') !== null"):
            break
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")
    expect(lines).to_have_attribute("aria-expanded", "true")
    # Of long lists and texts the beginning is shown.
    expect(tree.get_by_text("… 51 more")).to_be_visible()
    page.keyboard.press("ArrowLeft")
    expect(lines).to_have_attribute("aria-expanded", "false")


def test_input_is_copied_whole(page: Page, talked: Locator) -> None:
    talked.locator("details.json").filter(has_text="Input").locator("summary").click()
    copy = talked.get_by_role("button", name="Copy input")
    copy.click()
    expect(copy).to_have_text("Copied")
    copied: dict[str, Any] = json.loads(clipboard(page))
    texts = [line["text"] for line in copied["lines"]]
    assert texts == [*(f"line {number}" for number in range(150)), NOTE]


def test_output_is_copied(page: Page) -> None:
    run_id = triggered(page, "count", {"count": 3})
    wait_until_ended(page, run_id)
    run = shown(page, run_id)
    output = run.locator("details.json").filter(has_text="Output")
    expect(output.locator("summary")).to_contain_text("total: 3")
    expect(output.get_by_role("tree")).to_contain_text("total:3")
    run.get_by_role("button", name="Copy output").click()
    wait_for(page, lambda: json.loads(clipboard(page)) == {"total": 3})


# ---------------------------------------------------------------------- logs


def lines(page: Page) -> Locator:
    return page.get_by_role("list", name=re.compile("^Logs")).get_by_role("listitem")


@pytest.mark.parametrize(
    ("level", "count"),
    [
        ("All levels", 151),
        ("Warnings and errors", 100),
        ("Errors", 50),
    ],
)
def test_logs_are_filtered_by_level(page: Page, talked: Locator, level: str, count: int) -> None:
    talked.get_by_role("combobox", name="Level").select_option(level)
    expect(lines(page)).to_have_count(count)


def test_logs_are_filtered_by_text(page: Page, talked: Locator) -> None:
    talked.get_by_role("combobox", name="Level").select_option("All levels")
    field = talked.get_by_role("searchbox", name="Search logs")
    field.fill("LINE 14")
    expect(lines(page)).to_have_count(11)
    field.fill("line 14 and a half")
    expect(talked.get_by_text("No line matches.")).to_be_visible()


def test_logs_follow_what_is_written_until_the_reader_scrolls_up(page: Page) -> None:
    for follows in (True, False):
        run_id = triggered(page, "talk", {"lines": LINES, "waits": True})
        shown(page, run_id)
        expect(lines(page)).to_have_count(75)
        logs = page.get_by_role("list", name=re.compile("^Logs"))
        wait_for(page, lambda logs=logs: logs.evaluate(FAR) < 24)  # type: ignore[misc]
        if not follows:
            logs.focus()
            page.keyboard.press("Home")
            wait_for(page, lambda logs=logs: logs.evaluate("(list) => list.scrollTop") == 0)  # type: ignore[misc]
        let_go(page, detail(page))
        expect(lines(page)).to_have_count(150)
        assert (logs.evaluate(FAR) < 24) is follows


def test_long_log_follows_what_is_written_too(page: Page) -> None:
    """Of very many lines only the last are in the page: their number stays the same while they change."""
    run_id = triggered(page, "talk", {"lines": LINES * 8, "waits": True})
    run = shown(page, run_id)
    expect(lines(page)).to_have_count(MOST_LINES)
    logs = page.get_by_role("list", name=re.compile("^Logs"))
    let_go(page, detail(page))
    expect(logs).to_have_accessible_name("Logs 1200")
    expect(lines(page)).to_have_count(MOST_LINES)
    wait_for(page, lambda: logs.evaluate(FAR) < 24)
    run.get_by_role("button", name="Show 700 earlier lines").click()
    expect(lines(page)).to_have_count(1200)


# ---------------------------------------------------------------------- lineage and links


def test_run_that_repeats_another_leads_to_it(page: Page) -> None:
    run_id = triggered(page, "count", {"count": 2}, {"of": "lineage"})
    run = shown(page, run_id)
    run.get_by_role("button", name=f"Run again run {run_id[-6:]}").click()
    link = run.get_by_text("Repeats run").locator("..").get_by_role("link")
    expect(link).to_have_text(run_id[-6:])
    expect(run.get_by_role("heading", level=2)).not_to_contain_text(run_id[-6:])
    new_id = address(page).rpartition("/")[2]
    link.click()
    expect(run.get_by_role("heading", level=2)).to_contain_text(run_id[-6:])
    back = run.get_by_text("Repeated by").locator("..").get_by_role("link")
    expect(back).to_have_text(new_id[-6:])
    back.click()
    expect(run.get_by_role("heading", level=2)).to_contain_text(new_id[-6:])


@pytest.mark.parametrize("place", ["detail", "row"])
def test_run_that_is_deleted_while_it_is_shown_leads_back_to_the_list(page: Page, place: str) -> None:
    run_id = triggered(page, "count", {"count": 1}, {"of": "deleted"})
    wait_until_ended(page, run_id)
    go(page, f"/runs/{run_id}?label=of:deleted")
    part = detail(page) if place == "detail" else row_of(page, run_id)
    part.get_by_role("button", name=f"Delete run {run_id[-6:]}").click()
    page.get_by_role("dialog", name=f"Delete run {run_id[-6:]}?").get_by_role("button", name="Delete").click()
    wait_for(page, lambda: address(page) == "/runs?label=of%3Adeleted")
    expect(rows(page)).to_have_count(0)


SLOW_RETRIGGER = """
() => {
  const { retrigger } = durably
  durably.retrigger = async (runId) => {
    await new Promise((resolve) => { window.letGo = resolve })
    durably.retrigger = retrigger
    return durably.retrigger(runId)
  }
}
"""


def test_who_went_elsewhere_is_not_taken_to_the_run_that_repeats_one(page: Page) -> None:
    run_id = triggered(page, "count", {"count": 1}, {"of": "slow"})
    other = triggered(page, "count", {"count": 1}, {"of": "elsewhere"})
    wait_until_ended(page, other)
    run = shown(page, run_id)
    expect(run.locator(".detail-header .chip")).to_have_text("Completed")
    page.evaluate(SLOW_RETRIGGER)
    run.get_by_role("button", name=f"Run again run {run_id[-6:]}").click()
    page.wait_for_function("'letGo' in window")
    shown(page, other)
    page.evaluate("letGo()")
    wait_for(page, lambda: count_of(page, f"retriggered_from = '{run_id}'") == 1)
    expect(rows(page).filter(has_text="slow")).to_have_count(2)
    assert address(page) == f"/runs/{other}"


PRESS_AT_ONCE = """
() => new MutationObserver((_, observer) => {
  const button = document.querySelector('.detail-header [aria-label^="Run again"]')
  if (button === null) return
  observer.disconnect()
  button.click()
  window.wasPressed = true
}).observe(document, { childList: true, subtree: true, attributes: true })
"""


def test_hand_that_was_about_to_cancel_does_not_run_it_again(page: Page) -> None:
    run_id = triggered(page, "gate", {"count": 1, "closed_at": 0}, {"of": "hand"})
    run = shown(page, run_id)
    button = run.get_by_role("button", name=f"Cancel run {run_id[-6:]}")
    button.focus()
    page.evaluate(PRESS_AT_ONCE)
    page.keyboard.press("Enter")
    page.wait_for_function("window.wasPressed")
    again = run.get_by_role("button", name=f"Run again run {run_id[-6:]}")
    # It is the same one, with the focus, and can be pressed when the hand has had time to stop.
    expect(again).to_be_focused()
    expect(again).to_have_attribute("aria-disabled", "false")
    assert count_of(page, f"retriggered_from = '{run_id}'") == 0
    page.keyboard.press("Enter")
    wait_for(page, lambda: count_of(page, f"retriggered_from = '{run_id}'") == 1)
    open_gate(page)


def test_id_is_copied(page: Page, talked: Locator, talk: str) -> None:
    talked.get_by_title("Copy the id").click()
    expect(talked.get_by_title("Copy the id")).to_contain_text("Copied")
    assert clipboard(page) == talk


def test_link_to_a_run_shows_it_with_its_filters_in_another_tab(
    page: Page, talk: str, shared_chromium: Chromium
) -> None:
    go(page, "/runs?label=of:talk")
    link_of(row_of(page, talk)).click()
    expect(detail(page).get_by_role("heading", level=2)).to_contain_text(talk[-6:])
    other = shared_chromium.open(page.url)
    expect(detail(other).get_by_role("heading", level=2)).to_contain_text(talk[-6:])
    expect(rows(other)).to_have_count(1)
    assert address(other) == address(page)
    other.close()


def test_run_that_is_not_there_is_told(page: Page) -> None:
    go(page, f"/runs/{NOWHERE}")
    expect(detail(page).get_by_role("heading", name="There is no run 9G5FAV.")).to_be_visible()


def test_phone_shows_the_run_in_place_of_the_list(page: Page, talk: str) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    try:
        go(page, "/runs?label=of:talk")
        expect(rows(page)).to_have_count(1)
        expect(detail(page)).to_be_hidden()
        link_of(row_of(page, talk)).click()
        expect(detail(page).get_by_role("heading", level=2)).to_contain_text(talk[-6:])
        expect(rows(page)).to_have_count(0)
        detail(page).get_by_role("link", name="All runs").click()
        expect(rows(page)).to_have_count(1)
        expect(detail(page)).to_be_hidden()
        assert address(page) == "/runs?label=of%3Atalk"
    finally:
        page.set_viewport_size({"width": 1280, "height": 720})


@pytest.mark.parametrize("width", [390, 1440])
def test_run_that_is_come_to_begins_below_the_header(page: Page, talk: str, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 844})
    try:
        go(page, "/runs?label=of:talk")
        expect(rows(page)).to_have_count(1)
        link_of(row_of(page, talk)).focus()
        page.evaluate("document.activeElement.blur()")
        shown(page, talk)
        page.wait_for_function("document.activeElement.matches('.main')")
        header, run = page.locator(".header").bounding_box(), detail(page).bounding_box()
        assert header
        assert run
        assert run["y"] >= header["y"] + header["height"]
    finally:
        page.set_viewport_size({"width": 1280, "height": 720})
