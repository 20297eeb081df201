"""Our engine on a server, asked what ``reference/measure.mjs`` asks of the reference.

``python -m bench.ours WHERE AMOUNTS`` prints figures by row, as JSON. Each row has a new database: a file (WAL,
FULL) in the folder WHERE, or one more on the PostgreSQL that WHERE is the address of.
"""

import asyncio
import json
import sqlite3
import statistics
import sys
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path
from time import perf_counter
from typing import Any, Protocol

import psycopg
from pydantic import BaseModel

from durably_core import Durably, StepContext, create_durably, define_job
from durably_core.store.base import ClaimRequest

Row = dict[str, float]


class Work(BaseModel):
    steps: int
    waits: bool = False
    in_threads: bool = False
    """Steps are plain functions, which may block, and are called in threads; else they are coroutines."""


class Databases(Protocol):
    def address(self, name: str) -> str:
        """Of the database of that name, which is made if there is none."""

    def size(self, name: str) -> int:
        """In bytes, with all that was written."""


class Files:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def address(self, name: str) -> str:
        return str(self._folder / f"{name}.db")

    def size(self, name: str) -> int:
        with closing(sqlite3.connect(self.address(name))) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return Path(self.address(name)).stat().st_size


class OnPostgres:
    def __init__(self, url: str) -> None:
        self._url = url
        self._made: set[str] = set()

    def address(self, name: str) -> str:
        if name not in self._made:
            with psycopg.connect(self._url, autocommit=True) as connection:
                connection.execute(f'CREATE DATABASE "{name}"'.encode())
            self._made.add(name)
        return self._url.rpartition("/")[0] + f"/{name}"

    def size(self, name: str) -> int:
        with psycopg.connect(self.address(name), autocommit=True) as connection:
            connection.execute("VACUUM")
            row = connection.execute("SELECT pg_database_size(current_database())").fetchone()
        assert row is not None
        return int(row[0])


class Bench:
    def __init__(self, databases: Databases, amounts: dict[str, Any]) -> None:
        self._databases = databases
        self._amounts = amounts
        self._steps_ms = 0.0
        self._at_end: Callable[[], None] = lambda: None

    async def measure(self) -> Row:
        await self._warm_up()
        row = await self._triggers()
        for steps, runs in self._amounts["runs"]:
            row[f"{steps}-step runs/s, 1 slot"] = await self._runs_per_s(steps, runs, slots=1)
        slots, runs = self._amounts["slots"], self._amounts["parallel_runs"]
        row[f"3-step runs/s, {slots} slots"] = await self._runs_per_s(3, runs, slots=slots)
        for count in (1, slots):
            name = f"3-step runs/s, {count} in threads"
            row[name] = await self._runs_per_s(3, runs, slots=count, in_threads=True)
        row |= await self._one_long_run()
        for steps in (0, 5):
            row[f"trigger to completed, {steps} steps, ms"] = await self._latency_ms(steps)
        for pending in self._amounts["pending"]:
            row |= await self._looks_ms(pending)
        row["bytes per 3-step run"] = await self._bytes_per_run()
        return row

    def _engine(self, name: str, slots: int = 1) -> Durably:
        job = define_job(name="bench", input=Work, output=Work, run=self._work)
        return create_durably(
            database=self._databases.address(name),
            jobs={"bench": job},
            max_concurrent_runs=slots,
            polling_interval_ms=10,
            preserve_steps=True,
        )

    async def _work(self, step: StepContext, work: Work) -> Work:
        began = perf_counter()
        for number in range(work.steps):
            await step.run(f"step-{number}", same_in_thread if work.in_threads else same, number)
        self._steps_ms = (perf_counter() - began) * 1000
        self._at_end()
        if work.waits:
            await asyncio.Event().wait()
        return work

    async def _warm_up(self) -> None:
        await self._runs_per_s(3, self._amounts["warm_up_runs"], slots=1, name="warm-up")

    async def _triggers(self) -> Row:
        """Acknowledged, of runs that nobody executes yet."""
        engine = self._engine("triggers")
        await engine.migrate()
        count, batch = self._amounts["triggers"], self._amounts["batch"]
        began = perf_counter()
        for _ in range(count):
            await engine.jobs.bench.trigger(Work(steps=0))
        one_by_one = count / (perf_counter() - began)
        began = perf_counter()
        await engine.jobs.bench.batch_trigger([Work(steps=0)] * batch)
        batched_ms = (perf_counter() - began) * 1000
        await engine.close()
        return {"triggers/s, one by one": one_by_one, f"batch of {batch} triggers, ms": batched_ms}

    async def _runs_per_s(
        self, steps: int, runs: int, *, slots: int, name: str = "runs", in_threads: bool = False
    ) -> float:
        """From the start of the worker to the last completion; all have been triggered before."""
        engine = self._engine(f"{name}-{steps}-{slots}{'-in-threads' * in_threads}", slots)
        await engine.migrate()
        await engine.jobs.bench.batch_trigger([Work(steps=steps, in_threads=in_threads)] * runs)
        completed = _completions(engine, runs)
        began = perf_counter()
        engine.start()
        await completed
        seconds = perf_counter() - began
        await engine.close()
        return runs / seconds

    async def _one_long_run(self) -> Row:
        """And the same run again, as another worker goes on with it at its end."""
        steps = self._amounts["steps_in_one_run"]
        executed_ms = await self._life_ms(steps, is_first=True)
        replayed_ms = await self._life_ms(steps, is_first=False)
        return {
            "steps/s in one run": steps / executed_ms * 1000,
            "replayed steps/s": steps / replayed_ms * 1000,
        }

    async def _life_ms(self, steps: int, *, is_first: bool) -> float:
        engine = self._engine("long")
        await engine.migrate()
        ended = asyncio.get_running_loop().create_future()
        self._at_end = lambda: ended.set_result(None)
        if is_first:
            await engine.jobs.bench.trigger(Work(steps=steps, waits=True))
        engine.start()
        await ended
        await engine.stop(timeout_ms=100)  # gives the run back
        await engine.close()
        self._at_end = lambda: None
        return self._steps_ms

    async def _latency_ms(self, steps: int) -> float:
        engine = self._engine(f"latency-{steps}")
        await engine.init()
        found = []
        for _ in range(self._amounts["latencies"]):
            completed = _completions(engine, 1)
            began = perf_counter()
            await engine.jobs.bench.trigger(Work(steps=steps))
            await completed
            found.append((perf_counter() - began) * 1000)
            await asyncio.sleep(0.02)
        await engine.close()
        return statistics.median(found)

    async def _looks_ms(self, pending: int) -> Row:
        engine = self._engine(f"pending-{pending}")
        await engine.migrate()
        for begin in range(0, pending, 1000):
            await engine.jobs.bench.batch_trigger([Work(steps=0)] * min(1000, pending - begin))

        async def claim() -> None:
            claim = await engine.store.claim(ClaimRequest(worker_id="w", job_names=("bench",), lease_ms=30_000))
            assert claim.claimed is not None

        async def list_newest() -> None:
            assert await engine.get_runs(status="pending", limit=50)

        row = {
            f"claim among {pending}, ms": await self._median_ms(claim),
            f"list 50 of {pending}, ms": await self._median_ms(list_newest),
        }
        await engine.close()
        return row

    async def _median_ms(self, look: Callable[[], Awaitable[None]]) -> float:
        found = []
        for _ in range(self._amounts["looks"]):
            began = perf_counter()
            await look()
            found.append((perf_counter() - began) * 1000)
        return statistics.median(found)

    async def _bytes_per_run(self) -> float:
        engine = self._engine("empty")
        await engine.migrate()
        await engine.close()
        runs = self._amounts["parallel_runs"]
        grown = self._databases.size(f"runs-3-{self._amounts['slots']}") - self._databases.size("empty")
        return grown / float(runs)


async def same(number: int) -> int:
    return number


def same_in_thread(number: int) -> int:
    return number


def _completions(engine: Durably, count: int) -> "asyncio.Future[None]":
    completed = asyncio.get_running_loop().create_future()
    left = count

    def heard(_event: object) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            stop()
            completed.set_result(None)

    stop = engine.on("run:complete", heard)
    return completed


def main(where: str, amounts: str) -> None:
    databases = OnPostgres(where) if where.startswith("postgresql:") else Files(Path(where))
    print(json.dumps(asyncio.run(Bench(databases, json.loads(amounts)).measure())))


if __name__ == "__main__":
    main(*sys.argv[1:])
