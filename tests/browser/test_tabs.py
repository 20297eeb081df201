"""One tab has the engine, the others ask it; whichever goes, another one takes over."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from playwright.sync_api import Error, Page, expect

from tests.browser.browser import (
    ROLE,
    Chromium,
    Site,
    get_run,
    get_status,
    leader_among,
    open_gate,
    run_ids,
    trigger,
    wait_for,
    wait_until_ended,
)


def lead(chromium: Chromium, site: Site) -> Page:
    page = chromium.open(site.url)
    wait_for_role(page, "leader")
    return page


def follow(chromium: Chromium, site: Site) -> Page:
    page = chromium.open(site.url)
    wait_for_role(page, "follower")
    return page


def wait_for_role(page: Page, role: str) -> None:
    page.wait_for_function(f"(role) => ({ROLE}) === role", arg=role)


# ---------------------------------------------------------------------- following


def test_second_tab_can_do_all_that_the_first_can(chromium: Chromium, test_site: Site) -> None:
    first = lead(chromium, test_site)
    second = follow(chromium, test_site)
    run = wait_until_ended(second, trigger(second, "count", {"count": 3}))
    assert (run["status"], run["output"]) == ("completed", {"total": 3})
    assert run_ids(second) == run_ids(first) == [run["id"]]
    steps = second.evaluate("(id) => window.durably.getSteps(id)", run["id"])
    assert [step["name"] for step in steps] == ["step-0", "step-1", "step-2"]
    rows = second.evaluate("async () => (await window.durably.query('SELECT count(*) FROM durably_runs')).rows")
    assert rows == [[1]]
    size = second.evaluate("async () => (await window.durably.storage.export()).size")
    assert size > 4096
    again = second.evaluate("(id) => window.durably.retrigger(id)", run["id"])["runId"]
    assert wait_until_ended(first, again)["status"] == "completed"


def test_what_happens_is_heard_in_every_tab_in_order(chromium: Chromium, test_site: Site) -> None:
    pages = [lead(chromium, test_site), *(follow(chromium, test_site) for _ in range(2))]
    for page in pages:
        page.evaluate(
            "() => { window.heard = []; window.durably.subscribe((events) => window.heard.push(...events)) }"
        )
    run_id = trigger(pages[1], "count", {"count": 5})
    for page in pages:
        page.wait_for_function("window.heard.some(({ type }) => type === 'run:complete')")
    heard = [[event["type"] for event in page.evaluate("window.heard")] for page in pages]
    assert heard[0] == heard[1] == heard[2]
    assert heard[0].count("step:complete") == 5
    assert {event["runId"] for event in pages[2].evaluate("window.heard")} == {run_id}


def test_refusal_reaches_the_tab_that_asked(chromium: Chromium, test_site: Site) -> None:
    lead(chromium, test_site)
    second = follow(chromium, test_site)
    told = second.evaluate("window.durably.trigger('nowhere', {}).catch((error) => [error.name, error.code])")
    assert told == ["DurablyError", "not_found"]


def test_page_of_a_follower_works(chromium: Chromium, test_site: Site) -> None:
    lead(chromium, test_site)
    second = follow(chromium, test_site)
    expect(second.get_by_text("Ready, in another tab")).to_be_visible()


def test_engine_that_starts_anew_is_followed(chromium: Chromium, test_site: Site) -> None:
    first = lead(chromium, test_site)
    second = follow(chromium, test_site)
    trigger(first, "count", {"count": 1})
    epoch = get_status(second)["epoch"]
    second.evaluate("window.durably.storage.clear()")
    assert get_status(second)["epoch"] > epoch
    assert run_ids(second) == []
    assert wait_until_ended(second, trigger(second, "count", {"count": 1}))["status"] == "completed"


# ---------------------------------------------------------------------- taking over


def close(_chromium: Chromium, leader: Page) -> None:
    leader.close()


def navigate(_chromium: Chromium, leader: Page) -> None:
    leader.goto("about:blank")


def kill(_chromium: Chromium, leader: Page) -> None:
    with leader.expect_event("crash"), suppress(Error):
        leader.goto("chrome://crash")


@pytest.mark.parametrize("end", [close, navigate, kill])
def test_another_tab_takes_over(
    chromium: Chromium, test_site: Site, end: Callable[[Chromium, Page], None]
) -> None:
    first = lead(chromium, test_site)
    others = [follow(chromium, test_site) for _ in range(2)]
    run_id = trigger(first, "gate", {"count": 3, "closed_at": 1})
    waiting = others[0].evaluate_handle(
        "(id) => ({ run: window.durably.waitForRun(id).then((run) => run.output) })", run_id
    )
    # Each of the three tabs tells what it has heard.
    wait_for(others[0], lambda: chromium.bodies.count("begin 1") == 3)
    chromium.bodies.clear()
    end(chromium, first)
    leader = leader_among(others)
    wait_for(leader, lambda: "begin 1" in chromium.bodies)
    open_gate(leader)
    assert waiting.evaluate("async ({ run }) => await run") == {"total": 3}
    assert get_run(others[1], run_id)["attempt"] == 2
    assert "begin 0" not in chromium.bodies, "a finished step runs once"


TRIGGER_ALL_THE_TIME = """
() => {
  window.acknowledged = []
  window.refused = []
  window.stopped = false
  window.done = (async () => {
    for (let number = 0; !window.stopped; number++) {
      try {
        const { runId } = await window.durably.jobs.count.trigger({ count: 1 }, { labels: { n: `${number}` } })
        window.acknowledged.push(runId)
      } catch (error) { window.refused.push(String(error)) }
    }
  })()
}"""


def test_trigger_in_flight_at_a_takeover_is_carried_out_once(chromium: Chromium, test_site: Site) -> None:
    asking = lead(chromium, test_site)
    leaders = [follow(chromium, test_site) for _ in range(3)]
    # The one that asks is made to follow: it is opened anew.
    asking.close()
    asking = follow(chromium, test_site)
    asking.evaluate(TRIGGER_ALL_THE_TIME)
    while leaders:
        seen = asking.evaluate("window.acknowledged.length")
        asking.wait_for_function("(seen) => window.acknowledged.length > seen + 20", arg=seen)
        leader = leader_among([asking, *leaders])
        if leader is asking:
            break
        leaders.remove(leader)
        kill(chromium, leader)
    asking.evaluate("async () => { window.stopped = true; await window.done }")
    acknowledged = asking.evaluate("window.acknowledged")
    assert asking.evaluate("window.refused") == []
    listed: list[str] = run_ids(asking)
    assert len(acknowledged) == len(set(acknowledged))
    # Each that was acknowledged is there, and no other: what was sent twice was carried out once.
    assert sorted(listed) == sorted(acknowledged)


def test_tabs_that_come_and_go_lose_nothing(chromium: Chromium, test_site: Site) -> None:
    page = lead(chromium, test_site)
    started = [wait_until_ended(page, trigger(page, "count", {"count": 2}))["id"]]
    for _ in range(3):
        others = [chromium.open(test_site.url) for _ in range(2)]
        started.append(trigger(page, "count", {"count": 50}))
        page.close()
        page = leader_among(others)
        for other in others:
            if other is not page:
                other.close()
        for run_id in started:
            assert wait_until_ended(page, run_id)["status"] == "completed"
    assert run_ids(page) == started[::-1]


# ---------------------------------------------------------------------- tabs that can't answer


def test_tab_of_another_version_is_told(chromium: Chromium, test_site: Site) -> None:
    """It holds the database, and what it says is not understood."""
    other = chromium.open(test_site.url + "durably/manifest.json")
    other.evaluate(OTHER_VERSION)
    page = chromium.open(test_site.url)
    page.wait_for_function("window.durably?.status.blocker?.code === 'other_version'")
    assert get_status(page)["state"] == "waiting"
    other.close()
    wait_for_role(page, "leader")


OTHER_VERSION = """
() => new Promise((resolve) => {
  const channel = new BroadcastChannel('durably:main')
  channel.onmessage = () => channel.postMessage({ protocol: 99, from: 'another', message: 'how are you' })
  navigator.locks.request('durably:main', () => { resolve(); return new Promise(() => {}) })
})"""


def test_single_tab_says_that_another_one_is_open(chromium: Chromium, test_site: Site) -> None:
    first = chromium.open(test_site.url + "?tabs=single")
    wait_for_role(first, "leader")
    second = chromium.open(test_site.url + "?tabs=single")
    expect(second.get_by_text("Durably is open in another tab.")).to_be_visible()
    status: dict[str, Any] = get_status(second)
    assert (status["state"], status["role"], status["blocker"]["code"]) == ("waiting", None, "another_tab")
    assert wait_until_ended(first, trigger(first, "count", {"count": 3}))["status"] == "completed"
    # Whoever wants it there can have it.
    second.get_by_role("button", name="Use it here").click()
    wait_for_role(second, "leader")
    expect(first.get_by_text("Durably is open in another tab.")).to_be_visible()
    assert wait_until_ended(second, trigger(second, "count", {"count": 3}))["status"] == "completed"
    second.close()
    wait_for_role(first, "leader")


def test_person_has_the_engine_here_in_the_middle_of_a_step(chromium: Chromium, test_site: Site) -> None:
    first = lead(chromium, test_site)
    second, third = follow(chromium, test_site), follow(chromium, test_site)
    run_id = trigger(first, "gate", {"count": 3, "closed_at": 1})
    wait_for(first, lambda: chromium.bodies.count("begin 1") == 3)
    chromium.bodies.clear()
    third.evaluate("window.durably.takeOver()")
    assert get_status(third)["role"] == "leader"
    wait_for(third, lambda: "begin 1" in chromium.bodies)
    open_gate(third)
    assert wait_until_ended(second, run_id)["attempt"] == 2
    assert "begin 0" not in chromium.bodies, "a finished step runs once"
    assert [get_status(page)["role"] for page in (first, second)] == ["follower", "follower"]
