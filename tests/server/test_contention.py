"""Several processes on one file: no one hears of a locked database, and no event loop waits for one."""

import asyncio
import sqlite3
import sys
from collections import Counter
from pathlib import Path

from durably_core import create_durably
from tests.conftest import make_job, nothing

WRITERS = 4
TRIGGERS = 150

WRITER = """
import asyncio, sys
from durably_core import create_durably
from tests.conftest import make_job, nothing

async def main(database, executes, triggers):
    durably = create_durably(database=database, jobs={"work": make_job(nothing)}, max_concurrent_runs=4)
    faults = []
    durably.on("worker:error", lambda event: faults.append(event.error))
    await durably.migrate()
    if executes:
        durably.start()
    for _ in range(triggers):
        await durably.jobs.work.trigger({})
    while executes and (await durably.count_runs(status=["pending", "leased"]))["pending"]:
        await asyncio.sleep(0.01)
    await durably.close()
    assert faults == [], faults

asyncio.run(main(sys.argv[1], sys.argv[2] == "executes", int(sys.argv[3])))
"""


async def test_no_process_hears_of_a_locked_database(tmp_path: Path) -> None:
    database = str(tmp_path / "durably.db")
    processes = [
        await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", WRITER, database, "executes" if number % 2 else "triggers", str(TRIGGERS)),
            cwd=Path(__file__).parent.parent.parent,
            stderr=asyncio.subprocess.PIPE,
        )
        for number in range(WRITERS)
    ]
    async with asyncio.timeout(120):
        written = [(await process.communicate())[1] for process in processes]
    assert (written, {process.returncode for process in processes}) == ([b""] * WRITERS, {0})
    durably = create_durably(database=database)
    counts = await durably.count_runs()
    ends = Counter(event.type for event in await durably.get_events(types=["run:complete"], limit=10_000))
    await durably.close()
    assert counts["completed"] + counts["pending"] == WRITERS * TRIGGERS
    assert ends["run:complete"] == counts["completed"]


async def test_event_loop_turns_while_another_process_writes(tmp_path: Path) -> None:
    database = str(tmp_path / "durably.db")
    durably = create_durably(database=database, jobs={"work": make_job(nothing)})
    await durably.migrate()
    other = sqlite3.connect(database, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    triggering = asyncio.create_task(durably.jobs.work.trigger({}))
    for _ in range(100):
        await asyncio.sleep(0.001)
    assert not triggering.done()
    other.execute("COMMIT")
    async with asyncio.timeout(20):
        assert (await triggering).disposition == "created"
    other.close()
    await durably.close()
