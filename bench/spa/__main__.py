"""Our engine beside the reference and the disk's limit: same Chromium, same server, turn by turn.

``make bench`` builds what is needed and runs this. Every step of both is flushed to disk.
"""

import argparse
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from playwright.sync_api import BrowserContext, Page, sync_playwright

from bench.browser import measured
from bench.comparison import Row, report
from spa_runtime import bundle
from tests.browser.browser import count_messages, served

ROOT = Path(__file__).parent.parent.parent
BUILD = ROOT / "build" / "bench"
SLOTS = (1, 10)
WARM_UP_MS = 4000
STEPS = 5


@dataclass(frozen=True, slots=True)
class Amounts:
    """How many runs each row takes. An engine that takes a second for 15 steps does fewer of the long rows."""

    runs: tuple[tuple[int, int], ...]
    """Steps, runs."""
    parallel_runs: int
    triggers: int
    steps_in_one_run: int
    batches: tuple[int, ...]
    latencies: int = 20
    counted: int = 20


OURS = Amounts(
    runs=((0, 300), (3, 200), (5, 50), (50, 10)),
    parallel_runs=100,
    triggers=200,
    steps_in_one_run=500,
    batches=(1000, 10_000),
)
REFERENCE = Amounts(
    runs=((0, 30), (3, 20), (5, 50), (50, 2)),
    parallel_runs=20,
    triggers=50,
    steps_in_one_run=100,
    batches=(1000, 10_000),
)
FEW = Amounts(
    runs=((0, 2), (3, 2)),
    parallel_runs=2,
    triggers=2,
    steps_in_one_run=3,
    batches=(60, 80),
    latencies=2,
    counted=2,
)


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--few", action="store_true", help="little of everything: does it work?")
    options = parser.parse_args()
    build()
    with (
        served(BUILD / "slots-1") as site,
        served(BUILD / "slots-10") as parallel,  # an origin of its own
        sync_playwright() as playwright,
    ):
        ours: list[Row] = []
        reference: list[Row] = []
        limit: list[Row] = []
        for number in range(options.rounds):
            for rows, measurement in (
                (limit, Limit(site.url + "limit/")),
                (
                    reference,
                    Engine(
                        site.url + "reference/",
                        parallel.url + "reference/?slots=10",
                        FEW if options.few else REFERENCE,
                    ),
                ),
                (ours, Engine(site.url, parallel.url, FEW if options.few else OURS)),
            ):
                # A database that no one else has filled.
                with (
                    tempfile.TemporaryDirectory() as profile,
                    measured(playwright, Path(profile), timeout_ms=600_000) as context,
                ):
                    rows.append(measurement.measure(context))
            name = "3-step runs/s, 1 slot"
            mine, theirs = ours[-1][name], reference[-1][name]
            print(f"round {number + 1}: {name}: {mine:.0f}, reference {theirs:.1f}", flush=True)
    report(ours, reference, limit)


def build() -> None:
    """The pages, and our bundle around them, once for each number of slots."""
    subprocess.run(["npx", "vite", "build", "--logLevel", "error"], cwd=ROOT / "bench" / "spa", check=True)
    for slots in SLOTS:
        sources = bundle.Sources(
            jobs=ROOT / "bench" / "spa" / "jobs" / "jobs.py",
            page=BUILD / "page",
            pyodide=ROOT / "build" / "pyodide",
            wheels=ROOT / "build" / "wheels",
            options={**bundle.SPA_OPTIONS, "preserve_steps": True, "max_concurrent_runs": slots},
        )
        bundle.write(bundle.plan(sources), BUILD / f"slots-{slots}")


class Engine:
    """Either of them, in the page at the URL, and with ten slots at the other."""

    def __init__(self, url: str, parallel_url: str, amounts: Amounts) -> None:
        self._url = url
        self._parallel_url = parallel_url
        self._amounts = amounts

    def measure(self, context: BrowserContext) -> Row:
        context.add_init_script(count_messages("Worker", "MessagePort"))
        row: Row = self._visit(context, self._url, self._measure_alone)
        row |= self._visit(context, self._parallel_url, self._measure_parallel)
        run_id, row["steps/s in one run"] = self._visit(context, self._url, self._begin_long_run)
        row["replayed steps/s"] = self._visit(context, self._url, lambda page: self._replay(page, run_id))
        for runs in self._amounts.batches:
            row |= self._visit(context, self._url, partial(self._measure_batch, runs))
        return row

    def _visit(self, context: BrowserContext, url: str, measurement: Callable[[Page], Any]) -> Any:
        """What is measured on a fresh page."""
        page = context.new_page()
        page.goto(url)
        page.wait_for_function("window.engineReady")
        found = measurement(page)
        page.close()
        return found

    def _measure_alone(self, page: Page) -> Row:
        amounts = self._amounts
        page.evaluate("([steps, ms]) => warmUp(steps, ms)", [STEPS, WARM_UP_MS])
        row: Row = {"triggers/s, one by one": page.evaluate(f"triggersPerSecond({amounts.triggers})")}
        for steps, runs in amounts.runs:
            found = page.evaluate("([steps, runs]) => runsPerSecond(steps, runs)", [steps, runs])
            row[f"{steps}-step runs/s, 1 slot"] = found
        for steps in (0, STEPS):
            found = page.evaluate("([runs, steps]) => latency(runs, steps)", [amounts.latencies, steps])
            row[f"page to completed, {steps} steps, ms"] = found
        row["messages per 3-step run"] = page.evaluate(f"messagesPerRun(3, {amounts.counted})")
        row["bytes per 3-step run"] = page.evaluate(f"bytesPerRun(3, {amounts.counted * 5})")
        return row

    def _measure_parallel(self, page: Page) -> Row:
        page.evaluate("([steps, ms]) => warmUp(steps, ms)", [STEPS, WARM_UP_MS])
        runs = self._amounts.parallel_runs
        return {f"{STEPS}-step runs/s, 10 slots": page.evaluate(f"runsPerSecond({STEPS}, {runs})")}

    def _begin_long_run(self, page: Page) -> tuple[str, float]:
        page.evaluate("([steps, ms]) => warmUp(steps, ms)", [STEPS, WARM_UP_MS / 4])
        found = page.evaluate(f"longRun({self._amounts.steps_in_one_run})")
        return found["runId"], found["stepsPerSecond"]

    def _replay(self, page: Page, run_id: str) -> float:
        ms: float = page.evaluate("replayMs", run_id)
        return self._amounts.steps_in_one_run / ms * 1000

    def _measure_batch(self, runs: int, page: Page) -> Row:
        found = page.evaluate("([runs, first]) => batch(runs, first)", [runs, 20])
        return {
            f"batch of {runs} triggers, ms": found["batchMs"],
            f"list 50 of {runs} pending, ms": found["listMs"],
            f"0-step runs/s among {runs} pending": found["runsPerSecond"],
        }


class Limit:
    """Writes and flushes of one page through a sync access handle."""

    def __init__(self, url: str) -> None:
        self._url = url

    def measure(self, context: BrowserContext) -> Row:
        page = context.new_page()
        page.goto(self._url)
        page.wait_for_function("window.engineReady")
        return {"writes and flushes/s": page.evaluate("limit(1000)")}


if __name__ == "__main__":
    main()
