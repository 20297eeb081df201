"""The list with ten thousand runs."""

import statistics
import subprocess
import sys

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser import history
from tests.browser.browser import Chromium, Site, wait_for, wait_until_ready
from tests.browser.conftest import ROOT
from tests.browser.dashboard import (
    FOCUSED,
    NOTE,
    box_of,
    count_of,
    go,
    is_at,
    link_of,
    row_of,
    rows,
    triggered,
    wait_until_at,
)

COUNT = 10_000
MOST_ROWS = 60
INPUT = "Object.assign(document.createElement('input'), { type: 'file', id: 'history' })"
IMPORT = """
async () => {
  const input = document.getElementById('history')
  input.remove()
  await durably.storage.import(input.files[0])
}
"""
WATCH = """
() => {
  window.mostRows = 0
  new MutationObserver(() => {
    window.mostRows = Math.max(window.mostRows, document.querySelectorAll('.run-row').length)
  }).observe(document, { childList: true, subtree: true })
}
"""
AT_THE_TOP = """
() => {
  const top = document.querySelector('.run-list').getBoundingClientRect().top
  const rows = [...document.querySelectorAll('.run-row')]
  const first = rows.find((row) => Math.abs(row.getBoundingClientRect().top - top) < 2)
  return Number(first?.dataset.index ?? -1)
}
"""
GAPS = """
() => {
  window.gaps = []
  let before = performance.now()
  const look = (now) => {
    window.gaps.push(now - before)
    before = now
    window.looking = requestAnimationFrame(look)
  }
  window.looking = requestAnimationFrame(look)
}
"""
ROW_IN_SIGHT = """
() => {
  const { top, bottom } = document.querySelector('.run-list').getBoundingClientRect()
  return [...document.querySelectorAll('.run-row')].some((row) => {
    const box = row.getBoundingClientRect()
    return box.bottom > top && box.top < bottom
  })
}
"""
WHEELS = 150
PUSHED = 60
"""More than are in the page at once."""

TRIGGER_MANY = """
async ([count, input]) => {
  await Promise.all(Array.from({ length: count }, () => durably.trigger('sync-notes', input)))
}
"""
OLDEST = "select id from durably_runs order by id limit 1"


@pytest.fixture(scope="module")
def page(shared_chromium: Chromium, demo_site: Site, tmp_path_factory: pytest.TempPathFactory) -> Page:
    path = tmp_path_factory.mktemp("history") / "history.db"
    subprocess.run([sys.executable, "-m", history.__name__, path, str(COUNT)], check=True, cwd=ROOT)
    page = shared_chromium.open(f"{demo_site.url}#/runs")
    wait_until_ready(page)
    page.evaluate(f"() => document.body.append({INPUT})")
    page.set_input_files("#history", path)
    page.evaluate(IMPORT)
    page.evaluate(WATCH)
    return page


@pytest.fixture
def many(page: Page) -> Page:
    """All of them listed, from the top."""
    go(page, "/runs")
    expect(page.get_by_role("heading", name="Runs 10,0")).to_be_visible()
    page.locator(".run-list").evaluate("(list) => { list.scrollTop = 0 }")
    expect(page.locator('[data-index="0"]')).to_be_visible()
    return page


def first_in_sight(page: Page) -> int:
    """About: a few above it are there, too. The first of all may be there as well, if it has the focus."""
    return int(rows(page).nth(1).get_attribute("data-index") or 0)


def id_of(row: Locator) -> str:
    return str(link_of(row).get_attribute("href")).split("/")[-1]


@pytest.mark.parametrize("tenant", ["", *history.TENANTS])
def test_counts_are_those_of_the_database(many: Page, tenant: str) -> None:
    if tenant:
        go(many, f"/runs?label=tenant:{tenant}")
    buttons = many.get_by_role("group", name="By status")
    for name, status in (("Pending", "pending"), ("Completed", "completed"), ("Failed", "failed")):
        count = count_of(many, f"status = '{status}' and labels like '%{tenant}%'")
        button = buttons.get_by_role("button", name=name)
        expect(button.locator(".number")).to_have_text(f"{count:,}")


def test_end_reaches_the_oldest_run_with_few_rows_in_the_page(many: Page) -> None:
    [[oldest]] = many.evaluate("async (sql) => (await durably.query(sql)).rows", OLDEST)
    count = count_of(many, "true")
    many.evaluate("window.mostRows = 0")
    link_of(rows(many).first).focus()

    def is_at_the_end() -> bool:
        many.keyboard.press("End")
        return is_at(many, count - 1)

    wait_for(many, is_at_the_end)
    expect(row_of(many, oldest)).to_be_visible()
    expect(row_of(many, oldest)).to_have_attribute("aria-posinset", str(count))
    assert 5 < many.evaluate("window.mostRows") < MOST_ROWS
    many.keyboard.press("Home")
    wait_until_at(many, 0)
    assert many.evaluate("window.mostRows") < MOST_ROWS


def test_scrolling_loads_what_follows(many: Page) -> None:
    many.locator(".run-list").hover()

    def is_far() -> bool:
        many.mouse.wheel(0, 3000)
        return first_in_sight(many) >= 400

    wait_for(many, is_far)
    assert many.evaluate("window.mostRows") < MOST_ROWS


def test_wheeling_through_all_keeps_showing_rows(many: Page) -> None:
    many.locator(".run-list").hover()
    begin = first_in_sight(many)
    many.evaluate(GAPS)
    for _ in range(WHEELS):
        many.mouse.wheel(0, 400)
        many.wait_for_function(ROW_IN_SIGHT)
    gaps = many.evaluate("(cancelAnimationFrame(window.looking), window.gaps)")
    assert first_in_sight(many) > begin
    assert many.evaluate("window.mostRows") < MOST_ROWS
    # How smooth it is depends on the machine: told for who compares, not judged.
    most = statistics.quantiles(gaps, n=20)[-1]
    print(f"{len(gaps)} frames while wheeling, 95 % within {most:.1f} ms of the one before")  # noqa: T201


def test_new_run_comes_in_at_the_top_while_the_reader_is_elsewhere(many: Page) -> None:
    link_of(rows(many).first).focus()
    for index in range(1, 13):
        many.keyboard.press("ArrowDown")
        wait_until_at(many, index)
    run_id = triggered(many, "sync-notes", NOTE)
    # What had the focus has it still, one row further down.
    many.wait_for_function(f"({FOCUSED}) === '13'")
    many.keyboard.press("Home")
    wait_until_at(many, 0)
    expect(row_of(many, run_id)).to_have_attribute("data-index", "0")
    expect(row_of(many, run_id).locator(".chip")).to_have_text("Completed")


def test_rows_stay_where_they_are_while_runs_come_in_above(many: Page) -> None:
    frame = many.locator(".run-list")
    frame.evaluate("(list) => { list.scrollTop = 3000 }")
    wait_for(many, lambda: first_in_sight(many) > 20)
    row = rows(many).nth(12)
    run_id, index = id_of(row), int(row.get_attribute("data-index") or 0)
    above = row.bounding_box()
    for _ in range(3):
        triggered(many, "sync-notes", NOTE)
    expect(row_of(many, run_id)).to_have_attribute("data-index", str(index + 3))
    assert row_of(many, run_id).bounding_box() == above


def test_rows_stay_where_they_are_when_the_window_becomes_a_phones(many: Page) -> None:
    size = many.viewport_size
    assert size is not None
    many.locator(".run-list").evaluate("(list) => { list.scrollTop = 40 * 72 }")
    wait_for(many, lambda: many.evaluate(AT_THE_TOP) == 40)
    try:
        # There, rows are higher.
        many.set_viewport_size({"width": 390, "height": 844})
        wait_for(many, lambda: many.evaluate(AT_THE_TOP) == 40)
        many.set_viewport_size(size)
        wait_for(many, lambda: many.evaluate(AT_THE_TOP) == 40)
    finally:
        many.set_viewport_size(size)


def test_row_that_asks_stays_while_it_is_pushed_out_of_sight(many: Page) -> None:
    run_id = id_of(rows(many).first)
    row_of(many, run_id).get_by_role("button", name="Delete run").click()
    dialog = many.get_by_role("dialog")
    expect(dialog).to_be_visible()
    many.evaluate(TRIGGER_MANY, [PUSHED, NOTE])
    expect(row_of(many, run_id)).to_have_attribute("data-index", str(PUSHED))
    expect(dialog).to_be_visible()
    dialog.get_by_role("button", name="Keep it").click()
    expect(dialog).to_be_hidden()
    wait_until_at(many, PUSHED)


def test_search_opens_a_run_that_is_not_listed_yet(many: Page) -> None:
    [[oldest]] = many.evaluate("async (sql) => (await durably.query(sql)).rows", OLDEST)
    field = many.get_by_role("combobox", name="Search runs")
    field.fill(oldest)
    field.press("Enter")
    expect(many.get_by_role("region", name="Selected run").get_by_role("heading", level=2)).to_contain_text(
        oldest[-6:]
    )


def test_run_of_a_job_that_is_gone_is_refused_when_it_shall_run_again(many: Page) -> None:
    go(many, "/runs?job=send-digest&status=completed")
    first = rows(many).first
    box_of(first).check()
    many.get_by_role("button", name="Run 1 again").click()
    expect(many.locator(".bulk-outcome")).to_contain_text("0 triggered again. 1 refused: ")
    expect(box_of(first)).to_be_checked()


def test_runs_that_wait_for_a_job_that_is_gone_are_cancelled_together(many: Page) -> None:
    go(many, "/runs?status=pending&job=send-digest")
    expect(rows(many)).to_have_count(history.WAITING)
    many.get_by_role("checkbox", name=f"Select all {history.WAITING} listed").check()
    many.get_by_role("button", name=f"Cancel {history.WAITING}").click()
    expect(many.get_by_text("No run matches these filters.")).to_be_visible()
    assert count_of(many, "status = 'pending' and job_name = 'send-digest'") == 0
