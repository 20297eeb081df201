"""What visitors of a built site download: the first time, again, without a network, and after a deploy.

``make bench-downloads`` builds what is needed and runs this in real Chromium. Nothing here is about time.
"""

import gzip
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from bench.browser import measured
from spa_runtime import assets, bundle
from spa_runtime.bundle.app_manifest import title_of
from spa_runtime.bundle.library import MORE
from tests.browser.offline.host import Files, Host, deployed, files_of

ROOT = Path(__file__).parent.parent
JOBS = ROOT / "examples" / "demo" / "demo_jobs.py"
CHANGE = "\nCHANGED = True\n"


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        jobs = Path(shutil.copytree(JOBS.parent, Path(folder) / "jobs")) / JOBS.name
        first = built(jobs)
        jobs.write_text(jobs.read_text("utf-8") + CHANGE, "utf-8")
        second = built(jobs)
        with measured(playwright, Path(folder) / "profile", timeout_ms=120_000) as context:
            report(context.new_page(), first, second)


def report(page: Page, first: Files, second: Files) -> None:
    print(f"the console over {JOBS.relative_to(ROOT)}: {len(first)} files, {megabytes(first)}")
    loaded = [content for name, content in first.items() if is_loaded_first(name)]
    packed = sum(len(gzip.compress(content)) for content in loaded) / 1e6
    print(f"its engine loads before it starts: {sum(map(len, loaded)) / 1e6:.2f} MB, {packed:.2f} MB with gzip")
    print(f"{'':40} {'requests':>8} {'MB':>7}")
    with deployed(first) as host:
        measure(host, "first visit", lambda: visit(page, host))
        measure(host, "second visit", lambda: visit(page, host))
        with host.offline():
            visit(page, host)
        host.deploy(second)
        measure(host, "a deploy in which a line of a job changed", lambda: update(page))


def is_loaded_first(name: str) -> bool:
    """Whether the engine can't start without it."""
    return "/immutable/" in name and not name.endswith(MORE)


def built(jobs: Path) -> Files:
    """What ``durably build`` makes, with the packages of the engine alone."""
    sources = bundle.Sources(
        jobs=jobs,
        pyodide=assets.pyodide(),
        wheels=ROOT / "build" / "wheels",
        page=assets.console(),
        title=title_of(jobs),
        console=assets.console(),
        offline=bundle.Offline(),
    )
    return files_of(bundle.plan(sources))


def megabytes(files: Files) -> str:
    return f"{sum(map(len, files.values())) / 1e6:.2f} MB"


def measure(host: Host, what: str, do: Callable[[], None]) -> None:
    host.forget()
    do()
    print(f"{what:40} {len(host.requests):>8} {sum(size for _, size in host.requests) / 1e6:>7.2f}")
    for name, size in sorted(host.requests, key=lambda asked: -asked[1])[:6]:
        print(f"    {name:60} {size / 1e6:>7.3f}")


def visit(page: Page, host: Host) -> None:
    page.goto(host.url)
    wait_until_whole(page)


def update(page: Page) -> None:
    page.reload()
    page.get_by_role("button", name="Update").click()
    with page.expect_event("domcontentloaded"):
        pass
    wait_until_whole(page)


def wait_until_whole(page: Page) -> None:
    page.get_by_text("Works offline").wait_for()
    page.get_by_text("engine in this browser").wait_for()


if __name__ == "__main__":
    main()
