"""A world without time of its own: processes, each with an event loop, that one agenda moves on.

What is ready in two processes at the same moment happens in an order that the seed decides; what is ready in
one process happens in the order in which asyncio promises it. Nothing here looks at a real clock.
"""

import asyncio
import contextlib
import heapq
import inspect
import itertools
import random
from collections import deque
from collections.abc import Callable, Coroutine
from contextvars import Context, ContextVar, copy_context
from typing import Any

takes_s: ContextVar[float | None] = ContextVar("takes_s", default=None)
"""How long the next call in a thread takes, if who calls knows."""

EPOCH_MS = 1_767_225_600_000
"""2026-01-01: when histories begin."""

MOST_EVENTS = 400_000
"""A history that has not come to rest by then never will."""


class NeverAtRestError(AssertionError):
    """Something happens again and again."""


class WallClock:
    """What the machine shows its processes. People and daylight may set it; loops don't go by it."""

    def __init__(self, world: "World") -> None:
        self._world = world
        self._offset_ms = 0

    def now_ms(self) -> int:
        return EPOCH_MS + round(self._world.now * 1000) + self._offset_ms

    def jump(self, ms: int) -> None:
        self._offset_ms += ms


class World:
    """The agenda of all processes, and what time it is."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.now = 0.0
        """Seconds."""
        self.clock = WallClock(self)
        self.trace: list[str] = []
        """What happened, a line each."""
        self.processes: list[Process] = []
        self.is_over = False
        self.failure: Exception | None = None
        """What must not have happened. Whoever runs code here may swallow exceptions, so it is kept."""
        self.unheard: list[str] = []
        """Faults that no one took care of."""
        self._agenda: list[tuple[float, int, Process, asyncio.Handle, bool]] = []
        self._numbers = itertools.count()
        self._events = 0
        self._outside = self.process("outside")

    def tell(self, line: str) -> None:
        self.trace.append(f"{self.now:10.3f}  {line}")

    def process(self, name: str) -> "Process":
        born = Process(self, name)
        self.processes.append(born)
        return born

    def schedule(
        self, at: float, process: "Process", handle: asyncio.Handle, *, in_thread: bool = False
    ) -> None:
        heapq.heappush(self._agenda, (max(at, self.now), next(self._numbers), process, handle, in_thread))

    def call_later(self, seconds: float, work: Callable[..., Any], *args: Any) -> None:
        """From outside of all processes: what befalls them."""
        self.schedule(self.now + seconds, self._outside, asyncio.Handle(work, args, self._outside.loop))

    def run_until(self, is_over: Callable[[], bool], until: float) -> bool:
        """Let things happen. False: it is not over at that moment."""
        while not is_over():
            if not self._move_on(until):
                return False
            if self.failure is not None:
                raise self.failure
            self._events += 1
            if self._events > MOST_EVENTS:
                raise NeverAtRestError(f"{MOST_EVENTS} things have happened, and there is no end to it")
        return True

    def end(self) -> None:
        """Close what is under way, in the loop that it knows: outside of any, asyncio makes it a real one."""
        self.is_over = True
        for process in self.processes:
            process.within(process.close_tasks)

    def _move_on(self, until: float) -> bool:
        ready = [process for process in self.processes if process.may_run]
        if ready:
            (ready[0] if len(ready) == 1 else self.rng.choice(ready)).run_one()
            return True
        if not self._agenda or self._agenda[0][0] > until:
            self.now = max(self.now, until)
            return False
        at, _, process, handle, in_thread = heapq.heappop(self._agenda)
        self.now = max(self.now, at)
        process.due(handle, in_thread=in_thread)
        return True


class Process:
    """A loop that can be stopped for a while, and for good."""

    def __init__(self, world: World, name: str) -> None:
        self.world = world
        self.name = name
        self.is_alive = True
        self.loop: Any = Loop(self)
        self.threads: dict[Any, float] = {}
        """When the last call of each is over."""
        self._suspended_until = 0.0
        self._blocked_until = 0.0
        self._ready: deque[asyncio.Handle] = deque()
        self._when_dead: list[Callable[[], None]] = []
        self._tasks: list[asyncio.Task[Any]] = []
        self._corpse: list[asyncio.Handle] = []

    @property
    def may_run(self) -> bool:
        return bool(self._ready) and self._stands_until <= self.world.now

    @property
    def _stands_until(self) -> float:
        return max(self._suspended_until, self._blocked_until)

    def start(self, coroutine: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """From outside of any loop."""
        return self.keep(asyncio.Task(coroutine, loop=self.loop))

    def keep(self, task: asyncio.Task[Any]) -> asyncio.Task[Any]:
        """The task, which is closed in the end, though no one may want to know how it ends."""
        self._tasks.append(task)
        return task

    def ready(self, handle: asyncio.Handle) -> None:
        self._ready.append(handle)

    def due(self, handle: asyncio.Handle, *, in_thread: bool) -> None:
        """Its moment has come."""
        until = self._suspended_until if in_thread else self._stands_until
        if not self.is_alive:
            self._corpse.append(handle)
        elif until > self.world.now:
            self.world.schedule(until, self, handle, in_thread=in_thread)
        elif in_thread:
            # A thread works on while the loop is blocked.
            self.within(handle._run)
        else:
            self._ready.append(handle)

    def run_one(self) -> None:
        handle = self._ready.popleft()
        if handle.cancelled():
            return
        self.within(handle._run)

    def within(self, work: Callable[[], Any]) -> Any:
        """What ``work`` returns, as done by this process."""
        before = asyncio._get_running_loop()
        asyncio._set_running_loop(self.loop)
        try:
            return work()
        finally:
            asyncio._set_running_loop(before)

    def suspend(self, seconds: float) -> None:
        """Let nothing happen here for so long."""
        self._suspended_until = max(self._suspended_until, self.world.now + seconds)
        self._go_on_at(self._suspended_until)

    def block(self, seconds: float) -> None:
        """The loop does not turn for so long: the code that runs does not let it."""
        self._blocked_until = max(self._blocked_until, self.world.now + seconds)
        self._go_on_at(self._blocked_until)

    def _go_on_at(self, moment: float) -> None:
        # What is ready has no place on the agenda: something must be there for then.
        self.world.schedule(moment, self, asyncio.Handle(lambda: None, (), self.loop))

    def when_dead(self, work: Callable[[], None]) -> None:
        """Call it when the process dies, or now if it is dead."""
        if self.is_alive:
            self._when_dead.append(work)
        else:
            work()

    def kill(self) -> None:
        """Nothing of it happens any more. What it held is kept, or Python would tidy up in its name."""
        if not self.is_alive:
            return
        self.is_alive = False
        for work in self._when_dead:
            work()
        self._corpse += self._ready
        self._ready.clear()

    def close_tasks(self) -> None:
        for task in self._tasks:  # more and more: clean-up begins tasks
            _close(task.get_coro())


def _close(coroutine: Any) -> None:
    # Clean-up that waits for something refuses to be closed, and is closed where it waits.
    while inspect.getcoroutinestate(coroutine) != inspect.CORO_CLOSED:
        with contextlib.suppress(BaseException):
            coroutine.close()


class Loop:
    """The event loop of a process: so much of one as the engine uses.

    Calls in threads happen at a moment of their own, one after the other.
    """

    def __init__(self, process: Process) -> None:
        self._process = process
        self._world = process.world

    def time(self) -> float:
        return self._world.now

    def get_debug(self) -> bool:
        return False

    def is_running(self) -> bool:
        return True

    def is_closed(self) -> bool:
        return False

    def call_soon(self, callback: Callable[..., Any], *args: Any, context: Context | None = None) -> Any:
        handle = asyncio.Handle(callback, args, self._process.loop, context)
        if self._process.is_alive:
            self._process.ready(handle)
        return handle

    call_soon_threadsafe = call_soon

    def call_later(
        self, delay: float, callback: Callable[..., Any], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        return self.call_at(self._world.now + delay, callback, *args, context=context)

    def call_at(
        self, when: float, callback: Callable[..., Any], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        # Timers are late now and then, and never early.
        late = self._world.rng.choice((0.0, 0.0, 0.0, 0.002))
        handle = asyncio.TimerHandle(when + late, callback, args, self._process.loop, context)
        self._world.schedule(when + late, self._process, handle)
        return handle

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        pass

    def create_future(self) -> asyncio.Future[Any]:
        return asyncio.Future(loop=self._process.loop)

    def create_task(self, coro: Any, *, name: str | None = None, context: Context | None = None) -> Any:
        return self._process.keep(asyncio.Task(coro, loop=self._process.loop, name=name, context=context))

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:
        """In one thread for each executor; None: in one of many."""
        future, threads = self.create_future(), self._process.threads
        asked = takes_s.get()
        seconds = self._world.rng.uniform(0.0002, 0.003) if asked is None else asked
        begins = self._world.now if executor is None else max(self._world.now, threads.get(executor, 0.0))
        threads[executor] = begins + seconds
        context = copy_context()

        def work() -> None:
            try:
                result = context.run(func, *args)
            except BaseException as error:  # noqa: BLE001 - the thread hands over whatever it is
                self.call_soon(_settle, future.set_exception, future, error)
            else:
                self.call_soon(_settle, future.set_result, future, result)

        handle = asyncio.Handle(work, (), self._process.loop)
        self._world.schedule(begins + seconds, self._process, handle, in_thread=True)
        return future

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        if self._world.is_over or not self._process.is_alive:
            return
        told = f"{self._process.name}: {context.get('message')}: {context.get('exception')!r}"
        self._world.tell(told)
        self._world.unheard.append(told)


def _settle(settle: Callable[[Any], None], future: asyncio.Future[Any], outcome: Any) -> None:
    if not future.done():
        settle(outcome)
