"""What the page offers for the storage as a whole, used as a person uses it."""

import re
import sqlite3
from contextlib import closing
from pathlib import Path

from playwright.sync_api import Locator, Page, Playwright, expect

from tests.browser.browser import Chromium, Site, launched, wait_until_ready
from tests.browser.dashboard import open_view
from tests.browser.test_page import GOOD, HEADER, runs_on_disk, start_sample, start_with

IMPORTED = "1 airport imported, 0 rows rejected"
OVERWRITE = """async () => {
  const root = await navigator.storage.getDirectory()
  const folder = await (await root.getDirectoryHandle('durably')).getDirectoryHandle('main')
  for (const suffix of ['', '-wal']) {
    const file = await (await folder.getFileHandle('1.db' + suffix)).createWritable()
    await file.write('no database '.repeat(1000))
    await file.close()
  }
}"""


def import_one(page: Page) -> None:
    start_with(page, "good.csv", f"{HEADER}\n{GOOD}\n".encode())
    expect(page.get_by_role("heading", name=IMPORTED)).to_be_visible()


def open_storage(page: Page) -> Locator:
    open_view(page, "Storage")
    return page.get_by_role("region", name="Database")


def choose_database(page: Page, path: Path) -> None:
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Import…").click()
    chooser.value.set_files(path)


def test_exported_database_goes_on_in_another_browser(
    chromium: Chromium, demo_site: Site, playwright: Playwright, tmp_path: Path
) -> None:
    page = chromium.open(demo_site.url)
    import_one(page)
    storage = open_storage(page)
    with page.expect_download() as download:
        storage.get_by_role("button", name="Export").click()
    assert re.fullmatch(r"durably-\d{4}-\d\d-\d\d\.db", download.value.suggested_filename)
    file = tmp_path / "exported.db"
    download.value.save_as(file)
    expect(storage.get_by_role("status")).to_contain_text("was exported")
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as database:
        assert database.execute("SELECT job_name, status FROM durably_runs").fetchall() == [
            ("import-csv", "completed")
        ]

    with launched(playwright, tmp_path / "other") as other:
        page = other.open(demo_site.url)
        expect(page.get_by_text("Nothing has run in this browser yet.")).to_be_visible()
        storage = open_storage(page)
        choose_database(page, file)
        page.get_by_role("dialog").get_by_role("button", name="Replace").click()
        expect(storage.get_by_role("status")).to_contain_text("exported.db was imported.")
        open_view(page, "Runs")
        page.get_by_role("link", name=re.compile("import-csv")).click()
        expect(page.get_by_role("heading", name=IMPORTED)).to_be_visible()


def test_foreign_file_is_refused_and_everything_is_deleted_when_asked(
    chromium: Chromium, demo_site: Site, tmp_path: Path
) -> None:
    page = chromium.open(demo_site.url)
    import_one(page)
    storage = open_storage(page)
    foreign = tmp_path / "notes.db"
    with closing(sqlite3.connect(foreign)) as database:
        database.execute("CREATE TABLE notes (text)")
    choose_database(page, foreign)
    page.get_by_role("dialog").get_by_role("button", name="Replace").click()
    expect(storage.get_by_role("status")).to_contain_text(
        "notes.db was not imported. The file is no database of Durably"
    )
    assert runs_on_disk(page) == 1

    page.get_by_role("button", name="Delete everything…").click()
    dialog = page.get_by_role("dialog", name="Delete everything?")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(page.get_by_role("button", name="Delete everything…")).to_be_focused()
    page.keyboard.press("Enter")
    expect(dialog.get_by_role("button", name="Keep it")).to_be_focused()
    dialog.get_by_role("button", name="Delete everything").click()
    expect(storage.get_by_role("status")).to_have_text("Everything was deleted.")
    open_view(page, "Runs")
    expect(page.get_by_text("Nothing has run in this browser yet.")).to_be_visible()
    expect(page.get_by_role("heading", name="Each finished step is saved.")).to_be_visible()
    assert runs_on_disk(page) == 0


def test_damaged_database_can_be_taken_out_and_deleted(chromium: Chromium, demo_site: Site) -> None:
    page = chromium.open(demo_site.url)
    import_one(page)
    page.close()
    page = chromium.open(f"{demo_site.url}durably/manifest.json")
    page.evaluate(OVERWRITE)
    page.goto(demo_site.url)
    notice = page.locator(".notice", has_text="A database was set aside.")
    expect(notice).to_contain_text(re.compile(r"\(\d+\.\d kB\)"))
    downloads: list[str] = []
    page.on("download", lambda download: downloads.append(download.suggested_filename))
    notice.get_by_role("button", name="Download").click()
    expect(notice).to_contain_text("downloaded.")
    notice.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(notice).to_have_count(0)
    names = r"durably-set-aside-\d{4}-\d\d-\d\d-1\.db(-wal)?"
    assert downloads
    assert all(re.fullmatch(names, name) for name in downloads)


def test_page_without_storage_says_that_nothing_is_kept(chromium: Chromium, demo_site: Site) -> None:
    page = chromium.open(f"{demo_site.url}?storage=memory")
    expect(page.get_by_role("heading", name="Nothing is kept here.")).to_be_visible()
    import_one(page)
    expect(open_storage(page)).to_contain_text("gone when this page is closed")
    page.get_by_role("link", name="Keep it in this browser").click()
    wait_until_ready(page)
    open_view(page, "Runs")
    expect(page.get_by_text("Nothing has run in this browser yet.")).to_be_visible()
    expect(page.get_by_role("heading", name="Nothing is kept here.")).to_have_count(0)


def test_full_storage_is_told_until_there_is_room(chromium: Chromium, demo_site: Site) -> None:
    page = chromium.open(demo_site.url)
    wait_until_ready(page)
    browser = chromium.context.new_cdp_session(page)
    origin = {"origin": demo_site.url.rstrip("/")}
    usage = page.evaluate("async () => (await navigator.storage.estimate()).usage")
    browser.send("Storage.overrideQuotaForOrigin", {**origin, "quotaSize": usage})
    start_sample(page)
    notice = page.locator(".notice", has_text="There is no room left.")
    expect(notice).to_have_count(1)
    open_view(page, "Trigger")
    page.get_by_role("button", name="Start import-csv").click()
    expect(page.locator("main").get_by_text("There is no room left for the database.")).to_be_visible()
    browser.send("Storage.overrideQuotaForOrigin", origin)
    expect(notice).to_have_count(0)
    page.get_by_role("button", name="Start import-csv").click()
    expect(page.get_by_role("heading", name="3,376 airports imported, 0 rows rejected")).to_be_visible()


def test_database_can_be_had_out_of_an_engine_that_does_not_start(chromium: Chromium, demo_site: Site) -> None:
    page = chromium.context.new_page()
    page.route(
        "**/manifest.json",
        lambda route: route.fulfill(json={**route.fetch().json(), "jobsModule": "no_such_module"}),
    )
    page.goto(demo_site.url)
    notice = page.locator(".notice", has_text="The engine could not go on.")
    with page.expect_download() as download:
        notice.get_by_role("button", name="Export database").click()
    assert download.value.path().read_bytes().startswith(b"SQLite format 3\0")
    expect(notice.get_by_role("button", name="Delete everything…")).to_be_visible()
