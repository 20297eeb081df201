"""What the list of runs does with one of its runs, or with several at once."""

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.browser import Chromium, Site, wait_until_ready
from tests.browser.dashboard import box_of, count_of, go, let_go, row_of, rows, triggered


@pytest.fixture(scope="module")
def page(shared_chromium: Chromium, test_site: Site) -> Page:
    page = shared_chromium.open(f"{test_site.url}#/runs")
    wait_until_ready(page)
    return page


def chosen(page: Page) -> Locator:
    return page.get_by_role("group", name="With the selected runs")


def outcome(page: Page) -> Locator:
    return page.locator(".bulk-outcome")


def several(page: Page, of: str, count: int) -> list[str]:
    """Runs with a label of the test's own, shown in the list, newest first."""
    ids = [triggered(page, "count", {"count": 1}, {"of": of}) for _ in range(count)]
    go(page, f"/runs?label=of:{of}")
    expect(rows(page)).to_have_count(count)
    return ids[::-1]


def ended(page: Page, of: str, count: int) -> list[str]:
    ids = several(page, of, count)
    expect(rows(page).locator(".chip")).to_have_text(["Completed"] * count)
    return ids


def test_runs_are_selected_one_by_one_or_all_that_are_listed(page: Page) -> None:
    ended(page, "selecting", 3)
    every = page.get_by_role("checkbox", name="Select all 3 listed")
    box_of(rows(page).nth(0)).check()
    box_of(rows(page).nth(2)).check()
    expect(page.get_by_text("2 selected")).to_be_visible()
    expect(chosen(page).get_by_role("button")).to_have_text(["Cancel 0", "Run 2 again", "Delete 2"])
    some = page.get_by_role("checkbox", name="2 selected")
    assert some.evaluate("(box) => box.indeterminate")
    some.click()
    expect(page.get_by_text("3 selected")).to_be_visible()
    page.get_by_role("checkbox", name="3 selected").uncheck()
    expect(every).not_to_be_checked()
    expect(chosen(page)).to_have_count(0)


def test_selection_ends_with_the_list_it_was_made_in(page: Page) -> None:
    ended(page, "another-list", 2)
    box_of(rows(page).first).check()
    page.get_by_role("group", name="By status").get_by_role("button", name="Completed").click()
    expect(page.get_by_role("checkbox", name="Select all 2 listed")).not_to_be_checked()


def test_several_runs_are_cancelled(page: Page) -> None:
    for _ in range(2):
        triggered(page, "gate", {"count": 1, "closed_at": 0}, {"of": "cancelling"})
    go(page, "/runs?label=of:cancelling")
    expect(rows(page).locator(".chip")).to_have_text(["Pending", "Running"])
    page.get_by_role("checkbox", name="Select all 2 listed").check()
    chosen(page).get_by_role("button", name="Cancel 2").click()
    expect(outcome(page)).to_have_text("2 cancelled.")
    expect(rows(page).locator(".chip")).to_have_text(["Cancelled", "Cancelled"])


def test_several_runs_run_again(page: Page) -> None:
    ended(page, "again", 2)
    page.get_by_role("checkbox", name="Select all 2 listed").check()
    chosen(page).get_by_role("button", name="Run 2 again").click()
    expect(outcome(page)).to_have_text("2 triggered again.")
    expect(rows(page).locator(".chip")).to_have_text(["Completed"] * 4)
    assert count_of(page, "retriggered_from is not null and labels like '%again%'") == 2


def test_several_runs_are_deleted_after_a_confirmation(page: Page) -> None:
    ids = ended(page, "deleting", 3)
    for index in (0, 1):
        box_of(rows(page).nth(index)).check()
    chosen(page).get_by_role("button", name="Delete 2").click()
    dialog = page.get_by_role("dialog", name="Delete 2 runs?")
    # The harmless answer is the one that Enter gives.
    page.keyboard.press("Enter")
    expect(dialog).to_be_hidden()
    expect(rows(page)).to_have_count(3)
    expect(chosen(page).get_by_role("button", name="Delete 2")).to_be_focused()
    page.keyboard.press("Enter")
    dialog.get_by_role("button", name="Delete 2").click()
    expect(outcome(page)).to_have_text("2 deleted.")
    expect(rows(page).locator(".run-id")).to_have_text([ids[2][-6:]])
    assert count_of(page, "labels like '%deleting%'") == 1


MEANWHILE = """
() => {
  const asked = durably.cancelRuns
  durably.cancelRuns = async function (ids) {
    durably.cancelRuns = asked
    await durably.cancel(ids[0])
    return await asked.call(durably, ids)
  }
}
"""


def test_refusal_is_told_and_what_was_refused_stays_selected(page: Page) -> None:
    labels = {"of": "refused"}
    ids = [triggered(page, "gate", {"count": 1, "closed_at": 0}, labels) for _ in range(2)]
    go(page, "/runs?label=of:refused")
    expect(rows(page).locator(".chip")).to_have_text(["Pending", "Running"])
    # One of them is over just before it shall be cancelled.
    page.evaluate(MEANWHILE)
    page.get_by_role("checkbox", name="Select all 2 listed").check()
    chosen(page).get_by_role("button", name="Cancel 2").click()
    expect(outcome(page)).to_have_text(re.compile("^1 cancelled. 1 refused: .*cancelled"))
    expect(page.get_by_text("1 selected")).to_be_visible()
    boxes = [box_of(row_of(page, run_id)).is_checked() for run_id in ids]
    assert sorted(boxes) == [False, True]


def test_row_itself_cancels_and_deletes_its_run(page: Page) -> None:
    run_id = triggered(page, "gate", {"count": 1, "closed_at": 0}, {"of": "row"})
    go(page, "/runs?label=of:row")
    row = row_of(page, run_id)
    row.get_by_role("button", name=f"Cancel run {run_id[-6:]}").click()
    expect(row.locator(".chip")).to_have_text("Cancelled")
    row.get_by_role("button", name=f"Delete run {run_id[-6:]}").click()
    page.get_by_role("dialog", name=f"Delete run {run_id[-6:]}?").get_by_role("button", name="Delete").click()
    expect(row).to_have_count(0)


def test_run_that_executes_is_followed_in_its_row(page: Page) -> None:
    run_id = triggered(page, "gate", {"count": 3, "closed_at": 1}, {"of": "followed"})
    go(page, "/runs?label=of:followed")
    row = row_of(page, run_id)
    expect(row).to_contain_text("1 of 3")
    let_go(page, row)
    expect(row.get_by_role("progressbar")).to_have_count(0)


def test_what_came_of_it_is_told_where_it_left_nothing_in_the_list(page: Page) -> None:
    for _ in range(2):
        triggered(page, "gate", {"count": 1, "closed_at": 0}, {"of": "emptied"})
    go(page, "/runs?label=of:emptied&status=leased&status=pending")
    page.get_by_role("checkbox", name="Select all 2 listed").check()
    chosen(page).get_by_role("button", name="Cancel 2").click()
    expect(rows(page)).to_have_count(0)
    expect(outcome(page)).to_have_text("2 cancelled.")
    go(page, "/runs?label=of:emptied")
    expect(rows(page)).to_have_count(2)
    expect(outcome(page)).to_have_text("")
