"""A real Firefox over WebDriver BiDi, with tabs that are asked as Playwright's pages are.

Firefox itself speaks the protocol: JSON over a WebSocket, one answer for each command, and events between them.
"""

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect

from tests.browser.browser import LISTEN

PATIENCE_S = 60
"""For an answer; a bound for hung tests, on machines that may be slow."""
ADDRESS = "WebDriver BiDi listening on "
PREFERENCES: dict[str, str | int | bool] = {
    # Whatever this browser would like to fetch from elsewhere, a proxy that is not there refuses.
    "network.proxy.type": 1,
    "network.proxy.http": "127.0.0.1",
    "network.proxy.http_port": 9,
    "network.proxy.ssl": "127.0.0.1",
    "network.proxy.ssl_port": 9,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "services.settings.server": "data:,",
    "app.update.disabledForTesting": True,
    "datareporting.policy.dataSubmissionEnabled": False,
    "toolkit.telemetry.unified": False,
    "toolkit.telemetry.server": "data:,",
    # No pages but those of the tests, however the last start ended.
    "browser.startup.page": 0,
    "browser.startup.homepage_override.mstone": "ignore",
    "browser.sessionstore.resume_from_crash": False,
    "toolkit.startup.max_resumed_crashes": -1,
    "browser.shell.checkDefaultBrowser": False,
    "browser.tabs.warnOnClose": False,
}


class Bidi:
    """A connection over which commands are answered one after the other."""

    def __init__(self, url: str) -> None:
        self._socket: ClientConnection = connect(url, max_size=None, ping_interval=None)
        self._sent = 0
        self.events: list[dict[str, Any]] = []
        """What has come between the answers, oldest first."""

    def __call__(self, method: str, **params: Any) -> Any:
        """The result of a command. Raises `BidiError` where there is none."""
        self._sent += 1
        self._socket.send(json.dumps({"id": self._sent, "method": method, "params": params}))
        while (message := json.loads(self._socket.recv(PATIENCE_S))).get("id") != self._sent:
            self.events.append(message)
        if message["type"] == "error":
            raise BidiError(f"{method}: {message['error']}: {message['message']}")
        return message["result"]

    def close(self) -> None:
        self._socket.close()


class BidiError(Exception):
    """A command that the browser refused, or a script that threw."""


class Tab:
    """A tab, with the methods of Playwright's `Page` that tests of both browsers use."""

    def __init__(self, bidi: Bidi, context: str) -> None:
        self._bidi = bidi
        self._context = context

    def goto(self, url: str) -> None:
        self._bidi("browsingContext.navigate", context=self._context, url=url, wait="complete")

    def close(self) -> None:
        self._bidi("browsingContext.close", context=self._context)

    def evaluate(self, expression: str, arg: Any = None) -> Any:
        """The value of the expression, or what it returns if it is a function; a promise's when it settles."""
        answer = self._bidi(
            "script.evaluate",
            expression=EVALUATE % (expression, json.dumps(arg)),
            target={"context": self._context},
            awaitPromise=True,
        )
        if answer["type"] == "exception":
            raise BidiError(answer["exceptionDetails"]["text"])
        value = answer["result"].get("value")
        return None if value is None else json.loads(value)

    def wait_for_function(self, expression: str, *, arg: Any = None) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not self.evaluate(expression, arg):
            assert time.monotonic() < deadline, f"This did not come true within a minute: {expression}"
            self.evaluate("() => new Promise((resolve) => setTimeout(resolve, 10))")


EVALUATE = """(async () => {
  const value = (%s)
  return JSON.stringify(await (typeof value === 'function' ? value(%s) : value))
})()"""


class Firefox:
    """A browser on a profile, which outlives its processes."""

    def __init__(self, path: str, profile: Path) -> None:
        self._path = path
        self._profile = profile
        profile.mkdir()
        lines = [f"user_pref({json.dumps(name)}, {json.dumps(value)});" for name, value in PREFERENCES.items()]
        (profile / "user.js").write_text("\n".join(lines))
        self._told: list[dict[str, Any]] = []
        """By those that were killed."""
        self.start()

    def start(self) -> None:
        log = self._profile / "stderr.txt"
        with log.open("w") as stderr:
            self._process = subprocess.Popen(
                [self._path, "--headless", "--no-remote", "--remote-debugging-port", "0", "--profile", self._profile],
                stdout=stderr,
                stderr=stderr,
                env=os.environ | {"MOZ_CRASHREPORTER_DISABLE": "1"},
                start_new_session=True,
            )
        self._bidi = Bidi(self._address(log) + "/session")
        self._bidi("session.new", capabilities={})
        self._bidi("session.subscribe", events=["log.entryAdded"])
        self._bidi("script.addPreloadScript", functionDeclaration=f"() => {{ {LISTEN} }}")

    def _address(self, log: Path) -> str:
        deadline = time.monotonic() + PATIENCE_S
        while ADDRESS not in (said := log.read_text()):
            assert self._process.poll() is None, f"Firefox did not start:\n{said}"
            assert time.monotonic() < deadline, f"Firefox gave no address within a minute:\n{said}"
            time.sleep(0.02)
        return said.split(ADDRESS)[1].split()[0]

    def open(self, url: str) -> Tab:
        tab = Tab(self._bidi, self._bidi("browsingContext.create", type="tab")["context"])
        tab.goto(url)
        return tab

    def kill(self) -> None:
        """SIGKILL for all its processes."""
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._told += self._bidi.events
        self._bidi.close()

    @property
    def entries(self) -> list[dict[str, Any]]:
        """What consoles were told and what no one caught, in all lives of this browser."""
        return [event["params"] for event in self._told + self._bidi.events if event["method"] == "log.entryAdded"]

    @property
    def bodies(self) -> list[str]:
        """What step bodies told, in order: ``begin 0``, ``end 0``, …"""
        texts = [entry["text"] for entry in self.entries if entry["type"] == "console"]
        return [text.removeprefix("body: ") for text in texts if text.startswith("body: ")]

    @property
    def faults(self) -> list[str]:
        """Exceptions that no one caught, on any page."""
        return [entry["text"] for entry in self.entries if entry["type"] == "javascript" and entry["level"] == "error"]


@contextmanager
def launched(path: str, profile: Path) -> Iterator[Firefox]:
    """A browser that ends with no exception that no one caught."""
    browser = Firefox(path, profile)
    try:
        yield browser
    finally:
        browser.kill()
    assert browser.faults == [], browser.faults
