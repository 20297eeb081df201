"""The loop around the executor: claim, execute, wait; keep the leases of what executes."""

import asyncio
import contextlib
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
        self._stopping.set()
        self._tasks: list[asyncio.Task[None]] = []
        self._keeper: asyncio.Task[None] | None = None

    @property
    def running(self) -> bool:
        return not self._stopping.is_set()

    def start(self, request: ClaimRequest) -> None:
        """Start claiming. Starting twice is starting once."""
        if self.running:
            return
        # An event of its own: slots of an earlier start that still execute must not be revived.
        self._stopping = asyncio.Event()
        earlier = [task for task in self._tasks if not task.done()]
        self._tasks = [
            asyncio.create_task(self._slot(wakeup, request, self._stopping, earlier))
            for wakeup in self._wakeups
        ]
        self._keeper = asyncio.create_task(self._keep_leases())

    async def stop(self) -> None:
        """Claim no more, and return when what executes has ended. Stopping twice is stopping once."""
        tasks, keeper = self._tasks, self._keeper
        self._stopping.set()
        self.wake()
        await asyncio.gather(*tasks)
        if keeper is not None:
            keeper.cancel()
            await asyncio.wait([keeper])

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

    async def _slot(
        self,
        wakeup: asyncio.Event,
        request: ClaimRequest,
        stopping: asyncio.Event,
        earlier: list[asyncio.Task[None]],
    ) -> None:
        if earlier:
            await asyncio.wait(earlier)
        claimed: Claimed | None = None
        failures = 0
        while not stopping.is_set() or claimed is not None:
            # Cleared before the claim: a run that is triggered from here on sets it again.
            wakeup.clear()
            try:
                claimed = claimed or await self._store.claim(request)
                if claimed is not None:
                    self._fill_other_slots(wakeup)
                    # Asked at the end of the run: who was stopped meanwhile claims no more.
                    claimed = await self._executor.execute(
                        claimed, lambda: None if stopping.is_set() else request
                    )
                    failures = 0
                    continue
                failures = 0
            except Exception as error:  # noqa: BLE001 - outermost loop: a fault of ours must not end the slot
                failures += 1
                self._report(error, claimed)
                claimed = None
            # A store that fails is not asked again at every trigger.
            await _wait(stopping if failures else wakeup, self._pause_s(failures))

    def _report(self, error: Exception, claimed: Claimed | None) -> None:
        run_id = None if claimed is None else claimed.run.id
        if isinstance(error, StorageError):
            context, message = "claim" if claimed is None else "run-completion", error.message
        else:
            context, message = "worker", f"{type(error).__name__}: {error}"
        self._bus.emit(events.WorkerError(error=message, context=context, run_id=run_id))

    def _fill_other_slots(self, mine: asyncio.Event) -> None:
        for wakeup in self._wakeups:
            if wakeup is not mine:
                wakeup.set()

    def _pause_s(self, failures: int) -> float:
        if failures == 0:
            return self._polling_s
        backoff: float = min(self._polling_s * 2 ** min(failures, 20), MAX_BACKOFF_S)
        return backoff * self._rng.uniform(0.5, 1.0)

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
