"""Orders to be packed. Each parcel is one line in packed.log, with the process that packed it."""

import asyncio
import os
from pathlib import Path

from pydantic import BaseModel, Field

from durably_core import StepContext, job

LOG = Path(__file__).parent / "packed.log"


class Order(BaseModel):
    parcels: int = Field(default=3, ge=1, le=100)
    pause_ms: int = Field(default=20, ge=0, le=5000, description="How long a parcel takes.")


class Packed(BaseModel):
    parcels: int
    packed_by: list[int] = Field(description="The process of each parcel.")


@job("pack")
async def pack(step: StepContext, order: Order) -> Packed:
    """Pack an order."""
    packed_by = []
    for parcel in range(1, order.parcels + 1):
        packed_by.append(await step.run(f"parcel-{parcel}", pack_parcel, step.run_id, parcel, order.pause_ms))
        step.progress(parcel, order.parcels, f"parcel {parcel}")
    return Packed(parcels=order.parcels, packed_by=packed_by)


async def pack_parcel(run_id: str, parcel: int, pause_ms: int) -> int:
    await asyncio.sleep(pause_ms / 1000)
    with LOG.open("a", encoding="utf-8") as log:
        log.write(f"{run_id} {parcel} {os.getpid()}\n")
    return os.getpid()
