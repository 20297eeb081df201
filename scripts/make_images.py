"""Draws the console's icons and takes its screenshots, which browsers show to who installs it.

Both are kept in the repository, in ``web/console/public``. Call it when the console looks different.
"""

import io
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, Playwright, expect, sync_playwright

from tests.browser.browser import launched, served, wait_until_ended, wait_until_ready
from tests.browser.commands import DURABLY
from tests.browser.dashboard import detail, go, triggered

ROOT = Path(__file__).parent.parent
PUBLIC = ROOT / "web" / "console" / "public"
JOBS = ROOT / "tests" / "browser" / "console" / "jobs.py"
SIZES = {"wide": (1440, 900), "narrow": (390, 844)}
COLOURS = 64
PATIENCE_MS = 120_000
ORDERS = (
    ("bake", "rye", 4),
    ("burn", "rye", 0),
    ("bake", "spelt", 8),
    ("bake", "wheat", 20),
    ("burn", "spelt", 0),
    ("bake", "rye", 6),
    ("bake", "wheat", 10),
)
"""Job, flour and loaves."""
MASKABLE = "svg { background: #0b7a5c } svg > :not(rect) { transform: scale(0.85); transform-origin: center }"
"""What systems cut to a shape of theirs: the colour reaches to the edge, the sign is where nothing is cut."""


def main() -> None:
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        with browsing(playwright, Path(folder, "for-icons")) as page:
            for name, size, style in (
                ("icon-192", 192, ""),
                ("icon-512", 512, ""),
                ("maskable-512", 512, MASKABLE),
            ):
                keep(draw(page, size, style), PUBLIC / "icons" / f"{name}.png")
        site = Path(folder, "site")
        command = (DURABLY, "build", JOBS, "-o", site, "--title", "Bakery", "--no-service-worker")
        subprocess.run(command, check=True)
        with served(site) as served_site, browsing(playwright, Path(folder, "profile")) as page:
            page.goto(served_site.url)
            wait_until_ready(page)
            bake(page)
            for name, (width, height) in SIZES.items():
                page.set_viewport_size({"width": width, "height": height})
                page.evaluate("document.activeElement.blur(), scrollTo(0, 0)")
                # What a run that has just ended offers can't be pressed at once.
                page.wait_for_timeout(1500)
                shot = page.screenshot(animations="disabled")
                keep(shot, PUBLIC / "screenshots" / f"{name}.png")


@contextmanager
def browsing(playwright: Playwright, profile: Path) -> Iterator[Page]:
    with launched(playwright, profile) as browser:
        browser.context.set_default_timeout(PATIENCE_MS)
        yield browser.context.new_page()


def draw(page: Page, size: int, style: str) -> bytes:
    page.set_viewport_size({"width": size, "height": size})
    svg = (PUBLIC / "icons" / "icon.svg").read_text()
    page.set_content(f"<style>body {{ margin: 0 }} svg {{ display: block }} {style}</style>{svg}")
    return page.screenshot(omit_background=True)


def bake(page: Page) -> None:
    """Some hours' work, and the last loaves of it in sight."""
    for job, flour, loaves in ORDERS:
        triggered(page, job, {"loaves": loaves, "flour": flour} if job == "bake" else {}, {"flour": flour})
    last = triggered(page, "bake", {"loaves": 12, "flour": "wheat"}, {"flour": "wheat"})
    wait_until_ended(page, last)
    go(page, f"/runs/{last}")
    expect(detail(page).get_by_text("loaf-12", exact=True)).to_be_visible()


def keep(png: bytes, path: Path) -> None:
    image = Image.open(io.BytesIO(png)).quantize(COLOURS, dither=Image.Dither.NONE)
    image.save(path, optimize=True)
    print(f"{path.relative_to(ROOT)}: {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
