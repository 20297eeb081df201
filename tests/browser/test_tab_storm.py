"""Ten tabs that all trigger, while tabs are opened, closed, killed, suspended, left and looked at."""

import os
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest

from tests.browser.browser import ROLE, Site
from tests.browser.conftest import AN_HOUR_MS, site_with
from tests.browser.devtools import Chromium, DevtoolsError, Tab, launched
from tests.browser.remote import PATIENCE_S

SEEDS = [int(seed) for seed in os.environ.get("DURABLY_SEEDS", "1").split()]
SECONDS = int(os.environ.get("DURABLY_STORM_SECONDS", "25"))
TABS = 10
ACKNOWLEDGED = "acknowledged "

TRIGGER_NOW_AND_THEN = """
(tab) => {
  window.refused = []
  const trigger = async (number) => {
    try {
      const input = { count: 1 + number % 4, pause_ms: (number % 3) * 20 }
      const { runId } = await window.durably.trigger('pause', input, { labels: { n: `${tab}-${number}` } })
      console.log('acknowledged ' + runId)
    } catch (error) { window.refused.push(error.code ?? String(error)) }
    if (!window.isOver) setTimeout(() => trigger(number + 1), 800)
  }
  trigger(0)
}"""
RUNS = """
async () => {
  const runs = []
  for (let cursor; ; cursor = runs.at(-1).id) {
    const page = await window.durably.getRuns({ limit: 500, cursor, view: 'summary' })
    if (page.length === 0) return runs
    runs.push(...page)
  }
}"""
EVENTS = """
async () => {
  const events = []
  for (;;) {
    const after = events.at(-1)?.sequence
    const page = await window.durably.getEvents({ after, limit: 1000 })
    if (page.length === 0) return events
    events.push(...page)
  }
}"""
STATUS = """
() => {
  const { state, role, phase, blocker, error, epoch } = window.durably.status
  return { state, role, phase, blocker: blocker?.code, error: error?.code, epoch, isHidden: document.hidden }
}"""
LEFT = "async () => { const { pending, leased } = await window.durably.countRuns(); return pending + leased }"
ROWS = "async () => (await window.durably.query('SELECT count(*) FROM own')).rows[0][0]"


@dataclass
class Open:
    """A tab that someone has open."""

    tab: Tab
    state: str = "there"
    """Or ``suspended``, or ``away``: it shows another page."""


class Storm:
    """What happens to the tabs of one person."""

    def __init__(self, seed: int, chromium: Chromium, url: str) -> None:
        self._random = random.Random(seed)
        self._chromium = chromium
        self._url = url
        self._opened = 0
        self.tabs: list[Open] = []

    def begin(self) -> None:
        for _ in range(TABS):
            self._open()

    def act(self) -> str:
        """Something happens. Returns what."""
        acts: dict[Callable[[], None], int] = {
            self._close: 3, self._crash: 3, self._crash_leader: 5, self._look: 5,
            self._suspend: 3, self._wake: 4, self._leave: 2, self._come_back: 3, self._take_over: 2,
        }  # fmt: skip
        [act] = self._random.choices([*acts], weights=[*acts.values()])
        act()
        while len(self.tabs) < TABS:
            self._open()
        time.sleep(self._random.choice([0, 0.3, 1.5]))
        return act.__name__

    def end(self) -> None:
        """All tabs have the engine, or follow the one that has: beside those that sleep, and with them."""
        self._expect_ready()
        for each in self.tabs:
            if each.state == "suspended":
                each.tab.wake()
            elif each.state == "away":
                each.tab.follow_history(-1)
            each.state = "there"
        self._expect_ready()
        for each in self.tabs:
            each.tab.evaluate("() => { window.isOver = true }")

    # ---------------------------------------------------------------- the person

    def _open(self) -> None:
        tab = self._chromium.open(self._url)
        self.tabs.append(Open(tab))
        tab.wait_for_function("window.durably !== undefined")
        tab.evaluate(TRIGGER_NOW_AND_THEN, self._opened)
        self._opened += 1

    def _close(self) -> None:
        self._gone(self._any(), Tab.close)

    def _crash(self) -> None:
        self._gone(self._any(), Tab.crash)

    def _crash_leader(self) -> None:
        self._gone(self._leader(), Tab.crash)

    def _gone(self, which: Open | None, how: Callable[[Tab], None]) -> None:
        if which is not None:
            self.tabs.remove(which)
            how(which.tab)

    def _look(self) -> None:
        if (found := self._any()) is not None:
            found.tab.look()

    def _suspend(self) -> None:
        hidden = [each for each in self._there() if each.tab.evaluate("document.visibilityState") == "hidden"]
        if hidden and len(self._there()) > TABS // 2:
            found = self._random.choice(hidden)
            found.tab.suspend()
            found.state = "suspended"

    def _wake(self) -> None:
        if (found := self._any("suspended")) is not None:
            found.tab.wake()
            found.state = "there"

    def _leave(self) -> None:
        if len(self._there()) > TABS // 2 and (found := self._any()) is not None:
            found.tab.goto(self._url + "durably/manifest.json")
            found.state = "away"

    def _come_back(self) -> None:
        if (found := self._any("away")) is not None:
            found.tab.follow_history(-1)
            found.tab.wait_for_function("window.durably !== undefined")
            found.state = "there"

    def _take_over(self) -> None:
        if (found := self._any()) is not None:
            found.tab.evaluate("() => { window.durably.takeOver().catch(() => undefined) }")

    # ---------------------------------------------------------------- what there is

    def _expect_ready(self) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while any(status["state"] != "ready" for status in self._statuses()):
            assert time.monotonic() < deadline, (self._statuses(), [each.state for each in self.tabs])
            time.sleep(0.1)

    def _statuses(self) -> list[dict[str, Any]]:
        for each in self._there():
            each.tab.wait_for_function("window.durably !== undefined")
        return [each.tab.evaluate(STATUS) for each in self._there()]

    def _there(self) -> list[Open]:
        return [each for each in self.tabs if each.state == "there"]

    def _any(self, state: str = "there") -> Open | None:
        found = [each for each in self.tabs if each.state == state]
        return self._random.choice(found) if found else None

    def _leader(self) -> Open | None:
        return next((each for each in self._there() if leads(each.tab)), None)


def leads(tab: Tab) -> bool:
    try:
        return bool(tab.evaluate(f"({ROLE}) === 'leader'"))
    except DevtoolsError:
        return False


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    options = {"lease_ms": AN_HOUR_MS, "retain_events": 1_000_000, "max_concurrent_runs": 4}
    with site_with(tmp_path_factory, **options) as site:
        yield site


@pytest.fixture
def chromium(tmp_path: Path) -> Iterator[Chromium]:
    with launched(tmp_path / "profile") as browser:
        yield browser


@pytest.mark.parametrize("seed", SEEDS)
def test_nothing_is_lost_or_doubled_and_one_tab_leads(chromium: Chromium, site: Site, seed: int) -> None:
    storm = Storm(seed, chromium, site.url)
    storm.begin()
    until = time.monotonic() + SECONDS
    while time.monotonic() < until:
        print(f"seed {seed}: {storm.act()}")  # noqa: T201 - shown of a test that fails
    storm.end()
    tab = storm.tabs[0].tab
    wait_until_all_ended(tab)
    for each in storm.tabs:
        expect_not_stuck(each.tab)
    runs, events = tab.evaluate(RUNS), tab.evaluate(EVENTS)
    expect_all(acknowledged(chromium), runs)
    expect_once(events)
    expect_one_leader(events)
    added = [event for event in completed_steps(events) if event["stepName"].startswith("add-")]
    assert tab.evaluate(ROWS) == len(added), "what a step writes is written once"


def wait_until_all_ended(tab: Tab) -> None:
    """What the storm has left may take its time, as long as there is always less of it."""
    left = tab.evaluate(LEFT)
    while left > 0:
        tab.wait_for_function(f"({LEFT})().then((left) => left < {left})")
        left = tab.evaluate(LEFT)


def expect_not_stuck(tab: Tab) -> None:
    triggered = tab.evaluate("window.durably.trigger('pause', { count: 1, pause_ms: 0 })")
    assert tab.evaluate("(id) => window.durably.waitForRun(id)", triggered["runId"])["status"] == "completed"


def acknowledged(chromium: Chromium) -> set[str]:
    told = [str(told["args"][0].get("value")) for told in chromium.told("consoleAPICalled") if told["args"]]
    return {text.removeprefix(ACKNOWLEDGED) for text in told if text.startswith(ACKNOWLEDGED)}


def expect_all(acknowledged: set[str], runs: list[dict[str, Any]]) -> None:
    assert acknowledged
    assert {run["status"] for run in runs} == {"completed"}
    assert acknowledged <= {run["id"] for run in runs}, "nothing is lost"
    times = Counter(run["labels"]["n"] for run in runs if run["labels"])
    assert set(times.values()) == {1}, "no command is carried out twice"


def completed_steps(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [event for event in events if event["type"] == "step:complete"]


def expect_once(events: list[dict[str, Any]]) -> None:
    completed = Counter((event["runId"], event["stepName"]) for event in completed_steps(events))
    assert set(completed.values()) == {1}, "no finished step runs again"
    ended = Counter(event["runId"] for event in events if event["type"] == "run:complete")
    assert set(ended.values()) == {1}


def expect_one_leader(events: list[dict[str, Any]]) -> None:
    """Whoever has claimed once does not again after another has."""
    owners = [event["leaseOwner"] for event in events if event["type"] == "run:leased"]
    turns = [owner for owner, _ in groupby(owners)]
    print(f"{len(turns)} engines one after the other, {len(owners)} claims")  # noqa: T201
    assert len(turns) == len(set(turns)) > 1
