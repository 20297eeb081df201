"""The list of runs: what its rows tell, and how it is filtered and searched."""

import re
from itertools import pairwise

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.browser import Chromium, Site, wait_for, wait_until_ended, wait_until_ready
from tests.browser.dashboard import (
    address,
    box_of,
    count_of,
    detail,
    go,
    link_of,
    query,
    row_of,
    rows,
    triggered,
    wait_until_at,
)

STATUSES = {
    "Pending": "pending",
    "Running": "leased",
    "Completed": "completed",
    "Failed": "failed",
    "Cancelled": "cancelled",
}
SEEDED = "seed:yes"


@pytest.fixture(scope="module")
def page(shared_chromium: Chromium, test_site: Site) -> Page:
    page = shared_chromium.open(f"{test_site.url}#/runs")
    wait_until_ready(page)
    return page


@pytest.fixture(scope="module")
def runs(page: Page) -> dict[str, str]:
    """A run in each status, oldest first. That which executes waits for the test's word, which never comes."""
    held = {"concurrencyKey": "held"}
    ids = {"completed": triggered(page, "count", {"count": 3}, {"seed": "yes", "tenant": "acme"})}
    ids["failed"] = triggered(page, "fail", {"count": 1}, {"seed": "yes", "tenant": "globex"})
    for run_id in ids.values():
        wait_until_ended(page, run_id)
    ids["leased"] = triggered(page, "gate", {"count": 4, "closed_at": 2}, {"seed": "yes"}, **held)
    wait_for(page, lambda: count_of(page, "completed_step_count = 2") == 1)
    ids["cancelled"] = triggered(page, "count", {"count": 1}, {"seed": "yes"}, **held)
    page.evaluate("(id) => durably.cancel(id)", ids["cancelled"])
    ids["pending"] = triggered(page, "count", {"count": 1}, {"seed": "yes"}, **held)
    return ids


@pytest.fixture
def seeded(page: Page, runs: dict[str, str]) -> Page:
    """The list of those runs alone."""
    go(page, f"/runs?label={SEEDED}")
    expect(rows(page)).to_have_count(len(runs))
    return page


def search(page: Page, text: str) -> None:
    field = page.get_by_role("combobox", name="Search runs")
    field.fill(text)
    field.press("Enter")


def status_button(page: Page, name: str) -> Locator:
    return page.get_by_role("group", name="By status").get_by_role("button", name=re.compile(f"^{name}"))


# ---------------------------------------------------------------------- rows


def test_row_shows_status_job_labels_age_duration_and_steps(seeded: Page, runs: dict[str, str]) -> None:
    row = row_of(seeded, runs["completed"])
    expect(row.locator(".chip")).to_have_text("Completed")
    expect(row.locator(".run-name")).to_have_text("count")
    expect(row.locator(".label-chip")).to_have_text(["seedyes", "tenantacme"])
    expect(row.locator("time")).to_have_text(re.compile("just now|ago"))
    expect(row.locator("time")).to_have_attribute("title", re.compile(r"\d{4}"))
    expect(row.locator(".run-meta .number")).to_have_text(re.compile(r"^(< 1|[\d.]+) m?s$"))
    expect(row).to_contain_text("3 steps")


def test_row_of_a_run_that_executes_shows_how_far_it_is(seeded: Page, runs: dict[str, str]) -> None:
    row = row_of(seeded, runs["leased"])
    # What a job reports is stored a little later: a list that is read in between has what it said before.
    expect(row).to_contain_text(re.compile("[12] of 4"))
    bar = row.get_by_role("progressbar", name="Progress")
    expect(bar).to_have_attribute("aria-valuenow", re.compile("^[12]$"))
    expect(bar).to_have_attribute("aria-valuemax", "4")


def test_row_of_a_failed_run_tells_the_error(seeded: Page, runs: dict[str, str]) -> None:
    row = row_of(seeded, runs["failed"])
    error, labels, line = (row.locator(name) for name in (".run-error", ".run-labels", ".run-meta"))
    expect(error).to_contain_text("the test wants it so")
    # On a line of its own, within the row.
    row_box, error_box, *above = (each.bounding_box() for each in (row, error, labels, line))
    assert row_box
    assert error_box
    assert error_box["y"] + error_box["height"] <= row_box["y"] + row_box["height"]
    assert all(box and box["y"] + box["height"] <= error_box["y"] for box in above)


def test_newest_run_is_at_the_top(seeded: Page, runs: dict[str, str]) -> None:
    ids = [text[-6:] for text in reversed(runs.values())]
    expect(rows(seeded).locator(".run-id")).to_have_text(ids)


def test_row_on_a_phone_has_two_labels_and_all_that_can_be_done(seeded: Page, runs: dict[str, str]) -> None:
    size = seeded.viewport_size
    assert size is not None
    seeded.set_viewport_size({"width": 390, "height": 844})
    try:
        row = row_of(seeded, runs["completed"])
        expect(row.locator(".label-chip:visible")).to_have_count(2)
        row.get_by_role("button", name="Run again").click(trial=True)
        row_of(seeded, runs["pending"]).get_by_role("button", name="Cancel").click(trial=True)
        # No row lies on another.
        boxes = [box for row in rows(seeded).all() if (box := row.bounding_box())]
        assert all(one["y"] + one["height"] <= next["y"] for one, next in pairwise(boxes))
        row.get_by_role("button", name="Delete").click()
        seeded.get_by_role("dialog").get_by_role("button", name="Keep it").click()
        expect(row).to_be_visible()
    finally:
        seeded.set_viewport_size(size)


# ---------------------------------------------------------------------- filters


@pytest.mark.parametrize("name", STATUSES)
def test_status_shows_as_many_as_the_database_has(seeded: Page, name: str) -> None:
    status = STATUSES[name]
    wanted = f"status = '{status}' and id in (select run_id from durably_run_labels where key = 'seed')"
    count = count_of(seeded, wanted)
    assert count == 1
    button = status_button(seeded, name)
    expect(button.locator(".number")).to_have_text(str(count))
    button.click()
    expect(button).to_have_attribute("aria-pressed", "true")
    expect(rows(seeded).locator(".chip")).to_have_text([name])
    assert ["status", status] in query(seeded)
    button.click()
    expect(rows(seeded)).to_have_count(len(STATUSES))


def test_several_statuses_are_shown_together(seeded: Page) -> None:
    status_button(seeded, "Failed").click()
    status_button(seeded, "Pending").click()
    expect(rows(seeded).locator(".chip")).to_have_text(["Pending", "Failed"])


def test_job_is_chosen(seeded: Page) -> None:
    seeded.get_by_role("combobox", name="Job", exact=True).select_option("fail")
    expect(rows(seeded).locator(".run-name")).to_have_text(["fail"])
    seeded.get_by_role("button", name="Clear filters").click()
    expect(rows(seeded).nth(1)).to_be_visible()
    assert query(seeded) == []


def test_what_matches_nothing_is_told(page: Page, runs: dict[str, str]) -> None:
    go(page, "/runs?label=seed:no")
    expect(page.get_by_text("No run matches these filters.")).to_be_visible()


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("fail", ["job", "fail"]),
        ("GAT", ["job", "gate"]),
        ("failed", ["status", "failed"]),
        ("running", ["status", "leased"]),
        ("status:cancelled", ["status", "cancelled"]),
        ("tenant:acme", ["label", "tenant:acme"]),
        ("tenant=globex", ["label", "tenant:globex"]),
    ],
)
def test_search_finds_jobs_statuses_and_labels(seeded: Page, text: str, asked: list[str]) -> None:
    search(seeded, text)
    expect(rows(seeded)).to_have_count(1)
    assert query(seeded) == sorted([["label", SEEDED], asked], key=lambda pair: pair[0] == "label")
    expect(seeded.get_by_role("combobox", name="Search runs")).to_have_value("")


@pytest.mark.parametrize("letters", [26, 6])
def test_search_opens_a_run_by_its_id(seeded: Page, runs: dict[str, str], letters: int) -> None:
    search(seeded, runs["failed"][-letters:].lower())
    expect(detail(seeded).get_by_role("heading", level=2)).to_have_text(f"fail {runs['failed'][-6:]}")
    # The list is as it was.
    expect(rows(seeded)).to_have_count(len(runs))


def test_search_for_nothing_that_there_is_is_told(seeded: Page) -> None:
    search(seeded, "nonsense")
    field = seeded.get_by_role("combobox", name="Search runs")
    expect(seeded.get_by_role("alert").filter(has_text="Nothing is called “nonsense”.")).to_be_visible()
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(rows(seeded)).to_have_count(len(STATUSES))
    field.fill("nonsens")
    expect(seeded.get_by_text("Nothing is called")).to_have_count(0)


def test_label_leads_to_the_runs_that_have_it_and_can_be_taken_off(seeded: Page, runs: dict[str, str]) -> None:
    row_of(seeded, runs["completed"]).get_by_title("Runs with tenant acme").click()
    expect(rows(seeded)).to_have_count(1)
    assert query(seeded) == [["label", "tenant:acme"]]
    seeded.get_by_role("button", name="No longer only tenant acme").click()
    expect(row_of(seeded, runs["failed"])).to_be_visible()
    assert query(seeded) == []


def test_label_may_hold_any_text(seeded: Page) -> None:
    run_id = triggered(seeded, "count", {"count": 1}, {"discount": "50% a%20b"})
    go(seeded, "/runs")
    row_of(seeded, run_id).get_by_title("Runs with discount 50% a%20b").click()
    expect(seeded.get_by_role("button", name="No longer only discount 50% a%20b")).to_be_visible()
    expect(rows(seeded)).to_have_count(1)


def test_address_holds_the_filters_and_the_run_in_another_tab(
    seeded: Page, runs: dict[str, str], shared_chromium: Chromium
) -> None:
    status_button(seeded, "Failed").click()
    search(seeded, "tenant:globex")
    link_of(row_of(seeded, runs["failed"])).click()
    other = shared_chromium.open(seeded.url)
    for _ in ("opened", "loaded again"):
        expect(rows(other).locator(".run-id")).to_have_text([runs["failed"][-6:]])
        expect(status_button(other, "Failed")).to_have_attribute("aria-pressed", "true")
        expect(other.get_by_role("button", name="No longer only tenant globex")).to_be_visible()
        expect(detail(other).get_by_role("heading", level=2)).to_have_text(f"fail {runs['failed'][-6:]}")
        assert address(other) == address(seeded)
        other.reload()
    other.close()


# ---------------------------------------------------------------------- keyboard


def test_arrows_home_and_end_move_among_rows_and_enter_opens(seeded: Page, runs: dict[str, str]) -> None:
    link_of(rows(seeded).first).focus()
    for key, index in (("ArrowDown", 1), ("ArrowDown", 2), ("ArrowUp", 1), ("End", 4), ("Home", 0)):
        seeded.keyboard.press(key)
        wait_until_at(seeded, index)
    seeded.keyboard.press("End")
    wait_until_at(seeded, 4)
    seeded.keyboard.press("Enter")
    expect(detail(seeded).get_by_role("heading", level=2)).to_have_text(f"count {runs['completed'][-6:]}")


def test_checkbox_is_reached_by_tab_and_toggled_by_space(seeded: Page) -> None:
    row = rows(seeded).nth(1)
    link_of(row).focus()
    seeded.keyboard.press("Shift+Tab")
    expect(box_of(row)).to_be_focused()
    seeded.keyboard.press("Space")
    expect(box_of(row)).to_be_checked()
    seeded.keyboard.press("Space")
    expect(box_of(row)).not_to_be_checked()
    seeded.keyboard.press("Tab")
    expect(link_of(row)).to_be_focused()


# ---------------------------------------------------------------------- many changes


CHANGE_ALL_THE_TIME = """
() => {
  const change = () => durably.trigger('count', { count: 1 }, { labels: { of: 'storm' } })
  window.changes = setInterval(change, 60)
}
"""


# Last: its runs are many, and stay.
def test_runs_are_counted_while_they_change_all_the_time(page: Page) -> None:
    go(page, "/runs?label=of:storm")
    page.evaluate(CHANGE_ALL_THE_TIME)
    try:
        expect(page.get_by_role("heading", name=re.compile(r"^Runs \d{2,}$"))).to_be_visible()
    finally:
        page.evaluate("clearInterval(window.changes)")
