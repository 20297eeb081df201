"""A built folder on each host, at its root and below: headers, caching, and jobs that run."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import BrowserContext, Page, Playwright, expect

from spa_runtime.bundle import hosts
from spa_runtime.headers import Isolation, security_policy, site_headers
from tests.browser.browser import app_served, launched
from tests.browser.commands import DURABLY, serving
from tests.browser.conftest import PATIENCE_MS, ROOT
from tests.browser.dashboard import Dashboard, output_of
from tests.browser.hosts import Asked, CloudflarePages, GitHubPages, Netlify, StaticHost, Vercel
from tests.browser.test_console import JOBS

SENT = site_headers(Isolation.require_corp, security_policy())
INLINE_SCRIPT = """
() => {
  const script = document.createElement('script')
  script.text = 'globalThis.wasExecuted = true'
  document.body.append(script)
  return globalThis.wasExecuted === true
}
"""
HASHED = ("assets/", "durably/immutable/")
FOR_EVER = "public, max-age=31536000, immutable"
TYPES = {
    ".mjs": "text/javascript",
    ".wasm": "application/wasm",
    ".webmanifest": "application/manifest+json",
}
HOSTING = (ROOT / "docs" / "hosting.md").read_text("utf-8")


@dataclass(frozen=True)
class Published:
    """A built folder on a host."""

    host: StaticHost
    site: str
    """Where the host serves."""
    place: str
    """Of the folder there: ``""``, or ``app/``."""

    @property
    def url(self) -> str:
        return self.site + self.place

    def names(self) -> list[str]:
        """Of the folder's files, but for those that are for the host."""
        names = [name.removeprefix(self.place) for name in self.host.names() if name.startswith(self.place)]
        return [name for name in names if name not in hosts.FILES]

    def name_of(self, asked: Asked) -> str:
        return asked.path.removeprefix(f"/{self.place}")

    def get(self, name: str) -> httpx.Response:
        """From the address that it has on this host."""
        return httpx.get(self.url + name, follow_redirects=True, timeout=60)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("built")
    shutil.copy(JOBS, folder)
    with serving(folder, DURABLY, "build", "jobs.py", "--wheels", ROOT / "build/wheels") as build:
        build.wait_for(r"(dist: \d+ files)")
    return folder / "dist"


RULED: list[type[StaticHost]] = [Netlify, CloudflarePages, Vercel]
"""They send what they are told to."""
ALL: list[type[StaticHost]] = [*RULED, GitHubPages]


def at_both_places(*hosts: type[StaticHost]) -> pytest.MarkDecorator:
    """At the root of each host, and below."""
    params = [
        pytest.param((host, place), id=f"{host.__name__}-{'below' if place else 'root'}")
        for host in hosts
        for place in ("", "app/")
    ]
    return pytest.mark.parametrize("published", params, indirect=True)


EVERYWHERE = at_both_places(*ALL)
WHERE_RULES_ARE_READ = at_both_places(*RULED)


def in_the_browser(*hosts: type[StaticHost]) -> pytest.MarkDecorator:
    """At one place of each host. At the other it sends the same, file by file: those above have seen it."""
    params = [
        pytest.param((host, BROWSED[host]), id=f"{host.__name__}-{'below' if BROWSED[host] else 'root'}")
        for host in hosts
    ]
    return pytest.mark.parametrize("published", params, indirect=True)


BROWSED = {Netlify: "", CloudflarePages: "app/", Vercel: "app/", GitHubPages: "app/"}
"""A page on GitHub is below, unless it is someone's only one."""


@pytest.fixture(scope="module")
def published(
    request: pytest.FixtureRequest, built: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Published]:
    make, place = request.param
    folder = tmp_path_factory.mktemp("published")
    shutil.copytree(built, folder / "site" / place)
    if place:
        (folder / "site/index.html").write_text("<h1>Another page</h1>")
        tell_host_of_folder(folder)
    host = make(folder / "site")
    with app_served(host, folder) as site:
        yield Published(host, site.url, place)


def tell_host_of_folder(folder: Path) -> None:
    """As the documentation says, with its own commands."""
    headers, vercel = re.findall(r"^sed .*app/.*$", HOSTING, re.MULTILINE)
    subprocess.run(headers, shell=True, cwd=folder, check=True)
    rules = subprocess.run(vercel, shell=True, cwd=folder, check=True, capture_output=True, text=True).stdout
    (folder / "site/vercel.json").write_text(json.dumps({"trailingSlash": True, **json.loads(rules)}))


# ---------------------------------------------------------------- headers


@WHERE_RULES_ARE_READ
def test_every_file_has_its_headers(published: Published) -> None:
    names = published.names()
    assert len(names) >= 12
    # A page for addresses at which there is nothing, which is not asked for by its own.
    names.remove("404.html")
    for name in ["", *names]:
        answer = published.get(name)
        assert answer.status_code == 200, name
        # Each once: a value that two rules have made is none.
        assert {each: answer.headers.get_list(each) for each in SENT} == {each: [SENT[each]] for each in SENT}
        is_hashed = name.startswith(HASHED)
        assert answer.headers.get_list("cache-control") == [FOR_EVER if is_hashed else "no-cache"], name
        if kind := TYPES.get(Path(name).suffix):
            assert answer.headers["content-type"] == kind


@EVERYWHERE
def test_files_come_as_they_are(published: Published, built: Path) -> None:
    for name in published.names():
        assert published.get(name).content == (built / name).read_bytes(), name


@at_both_places(GitHubPages)
def test_github_keeps_everything_for_ten_minutes(published: Published) -> None:
    for name in published.names():
        headers = published.get(name).headers
        assert headers["cache-control"] == "max-age=600"
        assert not headers.keys() & {each.lower() for each in SENT}


@pytest.mark.parametrize(
    "published",
    [pytest.param((host, "app/"), id=host.__name__) for host in ALL],
    indirect=True,
)
def test_folder_is_found_without_its_slash(published: Published) -> None:
    assert str(httpx.get(published.url.rstrip("/"), follow_redirects=True).url) == published.url


@EVERYWHERE
def test_page_relies_on_nothing_that_is_for_the_host(published: Published) -> None:
    listed = published.get("durably/manifest.json").json()["files"]
    assert listed.keys() >= {"../index.html", "../config.json"}
    assert not {f"../{name}" for name in hosts.FILES} & listed.keys()


# ---------------------------------------------------------------- in the browser


@contextmanager
def opened(playwright: Playwright, profile: Path, *, has_service_workers: bool) -> Iterator[BrowserContext]:
    with launched(playwright, profile, obeys_csp=True, has_service_workers=has_service_workers) as browser:
        browser.context.set_default_timeout(PATIENCE_MS)
        yield browser.context


@pytest.fixture
def context(playwright: Playwright, tmp_path: Path) -> Iterator[BrowserContext]:
    with opened(playwright, tmp_path, has_service_workers=True) as context:
        yield context


@pytest.fixture
def plain_context(playwright: Playwright, tmp_path: Path) -> Iterator[BrowserContext]:
    """Without service workers: what is kept between visits is what the host said."""
    with opened(playwright, tmp_path, has_service_workers=False) as context:
        yield context


def visit(context: BrowserContext, url: str) -> Page:
    """The page, when it has run a job."""
    page = context.new_page()
    page.goto(url)
    pane = Dashboard(page).trigger("bake", '{ "loaves": 2, "flour": "rye" }')
    expect(output_of(pane)).to_contain_text("baked:2")
    return page


@in_the_browser(*RULED)
def test_jobs_run_isolated_and_the_second_visit_loads_nothing_twice(
    published: Published, plain_context: BrowserContext
) -> None:
    with published.host.listening() as first:
        page = visit(plain_context, published.url)
        assert page.evaluate("crossOriginIsolated") is True
        page.close()
    with published.host.listening() as second:
        visit(plain_context, published.url)
    asked = {published.name_of(each): each.status for each in first}
    assert {asked[name] for name in asked if name.startswith(HASHED)} == {200}
    # What has its hash in its name is not asked for; what it is called by is, and is still the same.
    again = {published.name_of(each): each.status for each in second}
    assert [name for name in again if name.startswith(HASHED)] == []
    assert again[""] == again["durably/manifest.json"] == 304
    assert set(again.values()) == {304}


@in_the_browser(GitHubPages)
def test_jobs_run_on_github_without_isolation(published: Published, plain_context: BrowserContext) -> None:
    page = visit(plain_context, published.url)
    assert page.evaluate("crossOriginIsolated") is False
    page.close()
    with published.host.listening() as second:
        visit(plain_context, published.url)
    # Within ten minutes, only that which the page always asks for.
    assert {(published.name_of(each), each.status) for each in second} == {("durably/manifest.json", 304)}


@pytest.mark.parametrize("is_console", [True, False])
def test_file_that_was_asked_for_too_early_is_asked_for_again(
    built: Path, plain_context: BrowserContext, tmp_path: Path, is_console: bool
) -> None:
    shutil.copytree(built, tmp_path / "site")
    [app] = (tmp_path / "site/durably/immutable").glob("app-*.zip")
    # It answers with the page, to be kept for ever, unless there is another for what is missing.
    if not is_console:
        (tmp_path / "site/404.html").unlink()
    hidden = app.rename(tmp_path / app.name)
    with app_served(CloudflarePages(tmp_path / "site"), tmp_path) as site:
        early = httpx.get(f"{site.url}durably/immutable/{app.name}")
        told = (404, "no-store") if is_console else (200, FOR_EVER)
        assert (early.status_code, early.headers["cache-control"]) == told
        page = plain_context.new_page()
        page.goto(site.url)
        expect(page.get_by_role("alert").first).to_contain_text(f"{app.name} could not be loaded")
        page.close()
        hidden.rename(app)
        visit(plain_context, site.url)


@in_the_browser(*ALL)
def test_second_visit_is_isolated_and_needs_no_network(published: Published, context: BrowserContext) -> None:
    first = context.new_page()
    first.goto(published.url)
    assert first.evaluate("async () => (await navigator.serviceWorker.ready).active.scriptURL") == (
        f"{published.url}sw.js"
    )
    first.close()
    context.set_offline(True)
    with published.host.listening() as second:
        page = visit(context, published.url)
        assert page.evaluate("crossOriginIsolated") is True
    assert {published.name_of(each) for each in second} <= {"sw.js"}


@in_the_browser(GitHubPages)
def test_second_visit_to_github_obeys_the_policy(published: Published, context: BrowserContext) -> None:
    first = context.new_page()
    first.goto(published.url)
    assert first.evaluate("async () => (await navigator.serviceWorker.ready).active !== null")
    first.close()
    page = context.new_page()
    for address, is_executed in ((published.url, False), (f"{published.url}none", True)):
        page.goto(address)
        assert page.evaluate(INLINE_SCRIPT) is is_executed
