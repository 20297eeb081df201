"""What job code sees of its run: steps, progress, logs and the signal to stop."""

import asyncio
import contextvars
import copy
import inspect
import itertools
import threading
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar, cast, overload

from durably_core.abort import AbortSignal, RunStopped
from durably_core.blocking import Interruptible, call
from durably_core.errors import ConflictError, ValidationError
from durably_core.models import LogLevel, Progress, Run
from durably_core.stopping import MAX_TIMEOUT_MS, Limit, is_timeout
from durably_core.store.base import Transaction
from durably_core.values import JSON_CODEC, Codec, codec_of, storable
from durably_core.watching import LimitState

P = ParamSpec("P")
T = TypeVar("T")

TransactionWork = Callable[[Transaction], tuple[str | None, Any]]
Committed = Callable[[str | None], None]

_current_step: ContextVar[str | None] = ContextVar("durably_current_step", default=None)


class Recorder(Protocol):
    """Where a step context sends what happens. The executor implements it."""

    async def begin_step(self) -> None:
        """Returns when a step may execute: at once, unless the run is about to be given back."""

    def end_step(self) -> None:
        """A step that ``begin_step`` let in executes no more, and is saved if it has a result."""

    def step_scope(self, name: str, index: int) -> AbstractContextManager[object]:
        """What is entered around a step that executes."""

    def step_started(self, name: str, index: int) -> int:
        """Milliseconds since 1970, taken as the start."""

    async def step_completed(
        self, name: str, index: int, started_at: int, text: str | None, value: Any
    ) -> None:
        """Returns when the checkpoint is on disk; raises ``RunStopped`` when it was refused."""

    def replay_failed(self, name: str, error: Exception) -> None: ...

    async def step_failed(self, name: str, index: int, started_at: int, error: Exception) -> None: ...

    async def step_in_transaction(
        self,
        name: str,
        index: int,
        started_at: int,
        work: TransactionWork,
        committed: Committed,
        code: Interruptible[Any],
    ) -> Any:
        """The value that ``work`` answers with beside its JSON text, once both are on disk.

        ``work`` calls ``code``, which is interrupted when the step is to stop.
        """

    def step_stopped(self, name: str, index: int) -> None: ...

    def limited(self, name: str, timeout_ms: int, state: LimitState) -> None:
        """The time that the step's function has begins or ends."""

    def step_not_stopping(self, name: str) -> None:
        """Its time is over, it was told so, and goes on."""

    def progressed(self, progress: Progress) -> None: ...

    def logged(self, level: LogLevel, message: str, data: str | None, step_name: str | None) -> None: ...


class StepContext:
    """The first parameter of a job function."""

    def __init__(
        self, run: Run, checkpoints: dict[str, str | None], signal: AbortSignal, recorder: Recorder
    ) -> None:
        self.run_id = run.id
        self.signal = signal
        self._run = run
        self._checkpoints = checkpoints
        self._recorder = recorder
        self._indexes = itertools.count()
        self._timeout_ms: int | None = None
        self._in_flight: dict[str, asyncio.Task[Any] | None] = {}
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()

    @property
    def log(self) -> "StepLog":
        """The run's log."""
        # Made anew each time: a cycle would keep the run's checkpoints until Python looks for cycles.
        return StepLog(self)

    @property
    def attempt(self) -> int:
        """1 on the first execution of this run, 2 when it was resumed once, and so on."""
        return self._run.attempt

    @property
    def tasks_in_flight(self) -> list[asyncio.Task[Any]]:
        """The tasks in which steps run at this moment, in the order in which those began."""
        return list(dict.fromkeys(task for task in self._in_flight.values() if task is not None))

    @property
    def steps_in_flight(self) -> list[str]:
        """The names of the steps that run at this moment."""
        return list(self._in_flight)

    @property
    def labels(self) -> dict[str, str]:
        return dict(self._run.labels)

    def is_aborted(self) -> bool:
        return self.signal.aborted

    def throw_if_aborted(self) -> None:
        """Raises ``RunStopped`` (an ``asyncio.CancelledError``) once the run was told to stop."""
        self.signal.throw_if_aborted()

    def with_timeout(self, timeout_ms: int) -> "StepContext":
        """The same context, whose ``run`` and ``transaction`` give each function only so long.

        ``await step.with_timeout(5000).run("parse", parse, text)``: when the time is over, the function is
        stopped as by a cancel; once it has stopped, ``StepTimeoutError`` (a ``TimeoutError``) is raised, and
        the step has failed. A step that has a result takes no time.

        Raises ``ValidationError`` for what is no count of milliseconds.
        """
        if not is_timeout(timeout_ms):
            raise ValidationError(
                f"timeout_ms must be a whole number of milliseconds from 1 to {MAX_TIMEOUT_MS}, "
                f"not {timeout_ms!r}."
            )
        limited = copy.copy(self)
        limited._timeout_ms = timeout_ms  # noqa: SLF001 - of this class
        return limited

    @overload
    async def run(
        self, name: str, function: Callable[P, Awaitable[T]], /, *args: P.args, **kwargs: P.kwargs
    ) -> T: ...
    @overload
    async def run(self, name: str, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T: ...
    async def run(self, name: str, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        """The result of ``function(*args, **kwargs)``, saved under ``name`` the moment it is there.

        A step that has a result is not run again for this run, whatever dies and whenever. The
        function may be sync or async. The result is what JSON and the function's return annotation
        make of it, the same on the first run and on replay.

        Raises what the function raises, and ``ConflictError`` when a step of that name is running.
        """
        return await self._once(
            name, function, lambda index, codec: self._run_step(name, index, codec, function, args, kwargs)
        )

    async def transaction(
        self,
        name: str,
        function: Callable[Concatenate[Transaction, P], T],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """A step whose own writes to the database and whose checkpoint are committed together, or not at all.

        ``function(transaction, *args, **kwargs)`` is a plain function; ``transaction.execute(sql, parameters)``
        works on tables of your own in the engine's database. Their writes happen exactly once, whatever
        dies and whenever. Keep it short: nothing else is written meanwhile.

        Raises what the function raises; nothing of it is written then.
        """
        if inspect.iscoroutinefunction(function):
            raise ValidationError(f"The transaction {name!r} needs a plain function: it must not wait.")
        return cast(
            "T",
            await self._once(
                name,
                function,
                lambda index, codec: self._run_transaction(name, index, codec, function, args, kwargs),
            ),
        )

    async def _once(
        self, name: str, function: Callable[..., Any], execute: Callable[[int, Codec], Awaitable[Any]]
    ) -> Any:
        """The checkpoint of that name, or else what ``execute`` makes of its index and codec."""
        if not isinstance(name, str) or not name or storable(name) != name:
            raise ValidationError(f"A step needs a name, not {name!r}.")
        self.signal.throw_if_aborted()
        if name in self._in_flight:
            raise ConflictError(f"The step {name!r} is already running: parallel steps need a name each.")
        index = next(self._indexes)
        codec = codec_of(function)
        if name in self._checkpoints:
            return self._replay(name, codec)
        self._in_flight[name] = asyncio.current_task()
        try:
            await self._recorder.begin_step()
            try:
                with self._recorder.step_scope(name, index):
                    return await execute(index, codec)
            finally:
                self._recorder.end_step()
        finally:
            del self._in_flight[name]

    def _replay(self, name: str, codec: Codec) -> Any:
        try:
            return codec.load(self._checkpoints[name])
        except ValidationError as error:
            unfit = ValidationError(
                f"Step {name!r}: A stored result no longer fits the function's return annotation: "
                f"{error.message}. Rename the step so that it runs again.",
                error.issues,
            )
            self._recorder.replay_failed(name, unfit)
            raise unfit from error

    async def _run_step(
        self, name: str, index: int, codec: Codec, function: Callable[..., Any], args: Any, kwargs: Any
    ) -> Any:
        started_at = self._recorder.step_started(name, index)
        token = _current_step.set(name)
        try:
            result = await call(function, self._limit(name), *args, **kwargs)
            self.signal.throw_if_aborted()
            text, value = codec.store(result)
        except asyncio.CancelledError:
            self._recorder.step_stopped(name, index)
            raise
        except Exception as error:
            await self._failed(name, index, started_at, error)
            raise
        finally:
            _current_step.reset(token)
        # Before the write: who is cancelled while it is under way must not run a saved step again.
        # A write that is refused stops the run.
        self._checkpoints[name] = text
        await self._recorder.step_completed(name, index, started_at, text, value)
        return value

    async def _run_transaction(
        self, name: str, index: int, codec: Codec, function: Callable[..., Any], args: Any, kwargs: Any
    ) -> Any:
        started_at = self._recorder.step_started(name, index)
        code = Interruptible(function, self._limit(name))
        token = _current_step.set(name)
        context = contextvars.copy_context()
        _current_step.reset(token)

        def work(transaction: Transaction) -> tuple[str | None, Any]:
            result = context.run(code, transaction, *args, **kwargs)
            self.signal.throw_if_aborted()
            return codec.store(result)

        def committed(text: str | None) -> None:
            # Even when its caller is cancelled meanwhile: a saved step must not run again.
            self._checkpoints[name] = text

        try:
            return await self._recorder.step_in_transaction(name, index, started_at, work, committed, code)
        except asyncio.CancelledError:
            if name not in self._checkpoints:
                self._recorder.step_stopped(name, index)
            raise
        except Exception as error:
            await self._failed(name, index, started_at, error)
            raise

    def _limit(self, name: str) -> Limit | None:
        if self._timeout_ms is None:
            return None
        recorder = self._recorder
        return Limit(name, self._timeout_ms, self.signal, recorder.step_not_stopping, recorder.limited)

    async def _failed(self, name: str, index: int, started_at: int, error: Exception) -> None:
        if self.signal.reason is not None:
            # What goes wrong while code stops is no failure of the step.
            self._recorder.step_stopped(name, index)
            raise RunStopped(self.signal.reason) from error
        await self._recorder.step_failed(name, index, started_at, error)

    def progress(self, current: float, total: float | None = None, message: str | None = None) -> None:
        """Say how far the run is. Shown at once; on disk with the next step or shortly after."""
        progress = Progress(current=current, total=total, message=message)
        JSON_CODEC.dump(progress.to_wire())  # refused here, where the job can hear of it
        self._tell(self._recorder.progressed, progress)

    def _tell(self, tell: Callable[..., None], *args: Any) -> None:
        # Sync steps run in a thread of their own on a server; the recorder lives on the loop.
        if threading.get_ident() == self._thread:
            tell(*args)
        else:
            self._loop.call_soon_threadsafe(tell, *args)

    def _write_log(self, level: LogLevel, message: str, data: Any) -> None:
        text = JSON_CODEC.dump(data)
        self._tell(self._recorder.logged, level, storable(str(message)), text, _current_step.get())


@dataclass(frozen=True, slots=True)
class StepLog:
    """Log lines of a run. ``data`` is any JSON value."""

    _context: StepContext

    def info(self, message: str, data: Any = None) -> None:
        self._context._write_log("info", message, data)  # noqa: SLF001 - one class in two parts

    def warn(self, message: str, data: Any = None) -> None:
        self._context._write_log("warn", message, data)  # noqa: SLF001

    def error(self, message: str, data: Any = None) -> None:
        self._context._write_log("error", message, data)  # noqa: SLF001
