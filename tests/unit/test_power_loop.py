"""The event loop of the simulation of power cuts."""

import asyncio

import pytest

from tests.power.loop import SimulatedClock, StuckError, simulate


def test_time_passes_when_everyone_waits() -> None:
    async def sleep() -> tuple[float, int]:
        clock = SimulatedClock(1000)
        began = asyncio.get_running_loop().time()
        await asyncio.sleep(3600)
        return asyncio.get_running_loop().time() - began, clock.now_ms()

    assert simulate(sleep()) == (3600.0, 3_601_000)


def test_waiting_for_nothing_is_told() -> None:
    async def wait() -> None:
        await asyncio.Event().wait()

    with pytest.raises(StuckError, match="Everyone waits"):
        simulate(wait())


def test_life_without_an_end_is_told() -> None:
    async def poll() -> None:
        while True:  # noqa: ASYNC110 - that is what is tested
            await asyncio.sleep(1)

    with pytest.raises(StuckError, match="No end"):
        simulate(poll())


async def test_simulation_runs_within_another_loop() -> None:
    loop = asyncio.get_running_loop()

    async def answer() -> int:
        await asyncio.sleep(1)
        return 42

    assert simulate(answer()) == 42
    assert asyncio.get_running_loop() is loop
