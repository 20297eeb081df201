"""How long a page needs from its navigation to an engine that is ready, and to the first run that it completed.

``make bench-startup`` builds what is needed and runs this in real Chromium: the first visit, a reload, and a
new browser without a network. Beside it, in the same rounds, the reference, and Pyodide alone as npm has it.
Each round is a profile of its own; who is first in it changes. Milliseconds, medians of the rounds.
"""

import argparse
import json
import statistics
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Page, Playwright, sync_playwright

from bench.browser import SNAPSHOT, measured
from bench.spa.__main__ import BUILD, build
from tests.browser.offline.host import Files, Host, deployed

ROOT = Path(__file__).parent.parent
STOCK = ROOT / "web" / "node_modules" / "pyodide"
STOCK_FILES = ("pyodide.mjs", "pyodide.asm.mjs", "pyodide.asm.wasm", "python_stdlib.zip", "pyodide-lock.json")
RELOADS = 2
"""The second one is measured: browsers keep compiled code at the first."""
PAUSE_MS = 1500
Found = dict[str, float]
Rows = dict[str, Found]


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench-startup", description=__doc__)
    parser.add_argument("--rounds", type=int, default=10)
    rounds = parser.parse_args().rounds
    build()
    files = site()
    subjects = {"ours": ours, "reference": reference, "Pyodide alone": bare}
    found: dict[str, list[Rows]] = {name: [] for name in subjects}
    with sync_playwright() as playwright, deployed(files) as host:
        for number in range(rounds):
            names = [*subjects]
            for name in names[number % 3 :] + names[: number % 3]:
                found[name].append(subjects[name](playwright, host))
            newest = {name: rows[-1] for name, rows in found.items()}
            print(f"round {number + 1}: {json.dumps(newest)}", flush=True)
    report(found)


def site() -> Files:
    """What was built, and Pyodide as it comes from npm."""
    folder = BUILD / "slots-1"
    files = {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }
    wheels = sorted((ROOT / "build" / "wheels").glob("*.whl"))
    # In the order in which they can be imported.
    stock = {name: (STOCK / name).read_bytes() for name in STOCK_FILES}
    stock |= {wheel.name: wheel.read_bytes() for wheel in wheels}
    stock["wheels.json"] = json.dumps([wheel.name for wheel in wheels]).encode()
    return files | {f"stock/{name}": content for name, content in stock.items()}


def ours(playwright: Playwright, host: Host) -> Rows:
    url = host.url + "startup/ours.html"
    rows: Rows = {}
    with profile() as folder:
        with measured(playwright, folder, timeout_ms=60_000) as context:
            page = context.new_page()
            rows["first visit"] = visited(page, url)
            page.wait_for_function("window.offline.status.state === 'ready'")
            while not page.evaluate(SNAPSHOT):
                page.wait_for_timeout(PAUSE_MS)
            rows["reload"] = reloaded(page)
        with host.offline(), measured(playwright, folder, timeout_ms=60_000) as context:
            rows["offline, new browser"] = visited(context.new_page(), url)
    rows |= {
        f"{visit}, no snapshot": found for visit, found in online(playwright, url + "?snapshot=false").items()
    }
    return rows


def reference(playwright: Playwright, host: Host) -> Rows:
    return online(playwright, host.url + "startup/reference.html")


def bare(playwright: Playwright, host: Host) -> Rows:
    return online(playwright, host.url + "startup/bare.html?pyodide=../stock")


def online(playwright: Playwright, url: str) -> Rows:
    with profile() as folder, measured(playwright, folder, timeout_ms=60_000) as context:
        page = context.new_page()
        return {"first visit": visited(page, url), "reload": reloaded(page)}


@contextmanager
def profile() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        yield Path(folder)


def visited(page: Page, url: str) -> Found:
    page.goto(url)
    return complete(page)


def reloaded(page: Page) -> Found:
    found: Found = {}
    for _ in range(RELOADS):
        page.wait_for_timeout(PAUSE_MS)
        page.reload()
        found = complete(page)
    return found


def complete(page: Page) -> Found:
    page.wait_for_function("window.isComplete === true")
    found: Found = page.evaluate("window.found")
    return found


def report(found: dict[str, list[Rows]]) -> None:
    print(f"\n{'median (least - most), ms':36}{'':24}")
    for name, rounds in found.items():
        for visit in rounds[0]:
            for what in rounds[0][visit]:
                each = [rows[visit][what] for rows in rounds]
                label = f"{name}: {visit}"
                print(f"{label:36}{what:12}{statistics.median(each):8.0f}  ({min(each):.0f} - {max(each):.0f})")


if __name__ == "__main__":
    main()
