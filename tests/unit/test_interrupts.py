"""Code that never waits is interrupted in the middle, as in the browser: one thread for all, and a signal.

The signal of a timer stands for what a page does to its worker.
"""

import asyncio
import contextlib
import random
import re
import signal
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from durably_core import (
    Durably,
    SQLiteStore,
    StepContext,
    StepTimeoutError,
    Transaction,
    WorkerStoppedError,
    create_durably,
    define_job,
)
from durably_core.interrupts import executing
from tests.conftest import Heard, Numbers, Total, ended, make_job, run_to_end

# What is raised in the call of a finalizer is lost there, and told by Python. It is raised again.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

EVERY_S = 0.01
LONG_SQL = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"


class Interrupter:
    """What the page's worker installs. Some runs it gives back, so many times."""

    def __init__(self) -> None:
        self.gives_back: dict[str, int] = {}
        self.raised: list[str] = []
        self.engine = 0

    def __call__(self, _number: int, frame: FrameType | None) -> None:
        execution = executing(frame)
        if execution is None:
            self.engine += 1
            return
        if self.gives_back.get(execution.run.id):
            self.gives_back[execution.run.id] -= 1
            execution.stop(WorkerStoppedError())
        reason = execution.reason_to_stop(asyncio.get_running_loop().time())
        if reason is not None:
            self.raised.append(execution.run.id)
            raise reason


@pytest.fixture
def interrupter(monkeypatch: pytest.MonkeyPatch) -> Iterator[Interrupter]:
    monkeypatch.setattr("durably_core.blocking.HAS_THREADS", False)
    monkeypatch.setattr("durably_core.execution.HAS_THREADS", False)
    interrupter = Interrupter()
    before = signal.signal(signal.SIGALRM, interrupter)
    signal.setitimer(signal.ITIMER_REAL, EVERY_S, EVERY_S)
    yield interrupter
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


def engine_of(*jobs: Any, path: str = ":memory:", **options: Any) -> Durably:
    store = SQLiteStore(path, exclusive=True)
    return create_durably(
        database=store,
        jobs={job.name: job for job in jobs},
        exclusive=True,
        polling_interval_ms=3_600_000,
        preserve_steps=True,
        **options,
    )


def spins() -> None:
    while True:
        pass


async def spins_on_the_loop() -> None:
    spins()


def matches_a_huge_regex() -> None:
    re.match(r"(a+)+$", "a" * 40 + "b")


def recurses() -> None:
    def deeper() -> None:
        deeper()

    while True:
        with contextlib.suppress(RecursionError):
            deeper()


def swallows() -> None:
    number = 0
    while True:
        try:  # noqa: SIM105 - such code exists
            number += 1
        except:  # noqa: E722
            pass


def swallows_five_times() -> None:
    for _ in range(5):
        with contextlib.suppress(asyncio.CancelledError):
            spins()


HOSTILE = [spins, spins_on_the_loop, matches_a_huge_regex, recurses, swallows, swallows_five_times]
each_function = pytest.mark.parametrize("function", HOSTILE, ids=lambda function: function.__name__)


@each_function
async def test_step_that_never_waits_times_out(interrupter: Interrupter, function: Callable[[], Any]) -> None:
    async def body(step: StepContext, _input: Numbers) -> Total:
        with pytest.raises(StepTimeoutError, match="'hostile' took longer than 50 ms"):
            await step.with_timeout(50).run("hostile", function)
        return Total(total=await step.run("after", lambda: 1))

    engine = engine_of(job := make_job(body, output=Total))
    await engine.migrate()
    run = await run_to_end(engine, job)
    assert (run.status, run.output) == ("completed", {"total": 1})
    steps = await engine.get_steps(run.id)
    assert [(step.name, step.status) for step in steps] == [("hostile", "failed"), ("after", "completed")]
    await engine.close()


@each_function
async def test_run_whose_step_never_waits_times_out(
    interrupter: Interrupter, function: Callable[[], Any]
) -> None:
    async def body(step: StepContext, _input: Numbers) -> None:
        await step.run("hostile", function)

    engine = engine_of(job := define_job(name="work", input=Numbers, run=body, timeout_ms=50))
    await engine.migrate()
    run = await run_to_end(engine, job)
    assert run.error is not None
    assert (run.status, run.error.type, await engine.get_steps(run.id)) == ("failed", "RunTimeoutError", [])
    await engine.close()


async def test_body_that_never_waits_times_out(interrupter: Interrupter) -> None:
    async def body(_step: StepContext, _input: Numbers) -> None:
        spins()

    engine = engine_of(job := define_job(name="work", input=Numbers, run=body, timeout_ms=50))
    await engine.migrate()
    run = await run_to_end(engine, job)
    assert run.error is not None
    assert (run.status, run.error.type) == ("failed", "RunTimeoutError")
    await engine.close()


async def test_task_of_the_body_that_never_waits_times_out(interrupter: Interrupter) -> None:
    async def body(_step: StepContext, _input: Numbers) -> None:
        await asyncio.gather(spins_on_the_loop(), asyncio.sleep(3600))

    engine = engine_of(job := define_job(name="work", input=Numbers, run=body, timeout_ms=50))
    await engine.migrate()
    run = await run_to_end(engine, job)
    assert run.error is not None
    assert (run.status, run.error.type) == ("failed", "RunTimeoutError")
    await engine.close()


def queries(transaction: Transaction) -> None:
    transaction.execute(LONG_SQL).fetchall()


def spins_with_it(_transaction: Transaction) -> None:
    spins()


def swallows_with_it(transaction: Transaction) -> None:
    with contextlib.suppress(sqlite3.OperationalError):
        transaction.execute(f"INSERT INTO notes SELECT i FROM ({LONG_SQL.replace('count(*)', 'i')})")
    transaction.execute("CREATE TABLE lost (text)")


@pytest.mark.parametrize("function", [queries, spins_with_it, swallows_with_it])
@pytest.mark.parametrize("whose", ["step", "run"])
async def test_transaction_is_rolled_back(
    interrupter: Interrupter, function: Callable[[Transaction], None], whose: str
) -> None:
    def work(transaction: Transaction) -> None:
        transaction.execute("CREATE TABLE notes (text)")
        function(transaction)

    async def body(step: StepContext, _input: Numbers) -> None:
        limited = step.with_timeout(50) if whose == "step" else step
        await limited.transaction("hostile", work)

    timeout_ms = 50 if whose == "run" else None
    engine = engine_of(job := define_job(name="work", input=Numbers, run=body, timeout_ms=timeout_ms))
    await engine.migrate()
    run = await run_to_end(engine, job)
    assert run.error is not None
    assert (run.status, run.error.type) == ("failed", f"{whose.title()}TimeoutError")
    found = await engine.query("SELECT name FROM sqlite_master WHERE name IN ('notes', 'lost')")
    assert found.rows == []
    await engine.close()


async def test_engine_is_never_interrupted(interrupter: Interrupter, tmp_path: Path) -> None:
    """Signals at a high rate, many of which raise: that hits jobs' code only, and what is stored is sound."""
    rng = random.Random(3)

    def compute(rounds: int) -> int:
        total = 0
        for _ in range(rounds):
            total += 1
        return total

    def count(transaction: Transaction) -> int:
        transaction.execute("INSERT INTO counted VALUES (1)")
        return compute(200)

    async def body(step: StepContext, input: Numbers) -> Total:
        total = 0
        for number in range(4):
            total += await step.run(f"step-{number}", compute, input.count)
            step.progress(number)
            step.log.info("so far")
            total += await step.transaction(f"transaction-{number}", count)
        return Total(total=total)

    job = make_job(body, output=Total)
    engine = engine_of(job, path=str(tmp_path / "durably.db"))
    await engine.migrate()
    await engine.close()
    with contextlib.closing(sqlite3.connect(tmp_path / "durably.db")) as connection:
        connection.execute("CREATE TABLE counted (one)")
    engine = engine_of(job, path=str(tmp_path / "durably.db"), max_concurrent_runs=2)
    heard = Heard(engine)
    inputs = [{"count": rng.randrange(2000)} for _ in range(60)]
    handles = await engine.jobs.work.batch_trigger(inputs)
    interrupter.gives_back = {run.id: rng.randrange(4) for run in handles}
    signal.setitimer(signal.ITIMER_REAL, 0.0003, 0.0003)
    engine.start()
    async with asyncio.timeout(60):
        await asyncio.gather(*(engine.wait_for_run(run.id) for run in handles))
    signal.setitimer(signal.ITIMER_REAL, 0)
    for run, input in zip(handles, inputs, strict=True):
        found = await ended(engine, run.id)
        assert (found.output, found.completed_step_count) == ({"total": 4 * (input["count"] + 200)}, 8)
    counted = await engine.query("SELECT count(*) FROM counted")
    assert counted.rows == [(len(handles) * 4,)]
    assert (heard.of("worker:error"), heard.of("step:fail")) == ([], [])
    assert len(interrupter.raised) >= len(heard.of("run:requeue")) > 10
    assert interrupter.engine > 100
    await engine.close()
    with contextlib.closing(sqlite3.connect(tmp_path / "durably.db")) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
