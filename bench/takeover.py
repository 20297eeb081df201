"""How long nothing is answered when the tab that has the engine is killed: with a cold and a warm follower.

``make bench-takeover`` builds what is needed and runs this in real Chromium, on OPFS. The device has kept
Python's memory, unless it says so. A tab that follows triggers runs without a pause; the process of the one
that leads is killed (SIGKILL). What the person sees of a takeover is the gap between the last trigger that it
acknowledged, which is on disk then, and the first that is acknowledged after it. It is the tab that asks which
takes over. Memory is what the follower's process has for itself while it follows.
"""

import argparse
import statistics
import tempfile
from pathlib import Path

import psutil
from playwright.sync_api import BrowserContext, Page, sync_playwright

from bench.browser import JOBS, SNAPSHOT, measured, site_of
from tests.browser.browser import ROLE, Chromium

FOLLOWERS = {
    "cold": "?standby=cold",
    "cold, no snapshot": "?standby=cold&snapshot=false",
    "warm": "?standby=warm",
}
TRIGGER = """
() => {
  window.moments = []
  window.stopped = false
  window.done = (async () => {
    while (!window.stopped) {
      await window.durably.trigger('bench', { steps: 0 })
      window.moments.push(performance.now())
    }
  })()
}"""
BUSY = "(ms) => { for (const began = performance.now(); performance.now() - began < ms; ); }"
GAP = """
async (before) => {
  window.stopped = true
  await window.done
  const moments = window.moments.slice(before - 1)
  return Math.max(...moments.slice(1).map((moment, index) => moment - moments[index]))
}"""


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench-takeover", description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--follower", choices=FOLLOWERS, action="append")
    arguments = parser.parse_args()
    kills = arguments.kills
    with (
        tempfile.TemporaryDirectory() as folder,
        sync_playwright() as playwright,
        site_of(JOBS, Path(folder)) as site,
        measured(playwright, Path(folder) / "profile", timeout_ms=60_000) as context,
    ):
        print(f"{kills} kills each, milliseconds from the last acknowledged trigger to the next one")
        print(f"{'follower':18} {'p50':>7} {'p95':>7} {'max':>7}   memory")
        browser = Chromium(context, Path(folder) / "profile")
        for follower in arguments.follower or FOLLOWERS:
            gaps, megabytes = measure(browser, site.url + FOLLOWERS[follower], kills)
            p95 = statistics.quantiles(gaps, n=20)[-1]
            figures = f"{statistics.median(gaps):>7.0f} {p95:>7.0f} {max(gaps):>7.0f}"
            print(f"{follower:18} {figures} {statistics.median(megabytes):>6.0f} MB", flush=True)


def measure(browser: Chromium, url: str, kills: int) -> tuple[list[float], list[float]]:
    leader = opened(browser.context, url, "leader")
    while "snapshot=false" not in url and not leader.evaluate(SNAPSHOT):
        leader.wait_for_timeout(500)
    gaps, megabytes = [], []
    for _ in range(kills):
        follower = opened(browser.context, url, "follower")
        megabytes.append(process_of(follower, browser).memory_full_info().uss / 1e6)
        gaps.append(gap(leader, follower, process_of(leader, browser)))
        leader.close()
        leader = follower
    leader.close()
    return gaps, megabytes


def process_of(page: Page, browser: Chromium) -> psutil.Process:
    """The one that is busy when the page is: Chromium tells no one, and keeps others in reserve."""
    before = {process: process.cpu_times().user for process in browser.renderers()}
    page.evaluate(BUSY, 500)
    found = max(before, key=lambda process: process.cpu_times().user - before[process])
    assert found.cpu_times().user - before[found] > 0.25
    return found


def opened(context: BrowserContext, url: str, role: str) -> Page:
    page = context.new_page()
    page.goto(url)
    page.wait_for_function(f"(role) => ({ROLE}) === role", arg=role)
    # A warm one has its Python by then.
    page.wait_for_timeout(3000)
    return page


def gap(leader: Page, follower: Page, leader_process: psutil.Process) -> float:
    follower.evaluate(TRIGGER)
    follower.wait_for_function("window.moments.length > 50")
    with leader.expect_event("crash"):
        before: int = follower.evaluate("window.moments.length")
        leader_process.kill()
    follower.wait_for_function(f"({ROLE}) === 'leader'")
    seen: int = follower.evaluate("window.moments.length")
    follower.wait_for_function("(seen) => window.moments.length > seen + 50", arg=seen)
    found: float = follower.evaluate(GAP, before)
    return found


if __name__ == "__main__":
    main()
