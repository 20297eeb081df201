"""Jobs for the tests of the console, in the browser and on a server."""

import asyncio

from pydantic import BaseModel, Field

from durably_core import StepContext, job


class Order(BaseModel):
    loaves: int = Field(default=3, ge=1, le=100)
    flour: str


class Delivery(BaseModel):
    baked: int


class Nothing(BaseModel):
    """No fields."""


@job("bake")
async def bake(step: StepContext, order: Order) -> Delivery:
    """Bake loaves, one after the other."""
    for loaf in range(1, order.loaves + 1):
        await step.run(f"loaf-{loaf}", asyncio.sleep, 0.01)
        step.progress(loaf, order.loaves, "baking")
    step.log.info("All is baked", data={"flour": order.flour})
    return Delivery(baked=order.loaves)


@job("burn")
async def burn(step: StepContext, _input: Nothing) -> None:
    """Fail."""
    step.log.warn("It smells")
    await step.run("oven", overheat)


@job("rest")
async def rest(step: StepContext, _input: Nothing) -> None:
    """Go on for ever."""
    step.progress(1, 2, "resting")
    await step.run("sleep", asyncio.Event().wait)


def overheat() -> None:
    raise ValueError("too hot")
