"""The loop around the executor: claim, execute, wait; keep the leases of what executes."""

import asyncio
import random

from durably_core import events
from durably_core.errors import StorageError
from durably_core.events import EventBus
from durably_core.executor import Executor
from durably_core.store.base import Claimed, ClaimRequest, Store

MAX_BACKOFF_S = 30.0


class Worker:
    """Fills its slots with runs for as long as it is started."""

    def __init__(
        self,
        store: Store,
        executor: Executor,
        bus: EventBus,
        *,
        slots: int,
        polling_interval_ms: int,
        lease_renew_interval_ms: int,
        rng: random.Random,
    ) -> None:
        self._store = store
        self._executor = executor
        self._bus = bus
        self._polling_s = polling_interval_ms / 1000
        self._renew_s = lease_renew_interval_ms / 1000
        self._rng = rng
        self._wakeups = [asyncio.Event() for _ in range(slots)]
        self._stopping = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._keeper: asyncio.Task[None] | None = None
        self._running = False

    @property
    def running(self) -> bool:
        return self._running

    def start(self, request: ClaimRequest) -> None:
        """Start claiming. Starting twice is starting once."""
        if self._running:
            return
        self._running = True
        self._stopping.clear()
        self._tasks = [asyncio.create_task(self._slot(wakeup, request)) for wakeup in self._wakeups]
        self._keeper = asyncio.create_task(self._keep_leases())

    async def stop(self) -> None:
        """Claim no more, and return when what executes has ended. Stopping twice is stopping once."""
        self._running = False
        self._stopping.set()
        self.wake()
        await asyncio.gather(*self._tasks)
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.wait([self._keeper])

    def wake(self) -> None:
        """There may be something to claim: look now instead of at the next poll."""
        for wakeup in self._wakeups:
            wakeup.set()

    async def run_once(self, request: ClaimRequest) -> bool:
        """Claim one run and execute it. False: there was none."""
        claimed = await self._store.claim(request)
        if claimed is None:
            return False
        keeper = asyncio.create_task(self._keep_leases())
        try:
            await self._executor.execute(claimed)
        finally:
            keeper.cancel()
        return True

    async def _slot(self, wakeup: asyncio.Event, request: ClaimRequest) -> None:
        claimed: Claimed | None = None
        failures = 0
        while self._running or claimed is not None:
            # Cleared before the claim: a run that is triggered from here on sets it again.
            wakeup.clear()
            try:
                claimed = claimed or await self._store.claim(request)
                if claimed is not None:
                    self._fill_other_slots(wakeup)
                    # Asked at the end of the run: who was stopped meanwhile claims no more.
                    claimed = await self._executor.execute(claimed, lambda: request if self._running else None)
                    failures = 0
                    continue
            except StorageError as error:
                claimed = None
                failures += 1
                self._bus.emit(events.WorkerError(error=error.message, context="claim"))
            except Exception as error:  # noqa: BLE001 - outermost loop: a fault of ours must not end the slot
                claimed = None
                failures += 1
                message = f"{type(error).__name__}: {error}"
                self._bus.emit(events.WorkerError(error=message, context="worker"))
            await self._wait(wakeup, self._pause_s(failures), ignore_wakeup=failures > 0)

    def _fill_other_slots(self, mine: asyncio.Event) -> None:
        for wakeup in self._wakeups:
            if wakeup is not mine:
                wakeup.set()

    def _pause_s(self, failures: int) -> float:
        if failures == 0:
            return self._polling_s
        backoff: float = min(self._polling_s * 2 ** min(failures, 20), MAX_BACKOFF_S)
        return backoff * self._rng.uniform(0.5, 1.0)

    async def _wait(self, wakeup: asyncio.Event, seconds: float, *, ignore_wakeup: bool) -> None:
        if not self._running:
            return
        # A store that fails is not asked again at every trigger.
        awaited = self._stopping if ignore_wakeup else wakeup
        try:
            async with asyncio.timeout(seconds):
                await awaited.wait()
        except TimeoutError:
            return

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
