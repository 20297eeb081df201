"""Writes that belong together come one after the other, in the order in which they were asked for."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Turns:
    def __init__(self) -> None:
        self._last: dict[str, asyncio.Future[None]] = {}

    @asynccontextmanager
    async def of(self, name: str) -> AsyncIterator[None]:
        """Entered when those that asked before have left."""
        before = self._last.get(name)
        left = self._last[name] = asyncio.get_running_loop().create_future()
        try:
            if before is not None:
                await asyncio.shield(before)
            yield
        finally:
            # Who is cancelled while it waits lets no one overtake those before it.
            if before is not None and not before.done():
                before.add_done_callback(lambda _: self._leave(name, left))
            else:
                self._leave(name, left)

    def _leave(self, name: str, left: "asyncio.Future[None]") -> None:
        left.set_result(None)
        if self._last.get(name) is left:
            del self._last[name]
