"""The console as an app: its name, installed, without a network, and when a new version comes."""

import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from spa_runtime import bundle
from tests.browser.browser import Chromium, wait_until_ready
from tests.browser.commands import DURABLY, serving
from tests.browser.conftest import ROOT, sources
from tests.browser.dashboard import Dashboard, output_of
from tests.browser.host_site import HostSite, host_site

JOBS = Path(__file__).parent / "console" / "jobs.py"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("console-app") / "dist"
    write_site(folder, "Bakery & Sons")
    return folder


def write_site(folder: Path, title: str) -> None:
    page = ROOT / "build" / "console"
    bundle.write(bundle.plan(sources(JOBS, dict(bundle.SPA_OPTIONS), page=page, title=title)), folder)


@pytest.fixture(scope="module")
def site(built: Path) -> Iterator[HostSite]:
    """A host that sends no headers, and has the folder at ``/app/``."""
    with host_site(built) as site:
        yield site


def test_title_is_in_window_header_and_app(site: HostSite, chromium: Chromium) -> None:
    page = chromium.open(site.url + "app/")
    expect(page).to_have_title("Bakery & Sons")
    expect(page.get_by_role("heading", level=1)).to_have_text("Bakery & Sons")
    assert app_manifest(page)["name"] == "Bakery & Sons"


def test_console_can_be_installed(site: HostSite, chromium: Chromium) -> None:
    page = chromium.open(site.url + "app/")
    session = page.context.new_cdp_session(page)
    assert session.send("Page.getInstallabilityErrors") == {"installabilityErrors": []}
    assert session.send("Page.getAppManifest")["errors"] == []
    # Two folders of one host are two apps.
    assert session.send("Page.getAppId")["appId"] == site.url + "app/"
    app = app_manifest(page)
    assert app["scope"] == app["startUrl"] == site.url + "app/"
    assert {image["formFactor"] for image in app["screenshots"]} == {"kWide", "kNarrow"}


def test_images_are_as_large_as_the_manifest_says(built: Path) -> None:
    app = json.loads((built / "manifest.webmanifest").read_bytes())
    images = [image for image in app["icons"] + app["screenshots"] if image["type"] == "image/png"]
    assert len(images) == 5
    for image in images:
        width, height = struct.unpack(">II", (built / image["src"]).read_bytes()[16:24])
        assert image["sizes"] == f"{width}x{height}"


def test_same_title_makes_the_same_bytes(tmp_path: Path, built: Path) -> None:
    write_site(tmp_path / "again", "Bakery & Sons")
    for path in built.rglob("*.*"):
        assert path.read_bytes() == (tmp_path / "again" / path.relative_to(built)).read_bytes()


# ---------------------------------------------------------------- without a network, and new versions


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The first version of a site, which changes."""
    write_site(tmp_path / "dist", "Bakery")
    return tmp_path / "dist"


def visit(chromium: Chromium, address: str) -> Page:
    """The page, once it works offline. What looks at it counts as a person: it does not reload by itself."""
    page = chromium.open(address)
    expect(page.get_by_text("Works offline", exact=True)).to_be_visible()
    wait_until_ready(page)
    return page


def look_for_a_new_version(page: Page) -> None:
    """As browsers do when a page is visited."""
    page.evaluate("async () => void (await (await navigator.serviceWorker.getRegistration()).update())")


def trigger(page: Page, job: str) -> Locator:
    """The run, as it is shown."""
    return Dashboard(page).trigger(job, '{ "loaves": 2, "flour": "rye" }' if job == "bake" else "{}")


def test_page_says_that_it_works_offline_and_does(folder: Path, chromium: Chromium) -> None:
    with host_site(folder) as site:
        page = visit(chromium, site.url + "app/")
    # Nobody answers any more.
    chromium.context.set_offline(offline=True)
    page.reload()
    expect(page.get_by_text("You are offline, and it works.")).to_be_visible()
    expect(page).to_have_title("Bakery")
    assert page.evaluate("document.images[0].naturalWidth") > 0
    expect(output_of(trigger(page, "bake"))).to_contain_text("baked:2")


def test_update_waits_for_the_person_and_runs_go_on(folder: Path, chromium: Chromium) -> None:
    with host_site(folder) as site:
        page = visit(chromium, site.url + "app/")
        other = chromium.open(site.url + "app/")
        expect(other.get_by_text("engine in another tab")).to_be_visible()
        trigger(page, "rest")
        expect(Dashboard(page).rows).to_contain_text(["Running"])
        write_site(folder, "Better bakery")
        look_for_a_new_version(page)
        update = page.get_by_role("button", name="Update")
        expect(update).to_be_visible()
        expect(other.get_by_role("button", name="Update")).to_be_visible()
        expect(page.get_by_role("heading", level=1)).to_have_text("Bakery")
        expect(Dashboard(page).rows).to_contain_text(["Running"])
        # With the keyboard alone.
        update.focus()
        page.keyboard.press("Enter")
        for each in (page, other):
            expect(each.get_by_role("heading", level=1)).to_have_text("Better bakery")
            expect(each.get_by_role("button", name="Update")).to_have_count(0)
        # Either of them has the engine now.
        other.close()
        expect(Dashboard(page).rows).to_contain_text(["Running"])


def test_page_of_the_demo_lets_the_person_choose_too(tmp_path: Path, chromium: Chromium) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "jobs.py").write_text(f"{JOBS.read_text()}\n# {name}\n")
    folder = tmp_path / "dist"
    bundle.write(bundle.plan(sources(tmp_path / "one" / "jobs.py", dict(bundle.SPA_OPTIONS))), folder)
    with host_site(folder) as site:
        page = chromium.open(site.url + "app/")
        wait_until_ready(page)
        page.evaluate("async () => void (await navigator.serviceWorker.ready)")
        before = page.evaluate("durably.status.versions.build")
        bundle.write(bundle.plan(sources(tmp_path / "two" / "jobs.py", dict(bundle.SPA_OPTIONS))), folder)
        look_for_a_new_version(page)
        page.get_by_role("button", name="Update").click()
        page.wait_for_function(
            "(before) => ![null, undefined, before].includes(window.durably?.status.versions.build)", arg=before
        )
        expect(page.get_by_text("A new version is there.")).to_have_count(0)


def test_version_that_is_not_whole_is_told_and_not_taken(folder: Path, chromium: Chromium) -> None:
    with host_site(folder) as site:
        page = visit(chromium, site.url + "app/")
        write_site(folder, "Better bakery")
        (folder / "config.json").write_text("half of")
        page.reload()
        expect(page.get_by_text("A new version could not be downloaded")).to_be_visible()
        expect(page.get_by_role("heading", level=1)).to_have_text("Bakery")
        write_site(folder, "Better bakery")
        page.reload()
        expect(page.get_by_role("button", name="Update")).to_be_visible()


def test_browsers_offer_to_install_is_a_button(folder: Path, chromium: Chromium) -> None:
    with host_site(folder) as site:
        page = visit(chromium, site.url + "app/")
        expect(page.get_by_role("button", name="Install")).to_be_visible()


def test_console_of_a_server_says_nothing_of_it(tmp_path: Path, chromium: Chromium) -> None:
    (tmp_path / "jobs.py").write_text(JOBS.read_text())
    with serving(tmp_path, DURABLY, "serve", "jobs.py", "--port", "0") as server:
        page = chromium.open(server.wait_for(r"(http://\S+:\d+)"))
        expect(page).to_have_title("Jobs")
        wait_until_ready(page)
        expect(page.locator(".offline")).to_be_empty()
        assert page.evaluate("navigator.serviceWorker.controller") is None


def app_manifest(page: Page) -> dict[str, Any]:
    """As the browser understands it."""
    manifest: dict[str, Any] = page.context.new_cdp_session(page).send("Page.getAppManifest")["manifest"]
    return manifest
