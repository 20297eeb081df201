"""A browser with a profile of its own, and what tests do with its pages."""

import json
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

import psutil
import uvicorn
from playwright.sync_api import BrowserContext, ConsoleMessage, Error, Page, Playwright
from starlette.types import ASGIApp

from spa_runtime import serve

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # An address that is not this machine's, for what browsers allow only there.
    "--host-resolver-rules=MAP insecure.test 127.0.0.1",
)
NO_DELAY = "StartupDelayVisibleTabTimeout/0s/StartupDelayFailsafeTimeout/1s"
SPARING = (
    # Nothing moves, and V8 optimises in the background no Python that is over before it would pay.
    "--force-prefers-reduced-motion",
    "--js-flags=--liftoff-only",
    # A browser that has just begun looks for no new service worker until a page in sight has come to rest, or
    # for three minutes if the tests switch between pages before one has.
    f"--enable-features=ImprovedStartupBestEffortDelay:{NO_DELAY}",
)
"""For tests, which are many: not for measurements."""
PATIENCE_S = 60
LISTEN = """
new BroadcastChannel('durably-test').onmessage = (event) => console.log('body: ' + event.data)
"""


@dataclass(frozen=True, slots=True)
class Site:
    """A bundle, served."""

    folder: Path
    url: str


def served(folder: Path) -> AbstractContextManager[Site]:
    return app_served(serve.static_app(folder), folder)


@contextmanager
def app_served(app: ASGIApp, folder: Path) -> Iterator[Site]:
    with serve.bind("127.0.0.1", 0) as listener:
        # A page that is opened before the server runs waits for it, instead of being refused.
        listener.listen()
        # Streams of events end with the server, not with their pages.
        config = uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=1)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield Site(folder, f"http://localhost:{listener.getsockname()[1]}/")
        finally:
            server.should_exit = True
            thread.join()


class Chromium:
    """A browser with a profile on disk, so that OPFS is what it is for a person."""

    def __init__(self, context: BrowserContext, profile: Path) -> None:
        self.context = context
        self.profile = profile
        self.bodies: list[str] = []
        """What step bodies told, in order: ``begin 0``, ``end 0``, …"""
        self.faults: list[str] = []
        """Exceptions that no one caught, on any page."""
        context.add_init_script(LISTEN)
        context.on("page", self._watch)
        for page in context.pages:
            self._watch(page)

    def _watch(self, page: Page) -> None:
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.faults.append(str(error)))

    def _hear(self, message: ConsoleMessage) -> None:
        if message.text.startswith("body: "):
            self.bodies.append(message.text.removeprefix("body: "))

    def open(self, url: str) -> Page:
        page = self.context.new_page()
        page.goto(url)
        return page

    def kill_renderers(self) -> None:
        """SIGKILL for every process that shows a page.

        Returns once the browser has noticed: it keeps a process at hand for the next page, and a page that
        were given the dead one would never open.
        """
        renderers = self.renderers()
        for renderer in renderers:
            with suppress(psutil.NoSuchProcess):
                renderer.kill()
        # The browser asks for their ends as it notices, and only then do they leave the table of processes.
        _, left = psutil.wait_procs(renderers, timeout=PATIENCE_S)
        assert not left, left

    def renderers(self) -> set[psutil.Process]:
        """The processes that show pages."""
        browsers = [
            process
            for process in psutil.process_iter()
            if f"--user-data-dir={self.profile}" in command(process)
        ]
        renderers = {
            child for browser in browsers for child in children(browser) if "--type=renderer" in command(child)
        }
        assert renderers
        return renderers


@contextmanager
def launched(
    playwright: Playwright, profile: Path, *, obeys_csp: bool = False, has_service_workers: bool = True
) -> Iterator[Chromium]:
    """A browser that ends with no exception that no one caught.

    Pages may be watched with ``wait_for_function``, which evaluates text, unless it obeys their policies.
    """
    path = os.environ.get("DURABLY_BROWSER")
    assert path, "DURABLY_BROWSER must name a Chromium: run `make test-browser`."
    context = playwright.chromium.launch_persistent_context(
        profile,
        executable_path=path,
        args=[*FLAGS, *SPARING],
        bypass_csp=not obeys_csp,
        service_workers="allow" if has_service_workers else "block",
    )
    browser = Chromium(context, profile)
    yield browser
    context.close()
    assert browser.faults == [], browser.faults


def command(process: psutil.Process) -> list[str]:
    """The process's command line; nothing for one that has just died."""
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def children(process: psutil.Process) -> list[psutil.Process]:
    """All below it; nothing for one that has just died."""
    try:
        return process.children(recursive=True)
    except psutil.Error:
        return []


# ---------------------------------------------------------------- what tests do with a page


class AnyPage(Protocol):
    """What that needs of a page: Playwright's has it, and Firefox's."""

    def evaluate(self, expression: str, arg: Any = None) -> Any: ...

    def wait_for_function(self, expression: str, *, arg: Any = None) -> object: ...


P = TypeVar("P", bound=AnyPage)


def wait_until_ready(page: AnyPage) -> None:
    # In one look: where the tab with the engine is just closed, this one was ready, and is about to start.
    page.wait_for_function(
        "(window.started = ['ready', 'failed'].includes(window.durably?.status.state) && window.durably.status)"
    )
    status = page.evaluate("window.started")
    assert status["state"] == "ready", json.dumps(status)


ROLE = "window.durably?.status.state === 'ready' && window.durably.status.role"


def leader_among(pages: Sequence[P]) -> P:
    """The tab that has the engine, once one is ready."""
    wait_for(pages[0], lambda: any(page.evaluate(ROLE) == "leader" for page in pages))
    [leader] = [page for page in pages if page.evaluate(ROLE) == "leader"]
    return leader


def trigger(page: AnyPage, job: str, input: dict[str, Any]) -> str:
    result = page.evaluate("([job, input]) => window.durably.jobs[job].trigger(input)", [job, input])
    assert result["disposition"] == "created"
    return str(result["runId"])


def get_run(page: AnyPage, run_id: str) -> dict[str, Any]:
    run: dict[str, Any] = page.evaluate("(id) => window.durably.getRun(id)", run_id)
    return run


def wait_until_ended(page: AnyPage, run_id: str) -> dict[str, Any]:
    """The run, once it is terminal."""
    run: dict[str, Any] = page.evaluate(ENDED, run_id)
    assert run["isTerminal"], run
    return run


ENDED = """
async (id) => {
  let run
  for (let tries = 0; tries < 6000; tries++) {
    run = await window.durably.getRun(id)
    if (run.isTerminal) break
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  return run
}
"""


def wait_for(page: AnyPage, fact: Callable[[], bool]) -> None:
    """Let the browser's messages in until ``fact`` holds."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        if fact():
            return
        try:
            page.evaluate("() => new Promise((resolve) => setTimeout(resolve, 10))")
        except Error:  # it is just going elsewhere
            time.sleep(0.01)
    raise AssertionError("what was waited for did not happen within a minute")


def get_status(page: AnyPage) -> dict[str, Any]:
    status: dict[str, Any] = page.evaluate("window.durably.status")
    return status


def run_ids(page: AnyPage) -> list[str]:
    """Newest first."""
    ids: list[str] = page.evaluate("async () => (await window.durably.getRuns()).map(({ id }) => id)")
    return ids


def open_gate(page: AnyPage) -> None:
    page.evaluate("() => new BroadcastChannel('durably-test-gate').postMessage('open')")


def count_messages(*kinds: str) -> str:
    """A script in front of a page: ``window.messages`` counts those through such objects, both ways."""
    return (
        f"const kinds = [{', '.join(kinds)}]"
        """
window.messages = 0
for (const kind of kinds) {
  const { postMessage } = kind.prototype
  kind.prototype.postMessage = function (...args) {
    window.messages += 1
    if (!this.isCounted) this.addEventListener('message', () => (window.messages += 1))
    this.isCounted = true
    return postMessage.apply(this, args)
  }
}
"""
    )
