"""What watches an engine: it is told in order, and a fault of its own stops nothing."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

import pytest

from durably_core import Durably, StepContext, Store, ValidationError
from durably_core.events import Event
from durably_core.instrumentation import Attempt, Scope
from durably_core.models import Run
from durably_core.store.sqlite import SQLiteStore
from tests.conftest import (
    FakeClock,
    Heard,
    MakeEngine,
    Numbers,
    StoreProbe,
    make_job,
    nothing,
    run_to_end,
    turns,
    within,
)


class Watcher:
    """Notes what it is told."""

    def __init__(self, name: str = "") -> None:
        self.told: list[str] = []
        self.name = name

    def triggered(self, _run_id: str) -> None:
        self.told.append("triggered")

    @contextmanager
    def run(self, attempt: Attempt) -> Iterator[None]:
        self.told.append(f"{self.name}run begins")
        yield
        self.told.append(f"{self.name}run {attempt.outcome}")

    @contextmanager
    def step(self, _run: Run, name: str, index: int) -> Iterator[None]:
        self.told.append(f"{self.name}{name} {index} begins")
        yield
        self.told.append(f"{self.name}{name} ends")

    def heard(self, event: Event) -> None:
        self.told.append(event.type)


class Faulty:
    """Raises wherever it can."""

    def __init__(self, where: str) -> None:
        self.where = where

    def fail_in(self, place: str) -> None:
        if place == self.where:
            raise RuntimeError(f"no {place}")

    def triggered(self, _run_id: str) -> None:
        self.fail_in("trigger")

    def run(self, _attempt: Attempt) -> Scope:
        self.fail_in("call")
        return self.scope()

    def step(self, _run: Run, _name: str, _index: int) -> Scope:
        return self.scope()

    @contextmanager
    def scope(self) -> Iterator[None]:
        self.fail_in("entry")
        yield
        self.fail_in("exit")

    def heard(self, _event: Event) -> None:
        self.fail_in("event")


async def one_step(step: StepContext, _input: Numbers) -> None:
    await step.run("first", int)


working = make_job(one_step)


@pytest.fixture
async def store(clock: FakeClock) -> AsyncIterator[Store]:
    store = SQLiteStore(":memory:", clock=clock)
    await store.migrate()
    yield store
    await store.close()


@pytest.fixture
def engine(make_engine: MakeEngine) -> Durably:
    return make_engine(working)


async def test_watcher_is_told_in_order(engine: Durably) -> None:
    watcher = Watcher()
    engine.instrument(watcher)
    await run_to_end(engine, working)
    assert watcher.told == [
        "triggered",
        "run:trigger",
        "run:leased",
        "run begins",
        "first 0 begins",
        "step:start",
        "step:complete",
        "first ends",
        "run:complete",
        "run completed",
    ]


async def test_first_watcher_is_the_outermost(engine: Durably) -> None:
    outer, inner = Watcher("outer "), Watcher("inner ")
    inner.told = outer.told
    engine.instrument(outer)
    engine.instrument(inner)
    await run_to_end(engine, working)
    scopes = [told for told in outer.told if told.startswith(("outer", "inner"))]
    assert scopes == [
        "outer run begins",
        "inner run begins",
        "outer first 0 begins",
        "inner first 0 begins",
        "inner first ends",
        "outer first ends",
        "inner run completed",
        "outer run completed",
    ]


@pytest.mark.parametrize("where", ["trigger", "call", "entry", "exit", "event"])
async def test_faulty_watcher_stops_no_run(
    engine: Durably, caplog: pytest.LogCaptureFixture, where: str
) -> None:
    watcher = Watcher()
    engine.instrument(Faulty(where))
    engine.instrument(watcher)
    assert (await run_to_end(engine, working)).status == "completed"
    assert {"run begins", "first ends", "run completed"} <= set(watcher.told)
    assert {record.levelname for record in caplog.records} == {"ERROR"}
    assert f"no {where}" in caplog.text


async def test_watched_fault_is_logged_all_the_same(
    store: Store, make_engine: MakeEngine, caplog: pytest.LogCaptureFixture
) -> None:
    probe, watcher = StoreProbe(store), Watcher()
    engine = make_engine(working, store=probe.as_store)
    engine.instrument(watcher)
    probe.fail("purge_runs", "prune_events")
    await engine.maintain()
    assert watcher.told == ["worker:error"]
    assert "The disk is gone." in caplog.text


# ---------------------------------------------------------------------- what is done now and then


class Chore:
    def __init__(self) -> None:
        self.done = 0
        self.first = asyncio.Event()

    async def __call__(self) -> None:
        self.done += 1
        self.first.set()


async def test_chore_is_done_at_the_start_and_not_after_the_end(engine: Durably) -> None:
    chore = Chore()
    engine.every(1, "chore", chore)
    engine.start()
    await within(chore.first.wait())
    await engine.stop()
    done = chore.done
    await turns()
    assert chore.done == done


async def test_chore_of_a_started_engine_begins_at_once(engine: Durably) -> None:
    chore = Chore()
    engine.start()
    engine.every(3_600_000, "chore", chore)
    await within(chore.first.wait())
    assert chore.done == 1


async def test_maintain_does_the_chores(engine: Durably) -> None:
    chore = Chore()
    engine.every(3_600_000, "chore", chore)
    await engine.maintain()
    assert chore.done == 1


async def test_fault_of_a_chore_is_told(engine: Durably) -> None:
    async def chore() -> None:
        raise OSError("no")

    heard = Heard(engine)
    engine.every(3_600_000, "chore", chore)
    await engine.maintain()
    [fault] = heard.of("worker:error")
    assert (fault.context, fault.error) == ("chore", "OSError: no")


def test_chore_needs_a_sensible_interval(make_engine: MakeEngine) -> None:
    engine = make_engine(make_job(nothing))
    with pytest.raises(ValidationError, match="interval_ms"):
        engine.every(0, "chore", Chore())
