"""Where the engine calls code of a job, told from a stack of frames.

For who interrupts Python in the middle: that may hit the job's code and never the engine's.
"""

from collections.abc import Callable
from inspect import CO_COROUTINE
from types import CodeType, FrameType
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])

_ENGINE = frozenset({"durably_core", "spa_runtime"})
_LOOP = frozenset({"asyncio", "contextlib", "pyodide", "_pyodide"})
"""Interrupted there, someone would not be woken, or something not be undone."""
_FINALIZERS = frozenset({"weakref", "_weakrefset"})
"""Called in the middle of anything, when some object dies. What is raised in them is lost."""

_callers: set[CodeType] = set()


def calls_user_code(function: F) -> F:
    """Marks a function of the engine: frames from its own up to the engine's next are the user's."""
    _callers.add(function.__code__)
    return function


def is_user_code(frame: FrameType | None) -> bool:
    """Whether ``frame``, where Python is right now, belongs to a job's code or to what that has called.

    A frame of the engine between the two makes it the engine's: a job that is in the middle of
    ``step.run`` is not interrupted there, but in the step's function. So does one of the event loop.
    """
    innermost, is_in_coroutine = frame, False
    while frame is not None:
        module = frame.f_globals.get("__name__", "").partition(".")[0]
        if module in _FINALIZERS or (module in _LOOP and frame is innermost):
            return False
        if module in _ENGINE:
            return frame is not innermost and frame.f_code in _callers
        is_in_coroutine = is_in_coroutine or bool(frame.f_code.co_flags & CO_COROUTINE)
        frame = frame.f_back
    # A task that the job's code has started has nothing of the engine below it. Without its coroutine it
    # is the loop that works for the task: what is raised there is lost, and the task never goes on.
    return is_in_coroutine
