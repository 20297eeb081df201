"""Registered jobs, as an application triggers them, and what it gets back."""

from collections.abc import ItemsView, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic

from pydantic import BaseModel

from durably_core.job import In, Job, Out
from durably_core.models import Disposition, Run, RunStatus
from durably_core.store.base import Coalesce
from durably_core.triggering import BatchItem
from durably_core.waiting import OnLog, OnProgress

if TYPE_CHECKING:
    from durably_core.durably import Durably


@dataclass(frozen=True, slots=True, kw_only=True)
class TriggeredRun:
    """A run together with how the trigger was resolved."""

    run: Run
    disposition: Disposition
    """``created``; ``idempotent`` or ``coalesced`` when a run that was there already is the answer."""

    @property
    def id(self) -> str:
        return self.run.id

    @property
    def status(self) -> RunStatus:
        return self.run.status


@dataclass(frozen=True, kw_only=True)
class RunResult(Generic[Out]):
    """What a run returned."""

    id: str
    output: Out
    """An instance of the job's output model; None for a job without one."""
    disposition: Disposition


class JobHandle(Generic[In, Out]):
    """A registered job, ready to be triggered."""

    def __init__(self, durably: "Durably", job: Job[In, Out]) -> None:
        self._durably = durably
        self.job = job
        self.name = job.name

    async def trigger(
        self,
        input: In | Mapping[str, Any],
        *,
        idempotency_key: str | None = None,
        idempotency_ttl_ms: int | None = None,
        concurrency_key: str | None = None,
        coalesce: Coalesce | None = None,
        labels: Mapping[str, Any] | BaseModel | None = None,
    ) -> TriggeredRun:
        """Add a run; it is on disk when this returns.

        ``idempotency_key``: a second trigger of this job with the same key returns the first run, for
        as long as that run exists, or for ``idempotency_ttl_ms``.
        ``concurrency_key``: runs with the same key execute one at a time, across all jobs, and at most
        one run of this job waits with it. ``coalesce`` says what becomes of a trigger that finds one
        waiting: with ``"skip"`` it is dropped and the waiting run returned; with ``"queue"`` the waiting
        run takes over its input and labels, so that what comes last is executed once, after the run
        that executes now.

        Raises ``ValidationError`` for a bad input, key or label, ``ConflictError`` when a run of this
        job waits with the same concurrency key and ``coalesce`` is not given.
        """
        item = BatchItem(
            input=input,
            idempotency_key=idempotency_key,
            idempotency_ttl_ms=idempotency_ttl_ms,
            concurrency_key=concurrency_key,
            coalesce=coalesce,
            labels=labels,
        )
        return (await self._durably.trigger_all(self.job, [item]))[0]

    async def batch_trigger(
        self, items: Sequence[BatchItem[In] | In | Mapping[str, Any]]
    ) -> list[TriggeredRun]:
        """Add many runs in one transaction: all or none. The answer has their order.

        An item that is no ``BatchItem`` is an input. Raises as ``trigger`` does; the message names the item.
        """
        return await self._durably.trigger_all(
            self.job, [item if isinstance(item, BatchItem) else BatchItem(input=item) for item in items]
        )

    async def trigger_and_wait(
        self,
        input: In | Mapping[str, Any],
        *,
        idempotency_key: str | None = None,
        idempotency_ttl_ms: int | None = None,
        concurrency_key: str | None = None,
        coalesce: Coalesce | None = None,
        labels: Mapping[str, Any] | BaseModel | None = None,
        timeout_ms: int | None = None,
        polling_interval_ms: int | None = None,
        on_progress: OnProgress | None = None,
        on_log: OnLog | None = None,
    ) -> RunResult[Out]:
        """``trigger``, then ``Durably.wait_for_run``: what the run returned.

        When the trigger finds a run that is there already, that run is waited for. In a job, make it a
        step, with an idempotency key, so that a resumed run waits for the same child:
        ``await step.run("child", jobs.child.trigger_and_wait, {…}, idempotency_key=f"{step.run_id}/child")``.
        The slot of a job that waits works on meanwhile.
        """
        # Before the trigger: its run may tell something before that returns.
        with self._durably.waiting.ear(on_progress, on_log) as ear:
            triggered = await self.trigger(
                input,
                idempotency_key=idempotency_key,
                idempotency_ttl_ms=idempotency_ttl_ms,
                concurrency_key=concurrency_key,
                coalesce=coalesce,
                labels=labels,
            )
            run = await self._durably.waiting.wait_for_run(
                triggered.id, timeout_ms=timeout_ms, polling_interval_ms=polling_interval_ms, ear=ear
            )
        output = self.job.load_output(run.output)
        return RunResult(id=run.id, output=output, disposition=triggered.disposition)

    def __durably_return__(self, method: str) -> Any:
        """What a method returns for this very job: so that a step that calls it can restore its result."""
        return RunResult[self.job.output] if method == "trigger_and_wait" else None  # type: ignore[name-defined]

    async def get_run(self, run_id: str) -> Run | None:
        """The run, if it is one of this job."""
        run = await self._durably.get_run(run_id)
        return run if run is not None and run.job_name == self.name else None

    async def get_runs(
        self,
        *,
        status: RunStatus | Sequence[RunStatus] | None = None,
        labels: Mapping[str, str] | None = None,
        limit: int | None = None,
        offset: int = 0,
        cursor: str | None = None,
    ) -> list[Run]:
        """This job's runs, newest first; the parameters are those of ``Durably.get_runs``."""
        return await self._durably.get_runs(
            job_name=self.name, status=status, labels=labels, limit=limit, offset=offset, cursor=cursor
        )


class Jobs:
    """The registered jobs as attributes, under the names they were registered with."""

    def __init__(self, handles: Mapping[str, JobHandle[Any, Any]]) -> None:
        self._handles = handles

    def __getattr__(self, name: str) -> JobHandle[Any, Any]:
        handle = self.__dict__.get("_handles", {}).get(name)
        if handle is None:
            known = ", ".join(sorted(self.__dict__.get("_handles", {}))) or "none"
            raise AttributeError(f"No job is registered as {name!r}; registered: {known}.")
        found: JobHandle[Any, Any] = handle
        return found

    def __getitem__(self, name: str) -> JobHandle[Any, Any]:
        try:
            return self.__getattr__(name)
        except AttributeError as error:
            raise KeyError(str(error)) from None

    def __iter__(self) -> Iterator[JobHandle[Any, Any]]:
        return iter(self._handles.values())

    def items(self) -> ItemsView[str, JobHandle[Any, Any]]:
        """Each job with the name that it was registered with."""
        return self._handles.items()
