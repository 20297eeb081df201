"""What each kind of isolation gives and takes, sent by the host or added by the service worker."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, Playwright
from starlette.responses import Response

from spa_runtime import serve
from tests.browser.browser import app_served, launched
from tests.browser.commands import DURABLY, serving
from tests.browser.conftest import PATIENCE_MS, ROOT
from tests.browser.host_site import PIXEL
from tests.browser.hosts import GitHubPages
from tests.browser.test_console import JOBS

LOADS = """
(address) => new Promise((resolve) => {
  const image = new Image()
  image.onload = () => resolve(true)
  image.onerror = () => resolve(false)
  image.src = address
})
"""


@pytest.fixture(scope="module", params=["require-corp", "credentialless", "none"])
def isolation(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def built(isolation: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("built")
    shutil.copy(JOBS, folder)
    options = ("--wheels", ROOT / "build/wheels", "--isolation", isolation, "--csp", "none")
    with serving(folder, DURABLY, "build", "jobs.py", *options) as build:
        build.wait_for(r"(dist: \d+ files)")
    return folder / "dist"


@pytest.fixture(scope="module", params=["host", "service worker"])
def page(
    request: pytest.FixtureRequest,
    built: Path,
    playwright: Playwright,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Page]:
    """The second load of the console."""
    app = serve.static_app(built) if request.param == "host" else GitHubPages(built)
    profile = tmp_path_factory.mktemp("profile")
    with app_served(app, built) as site, launched(playwright, profile) as browser:
        browser.context.set_default_timeout(PATIENCE_MS)
        first = browser.open(site.url)
        assert first.evaluate("async () => (await navigator.serviceWorker.ready).active !== null")
        first.close()
        yield browser.open(site.url)


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[str]:
    """Another site, which has nothing to say about who may show its image."""
    with app_served(Response(PIXEL, media_type="image/gif"), Path()) as site:
        yield site.url.replace("localhost", "127.0.0.1")


def test_page_is_isolated_unless_told_otherwise(page: Page, isolation: str) -> None:
    assert page.evaluate("crossOriginIsolated") is (isolation != "none")


def test_images_of_others_are_blocked_by_require_corp_alone(page: Page, isolation: str, elsewhere: str) -> None:
    assert page.evaluate(LOADS, elsewhere) is (isolation != "require-corp")


def test_windows_of_others_are_cut_off_by_isolation(page: Page, isolation: str, elsewhere: str) -> None:
    with page.context.expect_page() as opened:
        page.evaluate("(address) => void window.open(address)", elsewhere)
    popup = opened.value
    popup.wait_for_load_state()
    assert popup.evaluate("window.opener === null") is (isolation != "none")
    popup.close()
