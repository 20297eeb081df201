"""A run goes on from its last finished step, however the tab ended."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.browser.browser import (
    Chromium,
    Site,
    get_run,
    open_gate,
    trigger,
    wait_for,
    wait_until_ended,
    wait_until_ready,
)

STEPS = 8
CLOSED_AT = 4

End = Callable[[Chromium, Page], Page]


def kill_renderer(chromium: Chromium, page: Page) -> Page:
    url = page.url
    with page.expect_event("crash"):
        chromium.kill_renderers()
    page.close()
    return chromium.open(url)


def close_tab(chromium: Chromium, page: Page) -> Page:
    url = page.url
    page.close()
    return chromium.open(url)


def reload(_chromium: Chromium, page: Page) -> Page:
    page.reload()
    return page


def navigate_and_go_back(_chromium: Chromium, page: Page) -> Page:
    page.goto("about:blank")
    page.go_back()
    return page


def terminate_worker(_chromium: Chromium, page: Page) -> Page:
    # Nothing of ours is told: the page has to notice by itself.
    session = page.context.new_cdp_session(page)
    workers: list[str] = []

    def attached(event: Any) -> None:
        # Not the service worker.
        if event["targetInfo"]["type"] == "worker":
            workers.append(event["sessionId"])

    session.on("Target.attachedToTarget", attached)
    session.send(
        "Target.setAutoAttach", {"autoAttach": True, "waitForDebuggerOnStart": False, "flatten": False}
    )
    wait_for(page, lambda: bool(workers))
    # Not by `Runtime.terminateExecution`: that ends one turn of the worker, and the next finds Python half-way.
    session.send(
        "Target.sendMessageToTarget",
        {
            "sessionId": workers[0],
            "message": '{"id": 1, "method": "Runtime.evaluate", "params": {"expression": "self.close()"}}',
        },
    )
    page.wait_for_function("window.durably.status.epoch === 2")
    session.detach()
    return page


@pytest.mark.parametrize("end", [kill_renderer, close_tab, reload, navigate_and_go_back, terminate_worker])
def test_run_goes_on_from_the_last_finished_step(chromium: Chromium, test_site: Site, end: End) -> None:
    page = chromium.open(test_site.url)
    wait_until_ready(page)
    run_id = trigger(page, "gate", {"count": STEPS, "closed_at": CLOSED_AT})
    wait_for(page, lambda: f"begin {CLOSED_AT}" in chromium.bodies)

    page = end(chromium, page)
    wait_until_ready(page)
    # The lease has most of an hour left: it runs again because the tab lock proves its owner dead.
    wait_for(page, lambda: chromium.bodies.count(f"begin {CLOSED_AT}") == 2)
    open_gate(page)
    run = wait_until_ended(page, run_id)

    assert run["status"] == "completed"
    assert run["output"] == {"total": sum(range(STEPS))}
    assert run["attempt"] == 2
    ended = [body for body in chromium.bodies if body.startswith("end")]
    assert ended == [f"end {number}" for number in range(STEPS)]
    begun = [body for body in chromium.bodies if body.startswith("begin")]
    assert begun == [f"begin {number}" for number in (*range(CLOSED_AT + 1), *range(CLOSED_AT, STEPS))]


def test_whole_browser_dies_and_the_run_goes_on(chromium: Chromium, test_site: Site) -> None:
    page = chromium.open(test_site.url)
    wait_until_ready(page)
    run_id = trigger(page, "gate", {"count": 2, "closed_at": 1})
    wait_for(page, lambda: "begin 1" in chromium.bodies)
    page = kill_renderer(chromium, page)
    wait_until_ready(page)
    wait_for(page, lambda: chromium.bodies.count("begin 1") == 2)
    page = kill_renderer(chromium, page)
    wait_until_ready(page)
    wait_for(page, lambda: chromium.bodies.count("begin 1") == 3)
    open_gate(page)
    run = wait_until_ended(page, run_id)
    assert (run["status"], run["attempt"]) == ("completed", 3)
    assert chromium.bodies.count("end 0") == 1


def test_finished_runs_are_there_after_a_kill(chromium: Chromium, test_site: Site) -> None:
    page = chromium.open(test_site.url)
    wait_until_ready(page)
    run_id = trigger(page, "count", {"count": 3})
    before = wait_until_ended(page, run_id)
    page = kill_renderer(chromium, page)
    wait_until_ready(page)
    assert get_run(page, run_id) == before
