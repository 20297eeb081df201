"""DBOS Transact on PostgreSQL, asked for the rows of ``bench/ours.py`` that it has, too.

``python with_dbos.py URL AMOUNTS`` prints figures by row, as JSON. It runs where DBOS is installed, and
Durably need not be.
A run is a workflow on a queue, a slot one of the workflows that the queue lets execute at a time.
"""

import json
import statistics
import sys
import time
from typing import Any

from dbos import DBOS, DBOSConfig, Queue

AMOUNTS: dict[str, Any] = json.loads(sys.argv[2])
QUEUES: dict[int, Queue] = {}


@DBOS.step()
def same(number: int) -> int:
    return number


@DBOS.workflow()
def bench(steps: int) -> int:
    for number in range(steps):
        same(number)
    return steps


def runs_per_s(steps: int, runs: int, slots: int) -> float:
    """Enqueued and executed: DBOS begins what is enqueued at once."""
    began = time.perf_counter()
    handles = [QUEUES[slots].enqueue(bench, steps) for _ in range(runs)]
    for handle in handles:
        handle.get_result(polling_interval_sec=0.01)
    return runs / (time.perf_counter() - began)


def latency_ms(steps: int) -> float:
    """Without a queue: a workflow that is called begins where it is called."""
    found = []
    for _ in range(AMOUNTS["latencies"]):
        began = time.perf_counter()
        DBOS.start_workflow(bench, steps).get_result(polling_interval_sec=0.001)
        found.append((time.perf_counter() - began) * 1000)
        time.sleep(0.02)
    return float(statistics.median(found))


def steps_per_s() -> float:
    steps = AMOUNTS["steps_in_one_run"]
    began = time.perf_counter()
    bench(steps)
    return float(steps) / (time.perf_counter() - began)


def main() -> None:
    config: DBOSConfig = {"name": "bench", "system_database_url": sys.argv[1], "log_level": "ERROR"}
    DBOS(config=config)
    DBOS.launch()
    slots = AMOUNTS["slots"]
    for count in (1, slots):
        name = f"slots-{count}"
        QUEUES[count] = DBOS.register_queue(name, worker_concurrency=count, polling_interval_sec=0.01)
    runs_per_s(3, AMOUNTS["warm_up_runs"], 1)
    row = {f"{steps}-step runs/s, 1 slot": runs_per_s(steps, runs, 1) for steps, runs in AMOUNTS["runs"]}
    row[f"3-step runs/s, {slots} slots"] = runs_per_s(3, AMOUNTS["parallel_runs"], slots)
    row["steps/s in one run"] = steps_per_s()
    row |= {f"trigger to completed, {steps} steps, ms": latency_ms(steps) for steps in (0, 5)}
    print(json.dumps(row))
    DBOS.destroy()


if __name__ == "__main__":
    main()
