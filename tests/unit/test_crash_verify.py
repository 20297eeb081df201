"""The check that follows each kill of a page. Here the same jobs die without a browser.

Each fault must be found, whether it is planted in the engine, in the database or in what was told.
"""

import importlib.util
import json
import shutil
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from durably_core import Durably, create_durably, with_log_persistence
from durably_core.events import Event, to_wire
from durably_core.store.sqlite.database import Database
from durably_core.store.transitions import Transitions
from tests.crash import JOBS, PLANTS
from tests.crash.journal import FROM_BODY, FROM_PAGE, Journal
from tests.crash.plans import Trigger, plan
from tests.crash.verify import faults, interrupted

PATCHED = {Database: ("checkpoint", "write", "_open"), Transitions: ("enqueue", "save", "_claimed")}
KINDS = ("plain", "own", "large", "bulk", "plain")
NEVER = 10_000


class World:
    """Lives of an engine on one database, each with its own worker, heard by the same journal."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, plant: str = "jobs") -> None:
        self.journal = Journal()
        self.path = folder / "0.db"
        self._folder = folder
        self._monkeypatch = monkeypatch
        self._plant = plant
        self._round = 0
        self._words = 0
        self._dies_at = NEVER
        self._is_dead = False
        # What jobs and plants change in the engine is undone with the test.
        for cls, names in PATCHED.items():
            for name in names:
                monkeypatch.setattr(cls, name, vars(cls)[name])

    async def live(self, *triggers: Trigger, dies_at: int = NEVER) -> None:
        """One life, up to so many words of its bodies: what it does then is lost, and no one hears it."""
        self._round += 1
        self._words, self._dies_at, self._is_dead = 0, dies_at, False
        self.journal.begin_round(self._round, triggers)
        engine = self._engine(self._load("jobs") if self._plant == "jobs" else self._load_plant())
        await engine.init()
        await engine.stop()
        for trigger in triggers:
            self._hear_page("asked", key=trigger.key)
            run = await engine.jobs.work.trigger(trigger.for_page()["input"], idempotency_key=trigger.key)
            self._hear_page("acknowledged", key=trigger.key, runId=run.id, disposition="created")
        for _ in self.journal.planned:
            await engine.process_one()
        await engine.close()
        if self._is_dead:
            self.path = self._left()

    def _engine(self, module: ModuleType) -> Durably:
        engine = create_durably(
            database=str(self.path), jobs={"work": module.work}, exclusive=True, preserve_steps=True
        )
        engine.use(with_log_persistence())
        engine.on("*", self._hear_event)
        return engine

    def _load_plant(self) -> ModuleType:
        self._load("jobs")
        return self._load(self._plant)

    def _load(self, name: str) -> ModuleType:
        """The module of a new worker."""
        channel = SimpleNamespace(new=lambda _name: SimpleNamespace(postMessage=self._hear_body))
        self._monkeypatch.setitem(sys.modules, "js", SimpleNamespace(BroadcastChannel=channel))
        spec = importlib.util.spec_from_file_location(name, JOBS / f"{name}.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        self._monkeypatch.setitem(sys.modules, name, module)
        spec.loader.exec_module(module)
        return module

    # ---------------------------------------------------------------- what is heard

    def _hear_body(self, text: str) -> None:
        if not self._is_dead:
            self.journal.hear(FROM_BODY + text, self._round)
            self._words += 1
            if self._words == self._dies_at:
                self._die()

    def _hear_page(self, what: str, **told: Any) -> None:
        if not self._is_dead:
            self.journal.hear(FROM_PAGE + json.dumps({"what": what, **told}), self._round)

    def _hear_event(self, event: Event) -> None:
        self._hear_page("events", events=[to_wire(event, payload=False)])

    def _die(self) -> None:
        # A body speaks: nothing is being written but what its own step has not committed.
        self._is_dead = True
        for suffix in ("", "-wal"):
            shutil.copyfile(f"{self.path}{suffix}", f"{self._left()}{suffix}")

    def _left(self) -> Path:
        return self._folder / f"{self._round}.db"

    # ---------------------------------------------------------------- what is found

    def faults(self, *statements: str, ended: bool = False) -> list[str]:
        """Of what the last life left, after changes to it."""
        looked_at = self._folder / "looked-at.db"
        for suffix in ("", "-wal"):
            if Path(f"{self.path}{suffix}").exists():
                shutil.copyfile(f"{self.path}{suffix}", f"{looked_at}{suffix}")
        with closing(sqlite3.connect(looked_at, isolation_level=None)) as connection:
            for statement in statements:
                connection.execute(statement)
            return list(faults(self.journal, connection, ended=ended))


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    return World(tmp_path, monkeypatch)


def triggers(count: int = 2) -> list[Trigger]:
    return [Trigger(key=f"run {number}", kinds=KINDS) for number in range(count)]


async def two_lives(world: World) -> None:
    """The first ends while the second step of the first run says that it begins."""
    await world.live(*triggers(), dies_at=3)
    assert world.faults() == []
    await world.live()


@pytest.mark.parametrize("dies_at", range(1, 2 * 2 * len(KINDS) + 1))
async def test_run_that_is_killed_at_any_word_passes(world: World, dies_at: int) -> None:
    await world.live(*triggers(), dies_at=dies_at)
    assert world.faults() == []
    await world.live()
    assert world.faults(ended=True) == []
    assert interrupted(world.journal) == 1


# What is not synced is lost with a worker's memory, and there is none here.
@pytest.mark.parametrize("plant", sorted({*PLANTS} - {"unsynced"}))
async def test_planted_fault_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, plant: str) -> None:
    world = World(tmp_path, monkeypatch, plant)
    await world.live(*triggers(9), dies_at=4 * len(KINDS))
    await world.live()
    assert world.faults()


@pytest.mark.parametrize(
    ("statement", "fault"),
    [
        ("DELETE FROM durably_runs WHERE id = (SELECT min(id) FROM durably_runs)", "which is not there"),
        ("UPDATE durably_payloads SET input = json_set(input, '$.key', 'run 1')", "which is that of another"),
        ("UPDATE durably_payloads SET input = json_set(input, '$.kinds[0]', 'slow')", "no one has sent"),
        ("UPDATE durably_payloads SET output = '{}'", "returned {}"),
        ("DELETE FROM durably_events WHERE type = 'run:trigger'", "is not in the log"),
        ("DELETE FROM durably_events WHERE type = 'run:leased' AND data ->> 'attempt' = 2", "knows nothing"),
        ("DELETE FROM durably_steps WHERE name = 'plain-0'", "was told to be finished and has no checkpoint"),
        ("DELETE FROM durably_steps WHERE name = 'plain-4'", "is completed without plain-4"),
        ("UPDATE durably_steps SET output = json_set(output, '$.attempt', 2)", "and again in 2"),
        ("UPDATE durably_steps SET output = json_set(output, '$.number', 7)", "the checkpoint of"),
        ("UPDATE durably_steps SET output = json_set(output, '$.padding', 'x')", "the checkpoint of"),
        (
            "UPDATE durably_runs SET status = 'pending', completed_at = NULL",
            "was told to be completed and is pending",
        ),
        ("DELETE FROM owned", "own rows and finished steps differ"),
    ],
)
async def test_damage_is_found(world: World, statement: str, fault: str) -> None:
    await two_lives(world)
    assert any(fault in found for found in world.faults(statement, ended=True))


async def test_lost_database_is_found(world: World) -> None:
    await two_lives(world)
    with closing(sqlite3.connect(":memory:")) as empty:
        assert list(faults(world.journal, empty)) == [
            "something was acknowledged, and the database has no tables"
        ]


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"attempt": 1}, "began twice in attempt 1"),
        ({"attempt": 2}, "and began again in attempt 2"),
        ({"attempt": 2, "round": 3}, "was told to be finished in round 1, and began again in round 3"),
        ({"attempt": 2, "round": 3}, "was told to be completed in round 2, and executed plain-0 in round 3"),
        ({"attempt": 3}, "of which the log knows nothing"),
        ({"life": "another"}, "two workers have executed attempt 1"),
    ],
)
async def test_body_that_must_not_begin_is_found(world: World, change: dict[str, Any], fault: str) -> None:
    await two_lives(world)
    first = next(body for body in world.journal.begun() if body.step == "plain-0")
    told = {
        "what": "begin",
        "run": first.run_id,
        "step": first.step,
        "attempt": 1,
        "life": first.life,
        "number": 1000,
    }
    world.journal.hear(FROM_BODY + json.dumps(told | change), change.get("round", 2))
    assert any(fault in found for found in world.faults(ended=True))


@pytest.mark.parametrize(
    "told",
    [
        {"what": "refused", "key": "run 0", "message": "no"},
        {"what": "status", "phase": "ready", "state": "failed", "error": {"code": "worker"}, "epoch": 1},
        {"what": "status", "phase": "lock", "state": "starting", "error": None, "epoch": 2},
        {"what": "events", "events": [{"type": "worker:error", "sequence": 0}]},
        {"what": "events", "events": [{"type": "run:fail", "sequence": 5}]},
        {"what": "acknowledged", "key": "run 0", "runId": "another", "disposition": "idempotent"},
    ],
    ids=lambda told: str(told["what"]),
)
async def test_what_must_not_be_told_is_a_fault(world: World, told: dict[str, Any]) -> None:
    await two_lives(world)
    assert world.faults(ended=True) == []
    world.journal.hear(FROM_PAGE + json.dumps(told), 2)
    assert world.faults(ended=True)


async def test_trigger_without_an_answer_is_asked_again_and_must_have_one_in_the_end(world: World) -> None:
    await two_lives(world)
    late = Trigger(key="late", kinds=())
    world.journal.begin_round(3, [late])
    world.journal.hear(FROM_PAGE + json.dumps({"what": "asked", "key": "late"}), 3)
    assert world.journal.unanswered() == [late]
    assert world.faults() == []
    assert world.faults(ended=True) == ["the trigger late has no answer"]


async def test_run_that_has_not_ended_is_a_fault_at_the_end_only(world: World) -> None:
    await world.live(*triggers(), dies_at=3)
    assert world.faults() == []
    assert all("has not ended" in fault for fault in world.faults(ended=True))
    assert len(world.faults(ended=True)) == 2


def test_same_seed_plans_the_same_round() -> None:
    assert plan(3, 5) == plan(3, 5)
    assert plan(3, 5) != plan(4, 5)
    assert {plan(3, number).moment.aim for number in range(100)} >= {"boot", "any", "checkpoint"}
