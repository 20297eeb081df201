"""The loop around the executor: claim, execute, wait; keep the leases of what executes."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Callable, Iterator

from durably_core import events, tasks
from durably_core.errors import StorageError, WorkerStoppedError
from durably_core.events import EventBus
from durably_core.executor import Executor
from durably_core.store.base import Claimed, ClaimRequest, Store

MAX_BACKOFF_S = 30.0

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
        self._started = asyncio.Event()
        self._lent = 0
        self._wakeup = asyncio.Event()
        # Someone may have triggered while every slot was busy.
        self._look_again = False
        self._failures = 0
        self._dispatcher: asyncio.Task[None] | None = None
        self._busy = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._keepers = 0
        self._keeper: asyncio.Task[None] | None = None

    @property
    def running(self) -> bool:
        return self._running

    def start(self) -> None:
        """Start claiming. Starting twice is starting once."""
        self._running = True
        self._started.set()
        self._dispatch()

    async def stop(self, timeout_ms: int | None = None) -> None:
        """Claim no more, and return when what executes has ended, or someone starts again. Twice is once.

        After ``timeout_ms`` the rest is told to stop and given back. Code that doesn't heed even that is
        left behind: its lease runs out, and what it writes then is refused.
        """
        self._running = False
        self._started.clear()
        self.wake()
        if not await self._settled(timeout_ms):
            await self._settled(STOP_GRACE_MS, tell=lambda: self._executor.stop_all(WorkerStoppedError()))

    async def _settled(self, timeout_ms: int | None = None, tell: Callable[[], None] = lambda: None) -> bool:
        """Whether nothing claims and executes any more, or the worker runs again, after waiting for that."""
        now = asyncio.get_running_loop().time
        until = None if timeout_ms is None else now() + timeout_ms / 1000
        started = asyncio.create_task(self._started.wait())
        try:
            while (unfinished := self._unfinished) and not self._running:
                left = None if until is None else until - now()
                if left is not None and left <= 0:
                    return False
                tell()
                # One by one: a claim that was under way may still put a run into a slot.
                await asyncio.wait({*unfinished, started}, timeout=left, return_when=asyncio.FIRST_COMPLETED)
            return True
        finally:
            started.cancel()

    @property
    def _unfinished(self) -> set[asyncio.Task[None]]:
        tasks = self._tasks if self._dispatcher is None else {self._dispatcher, *self._tasks}
        return {task for task in tasks if not task.done()}

    def wake(self) -> None:
        """There may be something to claim: look now instead of at the next poll."""
        self._wakeup.set()

    async def run_once(self, request: ClaimRequest) -> bool:
        """Claim one run and execute it. False: there was none."""
        claimed = await self._claim(request)
        if claimed is None:
            return False
        with self._leases_kept():
            await self._executor.execute(claimed)
        if not self._running:
            # What a waiting job lent its slot to may still execute.
            await self._settled()
        return True

    @contextlib.asynccontextmanager
    async def lent_slot(self) -> AsyncIterator[None]:
        """While a job waits for another run its slot works, or the two could wait for each other for ever."""
        self._lent += 1
        self._dispatch()
        try:
            yield
        finally:
            self._lent -= 1
            self.wake()

    # ------------------------------------------------------------------ the loop

    @property
    def _capacity(self) -> int:
        return (self._slots if self._running else 0) + self._lent

    def _dispatch(self) -> None:
        self.wake()
        if self._dispatcher is None or self._dispatcher.done():
            self._dispatcher = asyncio.create_task(self._fill_slots())

    async def _fill_slots(self) -> None:
        with self._leases_kept():
            while self._capacity:
                if self._failures:
                    # A store that fails is not asked again at every trigger.
                    await self._back_off()
                # Cleared before the claim: a run that is triggered from here on sets it again.
                self._wakeup.clear()
                if not self._capacity or await self._fill_one_slot():
                    continue
                await _wait(self._wakeup, self._polling_s)

    async def _fill_one_slot(self) -> bool:
        """Whether to look for another run at once."""
        if self._busy >= self._capacity:
            self._look_again = True
            return False
        try:
            claimed = await self._claim(self._request())
        except Exception as error:  # noqa: BLE001 - outermost loop: a fault of ours must not end it
            self._failed(error, None)
            return True
        self._failures = 0
        if claimed is None:
            return False
        self._busy += 1
        task = tasks.start(self._slot(claimed))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return self._busy < self._capacity

    async def _slot(self, claimed: Claimed) -> None:
        """Execute a run, and what its last write claims, until nothing is left."""
        current: Claimed | None = claimed
        breath = tasks.Breath()
        with self._leases_kept():
            try:
                while current is not None:
                    # Asked at the end of the run: who was stopped meanwhile claims no more.
                    current = await self._executor.execute(current, self._next_request)
                    self._failures = self._failures + 1 if self._executor.has_left else 0
                    await breath.take()
            except Exception as error:  # noqa: BLE001 - outermost loop
                self._failed(error, current)
                self._look_again = True
            finally:
                self._busy -= 1
        if self._look_again:
            self._look_again = False
            self.wake()

    def _next_request(self) -> ClaimRequest | None:
        return self._request() if self._busy <= self._capacity else None

    async def _claim(self, request: ClaimRequest) -> Claimed | None:
        await self._executor.give_back_what_was_left()
        await self._executor.keep_overdue_leases()
        claim = await self._store.claim(request)
        self._bus.emit_all(claim.events)
        return claim.claimed

    # ------------------------------------------------------------------ faults

    def _failed(self, error: Exception, claimed: Claimed | None) -> None:
        self._failures += 1
        run_id = None if claimed is None else claimed.run.id
        if isinstance(error, StorageError):
            context, message = "claim" if claimed is None else "run-completion", error.message
        else:
            context, message = "worker", f"{type(error).__name__}: {error}"
        self._bus.emit(events.WorkerError(error=message, context=context, run_id=run_id))

    async def _back_off(self) -> None:
        """Exponentially, with jitter; not longer than the worker runs."""
        seconds = min(self._polling_s * 2 ** min(self._failures, 20), MAX_BACKOFF_S)
        until = asyncio.get_running_loop().time() + seconds * self._rng.uniform(0.5, 1.0)
        while self._capacity and (left := until - asyncio.get_running_loop().time()) > 0:
            self._wakeup.clear()
            await _wait(self._wakeup, left)

    # ------------------------------------------------------------------ leases

    @contextlib.contextmanager
    def _leases_kept(self) -> Iterator[None]:
        self._keepers += 1
        if self._keeper is None:
            self._keeper = asyncio.create_task(self._keep_leases())
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
                except StorageError as error:
                    self._bus.emit(
                        events.WorkerError(
                            error=error.message, context="lease-renewal", run_id=execution.run.id
                        )
                    )


async def _wait(event: asyncio.Event, seconds: float) -> None:
    """Until the event is set, at most so long."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
