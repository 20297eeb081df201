"""Code that does not want to stop, on a server: in threads, in transactions, on the loop."""

import asyncio
import contextlib
import functools
import random
import re
import socket
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest

from durably_core import (
    ConflictError,
    Durably,
    SQLiteStore,
    StepContext,
    StepTimeoutError,
    Transaction,
    define_job,
    stopping,
)
from durably_core.abort import Interrupted
from durably_core.blocking import Interruptible
from tests.conftest import Heard, MakeEngine, Numbers, Total, ended, make_job, run_to_end

# What is raised in the call of a finalizer is lost there, and told by Python. It is raised again.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

GRACE_S = 0.3
PATIENCE_S = 30
LONG_SQL = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"

Told = Callable[[], None]
Body = Callable[[StepContext, Told], Awaitable[Any]]


@pytest.fixture(autouse=True)
def short_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stopping, "GRACE_S", GRACE_S)  # and sets back what a test has changed
    monkeypatch.setattr(stopping, "AGAIN_S", 0.02)


@pytest.fixture(scope="module")
def table(request: pytest.FixtureRequest) -> Iterator[list[str]]:
    """What was measured, shown at the end."""
    lines: list[str] = []
    yield lines
    reporter = request.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None:
        reporter.write_line("\n\nfrom cancel to run:stop\n" + "\n".join(lines))


@pytest.fixture
def silent_server() -> Iterator[int]:
    """The port of a server that takes every connection and never says a word."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield server.getsockname()[1]


# ---------------------------------------------------------------------- the code


def step_that(function: Callable[[Told], Any]) -> Body:
    async def body(step: StepContext, told: Told) -> None:
        await step.run("hostile", functools.partial(function, told))

    return body


def spins(told: Told) -> None:
    told()
    while True:
        pass


def matches_a_huge_regex(told: Told) -> None:
    told()
    # Many of a few milliseconds: within one, no thread of the process gets its turn.
    while True:
        re.match(r"(a+)+$", "a" * 16 + "b")


def adds_up_a_lot(told: Told) -> None:
    told()
    while True:
        sum(range(10**5))


def sleeps(told: Told) -> None:
    told()
    time.sleep(GRACE_S * 4)


def swallows_with_a_bare_except(told: Told) -> None:
    told()
    number = 0
    while True:
        try:  # noqa: SIM105 - such code exists
            number += 1
        except:  # noqa: E722
            pass


def swallows_each_time(told: Told) -> None:
    told()
    for _ in range(5):
        with contextlib.suppress(asyncio.CancelledError, KeyboardInterrupt):
            while True:
                pass


def recurses(told: Told) -> None:
    told()

    def deeper() -> None:
        deeper()

    while True:
        with contextlib.suppress(RecursionError):
            deeper()


async def own_tables(engine: Durably) -> list[str]:
    """The tables that steps have made."""
    catalogue = "SELECT name FROM sqlite_master"
    if not isinstance(engine.store, SQLiteStore):
        catalogue = "SELECT relname FROM pg_class"
    found = await engine.query(catalogue)
    return [name for (name,) in found.rows if name in ("notes", "lost")]


async def runs_a_long_query(step: StepContext, told: Told) -> None:
    def query(transaction: Transaction) -> None:
        transaction.execute("CREATE TABLE notes (text TEXT)")
        told()
        transaction.execute(LONG_SQL).fetchall()

    await step.transaction("hostile", query)


async def spins_in_a_transaction(step: StepContext, told: Told) -> None:
    def spin(transaction: Transaction) -> None:
        transaction.execute("CREATE TABLE notes (text TEXT)")
        spins(told)

    await step.transaction("hostile", spin)


async def retries_a_long_query(step: StepContext, told: Told) -> None:
    def query(transaction: Transaction) -> None:
        told()
        for _ in range(5):
            with contextlib.suppress(Exception):
                transaction.execute(LONG_SQL).fetchall()

    await step.transaction("hostile", query)


async def awaits_what_never_comes(step: StepContext, told: Told) -> None:
    async def wait() -> None:
        told()
        await asyncio.Event().wait()

    await step.run("hostile", wait)


async def swallows_on_the_loop(step: StepContext, told: Told) -> None:
    async def wait() -> None:
        told()
        for _ in range(5):
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.Event().wait()

    await step.run("hostile", wait)


async def swallows_in_the_job(_step: StepContext, told: Told) -> None:
    told()
    for _ in range(5):
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.Event().wait()


async def leaves_the_step_behind(step: StepContext, told: Told) -> None:
    left = asyncio.ensure_future(step.run("hostile", spins, told))
    await asyncio.Event().wait()
    await left


@dataclass(frozen=True)
class Case:
    body: Body
    reported: bool | None = False
    """None: it may be."""
    where: str = "The step 'hostile'"
    keeps_the_database: bool = False
    """Nothing else can be written before it has stopped, the cancel neither."""


CASES = {
    "while True: pass": Case(step_that(spins)),
    "a huge regex, again and again": Case(step_that(matches_a_huge_regex)),
    "sum(range(...)), again and again": Case(step_that(adds_up_a_lot)),
    "time.sleep": Case(step_that(sleeps), reported=True),
    "a long SQL query": Case(runs_a_long_query, keeps_the_database=True),
    "while True: pass in a transaction": Case(spins_in_a_transaction, keeps_the_database=True),
    "a long SQL query, again and again": Case(retries_a_long_query, keeps_the_database=True),
    "a bare except: loop": Case(step_that(swallows_with_a_bare_except)),
    "a loop that swallows five times": Case(step_that(swallows_each_time)),
    "an await that never returns": Case(awaits_what_never_comes),
    "an async loop that swallows": Case(swallows_on_the_loop, reported=True),
    "a job that swallows": Case(swallows_in_the_job, reported=True, where="The job's own code"),
    "a step that its job left behind": Case(leaves_the_step_behind),
    "deep recursion": Case(step_that(recurses)),
}


class Scene:
    """A hostile run, one that waits for its concurrency key, and others that have nothing to do with it."""

    def __init__(self, make_engine: MakeEngine, body: Body) -> None:
        self._started = threading.Event()
        self.executes = False
        self._body = body
        self.engine: Durably = make_engine(
            make_job(self._hostile, name="hostile"),
            make_job(self._short, name="short"),
            max_concurrent_runs=2,
        )
        self.heard = Heard(self.engine)

    async def _hostile(self, step: StepContext, _input: Numbers) -> None:
        self.executes = True
        try:
            await self._body(step, self._started.set)
        finally:
            self.executes = False

    async def _short(self, step: StepContext, _input: Numbers) -> None:
        assert await step.run("add", lambda: sum(range(100))) == 4950

    async def begin(self) -> str:
        self.engine.start()
        run = await self.engine.jobs.hostile.trigger({}, concurrency_key="k")
        assert await asyncio.to_thread(self._started.wait, PATIENCE_S)
        return run.id

    async def run_another(self, **options: Any) -> str:
        run = await self.engine.jobs.short.trigger({}, **options)
        await patiently(self.engine.wait_for_run(run.id))
        return run.id


async def patiently(awaitable: Awaitable[Any]) -> Any:
    async with asyncio.timeout(PATIENCE_S):
        return await awaitable


async def expect_stopped(make_engine: MakeEngine, table: list[str], name: str, case: Case) -> None:
    if case.reported is False:
        stopping.GRACE_S = PATIENCE_S  # not within that, however busy the machine is
    scene = Scene(make_engine, case.body)
    run_id = await scene.begin()
    if not case.keeps_the_database:
        await scene.run_another()
    begun = time.monotonic()
    await patiently(scene.engine.cancel(run_id))
    follower = asyncio.create_task(scene.run_another(concurrency_key="k"))
    await scene.heard.until("run:stop")
    took_ms = (time.monotonic() - begun) * 1000
    assert not scene.executes
    follower_id = await patiently(follower)
    errors = scene.heard.of("worker:error")
    table.append(f"  {name:40} {took_ms:7.0f} ms{'  reported' if errors else ''}")

    assert (await ended(scene.engine, run_id)).status == "cancelled"
    assert (await scene.engine.get_steps(run_id), scene.heard.of("step:fail")) == ([], [])
    order = [(event.type, event.run_id) for event in scene.heard.events if event.type.startswith("run:")]
    assert order.index(("run:stop", run_id)) < order.index(("run:leased", follower_id))
    assert await own_tables(scene.engine) == []
    assert len(errors) in ((0, 1) if case.reported is None else (int(case.reported),))
    for error in errors:
        assert (error.code, error.run_id, error.context) == ("not_stopping", run_id, "stopping")
        assert error.error.startswith(f"{case.where} still runs")


@pytest.mark.parametrize("name", CASES)
async def test_hostile_code_is_stopped(make_engine: MakeEngine, table: list[str], name: str) -> None:
    await expect_stopped(make_engine, table, name, CASES[name])


async def test_fetch_on_the_loop_that_hangs_is_stopped(
    make_engine: MakeEngine, table: list[str], silent_server: int
) -> None:
    async def body(step: StepContext, told: Told) -> None:
        async def fetch() -> None:
            reader, writer = await asyncio.open_connection("127.0.0.1", silent_server)
            try:
                told()
                await reader.readline()
            finally:
                writer.close()

        await step.run("hostile", fetch)

    await expect_stopped(make_engine, table, "a fetch that hangs, asyncio", Case(body))


async def test_fetch_in_a_thread_that_hangs_is_stopped_when_it_returns(
    make_engine: MakeEngine, table: list[str], silent_server: int
) -> None:
    def fetch(told: Told) -> None:
        told()
        urllib.request.urlopen(f"http://127.0.0.1:{silent_server}/", timeout=GRACE_S * 4)

    # Unless it is caught on its way into the system's call.
    case = Case(step_that(fetch), reported=None)
    await expect_stopped(make_engine, table, "a fetch that hangs, urllib", case)


async def test_code_that_never_heeds_keeps_slot_and_key(make_engine: MakeEngine) -> None:
    released = threading.Event()

    def never_heeds(told: Told) -> None:
        told()
        released.wait(PATIENCE_S)  # C code: there is no bytecode before it returns

    scene = Scene(make_engine, step_that(never_heeds))
    run_id = await scene.begin()
    await patiently(scene.engine.cancel(run_id))
    follower = asyncio.create_task(scene.run_another(concurrency_key="k"))
    error = await scene.heard.until("worker:error")
    assert error.error == (
        "The step 'hostile' still runs 0.3 s after it was told to stop. The run's slot and concurrency key are "
        "free when it ends."
    )
    for _ in range(3):
        await scene.run_another()
    assert (scene.executes, follower.done(), scene.engine.executing) == (True, False, [run_id])
    assert (await ended(scene.engine, run_id)).lease_owner is not None
    released.set()
    await scene.heard.until("run:stop")
    await patiently(follower)
    assert len(scene.heard.of("worker:error")) == 1


async def test_code_that_tidies_up_is_left_alone(
    make_engine: MakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stopping, "GRACE_S", PATIENCE_S)
    tidied: list[int] = []

    @contextlib.contextmanager
    def tidying() -> Iterator[None]:
        try:
            yield
        finally:
            tidied.append(work_of(2_000_000))

    def tidies_up(told: Told) -> None:
        try:
            with tidying():
                spins(told)
        finally:
            tidied.append(work_of(2_000_000))

    scene = Scene(make_engine, step_that(tidies_up))
    await patiently(scene.engine.cancel(await scene.begin()))
    await scene.heard.until("run:stop")
    assert tidied == [1999999000000] * 2


async def test_run_that_times_out_is_stopped_like_one_that_is_cancelled(make_engine: MakeEngine) -> None:
    async def body(step: StepContext, _input: Numbers) -> None:
        await step.run("hostile", spins, lambda: None)

    limited = define_job(name="work", input=Numbers, run=body, timeout_ms=50)
    run = await run_to_end(make_engine(limited), limited)
    assert run.error is not None
    assert (run.status, run.error.type) == ("failed", "RunTimeoutError")


async def test_step_that_times_out_is_interrupted(make_engine: MakeEngine) -> None:
    async def body(step: StepContext, _input: Numbers) -> Total:
        for name, function in (("spin", spins), ("swallow", swallows_with_a_bare_except)):
            with pytest.raises(StepTimeoutError, match=f"'{name}' took longer than 20 ms"):
                await step.with_timeout(20).run(name, function, lambda: None)
        with pytest.raises(StepTimeoutError, match="'transaction' took longer than 20 ms"):
            await step.with_timeout(20).transaction("transaction", lambda _transaction: spins(lambda: None))
        return Total(total=await step.run("after", lambda: 1))

    engine = make_engine(job := make_job(body, output=Total))
    heard = Heard(engine)
    run = await run_to_end(engine, job)
    assert (run.status, run.output, heard.of("worker:error")) == ("completed", {"total": 1}, [])
    assert [(step.name, step.status) for step in await engine.get_steps(run.id)] == [
        ("spin", "failed"),
        ("swallow", "failed"),
        ("transaction", "failed"),
        ("after", "completed"),
    ]


async def test_step_that_ignores_its_timeout_is_reported(make_engine: MakeEngine) -> None:
    async def body(step: StepContext, _input: Numbers) -> None:
        await step.with_timeout(20).run("slow", time.sleep, GRACE_S * 2)

    engine = make_engine(job := make_job(body))
    heard = Heard(engine)
    run = await run_to_end(engine, job)
    assert (run.status, run.failed_step_name) == ("failed", "slow")
    [error] = heard.of("worker:error")
    assert (error.code, error.run_id) == ("not_stopping", run.id)
    assert error.error.startswith("The step 'slow' still runs 0.3 s after")


async def test_time_in_the_queue_for_the_database_does_not_count(make_engine: MakeEngine) -> None:
    held, released = threading.Event(), threading.Event()

    def hold(_transaction: Transaction) -> None:
        held.set()
        assert released.wait(PATIENCE_S)

    async def holding(step: StepContext, _input: Numbers) -> None:
        await step.transaction("hold", hold)

    async def body(step: StepContext, _input: Numbers) -> None:
        waiting = asyncio.ensure_future(step.with_timeout(1000).transaction("quick", lambda _transaction: 1))
        await asyncio.sleep(1.2)
        released.set()
        await waiting

    engine = make_engine(make_job(body), make_job(holding, name="holding"), max_concurrent_runs=2)
    engine.start()
    run = await engine.jobs.work.trigger({})
    await engine.jobs.holding.trigger({})
    assert await asyncio.to_thread(held.wait, PATIENCE_S)
    assert (await patiently(engine.wait_for_run(run.id))).status == "completed"


async def test_query_whose_caller_is_cancelled_is_ended(make_engine: MakeEngine) -> None:
    engine = make_engine()
    query = asyncio.create_task(engine.query(LONG_SQL, timeout_ms=3_600_000))
    await asyncio.sleep(0.05)
    query.cancel()
    with pytest.raises(asyncio.CancelledError):
        await patiently(query)
    assert (await patiently(engine.query("SELECT 1"))).rows == [(1,)]


async def test_query_has_stopped_when_its_caller_hears_of_it(make_engine: MakeEngine) -> None:
    engine = make_engine()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await engine.query(LONG_SQL, timeout_ms=3_600_000)
    begun = time.monotonic()
    await engine.get_runs()
    assert time.monotonic() - begun < PATIENCE_S


async def test_rolled_back_transaction_takes_no_more_statements(make_engine: MakeEngine) -> None:
    def swallow(transaction: Transaction) -> None:
        transaction.execute("CREATE TABLE notes (text TEXT)")
        with contextlib.suppress(Exception):
            # A write that is interrupted takes the whole transaction back.
            transaction.execute(f"INSERT INTO notes SELECT i FROM ({LONG_SQL.replace('count(*)', 'i')})")
        transaction.execute("CREATE TABLE lost (text TEXT)")

    async def body(step: StepContext, _input: Numbers) -> None:
        await step.with_timeout(50).transaction("swallow", swallow)

    engine = make_engine(job := make_job(body))
    run = await run_to_end(engine, job)
    assert (run.status, run.failed_step_name) == ("failed", "swallow")
    assert await own_tables(engine) == []


# ---------------------------------------------------------------------- the thread goes on to other work


def work_of(rounds: int) -> int:
    total = 0
    for number in range(rounds):
        total += number
    return total


@pytest.mark.parametrize("seed", range(4))
async def test_no_exception_strays_into_what_the_thread_does_next(seed: int) -> None:
    rng = random.Random(seed)
    loop = asyncio.get_running_loop()
    strays: list[BaseException] = []
    told = finished = rounds = 0

    def undisturbed() -> None:
        try:
            assert work_of(200) == 19900
        except BaseException as error:  # noqa: BLE001 - that is what is looked for
            strays.append(error)

    with ThreadPoolExecutor(1) as pool:
        while rounds < 1500 or min(told, finished) < 20:
            rounds += 1
            code = Interruptible(work_of)
            outcome = pool.submit(code, rng.randrange(2000))
            after = pool.submit(undisturbed)
            if rng.random() < 0.8:
                loop.call_later(rng.random() * 0.0004, code.interrupt)
            await asyncio.wait([asyncio.wrap_future(after)])
            error = outcome.exception()
            assert error is None or isinstance(error, Interrupted)
            told += error is not None
            finished += error is None
    assert strays == []


async def test_steps_are_not_hit_by_what_was_meant_for_others(
    make_engine: MakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    # That a thread of a busy machine is slow is no news here.
    monkeypatch.setattr(stopping, "GRACE_S", PATIENCE_S)
    rng = random.Random(5)

    async def body(step: StepContext, input: Numbers) -> Total:
        for number in range(5):
            assert await step.run(f"step-{number}", work_of, 2000) == 1999000
        return Total(total=input.count)

    async def cancel(run_id: str, after_s: float) -> None:
        await asyncio.sleep(after_s)
        with contextlib.suppress(ConflictError):  # it has ended, or was cancelled before
            await engine.cancel(run_id)

    def maybe_cancel(event: Any) -> None:
        if rng.random() < 0.1:
            cancels.append(asyncio.ensure_future(cancel(event.run_id, rng.random() * 0.001)))

    cancels: list[asyncio.Future[None]] = []
    engine = make_engine(make_job(body, output=Total), max_concurrent_runs=4)
    heard = Heard(engine)
    engine.on("step:start", maybe_cancel)
    engine.start()
    runs = await engine.jobs.work.batch_trigger([{"count": number} for number in range(300)])
    waits = [engine.wait_for_run(run.id) for run in runs]
    await patiently(asyncio.gather(*waits, return_exceptions=True))
    await patiently(asyncio.gather(*cancels))
    await patiently(engine.stop())
    statuses = Counter([(await ended(engine, run.id)).status for run in runs])
    assert set(statuses) == {"completed", "cancelled"}
    assert statuses["cancelled"] == len(heard.of("run:stop")) > 20
    assert (heard.of("worker:error"), heard.of("run:fail")) == ([], [])
