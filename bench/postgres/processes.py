"""How several worker processes share the runs of one database.

``make bench-postgres-scale`` runs it on servers of its own with their settings as they come: each commit is
flushed. Workers, server and this process share the machine.
"""

import argparse
import asyncio
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import psycopg

from bench.postgres.engines import SLOTS, Work, engine_on
from tests.postgres.server import served

PROCESSES = (1, 2, 4)
STEPS = 3
BATCH = 1000

LEASED = """
SELECT count(*) FROM durably_events WHERE type = 'run:leased' GROUP BY data::json ->> 'lease_owner'
"""


async def work_off(url: str) -> None:
    """A worker process: says that it is there, begins when told, and ends when told again."""
    engine = engine_on(url)
    await engine.migrate()
    print("ready", flush=True)
    loop = asyncio.get_running_loop()
    await loop.run_in_executor(None, sys.stdin.readline)
    engine.start()
    await loop.run_in_executor(None, sys.stdin.readline)
    await engine.close()


def measured(url: str, processes: int, runs: int) -> tuple[float, float]:
    """Runs per second, from when all begin until the last has completed; the share of the busiest process."""
    asyncio.run(trigger(url, runs))
    with ExitStack() as stack, psycopg.connect(url, autocommit=True) as connection:
        workers = [stack.enter_context(worker(url)) for _ in range(processes)]
        for each in workers:
            assert each.stdout is not None
            each.stdout.readline()
        began = time.perf_counter()
        tell(workers)
        while is_work_left(connection):
            time.sleep(0.02)
        seconds = time.perf_counter() - began
        tell(workers)
        shares = [share for (share,) in connection.execute(LEASED).fetchall()]
    return runs / seconds, max(shares) / runs


async def trigger(url: str, runs: int) -> None:
    engine = engine_on(url)
    await engine.migrate()
    for begin in range(0, runs, BATCH):
        await engine.jobs.work.batch_trigger([Work(steps=STEPS)] * min(BATCH, runs - begin))
    await engine.close()


@contextmanager
def worker(url: str) -> Iterator["subprocess.Popen[str]"]:
    command = [sys.executable, "-m", "bench.postgres.processes", "--worker", url]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield process


def tell(workers: list["subprocess.Popen[str]"]) -> None:
    for each in workers:
        assert each.stdin is not None
        each.stdin.write("\n")
        each.stdin.flush()


def is_work_left(connection: psycopg.Connection[tuple[int]]) -> bool:
    found = connection.execute("SELECT 1 FROM durably_runs WHERE status IN ('pending', 'leased') LIMIT 1")
    return found.fetchone() is not None


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench-postgres-scale", description=__doc__)
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--runs", type=int, default=2000, help="how many they share")
    options = parser.parse_args()
    if options.worker is not None:
        asyncio.run(work_off(options.worker))
        return
    rounds: dict[int, list[tuple[float, float]]] = {count: [] for count in PROCESSES}
    for _ in range(options.rounds):
        for count in PROCESSES:
            with served({}) as server:
                rounds[count].append(measured(server.url, count, options.runs))
    print(f"{STEPS}-step runs/s, {SLOTS} slots in each process; {os.cpu_count()} cores for all and the server")
    for count, found in rounds.items():
        speed, share = (statistics.median(part) for part in zip(*found, strict=True))
        print(f"{count} worker processes: {speed:6.0f}, of which the busiest did {share:.0%}")


if __name__ == "__main__":
    main()
