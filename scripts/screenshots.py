"""Takes pictures of the dashboard: every view, in every state, narrow and wide, light and dark.

They are written to ``build/screenshots/<view>-<state>-<width>-<scheme>.png``, and those of the README, twice
as fine, to ``docs/screenshots``. ``make screenshots`` builds what is needed first. ``--full`` takes whole
pages instead of what fits into the window, ``--only busy`` one state.
"""

import argparse
import io
import json
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from PIL import Image
from playwright.sync_api import Locator, Page, Playwright, expect, sync_playwright

from tests.browser import history
from tests.browser.browser import FLAGS, served, wait_until_ended, wait_until_ready
from tests.browser.commands import DURABLY, serving

ROOT = Path(__file__).parent.parent
DEMO = ROOT / "build" / "demo"
JOBS = ROOT / "examples" / "demo" / "demo_jobs.py"
FOLDER = ROOT / "build" / "screenshots"
README_FOLDER = ROOT / "docs" / "screenshots"
Scheme = Literal["light", "dark"]
SCHEMES: tuple[Scheme, ...] = ("light", "dark")
STATES = ("empty", "busy", "broken", "remote")
SIZES = {390: 844, 1440: 900}
README_SIZES = {390: 844, 1440: 900}
COLOURS = 128
MAX_BYTES = 300_000
PATIENCE_MS = 60_000
AWAY_MS = 4000

LABELS = {
    "import-csv": {"source": ["nightly", "upload"], "region": ["us", "eu"]},
    "resize-images": {"album": ["summer", "press", "team"]},
    "sync-notes": {"device": ["laptop", "phone"]},
    "send-digest": {"audience": ["subscribers"]},
}
"""What runs of the imported week may be labelled with."""

IMPORT = """
async () => {
  const input = document.getElementById('history')
  input.remove()
  await window.durably.storage.import(input.files[0])
}
"""
ADD_INPUT = """
() => document.body.append(Object.assign(document.createElement('input'), { type: 'file', id: 'history' }))
"""
TRIGGER = """
async ([job, input, options]) => (await window.durably.jobs[job].trigger(input, options)).runId
"""
START = """
([job, input, options]) => { window.durably.jobs[job].trigger(input, options).catch(() => undefined) }
"""
AIRPORTS = """
async () => {
  const bytes = new Uint8Array(await (await fetch('airports.csv')).arrayBuffer())
  return { name: 'airports.csv', content: bytes.toBase64?.() ?? btoa(String.fromCharCode(...bytes)) }
}
"""
NOTES = (
    "Buy bread, and flour for Sunday",
    "Ask Ines about the train at 7:40",
    "Refuse the second invoice",
    "Water the tomatoes",
)


@dataclass(frozen=True)
class Camera:
    """Takes every picture of a view and names it."""

    page: Page
    is_full: bool

    def take(self, view: str, state: str) -> None:
        """Narrow and wide, light and dark, of what the page shows."""
        for width, height in SIZES.items():
            for scheme in SCHEMES:
                self.aim(width, height, scheme)
                png = self.shoot(full_page=self.is_full)
                (FOLDER / f"{view}-{state}-{width}-{scheme}.png").write_bytes(png)

    def take_for_readme(self, name: str, width: int, scheme: Scheme) -> None:
        self.aim(width, README_SIZES[width], scheme)
        png = self.shoot(scale="device")
        image = Image.open(io.BytesIO(png)).convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
        path = README_FOLDER / f"{name}.png"
        image.save(path, optimize=True)
        size = path.stat().st_size
        assert size < MAX_BYTES, f"{path} has {size} bytes."
        print(f"{path.relative_to(ROOT)}: {size:,} bytes")

    def aim(self, width: int, height: int, scheme: Scheme) -> None:
        self.page.set_viewport_size({"width": width, "height": height})
        self.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        self.page.mouse.move(0, 0)
        self.page.evaluate("document.activeElement.blur(), scrollTo(0, 0)")
        settle(self.page)

    def shoot(self, *, full_page: bool = False, scale: Literal["css", "device"] = "css") -> bytes:
        return self.page.screenshot(animations="disabled", caret="hide", full_page=full_page, scale=scale)


# ---------------------------------------------------------------- states


def take_empty(camera: Camera, url: str) -> None:
    page = camera.page
    for view, words in (
        ("runs", "Run import-csv with the sample"),
        ("trigger", "Start import-csv"),
        ("overview", "Nothing has run yet"),
        ("storage", "Export"),
    ):
        go(page, url, view)
        page.get_by_text(words).first.wait_for()
        camera.take(view, "empty")
    # Before there is a large database, which may have room inside.
    take_full(camera, url)


def take_busy(camera: Camera, url: str, folder: Path) -> None:
    page = camera.page
    import_history(page, write_history(folder / "history.db"))
    failed = fail_once(page)
    resize_images(camera, url)
    sync_notes(camera, url)
    take_failed(camera, url, failed)
    with running(page) as run_id:
        # As if the plug had been pulled in the middle, and put in again a little later.
        page.goto("about:blank")
        page.wait_for_timeout(AWAY_MS)
        page.goto(f"{url}#/runs/{run_id}")
        wait_until_ready(page)
        page.get_by_text("batch-16", exact=True).wait_for()
        camera.take("run", "busy")
        camera.take_for_readme("run", 1440, "light")
        go(page, url, "runs")
        runs_of(page).nth(8).wait_for()
        camera.take("runs", "busy")
        take_overview(camera, url)
    go(page, url, "trigger/import-csv")
    page.get_by_role("button", name="Start import-csv").click()
    page.locator(".outcome[data-kind='rejected']").wait_for()
    camera.take("trigger", "failed")
    page.get_by_role("button", name="Use airports.csv").click()
    page.get_by_text("airports.csv").last.wait_for()
    camera.take("trigger", "busy")
    go(page, url, "storage")
    page.get_by_text("Export").first.wait_for()
    camera.take("storage", "busy")
    take_without_network(camera, url)


def take_overview(camera: Camera, url: str) -> None:
    page = camera.page
    go(page, url, "overview?window=7d")
    page.get_by_role("rowheader", name="sync-notes").wait_for()
    expect(page.get_by_role("img").nth(1).locator("svg")).to_be_visible()
    camera.take("overview", "busy")
    camera.take_for_readme("overview", 1440, "dark")


def take_failed(camera: Camera, url: str, run_id: str) -> None:
    page = camera.page
    go(page, url, f"runs/{run_id}")
    page.locator(".fault pre").get_by_text("NotSentError").wait_for()
    camera.take("run", "failed")
    go(page, url, "runs?status=failed")
    page.get_by_role("button", name="Failed").wait_for()
    camera.take("runs", "failed")


def resize_images(camera: Camera, url: str) -> None:
    page = camera.page
    go(page, url, "trigger/resize-images")
    page.get_by_role("button", name="Use three drawn pictures").click()
    page.get_by_role("list", name="Chosen pictures").wait_for()
    camera.take("resize-images", "start")
    page.get_by_role("button", name="Start resize-images").click()
    page.locator(".detail").get_by_role("img").last.wait_for()
    camera.take("resize-images", "result")
    camera.take_for_readme("phone", 390, "dark")


def sync_notes(camera: Camera, url: str) -> None:
    """Some on the server, one refused, and the newest not there yet."""
    page = camera.page
    go(page, url, "trigger/sync-notes")
    for note in NOTES:
        page.get_by_label("New note").fill(note)
        page.get_by_role("button", name="Add", exact=True).click()
        expect(page.get_by_text("On its way")).to_have_count(0)
    page.get_by_role("radio", name="Down").check()
    page.get_by_label("New note").fill("Write to the landlord")
    page.get_by_role("button", name="Add", exact=True).click()
    page.get_by_text("On its way").wait_for()
    camera.take("sync-notes", "mixed")
    page.get_by_role("radio", name="Steady").check()
    for run in page.evaluate("durably.getRuns({ jobName: 'sync-notes', status: ['leased', 'pending'] })"):
        page.evaluate("(id) => durably.cancel(id)", run["id"])


def take_full(camera: Camera, url: str) -> None:
    """As where the device has no room left."""
    page = camera.page
    browser = page.context.new_cdp_session(page)
    origin = {"origin": url.rstrip("/")}
    usage = page.evaluate("async () => (await navigator.storage.estimate()).usage")
    browser.send("Storage.overrideQuotaForOrigin", {**origin, "quotaSize": usage})
    page.evaluate(START, ["import-csv", {"file": page.evaluate(AIRPORTS), "pause_ms": 0}, {}])
    page.locator(".notice", has_text="There is no room left.").wait_for()
    camera.take("storage", "full")
    browser.send("Storage.overrideQuotaForOrigin", origin)
    page.locator(".notice", has_text="There is no room left.").wait_for(state="detached")


def take_broken(camera: Camera, url: str) -> None:
    """An engine that does not start: its job file is not there."""
    page = camera.page
    page.route(
        "**/manifest.json",
        lambda route: route.fulfill(json={**route.fetch().json(), "jobsModule": "no_such_module"}),
    )
    page.goto(f"{url}#/storage")
    page.locator(".notice", has_text="The engine could not go on.").wait_for()
    camera.take("storage", "failed")


def take_without_network(camera: Camera, url: str) -> None:
    """The page of the demo has been visited, so that it opens from what the browser keeps."""
    page = camera.page
    page.evaluate("navigator.serviceWorker.ready.then(() => null)")
    page.context.set_offline(True)
    page.reload()
    wait_until_ready(page)
    go(page, url, "storage")
    page.get_by_text("Export").first.wait_for()
    camera.take("storage", "no-network")
    go(page, url, "runs")
    runs_of(page).first.wait_for()
    camera.take("runs", "no-network")
    page.context.set_offline(False)


def take_remote(camera: Camera, folder: Path) -> None:
    """Over HTTP: with its server, and after it went away."""
    page = camera.page
    database = write_history(folder / "remote.db")
    with serving(folder, DURABLY, "serve", JOBS, "--database", database, "--port", "0") as server:
        url = server.wait_for(r"(http://\S+:\d+)") + "/"
        page.goto(f"{url}#/runs")
        runs_of(page).nth(8).wait_for()
        camera.take("runs", "remote")
        runs_of(page).first.get_by_role("link").first.click()
        page.locator(".detail").get_by_role("heading", level=2).wait_for()
        run = page.url.partition("#/")[2]
        # What is loaded at the first look can't be without the server.
        go(page, url, "trigger/import-csv")
        page.get_by_role("button", name="Start import-csv").wait_for()
        go(page, url, "overview?window=7d")
        expect(page.get_by_role("img").nth(1).locator("svg")).to_be_visible()
        go(page, url, "storage")
        page.get_by_text("Ready, on the server").wait_for()
        camera.take("storage", "remote")
        go(page, url, "runs")
    page.locator(".boot-status[data-state='offline']").wait_for()
    camera.take("runs", "offline")
    go(page, url, run)
    camera.take("run", "offline")
    for view in ("trigger", "overview", "storage"):
        go(page, url, view)
        page.get_by_role("heading", level=2).first.wait_for()
        camera.take(view, "offline")


# ---------------------------------------------------------------- what is in the pictures


def write_history(path: Path) -> Path:
    """A week of runs, most of them with labels."""
    # In a process of its own: Playwright has the event loop of this one.
    subprocess.run([sys.executable, "-m", history.__name__, path], check=True, cwd=ROOT)
    rng = random.Random(7)  # noqa: S311 - the same labels each time
    with sqlite3.connect(path) as database:
        for run_id, job in database.execute("SELECT id, job_name FROM durably_runs").fetchall():
            labels = {key: rng.choice(values) for key, values in LABELS[job].items() if rng.random() < 0.7}
            database.execute("UPDATE durably_runs SET labels = ? WHERE id = ?", (json.dumps(labels), run_id))
            rows = [(run_id, key, value) for key, value in labels.items()]
            database.executemany("INSERT INTO durably_run_labels VALUES (?, ?, ?)", rows)
    database.close()
    return path


def import_history(page: Page, path: Path) -> None:
    page.evaluate(ADD_INPUT)
    page.set_input_files("#history", path)
    page.evaluate(IMPORT)
    wait_until_ready(page)


def fail_once(page: Page) -> str:
    """A run whose server is down, until it has given up."""
    note = {"id": "landlord", "version": 3, "text": "Write to the landlord"}
    server = {"kind": "practice", "mood": "down", "latency_ms": 40}
    input = {"changes": [note], "server": server, "tries": 4, "pause_ms": 20}
    run_id: str = page.evaluate(TRIGGER, ["sync-notes", input, {"labels": {"device": "phone"}}])
    wait_until_ended(page, run_id)
    return run_id


@contextmanager
def running(page: Page) -> Iterator[str]:
    """A run in its middle; what is left of it is cancelled."""
    input = {"file": page.evaluate(AIRPORTS), "pause_ms": 900}
    labels = {"source": "nightly", "region": "us"}
    run_id: str = page.evaluate(TRIGGER, ["import-csv", input, {"labels": labels}])
    page.evaluate("(id) => { location.hash = '#/runs/' + id }", run_id)
    page.get_by_text("batch-9", exact=True).wait_for()
    yield run_id
    page.evaluate("(id) => durably.cancel(id)", run_id)


# ---------------------------------------------------------------- the browser


def go(page: Page, url: str, place: str) -> None:
    """Within the page, as a link does it."""
    page.evaluate("(place) => { location.hash = '#/' + place }", place)
    page.wait_for_url(f"{url}*#/{place.partition('?')[0]}*")
    settle(page)


def runs_of(page: Page) -> Locator:
    return page.get_by_role("list", name="Runs", exact=True).get_by_role("listitem")


def settle(page: Page) -> None:
    """Until what depends on the size of the window is drawn, fonts included."""
    page.evaluate("document.fonts.ready.then(() => null)")
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    page.evaluate("() => new Promise((done) => setTimeout(done, 150))")


@contextmanager
def browsing(playwright: Playwright, profile: Path) -> Iterator[Page]:
    """Pictures of two device pixels a pixel; those that are not for the README are scaled down."""
    context = playwright.chromium.launch_persistent_context(
        profile,
        executable_path=os.environ["DURABLY_BROWSER"],
        args=FLAGS,
        bypass_csp=True,
        locale="en-GB",
        device_scale_factor=2,
        viewport={"width": 1440, "height": 900},
    )
    context.set_default_timeout(PATIENCE_MS)
    yield context.pages[0]
    context.close()


def main() -> None:
    parser = argparse.ArgumentParser(description="Take pictures of the dashboard.")
    parser.add_argument("--full", action="store_true", help="whole pages instead of what fits in the window")
    parser.add_argument("--only", choices=STATES, help="one of the states")
    asked = parser.parse_args()
    if asked.only is None:
        shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True, exist_ok=True)
    README_FOLDER.mkdir(parents=True, exist_ok=True)
    expect.set_options(timeout=PATIENCE_MS)
    states = STATES if asked.only is None else (asked.only,)
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright, served(DEMO) as site:
        for state in states:
            folder = Path(name, state)
            folder.mkdir()
            with browsing(playwright, folder / "profile") as page:
                camera = Camera(page, is_full=asked.full)
                if state == "remote":
                    take_remote(camera, folder)
                    continue
                if state == "broken":
                    take_broken(camera, site.url)
                    continue
                page.goto(site.url)
                wait_until_ready(page)
                if state == "empty":
                    take_empty(camera, site.url)
                else:
                    take_busy(camera, site.url, folder)
    print(f"{len(list(FOLDER.iterdir()))} pictures in {FOLDER.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
