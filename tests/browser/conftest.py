"""Real Chromium, real OPFS: a profile on disk, a server on this machine, bundles built by the bundler."""

import faulthandler
import sys
import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest
from playwright.sync_api import Playwright, expect

from spa_runtime import bundle
from tests.browser.browser import Chromium, Site, children, command, launched, served

# How long a fact may take to appear: a bound for hung tests, on machines that may be slow.
PATIENCE_MS = 60_000
MOST_S = 420
"""What no test takes, with what it prepares: four times the longest, beside others."""
STDERR = 2
expect.set_options(timeout=PATIENCE_MS)

ROOT = Path(__file__).parent.parent.parent
JOBS = Path(__file__).parent / "jobs" / "jobs.py"
AN_HOUR_MS = 3_600_000


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Not everything that is asked of a browser has a bound: one that never answers ends here."""
    timer = threading.Timer(MOST_S, end_what_hangs, [item.nodeid])
    timer.start()
    try:
        return (yield)
    finally:
        timer.cancel()


def end_what_hangs(test: str) -> None:
    """What waits for a browser, or for another program, waits no longer, and the test fails."""
    sys.stderr.write(f"{test} had no end within {MOST_S} s: its programs are killed.\n")
    faulthandler.dump_traceback(STDERR)
    for child in children(psutil.Process()):
        # Playwright's own has to tell that its browser is gone.
        if "run-driver" not in command(child):
            with suppress(psutil.Error):
                child.kill()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """How long hostile code took to stop, and how it was stopped."""
    reports = [*terminalreporter.stats.get("passed", []), *terminalreporter.stats.get("failed", [])]
    lines = [
        value
        for report in reports
        for name, value in getattr(report, "user_properties", [])
        if name == "stopped"
    ]
    if lines:
        terminalreporter.section("Code that does not want to stop: until its concurrency key is free")
        for line in sorted(lines):
            terminalreporter.write_line(line)


LONGEST = (
    "upgrades",
    "embedding",
    "snapshot",
    "offline",
    "stopping",
    "deploys",
    "hooks",
    "storage",
    "page",
    "memory",
    "lifecycle",
    "new_command",
    "conformance",
    "tabs",
    "firefox",
    "console_app",
    "hosts",
    "workflows",
    "faults",
    "dashboard_jobs",
    "vite_plugin",
    "tab_storm",
    "storage_page",
    "original_client",
    "csp",
    "overview",
    "isolation",
    "crash",
)
"""Files that take more than a minute. Processes that share the tests begin with these, and end together."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    ranks = {f"test_{name}.py": rank for rank, name in enumerate(LONGEST)}
    items.sort(key=lambda item: ranks.get(item.path.name, len(ranks)))


@pytest.fixture(scope="session")
def test_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The page over the jobs in ``tests/browser/jobs``, with leases that outlast any test."""
    # No renewals and no maintenance either: each would be one more flush.
    with site_with(
        tmp_path_factory,
        lease_ms=AN_HOUR_MS,
        lease_renew_interval_ms=AN_HOUR_MS // 2,
        maintenance_interval_ms=24 * AN_HOUR_MS,
    ) as site:
        yield site


@pytest.fixture(scope="session")
def impatient_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The same with an engine that gives up a run at its second fruitless attempt."""
    with site_with(tmp_path_factory, max_attempts=2) as site:
        yield site


@pytest.fixture(scope="session")
def leasing_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The same with the leases that a page has: three seconds, renewed twice in each."""
    with site_with(tmp_path_factory) as site:
        yield site


@contextmanager
def site_with(tmp_path_factory: pytest.TempPathFactory, **options: Any) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("bundle") / "site"
    planned = sources(JOBS, {**bundle.SPA_OPTIONS, **options})
    # A service worker downloads everything again. What is about it has sites of its own.
    bundle.write(bundle.plan(replace(planned, offline=bundle.Offline(enabled=False))), folder)
    with served(folder) as site:
        yield site


@pytest.fixture(scope="session")
def demo_site() -> Iterator[Site]:
    """What ``make demo`` builds."""
    with served(ROOT / "build" / "demo") as site:
        yield site


def sources(
    jobs: Path, options: dict[str, Any], *, page: Path = ROOT / "build" / "page", title: str | None = None
) -> bundle.Sources:
    return bundle.Sources(
        jobs=jobs,
        page=page,
        title=title,
        pyodide=ROOT / "build" / "pyodide",
        wheels=ROOT / "build" / "wheels",
        options=options,
    )


@pytest.fixture
def chromium(playwright: Playwright, tmp_path: Path) -> Iterator[Chromium]:
    with launched(playwright, tmp_path / "profile") as browser:
        browser.context.set_default_timeout(PATIENCE_MS)
        yield browser


@pytest.fixture(scope="module")
def shared_chromium(playwright: Playwright, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    """For tests that leave each other alone: a start of Python costs seconds."""
    with launched(playwright, tmp_path_factory.mktemp("shared") / "profile") as browser:
        browser.context.set_default_timeout(PATIENCE_MS)
        yield browser
