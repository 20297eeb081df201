"""Jobs whose code is a plan, and who sees what of it really happens."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal, Protocol

from pydantic import BaseModel

from durably_core import StepContext, define_job
from durably_core.execution import current_execution
from durably_core.job import Job
from durably_core.store.base import Transaction
from tests.simulation.world import Process, takes_s

if TYPE_CHECKING:
    from durably_core.durably import Durably

Kind = Literal[
    "waits", "sync", "transaction", "blocks", "kills", "fails", "retries", "deaf", "child", "pair", "limited"
]


class StepPlan(BaseModel):
    kind: Kind
    ms: int = 20
    times: int = 1
    """How often it fails, or kills its process."""


class WorkPlan(BaseModel):
    steps: list[StepPlan] = []
    command: str = ""
    """That of the trigger."""


class Output(BaseModel):
    values: list[str]


class Result(BaseModel):
    """What comes back of a step: the same, in the same types, whether it was replayed or not."""

    of: str
    at: datetime
    pair: tuple[int, str]


@dataclass(frozen=True, eq=False)
class Body:
    """The function of a step, while it executes."""

    process: Process
    run_id: str
    generation: int
    name: str
    concurrency_key: str | None


class Witness(Protocol):
    """Who sees what bodies do."""

    def begins(self, body: Body) -> None: ...

    def ends(self, body: Body) -> None: ...

    def gets(self, run_id: str, name: str, value: Any, expected: Any) -> None:
        """The job has a step's result in its hands."""


def expected_output(plan: WorkPlan) -> list[str] | None:
    """What a run with that plan returns; None: it fails."""
    if any(step.kind in ("fails", "limited") for step in plan.steps):
        return None
    return [f"{step.kind}-{index}" for index, step in enumerate(plan.steps)]


class Jobs:
    """The jobs of one process."""

    def __init__(
        self, process: Process, witness: Witness, deaths: Counter[tuple[str, str]], placeholder: str
    ) -> None:
        self.durably: Durably | None = None
        self._process = process
        self._witness = witness
        self._deaths = deaths
        """How often a step has failed or killed its process, whichever that was."""
        self._placeholder = placeholder

    def registered(self, names: tuple[str, ...]) -> dict[str, Job[Any, Any]]:
        return {name: define_job(name=name, input=WorkPlan, output=Output, run=self._work) for name in names}

    async def _work(self, step: StepContext, input: WorkPlan) -> Output:
        values = []
        for index, plan in enumerate(input.steps):
            name = f"{plan.kind}-{index}"
            step.progress(index, len(input.steps))
            await self._step(step, name, plan)
            step.log.info(f"done {name}")
            values.append(name)
        return Output(values=values)

    async def _step(self, step: StepContext, name: str, plan: StepPlan) -> None:
        special = {
            "transaction": self._transaction,
            "sync": self._sync,
            "retries": self._retries,
            "child": self._child,
            "pair": self._pair,
            "limited": self._limited,
        }
        if plan.kind in special:
            await special[plan.kind](step, name, plan)
        elif plan.kind == "waits":
            self._gets(step, name, await step.run(name, self._waits, name, plan), _result(name))
        else:
            plain = {"blocks": self._blocks, "kills": self._kills, "fails": self._fails, "deaf": self._deaf}
            value = await step.run(name, plain[plan.kind], step.run_id, name, plan)
            self._gets(step, name, value, name)

    async def _transaction(self, step: StepContext, name: str, _plan: StepPlan) -> None:
        self._gets(step, name, await step.transaction(name, self._mark, step.run_id, name), name)

    async def _sync(self, step: StepContext, name: str, plan: StepPlan) -> None:
        token = takes_s.set(plan.ms / 1000)
        try:
            self._gets(step, name, await step.run(name, self._in_thread, name), name)
        finally:
            takes_s.reset(token)

    async def _retries(self, step: StepContext, name: str, plan: StepPlan) -> None:
        for _ in range(plan.times):
            try:
                await step.run(name, self._fails, step.run_id, name, plan)
            except ValueError:
                await asyncio.sleep(0.01)
        self._gets(step, name, await step.run(name, self._fails, step.run_id, name, plan), name)

    async def _child(self, step: StepContext, name: str, plan: StepPlan) -> None:
        assert self.durably is not None
        trigger_and_wait = self.durably.jobs["child"].trigger_and_wait
        given = WorkPlan(steps=[StepPlan(kind="waits", ms=plan.ms)])
        result = await step.run(name, trigger_and_wait, given, idempotency_key=f"{step.run_id}/{name}")
        self._gets(step, name, result.output, Output(values=["waits-0"]))

    async def _pair(self, step: StepContext, name: str, plan: StepPlan) -> None:
        names = [f"{name}-{part}" for part in "ab"]
        results = await asyncio.gather(*(step.run(each, self._waits, each, plan) for each in names))
        for each, result in zip(names, results, strict=True):
            self._gets(step, each, result, _result(each))

    async def _limited(self, step: StepContext, name: str, plan: StepPlan) -> None:
        await step.with_timeout(max(1, plan.ms // 2)).run(name, self._waits, name, plan)

    def _gets(self, step: StepContext, name: str, value: Any, expected: Any) -> None:
        self._witness.gets(step.run_id, name, value, expected)

    @contextmanager
    def _body(self, name: str) -> Iterator[None]:
        execution = current_execution.get()
        assert execution is not None
        run = execution.run
        body = Body(self._process, run.id, run.lease_generation, name, run.concurrency_key)
        self._witness.begins(body)
        try:
            yield
        finally:
            self._witness.ends(body)

    async def _waits(self, name: str, plan: StepPlan) -> Result:
        with self._body(name):
            await asyncio.sleep(plan.ms / 1000)
            return _result(name)

    def _in_thread(self, name: str) -> str:
        with self._body(name):
            return name

    def _mark(self, transaction: Transaction, run_id: str, name: str) -> str:
        with self._body(name):
            mark = self._placeholder
            transaction.execute(
                f"INSERT INTO marks (run_id, step_name) VALUES ({mark}, {mark})", (run_id, name)
            )
            return name

    async def _blocks(self, run_id: str, name: str, plan: StepPlan) -> str:
        with self._body(name):
            self._process.block(plan.ms / 1000)
            await asyncio.sleep(0)
            return name

    async def _kills(self, run_id: str, name: str, plan: StepPlan) -> str:
        with self._body(name):
            await asyncio.sleep(plan.ms / 1000)
            if self._deaths[run_id, name] < plan.times:
                self._deaths[run_id, name] += 1
                self._process.world.tell(f"{self._process.name} is killed by the step {name}")
                self._process.kill()
                await asyncio.get_running_loop().create_future()
            return name

    async def _fails(self, run_id: str, name: str, plan: StepPlan) -> str:
        with self._body(name):
            await asyncio.sleep(plan.ms / 1000)
            self._deaths[run_id, name] += 1
            if plan.kind == "fails" or self._deaths[run_id, name] <= plan.times:
                raise ValueError(f"{name} fails, as planned")
            return name

    async def _deaf(self, run_id: str, name: str, plan: StepPlan) -> str:
        with self._body(name):
            until = asyncio.get_running_loop().time() + plan.ms / 1000
            while (left := until - asyncio.get_running_loop().time()) > 0:
                try:
                    await asyncio.sleep(left)
                except asyncio.CancelledError:
                    continue
            return name


def _result(name: str) -> Result:
    return Result(of=name, at=datetime(2026, 1, 1, tzinfo=UTC), pair=(len(name), name))
