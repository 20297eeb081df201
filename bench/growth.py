"""How large the database in the browser gets: many runs, of which retention keeps the latest.

``make bench-growth`` builds what is needed and runs this in real Chromium, on OPFS. Nothing here is about
time: the file's size after many runs must be what it was after a few.
"""

import argparse
import tempfile
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, sync_playwright

from bench.browser import JOBS, measured, site_of
from spa_runtime import bundle
from tests.browser.browser import wait_until_ready

BATCH = 500
STEPS = 3
OPTIONS = {**bundle.SPA_OPTIONS, "retain_runs": "15s", "retain_events": 10_000, "maintenance_interval_ms": 2000}

EXECUTE = """
async ([runs, steps]) => {
  const { durably } = window
  const triggers = Array.from({ length: runs }, () => durably.trigger('bench', { steps }))
  const last = (await Promise.all(triggers)).at(-1).runId
  for (;;) {
    const run = await durably.getRun(last)
    if (run.isTerminal) return
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}"""
MEASURE = """
async () => {
  const { durably } = window
  const count = async (table) => (await durably.query(`SELECT count(*) FROM ${table}`)).rows[0][0]
  const { files } = await durably.storage.getInfo()
  const counts = { runs: await count('durably_runs'), events: await count('durably_events') }
  return { ...counts, database: files['main.db'].bytes, wal: files['main.db-wal'].bytes }
}"""


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench-growth", description=__doc__)
    parser.add_argument("--runs", type=int, default=10_000)
    runs = parser.parse_args().runs
    with (
        tempfile.TemporaryDirectory() as folder,
        sync_playwright() as playwright,
        site_of(JOBS, Path(folder), OPTIONS) as site,
        measured(playwright, Path(folder) / "profile", timeout_ms=600_000) as context,
    ):
        page = context.new_page()
        page.goto(site.url)
        wait_until_ready(page)
        report(measure(page, runs))


def measure(page: Page, runs: int) -> list[dict[str, Any]]:
    print(f"{runs} runs of {STEPS} steps; runs are kept for {OPTIONS['retain_runs']}")
    print(f"{'executed':>9} {'in the database':>16} {'events':>8} {'database, KiB':>14} {'WAL, KiB':>9}")
    rows = []
    for executed in range(BATCH, runs + 1, BATCH):
        page.evaluate(EXECUTE, [BATCH, STEPS])
        row = page.evaluate(MEASURE)
        rows.append(row)
        sizes = f"{row['database'] / 1024:>14.0f} {row['wal'] / 1024:>9.0f}"
        print(f"{executed:>9} {row['runs']:>16} {row['events']:>8} {sizes}", flush=True)
    return rows


def report(rows: list[dict[str, Any]]) -> None:
    """The last quarter against the second: by then retention deletes as much as comes."""
    quarter = max(1, len(rows) // 4)
    for name in ("database", "wal"):
        early, late = (
            max(row[name] for row in part) for part in (rows[quarter : 2 * quarter], rows[-quarter:])
        )
        ratio = late / early if early else 0
        sizes = f"{early / 1024:.0f} KiB in the second quarter, {late / 1024:.0f} KiB in the last"
        print(f"{name}: at most {sizes}: {ratio:.2f}x")


if __name__ == "__main__":
    main()
