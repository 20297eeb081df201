"""Calls that block: in a thread on a server, in place inside the browser, where there are no threads."""

import asyncio
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

HAS_THREADS = sys.platform != "emscripten"


async def in_thread(function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """The result of a function that may block; context variables go along."""
    if not HAS_THREADS:
        return function(*args, **kwargs)
    return await asyncio.to_thread(function, *args, **kwargs)


class OwnThread:
    """One thread that runs calls one after the other, in the order in which they were made."""

    def __init__(self, name: str) -> None:
        self._pool = ThreadPoolExecutor(1, name) if HAS_THREADS else None

    async def call(self, function: Callable[[], T]) -> T:
        if self._pool is None:
            return function()
        future = asyncio.get_running_loop().run_in_executor(self._pool, function)
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            # The call can't be taken back: who cancels must not go on before its effect is there.
            await asyncio.wait([future])
            raise

    def close(self) -> None:
        if self._pool is not None:
            self._pool.shutdown()
