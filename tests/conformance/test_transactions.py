"""A step's own writes and its checkpoint are one transaction; queries only read."""

import asyncio
from typing import Any

import pytest

from durably_core import Durably, SQLiteStore, StepContext, Transaction, ValidationError
from durably_core.store.sqlite.guests import SQLiteTransaction
from tests.conftest import (
    FakeClock,
    Heard,
    MakeEngine,
    Numbers,
    StoreProbe,
    die,
    ended,
    make_job,
    nothing,
    run_to_end,
    within,
)


def create(transaction: Transaction) -> None:
    transaction.execute("CREATE TABLE IF NOT EXISTS notes (n INTEGER PRIMARY KEY, text TEXT)")


def add(transaction: Transaction, text: str) -> int:
    place = "?" if isinstance(transaction, SQLiteTransaction) else "%s"
    sql = f"INSERT INTO notes SELECT coalesce(max(n), 0) + 1, {place} FROM notes RETURNING n"
    return int(transaction.execute(sql, (text,)).fetchone()[0])


IN_POSTGRES = {
    "PRAGMA journal_mode = DELETE": "SET search_path TO nowhere",
    "ATTACH ':memory:' AS other": "/* 1; */ DISCARD ALL",
}
"""What is as bad there as some of SQLite's statements are here."""


async def notes(engine: Durably) -> list[str]:
    found = await engine.query("SELECT text FROM notes ORDER BY n")
    return [text for (text,) in found.rows]


async def test_step_writes_to_tables_of_its_own(make_engine: MakeEngine) -> None:
    async def body(step: StepContext, _input: Numbers) -> None:
        await step.transaction("create", create)
        assert await step.transaction("one", add, "first") == 1
        assert await step.transaction("two", add, text="second") == 2

    engine = make_engine(job := make_job(body))
    heard = Heard(engine)
    run = await run_to_end(engine, job)
    assert (run.status, run.completed_step_count, await notes(engine)) == ("completed", 3, ["first", "second"])
    assert [event.output for event in heard.of("step:complete")] == [None, 1, 2]


async def test_finished_transaction_is_not_repeated(make_engine: MakeEngine, clock: FakeClock) -> None:
    reached, seen = asyncio.Event(), []

    async def body(step: StepContext, _input: Numbers) -> None:
        await step.transaction("create", create)
        seen.append(await step.transaction("add", add, "once"))
        if step.attempt == 1:
            reached.set()
            await asyncio.Event().wait()

    engine = make_engine(make_job(body), lease_ms=1000, lease_renew_interval_ms=500)
    run = await engine.jobs.work.trigger({})
    executing = asyncio.create_task(engine.process_one())
    await within(reached.wait())
    await die(executing)
    clock.advance(1000)
    await within(engine.process_until_idle())
    assert ((await ended(engine, run.id)).status, await notes(engine), seen) == ("completed", ["once"], [1, 1])


async def test_raising_function_leaves_nothing_behind(make_engine: MakeEngine) -> None:
    def fail(transaction: Transaction) -> None:
        add(transaction, "half")
        raise RuntimeError("no")

    async def body(step: StepContext, _input: Numbers) -> None:
        await step.transaction("create", create)
        step.log.info("before")
        await step.transaction("fail", fail)

    engine = make_engine(job := make_job(body))
    run = await run_to_end(engine, job)
    assert (run.status, run.failed_step_name, await notes(engine)) == ("failed", "fail", [])
    assert [log.message for log in await engine.get_logs(run.id)] == ["before"]
    assert [event.type for event in await engine.get_events(run_id=run.id)][-4:] == [
        "log:write",
        "step:start",
        "step:fail",
        "run:fail",
    ]


async def test_unstorable_result_leaves_nothing_behind(make_engine: MakeEngine) -> None:
    def odd(transaction: Transaction) -> Any:
        add(transaction, "half")
        return object()

    async def body(step: StepContext, _input: Numbers) -> None:
        await step.transaction("create", create)
        await step.transaction("odd", odd)

    run = await run_to_end(engine := make_engine(job := make_job(body)), job)
    assert (run.status, run.error and run.error.type) == ("failed", "ValidationError")
    assert await notes(engine) == []


async def test_wrong_sql_fails_the_step_and_not_the_storage(make_engine: MakeEngine) -> None:
    async def body(step: StepContext, _input: Numbers) -> None:
        await step.transaction("wrong", lambda transaction: transaction.execute("SELECT nothing FROM nowhere"))

    engine = make_engine(job := make_job(body))
    heard = Heard(engine)
    run = await run_to_end(engine, job)
    assert (run.status, run.error and run.error.type) in [
        ("failed", "OperationalError"),  # SQLite's
        ("failed", "UndefinedTable"),
    ]
    assert heard.of("worker:error") == []


@pytest.mark.parametrize(
    "sql",
    [
        "COMMIT",
        "ROLLBACK",
        "SAVEPOINT s",
        "PRAGMA journal_mode = DELETE",
        "ATTACH ':memory:' AS other",
        "UPDATE durably_runs SET status = 'failed'",
        "INSERT INTO Durably_Events VALUES (9, 'x', 'x', 'x', '{}', '{}', 0)",
        "DELETE FROM durably_steps",
        "DROP TABLE durably_logs",
    ],
)
async def test_engine_is_safe_from_transactions(make_engine: MakeEngine, sql: str) -> None:
    engine = make_engine()
    if not isinstance(engine.store, SQLiteStore):
        sql = IN_POSTGRES.get(sql, sql)

    async def body(step: StepContext, _input: Numbers) -> None:
        await step.transaction("evil", lambda transaction: transaction.execute(sql) and None)

    engine = make_engine(job := make_job(body))
    run = await run_to_end(engine, job)
    assert run.error is not None
    assert "SQL may work on tables of your own" in run.error.message
    assert (await run_to_end(engine, job)).status == "failed"


async def test_kept_transaction_is_of_no_use(make_engine: MakeEngine) -> None:
    kept: list[Transaction] = []

    async def body(step: StepContext, _input: Numbers) -> None:
        await step.transaction("keep", lambda transaction: kept.append(transaction))
        with pytest.raises(ValidationError, match="has ended"):
            kept[0].execute("SELECT 1")

    assert (await run_to_end(make_engine(job := make_job(body)), job)).status == "completed"


async def test_async_function_is_refused(make_engine: MakeEngine) -> None:
    async def waiting(_transaction: Transaction) -> None: ...

    async def body(step: StepContext, _input: Numbers) -> None:
        _ = await step.transaction("wait", waiting)

    run = await run_to_end(make_engine(job := make_job(body)), job)
    assert run.error is not None
    assert "needs a plain function" in run.error.message


async def test_cancelled_run_writes_nothing_of_its_own(make_engine: MakeEngine) -> None:
    async def body(step: StepContext, _input: Numbers) -> None:
        await step.transaction("create", create)
        await other.cancel(step.run_id)
        await step.transaction("late", add, "late")

    engine, other = make_engine(job := make_job(body)), make_engine(make_job(nothing))
    run = await run_to_end(engine, job)
    assert (run.status, await notes(engine)) == ("cancelled", [])


async def test_refused_commit_leaves_nothing_and_resumes(make_engine: MakeEngine, probe: StoreProbe) -> None:
    async def body(step: StepContext, _input: Numbers) -> None:
        await step.transaction("create", create)
        if step.attempt == 1:
            probe.fail("run_transaction")
        await step.transaction("add", add, "once")

    engine = make_engine(make_job(body), store=probe.as_store)
    run = await engine.jobs.work.trigger({})
    await within(engine.process_one())
    assert await notes(engine) == []
    probe.heal()
    await within(engine.process_until_idle())
    assert ((await ended(engine, run.id)).status, await notes(engine)) == ("completed", ["once"])


async def test_log_lines_of_a_transaction_name_its_step(make_engine: MakeEngine) -> None:
    async def body(step: StepContext, _input: Numbers) -> None:
        await step.transaction("tell", lambda _transaction: step.log.info("inside"))

    engine = make_engine(job := make_job(body))
    run = await run_to_end(engine, job)
    assert [(log.step_name, log.message) for log in await engine.get_logs(run.id)] == [("tell", "inside")]


# ---------------------------------------------------------------------- queries


async def test_query_answers_with_columns_and_rows(make_engine: MakeEngine) -> None:
    engine = make_engine(job := make_job(nothing))
    run = await run_to_end(engine, job)
    place = ":id" if isinstance(engine.store, SQLiteStore) else "%(id)s"
    found = await engine.query(f"SELECT id, status FROM durably_runs WHERE id = {place}", {"id": run.id})
    assert (found.columns, found.rows, found.truncated) == (["id", "status"], [(run.id, "completed")], False)


async def test_query_says_when_there_is_more(make_engine: MakeEngine) -> None:
    found = await make_engine().query("SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3", limit=2)
    assert (len(found.rows), found.truncated) == (2, True)


@pytest.mark.parametrize(
    ("sql", "sentence"),
    [
        ("DELETE FROM durably_runs", "may only read"),
        ("CREATE TABLE x (y)", "may only read"),
        ("PRAGMA journal_mode = DELETE", "may only read"),
        ("COMMIT", "may only read"),
        ("SELECT * FROM nowhere", 'no such table: nowhere|relation "nowhere" does not exist'),
        ("SELECT 1; SELECT 2", "one statement|may only read"),
        ("SELECT 1; COMMIT; DELETE FROM durably_runs", "one statement|may only read"),
        ("", "A query is a text"),
    ],
)
async def test_query_that_is_none_is_refused(make_engine: MakeEngine, sql: str, sentence: str) -> None:
    engine = make_engine(make_job(nothing))
    await engine.jobs.work.trigger({})
    with pytest.raises(ValidationError, match=sentence):
        await engine.query(sql)
    assert (await engine.count_runs())["pending"] == 1
    assert await engine.process_one()


async def test_query_that_never_ends_is_ended(make_engine: MakeEngine) -> None:
    endless = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n"
    with pytest.raises(ValidationError, match="took longer than 20 ms"):
        await make_engine().query(endless, timeout_ms=20)
