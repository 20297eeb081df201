"""The page, used as a person uses it."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, Playwright, expect

from tests.browser.browser import Chromium, Site, launched, wait_until_ready
from tests.browser.conftest import PATIENCE_MS
from tests.browser.dashboard import go, open_view
from tests.browser.test_crash import kill_renderer

HEADER = "iata,name,city,state,country,latitude,longitude"
GOOD = "SEA,Seattle-Tacoma,Seattle,WA,USA,47.449,-122.309"


def start_sample(page: Page) -> None:
    open_view(page, "Trigger")
    page.get_by_role("button", name="Use airports.csv").click()
    page.get_by_role("button", name="Start import-csv").click()


def choose(page: Page, name: str, content: bytes) -> None:
    open_view(page, "Trigger")
    page.locator("input[type=file]").set_input_files({"name": name, "mimeType": "text/csv", "buffer": content})


def start_with(page: Page, name: str, content: bytes) -> None:
    choose(page, name, content)
    page.get_by_role("button", name="Start import-csv").click()


def start_with_file(page: Page, path: Path) -> None:
    open_view(page, "Trigger")
    page.locator("input[type=file]").set_input_files(path)
    page.get_by_role("button", name="Start import-csv").click()


def runs_on_disk(page: Page) -> int:
    return int(page.evaluate("async () => (await window.durably.getRuns({ view: 'summary' })).length"))


@pytest.fixture(scope="module")
def page(shared_chromium: Chromium, demo_site: Site) -> Page:
    """The demo, in which nothing has run at first."""
    page = shared_chromium.context.new_page()
    # Noted inside the page: on a fast machine a phase is over before a test can look.
    page.add_init_script(
        """new MutationObserver(() => {
          (window.said ??= new Set()).add(document.querySelector('header')?.textContent ?? '')
        }).observe(document, { childList: true, subtree: true, characterData: true })"""
    )
    page.goto(demo_site.url)
    wait_until_ready(page)
    return page


def test_page_says_which_phase_the_boot_is_in(page: Page) -> None:
    said = " ".join(page.evaluate("[...window.said]"))
    assert "Python" in said
    expect(page.get_by_text("Ready")).to_be_visible()
    phases = ["lock", "storage", "python", "engine"]
    assert list(page.evaluate("window.durably.status.timings")) == phases
    began = page.evaluate("window.durably.status.began")
    assert list(began) == phases
    # Python is loaded while the storage is opened.
    assert 0 <= began["lock"] <= began["storage"] <= began["python"] < began["engine"]
    took = page.evaluate("window.durably.status.timings")
    assert took["python"] > 0
    assert began["python"] + took["python"] <= began["engine"] + 1


def test_keyboard_alone_starts_and_opens_a_run(page: Page) -> None:
    expect(page.get_by_role("button", name="Run import-csv with the sample")).to_be_visible()
    tab_to(page, "Trigger")
    page.keyboard.press("Enter")
    tab_to(page, "Use airports.csv")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Choose or drop another file")).to_be_visible()
    tab_to(page, "Start import-csv")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="3,376 airports imported, 0 rows rejected")).to_be_visible()
    # What had the focus is hidden: it goes on where the run is shown.
    assert page.evaluate("document.activeElement.localName") == "main"


def tab_to(page: Page, name: str) -> None:
    for _ in range(30):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement?.textContent ?? ''").startswith(name):
            return
    raise AssertionError(f"{name} can't be reached with the Tab key")


def test_sample_import_ends_with_table_and_picture(page: Page) -> None:
    start_sample(page)
    expect(page.get_by_role("heading", name="3,376 airports imported, 0 rows rejected")).to_be_visible()
    expect(page.get_by_role("region", name="Airports by state").get_by_role("row")).to_have_count(58)
    picture = page.get_by_role("img", name=re.compile("Map of 3,3.. airports"))
    expect(picture.locator("circle").nth(3300)).to_be_attached()
    expect(page.get_by_text("airports.csv has 3,376 rows")).to_be_visible()
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.set_viewport_size({"width": 1280, "height": 720})


def test_killed_import_finishes_by_itself(chromium: Chromium, demo_site: Site) -> None:
    page = chromium.open(demo_site.url)
    start_sample(page)
    expect(page.get_by_text("batch-9", exact=True)).to_be_visible()
    page = kill_renderer(chromium, page)
    expect(page.get_by_role("heading", name="3,376 airports imported, 0 rows rejected")).to_be_visible()
    [run] = page.evaluate("window.durably.getRuns()")
    steps = page.evaluate("(id) => window.durably.getSteps(id)", run["id"])
    names = ["parse", *(f"batch-{number}" for number in range(1, 35)), "summarise"]
    assert [step["name"] for step in steps] == names
    assert [step["index"] for step in steps] == list(range(len(names)))
    assert (run["attempt"], run["completedStepCount"]) == (2, len(names))


def test_rejected_rows_show_line_and_reason(page: Page) -> None:
    rows = [
        HEADER,
        GOOD,
        "XX,Too short,City,WA,USA,1,2",
        "ABC,No place,City,WA,USA,north,2",
        "ABD,Fields missing",
    ]
    start_with(page, "mixed.csv", "\n".join(rows).encode())
    expect(page.get_by_role("heading", name="1 airport imported, 3 rows rejected")).to_be_visible()
    rejected = page.get_by_role("region", name="3 rows rejected", exact=True).last.get_by_role("row")
    expect(rejected.nth(1)).to_contain_text(re.compile("^3.*iata"))
    expect(rejected.nth(2)).to_contain_text(re.compile("^4.*latitude"))
    expect(rejected.nth(3)).to_contain_text(re.compile("^52 fields instead of 7"))


@pytest.fixture(scope="module")
def imported(
    playwright: Playwright, demo_site: Site, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Page]:
    """With a good file imported, for those that change nothing."""
    with launched(playwright, tmp_path_factory.mktemp("profile")) as browser:
        browser.context.set_default_timeout(PATIENCE_MS)
        page = browser.open(demo_site.url)
        start_with(page, "good.csv", f"{HEADER}\n{GOOD}\n".encode())
        expect(page.get_by_role("heading", name="1 airport imported, 0 rows rejected")).to_be_visible()
        yield page


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("empty.csv", b"", "empty.csv is empty (0 bytes)."),
        ("photo.csv", b"\x89PNG\r\n\0\0", "photo.csv is not a CSV file: it holds binary data."),
        ("prose.txt", b"Dear diary,\n", "prose.txt has no column iata, name"),
        ("other.csv", b"date,temp\n2012/01/01,3\n", "Its first line names: date, temp."),
        ("header.csv", HEADER.encode(), "header.csv has no rows below the line that names the columns."),
        (
            "latin.csv",
            f"{HEADER}\n{GOOD}\nQXX,São Paulo,São Paulo,SP,BRA,1,2\n".encode("latin-1"),
            "latin.csv is not in UTF-8 (line 3, byte 0xE3)",
        ),
        ("huge.csv", b"x" * 50_000_000, "huge.csv is 50.0 MB; this job takes files up to"),
    ],
)
def test_bad_file_gets_a_sentence_and_loses_nothing(
    imported: Page, tmp_path: Path, name: str, content: bytes, sentence: str
) -> None:
    (tmp_path / name).write_bytes(content)
    start_with_file(imported, tmp_path / name)
    expect(imported.locator(".job-form").get_by_text(sentence).first).to_be_visible()
    assert runs_on_disk(imported) == 1
    open_view(imported, "Runs")
    expect(imported.get_by_role("heading", name="1 airport imported, 0 rows rejected")).to_be_visible()


def test_cancelled_run_stops_and_can_run_again(page: Page) -> None:
    before = runs_on_disk(page)
    start_sample(page)
    expect(page.get_by_text("batch-3", exact=True)).to_be_visible()
    page.get_by_role("button", name="Cancel").last.click()
    expect(page.locator("main").get_by_text("Cancelled").last).to_be_visible()
    steps = page.evaluate("async () => (await window.durably.getRuns())[0].completedStepCount")
    assert 3 <= steps < 36
    page.get_by_role("button", name="Run again").last.click()
    expect(page.get_by_role("heading", name="3,376 airports imported, 0 rows rejected")).to_be_visible()
    assert runs_on_disk(page) == before + 2
    # What was cancelled has written nothing more.
    assert page.evaluate("async () => (await window.durably.getRuns())[1].completedStepCount") == steps


def test_deleted_run_is_gone_after_a_confirmation(page: Page) -> None:
    start_with(page, "good.csv", f"{HEADER}\n{GOOD}\n".encode())
    expect(page.get_by_role("heading", name="1 airport imported, 0 rows rejected")).to_be_visible()
    page.get_by_role("button", name="Delete").last.click()
    before = runs_on_disk(page)
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.get_by_text("1 airport imported")).to_have_count(0)
    assert runs_on_disk(page) == before - 1


def test_failed_run_names_error_and_step(chromium: Chromium, test_site: Site) -> None:
    page = chromium.open(test_site.url)
    wait_until_ready(page)
    page.evaluate("window.durably.jobs.fail.trigger({ count: 2 })")
    page.get_by_role("link", name=re.compile("fail")).click()
    error = page.get_by_role("group", name="Error")
    expect(error).to_contain_text("ZeroDivisionError: the test wants it so")
    expect(error).to_contain_text("In the step broken")
    expect(error).to_contain_text('raise ZeroDivisionError("the test wants it so")')


def test_selected_run_is_selected_after_a_reload(imported: Page) -> None:
    imported.reload()
    expect(imported.get_by_role("heading", name="1 airport imported, 0 rows rejected")).to_be_visible()


def test_page_opened_again_shows_the_last_run(imported: Page) -> None:
    context, url = imported.context, imported.url.partition("#")[0]
    imported.close()
    other = context.new_page()
    other.goto(url)
    expect(other.get_by_role("heading", name="1 airport imported, 0 rows rejected")).to_be_visible()


def test_dropped_file_is_taken(page: Page) -> None:
    go(page, "/trigger/import-csv")
    start = page.get_by_role("button", name="Start import-csv")
    expect(start).to_be_visible()
    transfer = page.evaluate_handle(
        """(text) => {
          const transfer = new DataTransfer()
          transfer.items.add(new File([text], 'dropped.csv', { type: 'text/csv' }))
          return transfer
        }""",
        f"{HEADER}\n{GOOD}\n",
    )
    page.locator(".job-form").dispatch_event("drop", {"dataTransfer": transfer})
    expect(page.get_by_text("dropped.csv")).to_be_visible()
    start.click()
    expect(page.get_by_role("heading", name="1 airport imported, 0 rows rejected")).to_be_visible()
