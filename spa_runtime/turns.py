"""Callbacks of Python's event loop share turns of the browser's.

Pyodide gives each callback a turn of the browser's event loop, which costs as much as a step. A run goes on
through a dozen of them, of which hardly one waits for the browser.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from contextvars import Context
from typing import Any

from durably_core.tasks import YIELD_AFTER_MS


def share_turns(loop: asyncio.AbstractEventLoop) -> None:
    """From here on ``loop`` calls one after the other what it is to call soon.

    After ``YIELD_AFTER_MS`` it lets the browser have its turn.
    """
    loop.call_soon = _Ready(loop).call_soon  # type: ignore[method-assign, assignment]


class _Ready:
    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._handles: deque[asyncio.Handle] = deque()
        self._has_turn = False

    def call_soon(
        self, callback: Callable[..., Any], *args: Any, context: Context | None = None
    ) -> asyncio.Handle:
        """As the loop's own."""
        handle = asyncio.Handle(callback, args, self._loop, context)
        self._handles.append(handle)
        self._ask_for_turn()
        return handle

    def _ask_for_turn(self) -> None:
        if not self._has_turn:
            self._has_turn = True
            self._loop.call_later(0, self._run)

    def _run(self) -> None:
        self._has_turn = False
        until = self._loop.time() + YIELD_AFTER_MS / 1000
        while self._handles:
            handle = self._handles.popleft()
            # Asked for before: the callback may raise, or switch to another stack and come back late. Whoever
            # waits behind it has this turn, and one that finds nothing to do costs little.
            self._ask_for_turn()
            if not handle.cancelled():
                handle._run()  # noqa: SLF001 - as each loop does
            if self._loop.time() >= until:
                break
