"""Workers whose way to the database is slow, stands still, or breaks just when a commit was sent."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from durably_core import Durably, StepContext, StorageError, create_durably
from durably_core.store.base import RunFilter
from durably_core.store.postgres import PostgresStore
from tests.conftest import PATIENCE_S, Numbers, Total, make_job, new_run, turns, within
from tests.postgres.proxy import Proxy, slowed
from tests.postgres.server import Server, emptied

LEASE_MS = 1500


@pytest.fixture
def server() -> Server:
    return emptied()


@pytest.fixture
def network(server: Server) -> Iterator[Proxy]:
    with slowed(server.port) as proxy:
        yield proxy


class Bodies:
    """The steps that ran, by run and name, and in which worker."""

    def __init__(self) -> None:
        self.ran: list[tuple[str, str, int]] = []
        self.reached = asyncio.Event()
        self.may_end = asyncio.Event()

    def count(self) -> Counter[tuple[str, int]]:
        return Counter((worker, number) for worker, _, number in self.ran)


class Workers:
    """Engines that share a database, each over a way of its own."""

    def __init__(self) -> None:
        self.bodies = Bodies()
        self._engines: list[Durably] = []

    async def start(self, name: str, url: str, **options: Any) -> Durably:
        async def body(step: StepContext, input: Numbers) -> Total:
            total = 0
            for number in range(input.count):
                total += await step.run(f"step-{number}", self._step, name, step.run_id, number)
            return Total(total=total)

        engine = create_durably(
            database=url,
            jobs={"work": make_job(body, output=Total)},
            **{"polling_interval_ms": 200, "lease_ms": LEASE_MS, "lease_renew_interval_ms": 300} | options,
        )
        self._engines.append(engine)
        await engine.init()
        return engine

    async def _step(self, worker: str, run_id: str, number: int) -> int:
        self.bodies.ran.append((worker, run_id, number))
        if number == 1:
            self.bodies.reached.set()
            await self.bodies.may_end.wait()
        return number

    async def close(self) -> None:
        for engine in self._engines:
            await engine.close()


@pytest.fixture
async def workers() -> AsyncIterator[Workers]:
    workers = Workers()
    yield workers
    await workers.close()


async def test_runs_are_executed_once_over_a_slow_network(
    server: Server, network: Proxy, workers: Workers
) -> None:
    network.delay_s = 0.03
    far = await workers.start("far", network.url(server.url), max_concurrent_runs=4)
    await workers.start("near", server.url, max_concurrent_runs=4)
    runs = await far.jobs.work.batch_trigger([{"count": 5} for _ in range(20)])
    async with asyncio.timeout(PATIENCE_S):
        # None ends before each has some: the near one alone would be faster.
        while {worker for worker, *_ in workers.bodies.ran} != {"far", "near"}:
            await turns()
    workers.bodies.may_end.set()
    for run in runs:
        ended = await within(far.wait_for_run(run.id))
        assert (ended.status, ended.attempt, ended.output) == ("completed", 1, {"total": 10})
    ran = Counter((run_id, number) for _, run_id, number in workers.bodies.ran)
    assert ran == {(run.id, number): 1 for run in runs for number in range(5)}
    assert {worker for worker, *_ in workers.bodies.ran} == {"far", "near"}


async def test_worker_whose_network_stands_still_loses_its_run_and_writes_nothing_more(
    server: Server, network: Proxy, workers: Workers
) -> None:
    far = await workers.start("far", network.url(server.url))
    run = await far.jobs.work.trigger({"count": 4})
    await within(workers.bodies.reached.wait())
    network.stand_still()
    near = await workers.start("near", server.url)
    workers.bodies.may_end.set()
    ended = await within(near.wait_for_run(run.id))
    assert (ended.status, ended.attempt, ended.output) == ("completed", 2, {"total": 6})
    # What the one had finished was not done again; the step that it was in was.
    assert workers.bodies.count() == {("far", 0): 1, ("far", 1): 1} | {("near", n): 1 for n in (1, 2, 3)}
    steps = await near.get_steps(run.id)
    # Now its result arrives, and is refused.
    network.move_on()
    again = await far.jobs.work.trigger({"count": 0})
    await within(far.wait_for_run(again.id))
    assert await near.get_steps(run.id) == steps
    assert await near.get_run(run.id) == ended
    assert workers.bodies.count()["far", 2] == 0


@pytest.fixture
async def far_store(server: Server, network: Proxy) -> AsyncIterator[PostgresStore]:
    store = PostgresStore(network.url(server.url))
    await store.migrate()
    yield store
    await store.close()


async def test_commit_whose_answer_is_lost_is_not_said_to_have_failed(
    network: Proxy, far_store: PostgresStore
) -> None:
    network.loses_commits = 1
    with pytest.raises(StorageError, match="it is not known whether"):
        await far_store.enqueue([new_run("run-1")])
    assert network.loses_commits == 0

    async def is_there() -> None:
        while True:
            if await far_store.count_runs(RunFilter()) == {"pending": 1}:
                return
            await asyncio.sleep(0.01)

    # It was, or is about to be. Who asks again with a command's id or an idempotency key hears of that one.
    await within(is_there())


async def test_runs_end_though_answers_to_commits_are_lost(
    server: Server, network: Proxy, workers: Workers
) -> None:
    workers.bodies.may_end.set()
    far = await workers.start("far", network.url(server.url), max_concurrent_runs=3)
    near = await workers.start("near", server.url, max_concurrent_runs=1)
    run_ids: list[str] = []
    async with asyncio.timeout(60):
        while network.lost_commits < 5:
            network.loses_commits = 1
            triggered = await near.jobs.work.batch_trigger([{"count": 6} for _ in range(5)])
            run_ids += [run.id for run in triggered]
            await asyncio.sleep(0.1)
    network.loses_commits = 0
    for run_id in run_ids:
        ended = await within(far.wait_for_run(run_id))
        assert (ended.status, ended.completed_step_count) == ("completed", 6)
        assert ended.output == {"total": 15}
