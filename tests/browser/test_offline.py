"""A built site works without a network from the first visit on, on hosts of any kind."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import expect

from spa_runtime.bundle import Offline
from spa_runtime.headers import Isolation
from tests.browser.browser import Chromium, wait_until_ended, wait_until_ready
from tests.browser.offline.host import Answer, Fault, Host, cut, deployed, missing, truncated
from tests.browser.offline.sites import (
    Sites,
    caches_of,
    expect_whole,
    status,
    update,
    visit,
    wait_for_update,
    wait_for_version,
    wait_until_offline,
    work,
)

LOST = "async (name) => (await caches.open((await caches.keys())[0])).delete(name, { ignoreSearch: true })"
TEXT = "async ([url, options]) => { const r = await fetch(url, options); return [r.status, await r.text()] }"


@pytest.fixture(scope="module")
def sites(tmp_path_factory: pytest.TempPathFactory) -> Sites:
    return Sites(tmp_path_factory.mktemp("jobs"))


@pytest.fixture
def host(sites: Sites) -> Iterator[Host]:
    with deployed(sites("v1")) as host:
        yield host


@pytest.fixture
def bare_host(host: Host) -> Host:
    """A host that can't be told what to send."""
    host.headers = {}
    return host


class Watched:
    """A page, and what it has told of itself. Asking it something would count as a person's touch."""

    def __init__(self, chromium: Chromium) -> None:
        self.page = chromium.context.new_page()
        self.heard: list[dict[str, Any]] = []
        self.loads = 0
        self.page.on("console", lambda message: self._hear(message.text))
        self.page.on("domcontentloaded", lambda _page: self._load())

    def _hear(self, text: str) -> None:
        if text.startswith("offline: "):
            self.heard.append(json.loads(text.removeprefix("offline: ")))

    def _load(self) -> None:
        self.loads += 1

    def wait_until_under_the_service_worker(self) -> None:
        while not any(told["version"] for told in self.heard):
            self.page.wait_for_event("console")


# ---------------------------------------------------------------- without a network


def test_app_opens_and_runs_without_a_network_from_the_first_visit_on(chromium: Chromium, host: Host) -> None:
    page = visit(chromium, host)
    wait_until_ended(page, work(page, "before"))
    with host.offline():
        page.reload()
        wait_until_ready(page)
        assert wait_until_ended(page, work(page, "offline"))["output"] == {"versions": ["v1"] * 3}
        expect_whole(page, "v1")
        other = chromium.open(host.url)
        wait_for_version(other, "v1")
        page.close()
        wait_until_ready(other)
        assert wait_until_ended(other, work(other, "taken over"))["status"] == "completed"


def test_first_visit_downloads_each_file_once_and_the_next_one_nothing(
    chromium: Chromium, host: Host, sites: Sites
) -> None:
    visit(chromium, host).close()
    assert {"about.html", "durably/manifest.json"} <= host.asked_for.keys() <= sites("v1").keys()
    # The page is asked for as a page and as a file; browsers look for newer service workers by themselves.
    assert {name for name, times in host.asked_for.items() if times > 1} <= {"index.html", "sw.js"}
    host.forget()
    visit(chromium, host).close()
    assert host.asked_for.keys() <= {"sw.js"}


def test_page_tells_how_far_the_download_is(chromium: Chromium, host: Host) -> None:
    told = Watched(chromium)
    told.page.goto(host.url)
    told.wait_until_under_the_service_worker()
    while told.heard[-1]["state"] != "ready":
        told.page.wait_for_event("console")
    percents = [each["percent"] for each in told.heard if each["percent"] is not None]
    assert percents == sorted(percents)
    assert percents[-1] == 100
    assert len(percents) > 5
    states = list(dict.fromkeys(each["state"] for each in told.heard))
    assert states == ["installing", "ready"]
    assert status(told.page)["percent"] is None


# ---------------------------------------------------------------- a download that fails


def other(answer: Answer) -> Answer:
    """The page in the place of what is missing, as hosts for routers answer."""
    return Answer(200, b"<!doctype html>", {"Content-Type": "text/html"})


@pytest.mark.parametrize(
    ("fault", "code"),
    [(missing, "integrity"), (truncated, "integrity"), (other, "integrity"), (cut, "network")],
)
def test_download_that_fails_is_told_and_tried_again_at_the_next_visit(
    chromium: Chromium, host: Host, fault: Fault, code: str
) -> None:
    host.faults["about.html"] = fault
    page = chromium.open(host.url)
    page.wait_for_function("window.offline?.status.state === 'failed'")
    error = status(page)["error"]
    assert error["code"] == code
    assert "about.html" in error["message"]
    # The app works all the same.
    wait_until_ready(page)
    assert wait_until_ended(page, work(page, "online"))["status"] == "completed"
    host.faults.clear()
    page.reload()
    wait_until_offline(page)
    assert status(page)["error"] is None


def test_device_without_room_is_told_and_the_database_has_what_there_is(chromium: Chromium, host: Host) -> None:
    page = chromium.context.new_page()
    session = chromium.context.new_cdp_session(page)
    session.send("Storage.overrideQuotaForOrigin", {"origin": host.origin, "quotaSize": 9_000_000})
    page.goto(host.url)
    page.wait_for_function("window.offline?.status.state === 'failed'")
    assert status(page)["error"]["code"] == "quota"
    assert page.evaluate("async () => (await (await caches.open((await caches.keys())[0])).keys()).length") == 0
    wait_until_ready(page)
    assert wait_until_ended(page, work(page, "online"))["status"] == "completed"


# ---------------------------------------------------------------- addresses


def test_addresses_lead_where_a_host_would_lead(chromium: Chromium, host: Host) -> None:
    page = visit(chromium, host)
    wanted = {
        "?a=1#b": "Upgrades",
        "index.html?a=1": "Upgrades",
        "about": "About v1",
        "about.html": "About v1",
        "films/": "Films v1",
    }
    with host.offline():
        for address, title in wanted.items():
            page.goto(host.url + address)
            expect(page).to_have_title(title)
        page.goto(f"{host.url}films?a=1")
        assert page.url == f"{host.url}films/?a=1"
        film = "film.txt?a=1"
        assert page.evaluate(TEXT, [film, {}]) == [200, "0123456789"]
        assert page.evaluate(TEXT, [film, {"headers": {"Range": "bytes=2-4"}}]) == [206, "234"]


def test_what_is_no_file_of_the_site_is_the_networks(chromium: Chromium, host: Host) -> None:
    page = visit(chromium, host)
    host.files = {
        **host.files,
        "new.json": b"new",
        "extra.html": b"<!doctype html>",
        "data.json": b"the host's",
    }
    assert page.evaluate(TEXT, ["new.json", {}]) == [200, "new"]
    assert page.evaluate(TEXT, ["none.json", {}])[0] == 404
    expect_whole(page, "v1")
    # A page that the host has answered is of what the host has now.
    page.goto(f"{host.url}extra.html")
    assert page.evaluate(TEXT, ["data.json", {}]) == [200, "the host's"]


def test_page_with_a_router_answers_addresses_that_are_no_files(
    chromium: Chromium, host: Host, sites: Sites
) -> None:
    host.deploy(sites("v1", offline=Offline(navigation_fallback="index.html", denylist=("api/",))))
    page = visit(chromium, host)
    with host.offline():
        page.goto(f"{host.url}route?a=1")
        wait_for_version(page, "v1")
        expect_whole(page, "v1")
    page.goto(f"{host.url}api/route")
    expect(page).to_have_title("404")


def test_two_sites_on_one_origin_leave_each_other_alone(chromium: Chromium, host: Host, sites: Sites) -> None:
    def both(one: str, two: str, offline: Offline | None = None) -> dict[str, bytes]:
        outer = {f"one/{name}": content for name, content in sites(one, offline=offline).items()}
        return outer | {f"one/two/{name}": content for name, content in sites(two).items()}

    host.deploy(both("v1", "v1"))
    one, two = visit(chromium, host, "one/"), chromium.open(f"{host.url}one/two/")
    wait_until_offline(two)
    assert caches_of(two) == [f"durably:{host.url}one/", f"durably:{host.url}one/two/"]
    host.deploy(both("v1", "v2"))
    wait_for_update(two)
    update(two)
    wait_for_version(two, "v2")
    assert one.evaluate("window.version") == "v1"
    with host.offline():
        for page, version in ((one, "v1"), (two, "v2")):
            page.reload()
            wait_for_version(page, version)
            expect_whole(page, version)
    host.deploy(both("v1", "v2", Offline(enabled=False)))
    one.evaluate("window.offline.check()")
    one.wait_for_function("navigator.serviceWorker.controller === null")
    with host.offline():
        two.reload()
        wait_for_version(two, "v2")
    assert caches_of(two) == [f"durably:{host.url}one/two/"]


# ---------------------------------------------------------------- what browsers throw away


def test_file_that_was_lost_is_asked_for_again(chromium: Chromium, host: Host) -> None:
    page = visit(chromium, host)
    assert page.evaluate(LOST, "data.json")
    assert page.evaluate(LOST, "index.html")
    page.reload()
    expect_whole(page, "v1")
    with host.offline():
        page.reload()
        expect_whole(page, "v1")


def test_file_that_was_lost_is_never_that_of_another_version(
    chromium: Chromium, host: Host, sites: Sites
) -> None:
    page = visit(chromium, host)
    host.deploy(sites("v2"))
    assert page.evaluate(LOST, "data.json")
    assert page.evaluate("fetch('data.json').then(() => 'answered', () => 'refused')") == "refused"
    # The page itself is gone: better another version's, as long as it is that altogether.
    assert page.evaluate(LOST, "index.html")
    page.reload()
    wait_for_version(page, "v2")
    expect_whole(page, "v2")
    wait_until_ready(page)
    assert wait_until_ended(page, work(page, "v2"))["output"] == {"versions": ["v2"] * 3}


# ---------------------------------------------------------------- isolation


@pytest.mark.parametrize("isolation", [Isolation.require_corp, Isolation.credentialless])
def test_page_is_isolated_after_one_reload_where_the_host_sends_no_headers(
    chromium: Chromium, bare_host: Host, sites: Sites, isolation: Isolation
) -> None:
    bare_host.deploy(sites("v1", isolation=isolation))
    told = Watched(chromium)
    told.page.goto(bare_host.url)
    wait_for_loads(told, 2)
    wait_until_offline(told.page)
    wait_until_ready(told.page)
    assert told.page.evaluate("crossOriginIsolated")
    [engine] = told.page.workers
    assert engine.evaluate("crossOriginIsolated")
    sent = told.page.evaluate("async () => Object.fromEntries((await fetch('')).headers)")
    assert "cross-origin-embedder-policy" not in sent
    assert told.loads == 2
    # And from then on with the first load.
    other = Watched(chromium)
    other.page.goto(bare_host.url)
    other.wait_until_under_the_service_worker()
    assert other.page.evaluate("crossOriginIsolated")
    assert other.loads == 1


def test_page_that_someone_works_with_is_not_reloaded(chromium: Chromium, bare_host: Host) -> None:
    bare_host.hold("sw.js")
    told = Watched(chromium)
    told.page.goto(bare_host.url)
    told.page.mouse.click(10, 10)
    bare_host.release()
    told.wait_until_under_the_service_worker()
    wait_until_ready(told.page)
    assert not told.page.evaluate("crossOriginIsolated")
    assert told.loads == 1
    told.page.reload()
    wait_until_ready(told.page)
    assert told.page.evaluate("crossOriginIsolated")


def test_page_is_not_reloaded_where_the_host_sends_headers(chromium: Chromium, host: Host) -> None:
    told = Watched(chromium)
    told.page.goto(host.url)
    told.wait_until_under_the_service_worker()
    assert told.page.evaluate("crossOriginIsolated")
    assert told.loads == 1


def test_page_that_wants_no_isolation_has_none(chromium: Chromium, bare_host: Host, sites: Sites) -> None:
    bare_host.deploy(sites("v1", isolation=Isolation.none))
    told = Watched(chromium)
    told.page.goto(bare_host.url)
    told.wait_until_under_the_service_worker()
    told.page.reload()
    wait_until_ready(told.page)
    assert not told.page.evaluate("crossOriginIsolated")
    assert told.loads == 2


def test_browser_that_does_not_isolate_is_not_asked_again_and_again(
    chromium: Chromium, bare_host: Host
) -> None:
    # As one that does not know the headers.
    chromium.context.add_init_script("Object.defineProperty(window, 'crossOriginIsolated', { value: false })")
    told = Watched(chromium)
    told.page.goto(bare_host.url)
    wait_for_loads(told, 2)
    wait_until_ready(told.page)
    told.page.reload()
    wait_until_ready(told.page)
    assert told.loads == 3


def wait_for_loads(told: Watched, count: int) -> None:
    while told.loads < count:
        told.page.wait_for_event("domcontentloaded")


# ---------------------------------------------------------------- without a service worker


def test_address_that_browsers_do_not_trust_has_no_service_worker(chromium: Chromium, host: Host) -> None:
    page = chromium.open(host.url.replace("localhost", "insecure.test"))
    page.wait_for_function("window.offline !== undefined")
    assert status(page)["state"] == "unsupported"


def test_site_without_a_service_worker_says_so(chromium: Chromium, host: Host, sites: Sites) -> None:
    host.deploy(sites("v1", offline=Offline(enabled=False)))
    told = Watched(chromium)
    told.page.goto(host.url)
    told.page.wait_for_function("window.offline.status.state === 'unsupported'")
    wait_until_ready(told.page)
    assert told.loads == 1
    host.deploy({name: content for name, content in host.files.items() if name != "sw.js"})
    told.page.reload()
    told.page.wait_for_function("window.offline.status.state === 'failed'")
    assert status(told.page)["error"]["code"] == "worker"
    wait_until_ready(told.page)
