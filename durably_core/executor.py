"""Runs the code of claimed runs, and knows which of them execute in this process."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from durably_core.clock import Clock
from durably_core.errors import DurablyError, StorageError
from durably_core.events import EventBus
from durably_core.execution import Execution, ExecutionOptions
from durably_core.instrumentation import Instrumentations
from durably_core.job import Job
from durably_core.models import Run
from durably_core.store.base import Claimed, ClaimRequest, Lease, Store
from durably_core.watching import NoWatcher, Watcher

MOST_STOPPED_EARLY = 100
"""So many are remembered: most of them waited, and are never begun."""


class Executor:
    """Runs job code for claimed runs. Knows which runs execute in this process."""

    def __init__(
        self,
        store: Store,
        bus: EventBus,
        jobs: Mapping[str, Job[Any, Any]],
        clock: Clock,
        options: ExecutionOptions,
    ) -> None:
        self.persist_logs = False
        self.instrumentations = Instrumentations()
        self.watcher: Watcher = NoWatcher()
        self._store = store
        self._bus = bus
        self._jobs = jobs
        self._clock = clock
        self._options = options
        # By lease: after a pause longer than its lease, a run may be claimed beside its own old code.
        self._executing: dict[Lease, Execution] = {}
        self._unreleased: list[Execution] = []
        self._expected: dict[str, int] = {}
        # A cancel may be told while the answer to the claim of its run is on its way.
        self._stopped_early: dict[str, DurablyError] = {}

    @property
    def executing(self) -> list[Execution]:
        return list(self._executing.values())

    def stop_run(self, run_id: str, reason: DurablyError) -> None:
        """Tell the run's code to stop, if it executes here, or is just going to."""
        found = [execution for execution in self.executing if execution.run.id == run_id]
        for execution in found:
            execution.stop(reason)
        if not found:
            self._stopped_early[run_id] = reason
            if len(self._stopped_early) > MOST_STOPPED_EARLY:
                del self._stopped_early[next(iter(self._stopped_early))]

    def is_in_transaction(self, run_id: str) -> bool:
        """Whether a ``step.transaction`` of the run is under way here."""
        return any(each.transactions for each in self.executing if each.run.id == run_id)

    def stop_all(self, reason: DurablyError) -> None:
        for execution in self.executing:
            execution.stop(reason)

    def stop_all_between_steps(self) -> None:
        for execution in self.executing:
            execution.stop_between_steps()

    def go_on(self) -> None:
        """Take ``stop_all_between_steps`` back."""
        for execution in self.executing:
            execution.go_on()

    async def execute(
        self,
        claimed: Claimed,
        then_claim: Callable[[], ClaimRequest | None] = lambda: None,
        until: float | None = None,
    ) -> Claimed | None:
        """Execute to the end; returns what the last write claimed, if ``then_claim`` asks it to claim.

        ``until``: moment of the loop's clock at which to stop it and give the run back.
        """
        execution = self._begin(claimed)
        timer = None if until is None else execution.stop_at(until)
        try:
            with self.instrumentations.run(execution):
                return await self._perform_and_end(execution, then_claim)
        finally:
            if timer is not None:
                timer.cancel()
            self._close(execution)

    async def _perform_and_end(
        self, execution: Execution, then_claim: Callable[[], ClaimRequest | None]
    ) -> Claimed | None:
        ending = await execution.perform(self._jobs[execution.run.job_name])
        if ending is None:
            return None

        def sparing_own() -> ClaimRequest | None:
            request = then_claim()
            return None if request is None else self.sparing_own(request)

        claimed = await execution.end(ending, sparing_own)
        if claimed is not None:
            self.expect(claimed)
        return claimed

    async def fail(self, claimed: Claimed, error: DurablyError, step_name: str | None) -> None:
        """End a claimed run as failed, without executing it."""
        execution = self._begin(claimed)
        try:
            await execution.fail(error, step_name)
        finally:
            self._close(execution)

    def leave(self, claimed: Claimed) -> None:
        """Give back, at the next opportunity, a run whose execution never began."""
        self._close(self._begin(claimed))

    def waiting_for(self, execution: Execution) -> list[Execution]:
        """The execution, and those whose job waits for its run, or for one of those, and so on."""
        found = [execution]
        for each in found:
            found += [other for other in self.executing if other.waits_for[each.run.id] and other not in found]
        return found

    def _begin(self, claimed: Claimed) -> Execution:
        execution = Execution(
            self._store,
            self._bus,
            self._clock,
            self._options,
            claimed,
            persist_logs=self.persist_logs,
            instrumentations=self.instrumentations,
            watcher=self.watcher,
        )
        self._executing[execution.lease] = execution
        self._expected.pop(execution.lease.run_id, None)
        if (reason := self._stopped_early.pop(execution.run.id, None)) is not None:
            execution.stop(reason)
        return execution

    def _close(self, execution: Execution) -> None:
        del self._executing[execution.lease]
        if execution.holds_lease:
            self._unreleased.append(execution)
        execution.close()

    @property
    def unreleased(self) -> Execution | None:
        """One that ended here without its last write, and whose run still has its lease."""
        return self._unreleased[-1] if self._unreleased else None

    async def give_back_unreleased(self) -> None:
        """Free the leases of runs that ended here without their last write, because storage failed."""
        while self._unreleased:
            execution = self._unreleased.pop()
            try:
                await execution.give_back()
            except StorageError:
                self._unreleased.append(execution)
                raise

    def sparing_own(self, request: ClaimRequest) -> ClaimRequest:
        """The same claim, but for what executes here: a lease may have run out unnoticed, as when the machine
        slept or code blocked the loop, and no one else has claimed the run."""
        held = {
            each.lease.run_id: each.lease.generation
            for each in self.executing
            if each.holds_lease and not each.is_abandoned
        }
        return replace(request, held=held | self._expected)

    def expect(self, claimed: Claimed) -> None:
        """It was claimed here and is going to be executed: that may be a turn of the loop away."""
        self._expected[claimed.run.id] = claimed.run.lease_generation

    def abandon_all(self) -> None:
        """Keep the leases of what still executes no more."""
        for execution in self.executing:
            execution.is_abandoned = True

    async def flush_notes(self, run_id: str) -> None:
        """Write down what the run's code has told, if it executes here."""
        for execution in self.executing:
            if execution.run.id == run_id:
                await execution.notebook.flush()

    def as_told(self, run: Run) -> Run:
        """The run; if it executes here, with the progress that listeners know and the disk may not yet."""
        if run.status == "leased":
            for each in self.executing:
                is_same = (each.run.id, each.run.lease_generation) == (run.id, run.lease_generation)
                if is_same and each.notebook.progress is not None:
                    return replace(run, progress=each.notebook.progress)
        return run

    @property
    def awaiting(self) -> list[Execution]:
        """Those whose job waits for another run."""
        return [execution for execution in self._executing.values() if execution.waits_for]
