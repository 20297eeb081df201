"""A process that dies: python crash_workload.py DATABASE SIDE_EFFECTS COMMIT exit|kill before|after.

It executes one run of five steps and dies at its n-th commit. Commit 0: it lives.
"""

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from durably_core import SQLiteStore, StepContext, create_durably, job

STEPS = 5


class Nothing(BaseModel):
    pass


class Names(BaseModel):
    names: list[str]


def workload(side_effects: Path) -> Any:
    def work(name: str) -> str:
        with side_effects.open("a") as file:
            file.write(f"{name}\n")
            file.flush()
            os.fsync(file.fileno())
        return name.upper()

    @job("work")
    async def run(step: StepContext, input: Nothing) -> Names:
        return Names(names=[await step.run(f"step-{n}", work, f"step-{n}") for n in range(STEPS)])

    return run


class Dying:
    """A connection that takes its process along."""

    def __init__(self, connection: Any, commit: int, how: str, when: str) -> None:
        self._connection = connection
        self._commit, self._how, self._when = commit, how, when
        self._count = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def execute(self, statement: str, *args: Any) -> Any:
        last = statement == "COMMIT" and self._is_last()
        if last and self._when == "before":
            self._die()
        result = self._connection.execute(statement, *args)
        if last:
            self._die()
        return result

    def _is_last(self) -> bool:
        self._count += 1
        return self._count == self._commit

    def _die(self) -> None:
        if self._how == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        os._exit(9)


async def main(database: str, side_effects: str, commit: int, how: str, when: str) -> None:
    store = SQLiteStore(database, exclusive=True)
    durably = create_durably(database=store, jobs={"work": workload(Path(side_effects))}, exclusive=True)
    await durably.migrate()
    if not await durably.get_runs():
        await durably.jobs.work.trigger({})
    if commit:
        store._database.connection = Dying(store._database.connection, commit, how, when)  # type: ignore[assignment]
    await durably.process_until_idle()
    await durably.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), *sys.argv[4:6]))
