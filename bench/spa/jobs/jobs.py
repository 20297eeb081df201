"""The job that both engines run: so many steps that do nothing."""

from pydantic import BaseModel

from durably_core import StepContext, job


class Steps(BaseModel):
    steps: int


@job("bench")
async def bench(step: StepContext, input: Steps) -> Steps:
    for index in range(input.steps):
        await step.run(f"step-{index}", same, index)
    return input


def same(index: int) -> int:
    return index
