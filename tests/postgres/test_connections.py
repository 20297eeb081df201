"""Connections that break, servers that go away, and how processes hear of each other."""

import asyncio
import signal
import threading
import time
from collections.abc import AsyncIterator, Iterator

import psycopg
import pytest

from durably_core import Durably, StepContext, StorageError, create_durably
from durably_core.store.base import RunFilter
from durably_core.store.postgres import PostgresStore
from durably_core.store.postgres import store as store_module
from durably_core.store.postgres.clock import DatabaseClock
from tests.conftest import (
    PATIENCE_S,
    Heard,
    Numbers,
    claim,
    make_job,
    new_run,
    nothing,
    request_for,
    turns,
    within,
)
from tests.postgres.conftest import OpenAnother
from tests.postgres.server import Server, served

HOUR_MS = 3_600_000


def cut_all(url: str) -> None:
    """What a failing network does to all connections, seen from the server."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
        )


# ---------------------------------------------------------------- connections


async def test_calls_go_on_after_all_connections_are_cut(store: PostgresStore) -> None:
    await store.enqueue([new_run("run-1")])
    cut_all(store.url)
    assert (await store.enqueue([new_run("run-2")]))[0].disposition == "created"
    cut_all(store.url)
    assert await store.count_runs(RunFilter()) == {"pending": 2}


@pytest.fixture
def server() -> Iterator[Server]:
    with served({}) as server:
        yield server


@pytest.fixture
async def engine(server: Server) -> AsyncIterator[Durably]:
    async def body(step: StepContext, input: Numbers) -> None:
        for number in range(input.count):
            await step.run(f"step-{number}", lambda: "done")

    engine = create_durably(
        database=server.url, jobs={"work": make_job(body)}, polling_interval_ms=200, max_concurrent_runs=4
    )
    await engine.init()
    yield engine
    await engine.close()


async def test_work_goes_on_after_a_restart_under_load(engine: Durably, server: Server) -> None:
    loop = asyncio.get_running_loop()
    runs: list[str] = []
    is_over = False

    async def trigger_on() -> None:
        while not is_over:
            try:
                runs.append((await engine.jobs.work.trigger({"count": 3})).id)
            except StorageError:
                await asyncio.sleep(0.05)

    triggering = [asyncio.create_task(trigger_on()) for _ in range(3)]
    for how in (signal.SIGINT, signal.SIGQUIT):
        await asyncio.sleep(0.5)
        await loop.run_in_executor(None, server.stop, how)
        await asyncio.sleep(0.5)
        await loop.run_in_executor(None, server.start)
    await asyncio.sleep(0.5)
    is_over = True
    await asyncio.wait(triggering)
    assert len(runs) > 10
    for run_id in runs:
        run = await asyncio.wait_for(engine.wait_for_run(run_id), timeout=120)
        assert (run.status, run.completed_step_count) == ("completed", 3)


async def test_server_that_is_gone_is_told_in_words(
    engine: Durably, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    await engine.stop()
    monkeypatch.setattr(store_module, "PATIENCE_S", 0.2)
    server.stop()
    with pytest.raises(StorageError, match="PostgreSQL"):
        await engine.jobs.work.trigger({})
    server.start()
    monkeypatch.undo()
    assert (await engine.jobs.work.trigger({})).status == "pending"


async def test_database_without_tables_is_told_in_words(open_store: OpenAnother) -> None:
    with pytest.raises(StorageError, match=r"call init\(\) or migrate\(\) first"):
        await open_store().enqueue([new_run("run-1")])


# ---------------------------------------------------------------- signals


async def test_trigger_of_another_process_is_heard_at_once(
    store: PostgresStore, open_store: OpenAnother
) -> None:
    other = open_store()
    heard = asyncio.Event()
    stop = store.watch(heard.set)
    # Once when it listens: what came before was not signalled to it.
    await within(heard.wait())
    heard.clear()
    await other.enqueue([new_run("run-1")])
    await within(heard.wait())
    stop()


async def test_own_writes_are_no_news(store: PostgresStore, open_store: OpenAnother) -> None:
    heard = asyncio.Event()
    stop = store.watch(heard.set)
    await within(heard.wait())
    heard.clear()
    await store.enqueue([new_run("run-1")])
    # Signals come in order: another's, after its own.
    other_heard = asyncio.Event()
    other = open_store()
    stop_other = other.watch(other_heard.set)
    await within(other_heard.wait())
    assert not heard.is_set()
    stop()
    stop_other()


async def test_claim_that_found_nothing_is_no_news(store: PostgresStore, open_store: OpenAnother) -> None:
    """It would wake another worker, whose claim would wake this one, for ever."""
    other = open_store()
    with psycopg.connect(store.url, autocommit=True) as listener:
        listener.execute("LISTEN durably_public")
        assert await claim(other, request_for()) is None
        await other.close()  # once all that it wanted to tell is told
        await store.enqueue([new_run("run-1")])
        [first] = listener.notifies(timeout=PATIENCE_S, stop_after=1)
    assert first.payload == store._signals._own


async def test_signals_are_heard_after_the_listener_was_cut(
    store: PostgresStore, open_store: OpenAnother
) -> None:
    heard = asyncio.Event()
    stop = store.watch(heard.set)
    await within(heard.wait())
    heard.clear()
    cut_all(store.url)
    # It says so itself, once it listens again.
    await within(heard.wait())
    heard.clear()
    await open_store().enqueue([new_run("run-1")])
    await within(heard.wait())
    stop()


async def test_worker_begins_what_another_process_triggers(open_store: OpenAnother) -> None:
    jobs = {"work": make_job(nothing)}
    worker = create_durably(database=open_store(), jobs=jobs, polling_interval_ms=HOUR_MS)
    web = create_durably(database=open_store(), jobs=jobs, polling_interval_ms=HOUR_MS)
    await worker.init()
    await web.migrate()
    heard = asyncio.Event()
    stop = web.store.watch(heard.set)
    await within(heard.wait())
    run = await web.jobs.work.trigger({})
    assert (await within(web.wait_for_run(run.id))).status == "completed"
    stop()
    await worker.stop()


# ---------------------------------------------------------------- clocks


async def test_leases_go_by_the_clock_of_the_database(store: PostgresStore, open_store: OpenAnother) -> None:
    """Of two machines, one an hour ahead: it does not take the other's run for left behind."""
    ahead = open_store()
    assert isinstance(ahead.clock, DatabaseClock)
    ahead.clock._offset_s += HOUR_MS / 1000  # not asked yet
    await store.enqueue([new_run("run-1")])
    assert await claim(store, request_for(worker_id="here", lease_ms=30_000)) is not None
    assert await claim(ahead, request_for(worker_id="there", lease_ms=30_000)) is None
    assert abs(ahead.clock.now_ms() - time.time() * 1000) < 10_000


async def test_steps_that_keep_their_transactions_leave_room_for_the_rest(open_store: OpenAnother) -> None:
    may_end = threading.Event()

    async def body(step: StepContext, _input: Numbers) -> None:
        await step.transaction("long", lambda _transaction: may_end.wait(PATIENCE_S))

    engine = create_durably(
        database=open_store(pool_size=2), jobs={"work": make_job(body)}, max_concurrent_runs=3
    )
    heard = Heard(engine)
    await engine.init()
    engine.start()
    try:
        for _ in range(3):
            await within(engine.jobs.work.trigger({}))
        await heard.until("run:leased", 3)
        await turns()
        assert (await within(engine.jobs.work.trigger({}))).status == "pending"
    finally:
        may_end.set()
    await engine.stop()


async def test_calls_wait_for_a_connection_as_long_as_others_need_theirs(
    open_store: OpenAnother, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, may_end = threading.Event(), threading.Event()

    def long(_transaction: object) -> None:
        begun.set()
        may_end.wait(PATIENCE_S)

    async def body(step: StepContext, _input: Numbers) -> None:
        await step.transaction("long", long)

    engine = create_durably(database=open_store(pool_size=2), jobs={"work": make_job(body)})
    await engine.init()
    engine.start()
    run = await engine.jobs.work.trigger({})
    async with asyncio.timeout(PATIENCE_S):
        while not begun.is_set():
            await turns()
    monkeypatch.setattr(store_module, "PATIENCE_S", 0.1)
    slow = asyncio.create_task(engine.query("SELECT pg_sleep(0.5)"))
    await turns()
    assert (await within(engine.get_run(run.id)) or run).status == "leased"
    assert (await within(slow)).rows
    may_end.set()
    assert (await within(engine.wait_for_run(run.id))).status == "completed"
    await engine.stop()


async def test_last_signal_of_a_store_that_closes_is_sent(
    store: PostgresStore, open_store: OpenAnother
) -> None:
    heard: asyncio.Queue[None] = asyncio.Queue()
    stop = store.watch(lambda: heard.put_nowait(None))
    await within(heard.get())  # it listens
    other = open_store()
    await other.enqueue([new_run("run-1")])
    await other.enqueue([new_run("run-2")])
    await other.close()
    for _ in range(2):
        await within(heard.get())
    stop()
