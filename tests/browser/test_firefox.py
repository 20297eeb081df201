"""The same page and the same jobs in Firefox: runs, cancelling, kills, tabs, windows without storage."""

import os
import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from spa_runtime import bundle
from spa_runtime.headers import Isolation
from tests.browser.browser import (
    ROLE,
    Site,
    app_served,
    get_run,
    get_status,
    leader_among,
    open_gate,
    run_ids,
    served,
    trigger,
    wait_for,
    wait_until_ended,
    wait_until_ready,
)
from tests.browser.conftest import JOBS, sources
from tests.browser.firefox import Firefox, Tab, launched
from tests.browser.hostile_site import hostile_site
from tests.browser.hosts import GitHubPages
from tests.browser.test_durability import flushes_of_a_run
from tests.browser.test_storage import export

KILLS = 4


@pytest.fixture(scope="session")
def firefox_path() -> str:
    path = os.environ.get("DURABLY_FIREFOX")
    assert path is not None, "DURABLY_FIREFOX must name a Firefox: run `make test-browser`."
    if path == "":
        pytest.skip("there is no Firefox on this machine, and none could be installed")
    return path


@pytest.fixture(scope="module")
def browser_for_all(firefox_path: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Firefox]:
    with launched(firefox_path, tmp_path_factory.mktemp("firefox") / "profile") as browser:
        yield browser


@pytest.fixture
def firefox(browser_for_all: Firefox) -> Iterator[Firefox]:
    """One browser for all tests, whose tabs are closed after each."""
    browser_for_all.lines.clear()
    yield browser_for_all
    browser_for_all.close_tabs()


@pytest.fixture
def site(test_site: Site) -> Iterator[Site]:
    """An origin of the test's own, so that its database is empty."""
    with served(test_site.folder) as site:
        yield site


def ready(firefox: Firefox, site: Site, *, is_looked_at: bool = True) -> Tab:
    tab = firefox.open(site.url, is_looked_at=is_looked_at)
    wait_until_ready(tab)
    return tab


def wait_for_role(tab: Tab, role: str) -> None:
    tab.wait_for_function(f"({ROLE}) === {role!r}")


def integrity(database: Path) -> str:
    with closing(sqlite3.connect(database)) as connection:
        return str(connection.execute("PRAGMA integrity_check").fetchone()[0])


# ---------------------------------------------------------------------- runs


def test_each_committed_step_is_flushed_exactly_once(firefox: Firefox, site: Site) -> None:
    page = ready(firefox, site)
    assert page.evaluate("crossOriginIsolated")
    without_steps = flushes_of_a_run(page, 0)
    assert flushes_of_a_run(page, 50) == without_steps + 50
    assert page.evaluate("async () => (await window.durably.storage.getInfo()).kind") == "opfs"


# ---------------------------------------------------------------------- stopping


def test_run_that_awaits_is_cancelled(firefox: Firefox, site: Site, tmp_path: Path) -> None:
    page = ready(firefox, site)
    run_id = trigger(page, "gate", {"count": 3, "closed_at": 1})
    wait_for(page, lambda: "begin 1" in firefox.bodies)
    page.evaluate("(id) => window.durably.cancel(id)", run_id)
    # There is room for one run at a time: the code of the other has stopped.
    assert wait_until_ended(page, trigger(page, "count", {"count": 3}))["output"] == {"total": 3}
    assert get_run(page, run_id)["status"] == "cancelled"
    assert firefox.bodies == ["begin 0", "end 0", "begin 1"]
    assert integrity(export(page, tmp_path / "exported.db")) == "ok"


@pytest.mark.parametrize("what", ["loops", "sleeps", "sums"])
def test_code_that_does_not_want_to_stop_is_cancelled(firefox: Firefox, tmp_path: Path, what: str) -> None:
    with hostile_site(tmp_path / "site", Isolation.require_corp) as site:
        page = ready(firefox, site)
        epoch = get_status(page)["epoch"]
        run_id = trigger(page, "hostile", {"what": what})
        wait_for(page, lambda: "begin" in firefox.bodies)
        page.evaluate("(id) => window.durably.cancel(id)", run_id)
        assert get_run(page, run_id)["status"] == "cancelled"
        assert wait_until_ended(page, trigger(page, "quick", {}))["status"] == "completed"
        assert (get_status(page)["epoch"] > epoch) == (what == "sums"), (
            "what computes in C ends with its worker"
        )
        assert "end" not in firefox.bodies


# ---------------------------------------------------------------------- kills


def test_run_goes_on_when_the_whole_browser_is_killed(firefox: Firefox, site: Site) -> None:
    page = ready(firefox, site)
    run_id = trigger(page, "gate", {"count": 3, "closed_at": 1})
    wait_for(page, lambda: "begin 1" in firefox.bodies)
    firefox.restart()
    page = ready(firefox, site)
    wait_for(page, lambda: firefox.bodies.count("begin 1") == 2)
    open_gate(page)
    run = wait_until_ended(page, run_id)
    assert (run["status"], run["output"], run["attempt"]) == ("completed", {"total": 3}, 2)
    assert firefox.bodies == ["begin 0", "end 0", "begin 1", "begin 1", "end 1", "begin 2", "end 2"]


TRIGGER_AND_TELL = """
() => {
  const go = async () => {
    for (;;) {
      const { runId } = await window.durably.jobs.count.trigger({ count: 3 })
      console.log('acknowledged ' + runId)
    }
  }
  void go()
}"""


def acknowledged(firefox: Firefox) -> set[str]:
    return {line.split()[1] for line in firefox.lines if line.startswith("acknowledged ")}


def kill_after(triggers: int, firefox: Firefox, page: Tab) -> None:
    """Triggers runs as fast as it goes, until so many more are acknowledged."""
    enough = len(acknowledged(firefox)) + triggers
    page.evaluate(TRIGGER_AND_TELL)
    wait_for(page, lambda: len(acknowledged(firefox)) >= enough)
    firefox.restart()


def test_nothing_is_lost_when_the_browser_is_killed_again_and_again(
    firefox: Firefox, site: Site, tmp_path: Path
) -> None:
    moments = random.Random(1)
    page = ready(firefox, site)
    for _ in range(KILLS):
        kill_after(moments.randrange(1, 40), firefox, page)
        page = ready(firefox, site)
    listed = run_ids(page)
    assert acknowledged(firefox) <= set(listed)
    for run_id in listed:
        run = wait_until_ended(page, run_id)
        assert (run["status"], run["output"]) == ("completed", {"total": 3})
    assert integrity(export(page, tmp_path / "exported.db")) == "ok"


# ---------------------------------------------------------------------- tabs


WAIT = "(id) => { window.waiting = window.durably.waitForRun(id).then((run) => run.output) }"


def test_another_tab_takes_over_from_one_that_is_closed_or_dies(firefox: Firefox, site: Site) -> None:
    first = ready(firefox, site)
    others = [ready(firefox, site, is_looked_at=False) for _ in range(2)]
    assert [get_status(tab)["role"] for tab in (first, *others)] == ["leader", "follower", "follower"]
    run_id = trigger(others[0], "gate", {"count": 3, "closed_at": 1})
    for tab in others:
        tab.evaluate(WAIT, run_id)
    # Each of the tabs tells what it has heard.
    wait_for(others[0], lambda: firefox.bodies.count("begin 1") == 3)

    first.close()
    leader = leader_among(others)
    wait_for(leader, lambda: firefox.bodies.count("begin 1") == 3 + 2)
    [last] = [tab for tab in others if tab is not leader]

    firefox.kill_holder()
    wait_for_role(last, "leader")
    wait_for(last, lambda: firefox.bodies.count("begin 1") == 3 + 2 + 1)
    open_gate(last)
    assert last.evaluate("window.waiting") == {"total": 3}
    assert get_run(last, run_id)["attempt"] == 3
    assert firefox.bodies.count("begin 0") == 3, "a finished step runs once"


def test_engine_is_in_the_tab_that_is_looked_at(firefox: Firefox, site: Site) -> None:
    first = ready(firefox, site)
    second = ready(firefox, site)
    wait_for_role(second, "leader")
    wait_for_role(first, "follower")
    assert wait_until_ended(first, trigger(first, "count", {"count": 3}))["status"] == "completed"
    first.look()
    wait_for_role(first, "leader")
    wait_for_role(second, "follower")

    first.goto("about:blank")
    wait_for_role(second, "leader")
    first.go_back()
    wait_for_role(first, "leader")
    assert wait_until_ended(second, trigger(second, "count", {"count": 3}))["status"] == "completed"


# ---------------------------------------------------------------------- where something is missing


def test_service_worker_isolates_the_page_and_keeps_it_without_a_network(
    firefox: Firefox, tmp_path: Path
) -> None:
    bundle.write(bundle.plan(sources(JOBS, bundle.SPA_OPTIONS)), tmp_path / "site")
    with app_served(GitHubPages(tmp_path / "site"), tmp_path / "site") as site:
        first = firefox.open(site.url)
        assert first.evaluate("async () => (await navigator.serviceWorker.ready).active !== null")
        first.close()
    page = ready(firefox, site)
    assert page.evaluate("crossOriginIsolated")
    assert wait_until_ended(page, trigger(page, "count", {"count": 3}))["status"] == "completed"


CLICK = """
(text) => [...document.querySelectorAll('a, button')].find(({ innerText }) => innerText === text).click()
"""


def test_private_window_says_that_it_has_no_storage(firefox_path: str, site: Site, tmp_path: Path) -> None:
    private: dict[str, Any] = {"browser.privatebrowsing.autostart": True}
    with launched(firefox_path, tmp_path / "profile", private) as firefox:
        page = firefox.open(site.url)
        page.wait_for_function("window.durably?.status.state === 'failed'")
        error = get_status(page)["error"]
        assert error["code"] == "storage_unavailable"
        assert error["message"].startswith("This window has no storage that lasts, as in some private windows.")
        page.evaluate(CLICK, "Try it without storage")
        page.wait_for_function("window.durably?.status.state === 'ready'")
        assert wait_until_ended(page, trigger(page, "count", {"count": 3}))["status"] == "completed"
