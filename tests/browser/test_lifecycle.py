"""Tabs that are looked at and hidden, suspended, left and come back to."""

import itertools
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser.browser import ROLE, Site
from tests.browser.devtools import Chromium, Tab, launched


@pytest.fixture
def chromium(tmp_path: Path) -> Iterator[Chromium]:
    with launched(tmp_path / "profile") as browser:
        yield browser


def opened(chromium: Chromium, url: str, role: str) -> Tab:
    tab = chromium.open(url)
    wait_for_role(tab, role)
    return tab


def wait_for_role(tab: Tab, role: str) -> None:
    tab.wait_for_function(f"({ROLE}) === {role!r}")


def trigger(tab: Tab, job: str, input: dict[str, int]) -> str:
    result = tab.evaluate("([job, input]) => window.durably.jobs[job].trigger(input)", [job, input])
    return str(result["runId"])


def begun(tab: Tab, *, closed_at: int) -> str:
    """A run of three steps of which one waits until the gate is opened, and has begun to."""
    run_id = trigger(tab, "gate", {"count": 3, "closed_at": closed_at})
    tab.wait_for_function(f"window.durably.getEvents({{ runId: {run_id!r} }}).then(({HAS_BEGUN})({closed_at}))")
    return run_id


HAS_BEGUN = """(step) => (events) =>
  events.some(({ type, stepIndex }) => type === 'step:start' && stepIndex === step)"""


def ended(tab: Tab, run_id: str) -> dict[str, Any]:
    """The run, once it has completed."""
    run: dict[str, Any] = tab.evaluate("(id) => window.durably.waitForRun(id)", run_id)
    assert run["output"] == {"total": 3}
    return run


def wait_for_attempt(tab: Tab, run_id: str, attempt: int) -> None:
    tab.wait_for_function(
        "([id, wanted]) => window.durably.getRun(id).then(({ attempt }) => attempt === wanted)",
        arg=[run_id, attempt],
    )


def open_gate(tab: Tab) -> None:
    tab.evaluate("() => new BroadcastChannel('durably-test-gate').postMessage('open')")


def begins(tab: Tab, run_id: str) -> list[str]:
    """The steps of a run that were begun, in order, however often."""
    events = tab.evaluate("(runId) => window.durably.getEvents({ runId, types: ['step:start'] })", run_id)
    return [event["stepName"] for event in events]


# ---------------------------------------------------------------------- looked at and hidden


def test_engine_moves_to_the_tab_that_is_looked_at(chromium: Chromium, test_site: Site) -> None:
    first = opened(chromium, test_site.url, "leader")
    second = opened(chromium, test_site.url, "leader")
    wait_for_role(first, "follower")
    assert first.evaluate("document.visibilityState") == "hidden"
    run_id = trigger(first, "count", {"count": 3})
    assert ended(first, run_id)["attempt"] == 1
    first.look()
    wait_for_role(first, "leader")
    wait_for_role(second, "follower")


def test_engine_moves_between_two_steps(chromium: Chromium, test_site: Site) -> None:
    first = opened(chromium, test_site.url, "leader")
    run_id = begun(first, closed_at=1)
    first.evaluate(HEAR_TABS)
    second = chromium.open(test_site.url)
    # Asked for while the step waits; it ends in the time that it is given.
    first.wait_for_function("window.heard.includes('reserved')")
    open_gate(first)
    wait_for_role(second, "leader")
    assert ended(second, run_id)["attempt"] == 2
    assert begins(second, run_id) == ["step-0", "step-1", "step-2"]


def test_engine_stays_while_a_step_takes_long(chromium: Chromium, test_site: Site) -> None:
    first = opened(chromium, test_site.url, "leader")
    run_id = begun(first, closed_at=1)
    first.evaluate(HEAR_TABS)
    second = chromium.open(test_site.url)
    first.wait_for_function("window.heard.includes('kept')")
    open_gate(first)
    assert ended(second, run_id)["attempt"] == 1
    assert first.evaluate(ROLE) == "leader"
    assert begins(second, run_id) == ["step-0", "step-1", "step-2"]


HEAR_TABS = """
() => {
  window.heard = []
  const hear = (name) => {
    new BroadcastChannel(name).onmessage = ({ data: { message } }) => {
      window.heard.push(message.type)
      if (message.type === 'reserved') hear(`durably:main:${message.to}`)
    }
  }
  hear('durably:main')
}"""


def test_hidden_tab_keeps_its_leases_though_its_timers_are_throttled(
    chromium: Chromium, leasing_site: Site
) -> None:
    tab = opened(chromium, leasing_site.url, "leader")
    run_id = begun(tab, closed_at=1)
    chromium.open_blank()
    tab.wait_for_function("document.visibilityState === 'hidden'")
    tab.evaluate(TICK)
    # Longer than a lease: by its own clock, which tells how a page's timers are slowed down.
    tab.wait_for_function("window.ticks.length > 6")
    ticks = tab.evaluate("window.ticks")
    assert min(after - before for before, after in itertools.pairwise(ticks[1:])) > 500
    open_gate(tab)
    assert ended(tab, run_id)["attempt"] == 1
    renewals = tab.evaluate(
        "(runId) => window.durably.getEvents({ runId, types: ['run:requeue', 'run:leased'] })", run_id
    )
    assert [event["type"] for event in renewals] == ["run:leased"]


TICK = """
() => {
  window.ticks = []
  const tick = () => { window.ticks.push(performance.now()); setTimeout(tick, 10) }
  tick()
}"""


# ---------------------------------------------------------------------- suspended


def test_tab_that_is_suspended_leaves_the_engine_to_another(chromium: Chromium, test_site: Site) -> None:
    first = opened(chromium, test_site.url, "leader")
    run_id = begun(first, closed_at=1)
    second = opened(chromium, test_site.url, "follower")
    first.suspend()
    wait_for_role(second, "leader")
    wait_for_attempt(second, run_id, 2)
    open_gate(second)
    assert ended(second, run_id)["attempt"] == 2
    assert begins(second, run_id) == ["step-0", "step-1", "step-1", "step-2"]
    first.wake()
    wait_for_role(first, "follower")
    assert ended(first, run_id)["id"] == run_id
    ended(second, trigger(first, "count", {"count": 3}))


def test_tab_that_is_suspended_is_not_given_the_engine(chromium: Chromium, test_site: Site) -> None:
    leader = opened(chromium, test_site.url, "leader")
    sleeper = opened(chromium, test_site.url + "?standby=cold", "follower")
    leader.look()
    sleeper.suspend()
    third = opened(chromium, test_site.url, "follower")
    leader.close()
    wait_for_role(third, "leader")
    sleeper.wake()
    wait_for_role(sleeper, "follower")


def test_only_tab_goes_on_when_it_wakes(chromium: Chromium, test_site: Site) -> None:
    tab = opened(chromium, test_site.url, "leader")
    run_id = begun(tab, closed_at=1)
    chromium.open_blank()
    tab.suspend()
    tab.wake()
    wait_for_attempt(tab, run_id, 2)
    open_gate(tab)
    assert ended(tab, run_id)["attempt"] == 2
    assert begins(tab, run_id) == ["step-0", "step-1", "step-1", "step-2"]


def test_tab_that_stands_still_is_told_and_waited_for(chromium: Chromium, test_site: Site) -> None:
    """Without having been told before: its process is stopped."""
    first, process = chromium.open_apart(test_site.url)
    wait_for_role(first, "leader")
    second, _ = chromium.open_apart(test_site.url)
    wait_for_role(second, "leader")
    first.look()
    wait_for_role(first, "leader")
    process.suspend()
    second.evaluate("() => { window.asked = window.durably.getJobs(); return 0 }")
    second.wait_for_function("window.durably.status.state === 'waiting'")
    assert second.evaluate("window.durably.status.blocker.code") == "suspended_tab"
    assert "which the browser has suspended" in second.evaluate("document.body.innerText")
    refused = second.evaluate("window.durably.takeOver().catch(({ code }) => code)")
    assert refused == "suspended_tab"
    process.resume()
    wait_for_role(second, "follower")
    assert second.evaluate("window.asked.then((jobs) => jobs.length)") > 0
    assert second.evaluate("window.durably.status.blocker") is None


# ---------------------------------------------------------------------- left and come back to


def test_tab_that_is_come_back_to_follows(chromium: Chromium, test_site: Site) -> None:
    first = opened(chromium, test_site.url, "leader")
    second = opened(chromium, test_site.url, "leader")
    wait_for_role(first, "follower")
    first.look()
    wait_for_role(first, "leader")
    # A busy browser may throw away what it has kept: then the page is loaded anew, and leads all the same.
    for _ in range(3):
        first.evaluate("() => { window.marker = 42 }")
        first.goto(test_site.url + "durably/manifest.json")
        wait_for_role(second, "leader")
        first.follow_history(-1)
        wait_for_role(first, "leader")
        if first.evaluate("window.marker") == 42:
            break
    else:
        entry = "performance.getEntriesByType('navigation')[0]"
        reasons = first.evaluate(f"JSON.stringify({entry}.notRestoredReasons)")
        raise AssertionError(f"never restored from the back/forward cache: {reasons}")
    ended(second, trigger(first, "count", {"count": 3}))
    ended(first, trigger(second, "count", {"count": 3}))


# ---------------------------------------------------------------------- the machine sleeps


def test_machine_that_sleeps_longer_than_a_lease_loses_no_run(chromium: Chromium, leasing_site: Site) -> None:
    tab = opened(chromium, leasing_site.url, "leader")
    run_id = begun(tab, closed_at=1)
    processes = chromium.processes()
    for process in processes:
        process.suspend()
    time.sleep(2 * LEASE_S)
    for process in reversed(processes):
        process.resume()
    open_gate(tab)
    assert ended(tab, run_id)["attempt"] == 1
    assert begins(tab, run_id) == ["step-0", "step-1", "step-2"]


LEASE_S = 3
