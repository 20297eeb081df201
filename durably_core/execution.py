"""One attempt at a run: perform → end → tell.

Everything the holder of a lease writes goes through here.
"""

import asyncio
import math
import traceback
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic_core import from_json

from durably_core import events, stopping, tasks
from durably_core.abort import AbortSignal, Interrupted, RunStopped
from durably_core.blocking import HAS_THREADS, Interruptible, uninterrupted
from durably_core.clock import Clock, NewId, from_ms
from durably_core.errors import (
    CancelledError,
    DurablyError,
    LeaseLostError,
    NotStoppingError,
    RunTimeoutError,
    StorageError,
    WorkerStoppedError,
)
from durably_core.events import EventBus, RunEvent
from durably_core.instrumentation import Instrumentations, Outcome
from durably_core.job import Job
from durably_core.models import LogLevel, Progress, RunError
from durably_core.notebook import Notebook
from durably_core.step import Committed, StepContext, TransactionWork
from durably_core.stopping import Insistence, current_limit
from durably_core.store.base import (
    Claimed,
    ClaimRequest,
    Ending,
    Lease,
    LeaseState,
    NewLog,
    NewStep,
    StepWork,
    Store,
    Transaction,
)
from durably_core.user_code import calls_user_code
from durably_core.values import storable
from durably_core.watching import LimitState, Watcher

E = TypeVar("E", bound=RunEvent)

CANCEL_ON_ITS_WAY_S = 5.0
"""How long interrupted code waits for the cancel that it was interrupted for. Then the run goes on."""

current_execution: ContextVar["Execution | None"] = ContextVar("durably_current_execution", default=None)
"""The execution whose job code is asking."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionOptions:
    lease_ms: int
    preserve_steps: bool
    build: str | None
    new_id: NewId


class Execution:
    """One attempt at a run: the recorder behind its step context, and the holder of its lease."""

    def __init__(
        self,
        store: Store,
        bus: EventBus,
        clock: Clock,
        options: ExecutionOptions,
        claimed: Claimed,
        *,
        persist_logs: bool,
        instrumentations: Instrumentations,
        watcher: Watcher,
    ) -> None:
        self.run = claimed.run
        self.outcome: Outcome = "interrupted"
        self.error: RunError | None = None
        self.signal = AbortSignal()
        self.lease = Lease(
            run_id=claimed.run.id,
            generation=claimed.run.lease_generation,
            lease_ms=options.lease_ms,
            build=options.build,
        )
        self._store = store
        self._bus = bus
        self._clock = clock
        self._options = options
        self.holds_lease = True
        self.is_abandoned = False
        self.waits_for: Counter[str] = Counter()
        """Runs whose end the job's code awaits, and how often."""
        self.transactions = 0
        """How many steps have, or wait for, the database's transaction."""
        self._persist_logs = persist_logs
        self._instrumentations = instrumentations
        self._watcher = watcher
        self._checkpoints = claimed.checkpoints
        self._loop = asyncio.get_running_loop()
        self._began_at = clock.now_ms()
        self._breath = tasks.Breath()
        self._subject: dict[str, Any] = {
            "run_id": self.run.id,
            "job_name": self.run.job_name,
            "labels": self.run.labels,
        }
        self.notebook = Notebook(bus, self.signal, self._write_notes)
        self._code: asyncio.Task[Ending] | None = None
        self._context: StepContext | None = None
        self._deadline = math.inf
        self._timeout: RunTimeoutError | None = None
        self._insistence: Insistence | None = None
        self._is_reported = False
        self._cancel_stored = asyncio.Event()
        self._failed_steps: dict[str, Exception] = {}
        self._steps_executing = 0
        self._may_begin_steps = asyncio.Event()
        self._may_begin_steps.set()
        self._ending = False

    # ------------------------------------------------------------------ the main path

    async def perform(self, job: Job[Any, Any]) -> Ending | None:
        """Call the job's function in a task of its own; return when all of its code has stopped.

        None: the run must not be written to any more.
        """
        if self.signal.reason is not None:
            return await self._ending_of_stopped()
        self._context = StepContext(self.run, self._checkpoints, self.signal, self)
        timer = self._start_clock(job.timeout_ms)
        # ``stop`` cancels this task and never the worker's.
        self._code = tasks.start(self._call(job, self._context))
        if self.signal.aborted:
            self._insist()  # told before its first wait, when there was no task yet
        try:
            ending = await self._code
        except asyncio.CancelledError as error:
            if _is_being_cancelled(asyncio.current_task()):
                raise  # the worker's own task: the run is given back before the next claim
            ending = self._failure(error)
        finally:
            self.reason_to_stop(self._loop.time())  # a loop that was blocked has not heard the timer yet
            if timer is not None:
                timer.cancel()
            await self._stop_steps()
            self.limited(None, job.timeout_ms, "ended")
        # Code that returns or raises after its run was stopped has nothing to report.
        return await self._ending_of_stopped() if self.signal.aborted else ending

    def _start_clock(self, timeout_ms: int | None) -> asyncio.TimerHandle | None:
        if timeout_ms is None:
            return None
        self._timeout = RunTimeoutError(f"This attempt at the run took longer than {timeout_ms} ms.")
        self._deadline = self._loop.time() + timeout_ms / 1000
        self.limited(None, timeout_ms, "begun")
        # Not call_at: the browser's loop refuses a moment that has passed.
        return self._loop.call_later(timeout_ms / 1000, self._on_deadline, timeout_ms)

    def _on_deadline(self, timeout_ms: int) -> None:
        self.limited(None, timeout_ms, "heard")
        assert self._timeout is not None
        self.stop(self._timeout)

    async def _stop_steps(self) -> None:
        # A step whose sibling failed may still run: the key is free only when it has stopped too.
        if self._context is not None and (steps := self._context.tasks_in_flight):
            self._insist()
            for task in steps:
                task.cancel()
            await asyncio.wait(steps)
        self._insist_no_more()

    async def _ending_of_stopped(self) -> Ending | None:
        match self.signal.reason:
            case CancelledError():
                # Interrupted code has stopped before the cancel that it kept from being heard is stored.
                await tasks.set_within(self._cancel_stored, CANCEL_ON_ITS_WAY_S)
                if not self._cancel_stored.is_set():
                    return self._released()
                return Ending(status="cancelled", keep_steps=self._options.preserve_steps)
            case WorkerStoppedError():
                return self._released()
            case RunTimeoutError() as timeout:
                return self._failure(timeout)
        return None  # the lease was lost, or storage failed

    @calls_user_code
    async def _call(self, job: Job[Any, Any], context: StepContext) -> Ending:
        current_execution.set(self)
        # Known here before who has started it knows: it may run, and be stopped, up to its first wait.
        self._code = asyncio.current_task()
        try:
            input = job.load_input(self.run.input)
            text = job.dump_output(await job.run(context, input))
            return Ending(status="completed", output=text, keep_steps=self._options.preserve_steps)
        except (asyncio.CancelledError, KeyboardInterrupt, GeneratorExit):
            raise
        except StorageError as error:
            # Of a trigger or a wait in the job: its fault as little as that of a step's checkpoint.
            self._storage_failed(error, "job")
            return self._failure(error)
        except BaseException as error:  # noqa: BLE001 - user code, SystemExit and what frameworks make up
            return self._failure(error)

    async def end(self, ending: Ending, then_claim: Callable[[], ClaimRequest | None]) -> Claimed | None:
        """The last write; returns what it claimed."""
        self._ending = True
        await self.notebook.written()
        return await uninterrupted(self._write_end(ending, then_claim()))

    async def give_back(self) -> None:
        """Free the lease without having ended the run."""
        self._ending = True
        await uninterrupted(self._write_end(self._released(), None))

    async def fail(self, error: DurablyError, step_name: str | None) -> None:
        """End a run whose code does not execute: it had to be ended from outside, with all around it."""
        if step_name is not None:
            self._failed_steps[step_name] = error
        await self.end(self._failure(error), lambda: None)

    def _released(self) -> Ending:
        return Ending(status="released", keep_steps=self._options.preserve_steps, forgiven=True)

    async def _write_end(self, ending: Ending, then_claim: ClaimRequest | None) -> Claimed | None:
        event = self._event_of(ending)
        ended = await self._store.end_run(self.lease, ending, self.notebook.take(event), then_claim)
        self.holds_lease = False
        if ended.state == "held":
            self.outcome, self.error = ending.status, ending.error
        if ended.state == "lost":
            self._tell_lost()
        elif ended.stop is not None:
            self.outcome = "cancelled"
            self._bus.emit(ended.stop)
        elif event is not None:
            self._bus.emit(event)
        self._bus.emit_all(ended.claim.events)
        return ended.claim.claimed

    def _event_of(self, ending: Ending) -> RunEvent | None:
        match ending.status:
            case "completed":
                output = None if ending.output is None else from_json(ending.output)
                duration = self._duration(self._began_at)
                return self._event(events.RunComplete, output=output, duration=duration)
            case "failed":
                assert ending.error is not None
                return self._event(
                    events.RunFail, error=ending.error.message, failed_step_name=ending.failed_step_name
                )
            case "released":
                return self._event(events.RunRequeue, reason="released", attempt=self.run.attempt)
            case "cancelled":
                return None  # the store knows when its code is the last to hold it

    def _event(self, cls: type[E], **fields: Any) -> E:
        return cls(**self._subject, timestamp_ms=self._clock.now_ms(), **fields)

    def _step_event(self, cls: type[E], name: str, index: int, **fields: Any) -> E:
        return self._event(cls, step_name=name, step_index=index, build=self.lease.build, **fields)

    def _failure(self, error: BaseException) -> Ending:
        return Ending(
            status="failed",
            error=_run_error(error),
            failed_step_name=next(
                (name for name, raised in self._failed_steps.items() if raised is error), None
            ),
            keep_steps=self._options.preserve_steps,
        )

    # ------------------------------------------------------------------ stopping

    def stop(self, reason: DurablyError) -> None:
        """Abort the signal and, where the code awaits something, cancel it.

        Told of a cancel when that is in the store.
        """
        if isinstance(reason, CancelledError):
            self._cancel_stored.set()
        self._stop(reason)

    def _stop(self, reason: DurablyError) -> None:
        if self.signal.aborted:
            return
        self.signal.abort(reason)
        if self._code is None or self._code.done():
            return
        if self._code is not asyncio.current_task():
            self._code.cancel()
        self._insist()

    def reason_to_stop(self, now: float) -> RunStopped | Interrupted | None:
        """What to raise in this run's code, where that never waits, or None; ``now``: by the loop's clock.

        To be asked in the context of that code: a step that has a limit has it there. A run whose time
        is over is told to stop by being asked. What is raised takes the way of any other exception of
        that code, and may be raised again in code that swallows it.
        """
        if now >= self._deadline and self._timeout is not None:
            self.stop(self._timeout)
        if self._watcher.is_cancel_asked(self.run.id):
            self._stop(CancelledError())
        if self.signal.reason is not None:
            return RunStopped(self.signal.reason)
        limit = current_limit.get()
        return Interrupted() if limit is not None and limit.is_over(now) else None

    def _insist(self) -> None:
        self._insistence = self._insistence or Insistence(self._tell_again, self._report_deaf)
        self._insistence.begin()

    def _insist_no_more(self) -> None:
        if self._insistence is not None:
            self._insistence.end()
        self._insistence = None

    def _tell_again(self) -> None:
        """To code that has swallowed it, or that left the telling to a task which did."""
        if self._code is not None and self._context is not None:
            for task in dict.fromkeys([self._code, *self._context.tasks_in_flight]):
                task.cancel()

    def _report_deaf(self, step_name: str | None = None) -> None:
        """Once for each attempt, as most will never heed."""
        # A worker that stops goes on without it, and knows what it leaves behind.
        if self._is_reported or isinstance(self.signal.reason, WorkerStoppedError):
            return
        self._is_reported = True
        names = [step_name] if step_name is not None else self._context.steps_in_flight if self._context else []
        where = f"The step {', '.join(map(repr, names))}" if names else "The job's own code"
        error = NotStoppingError(
            f"{where} still runs {stopping.GRACE_S:g} s after it was told to stop. The run's slot and "
            "concurrency key are free when it ends."
        )
        self._tell_error(error, "stopping")

    def stop_between_steps(self) -> None:
        """Stop, to be given back, as soon as no step executes: nothing that is under way is lost then."""
        self._may_begin_steps.clear()
        self._stop_if_between_steps()

    def go_on(self) -> None:
        """Take ``stop_between_steps`` back, for an execution that has not stopped yet."""
        self._may_begin_steps.set()

    def _stop_if_between_steps(self) -> None:
        if not self._may_begin_steps.is_set() and not self._steps_executing:
            self.stop(WorkerStoppedError())

    def stop_at(self, moment: float) -> asyncio.TimerHandle:
        """Stop when the loop's clock shows that, to be given back."""
        # Not call_at: the browser's loop refuses a moment that has passed.
        return self._loop.call_later(max(0, moment - self._loop.time()), self.stop, WorkerStoppedError())

    async def keep_lease(self) -> None:
        """Renew the lease; stop the code when the run is no longer ours."""
        if not self.holds_lease or self.is_abandoned:
            return
        state = await self._store.renew_lease(self.lease)
        if self._ending:
            return  # the last write overtook this one, and knows better
        if state == "held":
            assert self.run.lease_owner is not None
            expires_at = from_ms(self._clock.now_ms() + self.lease.lease_ms)
            self._bus.emit(
                self._event(
                    events.RunLeaseRenewed, lease_owner=self.run.lease_owner, lease_expires_at=expires_at
                )
            )
        self._learn(state)

    async def look_at_lease(self) -> None:
        """Another process wrote something: stop the code if it was that the run is cancelled."""
        if self.holds_lease and not self._ending and not self.is_abandoned:
            state = await self._store.get_lease_state(self.lease)
            if state != "held" and not self._ending:
                self._learn(state)

    def _learn(self, state: LeaseState) -> None:
        if state == "held":
            return
        if state == "cancelled":
            self.stop(CancelledError())
        elif self._ending:
            # A task that the job left behind saves beside the last write, or after it.
            self.signal.abort(LeaseLostError("The run has ended."))
        else:
            self._tell_lost()

    def _tell_lost(self) -> None:
        self.holds_lease = False
        self.outcome = "lost"
        if not self.signal.aborted:
            self.stop(LeaseLostError())
            self._tell_error(LeaseLostError("Another worker took the run over."), "lease-renewal")

    def _storage_failed(self, error: StorageError, context: str) -> None:
        # Told to the signal, not by a cancellation: whoever awaits a write learns of it from there.
        self.signal.abort(error)
        self._insist()
        self._tell_error(error, context)

    def _tell_error(self, error: DurablyError, context: str) -> None:
        told = events.WorkerError(code=error.code, error=error.message, context=context, run_id=self.run.id)
        self._bus.emit(told)

    # ------------------------------------------------------------------ recorder of the step context

    def limited(self, step_name: str | None, timeout_ms: int | None, state: LimitState) -> None:
        if timeout_ms is not None:
            self._watcher.limit(self.run.id, self.run.attempt, step_name, timeout_ms, state)

    async def begin_step(self) -> None:
        # Beside a step that executes still: it must get its result to the disk first.
        await self._may_begin_steps.wait()
        self._steps_executing += 1

    def end_step(self) -> None:
        self._steps_executing -= 1
        self._stop_if_between_steps()

    def step_scope(self, name: str, index: int) -> AbstractContextManager[object]:
        return self._instrumentations.step(self.run, name, index)

    def step_started(self, name: str, index: int) -> int:
        event = self._event(events.StepStart, step_name=name, step_index=index)
        # A step that takes its time is in the log while it runs; a short one goes there with its end.
        self.notebook.note(event)
        return event.timestamp_ms

    async def step_completed(
        self, name: str, index: int, started_at: int, text: str | None, value: Any
    ) -> None:
        step, event = self._checkpoint(name, index, started_at, text, value)
        try:
            await self._save(step, event)
        except asyncio.CancelledError:
            if not event.sequence:
                self.step_stopped(name, index)
            raise
        await self._breath.take()

    async def step_in_transaction(
        self,
        name: str,
        index: int,
        started_at: int,
        work: TransactionWork,
        committed: Committed,
        code: Interruptible[Any],
    ) -> Any:
        def checkpoint(transaction: Transaction) -> tuple[NewStep, RunEvent]:
            text, value = work(transaction)
            step, event = self._checkpoint(name, index, started_at, text, value)
            done.append((text, event))
            return step, event

        done: list[tuple[str | None, events.StepComplete]] = []
        write = self._write_transaction(checkpoint, done, committed, code)
        self.transactions += 1
        try:
            state = await uninterrupted(write, code.interrupt)
        finally:
            self.transactions -= 1
        if state is not None:
            self._learn(state)
        self.signal.throw_if_aborted()
        await self._breath.take()
        return done[0][1].output

    async def _write_transaction(
        self,
        checkpoint: StepWork,
        done: list[tuple[str | None, events.StepComplete]],
        committed: Committed,
        code: Interruptible[Any],
    ) -> LeaseState | None:
        def is_to_stop() -> bool:
            # Without threads it is asked on the loop's own; with them, ``code`` was told from there.
            return code.was_told or (not HAS_THREADS and self.reason_to_stop(self._loop.time()) is not None)

        notes = self.notebook.take()
        try:
            state = await self._store.run_transaction(self.lease, checkpoint, notes, is_to_stop)
        except StorageError as error:
            self._storage_failed(error, "step-checkpoint")
            return None
        except BaseException:
            self.notebook.put_back(notes)  # rolled back with what the step did
            raise
        if state == "held":
            text, event = done[0]
            committed(text)
            self._bus.emit(event)
        return state

    def replay_failed(self, name: str, error: Exception) -> None:
        self._failed_steps[name] = error

    async def step_failed(self, name: str, index: int, started_at: int, error: Exception) -> None:
        if isinstance(error, StorageError):
            self._storage_failed(error, "step")
            raise RunStopped(error) from error
        self._failed_steps[name] = error
        failure = _run_error(error)
        step = NewStep(
            name=name, index=index, status="failed", output=None, error=failure, started_at=started_at
        )
        event = self._step_event(events.StepFail, name, index, error=failure.message)
        await self._save(step, event)

    def step_not_stopping(self, name: str) -> None:
        self._report_deaf(name)

    def step_stopped(self, name: str, index: int) -> None:
        if isinstance(self.signal.reason, CancelledError | RunTimeoutError):
            self.notebook.tell(self._step_event(events.StepCancel, name, index))

    def progressed(self, progress: Progress) -> None:
        if not self.signal.aborted:
            self.notebook.note_progress(self._event(events.RunProgress, progress=progress))

    def logged(self, level: LogLevel, message: str, data: str | None, step_name: str | None) -> None:
        if self.signal.aborted:
            return
        log = NewLog(
            id=self._options.new_id(),
            step_name=step_name,
            level=level,
            message=message,
            data=data,
            created_at=self._clock.now_ms(),
        )
        event = self._event(
            events.LogWrite,
            id=log.id,
            created_at=from_ms(log.created_at),
            step_name=step_name,
            level=level,
            message=message,
            data=None if data is None else from_json(data),
        )
        if self._persist_logs:
            self.notebook.keep_log(log)
        self.notebook.note(event)

    # ------------------------------------------------------------------ writing

    def _checkpoint(
        self, name: str, index: int, started_at: int, text: str | None, value: Any
    ) -> tuple[NewStep, events.StepComplete]:
        """What is stored of a finished step, and the event that tells of it."""
        step = NewStep(
            name=name, index=index, status="completed", output=text, error=None, started_at=started_at
        )
        duration = self._duration(started_at)
        event = self._step_event(events.StepComplete, name, index, output=value, duration=duration)
        return step, event

    async def _save(self, step: NewStep, event: RunEvent) -> None:
        state = await uninterrupted(self._write_step(step, event))
        if state is not None:
            self._learn(state)
        self.signal.throw_if_aborted()

    async def _write_step(self, step: NewStep, event: RunEvent) -> LeaseState | None:
        try:
            state = await self._store.save_step(self.lease, step, self.notebook.take(event))
        except StorageError as error:
            # The step's result is not on disk: going on would break the promise made to the next one.
            self._storage_failed(error, "step-checkpoint")
            return None
        if state == "held":
            self._bus.emit(event)
        return state

    def _duration(self, started_at: int) -> int:
        # A clock that was set back must not make time negative.
        return max(0, self._clock.now_ms() - started_at)

    async def _write_notes(self) -> None:
        if self._ending or self.notebook.is_empty:
            return  # they went with another write meanwhile
        try:
            state = await self._store.save_notes(self.lease, self.notebook.take())
            self._bus.stored(self.run.id)
            self._learn(state)
        except StorageError as error:
            self.stop(error)
            self._tell_error(error, "notes")

    def close(self) -> None:
        # Tasks that the job left behind may go on: they write nothing any more.
        self.signal.abort(LeaseLostError("The run has ended."))
        self._insist_no_more()
        self.notebook.close()
        # They know this execution: inputs and results would stay until Python looks for cycles.
        self._context = self._code = None


def _is_being_cancelled(task: asyncio.Task[Any] | None) -> bool:
    return task is not None and task.cancelling() > 0


def _run_error(error: BaseException) -> RunError:
    try:
        message = error.message if isinstance(error, DurablyError) else str(error)
    except Exception:  # noqa: BLE001 - user code; an error that can't be printed is an error all the same
        message = "".join(traceback.format_exception_only(error)).strip()
    return RunError(
        message=storable(message or type(error).__name__),
        type=storable(type(error).__name__),
        traceback=storable("".join(traceback.format_exception(error))),
    )
