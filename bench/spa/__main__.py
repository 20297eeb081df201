"""Our engine beside the reference and the disk's limit: same Chromium, same server, turn by turn.

``make bench`` builds what is needed and runs this. Every step of both is flushed to disk. Times on a
shared machine move; the ratios of rounds measured next to each other say something.
"""

import argparse
import statistics
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from playwright.sync_api import BrowserContext, Page, sync_playwright

from bench.browser import measured
from spa_runtime import bundle
from tests.browser.browser import served

ROOT = Path(__file__).parent.parent.parent
BUILD = ROOT / "build" / "bench"
ROUNDS = 5
RUNS, STEPS = 50, 5
LATENCIES = 20
WARM_UP_MS = 4000

Row = dict[str, float]


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    rounds = parser.parse_args().rounds
    build()
    with (
        served(BUILD / "site") as site,
        tempfile.TemporaryDirectory() as profile,
        sync_playwright() as playwright,
        measured(playwright, Path(profile), timeout_ms=600_000) as context,
    ):
        print(f"{RUNS} runs of {STEPS} trivial steps, every step flushed; {rounds} rounds, turn by turn")
        ours, reference, limit = [], [], []
        for number in range(rounds):
            limit.append(visit(context, site.url + "limit/", measure_limit))
            reference.append(visit(context, site.url + "reference/", measure))
            ours.append(visit(context, site.url, measure))
            mine, theirs = ours[-1]["steps/s"], reference[-1]["steps/s"]
            print(f"round {number + 1}: {mine:.0f} steps/s, reference {theirs:.1f}")
    report(ours, reference, limit)


def build() -> None:
    """The pages, and our bundle around them."""
    subprocess.run(["npx", "vite", "build", "--logLevel", "error"], cwd=ROOT / "bench" / "spa", check=True)
    sources = bundle.Sources(
        jobs=ROOT / "bench" / "spa" / "jobs" / "jobs.py",
        page=BUILD / "page",
        pyodide=ROOT / "build" / "pyodide",
        wheels=ROOT / "build" / "wheels",
    )
    bundle.write(bundle.plan(sources), BUILD / "site")


def visit(context: BrowserContext, url: str, measurement: Any) -> Row:
    """One measurement on a fresh page, after a warm-up."""
    page = context.new_page()
    page.goto(url)
    page.wait_for_function("window.engineReady")
    row: Row = measurement(page)
    page.close()
    return row


def measure(page: Page) -> Row:
    page.evaluate("([steps, ms]) => window.warmUp(steps, ms)", [STEPS, WARM_UP_MS])
    figures = page.evaluate("([runs, steps]) => window.throughput(runs, steps)", [RUNS, STEPS])
    row = {"steps/s": figures["stepsPerSecond"], "triggers/s": figures["triggersPerSecond"]}
    for steps in (0, STEPS):
        found = page.evaluate("([count, steps]) => window.latencies(count, steps)", [LATENCIES, steps])
        row[f"page to completed, {steps} steps, ms"] = statistics.median(found)
    return row


def measure_limit(page: Page) -> Row:
    return {"writes and flushes/s": page.evaluate("() => window.limit(1000)")}


def report(ours: list[Row], reference: list[Row], limit: list[Row]) -> None:
    print(f"\n{'median':<32}{'ours':>10}{'reference':>12}{'ratio':>9}   ratio per round")
    for name in ours[0]:
        mine, theirs = ([row[name] for row in rows] for rows in (ours, reference))
        # More is better for rates, less for times: a ratio above 1 is in our favour.
        more, less = (theirs, mine) if name.endswith("ms") else (mine, theirs)
        ratios = [a / b for a, b in zip(more, less, strict=True)]
        spread = " ".join(f"{ratio:.0f}" for ratio in ratios)
        print(
            f"{name:<32}{statistics.median(mine):>10.1f}{statistics.median(theirs):>12.1f}"
            f"{statistics.median(ratios):>8.0f}x   {spread}"
        )
    writes = statistics.median(row["writes and flushes/s"] for row in limit)
    print(f"{'limit: writes and flushes/s':<32}{writes:>10.0f}")


if __name__ == "__main__":
    main()
