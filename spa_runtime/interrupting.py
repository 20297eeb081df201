"""Reaches code of a job that keeps the worker's only thread for itself.

The worker's JavaScript is asked by Python, between bytecodes, whether there is a signal, and says so some
dozen times a second (``web/src/worker/interrupts.ts``). What is raised then takes the way of any other
exception of that code. What computes in C asks no one: the page ends the whole worker.
"""

import asyncio
import signal
import sys
import time
from types import FrameType

from durably_core.interrupts import executing

SLICE_S = 0.02
_sleep = time.sleep


def install() -> None:
    """From here on code of jobs is asked for a reason to stop."""
    signal.signal(signal.SIGINT, _on_signal)
    # Pyodide's blocks JavaScript, and asks no one.
    time.sleep = sleep  # type: ignore[assignment]


def _on_signal(_number: int, frame: FrameType | None) -> None:
    # None: the engine is at work, which nothing may interrupt. The next signal comes soon.
    execution = executing(frame)
    if execution is None:
        return
    reason = execution.reason_to_stop(asyncio.get_running_loop().time())
    if reason is not None:
        raise reason


def sleep(seconds: float, /) -> None:
    """``time.sleep``, in slices."""
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        _sleep(min(left, SLICE_S))
        _on_signal(signal.SIGINT, sys._getframe(1))  # noqa: SLF001 - whose code it is that sleeps
    if seconds <= 0:
        _sleep(seconds)  # zero is allowed, less raises
