"""A real Firefox over WebDriver BiDi, which it speaks itself."""

import json
import os
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

import psutil
from websockets.sync.client import connect

from tests.browser.browser import LISTEN, children
from tests.browser.remote import Remote, RemoteTab, address

Preference = str | int | bool

PREFERENCES: dict[str, Preference] = {
    # What this browser would like to fetch from elsewhere, a proxy that is not there refuses: not even a
    # name is looked up.
    "network.proxy.type": 1,
    "network.proxy.http": "127.0.0.1",
    "network.proxy.http_port": 9,
    "network.proxy.ssl": "127.0.0.1",
    "network.proxy.ssl_port": 9,
    "network.proxy.allow_bypass": False,
    "network.proxy.failover_direct": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "services.settings.server": "data:,#remote-settings-dummy/v1",
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
    # As in Chromium: nothing moves while no one looks.
    "ui.prefersReducedMotion": 1,
    # A process for each tab. As it comes, all tabs of an isolated site are in one.
    "dom.ipc.processCount.webCOOP+COEP": 8,
}

ENVIRONMENT = {
    "MOZ_CRASHREPORTER_DISABLE": "1",
    # Without it `services.settings.server` is ignored.
    "MOZ_REMOTE_SETTINGS_DEVTOOLS": "1",
}


ENDED_IN_WASM = "uncaught exception: undefined"
"""What Firefox says of a worker that is ended in the middle of WebAssembly."""


class BidiError(Exception):
    """A command that the browser refused, or a script that threw."""


ENDED_IN_WASM = "uncaught exception: undefined"
"""What Firefox says of a worker that is ended in the middle of WebAssembly."""


class Bidi(Remote):
    def __call__(self, method: str, **params: Any) -> Any:
        """The result of a command. Raises `BidiError` where there is none."""
        answer = self.send(method=method, params=params)
        if answer["type"] == "error":
            raise BidiError(f"{method}: {answer['error']}: {answer['message']}")
        return answer["result"]


class Tab(RemoteTab):
    def __init__(self, bidi: Bidi, context: str) -> None:
        self._bidi = bidi
        self._context = context

    def goto(self, url: str) -> None:
        self._bidi("browsingContext.navigate", context=self._context, url=url, wait="complete")

    def go_back(self) -> None:
        self._bidi("browsingContext.traverseHistory", context=self._context, delta=-1)

    def look(self) -> None:
        """Switch to this tab: it is the one that is looked at."""
        self._bidi("browsingContext.activate", context=self._context)

    def close(self) -> None:
        self._bidi("browsingContext.close", context=self._context)

    def run(self, script: str) -> str | None:
        target = {"context": self._context}
        answer = self._bidi("script.evaluate", expression=script, target=target, awaitPromise=True)
        if answer["type"] == "exception":
            raise BidiError(answer["exceptionDetails"]["text"])
        value: str | None = answer["result"].get("value")
        return value


class Firefox:
    """A browser on a profile, which outlives its processes."""

    def __init__(self, path: str, profile: Path, preferences: Mapping[str, Preference]) -> None:
        self._path = path
        self._profile = profile
        self._life = ExitStack()
        self.lines: list[str] = []
        """What pages wrote to their consoles."""
        self.faults: list[str] = []
        """Exceptions that no one caught, on any page."""
        profile.mkdir()
        settings = {**PREFERENCES, **preferences}.items()
        (profile / "user.js").write_text(
            "".join(f"user_pref({json.dumps(name)}, {json.dumps(value)});\n" for name, value in settings)
        )

    def start(self) -> None:
        log = self._profile / "log.txt"
        options = ("--headless", "--no-remote", "--remote-debugging-port", "0", "--profile", self._profile)
        with log.open("w") as output:
            self._process = subprocess.Popen(
                [self._path, *options],
                stdout=output,
                stderr=output,
                env=os.environ | ENVIRONMENT,
                start_new_session=True,
            )
        self._life.callback(self._process.wait)
        socket = connect(f"{address(self._process, log)}/session", max_size=None, ping_interval=None)
        self._bidi = Bidi(self._life.enter_context(socket), self._hear)
        self._bidi("session.new", capabilities={})
        self._bidi("session.subscribe", events=["log.entryAdded"])
        self._bidi("script.addPreloadScript", functionDeclaration=f"() => {{ {LISTEN} }}")

    def kill(self) -> None:
        """SIGKILL for all its processes."""
        os.killpg(self._process.pid, signal.SIGKILL)
        self._life.close()

    def restart(self) -> None:
        """The same after a SIGKILL, with no tab of before."""
        self.kill()
        self.start()

    def _hear(self, event: dict[str, Any]) -> None:
        entry = event["params"]
        if entry["type"] == "console":
            self.lines.append(entry["text"])
        elif entry["level"] == "error" and entry["text"] != ENDED_IN_WASM:
            self.faults.append(entry["text"])

    @property
    def bodies(self) -> list[str]:
        """What step bodies told, in order: ``begin 0``, ``end 0``, …"""
        return [line.removeprefix("body: ") for line in self.lines if line.startswith("body: ")]

    def open(self, url: str, *, is_looked_at: bool = True) -> Tab:
        created = self._bidi("browsingContext.create", type="tab", background=not is_looked_at)
        tab = Tab(self._bidi, created["context"])
        tab.goto(url)
        return tab

    def close_tabs(self) -> None:
        """Leaves one that is empty: without any the browser would end."""
        empty = self._bidi("browsingContext.create", type="tab")["context"]
        for tab in self._bidi("browsingContext.getTree")["contexts"]:
            if tab["context"] != empty:
                self._bidi("browsingContext.close", context=tab["context"])

    def kill_holder(self) -> None:
        """SIGKILL for the process of the tab that has the database open."""
        [holder] = [process for process in children(psutil.Process(self._process.pid)) if has_database(process)]
        holder.kill()


def has_database(process: psutil.Process) -> bool:
    try:
        return any("/fs/" in file.path for file in process.open_files())
    except psutil.Error:
        return False


@contextmanager
def launched(
    path: str, profile: Path, preferences: Mapping[str, Preference] = MappingProxyType({})
) -> Iterator[Firefox]:
    """A browser that ends with no exception that no one caught."""
    browser = Firefox(path, profile, preferences)
    try:
        browser.start()
        yield browser
    finally:
        browser.kill()
    assert browser.faults == [], browser.faults
