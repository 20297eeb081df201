"""Versions of a site, and what tests do with its pages."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from playwright.sync_api import Page

from spa_runtime import bundle
from spa_runtime.bundle import Offline
from spa_runtime.headers import Isolation
from tests.browser.browser import Chromium, trigger, wait_until_ready
from tests.browser.conftest import ROOT, sources
from tests.browser.offline.host import Files, Host, files_of

JOBS = Path(__file__).parent / "jobs" / "jobs.py"


class Sites:
    """Builds each version once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._built: dict[object, Files] = {}

    def __call__(
        self,
        page: str,
        *,
        jobs: str | None = None,
        offline: Offline | None = None,
        isolation: Isolation = Isolation.require_corp,
    ) -> Files:
        """A page of ``web/offline``, with the code of jobs of the same version unless another is named."""
        key = (page, jobs, offline, isolation)
        if key not in self._built:
            plan = bundle.plan(
                replace(
                    sources(self._jobs(jobs or page), bundle.SPA_OPTIONS, page=ROOT / "build/offline" / page),
                    offline=offline or Offline(),
                    isolation=isolation,
                )
            )
            self._built[key] = files_of(plan)
        return self._built[key]

    def _jobs(self, version: str) -> Path:
        path = self._folder / version / "jobs.py"
        path.parent.mkdir(exist_ok=True)
        text = JOBS.read_text("utf-8")
        path.write_text(text.replace('VERSION = "v1"', f'VERSION = "{version}"'), "utf-8")
        return path


# ---------------------------------------------------------------- pages


def visit(chromium: Chromium, host: Host, path: str = "") -> Page:
    """A page that works offline, with an engine that is ready."""
    page = chromium.open(host.url + path)
    wait_until_offline(page)
    wait_until_ready(page)
    return page


def wait_until_offline(page: Page) -> None:
    page.wait_for_function("window.offline?.status.state === 'ready' && navigator.serviceWorker.controller")


def wait_for_version(page: Page, version: str) -> None:
    page.wait_for_function("(version) => window.version === version", arg=version)


def status(page: Page) -> dict[str, Any]:
    told: dict[str, Any] = page.evaluate("window.offline.status")
    return told


def check(page: Page) -> None:
    """Look for a new version, whatever comes of it."""
    page.evaluate("window.offline.check().catch(() => undefined)")


def wait_for_update(page: Page) -> None:
    check(page)
    page.wait_for_function("window.offline.status.update === 'available'")


def update(page: Page) -> None:
    """The person's choice. The page is left in the middle of it."""
    page.evaluate("void window.offline.update()")


def expect_whole(page: Page, version: str) -> None:
    """All that the page loads is of that version."""
    page.wait_for_function("window.parts !== undefined")
    parts: dict[str, str] = page.evaluate("window.parts()")
    assert set(parts.values()) == {version}, parts


def work(page: Page, name: str, count: int = 3, pause_ms: int = 0) -> str:
    return trigger(page, "work", {"name": name, "count": count, "pause_ms": pause_ms})


def marks(page: Page) -> dict[tuple[str, int], int]:
    """How often each step of each run was carried out, by what it left in the database."""
    sql = "SELECT name, number, count(*) FROM marks GROUP BY name, number"
    rows = page.evaluate("async (sql) => (await window.durably.query(sql, [], {})).rows", sql)
    return {(name, number): count for name, number, count in rows}


def caches_of(page: Page) -> list[str]:
    """Their names, those of other sites on the origin among them."""
    names: list[str] = page.evaluate("caches.keys()")
    return names
