"""The overview of the page: figures and pictures of a week of runs, and of one that executes."""

import re
import subprocess
import sys
import time
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser import history
from tests.browser.browser import Chromium, Site, wait_until_ready
from tests.browser.conftest import ROOT
from tests.browser.dashboard import detail, faults_of, go, open_view
from tests.browser.test_dashboard_axe import LOOKS
from tests.browser.test_page import start_sample

IMPORT = """
async () => {
  const input = document.getElementById('history')
  input.remove()
  await window.durably.storage.import(input.files[0])
}
"""
COUNT = "select count(*), coalesce(sum(status = 'failed'), 0) from durably_runs where completed_at > ? and "


@pytest.fixture
def page(chromium: Chromium, demo_site: Site) -> Page:
    page = chromium.open(f"{demo_site.url}#/overview")
    wait_until_ready(page)
    return page


@pytest.fixture(scope="module")
def shared_week(shared_chromium: Chromium, demo_site: Site, tmp_path_factory: pytest.TempPathFactory) -> Page:
    """The same with a week of runs."""
    page = shared_chromium.open(f"{demo_site.url}#/overview")
    wait_until_ready(page)
    path = tmp_path_factory.mktemp("week") / "history.db"
    subprocess.run([sys.executable, "-m", history.__name__, path], check=True, cwd=ROOT)
    page.evaluate(
        """() => {
          const input = Object.assign(document.createElement('input'), { type: 'file', id: 'history' })
          document.body.append(input)
        }"""
    )
    page.set_input_files("#history", path)
    page.evaluate(IMPORT)
    return page


@pytest.fixture
def week(shared_week: Page) -> Page:
    """That, looked at anew."""
    shared_week.set_viewport_size({"width": 1280, "height": 720})
    go(shared_week, "/overview")
    expect(shared_week.get_by_role("heading", name="Overview", exact=True)).to_be_visible()
    expect(shared_week.get_by_role("rowheader", name="sync-notes")).to_be_visible()
    return shared_week


def tile(page: Page, name: str) -> Locator:
    return page.locator("dl.tiles > div").filter(has=page.get_by_text(name, exact=True)).locator(".tile-value")


def chosen(page: Page, name: str) -> Locator:
    return page.get_by_role("navigation", name="How far back").get_by_role("link", name=name)


def counted(page: Page, hours: float, job: str | None = None) -> tuple[int, int]:
    """How many have not been cancelled since then, and how many of them failed."""
    since = time.time() * 1000 - hours * 3_600_000
    wanted = "status in ('completed', 'failed')" + ("" if job is None else f" and job_name = '{job}'")
    found: dict[str, Any] = page.evaluate(
        "([sql, since]) => durably.query(sql, [since])", [COUNT + wanted, since]
    )
    [[count, failed]] = found["rows"]
    return count, failed


def test_nothing_yet_is_told_and_the_way_back_is_found_by_keyboard(page: Page) -> None:
    expect(page.get_by_role("heading", name="Nothing has run yet")).to_be_visible()
    expect(page.get_by_role("link", name="Overview")).to_have_attribute("aria-current", "page")
    page.get_by_role("link", name="Runs").focus()
    page.keyboard.press("Enter")
    sample = page.get_by_role("button", name="Run import-csv with the sample")
    expect(page.get_by_role("heading", name="Nothing has run yet")).to_have_count(0)
    sample.click()
    expect(detail(page).get_by_role("heading", level=2)).to_contain_text("import-csv")


def test_figures_are_those_of_the_database(week: Page) -> None:
    for name, hours in (("Week", 7 * 24), ("Day", 24), ("Hour", 1)):
        chosen(week, name).click()
        expect(chosen(week, name)).to_have_attribute("aria-current", "true")
        # Windows end with a whole stretch of time, so they begin a little later than so many hours ago.
        stretch = {"Week": 6, "Day": 1, "Hour": 1 / 30}[name]
        least, most = counted(week, hours - stretch), counted(week, hours)
        failed = int(tile(week, "Failed").inner_text().replace(",", ""))
        completed = int(tile(week, "Completed").inner_text().replace(",", ""))
        assert least[1] <= failed <= most[1]
        assert least[0] <= completed + failed <= most[0]
        assert most[0] > 0
    expect(tile(week, "Waiting")).to_have_text(str(history.WAITING))


def test_pictures_have_a_bar_and_a_line_for_what_they_show(week: Page) -> None:
    chosen(week, "Week").click()
    runs = week.get_by_role("img", name=re.compile(r"Runs over time: [\d,]+ completed, \d+ failed"))
    # Of 28 stretches of six hours, two outcomes at least.
    expect(runs.locator("rect").nth(40)).to_be_attached()
    durations = week.get_by_role("img", name=re.compile("Durations over time"))
    expect(durations.locator("path[stroke^='var(--series']")).to_have_count(4)
    expect(week.get_by_role("figure").nth(1).get_by_role("listitem")).to_have_count(4)


def test_address_holds_what_is_looked_at(week: Page) -> None:
    chosen(week, "Week").click()
    week.get_by_role("rowheader", name="import-csv").get_by_role("link").click()
    expect(week.get_by_role("heading", name="Overview of import-csv")).to_be_visible()
    week.reload()
    wait_until_ready(week)
    expect(week.get_by_role("heading", name="Overview of import-csv")).to_be_visible()
    expect(chosen(week, "Week")).to_have_attribute("aria-current", "true")
    expect(week.get_by_role("figure").nth(1).get_by_role("listitem")).to_have_text(["Median", "95 % within"])
    count, failed = counted(week, 7 * 24, "import-csv")
    assert int(tile(week, "Completed").inner_text()) <= count - failed
    week.get_by_role("link", name="All jobs").click()
    expect(week.get_by_role("heading", name="Overview", exact=True)).to_be_visible()
    week.go_back()
    expect(week.get_by_role("heading", name="Overview of import-csv")).to_be_visible()


def test_median_of_several_jobs_is_a_choice_in_the_address(week: Page) -> None:
    chosen(week, "Week").click()
    figure = week.get_by_role("figure").nth(1)
    most = figure.get_by_role("img", name=re.compile("95 % within"))
    expect(most).to_be_visible()
    highest = most.locator("path[stroke^='var(--series']").first.get_attribute("d")
    figure.get_by_role("link", name="Median").click()
    median = figure.get_by_role("img", name=re.compile("Median"))
    expect(median).to_be_visible()
    expect(median.locator("path[stroke^='var(--series']").first).not_to_have_attribute("d", str(highest))
    week.reload()
    wait_until_ready(week)
    expect(figure.get_by_role("link", name="Median")).to_have_attribute("aria-current", "true")
    expect(figure.get_by_role("img", name=re.compile("Median"))).to_be_visible()


def test_run_that_executes_shows_at_once_and_leads_to_itself(page: Page) -> None:
    start_sample(page)
    page.get_by_role("link", name="Overview").click()
    now = page.get_by_role("region", name="Running now")
    expect(now.get_by_role("progressbar")).to_have_attribute("max", re.compile(r"\d+"))
    now.get_by_role("link", name=re.compile("import-csv")).click()
    expect(page.get_by_role("heading", name="3,376 airports imported, 0 rows rejected")).to_be_visible()
    page.get_by_role("link", name="Overview").click()
    expect(tile(page, "Completed")).to_have_text("1")
    expect(now.get_by_text("Nothing runs at this moment.")).to_be_visible()
    # The run that was looked at is still there.
    page.get_by_role("link", name="Runs").click()
    expect(page.get_by_role("heading", name="3,376 airports imported, 0 rows rejected")).to_be_visible()


def test_pictures_can_be_read(week: Page) -> None:
    chosen(week, "Week").click()
    week.get_by_role("rowheader", name="sync-notes").get_by_role("link").click()
    expect(week.get_by_role("heading", name="Overview of sync-notes")).to_be_visible()
    figure = week.get_by_role("figure").first
    figure.get_by_text("As a table").click()
    expect(figure.get_by_role("row").nth(1)).to_be_visible()
    counts = [int(text) for text in figure.get_by_role("row").locator("td:nth-child(3)").all_inner_texts()]
    assert sum(counts) == int(tile(week, "Completed").inner_text())


def test_axe_finds_nothing(week: Page) -> None:
    for width, scheme in LOOKS:
        week.set_viewport_size({"width": width, "height": 900})
        week.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        open_view(week, "Overview")
        chosen(week, "Week").click()
        expect(week.get_by_role("img").first.locator("svg")).to_be_visible()
        for view in ("Overview", "Trigger", "Storage", "Runs"):
            open_view(week, view)
            assert faults_of(week) == [], (view, width, scheme)


def test_nobody_is_taken_away_and_the_way_back_leads_to_what_there_is(week: Page) -> None:
    """A database that is deleted changes where the way back leads, and nothing else."""
    week.reload()
    wait_until_ready(week)
    runs = week.get_by_role("navigation", name="Views").get_by_role("link", name="Runs")
    runs.click()
    # The newest run is shown at once, as at every first look.
    expect(runs).to_have_attribute("href", re.compile("#/runs/"))
    open_view(week, "Overview")
    week.evaluate("durably.storage.clear()")
    expect(week.get_by_role("heading", name="Nothing has run yet")).to_be_visible()
    open_view(week, "Storage")
    week.get_by_role("button", name=re.compile("Delete everything")).click()
    week.get_by_role("dialog").get_by_role("button", name=re.compile("Delete")).click()
    expect(week.get_by_text("Everything was deleted.")).to_be_visible()
    expect(runs).to_have_attribute("href", "#/runs")
