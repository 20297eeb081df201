"""When something goes wrong, the page says what, and what can go on goes on."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, Playwright, expect

from spa_runtime import bundle
from spa_runtime.headers import isolation_headers
from tests.browser.browser import (
    Chromium,
    Site,
    get_run,
    launched,
    served,
    trigger,
    wait_until_ended,
    wait_until_ready,
)
from tests.browser.conftest import JOBS, sources
from tests.browser.dashboard import NOTE, go, open_view, triggered

PAGE_HIDES = "window.dispatchEvent(new PageTransitionEvent('pagehide', { persisted: true }))"
PAGE_SHOWS = "window.dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))"


def test_python_that_dies_for_good_is_started_again(chromium: Chromium, test_site: Site) -> None:
    page = chromium.open(test_site.url)
    wait_until_ready(page)
    run_id = trigger(page, "recurse", {"count": 0})
    page.wait_for_function("window.durably.status.epoch === 2")
    run = wait_until_ended(page, run_id)
    assert (run["status"], run["attempt"]) == ("completed", 2)


def test_callback_that_raises_leaves_the_engine_alive(chromium: Chromium, test_site: Site) -> None:
    page = chromium.open(test_site.url)
    wait_until_ready(page)
    assert wait_until_ended(page, trigger(page, "callback", {"count": 0}))["status"] == "completed"
    assert wait_until_ended(page, trigger(page, "count", {"count": 1}))["status"] == "completed"
    assert page.evaluate("window.durably.status.epoch") == 1
    [fault] = chromium.faults
    assert "the test wants it so" in fault
    chromium.faults.clear()


def test_job_may_use_a_database_of_its_own(chromium: Chromium, test_site: Site) -> None:
    page = chromium.open(test_site.url)
    wait_until_ready(page)
    run = wait_until_ended(page, trigger(page, "scratch", {"count": 7}))
    assert (run["status"], run["output"]) == ("completed", {"total": 7})


def test_page_stays_with_the_runtime_that_it_began_with(chromium: Chromium, test_site: Site) -> None:
    page = chromium.open(test_site.url)
    wait_until_ready(page)
    build = page.evaluate("window.durably.status.versions.build")
    # What a deploy leaves at the same address is another page's.
    chromium.context.route("**/manifest.json", lambda route: route.fulfill(status=404))
    wait_until_ended(page, trigger(page, "recurse", {"count": 0}))
    assert page.evaluate("window.durably.status.epoch") == 2
    assert page.evaluate("window.durably.status.versions.build") == build


def test_archive_with_another_content_is_not_executed(
    chromium: Chromium, test_site: Site, tmp_path: Path
) -> None:
    folder = tmp_path / "site"
    shutil.copytree(test_site.folder, folder)
    [archive] = (folder / "durably/immutable").glob("app-*.zip")
    archive.write_bytes(archive.read_bytes()[::-1])
    with served(folder) as site:
        page = chromium.open(site.url)
        expect(page.get_by_role("alert")).to_contain_text("or answers with another file")


def test_page_from_the_back_forward_cache_goes_on(chromium: Chromium, test_site: Site) -> None:
    page = chromium.open(test_site.url)
    wait_until_ready(page)
    run_id = trigger(page, "count", {"count": 2})
    wait_until_ended(page, run_id)
    page.evaluate(PAGE_HIDES)
    page.evaluate(PAGE_SHOWS)
    page.wait_for_function("window.durably.status.epoch === 2")
    wait_until_ready(page)
    assert get_run(page, run_id)["status"] == "completed"


def test_trigger_before_ready_happens_once(chromium: Chromium, test_site: Site) -> None:
    page = chromium.open(test_site.url)
    # Asked while the engine boots, again as it becomes ready, and with a worker that is ended in between.
    page.evaluate(
        """() => {
          window.early = window.durably.trigger('count', { count: 1 })
          window.durably.onStatus(({ state }) => {
            if (state === 'ready') window.late ??= window.durably.trigger('count', { count: 1 })
          })
        }"""
    )
    page.evaluate(PAGE_HIDES)
    page.evaluate(PAGE_SHOWS)
    page.evaluate("async () => { await window.early }")
    page.evaluate("async () => { await window.late }")
    assert page.evaluate("async () => (await window.durably.getRuns()).length") == 2


def test_request_that_is_no_json_is_rejected(chromium: Chromium, test_site: Site) -> None:
    page = chromium.open(test_site.url)
    code = "window.durably.trigger('count', { count: 1n }).catch((error) => error.code)"
    assert page.evaluate(code) == "validation"


def test_insecure_page_says_where_to_open_it(chromium: Chromium, test_site: Site) -> None:
    page = chromium.open(test_site.url.replace("localhost", "insecure.test"))
    expect(page.get_by_role("alert")).to_contain_text("only for pages that come over https or from localhost")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda text: text + "\nnot_defined\n", "NameError: name 'not_defined' is not defined (jobs.py, line"),
        (lambda text: text + "\ndef broken(:\n", "SyntaxError: invalid syntax (jobs.py, line"),
        (lambda _text: "answer = 42\n", "jobs defines no job."),
        (lambda text: "import rich\n" + text, "(jobs.py, line 1). Only what is packed for the browser"),
    ],
)
def test_broken_job_file_is_told_with_its_line(
    chromium: Chromium, tmp_path: Path, change: Callable[[str], str], sentence: str
) -> None:
    jobs = tmp_path / "project" / "jobs.py"
    jobs.parent.mkdir()
    jobs.write_text(change(JOBS.read_text("utf-8")), "utf-8")
    bundle.write(bundle.plan(sources(jobs, dict(bundle.SPA_OPTIONS))), tmp_path / "site")
    with served(tmp_path / "site") as site:
        page = chromium.open(site.url)
        expect(page.get_by_role("alert")).to_contain_text(sentence)
        close(page)


def test_missing_runtime_is_told_with_a_way_out(chromium: Chromium, demo_site: Site, tmp_path: Path) -> None:
    shutil.copytree(demo_site.folder, tmp_path / "site", ignore=shutil.ignore_patterns("durably"))
    with served(tmp_path / "site") as site:
        page = chromium.open(site.url)
        notice = page.get_by_role("alert")
        expect(notice).to_contain_text("manifest.json could not be loaded: the server answered 404.")
        expect(page.get_by_role("button", name="Reload")).to_be_visible()
        close(page)


@pytest.mark.parametrize(
    ("place", "chunk", "what", "loaded"),
    [
        ("trigger/import-csv", "schema-form", "form", ("button", "Start import-csv")),
        ("trigger/resize-images", "start", "form", ("button", "Start resize-images")),
        ("overview", "drawn-chart", "chart", ("img", "completed")),
        ("runs", "result", "result", ("heading", "1 change on the server")),
    ],
)
def test_part_that_cannot_be_loaded_leaves_the_page_and_is_tried_again(
    playwright: Playwright, tmp_path: Path, demo_site: Site, place: str, chunk: str, what: str, loaded: Any
) -> None:
    # A service worker would have it.
    with launched(playwright, tmp_path, has_service_workers=False) as chromium:
        page = chromium.context.new_page()
        page.route(f"**/assets/{chunk}-*.js", lambda route: route.abort())
        page.goto(f"{demo_site.url}#/storage")
        wait_until_ready(page)
        run_id = triggered(page, "sync-notes", NOTE)
        wait_until_ended(page, run_id)
        go(page, f"/runs/{run_id}" if place == "runs" else f"/{place}")
        expect(page.get_by_text(f"The {what} could not be shown.").first).to_be_visible()
        open_view(page, "Storage")
        expect(page.get_by_role("heading", name="Storage").first).to_be_visible()
        page.go_back()
        again = page.get_by_role("button", name="Try again").first
        again.click()
        expect(again).to_be_visible()
        page.unroute(f"**/assets/{chunk}-*.js")
        again.click()
        role, name = loaded
        expect(page.get_by_role(role, name=name).first).to_be_visible()
        chromium.faults.clear()  # the browser reports the failed import, too


DYING_WORKER = """
onmessage = ({ data: { aliveLock, epoch } }) =>
  navigator.locks.request(aliveLock, () => {
    const status = { state: 'starting', phase: 'lock', percent: 0, timings: {}, began: {}, error: null,
      pause: null, storage: null, epoch }
    postMessage({ type: 'status', status })
    setTimeout(() => self.close(), 20)
    return new Promise(() => {})
  })
"""


def test_worker_that_only_dies_is_given_up(chromium: Chromium, test_site: Site) -> None:
    chromium.context.route(
        "**/assets/entry-*.js",
        lambda route: route.fulfill(
            body=DYING_WORKER, content_type="text/javascript", headers=isolation_headers()
        ),
    )
    page = chromium.open(test_site.url)
    notice = page.get_by_role("alert")
    expect(notice).to_contain_text("has died again and again")
    expect(page.get_by_role("button", name="Reload")).to_be_visible()


def test_run_that_kills_its_worker_is_given_up(chromium: Chromium, impatient_site: Site) -> None:
    page = chromium.open(impatient_site.url)
    wait_until_ready(page)
    run = wait_until_ended(page, trigger(page, "doom", {"count": 0}))
    assert (run["status"], run["attempt"], run["errorType"]) == ("failed", 2, "MaxAttemptsExceeded")
    assert "begun 2 times without finishing a step" in run["error"]


def close(page: Page) -> None:
    """Before its server goes: requests under way would wait for it."""
    page.close()
