"""What the engine's process in the browser needs: while many runs execute, and for large inputs and results.

``make bench-memory`` builds what is needed and runs this in real Chromium, on OPFS. The figures, in MB: what
the page's process has for itself, which is page, worker and Python; Python's memory alone; and what page and
worker hold of JavaScript's objects once their garbage is gone, of which Python's memory is no part. Runs are
deleted when they have ended, as the old ones are in a page. Nothing here is about time.
"""

import argparse
import tempfile
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from bench.browser import measured, site_of
from bench.takeover import process_of
from tests.browser.browser import Chromium, wait_until_ready

BATCH = 200
LARGE_MB = 10
LARGE_RUNS = 10

JOBS = """
from pydantic import BaseModel

from durably_core import StepContext, define_job


class Size(BaseModel):
    megabytes: int = 0
    content: str = ""


class Made(BaseModel):
    content: str


async def small(step: StepContext, size: Size) -> Made:
    for number in range(3):
        await step.run(f"step-{number}", lambda: {"number": number})
    return Made(content="done")


async def large(step: StepContext, size: Size) -> Made:
    return Made(content=await step.run("make", lambda: "x" * (size.megabytes * 1_000_000)))


async def take(step: StepContext, size: Size) -> Made:
    return Made(content=await step.run("count", lambda: str(len(size.content))))


jobs = [define_job(name=run.__name__, input=Size, output=Made, run=run) for run in (small, large, take)]
small_job, large_job, take_job = jobs
"""

EXECUTE = """
async ([job, runs, megabytes, content]) => {
  const { durably } = window
  for (let run = 0; run < runs; run += 20) {
    const some = Array.from({ length: Math.min(20, runs - run) }, async () => {
      const { runId } = await durably.trigger(job, { megabytes, content: 'x'.repeat(content * 1e6) })
      await durably.waitForRun(runId)
      await durably.deleteRun(runId)
    })
    await Promise.all(some)
  }
}"""

EAGER = "--enable-blink-features=ForceEagerMeasureMemory"
"""Garbage is collected when memory is to be measured, and not some time later."""
HELD = """
async () => {
  const { breakdown } = await performance.measureUserAgentSpecificMemory()
  const held = { page: 0, worker: 0 }
  for (const { bytes, types, attribution } of breakdown) {
    if (!types.includes('JavaScript')) continue
    const isWorker = attribution.some(({ scope }) => scope === 'DedicatedWorkerGlobalScope')
    held[isWorker ? 'worker' : 'page'] += bytes
  }
  return held
}"""


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench-memory", description=__doc__)
    parser.add_argument("--runs", type=int, default=2000)
    runs = parser.parse_args().runs
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        jobs = Path(folder, "jobs", "jobs.py")
        jobs.parent.mkdir()
        jobs.write_text(JOBS, "utf-8")
        profile = Path(folder) / "profile"
        with (
            site_of(jobs, Path(folder)) as site,
            measured(playwright, profile, timeout_ms=600_000, flags=[EAGER]) as context,
        ):
            browser = Chromium(context, profile)
            page = browser.open(site.url + "?snapshot=false")
            wait_until_ready(page)
            report(page, browser, runs)


def report(page: Page, browser: Chromium, runs: int) -> None:
    def tell(what: str) -> None:
        page.wait_for_timeout(2000)
        memory = process_of(page, browser).memory_full_info()
        python = page.evaluate("durably.status.memory") / 1e6
        held = page.evaluate(HELD)
        figures = (
            f"{memory.uss / 1e6:>7.0f} {python:>7.0f} {held['page'] / 1e6:>7.2f} {held['worker'] / 1e6:>7.2f}"
        )
        print(f"{what:44} {figures}", flush=True)

    print(f"{'':44} {'process':>7} {'Python':>7} {'page':>7} {'worker':>7}", flush=True)

    tell("ready")
    for executed in range(BATCH, runs + 1, BATCH):
        page.evaluate(EXECUTE, ["small", BATCH, 0, 0])
        tell(f"{executed} runs of 3 steps")
    for number in range(1, LARGE_RUNS + 1):
        page.evaluate(EXECUTE, ["large", 1, LARGE_MB, 0])
        tell(f"{number} results of {LARGE_MB} MB, and as output")
    for number in range(1, LARGE_RUNS + 1):
        page.evaluate(EXECUTE, ["take", 1, 0, LARGE_MB])
        tell(f"{number} inputs of {LARGE_MB} MB")


if __name__ == "__main__":
    main()
