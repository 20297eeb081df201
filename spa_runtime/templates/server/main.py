"""Triggers a run, waits for its end, and executes it meanwhile."""

import asyncio
import os

from durably_core import Progress, create_durably
from jobs import Order, bake

DATABASE = os.environ.get("DURABLY_DATABASE", "durably.db")


async def main() -> None:
    durably = create_durably(database=DATABASE, jobs={"bake": bake}, preserve_steps=True)
    # Starts a worker in this process. With `durably worker jobs.py` elsewhere, `migrate()` is enough.
    await durably.init()
    try:
        result = await durably.jobs.bake.trigger_and_wait(Order(loaves=5), on_progress=tell)
        print(f"The run {result.id} is done: {result.output.baked} loaves are baked.")
    finally:
        # What still executes is given back, and goes on with the next start.
        await durably.close(timeout_ms=0)


def tell(progress: Progress) -> None:
    print(progress.message)


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except KeyboardInterrupt:
        print("Stopped. What was being baked goes on with the next start.")
