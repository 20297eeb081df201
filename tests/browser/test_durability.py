"""What is acknowledged is on disk."""

from playwright.sync_api import Page

from tests.browser.browser import Chromium, Site, trigger, wait_until_ended, wait_until_ready


def flushes_of_a_run(page: Page, steps: int) -> int:
    """How often the write-ahead log is flushed from before the trigger until the run has ended."""
    before = wal_flushes(page)
    wait_until_ended(page, trigger(page, "count", {"count": steps}))
    return wal_flushes(page) - before


def wal_flushes(page: Page) -> int:
    return int(page.evaluate("async () => (await window.durably.getStorage()).files['main.db-wal'].flushes"))


def test_each_committed_step_is_flushed_exactly_once(chromium: Chromium, test_site: Site) -> None:
    page = chromium.open(test_site.url)
    wait_until_ready(page)
    without_steps = flushes_of_a_run(page, 0)
    assert without_steps == 3  # trigger, claim, completion
    assert flushes_of_a_run(page, 1) == without_steps + 1
    assert flushes_of_a_run(page, 50) == without_steps + 50


def test_page_is_cross_origin_isolated(chromium: Chromium, test_site: Site) -> None:
    page = chromium.open(test_site.url)
    assert page.evaluate("window.crossOriginIsolated") is True
