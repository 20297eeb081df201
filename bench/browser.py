"""The browser that benches measure in."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import BrowserContext, Playwright

from spa_runtime import bundle
from tests.browser.browser import FLAGS, Site, served

ROOT = Path(__file__).parent.parent
JOBS = ROOT / "bench" / "spa" / "jobs" / "jobs.py"
"""Runs of so many steps that do nothing."""
SNAPSHOT = """
async () => {
  const root = await navigator.storage.getDirectory()
  const folder = await root.getDirectoryHandle('durably-snapshots').catch(() => null)
  if (folder === null) return false
  for await (const handle of folder.values()) {
    // What is said of the memory is written last.
    const beginning = await (await handle.getFile()).slice(0, 1).text()
    if (beginning === '{') return true
  }
  return false
}"""
"""Whether Python's memory has been kept on the device."""


@contextmanager
def site_of(jobs: Path, folder: Path, options: Mapping[str, Any] = bundle.SPA_OPTIONS) -> Iterator[Site]:
    """The page of the tests over a job file, built into that folder and served."""
    sources = bundle.Sources(
        jobs=jobs,
        page=ROOT / "build" / "page",
        pyodide=ROOT / "build" / "pyodide",
        wheels=ROOT / "build" / "wheels",
        options=options,
    )
    bundle.write(bundle.plan(sources), folder / "site")
    with served(folder / "site") as site:
        yield site


@contextmanager
def measured(
    playwright: Playwright, profile: Path, *, timeout_ms: int, flags: Sequence[str] = ()
) -> Iterator[BrowserContext]:
    """The Chromium that ``DURABLY_BROWSER`` names, with nothing that spares it work.

    Pages may be watched with ``wait_for_function``, which evaluates text, whatever their policies say.
    """
    context = playwright.chromium.launch_persistent_context(
        profile, executable_path=os.environ["DURABLY_BROWSER"], args=[*FLAGS, *flags], bypass_csp=True
    )
    context.set_default_timeout(timeout_ms)
    yield context
    context.close()
