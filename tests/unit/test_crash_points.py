"""Die at every commit, reopen, finish: each finished step's body has run exactly once."""

import asyncio
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from durably_core import SQLiteStore, StepContext, create_durably
from durably_core.models import Run
from tests.conftest import FakeClock, Numbers, Total, make_job, within
from tests.unit import crash_workload

STEPS = 4
COMMITS = 2 + STEPS + 1  # trigger, claim, one per step, and the end; the clean-up rides with it


class PowerCut(BaseException):
    """Nothing of the process is left."""


class Counting:
    """A connection that fails for ever, from before or after its n-th commit on."""

    def __init__(
        self, connection: Any, commit: int, when: str, on_death: Callable[[], object] = lambda: None
    ) -> None:
        self._connection = connection
        self._commit, self._when = commit, when
        self._on_death = on_death
        self.commits = 0
        self.dead = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def execute(self, statement: str, *args: Any) -> Any:
        if self.dead:
            raise PowerCut
        self.commits += statement == "COMMIT"
        last = statement == "COMMIT" and self.commits == self._commit
        if last and self._when == "before":
            self._cut()
        result = self._connection.execute(statement, *args)
        if last:
            self._cut()
        return result

    def _cut(self) -> None:
        self.dead = True
        self._on_death()
        raise PowerCut


class World:
    """A database file, and what the steps did to the outside."""

    def __init__(self, path: Path, clock: FakeClock) -> None:
        self.path, self.clock = path, clock
        self.calls: Counter[str] = Counter()
        self.finished: set[str] = set()

    async def body(self, step: StepContext, _input: Numbers) -> Total:
        total = 0
        for number in range(STEPS):
            name = f"step-{number}"
            total += await step.run(name, self.work, name)
            self.finished.add(name)
        return Total(total=total)

    async def work(self, name: str) -> int:
        self.calls[name] += 1
        return len(name)

    async def live(self, commit: int = 0, when: str = "before") -> tuple[list[Run], int]:
        """One life of an engine, up to its death or to the end of all work."""
        store = SQLiteStore(str(self.path), exclusive=True, clock=self.clock)
        jobs = {"work": make_job(self.body, output=Total)}
        engine = create_durably(database=store, jobs=jobs, exclusive=True, clock=self.clock)
        await engine.migrate()
        connection = store._database.connection
        assert connection is not None
        counting = Counting(connection, commit, when)
        store._database.connection = counting  # type: ignore[assignment]
        try:
            await engine.jobs.work.trigger({}, idempotency_key="once")
            await within(engine.process_until_idle())
            return await engine.get_runs(), counting.commits
        except PowerCut:
            return [], counting.commits
        finally:
            # What the operating system does when a process dies: the open transaction is gone.
            store._database.connection = connection
            await store.close()


@pytest.fixture
def world(tmp_path: Path, clock: FakeClock) -> World:
    return World(tmp_path / "durably.db", clock)


async def test_workload_has_the_expected_commits(world: World) -> None:
    runs, commits = await world.live()
    assert [run.output for run in runs] == [{"total": 4 * 6}]
    assert commits == COMMITS + 4  # a claim that finds nothing, and three parts of the maintenance then


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("commit", range(1, COMMITS + 1))
async def test_death_at_any_commit_repeats_no_step(world: World, commit: int, when: str) -> None:
    await world.live(commit, when)
    finished_before = set(world.finished)
    [run], _ = await world.live()
    assert (run.status, run.output, run.completed_step_count) == ("completed", {"total": 24}, STEPS)
    assert all(world.calls[name] == 1 for name in finished_before)
    # Only the step whose checkpoint was cut off may have run twice.
    assert sum(world.calls.values()) - STEPS <= (when == "before")


@pytest.mark.parametrize("first", range(2, COMMITS + 1))
async def test_death_after_death_repeats_no_step(world: World, first: int) -> None:
    await world.live(first, "after")
    for _ in range(STEPS):
        await world.live(2, "after")  # a claim or a step further each time
    [run], _ = await world.live()
    assert (run.status, run.output) == ("completed", {"total": 24})
    assert set(world.calls.values()) == {1}


async def test_death_in_a_batch_of_lives_ends_once(world: World) -> None:
    for commit in range(COMMITS, 0, -1):
        await world.live(commit, "before")
    [run], _ = await world.live()
    assert (run.status, run.completed_step_count) == ("completed", STEPS)


def life(tmp_path: Path, commit: int, how: str, when: str) -> int:
    files = [str(tmp_path / "durably.db"), str(tmp_path / "side-effects")]
    arguments = [sys.executable, crash_workload.__file__, *files, str(commit), how, when]
    return subprocess.run(arguments, check=False, timeout=60).returncode


@pytest.mark.parametrize(
    ("commit", "how", "when"),
    [
        (1, "kill", "after"),
        (3, "kill", "before"),
        (4, "exit", "after"),
        (7, "kill", "before"),
        (7, "exit", "after"),
    ],
)
async def test_killed_process_repeats_no_step(tmp_path: Path, commit: int, how: str, when: str) -> None:
    assert await asyncio.to_thread(life, tmp_path, commit, how, when) == (-9 if how == "kill" else 9)
    assert await asyncio.to_thread(life, tmp_path, 0, "exit", "after") == 0
    calls = Counter((tmp_path / "side-effects").read_text().split())
    store = SQLiteStore(str(tmp_path / "durably.db"))
    [run] = await create_durably(database=store, jobs={"work": make_job(unused)}).get_runs()
    await store.close()
    assert run.output == {"names": [f"STEP-{n}" for n in range(crash_workload.STEPS)]}
    repeated = 1 if when == "before" and 1 < commit < 7 else 0
    assert sum(calls.values()) == crash_workload.STEPS + repeated


async def unused(_step: StepContext, _input: Numbers) -> None: ...
