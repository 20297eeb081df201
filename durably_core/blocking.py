"""Calls that block: in a thread on a server, in place inside the browser, where there are no threads."""

import asyncio
import contextlib
import contextvars
import functools
import inspect
import sys
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ParamSpec, TypeVar

from durably_core import tasks

P = ParamSpec("P")
T = TypeVar("T")

HAS_THREADS = sys.platform != "emscripten"


async def call(function: Callable[P, Any], /, *args: P.args, **kwargs: P.kwargs) -> Any:
    """The result of a function, sync or async. A sync one may block; context variables go along."""
    if HAS_THREADS and not inspect.iscoroutinefunction(function):
        bound = functools.partial(contextvars.copy_context().run, called, function, *args, **kwargs)
        result = await to_its_end(asyncio.get_running_loop().run_in_executor(None, bound))
    else:
        result = function(*args, **kwargs)
    # A lambda or a partial around an async function is sync by its looks.
    return await result if hasattr(result, "__await__") else result


async def uninterrupted(coroutine: Coroutine[Any, Any, T]) -> T:
    """The result of a coroutine that runs to its end even when its caller is cancelled meanwhile.

    For a write and the telling of it: the one must not happen without the other.
    """
    task = tasks.start(coroutine)
    return task.result() if task.done() else await to_its_end(task)


class OwnThread:
    """One thread that runs calls one after the other, in the order in which they were made."""

    def __init__(self, name: str) -> None:
        self._pool = ThreadPoolExecutor(1, name) if HAS_THREADS else None
        self.closed = False

    async def call(self, function: Callable[[], T]) -> T:
        if self._pool is None:
            return function()
        return await to_its_end(asyncio.get_running_loop().run_in_executor(self._pool, function))

    def close(self) -> None:
        self.closed = True
        if self._pool is not None:
            self._pool.shutdown()


def called(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """The result of a function that runs in another thread."""
    try:
        return function(*args, **kwargs)
    except StopIteration as error:
        # No future takes it: whoever waits would wait for ever.
        raise RuntimeError("the function raised StopIteration") from error


async def to_its_end(future: asyncio.Future[T]) -> T:
    """The future's result; who is cancelled meanwhile hears of that once the future is done."""
    try:
        return await asyncio.shield(future)
    except asyncio.CancelledError:
        # A thread can't be taken back: who cancels, however often, must not go on before it has really stopped.
        while not future.done():
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait([future])
        if not future.cancelled():
            future.exception()  # seen: no one is left to hear of it
        raise
