"""What a person sees at a terminal: colours, a bar, a live list, a question."""

import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.unit.conftest import Command
from tests.unit.shell import BOUND_S, ROOT

COLOUR = re.compile(r"\x1b\[[\d;]*3\d[\d;]*m")


class Terminal:
    """A command at a terminal of its own."""

    def __init__(self, arguments: tuple[str, ...], environment: dict[str, str]) -> None:
        self._mine, theirs = pty.openpty()
        self.process = subprocess.Popen(
            [sys.executable, "-c", "from durably_core.cli import main; main()", *arguments],
            env={**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm", **environment},
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
        )
        os.close(theirs)
        self.shown = ""

    def until(self, words: str) -> None:
        """Returns when these words have been shown."""
        until = time.monotonic() + BOUND_S
        while words not in self.shown:
            assert time.monotonic() < until, self.shown
            assert self._read(), f"{words!r} was never shown: {self.shown}"

    def type(self, keys: str) -> None:
        os.write(self._mine, keys.encode())

    def end(self) -> int:
        while self._read():
            pass
        return self.process.wait(BOUND_S)

    def _read(self) -> bool:
        """Takes up what is shown next. False: the command has ended."""
        ready, _, _ = select.select([self._mine], [], [], BOUND_S)
        assert ready, f"nothing more is shown: {self.shown}"
        try:
            read = os.read(self._mine, 65536)
        except OSError:  # as Linux tells that no one has the terminal open any more
            return False
        self.shown += read.decode()
        return bool(read)

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._mine)


@contextmanager
def terminal(*arguments: str, **environment: str) -> Iterator[Terminal]:
    opened = Terminal(arguments, {"COLUMNS": "80", **environment})
    try:
        yield opened
    finally:
        opened.close()


@pytest.mark.parametrize(("environment", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False)])
def test_colours_are_for_those_who_want_them(run: Command, environment: dict[str, str], coloured: bool) -> None:
    run("trigger", "jobs.py", "burn", "--run")
    with terminal("runs", **environment) as seen:
        assert seen.end() == 0
    assert "failed" in seen.shown
    assert bool(COLOUR.search(seen.shown)) == coloured


def test_page_that_is_full_names_the_next(run: Command) -> None:
    [older, newer] = [run.ok("trigger", "jobs.py", "bake").out.strip() for _ in range(2)]
    with terminal("runs", "--limit", "1") as seen:
        assert seen.end() == 0
    assert f"Older ones: --cursor {newer}" in seen.shown
    assert older not in seen.shown


def test_watching_shows_what_happens_until_it_is_left(run: Command) -> None:
    run.ok("migrate")
    with terminal("runs", "--watch") as seen:
        seen.until("0 runs at")
        run_id = run.ok("trigger", "jobs.py", "bake", "--run", "--json").json["runId"]
        seen.until("completed")
        seen.process.send_signal(signal.SIGINT)
        assert seen.end() == 0
    assert run_id in seen.shown


def test_bar_shows_how_far_a_run_is(run: Command, folder: Path) -> None:
    with (folder / "jobs.py").open("a") as file:
        file.write(
            """
import asyncio
from pathlib import Path

@job("slow")
async def slow(step: StepContext, input: Nothing) -> Delivery:
    await step.run("first", lambda: 1)
    step.progress(1, 2, "half done")
    await step.run("second", lambda: 2)
    while not Path("seen").exists():
        await asyncio.sleep(0.005)
    return Delivery(baked=2)
"""
        )
    assert run.ok("jobs", "jobs.py")
    with terminal("trigger", "jobs.py", "slow", "--run") as seen:
        seen.until("half done")
        (folder / "seen").touch()
        assert seen.end() == 0
    assert re.search(r"1/2.* half done", seen.shown)
    assert '{"baked":2}' in seen.shown
    assert "completed in" in seen.shown


@pytest.mark.parametrize(("answer", "left"), [("n", 1), ("y", 0)])
def test_purge_asks_before_it_deletes(run: Command, answer: str, left: int) -> None:
    run.ok("cancel", run.ok("trigger", "jobs.py", "bake").out.strip())
    with terminal("purge", "--older-than", "0s") as seen:
        seen.until("Delete 1 run that ended before")
        seen.type(f"{answer}\n")
        assert seen.end() == left
    assert len(run.ok("runs", "--json").json) == left
