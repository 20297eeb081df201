"""A worker process: python process_workload.py DATABASE FOLDER LEASE_MS JOB…

It executes runs of those jobs until it is killed. What its steps do to the outside, and its faults, are
lines of the file FOLDER/lines, each with the process id in front. A job's name is that of its body here,
with a suffix when several jobs share one.
"""

import asyncio
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from durably_core import Durably, Job, StepContext, create_durably, define_job

LONG_MS = 60_000
"""A lease that no stall of a busy machine outlasts."""

SHORT_MS = 400
"""That of a worker that is about to lose its run."""

RENEW_MS = 100
POLLING_MS = 20


class Number(BaseModel):
    number: int = 0


class Pid(BaseModel):
    pid: int


class Outside:
    """What processes share beside the database."""

    def __init__(self, folder: Path) -> None:
        self._lines = folder / "lines"
        self._folder = folder

    def tell(self, line: str) -> None:
        # One write to a file opened for appending: lines of several processes never mix.
        with self._lines.open("ab", buffering=0) as file:
            file.write(f"{os.getpid()} {line}\n".encode())

    def told(self) -> list[tuple[int, str]]:
        text = self._lines.read_text() if self._lines.exists() else ""
        return [(int(pid), line) for pid, _, line in (each.partition(" ") for each in text.splitlines())]

    def let_go(self, pid: int) -> None:
        """Open the gate of one process."""
        (self._folder / f"go-{pid}").touch()

    def may_go(self) -> bool:
        return (self._folder / f"go-{os.getpid()}").exists()


async def until(fact: Callable[[], bool]) -> None:
    """Other processes can't wake this one: look again and again."""
    while not fact():  # noqa: ASYNC110
        await asyncio.sleep(0.005)


class Bodies:
    """What jobs do. Each method is a job's function; its name begins the names of its jobs."""

    def __init__(self, outside: Outside) -> None:
        self._outside = outside

    async def note(self, step: StepContext, input: Number) -> Pid:
        await step.run("note", self._outside.tell, f"note {input.number}")
        return Pid(pid=os.getpid())

    async def meet(self, step: StepContext, input: Number) -> Pid:
        """The first two runs wait for each other: one process alone can't get past them."""
        await step.run("note", self._outside.tell, f"note {input.number}")
        if input.number < 2:
            await until(lambda: {"note 0", "note 1"} <= {line for _, line in self._outside.told()})
        return Pid(pid=os.getpid())

    async def gate(self, step: StepContext, _input: Number) -> Pid:
        await step.run("before", self._outside.tell, "before")
        pid = await step.run("gate", self._at_gate)
        await step.run("after", self._outside.tell, "after")
        return Pid(pid=pid)

    async def stall(self, step: StepContext, _input: Number) -> Pid:
        return Pid(pid=await step.run("gate", self._stalled if step.attempt == 1 else self._at_gate))

    async def endless(self, _step: StepContext, _input: Number) -> Pid:
        self._outside.tell("begun")
        try:
            await asyncio.Event().wait()
        finally:
            self._outside.tell("stopped")
        raise AssertionError

    async def _at_gate(self) -> int:
        self._outside.tell("gate")
        await until(self._outside.may_go)
        return os.getpid()

    async def _stalled(self) -> int:
        """Blocks the event loop: no renewal comes before the write of this step."""
        self._outside.tell("gate")
        while not self._outside.may_go():
            time.sleep(0.005)  # noqa: ASYNC251
        return os.getpid()


def jobs(outside: Outside, names: list[str]) -> dict[str, Job[Any, Any]]:
    bodies = Bodies(outside)
    return {
        name: define_job(name=name, input=Number, output=Pid, run=getattr(bodies, name.partition("_")[0]))
        for name in names
    }


def engine_of(database: Path, outside: Outside, names: list[str], lease_ms: int = LONG_MS) -> Durably:
    return create_durably(
        database=str(database),
        jobs=jobs(outside, names),
        lease_ms=lease_ms,
        lease_renew_interval_ms=RENEW_MS,
        polling_interval_ms=POLLING_MS,
        preserve_steps=True,
    )


async def main(database: str, folder: str, lease_ms: str, *names: str) -> None:
    outside = Outside(Path(folder))
    engine = engine_of(Path(database), outside, list(names), int(lease_ms))
    engine.on("worker:error", lambda event: outside.tell(f"fault {event.context}: {event.error}"))
    await engine.init()
    outside.tell("ready")
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
