"""The job that both engines run: so many steps that do nothing."""

import asyncio
from time import perf_counter

from pydantic import BaseModel

from durably_core import StepContext, job


class Steps(BaseModel):
    steps: int
    waits: bool = False
    """For ever, once it has executed a step. Whoever goes on with the run only replays."""


class Took(BaseModel):
    ms: float


executed: list[int] = []


@job("bench")
async def bench(step: StepContext, input: Steps) -> Took:
    began = perf_counter()
    for index in range(input.steps):
        await step.run(f"step-{index}", same, index)
    ms = (perf_counter() - began) * 1000
    if input.waits and executed:
        await asyncio.Event().wait()
    return Took(ms=ms)


def same(index: int) -> int:
    executed.append(index)
    return index
