"""The Content-Security-Policy of a built site: page, worker and service worker break no rule of it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, Playwright, Worker, expect
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from spa_runtime import serve
from tests.browser.browser import app_served, launched, wait_for
from tests.browser.commands import DURABLY, serving
from tests.browser.conftest import PATIENCE_MS, ROOT
from tests.browser.dashboard import Dashboard, output_of
from tests.browser.test_console import JOBS
from tests.browser.test_page import start_sample
from tests.browser.test_vite_plugin import count
from tests.browser.vite import copy_example

REPORTS = "/reports"
STRICTEST = ("connect-src 'self'", "require-trusted-types-for 'script'", f"report-uri {REPORTS}")
LISTEN = """
() => {
  globalThis.violations = []
  addEventListener('securitypolicyviolation', (event) => violations.push(event.violatedDirective))
}
"""
ASKING = """
from durably_core import StepContext, job
from pydantic import BaseModel


class Address(BaseModel):
    url: str


class Answer(BaseModel):
    text: str


@job("ask")
async def ask(step: StepContext, address: Address) -> Answer:
    return Answer(text=await step.run("ask", fetched, address.url))


async def fetched(url: str) -> str:
    from pyodide.http import pyfetch

    return await (await pyfetch(url)).text()
"""


@dataclass(frozen=True)
class Watched:
    """A site, and what browsers report of it: all contexts, from their first line on."""

    app: ASGIApp
    reports: list[str] = field(default_factory=list)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope.get("path") != REPORTS:
            await self.app(scope, receive, send)
            return
        report = json.loads(await Request(scope, receive).body())["csp-report"]
        self.reports.append(f"{report['effective-directive']} by {report['document-uri']}")
        await Response(status_code=204)(scope, receive, send)


@dataclass(frozen=True)
class Visit:
    """A page and its worker, with what each of them heard."""

    page: Page
    worker: Worker
    watched: Watched

    def violations(self) -> list[str]:
        """Of the strict policy: what page and worker heard, and what the browser reported."""
        heard: list[str] = self.page.evaluate("violations") + self.worker.evaluate("violations")
        return [*heard, *self.watched.reports]


@contextmanager
def visit_to(folder: Path, playwright: Playwright, profile: Path) -> Iterator[Visit]:
    watched = Watched(serve.static_app(folder))
    with app_served(watched, folder) as site, launched(playwright, profile, obeys_csp=True) as browser:
        browser.context.set_default_timeout(PATIENCE_MS)
        browser.context.add_init_script(f"({LISTEN})()")
        page = browser.context.new_page()
        with page.expect_event("worker") as started:
            page.goto(site.url)
        started.value.evaluate(LISTEN)
        yield Visit(page, started.value, watched)


def built(folder: Path, jobs: str, *directives: str) -> Path:
    """A site of those jobs."""
    folder.mkdir()
    (folder / "jobs.py").write_text(jobs, "utf-8")
    csp = [word for directive in directives for word in ("--csp", directive)]
    with serving(folder, DURABLY, "build", "jobs.py", "--wheels", ROOT / "build/wheels", *csp) as build:
        build.wait_for(r"(dist: \d+ files)")
    return folder / "dist"


@pytest.fixture(scope="module")
def strictest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built(tmp_path_factory.mktemp("strictest") / "jobs", JOBS.read_text("utf-8"), *STRICTEST)


def test_no_rule_is_broken_while_jobs_run(strictest: Path, playwright: Playwright, tmp_path: Path) -> None:
    with visit_to(strictest, playwright, tmp_path) as visit:
        console = Dashboard(visit.page)
        pane = console.trigger("bake", '{ "loaves": 3, "flour": "rye" }')
        expect(output_of(pane)).to_contain_text("baked:3")
        pane = console.trigger("burn")
        expect(pane.get_by_role("group", name="Error")).to_contain_text("ValueError: too hot")
        pane = console.trigger("rest")
        expect(pane.get_by_text("Running", exact=True)).to_be_visible()
        pane.get_by_role("button", name="Cancel").click()
        expect(pane.get_by_text("Cancelled", exact=True)).to_be_visible()
        assert visit.page.evaluate("async () => (await durably.storage.export()).size") > 0
        assert visit.page.evaluate("crossOriginIsolated") is True
        assert visit.violations() == []


def test_text_is_never_run_as_code(strictest: Path, playwright: Playwright, tmp_path: Path) -> None:
    with visit_to(strictest, playwright, tmp_path) as visit:
        refused = "(code) => { try { code() } catch (error) { return error.name } return 'done' }"
        for code in ("document.body.innerHTML = '<b>'", "script.text = 'violations = []'"):
            text = f"({refused})(() => {{ const script = document.createElement('script'); {code} }})"
            assert visit.page.evaluate(text) == "TypeError", code
        assert visit.page.evaluate("violations") == ["require-trusted-types-for"] * 2


@contextmanager
def elsewhere() -> Iterator[str]:
    """A site that lets all others read what it answers."""
    headers = {"Access-Control-Allow-Origin": "*", "Cross-Origin-Resource-Policy": "cross-origin"}
    with app_served(Response("Hello", headers=headers), Path()) as site:
        yield site.url.replace("localhost", "127.0.0.1")


def ask(visit: Visit, address: str) -> Locator:
    return Dashboard(visit.page).trigger("ask", json.dumps({"url": address}))


def test_site_that_is_not_named_is_not_asked_and_that_is_heard(playwright: Playwright, tmp_path: Path) -> None:
    site = built(tmp_path / "jobs", ASKING, "connect-src 'self'", f"report-uri {REPORTS}")
    with elsewhere() as address, visit_to(site, playwright, tmp_path / "profile") as visit:
        pane = ask(visit, address)
        expect(pane.get_by_role("group", name="Error")).to_contain_text("Failed to fetch")
        assert visit.worker.evaluate("violations") == ["connect-src"]
        wait_for(visit.page, lambda: visit.watched.reports != [])
        [report] = visit.watched.reports
        assert report.startswith("connect-src by ")
        assert "/assets/entry-" in report


def test_site_that_is_named_is_asked(playwright: Playwright, tmp_path: Path) -> None:
    with elsewhere() as address:
        site = built(tmp_path / "jobs", ASKING, f"connect-src 'self' {address}", f"report-uri {REPORTS}")
        with visit_to(site, playwright, tmp_path / "profile") as visit:
            expect(output_of(ask(visit, address))).to_contain_text('text:"Hello"')
            assert visit.violations() == []


def test_demo_breaks_no_rule(playwright: Playwright, tmp_path: Path) -> None:
    with visit_to(ROOT / "build/demo", playwright, tmp_path) as visit:
        start_sample(visit.page)
        expect(visit.page.get_by_role("img", name="Map of")).to_be_visible()
        assert visit.violations() == []


def test_application_of_vite_breaks_no_rule(playwright: Playwright, tmp_path: Path) -> None:
    project = copy_example(tmp_path / "app")
    config = project.read("vite.config.ts")
    directives = json.dumps([STRICTEST[0], STRICTEST[2], "img-src data:"])
    options = f"types: 'src/jobs.gen.ts', csp: {directives}"
    assert "types: 'src/jobs.gen.ts'" in config
    (project.folder / "vite.config.ts").write_text(config.replace("types: 'src/jobs.gen.ts'", options), "utf-8")
    done = project.build()
    assert done.returncode == 0, done.stdout
    with visit_to(project.folder / "dist", playwright, tmp_path / "profile") as visit:
        count(visit.page, "tick tock tick")
        assert visit.violations() == []
