"""A second tab waits, says so, and takes over."""

from playwright.sync_api import Page, expect

from tests.browser.browser import (
    Chromium,
    Site,
    open_gate,
    trigger,
    wait_for,
    wait_until_ended,
    wait_until_ready,
)


def test_second_tab_says_that_another_one_is_open(chromium: Chromium, test_site: Site) -> None:
    first = chromium.open(test_site.url)
    wait_until_ready(first)
    second = chromium.open(test_site.url)
    expect(second.get_by_text("Durably is open in another tab.")).to_be_visible()
    assert second.evaluate("window.durably.status.state") == "waiting"
    # The first one works on.
    assert wait_until_ended(first, trigger(first, "count", {"count": 3}))["status"] == "completed"


def test_second_tab_takes_over_when_the_first_is_closed(chromium: Chromium, test_site: Site) -> None:
    first = chromium.open(test_site.url)
    wait_until_ready(first)
    run_id = trigger(first, "gate", {"count": 3, "closed_at": 1})
    wait_for(first, lambda: "begin 1" in chromium.bodies)
    second = chromium.open(test_site.url)
    second.wait_for_function("window.durably?.status.state === 'waiting'")
    first.close()
    wait_until_ready(second)
    wait_for(second, lambda: chromium.bodies.count("begin 1") == 2)
    open_gate(second)
    run = wait_until_ended(second, run_id)
    assert (run["status"], run["output"], run["attempt"]) == ("completed", {"total": 3}, 2)
    assert [body for body in chromium.bodies if body.startswith("end")].count("end 0") == 1


def test_tabs_that_come_and_go_lose_nothing(chromium: Chromium, test_site: Site) -> None:
    page = chromium.open(test_site.url)
    wait_until_ready(page)
    run_ids = [wait_until_ended(page, trigger(page, "count", {"count": 2}))["id"]]
    for _ in range(3):
        others = [chromium.open(test_site.url) for _ in range(2)]
        run_ids.append(trigger(page, "count", {"count": 50}))
        page.close()
        wait_for(others[0], lambda: any(is_ready(other) for other in others))  # noqa: B023 - called at once
        page = next(other for other in others if is_ready(other))
        for other in others:
            if other is not page:
                other.close()
        for run_id in run_ids:
            assert wait_until_ended(page, run_id)["status"] == "completed"
    listed = page.evaluate("window.durably.getRuns({ view: 'summary' })")
    assert [run["id"] for run in listed] == run_ids[::-1]


def is_ready(page: Page) -> bool:
    return bool(page.evaluate("window.durably?.status.state === 'ready'"))
