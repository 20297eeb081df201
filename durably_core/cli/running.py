"""Commands as coroutines, and processes that go on until they are told to stop."""

import asyncio
import os
import signal
import sys
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, TypeVar

import typer

from durably_core.cli.output import counted, print_error
from durably_core.durably import Durably

SIGNALS = (signal.SIGTERM, signal.SIGINT)
SIGNALLED = 128
"""A process that a signal ended has this much more than its number as exit code."""

INTERRUPTED = SIGNALLED + signal.SIGINT

T = TypeVar("T")


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """The result of a command. Ctrl-C ends it, as a signal does."""
    try:
        return asyncio.run(coroutine)
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None


def leave_behind(durably: Durably, code: int) -> None:
    """End the process at once if there is code that did not stop: its thread would keep it for ever."""
    if left := durably.executing:
        print_error(
            f"The code of {counted(len(left), 'run')} did not stop: left behind. "
            "It goes on elsewhere when the lease has run out."
        )
        sys.stdout.flush()
        os._exit(code)


class Stop:
    """Asked for by the first SIGTERM or SIGINT. The second one ends the process at once."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.number = 0
        """The signal that came; 0: none."""
        self.asked = asyncio.Event()

    def hear(self, number: int, _frame: FrameType | None = None) -> None:
        # A handler of the process, not of the loop: a job may block the loop.
        if self.number:
            os.write(2, b"durably: Stopped at once. What executed goes on when its leases have run out.\n")
            os._exit(SIGNALLED + number)
        self.number = number
        self._loop.call_soon_threadsafe(self.asked.set)


@contextmanager
def listening() -> Iterator[Stop]:
    """Signals are heard from here on, until the end of the block."""
    stop = Stop()
    before = {number: signal.signal(number, stop.hear) for number in SIGNALS}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
