"""The console as an app: its name, installed, without a network, and when a new version comes."""

import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from spa_runtime import bundle
from tests.browser.browser import Chromium
from tests.browser.conftest import ROOT, sources
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


def app_manifest(page: Page) -> dict[str, Any]:
    """As the browser understands it."""
    manifest: dict[str, Any] = page.context.new_cdp_session(page).send("Page.getAppManifest")["manifest"]
    return manifest
