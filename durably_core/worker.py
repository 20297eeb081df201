"""The loop around the executor: claim, execute, wait; keep the leases of what executes."""

import asyncio
import contextlib
import random
from collections.abc import Callable, Iterator
from contextvars import Context
from dataclasses import replace
from typing import Any

from durably_core import events, tasks
from durably_core.blocking import to_its_end
from durably_core.errors import StorageError, StorageFullError, WorkerStoppedError
from durably_core.events import EventBus
from durably_core.execution import Execution
from durably_core.executor import Executor
from durably_core.store.base import Claimed, ClaimRequest, Store

MAX_BACKOFF_S = 30.0

MAX_BACKOFF_WHEN_FULL_S = 5.0
"""A person who has just made room looks on."""

TELL_INTERVAL_S = 0.02

STOP_GRACE_MS = 5000
"""How long code that was told to stop at the end of ``stop``'s deadline gets to do so."""


class Worker:
    """Fills its slots with runs for as long as it is started."""

    def __init__(
        self,
        store: Store,
        executor: Executor,
        bus: EventBus,
        request: Callable[[], ClaimRequest],
        *,
        slots: int,
        polling_interval_ms: int,
        lease_renew_interval_ms: int,
        rng: random.Random,
    ) -> None:
        self._store = store
        self._executor = executor
        self._bus = bus
        self._request = request
        self._slots = slots
        self._polling_s = polling_interval_ms / 1000
        self._renew_s = lease_renew_interval_ms / 1000
        self._rng = rng
        self._running = False
        self._restarted = asyncio.Event()
        self._wakeup = asyncio.Event()
        # Someone may have triggered while every slot was busy.
        self._look_again = False
        # Transactions that overlap don't see what each other writes. A claim passes over a run whose key a
        # commit beside it frees, nor does that commit find a run that is triggered beside it: whichever of the
        # two is answered last has it looked for again. These count the answers.
        self._keys_freed = 0
        self._looks = 0
        # In a row: claims, and executions that storage ended.
        self._failed_claims = 0
        self._failed_runs = 0
        self._paused_by: StorageError | None = None
        self._dispatcher: asyncio.Task[None] | None = None
        self._busy = 0
        self._busy_lent = 0
        self._slot_tasks: set[asyncio.Task[None]] = set()
        self._once_tasks: set[asyncio.Task[bool]] = set()
        self._has_changed = False
        self._looker: asyncio.Task[None] | None = None
        self._keepers = 0
        self._keeper: asyncio.Task[None] | None = None

    @property
    def running(self) -> bool:
        return self._running

    @property
    def is_paused(self) -> bool:
        """Whether the storage refuses what runs need."""
        return self._paused_by is not None

    def start(self) -> None:
        """Start claiming. Starting twice is starting once."""
        self._running = True
        self._restarted.set()
        self._dispatch()

    async def stop(self, timeout_ms: int | None = None) -> bool:
        """Claim no more but what executing jobs wait for, and return when what executes has ended.

        After ``timeout_ms`` the rest is told to stop and given back. Code that doesn't heed even that is
        left behind: its lease runs out, and what it writes then is refused. False: someone has
        started the worker again meanwhile. Stopping twice is stopping once.
        """
        self._running = False
        self._restarted = asyncio.Event()
        self.wake()
        if not await self._settled(timeout_ms) and not await self._settled(STOP_GRACE_MS, self._stop_all):
            self._executor.abandon_all()
        return await self._given_back()

    async def hand_over(self, timeout_ms: int, *, between_runs: bool) -> bool:
        """Claim no more, and give back what executes as soon as no step of it is under way.

        ``between_runs``: nothing is given back, what executes is let end. False: it took longer than
        ``timeout_ms``, or someone has started the worker meanwhile; it goes on.
        """
        self._running = False
        self._restarted = asyncio.Event()
        self.wake()
        tell = None if between_runs else self._executor.stop_all_between_steps
        if not await self._settled(timeout_ms, tell) or self._running:
            self._executor.go_on()
            self.start()
            return False
        return await self._given_back()

    async def _given_back(self) -> bool:
        if not self._running:
            with contextlib.suppress(StorageError):  # their leases run out
                await self._executor.give_back_unreleased()
        return not self._running

    async def _settled(self, timeout_ms: int | None = None, tell: Callable[[], None] | None = None) -> bool:
        """Whether nothing claims and executes any more, or the worker runs again, after waiting for that."""
        now = asyncio.get_running_loop().time
        until = None if timeout_ms is None else now() + timeout_ms / 1000
        restarted = asyncio.create_task(self._restarted.wait())
        try:
            while (unfinished := self._unfinished) and not self._running:
                left = None if until is None else until - now()
                if left is not None and left <= 0:
                    return False
                if tell is not None:
                    # Again and again: a claim that was under way may still begin an execution.
                    tell()
                    left = TELL_INTERVAL_S if left is None else min(left, TELL_INTERVAL_S)
                await asyncio.wait({*unfinished, restarted}, timeout=left, return_when=asyncio.FIRST_COMPLETED)
            return True
        finally:
            restarted.cancel()

    def _stop_all(self) -> None:
        self._executor.stop_all(WorkerStoppedError())

    @property
    def _unfinished(self) -> set[asyncio.Task[Any]]:
        found: set[asyncio.Task[Any]] = {*self._slot_tasks, *self._once_tasks}
        if self._dispatcher is not None:
            found.add(self._dispatcher)
        return {task for task in found if not task.done()}

    def wake(self) -> None:
        """There may be something to claim: look now instead of at the next poll."""
        self._wakeup.set()

    async def run_once(self, request: ClaimRequest, until: float | None = None) -> bool:
        """Claim one run and execute it, up to that moment of the loop's clock. False: there was none."""
        task = tasks.start(self._run_once(request, until))
        self._once_tasks.add(task)
        task.add_done_callback(self._once_tasks.discard)
        try:
            found = await task
        except BaseException:
            self.wake()  # what it gives back waits for whoever claims next
            raise
        # What a job that waited had lent its slot to may still execute.
        while self._slot_tasks and not self._has_slots:
            late = until is not None and asyncio.get_running_loop().time() >= until
            if late:
                self._stop_all()
            await asyncio.wait(self._slot_tasks, timeout=TELL_INTERVAL_S if until is not None else None)
        return found

    async def _run_once(self, request: ClaimRequest, until: float | None) -> bool:
        claiming = tasks.start(self._claim(request))
        try:
            claimed = await to_its_end(claiming)
        except asyncio.CancelledError:
            if not claiming.cancelled() and claiming.exception() is None and (lost := claiming.result()):
                self._executor.leave(lost)
            raise
        if claimed is None:
            return False
        with self._leases_kept():
            await self._execute(claimed, lambda: None, until)
        return True

    def lend_slots(self) -> None:
        """A job waits for another run: its slot works on that, or each would wait for the other for ever."""
        self._dispatch()

    # ------------------------------------------------------------------ the loop

    @property
    def _has_slots(self) -> bool:
        return self._running or bool(self._executor.awaiting)

    def _request_for_free_slot(self) -> ClaimRequest | None:
        """What the next free slot may claim; None: all are busy."""
        awaiting = self._executor.awaiting
        if self._running and self._busy + self._overdrawn < self._slots:
            return self._request()
        if self._busy_lent < len(awaiting):
            # The slot of a job that waits, lent to what it waits for.
            return replace(self._request(), run_ids=frozenset().union(*(each.waits_for for each in awaiting)))
        return None

    @property
    def _overdrawn(self) -> int:
        """How many slots are still lent whose jobs wait no more: no others may take their place meanwhile."""
        return max(0, self._busy_lent - len(self._executor.awaiting))

    def _dispatch(self) -> None:
        if self._dispatcher is None or self._dispatcher.done():
            # Made here: an event belongs to the loop in which it is waited for.
            self._wakeup = asyncio.Event()
            # In a context of its own: runs are not part of the job or request that happened to start this.
            self._dispatcher = asyncio.create_task(self._fill_slots(), context=Context())
        self.wake()

    async def _fill_slots(self) -> None:
        with self._leases_kept(), self._woken_by_others():
            while self._has_slots:
                if self._failures:
                    # A store that fails is not asked again at every trigger.
                    await self._back_off()
                # Cleared before the claim: a run that is triggered from here on sets it again.
                self._wakeup.clear()
                if not self._has_slots or await self._fill_one_slot():
                    continue
                await tasks.set_within(self._wakeup, self._polling_s)

    @contextlib.contextmanager
    def _woken_by_others(self) -> Iterator[None]:
        """What another process triggers, frees, gives back or cancels is known at once."""
        stop = self._store.watch(self._on_change)
        try:
            yield
        finally:
            stop()

    def _on_change(self) -> None:
        self.wake()
        self._has_changed = True
        if self._executor.executing and (self._looker is None or self._looker.done()):
            self._looker = asyncio.create_task(self._look_at_leases(), context=Context())

    async def _look_at_leases(self) -> None:
        while self._has_changed:
            self._has_changed = False
            for execution in self._executor.executing:
                with contextlib.suppress(StorageError):  # the renewal tells
                    await execution.look_at_lease()

    async def _fill_one_slot(self) -> bool:
        """Whether to look for another run at once."""
        request = self._request_for_free_slot()
        if request is None:
            self._look_again = True
            return False
        keys_freed = self._keys_freed
        try:
            claimed = await self._claim(request)
        except Exception as error:  # noqa: BLE001 - outermost loop: a fault of ours must not end it
            self._failed(error, None)
            return True
        self._looks += 1
        self._failed_claims = 0
        if claimed is None:
            self._failed_runs = 0
        self._resume_if_well()
        if self._keys_freed != keys_freed:
            self._look_again = True  # at the latest once a slot is free
        if claimed is None:
            return self._keys_freed != keys_freed
        # Counted before the task begins, which may be now or a turn later.
        if request.run_ids is None:
            self._busy += 1
            slot = self._slot(claimed)
        else:
            self._busy_lent += 1
            slot = self._lent_slot(claimed)
        task = tasks.start(slot)
        self._slot_tasks.add(task)
        task.add_done_callback(self._slot_tasks.discard)
        return self._request_for_free_slot() is not None

    async def _slot(self, claimed: Claimed) -> None:
        """Execute a run, and what its last write claims, until nothing is left."""
        try:
            await self._work(claimed, self._next_request)
        finally:
            self._busy -= 1
            self._slot_freed()

    async def _lent_slot(self, claimed: Claimed) -> None:
        """Execute a run that a job waits for."""
        try:
            await self._work(claimed, lambda: None)
        finally:
            self._busy_lent -= 1
            self._slot_freed()

    async def _work(self, claimed: Claimed, then_claim: Callable[[], ClaimRequest | None]) -> None:
        current: Claimed | None = claimed
        breath = tasks.Breath()
        with self._leases_kept():
            try:
                while current is not None:
                    current = await self._execute(current, then_claim)
                    self._executed(self._executor.unreleased)
                    await breath.take()
            except Exception as error:  # noqa: BLE001 - outermost loop
                self._failed(error, current)
                self._look_again = True

    async def _execute(
        self, claimed: Claimed, then_claim: Callable[[], ClaimRequest | None], until: float | None = None
    ) -> Claimed | None:
        """Execute a run; returns what its last write claimed."""
        asked, keys_freed, looks = False, 0, 0

        def claim_at_its_end() -> ClaimRequest | None:
            nonlocal asked, keys_freed, looks
            request = then_claim()
            asked, keys_freed, looks = request is not None, self._keys_freed, self._looks
            return request

        following = await self._executor.execute(claimed, claim_at_its_end, until)
        has_key = claimed.run.concurrency_key is not None
        if not asked and (has_key or self._running or self._executor.unreleased is not None):
            self.wake()  # for its key, or for itself if it was given back, or is to be by the next claim
        elif (has_key and self._looks != looks) or (following is None and self._keys_freed != keys_freed):
            self.wake()
        self._keys_freed += has_key
        self._looks += asked
        return following

    def _next_request(self) -> ClaimRequest | None:
        # Asked at the end of each run: who was stopped meanwhile claims no more.
        if not self._running:
            return None
        if self._busy + self._overdrawn > self._slots:
            self._look_again = True
            return None
        return self._request()

    def _slot_freed(self) -> None:
        if self._look_again:
            self._look_again = False
            self.wake()

    async def _claim(self, request: ClaimRequest) -> Claimed | None:
        if self._executor.unreleased is not None:
            await self._executor.give_back_unreleased()
            self.wake()  # a claim beside this one has not seen them yet
        claim = await self._store.claim(self._executor.sparing_own(request))
        if claim.claimed is not None:
            self._executor.expect(claim.claimed)
        self._bus.emit_all(claim.events)
        return claim.claimed

    # ------------------------------------------------------------------ faults

    @property
    def _failures(self) -> int:
        return max(self._failed_claims, self._failed_runs)

    def _failed(self, error: Exception, claimed: Claimed | None) -> None:
        context = "claim" if claimed is None else "run-completion"
        if claimed is None:
            self._failed_claims += 1
        else:
            self._failed_runs += 1
        self._tell_error(error, context, None if claimed is None else claimed.run.id)
        if claimed is None and isinstance(error, StorageError):
            self._pause(error)

    def _pause(self, error: StorageError) -> None:
        known, self._paused_by = self._paused_by, error
        if known is None or known.code != error.code:
            self._bus.emit(events.WorkerPause(code=error.code, error=error.message))

    def _executed(self, unreleased: Execution | None) -> None:
        if unreleased is None:
            self._failed_runs = 0
            self._resume_if_well()
            return
        self._failed_runs += 1
        if isinstance(unreleased.signal.reason, StorageFullError):
            # Claims may still fit. What is begun would come to the same end.
            self._pause(unreleased.signal.reason)

    def _resume_if_well(self) -> None:
        if self._paused_by is not None and not self._failures:
            self._paused_by = None
            self._bus.emit(events.WorkerResume())

    def _tell_error(self, error: Exception, context: str, run_id: str | None) -> None:
        if not isinstance(error, StorageError):
            context, error = "worker", StorageError(f"{type(error).__name__}: {error}")
        self._bus.emit(events.WorkerError(code=error.code, error=error.message, context=context, run_id=run_id))

    async def _back_off(self) -> None:
        """Exponentially, with jitter; not longer than the worker runs."""
        is_full = self._failed_claims and isinstance(self._paused_by, StorageFullError)
        most = MAX_BACKOFF_WHEN_FULL_S if is_full else MAX_BACKOFF_S
        seconds = min(self._polling_s * 2 ** min(self._failures, 20), most)
        until = asyncio.get_running_loop().time() + seconds * self._rng.uniform(0.5, 1.0)
        while self._has_slots and (left := until - asyncio.get_running_loop().time()) > 0:
            self._wakeup.clear()
            await tasks.set_within(self._wakeup, left)

    # ------------------------------------------------------------------ leases

    @contextlib.contextmanager
    def _leases_kept(self) -> Iterator[None]:
        self._keepers += 1
        if self._keeper is None:
            self._keeper = asyncio.create_task(self._keep_leases(), context=Context())
        try:
            yield
        finally:
            self._keepers -= 1
            if self._keepers == 0:
                self._keeper.cancel()
                self._keeper = None

    async def _keep_leases(self) -> None:
        while True:
            await asyncio.sleep(self._renew_s)
            for execution in self._executor.executing:
                try:
                    await execution.keep_lease()
                except Exception as error:  # noqa: BLE001 - the other leases must be kept all the same
                    self._tell_error(error, "lease-renewal", execution.run.id)
