"""What one writer can't get wrong: several at the same moment."""

import asyncio
from collections import Counter

import psycopg
import pytest
from psycopg.rows import dict_row

from durably_core import ConflictError, StorageError, create_durably
from durably_core.store import sql_store
from durably_core.store.base import ClaimRequest, Enqueued, Notes, RunFilter
from durably_core.store.postgres import PostgresStore
from durably_core.store.postgres.session import PostgresSession
from tests.conftest import claim, completed, lease_of, make_job, new_run, nothing, request_for, within
from tests.postgres.conftest import OpenAnother

MANY = 40
AT_ONCE = 8


async def all_at_once(*awaitables: object) -> list[object]:
    return list(await within(asyncio.gather(*awaitables, return_exceptions=True)))  # type: ignore[call-overload]


# ---------------------------------------------------------------- claims


async def test_each_run_is_claimed_once(store: PostgresStore, open_store: OpenAnother) -> None:
    await store.enqueue([new_run(f"run-{number:03}") for number in range(MANY)])
    others = [open_store(pool_size=2) for _ in range(AT_ONCE)]

    async def claim_on(store: PostgresStore, worker: int) -> list[str]:
        found = []
        while (claimed := await claim(store, request_for(worker_id=f"worker-{worker}"))) is not None:
            found.append(claimed.run.id)
        return found

    claimed = await within(asyncio.gather(*(claim_on(each, number) for number, each in enumerate(others))))
    assert Counter(run_id for found in claimed for run_id in found) == {
        f"run-{number:03}": 1 for number in range(MANY)
    }


async def test_key_is_held_by_one_run_at_a_time(store: PostgresStore, open_store: OpenAnother) -> None:
    others = [open_store(pool_size=2) for _ in range(AT_ONCE)]
    for number in range(MANY):
        # Of different jobs: of one job only one could wait.
        await store.enqueue([new_run(f"run-{number:03}", f"job-{number}", concurrency_key=f"key-{number % 4}")])
    jobs = tuple(f"job-{number}" for number in range(MANY))
    holders: Counter[str] = Counter()
    left = MANY

    async def work_on(store: PostgresStore, worker: int) -> None:
        nonlocal left
        request = ClaimRequest(worker_id=f"worker-{worker}", job_names=jobs, lease_ms=60_000)
        while left:
            claimed = await claim(store, request)
            if claimed is None:
                await asyncio.sleep(0.002)
                continue
            key = claimed.run.concurrency_key
            assert key is not None
            holders[key] += 1
            assert holders[key] == 1, f"{key} is held twice"
            await asyncio.sleep(0.001)
            holders[key] -= 1
            left -= 1
            await store.end_run(lease_of(claimed), completed(), Notes(), None)

    await asyncio.wait_for(
        asyncio.gather(*(work_on(each, number) for number, each in enumerate(others))), timeout=60
    )
    assert await store.count_runs(RunFilter()) == {"completed": MANY}


# ---------------------------------------------------------------- keys


@pytest.mark.parametrize("ttl", [None, 60_000])
async def test_idempotency_key_makes_one_run(
    store: PostgresStore, open_store: OpenAnother, ttl: int | None
) -> None:
    others = [open_store(pool_size=2) for _ in range(AT_ONCE)]
    runs = [
        new_run(f"run-{number}", idempotency_key="same", idempotency_ttl_ms=ttl) for number in range(AT_ONCE)
    ]
    answers = await all_at_once(*(each.enqueue([run]) for each, run in zip(others, runs, strict=True)))
    enqueued = [item for answer in answers if isinstance(answer, list) for item in answer]
    assert len(enqueued) == AT_ONCE
    assert all(isinstance(item, Enqueued) for item in enqueued)
    assert Counter(item.disposition for item in enqueued) == {"created": 1, "idempotent": AT_ONCE - 1}
    assert len({item.run.id for item in enqueued}) == 1


async def test_one_run_waits_with_a_concurrency_key(store: PostgresStore, open_store: OpenAnother) -> None:
    others = [open_store(pool_size=2) for _ in range(AT_ONCE)]
    runs = [new_run(f"run-{number}", concurrency_key="same") for number in range(AT_ONCE)]
    answers = await all_at_once(*(each.enqueue([run]) for each, run in zip(others, runs, strict=True)))
    assert Counter(type(answer) for answer in answers) == {list: 1, ConflictError: AT_ONCE - 1}


async def test_triggers_coalesce_with_the_run_that_another_has_just_made(
    store: PostgresStore, open_store: OpenAnother
) -> None:
    others = [open_store(pool_size=2) for _ in range(AT_ONCE)]
    runs = [new_run(f"run-{number}", concurrency_key="same", coalesce="queue") for number in range(AT_ONCE)]
    answers = await all_at_once(*(each.enqueue([run]) for each, run in zip(others, runs, strict=True)))
    enqueued = [item for answer in answers if isinstance(answer, list) for item in answer]
    assert Counter(item.disposition for item in enqueued) == {"created": 1, "coalesced": AT_ONCE - 1}


# ---------------------------------------------------------------- the order of events


class Writer:
    """A transaction that takes its time between its event and its commit."""

    def __init__(self, store: PostgresStore) -> None:
        self._connection = store._connect()
        store._configure(self._connection)
        self._connection.row_factory = dict_row
        self._session = PostgresSession(self._connection, store.clock, store._realm, is_pipelined=False)
        self._connection.execute("BEGIN")

    def insert_event(self, run_id: str) -> int:
        row = {"type": "run:cancel", "run_id": run_id, "job_name": "work", "labels": "{}", "data": "{}"}
        [number] = self._session.insert_events([row | {"created_at": 1}])()
        return number

    def end(self, how: str = "COMMIT") -> None:
        self._connection.execute(how.encode())
        self.close()

    def close(self) -> None:
        self._connection.close()


async def numbers(store: PostgresStore, after: int = 0) -> list[int]:
    found = await store.get_events(after=after, run_id=None, types=None, limit=100)
    return [event.sequence for event in found]


async def test_event_that_commits_late_is_not_passed_over(store: PostgresStore) -> None:
    early, late = Writer(store), Writer(store)
    assert (early.insert_event("early"), late.insert_event("late")) == (1, 2)
    late.end()
    # Who would go on behind it now would never see the first.
    assert (await numbers(store), await store.get_newest_event()) == ([], 0)
    assert await store.find_changed(after=0) == (0, None)
    early.end()
    assert (await numbers(store), await store.get_newest_event()) == ([1, 2], 2)
    assert await store.find_changed(after=0) == (2, {"early", "late"})


async def test_event_that_is_never_committed_holds_no_one_up(store: PostgresStore) -> None:
    undone, kept = Writer(store), Writer(store)
    undone.insert_event("undone")
    kept.insert_event("kept")
    undone.end("ROLLBACK")
    kept.end()
    assert (await numbers(store), await store.get_newest_event()) == ([2], 2)
    assert await numbers(store, after=1) == [2]


async def test_transactions_of_others_hold_no_event_up(store: PostgresStore) -> None:
    stranger = store._connect()
    stranger.execute("CREATE TABLE theirs (n INTEGER)")
    stranger.execute("BEGIN")
    stranger.execute("INSERT INTO theirs VALUES (1)")
    stranger.execute("SELECT pg_advisory_xact_lock_shared(1)")
    await store.enqueue([new_run("run-1")])
    assert await numbers(store) == [1]
    stranger.close()


async def test_schemas_of_one_database_know_nothing_of_each_other(open_store: OpenAnother) -> None:
    one, other = open_store(schema="one"), open_store(schema="other one")
    await one.migrate()
    await other.migrate()
    await one.enqueue([new_run("run-1")])
    waits = Writer(other)
    waits.insert_event("waits")
    assert (await numbers(one), await numbers(other)) == ([1], [])
    waits.end("ROLLBACK")
    assert await one.get_run("run-1") is not None
    assert await other.get_run("run-1") is None


async def test_all_who_migrate_at_once_find_it_done(open_store: OpenAnother) -> None:
    stores = [open_store(pool_size=1) for _ in range(AT_ONCE)]
    assert await all_at_once(*(each.migrate() for each in stores)) == [None] * AT_ONCE
    await stores[0].enqueue([new_run("run-1")])


async def test_end_that_comes_beside_an_earlier_event_is_told_to_subscribers(store: PostgresStore) -> None:
    engine = create_durably(database=store, jobs={"work": make_job(nothing)})
    await engine.init()
    run = await engine.jobs.work.trigger({})
    after = await engine.get_newest_event()
    early = Writer(store)
    early.insert_event("another")
    await within(engine.process_until_idle())
    assert (await engine.get_run(run.id) or run).status == "completed"

    async def heard() -> list[str]:
        return [event.type async for event in engine.subscribe(run.id, after=after)]

    subscriber = asyncio.create_task(heard())
    await asyncio.sleep(0.1)
    early.end()
    assert (await within(subscriber))[-1:] == ["run:complete"]
    await engine.stop()


async def test_subscriber_is_told_that_a_writer_stands_still(
    store: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sql_store, "SETTLED_WITHIN_S", 0.1)
    early = Writer(store)
    early.insert_event("another")
    with pytest.raises(StorageError, match="can't be told yet"):
        await within(store.get_run_and_newest_event("gone"))
    early.end()
    early.close()
    assert await within(store.get_run_and_newest_event("gone")) is None


async def test_row_of_ones_own_that_refers_to_a_run_does_not_hide_it(store: PostgresStore) -> None:
    await store.enqueue([new_run("run-1")])
    with psycopg.connect(store.url) as own:
        own.execute("CREATE TABLE orders (run_id text REFERENCES durably_runs (id) ON DELETE CASCADE)")
        own.commit()
        own.execute("INSERT INTO orders VALUES ('run-1')")
        assert await claim(store, request_for()) is not None


@pytest.mark.parametrize("how", ["COMMIT", "ROLLBACK", "never"])
async def test_who_waits_hears_of_an_end_that_another_process_wrote_beside_an_earlier_event(
    store: PostgresStore, open_store: OpenAnother, how: str
) -> None:
    jobs = {"work": make_job(nothing)}
    waits = create_durably(database=store, jobs=jobs, polling_interval_ms=3_600_000)
    executes = create_durably(database=open_store(), jobs=jobs, polling_interval_ms=3_600_000)
    await waits.init()
    run = await waits.jobs.work.trigger({})
    waiting = asyncio.create_task(waits.wait_for_run(run.id))
    early = Writer(store)
    early.insert_event("another")
    await within(executes.process_until_idle())
    if how != "never":
        early.end(how)
    assert (await within(waiting)).status == "completed"
    early.close()
