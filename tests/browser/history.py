"""A database with a week of runs of several jobs, as an engine would have written it: always the same one.

A program, ``python -m tests.browser.history <file>``: Playwright has the event loop of the tests. With a number
behind the file, it writes so many runs with labels, quickly.
"""

import asyncio
import math
import random
import sqlite3
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from durably_core import SQLiteStore
from durably_core.clock import IdFactory
from durably_core.models import RunError
from durably_core.store.base import ClaimRequest, Ending, Lease, NewRun, Notes

HOUR_MS = 3_600_000
WEEK_MS = 7 * 24 * HOUR_MS
LEASE_MS = 24 * HOUR_MS


@dataclass(frozen=True)
class Habit:
    """How a job goes."""

    share: int
    usual_ms: int
    failing: float


HABITS = {
    "import-csv": Habit(share=5, usual_ms=9000, failing=0.06),
    "resize-images": Habit(share=8, usual_ms=2500, failing=0.02),
    "sync-notes": Habit(share=12, usual_ms=400, failing=0.15),
    "send-digest": Habit(share=1, usual_ms=60_000, failing=0.0),
}
WAITING = 5
FAILED = Ending(
    status="failed",
    error=RunError(message="The server answered 503.", type="HTTPError", traceback="HTTPError: 503"),
)


class _Clock:
    def __init__(self, ms: int) -> None:
        self.ms = ms

    def now_ms(self) -> int:
        return self.ms


async def write(path: Path, *, until_ms: int) -> None:
    """Runs that ended in the week before ``until_ms``, and some that wait for a job that the page has not."""
    rng, clock = random.Random(7), _Clock(until_ms)
    new_id = IdFactory(clock, rng)
    store = SQLiteStore(str(path), clock=clock)
    await store.migrate()
    for begun_ms in _moments(rng, until_ms - WEEK_MS, until_ms - HOUR_MS // 10):
        clock.ms = begun_ms
        [name] = rng.choices([*HABITS], [habit.share for habit in HABITS.values()])
        await store.enqueue([NewRun(id=new_id(), job_name=name, input="{}", labels={})])
        claim = await store.claim(ClaimRequest(worker_id="w", job_names=(name,), lease_ms=LEASE_MS))
        assert claim.claimed is not None
        run = claim.claimed.run
        habit = HABITS[name]
        clock.ms += min(HOUR_MS // 12, round(habit.usual_ms * rng.lognormvariate(0, 0.6)))
        ending = Ending(status="completed", output='{"ok": true}')
        if rng.random() < habit.failing:
            ending = FAILED
        elif rng.random() < 0.015:
            await store.cancel_run(run.id, keep_steps=False)
            ending = Ending(status="cancelled")
        lease = Lease(run_id=run.id, generation=run.lease_generation, lease_ms=LEASE_MS)
        await store.end_run(lease, ending, Notes(), None)
    clock.ms = until_ms
    await store.enqueue(
        [NewRun(id=new_id(), job_name="send-digest", input="{}", labels={}) for _ in range(WAITING)]
    )
    await store.close()


TENANTS = ("acme", "globex", "initech")
BATCH = 50
BATCH_MS = HOUR_MS // 4


async def write_many(path: Path, *, until_ms: int, count: int) -> None:
    """So many runs of the jobs above, each with two labels. All but the newest have ended."""
    rng, clock = random.Random(7), _Clock(until_ms)
    new_id = IdFactory(clock, rng)
    store = SQLiteStore(str(path), clock=clock)
    await store.migrate()
    names, shares = [*HABITS], [habit.share for habit in HABITS.values()]
    for batch in range(count // BATCH):
        clock.ms = until_ms - (count // BATCH - batch) * BATCH_MS
        is_newest = batch == count // BATCH - 1
        await store.enqueue(
            [
                NewRun(
                    id=new_id(),
                    job_name="send-digest" if is_newest and left < WAITING else rng.choices(names, shares)[0],
                    input="{}",
                    labels={"tenant": rng.choice(TENANTS), "batch": str(batch)},
                )
                for left in reversed(range(BATCH))
            ]
        )
    await store.close()
    # As engines leave them: to claim and to end each of them would take minutes.
    with closing(sqlite3.connect(path)) as database, database:
        database.execute(END, {"waiting": WAITING})


END = """
UPDATE durably_runs
SET status = CASE WHEN rowid % 10 = 3 THEN 'failed' WHEN rowid % 17 = 5 THEN 'cancelled' ELSE 'completed' END,
    error = CASE WHEN rowid % 10 = 3 THEN 'The server answered 503.' END,
    attempt = 1, completed_step_count = rowid % 7, started_at = created_at + 20,
    completed_at = created_at + 20 + 37 * (rowid % 211), updated_at = created_at + 20 + 37 * (rowid % 211)
WHERE id NOT IN (SELECT id FROM durably_runs ORDER BY id DESC LIMIT :waiting)
"""


def _moments(rng: random.Random, ms: int, until_ms: int) -> Iterator[int]:
    """More by day than by night, and more of late."""
    while True:
        is_late = ms > until_ms - HOUR_MS
        by_day = max(0.0, math.sin((ms / HOUR_MS % 24 - 6) / 24 * 2 * math.pi))
        ms += round(rng.expovariate((0.4 + 0.6 * by_day) / (45_000 if is_late else 420_000)))
        if ms >= until_ms:
            return
        yield ms


if __name__ == "__main__":
    file, *many = sys.argv[1:]
    now_ms = int(time.time() * 1000)
    if many:
        asyncio.run(write_many(Path(file), until_ms=now_ms, count=int(many[0])))
    else:
        asyncio.run(write(Path(file), until_ms=now_ms))
