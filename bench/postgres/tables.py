"""What is done all the time, among few runs and among very many.

``make bench-postgres-scale`` runs it on servers of its own with their settings as they come: each commit is
flushed.
"""

import asyncio
import statistics
from collections.abc import Awaitable, Callable
from time import perf_counter

import psycopg

from bench.postgres.engines import Work, engine_on
from durably_core import Durably
from durably_core.store.base import Claim, ClaimRequest, Ending, Lease, Notes
from tests.postgres.server import served

TABLES = ((1000, 0), (50_000, 0), (500_000, 0), (1000, 1_000_000))
"""Runs that wait, and runs that have ended."""

WARM_UP = 10
LOOKS = 100

# Ids of the same length as the engine's, older than those that it gives.
FILLED = """
INSERT INTO durably_runs (id, job_name, concurrency_key, created_at, updated_at)
SELECT '00' || lpad(n::text, 24, '0'), 'work', CASE WHEN n % 10 = 0 THEN 'key-' || n END, n, n
FROM generate_series(1, {pending}) AS n;
INSERT INTO durably_runs
  (id, job_name, status, completed_step_count, attempt, lease_generation, started_at, completed_at,
   created_at, updated_at)
SELECT '01' || lpad(n::text, 24, '0'), 'work', 'completed', 3, 1, 1, n, n, n, n
FROM generate_series(1, {finished}) AS n;
INSERT INTO durably_payloads (run_id, input) SELECT id, '{{"steps": 0}}' FROM durably_runs;
VACUUM ANALYZE
"""


class Looks:
    def __init__(self, engine: Durably) -> None:
        self._engine = engine
        self._request = ClaimRequest(worker_id="w", job_names=("work",), lease_ms=30_000)
        self._held: Lease | None = None

    async def measured(self) -> dict[str, float]:
        """Medians, in milliseconds."""
        looks: dict[str, Callable[[], Awaitable[object]]] = {
            "claim": self._claim,
            "end and claim": self._end_and_claim,
            "trigger": lambda: self._engine.jobs.work.trigger(Work(steps=0)),
            "list 50": lambda: self._engine.get_runs(limit=50),
            "list 50 pending": lambda: self._engine.get_runs(status="pending", limit=50),
            "list 50 of a job": lambda: self._engine.get_runs(job_name="work", limit=50),
            "count": self._engine.count_runs,
        }
        return {name: await _median_ms(look) for name, look in looks.items()}

    async def _claim(self) -> None:
        self._hold(await self._engine.store.claim(self._request))

    async def _end_and_claim(self) -> None:
        assert self._held is not None
        ending = Ending(status="completed", output="null", keep_steps=True)
        ended = await self._engine.store.end_run(self._held, ending, Notes(), self._request)
        self._hold(ended.claim)

    def _hold(self, claim: Claim) -> None:
        assert claim.claimed is not None
        run = claim.claimed.run
        self._held = Lease(run_id=run.id, generation=run.lease_generation, lease_ms=30_000)


async def _median_ms(look: Callable[[], Awaitable[object]]) -> float:
    for _ in range(WARM_UP):
        await look()
    found = []
    for _ in range(LOOKS):
        began = perf_counter()
        await look()
        found.append((perf_counter() - began) * 1000)
    return statistics.median(found)


async def measured(url: str, pending: int, finished: int) -> dict[str, float]:
    engine = engine_on(url)
    await engine.migrate()
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in FILLED.format(pending=pending, finished=finished).split(";"):
            connection.execute(statement.encode())
    row = await Looks(engine).measured()
    await engine.close()
    return row


def main() -> None:
    print("one after the other, medians in ms")
    for pending, finished in TABLES:
        with served({}) as server:
            row = asyncio.run(measured(server.url, pending, finished))
        figures = "  ".join(f"{name} {ms:.2f}" for name, ms in row.items())
        print(f"{pending:>7} pending, {finished:>7} finished: {figures}", flush=True)


if __name__ == "__main__":
    main()
