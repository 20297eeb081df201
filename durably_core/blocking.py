"""Calls that block: in a thread on a server, in place inside the browser, where there are no threads."""

import asyncio
import contextlib
import contextvars
import functools
import inspect
import sys
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Generic, ParamSpec, TypeVar

from durably_core import stopping, tasks
from durably_core.abort import Interrupted
from durably_core.stopping import Limit
from durably_core.user_code import calls_user_code

P = ParamSpec("P")
T = TypeVar("T")

HAS_THREADS = sys.platform != "emscripten"


@calls_user_code
async def call(function: Callable[P, Any], limit: Limit | None, /, *args: P.args, **kwargs: P.kwargs) -> Any:
    """The result of a function, sync or async. A sync one may block; context variables go along.

    Who is cancelled meanwhile hears of that once the function has stopped: a sync one that executes in
    a thread is interrupted there.
    """
    if HAS_THREADS and not inspect.iscoroutinefunction(function):
        code = Interruptible(function, limit)
        bound = functools.partial(contextvars.copy_context().run, code, *args, **kwargs)
        result = await to_its_end(asyncio.get_running_loop().run_in_executor(None, bound), code.interrupt)
    elif limit is None or inspect.iscoroutinefunction(function):
        result = function(*args, **kwargs)
    else:
        with limit.around(_in_vain):
            result = function(*args, **kwargs)
    # A lambda or a partial around an async function is sync by its looks.
    if not hasattr(result, "__await__"):
        return result
    return await (result if limit is None else limit.awaited(result))


def _in_vain() -> None:
    """Code in the loop's own thread has ended before the loop can tell it anything."""


class Interruptible(Generic[T]):
    """A function that is called once, in another thread, and can be told to stop from the loop.

    Where there are no threads, whoever interrupts Python itself does that: see ``interrupts``.
    """

    def __init__(self, function: Callable[..., T], limit: Limit | None = None) -> None:
        self.was_told = False
        """While it executed, or before."""
        self._function = function
        self._limit = limit
        self._thread = 0
        self._loop = asyncio.get_running_loop()
        self._is_repeated = False
        # Held while an exception is sent to the thread, and for good once none may be sent any more.
        self._sending = threading.Lock()

    def interrupt(self) -> None:
        """Raise ``Interrupted`` in the function at its next bytecode, or when it begins.

        Again every so often, as it may have been swallowed, or lost in a finalizer; not while the
        function tidies up.
        """
        if HAS_THREADS and self._send() and not self._is_repeated:
            self._is_repeated = True
            self._loop.call_later(stopping.AGAIN_S, self._repeat)

    def _repeat(self) -> None:
        if _handles_interruption(self._thread) or self._send():
            self._loop.call_later(stopping.AGAIN_S, self._repeat)

    def _send(self) -> bool:
        """False: the function has ended."""
        if not self._sending.acquire(blocking=False):
            return False
        self.was_told = True
        if self._thread:
            _raise_in(self._thread, Interrupted)
        self._sending.release()
        return True

    @calls_user_code
    def __call__(self, *args: Any, **kwargs: Any) -> T:
        """The function's result. Raises ``Interrupted`` also when the function did not let it pass."""
        with contextlib.nullcontext() if self._limit is None else self._limit.around(self.interrupt):
            try:
                return self._call(*args, **kwargs) if HAS_THREADS else self._function(*args, **kwargs)
            except StopIteration as error:
                # No future takes it: whoever waits would wait for ever.
                raise RuntimeError("the function raised StopIteration") from error

    @calls_user_code
    def _call(self, *args: Any, **kwargs: Any) -> T:
        try:
            self._thread = threading.get_ident()
            if self.was_told:
                raise Interrupted
            result = self._function(*args, **kwargs)
        finally:
            # The thread goes on to other work. Who sends is waited for, and what was sent comes no later
            # than here: from one of these two lines it goes the way of what the function raises.
            self._sending.acquire()
            _raise_in(self._thread, None)
        if self.was_told:
            raise Interrupted
        return result


if HAS_THREADS:
    import ctypes

    _set_async_exc = ctypes.pythonapi.PyThreadState_SetAsyncExc
    _set_async_exc.argtypes = [ctypes.c_ulong, ctypes.py_object]


def _raise_in(thread: int, error: type[BaseException] | None) -> None:
    """Raise it in a thread at its next bytecode; None: what has not been raised yet never is."""
    # A py_object of nothing is NULL; None would be the object.
    _set_async_exc(thread, ctypes.py_object() if error is None else ctypes.py_object(error))


def _handles_interruption(thread: int) -> bool:
    """Whether a thread is in a ``finally``, ``except`` or ``__exit__`` on the way of an ``Interrupted``."""
    handled: Any = sys._current_exceptions().get(thread)  # noqa: SLF001 - documented, for such a purpose
    error = handled[1] if isinstance(handled, tuple) else handled  # a tuple up to 3.11
    while error is not None and not isinstance(error, Interrupted):
        error = error.__context__
    return error is not None


async def uninterrupted(coroutine: Coroutine[Any, Any, T], told: Callable[[], object] | None = None) -> T:
    """The result of a coroutine that runs to its end even when its caller is cancelled meanwhile.

    For a write and the telling of it: the one must not happen without the other. ``told``: as for
    ``to_its_end``.
    """
    task = tasks.start(coroutine)
    return task.result() if task.done() else await to_its_end(task, told)


class OwnThread:
    """One thread that runs calls one after the other, in the order in which they were made."""

    def __init__(self, name: str) -> None:
        self._pool = ThreadPoolExecutor(1, name) if HAS_THREADS else None
        self._turn = asyncio.Lock()
        self.closed = False

    async def call(self, function: Callable[[], T], told: Callable[[], object] | None = None) -> T:
        """``told``: as for ``to_its_end``."""
        if self._pool is None:
            # The browser can switch stacks: code that sleeps in a step's transaction lets the loop turn. What
            # others write meanwhile would be part of that transaction.
            async with self._turn:
                return function()
        return await to_its_end(asyncio.get_running_loop().run_in_executor(self._pool, function), told)

    def close(self) -> None:
        self.closed = True
        if self._pool is not None:
            self._pool.shutdown()


async def to_its_end(future: asyncio.Future[T], told: Callable[[], object] | None = None) -> T:
    """The future's result; who is cancelled meanwhile hears of that once the future is done.

    ``told`` is called at each cancellation.
    """
    try:
        return await asyncio.shield(future)
    except asyncio.CancelledError:
        # A thread can't be taken back: who cancels, however often, must not go on before it has really stopped.
        while not future.done():
            if told is not None:
                told()
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait([future])
        if not future.cancelled():
            future.exception()  # seen: no one is left to hear of it
        raise
