"""Deploys, updates, reloads, crashes and lost networks in any order, with three tabs and runs under way."""

import os
import random
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Error, Page, TimeoutError

from tests.browser.browser import Chromium, wait_for, wait_until_ended
from tests.browser.offline.host import Host, deployed
from tests.browser.offline.sites import Sites, expect_whole, marks, update, visit, wait_for_version

SEEDS = [int(seed) for seed in os.environ.get("DURABLY_SEEDS", "1").split()]
TABS = 3
ACTS = 60
GONE = (
    "navigat",
    "Failed to fetch",
    "ERR_ABORTED",
    "detached",
    "context was destroyed",
    "closed",
    "crashed",
    "interrupted",
    "restarted",
)
"""What a page answers that is left in the middle of a question."""
FINISHED = """
async (runId) => {
  const events = await window.durably.getEvents({ runId, types: ['step:complete'], limit: 1000 })
  return events.map(({ stepName }) => stepName)
}
"""


LIMIT = """
(promise) => Promise.race([promise, new Promise((_, reject) => setTimeout(
  () => reject(new Error('no answer for a minute')), 60_000))])
"""
CHECK = f"async () => await ({LIMIT})(window.offline?.check().catch(() => undefined))"
TRIGGER = f"async (input) => await ({LIMIT})(window.durably.trigger('work', input))"


class Storm:
    """What happens to the tabs of one person, and to the host."""

    def __init__(self, seed: int, chromium: Chromium, host: Host, sites: Sites) -> None:
        self._random = random.Random(seed)
        self._chromium = chromium
        self._host = host
        self._uploads = self._all_uploads(sites)
        self.tabs: list[Page] = []
        self.acknowledged: dict[str, tuple[str, int]] = {}
        """By the run's id: its name, and how many steps it has."""

    def begin(self) -> None:
        self.tabs = [visit(self._chromium, self._host)]
        self._trigger()
        while len(self.tabs) < TABS:
            self.tabs.append(self._chromium.open(self._host.url))

    def act(self) -> str:
        """Something happens. Returns what."""
        acts: dict[Callable[[], None], int] = {
            self._trigger: 12, self._upload: 14, self._check: 8, self._update: 8, self._look: 8,
            self._reload: 4, self._reopen: 3, self._lose_network: 2, self._crash: 1,
        }  # fmt: skip
        [act] = self._random.choices([*acts], weights=[*acts.values()])
        act()
        return act.__name__

    def end(self, version: str) -> Page:
        """The last version is there, and everyone goes over to it. Returns the tab with the engine."""
        for _ in self._uploads:
            pass
        for tab in self.tabs:
            tab.wait_for_function("window.offline?.status.version")
        wait_for(self.tabs[0], lambda: self._all_have(version))
        for tab in self.tabs:
            wait_for_version(tab, version)
            expect_whole(tab, version)
        wait_for(self.tabs[0], lambda: self._leader() is not None)
        leader = self._leader()
        assert leader is not None
        return leader

    # ---------------------------------------------------------------- the person

    def _trigger(self) -> None:
        leader = self._leader()
        if leader is None:
            return
        name, steps = f"run-{len(self.acknowledged)}", self._random.randint(2, 12)
        input = {"name": name, "count": steps, "pause_ms": self._random.choice([0, 20, 100])}
        triggered = patient(lambda: leader.evaluate(TRIGGER, input))
        if triggered is not None:
            self.acknowledged[triggered["runId"]] = (name, steps)

    def _check(self) -> None:
        tab = self._any_tab()
        patient(lambda: tab.evaluate(CHECK))

    def _update(self) -> None:
        tab = self._any_tab()
        if patient(lambda: tab.evaluate("window.offline?.status.update")) == "available":
            patient(lambda: update(tab))

    def _look(self) -> None:
        """No page is made of two versions, whenever one looks."""
        tab = self._any_tab()
        parts = patient(lambda: tab.evaluate("window.parts?.()"))
        assert parts is None or len(set(parts.values())) == 1, parts

    def _reload(self) -> None:
        tab = self._any_tab()
        patient(lambda: insistent(lambda timeout: tab.reload(timeout=timeout)))

    def _reopen(self) -> None:
        self._any_tab().close()
        self.tabs = [tab for tab in self.tabs if not tab.is_closed()]
        page = self._chromium.context.new_page()
        self.tabs.append(page)
        insistent(lambda timeout: page.goto(self._host.url, timeout=timeout))

    def _lose_network(self) -> None:
        with self._host.offline():
            self._reload()
            self._look()

    def _crash(self) -> None:
        self._chromium.kill_renderers()
        for tab in self.tabs:
            tab.close()
        self.tabs = [self._chromium.open(self._host.url) for _ in range(TABS)]

    # ---------------------------------------------------------------- the host

    def _upload(self) -> None:
        for _ in range(self._random.randint(1, 12)):
            next(self._uploads, None)

    def _all_uploads(self, sites: Sites) -> Iterator[str]:
        for version in ("v2", "v3"):
            files = sites(version)
            order = sorted(files)
            self._random.shuffle(order)
            # As uploads go: the service worker may be the first or the last.
            order.remove("sw.js")
            order.insert(self._random.choice([0, len(order)]), "sw.js")
            yield from self._host.upload(files, order)

    # ---------------------------------------------------------------- what there is

    def _any_tab(self) -> Page:
        return self._random.choice(self.tabs)

    def _leader(self) -> Page | None:
        states = {tab: patient(lambda: tab.evaluate("window.durably?.status.state")) for tab in self.tabs}  # noqa: B023
        return next((tab for tab, state in states.items() if state == "ready"), None)

    def _all_have(self, version: str) -> bool:
        self._check()
        self._update()
        return all(patient(lambda: tab.evaluate("window.version")) == version for tab in self.tabs)  # noqa: B023


def insistent(load: Callable[[float], object]) -> None:
    """As a person with a page that does not come: asks again.

    In the milliseconds in which one service worker takes over from another, Chromium may never answer.
    """
    try:
        load(20_000)
    except TimeoutError:
        load(60_000)


def patient(work: Callable[[], Any]) -> Any:
    """What a page answers; None when it is just going elsewhere."""
    try:
        return work()
    except Error as error:
        if any(word in error.message for word in GONE):
            return None
        raise


@pytest.mark.parametrize("seed", SEEDS)
def test_nothing_is_lost_whatever_happens_in_whatever_order(
    chromium: Chromium, tmp_path_factory: pytest.TempPathFactory, seed: int
) -> None:
    sites = Sites(tmp_path_factory.mktemp(f"jobs-{seed}"))
    with deployed(sites("v1")) as host:
        storm = Storm(seed, chromium, host, sites)
        storm.begin()
        for number in range(ACTS):
            print(f"seed {seed}, act {number}: {storm.act()}")  # noqa: T201 - shown of a test that fails
        leader = storm.end("v3")
        assert storm.acknowledged
        expected: Counter[tuple[str, int]] = Counter()
        for run_id, (name, steps) in storm.acknowledged.items():
            assert wait_until_ended(leader, run_id)["status"] == "completed"
            expected.update((name, number) for number in range(steps))
            wanted = Counter(f"{kind}-{number}" for number in range(steps) for kind in ("step", "mark"))
            assert Counter(leader.evaluate(FINISHED, run_id)) == wanted
        left = {mark: times for mark, times in marks(leader).items() if mark in expected}
        assert left == expected
