"""Browsers driven from outside: JSON over a WebSocket, one answer for each command, and events between."""

import json
import re
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
from websockets.sync.client import ClientConnection

PATIENCE_S = 60
"""For an answer; a bound for hung tests, on machines that may be slow."""


class Remote:
    """A connection over which commands are answered one after the other."""

    def __init__(self, socket: ClientConnection, hear: Callable[[dict[str, Any]], None]) -> None:
        self._socket = socket
        self._hear = hear
        """Is given what comes between the answers."""
        self._sent = 0

    def tell(self, **command: Any) -> None:
        """For what is not answered."""
        self._sent += 1
        self._socket.send(json.dumps({"id": self._sent, **command}))

    def send(self, **command: Any) -> dict[str, Any]:
        """The answer to a command, whatever it is."""
        self.tell(**command)
        message: dict[str, Any] = json.loads(self._socket.recv(PATIENCE_S))
        while message.get("id") != self._sent:
            self._hear(message)
            message = json.loads(self._socket.recv(PATIENCE_S))
        return message


class RemoteTab(ABC):
    """A tab that is asked as Playwright's ``Page`` is."""

    @abstractmethod
    def run(self, script: str) -> str | None:
        """The text to which the promise settles that the script evaluates to; None for undefined."""

    def evaluate(self, expression: str, arg: Any = None) -> Any:
        """The value of the expression, or what it returns if it is a function; a promise's when it settles."""
        value = self.run(EVALUATE % (expression, json.dumps(arg)))
        return None if value is None else json.loads(value)

    def wait_for_function(self, expression: str, *, arg: Any = None) -> None:
        """Lets events in until that is true."""
        deadline = time.monotonic() + PATIENCE_S
        while not self.holds(expression, arg):
            assert time.monotonic() < deadline, f"This did not come true within a minute: {expression}"
            time.sleep(0.02)

    def holds(self, expression: str, arg: Any) -> bool:
        return bool(self.evaluate(expression, arg))


EVALUATE = """(async () => {
  const value = (%s)
  return JSON.stringify(await (typeof value === 'function' ? value(%s) : value))
})()"""


def address(process: subprocess.Popen[bytes] | psutil.Popen, log: Path) -> str:
    """Where a browser that was just started listens, as soon as its log says it."""
    deadline = time.monotonic() + PATIENCE_S
    while (found := LISTENING.search(said := log.read_text())) is None:
        assert process.poll() is None, f"The browser did not start:\n{said}"
        assert time.monotonic() < deadline, f"The browser gave no address within a minute:\n{said}"
        time.sleep(0.02)
    return found[1]


LISTENING = re.compile(r"listening on (ws://\S+)\n")
