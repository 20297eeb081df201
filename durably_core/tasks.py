"""Tasks that begin at once, and that let others have their turn."""

import asyncio
import sys
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

YIELD_AFTER_MS = 8
"""Code that never suspends lets the event loop breathe this often, so that messages are heard."""


def start(coroutine: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
    """A task that has already run up to its first wait, where Python can do that (3.12 and newer).

    A turn of the browser's event loop costs as much as a small write; code that never waits needs none.
    """
    loop = asyncio.get_running_loop()
    if sys.version_info >= (3, 12):
        return asyncio.Task(coroutine, loop=loop, eager_start=True)
    return loop.create_task(coroutine)


class Breath:
    """Lets the event loop turn now and then, in a loop whose body may never suspend."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._taken_at = self._loop.time()

    async def take(self) -> None:
        if (self._loop.time() - self._taken_at) * 1000 >= YIELD_AFTER_MS:
            await asyncio.sleep(0)
            self._taken_at = self._loop.time()


async def set_within(event: asyncio.Event, seconds: float) -> None:
    """Returns when the event is set, at the latest after so long."""
    # No asyncio.timeout: the browser's loop refuses a moment that has passed while it was being set.
    waiter = asyncio.ensure_future(event.wait())
    try:
        await asyncio.wait([waiter], timeout=max(seconds, 0))
    finally:
        waiter.cancel()
