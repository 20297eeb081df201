"""The command ``durably`` as a process that serves a page."""

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.browser.vite import ENVIRONMENT

BOUND_S = 60
DURABLY = Path(sys.prefix, "bin", "durably")


class Serving:
    """A process that serves, and what it said until now, on either stream."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._lines: list[str] = []
        self._more = threading.Condition()
        self._is_over = False
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    @property
    def said(self) -> str:
        return "".join(self._lines)

    def wait_for(self, pattern: str) -> str:
        """The first group of what it says in that form."""
        with self._more:
            self._more.wait_for(lambda: re.search(pattern, self.said) or self._is_over, BOUND_S)
        found = re.search(pattern, self.said)
        assert found, f"{pattern!r} was never said: {self.said}"
        return found[1]

    def end(self, number: int = signal.SIGINT) -> int:
        """The exit code after a signal; Ctrl-C without another."""
        self._process.send_signal(number)
        code = self._process.wait(BOUND_S)
        self._reader.join(BOUND_S)
        return code

    def kill(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        self._reader.join()

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as output:
            for line in output:
                with self._more:
                    self._lines.append(line)
                    self._more.notify_all()
        with self._more:
            self._is_over = True
            self._more.notify_all()


@dataclass(frozen=True)
class Workplace:
    """A folder in which someone works, and what their shell has in its environment."""

    folder: Path
    environment: Mapping[str, str]

    def run(self, *command: str | Path) -> str:
        """What it prints, on either stream."""
        done = subprocess.run(
            [*command],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout

    def replace(self, name: str, old: str, new: str) -> None:
        text = (self.folder / name).read_text("utf-8")
        assert old in text
        (self.folder / name).write_text(text.replace(old, new), "utf-8")


@contextmanager
def serving(
    folder: Path, *command: str | Path, environment: Mapping[str, str] = ENVIRONMENT
) -> Iterator[Serving]:
    """A command in that folder. It is killed at the end if it is still there."""
    process = subprocess.Popen(
        [*command],
        cwd=folder,
        env={**environment, "PYTHONDONTWRITEBYTECODE": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        bufsize=1,
    )
    made = Serving(process)
    try:
        yield made
    finally:
        made.kill()


def path_without_environment() -> str:
    """Where programs are found, but for those of this project's own environment."""
    return os.pathsep.join(part for part in os.environ["PATH"].split(os.pathsep) if ".venv" not in part)
