"""New versions of a site: nobody is left with a broken page, no run is lost, and the person chooses when."""

import json
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from playwright.sync_api import Page, Playwright, expect

from spa_runtime.bundle import Offline
from tests.browser.browser import (
    Chromium,
    command,
    launched,
    leader_among,
    run_ids,
    wait_for,
    wait_until_ended,
    wait_until_ready,
)
from tests.browser.offline.host import Fault, Host, cut, deployed, missing, truncated
from tests.browser.offline.sites import (
    Sites,
    caches_of,
    check,
    expect_whole,
    marks,
    status,
    update,
    visit,
    wait_for_update,
    wait_for_version,
    work,
)

STEPS = 40
ASK_ALL_THE_TIME = """
() => {
  const ask = async () => {
    const { version } = await (await fetch('data.json')).json()
    console.log(`asked: ${version} in a page of ${window.version}`)
  }
  // With pauses: no version takes over while the one before it is being asked.
  const askOnAndOn = async () => {
    await Promise.allSettled([ask(), ask(), ask(), ask()])
    setTimeout(askOnAndOn, 50)
  }
  void askOnAndOn()
}
"""
IS_SETTLED = """
async () => {
  const { installing, waiting, active } = await navigator.serviceWorker.getRegistration()
  return installing === null && waiting === null && active.state === 'activated'
}
"""
REGISTRATIONS = "async () => (await navigator.serviceWorker.getRegistrations()).length"


@pytest.fixture(scope="module")
def sites(tmp_path_factory: pytest.TempPathFactory) -> Sites:
    return Sites(tmp_path_factory.mktemp("jobs"))


@pytest.fixture
def host(sites: Sites) -> Iterator[Host]:
    with deployed(sites("v1")) as host:
        yield host


def bodies(chromium: Chromium, what: str) -> Counter[str]:
    """How often each step's body began or ended, by run and step; every page has heard of each."""
    told = {tuple(line.split()) for line in chromium.bodies}
    return Counter(f"{name} {number}" for word, name, number, _version, _execution in told if word == what)


def begun(chromium: Chromium, step: str) -> Callable[[], bool]:
    return lambda: bodies(chromium, "begin")[step] > 0


def loads_of(page: Page) -> list[str]:
    """The addresses that it loads from now on."""
    loads: list[str] = []
    page.on("domcontentloaded", lambda loaded: loads.append(loaded.url))
    return loads


# ---------------------------------------------------------------- the person chooses


def test_version_that_waits_changes_nothing(chromium: Chromium, host: Host, sites: Sites) -> None:
    page = visit(chromium, host)
    host.deploy(sites("v2"))
    wait_for_update(page)
    page.reload()
    other = chromium.open(host.url)
    for each in (page, other):
        wait_for_version(each, "v1")
        expect_whole(each, "v1")
        each.wait_for_function("window.offline.status.update === 'available'")
    with host.offline():
        page.reload()
        expect_whole(page, "v1")
        wait_until_ready(other)
        assert wait_until_ended(other, work(other, "old"))["output"] == {"versions": ["v1"] * 3}


def test_update_from_any_tab_reloads_all_and_runs_go_on(chromium: Chromium, host: Host, sites: Sites) -> None:
    tabs = [visit(chromium, host), *(chromium.open(host.url) for _ in range(2))]
    for tab in tabs[1:]:
        tab.wait_for_function("window.durably?.status.role === 'follower'")
    # Longer than both updates take.
    run_id = work(tabs[0], "long", STEPS, pause_ms=250)
    for version, chosen in (("v2", 2), ("v3", 1)):
        seen = sum(bodies(chromium, "end").values())
        wait_for(tabs[0], lambda: sum(bodies(chromium, "end").values()) > seen + 2)  # noqa: B023 - at once
        host.deploy(sites(version))
        wait_for_update(tabs[chosen])
        update(tabs[chosen])
        for tab in tabs:
            wait_for_version(tab, version)
            expect_whole(tab, version)
    leader = leader_among(tabs)
    run = wait_until_ended(leader, run_id)
    assert run["status"] == "completed"
    assert set(run["output"]["versions"]) == {"v1", "v2", "v3"}
    assert run["output"]["versions"] == sorted(run["output"]["versions"])
    # What was given back had no step that was finished and not kept.
    steps = [f"long {number}" for number in range(STEPS)]
    assert bodies(chromium, "end") == Counter(steps)
    assert marks(leader) == {("long", number): 1 for number in range(STEPS)}


def test_update_of_the_jobs_downloads_nothing_else(chromium: Chromium, host: Host, sites: Sites) -> None:
    page = visit(chromium, host)
    host.deploy(sites("v1", jobs="v2"))
    host.forget()
    wait_for_update(page)
    names = {name.rpartition("/")[2].partition("-")[0] for name in host.asked_for}
    assert names == {"sw.js", "manifest.json", "app"}
    update(page)
    page.wait_for_function("window.offline?.status.update === 'none'")
    wait_until_ready(page)
    assert wait_until_ended(page, work(page, "new"))["output"] == {"versions": ["v2"] * 3}
    assert [name for name in host.asked_for if name not in {"sw.js"}] == [
        name for name in host.asked_for if "app-" in name or "manifest" in name
    ]


def test_version_that_is_taken_back_is_not_offered(chromium: Chromium, host: Host, sites: Sites) -> None:
    page = visit(chromium, host)
    host.deploy(sites("v2"))
    wait_for_update(page)
    page.evaluate("window.mine = true")
    host.deploy(sites("v1"))
    check(page)
    page.wait_for_function("window.offline.status.update === 'none'")
    expect_whole(page, "v1")
    assert page.evaluate("window.mine")
    # In the milliseconds in which one service worker takes over from another, Chromium may never answer a page.
    wait_for(page, lambda: page.evaluate(IS_SETTLED))
    with host.offline():
        page.reload()
        expect_whole(page, "v1")


def test_page_on_which_nobody_listens_gets_new_versions_at_once(
    chromium: Chromium, host: Host, sites: Sites
) -> None:
    page = chromium.open(f"{host.url}?silent")
    page.wait_for_function("window.offline?.status.state === 'ready'")
    wait_until_ready(page)
    run_id = work(page, "long", STEPS, pause_ms=100)
    wait_for(page, begun(chromium, "long 2"))
    host.deploy(sites("v2"))
    check(page)
    wait_for_version(page, "v2")
    wait_until_ready(page)
    assert wait_until_ended(page, run_id)["status"] == "completed"
    assert set(bodies(chromium, "end").values()) == {1}


# ---------------------------------------------------------------- upgrades that die


@pytest.mark.parametrize(
    ("name", "fault"),
    [("plain.js", missing), ("plain.js", cut), ("plain.js", truncated), ("durably/manifest.json", truncated)],
)
def test_upgrade_that_fails_leaves_the_old_version_whole(
    chromium: Chromium, host: Host, sites: Sites, fault: Fault, name: str
) -> None:
    page = visit(chromium, host)
    host.deploy(sites("v2"))
    host.faults[name] = fault
    check(page)
    page.wait_for_function("window.offline.status.error !== null")
    told = status(page)
    assert (told["state"], told["update"], told["percent"]) == ("ready", "none", None)
    assert told["error"]["code"] == ("network" if fault is cut else "integrity")
    with host.offline():
        page.reload()
        expect_whole(page, "v1")
        wait_until_ready(page)
    host.faults.clear()
    wait_for_update(page)
    update(page)
    wait_for_version(page, "v2")
    expect_whole(page, "v2")


def test_upgrade_in_the_middle_of_an_upload_waits_for_its_end(
    chromium: Chromium, host: Host, sites: Sites
) -> None:
    page = visit(chromium, host)
    files = sites("v2")
    # The service worker first, the rest one by one.
    for name in host.upload(files, ["sw.js", *sorted(files.keys() - {"sw.js"})]):
        if name in {"sw.js", "data.json", "index.html"}:
            check(page)
            page.wait_for_function("window.offline.status.percent === null")
            assert status(page)["update"] == "none"
            expect_whole(page, "v1")
    wait_for_update(page)
    update(page)
    wait_for_version(page, "v2")
    expect_whole(page, "v2")


class Browsers:
    """One browser after the other on the same profile: each but the last is killed."""

    def __init__(self, playwright: Playwright, profile: Path) -> None:
        self._playwright = playwright
        self.profile = profile

    def start(self) -> Chromium:
        return launched(self._playwright, self.profile).__enter__()

    def kill(self) -> None:
        """SIGKILL for the browser as a whole."""
        found = [
            process
            for process in psutil.process_iter()
            if f"--user-data-dir={self.profile}" in command(process)
        ]
        assert found
        family = {process for each in found for process in (each, *each.children(recursive=True))}
        for process in family:
            process.send_signal(signal.SIGKILL)
        psutil.wait_procs(family, timeout=60)


@pytest.fixture
def browsers(playwright: Playwright, tmp_path: Path) -> Browsers:
    return Browsers(playwright, tmp_path / "profile")


def test_browser_that_dies_in_the_middle_of_a_download_keeps_the_old_version(
    browsers: Browsers, host: Host, sites: Sites
) -> None:
    page = visit(browsers.start(), host)
    run_id = work(page, "kept")
    wait_until_ended(page, run_id)
    host.deploy(sites("v2"))
    reached = host.hold("plain.js")
    page.evaluate("void window.offline.check()")
    assert reached.wait(60)
    browsers.kill()
    host.stop()
    with launched(browsers._playwright, browsers.profile) as chromium:
        page = chromium.open(host.url)
        wait_until_ready(page)
        expect_whole(page, "v1")
        assert run_ids(page) == [run_id]
        host.start()
        wait_for_update(page)
        update(page)
        wait_for_version(page, "v2")
        expect_whole(page, "v2")
        wait_until_ready(page)
        assert run_ids(page) == [run_id]


@pytest.mark.parametrize("delay_ms", [0, 20, 100, 400])
def test_browser_that_dies_while_a_version_takes_over_has_one_or_the_other(
    browsers: Browsers, host: Host, sites: Sites, delay_ms: int
) -> None:
    page = visit(browsers.start(), host)
    run_id = work(page, "long", STEPS, pause_ms=250)
    host.deploy(sites("v2"))
    wait_for_update(page)
    page.evaluate(
        "(ms) => new Promise((done) => { void window.offline.update(); setTimeout(done, ms) })", delay_ms
    )
    browsers.kill()
    host.stop()
    with launched(browsers._playwright, browsers.profile) as chromium:
        page = chromium.open(host.url)
        wait_until_ready(page)
        version = page.evaluate("window.version")
        expect_whole(page, version)
        run = wait_until_ended(page, run_id)
        assert run["status"] == "completed"
        assert run["output"]["versions"][-1] == version
        assert marks(page) == {("long", number): 1 for number in range(STEPS)}


# ---------------------------------------------------------------- versions that are broken


@pytest.mark.parametrize("mended", ["v3", "v1"])
def test_broken_version_is_replaced_without_anyone_being_asked(
    chromium: Chromium, host: Host, sites: Sites, mended: str
) -> None:
    tabs = [visit(chromium, host), chromium.open(host.url)]
    run_id = work(tabs[0], "kept")
    wait_until_ended(tabs[0], run_id)
    host.deploy(sites("broken", jobs="v2"))
    wait_for_update(tabs[0])
    update(tabs[0])
    for tab in tabs:
        expect(tab.locator("[data-html=broken]")).to_be_attached()
        tab.wait_for_load_state()
    host.deploy(sites(mended))
    # Whoever sees a broken page loads it again.
    tabs[1].reload()
    for tab in tabs:
        wait_for_version(tab, mended)
        expect_whole(tab, mended)
    leader = leader_among(tabs)
    assert run_ids(leader) == [run_id]
    assert {fault.rpartition(": ")[2] for fault in chromium.faults} == {"this version is broken"}
    chromium.faults.clear()


# ---------------------------------------------------------------- tabs that are elsewhere meanwhile


def test_tab_that_is_opened_during_the_switch_is_of_one_version(
    chromium: Chromium, host: Host, sites: Sites
) -> None:
    without = Offline(exclude=("slow.js",))
    host.max_age_s = 0
    host.deploy(sites("v1", offline=without))
    page = visit(chromium, host)
    host.deploy(sites("v2", offline=without))
    wait_for_update(page)
    reached = host.hold("slow.js", once=True)
    late = chromium.context.new_page()
    late.goto(host.url, wait_until="commit")
    assert reached.wait(60)
    assert late.evaluate("document.documentElement.dataset.html") == "v1"
    update(page)
    wait_for_version(page, "v2")
    host.release()
    wait_for_version(late, "v2")
    expect_whole(late, "v2")


def test_script_that_is_not_kept_makes_no_page_outdated(chromium: Chromium, host: Host, sites: Sites) -> None:
    host.deploy(sites("v1", offline=Offline(exclude=("slow.js",))))
    page = visit(chromium, host)
    told = status(page)
    assert told["version"] is not None
    assert told["update"] == "none"


def test_page_that_asks_all_the_time_never_gets_a_file_of_the_next_version(
    chromium: Chromium, host: Host, sites: Sites
) -> None:
    page = visit(chromium, host)
    told: list[str] = []
    page.on("console", lambda message: told.append(message.text))
    host.deploy(sites("v2"))
    wait_for_update(page)
    page.evaluate(ASK_ALL_THE_TIME)
    wait_for(page, lambda: len(asked(told)) > 10)
    update(page)
    wait_for_version(page, "v2")
    assert set(asked(told)) == {"asked: v1 in a page of v1"}


def asked(told: list[str]) -> list[str]:
    return [text for text in told if text.startswith("asked: ")]


def test_first_visit_during_a_deploy_ends_in_one_version(chromium: Chromium, host: Host, sites: Sites) -> None:
    reached = host.hold("sw.js")
    page = chromium.context.new_page()
    page.goto(host.url)
    assert reached.wait(60)
    page.mouse.click(10, 10)
    host.deploy(sites("v2"))
    host.release()
    # Someone works with the page: they are told.
    page.wait_for_function("window.offline?.status.update === 'available'")
    assert page.evaluate("window.version") == "v1"
    update(page)
    wait_for_version(page, "v2")
    expect_whole(page, "v2")
    page.wait_for_function("window.offline.status.update === 'none'")


def test_frozen_tab_is_reloaded_when_it_wakes(chromium: Chromium, host: Host, sites: Sites) -> None:
    page, frozen = visit(chromium, host), chromium.open(host.url)
    wait_for_version(frozen, "v1")
    # As with people. While the tab that they look at is not idle, a new Chromium updates nothing.
    page.bring_to_front()
    session = chromium.context.new_cdp_session(frozen)
    session.send("Page.setWebLifecycleState", {"state": "frozen"})
    host.deploy(sites("v2"))
    wait_for_update(page)
    update(page)
    wait_for_version(page, "v2")
    session.send("Page.setWebLifecycleState", {"state": "active"})
    wait_for_version(frozen, "v2")
    expect_whole(frozen, "v2")


def test_tab_that_comes_back_has_the_new_version(chromium: Chromium, host: Host, sites: Sites) -> None:
    page, away = visit(chromium, host), chromium.open(host.url)
    wait_for_version(away, "v1")
    away.goto(f"{host.origin}/elsewhere")
    host.deploy(sites("v2"))
    wait_for_update(page)
    update(page)
    wait_for_version(page, "v2")
    away.go_back()
    wait_for_version(away, "v2")
    expect_whole(away, "v2")


def test_tab_that_went_round_the_service_worker_is_updated_with_the_others(
    chromium: Chromium, host: Host, sites: Sites
) -> None:
    page, around = visit(chromium, host), chromium.open(host.url)
    session = chromium.context.new_cdp_session(around)
    session.send("Page.reload", {"ignoreCache": True})
    around.wait_for_function("navigator.serviceWorker.controller === null && window.offline")
    around.wait_for_function("window.offline.status.state === 'ready'")
    host.deploy(sites("v2"))
    wait_for_update(page)
    around.evaluate("window.before = true")
    update(page)
    for each in (page, around):
        wait_for_version(each, "v2")
    around.wait_for_function("window.before === undefined")


# ---------------------------------------------------------------- kill switch


def test_site_that_gives_up_its_service_worker_leaves_nothing_behind(
    chromium: Chromium, host: Host, sites: Sites
) -> None:
    tabs = [visit(chromium, host), chromium.open(host.url)]
    wait_for_version(tabs[1], "v1")
    run_id = work(tabs[0], "long", STEPS, pause_ms=100)
    wait_for(tabs[0], begun(chromium, "long 2"))
    loads = [loads_of(tab) for tab in tabs]
    told: list[str] = []
    tabs[0].on("console", lambda message: told.append(message.text))
    host.deploy(sites("v2", offline=Offline(enabled=False)))
    check(tabs[0])
    for tab in tabs:
        wait_for_version(tab, "v2")
        tab.wait_for_function("window.offline.status.state === 'unsupported'")
    wait_for(tabs[0], lambda: tabs[0].evaluate(REGISTRATIONS) == 0)
    assert caches_of(tabs[0]) == []
    leader = leader_among(tabs)
    assert wait_until_ended(leader, run_id)["status"] == "completed"
    assert set(bodies(chromium, "end").values()) == {1}
    assert [len(each) for each in loads] == [1, 1]
    updates = [
        json.loads(text.removeprefix("offline: "))["update"] for text in told if text.startswith("offline: ")
    ]
    assert "applying" in updates
    assert "available" not in updates, "there is nothing to ask the person"
    # And a visit is a visit.
    tabs[0].reload()
    wait_for_version(tabs[0], "v2")
    tabs[0].wait_for_function("window.offline.status.state === 'unsupported'")
    assert [len(each) for each in loads] == [2, 1]
