"""Where the engine calls code of a job, told from a stack of frames.

For who interrupts Python in the middle: that may hit the job's code and never the engine's.
"""

import inspect
from asyncio import Handle
from collections.abc import Callable
from types import CodeType, FrameType
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])

_ENGINE = frozenset({"durably_core", "spa_runtime"})
_LOOP = frozenset({"asyncio", "pyodide", "_pyodide"})
_callers: set[CodeType] = set()


def calls_user_code(function: F) -> F:
    """Marks a function of the engine: frames from its own up to the engine's next are the user's."""
    _callers.add(function.__code__)
    return function


def is_user_code(frame: FrameType | None) -> bool:
    """Whether ``frame``, where Python is right now, belongs to a job's code or to what that has called.

    A frame of the engine between the two makes it the engine's: a job that is in the middle of
    ``step.run`` is not interrupted there, but in the step's function. So does one of the event loop, which
    would forget whom it was about to wake.
    """
    innermost = frame
    while frame is not None:
        package = frame.f_globals.get("__name__", "").partition(".")[0]
        if package in _ENGINE:
            return frame is not innermost and frame.f_code in _callers
        if package in _LOOP and (frame is innermost or not _is_awaited(frame)):
            return frame is not innermost and frame.f_code is Handle._run.__code__  # noqa: SLF001 - calls tasks
        frame = frame.f_back
    # A task that the job's code has started has nothing of the engine below it.
    return innermost is not None


def _is_awaited(frame: FrameType) -> bool:
    """Whether it is that of a coroutine, as ``asyncio.wait_for``, whose awaiting frame is below it."""
    return bool(frame.f_code.co_flags & inspect.CO_COROUTINE)
