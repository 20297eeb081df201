"""Jobs for the examples of the hooks: the same in a browser and behind HTTP."""

import asyncio

from pydantic import BaseModel, Field, RootModel

from durably_core import StepContext, job


class CountInput(BaseModel):
    """How far to count."""

    to: int = Field(ge=1, description="The last number.")
    pause_ms: int = 100
    """Pause after each number."""


class CountOutput(BaseModel):
    total: int


class Nothing(BaseModel):
    pass


class Reason(BaseModel):
    reason: str


@job("count-to")
async def count_to(step: StepContext, input: CountInput) -> CountOutput:
    """Counts, one number per step."""
    total = 0
    for number in range(1, input.to + 1):
        total += await step.run(f"number-{number}", count, number, input.pause_ms)
        step.progress(number, input.to, "counting")
        step.log.info(f"counted {number}", {"total": total})
    return CountOutput(total=total)


async def count(number: int, pause_ms: int) -> int:
    await asyncio.sleep(pause_ms / 1000)
    return number


@job("zero")
async def zero(step: StepContext, _input: Nothing) -> RootModel[int]:
    """Returns something that is as good as nothing to JavaScript."""
    return RootModel[int](await step.run("zero", lambda: 0))


@job("nothing")
async def nothing(_step: StepContext, _input: Nothing) -> None:
    """Returns nothing."""


@job("fail")
async def fail(step: StepContext, input: Reason) -> None:
    """Fails."""
    step.log.warn("about to fail")
    await step.run("break", raise_error, input.reason)


def raise_error(reason: str) -> None:
    raise ValueError(reason)
