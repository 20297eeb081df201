"""The jobs of this project: ordinary Python, made of steps."""

import asyncio

from durably_core import StepContext, job
from pydantic import BaseModel, Field


class Order(BaseModel):
    loaves: int = Field(default=12, ge=1, le=500, description="How many to bake")


class Delivery(BaseModel):
    baked: int


@job("bake")
async def bake(step: StepContext, order: Order) -> Delivery:
    """Bake bread, loaf by loaf."""
    await step.run("heat-oven", heat_oven)
    for loaf in range(1, order.loaves + 1):
        # A step that is finished never runs again, whatever is closed, killed or restarted meanwhile.
        await step.run(f"loaf-{loaf}", bake_loaf)
        step.progress(loaf, order.loaves, f"loaf {loaf} of {order.loaves}")
    step.log.info("Everything is baked.")
    return Delivery(baked=order.loaves)


async def heat_oven() -> int:
    await asyncio.sleep(0.5)
    return 230


async def bake_loaf() -> None:
    await asyncio.sleep(0.3)
