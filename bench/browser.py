"""The browser that benches measure in."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import BrowserContext, Playwright

from tests.browser.browser import FLAGS


@contextmanager
def measured(playwright: Playwright, profile: Path, *, timeout_ms: int) -> Iterator[BrowserContext]:
    """The Chromium that ``DURABLY_BROWSER`` names, with nothing that spares it work.

    Pages may be watched with ``wait_for_function``, which evaluates text, whatever their policies say.
    """
    context = playwright.chromium.launch_persistent_context(
        profile, executable_path=os.environ["DURABLY_BROWSER"], args=FLAGS, bypass_csp=True
    )
    context.set_default_timeout(timeout_ms)
    yield context
    context.close()
