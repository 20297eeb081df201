"""A Chromium whose tabs are what they are for a person: one is looked at, the others hidden, and any may sleep.

Playwright has all tabs look as if they were looked at, for as long as it is connected. Here is DevTools'
protocol without it.
"""

import json
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Literal

import psutil
from websockets.sync.client import connect

from tests.browser.browser import FLAGS, LISTEN, SPARING, command
from tests.browser.remote import Remote, RemoteTab, address

BODY = "body: "
BUSY = "() => { const since = performance.now(); while (performance.now() - since < 300); }"


class DevtoolsError(Exception):
    """A command that the browser refused, or a script that threw."""


class Devtools(Remote):
    def __call__(self, method: str, session: str | None = None, /, **params: Any) -> Any:
        """The result of a command, of one tab's if ``session`` names it. Raises ``DevtoolsError``."""
        addressee = {} if session is None else {"sessionId": session}
        answer = self.send(method=method, params=params, **addressee)
        if "error" in answer:
            raise DevtoolsError(f"{method}: {answer['error']['message']}")
        return answer["result"]


class Tab(RemoteTab):
    def __init__(self, devtools: Devtools) -> None:
        self._devtools = devtools
        self._target = devtools("Target.createTarget", url="about:blank")["targetId"]
        self._session = devtools("Target.attachToTarget", targetId=self._target, flatten=True)["sessionId"]
        self.command("Runtime.enable")
        self.command("Page.enable")
        self.command("Page.addScriptToEvaluateOnNewDocument", source=LISTEN)

    def command(self, method: str, **params: Any) -> Any:
        return self._devtools(method, self._session, **params)

    def goto(self, url: str) -> None:
        self.command("Page.navigate", url=url)
        self.wait_for_function("document.readyState === 'complete' && location.href !== 'about:blank'")

    def look(self) -> None:
        """Switch to this tab: it is the one that is looked at."""
        self._devtools("Target.activateTarget", targetId=self._target)
        self.wait_for_function("document.visibilityState === 'visible'")

    def suspend(self) -> None:
        """What a browser does to a tab that has not been looked at for long."""
        self.command("Page.setWebLifecycleState", state="frozen")

    def wake(self) -> None:
        self.command("Page.setWebLifecycleState", state="active")

    def crash(self) -> None:
        """Its process dies, and what it held with it."""
        self._devtools.tell(method="Page.crash", params={}, sessionId=self._session)
        self.close()

    def close(self) -> None:
        self._devtools("Target.closeTarget", targetId=self._target)

    def run(self, script: str) -> str | None:
        answer = self.command("Runtime.evaluate", expression=script, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise DevtoolsError(json.dumps(answer["exceptionDetails"]))
        value: str | None = answer["result"].get("value")
        return value

    def follow_history(self, steps: int) -> None:
        """Go back so many pages, or forward."""
        history = self.command("Page.getNavigationHistory")
        entry = history["entries"][history["currentIndex"] + steps]
        self.command("Page.navigateToHistoryEntry", entryId=entry["id"])

    def holds(self, expression: str, arg: Any) -> bool:
        try:
            return super().holds(expression, arg)
        except DevtoolsError as error:
            # A page that is being left.
            if "context" in str(error) or "navigated" in str(error):
                return False
            raise


class Chromium:
    """A browser with a profile on disk."""

    def __init__(self, path: str, profile: Path) -> None:
        profile.mkdir()
        log = profile / "stderr.txt"
        with log.open("w") as stderr:
            self.process = psutil.Popen(
                [
                    path,
                    "--headless",
                    "--remote-debugging-port=0",
                    f"--user-data-dir={profile}",
                    *FLAGS,
                    *SPARING,
                    # No process waits for a tab: each shows one.
                    "--disable-features=SpareRendererForSitePerProcess",
                    "about:blank",
                ],
                stdout=stderr,
                stderr=stderr,
            )
        self._life = ExitStack()
        socket = connect(address(self.process, log), max_size=None, ping_interval=None)
        self.events: list[dict[str, Any]] = []
        """What has come between the answers, oldest first."""
        self.devtools = Devtools(self._life.enter_context(socket), self.events.append)

    def open(self, url: str) -> Tab:
        tab = Tab(self.devtools)
        tab.goto(url)
        return tab

    def told(self, kind: Literal["consoleAPICalled", "exceptionThrown"]) -> list[dict[str, Any]]:
        return [event["params"] for event in self.events if event["method"] == f"Runtime.{kind}"]

    @property
    def bodies(self) -> list[str]:
        """What step bodies told, in order: ``begin 0``, ``end 0``, …"""
        texts = [str(told["args"][0].get("value")) for told in self.told("consoleAPICalled") if told["args"]]
        return [text.removeprefix(BODY) for text in texts if text.startswith(BODY)]

    def open_blank(self) -> Tab:
        """One more to look at."""
        return Tab(self.devtools)

    def open_apart(self, url: str) -> tuple[Tab, psutil.Process]:
        """A tab, and the process that shows it and no other."""
        others = self._renderers()
        tab = self.open(url)
        # What showed the blank page before may not have ended yet. One process works when the page does.
        before = {process: _worked_s(process) for process in self._renderers() - others}
        tab.evaluate(BUSY)
        return tab, max(before, key=lambda process: _worked_s(process) - before[process])

    def _renderers(self) -> set[psutil.Process]:
        every = self.process.children(recursive=True)
        return {process for process in every if "--type=renderer" in command(process)}

    def processes(self) -> list[psutil.Process]:
        return [self.process, *self.process.children(recursive=True)]

    def close(self) -> None:
        self._life.close()
        for process in self.processes():
            process.kill()
        self.process.wait()


def _worked_s(process: psutil.Process) -> float:
    """Processor time; none for one that has just died."""
    try:
        return process.cpu_times().user
    except psutil.Error:
        return 0.0


@contextmanager
def launched(profile: Path) -> Iterator[Chromium]:
    """A browser that ends with no exception that no one caught."""
    browser = Chromium(os.environ["DURABLY_BROWSER"], profile)
    try:
        yield browser
        faults = browser.told("exceptionThrown")
    finally:
        browser.close()
    assert faults == [], faults
