"""An event loop in which time passes only when there is nothing else to do.

It runs to its end within one call, so that a simulation needs no turns of the loop around it, waits for
nothing, and repeats a history exactly.
"""

import asyncio
import asyncio.events
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

START_MS = 1_700_000_000_000

MAX_TURNS = 20_000
"""What takes longer hangs: no simulated life comes near."""

MAX_TURNS_TO_END = 100


class StuckError(Exception):
    """Nothing can happen any more, or it does not end."""


class SimulatedLoop(asyncio.BaseEventLoop):
    def __init__(self) -> None:
        super().__init__()
        self._selector = self
        # Else timers fire ahead of time, as the system's clock is coarse: time would never reach them.
        self._clock_resolution = 1e-9
        self._now = 0.0
        self.turns = 0

    def time(self) -> float:
        return self._now

    def select(self, timeout: float | None) -> list[Any]:
        """In the place of a selector: there are no files to wait for."""
        self.turns += 1
        if timeout is None:
            raise StuckError("Everyone waits, and nothing will wake them.")
        if self.turns > MAX_TURNS:
            raise StuckError(f"No end after {MAX_TURNS} turns of the loop.")
        self._now += timeout
        return []

    def _process_events(self, _event_list: list[Any]) -> None: ...

    def _write_to_self(self) -> None: ...


class SimulatedClock:
    """The wall clock beside such a loop."""

    def __init__(self, start_ms: int = START_MS) -> None:
        self._start_ms = start_ms

    def now_ms(self) -> int:
        return self._start_ms + round(asyncio.get_running_loop().time() * 1000)

    def advance(self, ms: int) -> None:
        self._start_ms += ms


def simulate(coroutine: Coroutine[Any, Any, T]) -> T:
    """The coroutine's result. Also from within a callback of another loop, as in Pyodide."""
    around = asyncio.events._get_running_loop()
    asyncio.events._set_running_loop(None)
    loop = SimulatedLoop()
    try:
        return loop.run_until_complete(coroutine)
    finally:
        try:
            loop.turns = 0
            # What is left behind must not live on: bound, for code that does not heed it.
            for _ in range(MAX_TURNS_TO_END):
                if not (left := asyncio.all_tasks(loop)):
                    break
                for task in left:
                    task.cancel()
                loop.run_until_complete(asyncio.sleep(0))
        finally:
            loop.close()
            asyncio.events._set_running_loop(around)
