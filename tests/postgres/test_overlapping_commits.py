"""Transactions that overlap don't see what each other frees: who finds nothing beside one looks again.

The next poll is an hour away here: a run that nobody looks for again is never found.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager

import psycopg
import pytest

from durably_core import Durably, StepContext, TriggeredRun, create_durably
from durably_core.store.postgres import PostgresStore
from tests.conftest import PATIENCE_S, Gate, Heard, Numbers, StoreProbe, make_job, turns, within

HELD_BACK = 77
"""The number of a lock that the test has, and for which commits wait."""

HOLD_BACK = """
CREATE FUNCTION hold_back() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_advisory_xact_lock_shared({number});
  RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER hold_back AFTER UPDATE ON durably_runs DEFERRABLE INITIALLY DEFERRED
FOR EACH ROW WHEN ({when}) EXECUTE FUNCTION hold_back()
"""

WAITING = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = %s AND NOT granted"

ENDS = "OLD.lease_owner IS NOT NULL AND NEW.lease_owner IS NULL"
IS_REPLACED = "OLD.labels IS DISTINCT FROM NEW.labels"


class Watched(StoreProbe):
    """Tells when other processes are listened to: that alone makes who claims look again, once."""

    def __init__(self, store: PostgresStore) -> None:
        super().__init__(store)
        self.listens = asyncio.Event()

    def watch(self, changed: Callable[[], None]) -> Callable[[], None]:
        def heard() -> None:
            changed()
            self.listens.set()

        return super().watch(heard)


class Scene:
    """A run that executes until its gate is opened, and one more slot, which is free."""

    def __init__(self, store: PostgresStore) -> None:
        self.gates = [Gate(), Gate(), Gate()]
        self.gate = self.gates[0]
        self.probe = Watched(store)
        self._url = store.url
        self.engine: Durably = create_durably(
            database=self.probe.as_store,
            jobs={"held": make_job(self._held, name="held"), "short": make_job(self._short, name="short")},
            max_concurrent_runs=2,
            polling_interval_ms=3_600_000,
            # Its looks after the database would wake those who claim.
            maintenance_interval_ms=3_600_000,
        )
        self.heard = Heard(self.engine)

    async def _held(self, _step: StepContext, input: Numbers) -> None:
        await self.gates[input.count]()

    async def _short(self, _step: StepContext, _input: Numbers) -> None: ...

    async def begin(self) -> None:
        await self.engine.init()
        await self.engine.jobs.held.trigger({"count": 0}, concurrency_key="k")
        await self.gate.until_reached()
        await within(self.probe.listens.wait())
        await self.until_sleeping()

    async def until_sleeping(self) -> None:
        """Until whoever fills the free slot has looked in vain."""
        await turns()
        await self.probe.until_answered("claim")
        await turns()

    @contextmanager
    def commits_held_back(self, when: str) -> Iterator[Callable[[], int]]:
        """How many wait, of those that change a run like that. They go on at the end."""
        with psycopg.connect(self._url, autocommit=True) as connection:
            connection.execute("SELECT pg_advisory_lock(%s)", [HELD_BACK])
            connection.execute(HOLD_BACK.format(number=HELD_BACK, when=when))

            def waiting() -> int:
                [count] = connection.execute(WAITING, [HELD_BACK]).fetchone() or [0]
                return int(count)

            yield waiting
            connection.execute("SELECT pg_advisory_unlock(%s)", [HELD_BACK])


@pytest.fixture
async def scene(store: PostgresStore) -> AsyncIterator[Scene]:
    scene = Scene(store)
    await scene.begin()
    yield scene
    await scene.engine.stop()


async def until_one(waiting: Callable[[], int]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not waiting():
            await turns()


async def test_run_that_comes_while_the_end_of_the_one_before_it_is_committed(scene: Scene) -> None:
    with scene.commits_held_back(ENDS) as waiting:
        scene.gate.open()
        await until_one(waiting)  # it has found nothing to go on with
        run = await scene.engine.jobs.short.trigger({}, concurrency_key="k")
        await scene.until_sleeping()
        assert waiting() == 1
    assert (await within(scene.engine.wait_for_run(run.id))).status == "completed"


async def test_look_that_began_before_that_commit_and_is_answered_after_it(scene: Scene) -> None:
    answer = Gate()
    with scene.commits_held_back(ENDS) as waiting:
        scene.gate.open()
        await until_one(waiting)
        scene.probe.after["claim"] = answer
        run = await scene.engine.jobs.short.trigger({}, concurrency_key="k")
        await answer.until_reached()
        assert waiting() == 1
    await scene.heard.until("run:complete")
    scene.probe.after.clear()
    answer.open()
    assert (await within(scene.engine.wait_for_run(run.id))).status == "completed"


async def ended_beside(scene: Scene, waiting: Callable[[], int]) -> None:
    """A run has ended, and the worker looked around, while the commit of another is held back."""
    await scene.heard.until("run:complete")
    await scene.until_sleeping()
    assert waiting() == 1


async def both_go_on(scene: Scene, run: TriggeredRun, next_one: Gate) -> None:
    """The run that waited for the key, and the one that its holder went on with."""
    await next_one.until_reached()
    assert (await within(scene.engine.wait_for_run(run.id))).status == "completed"
    next_one.open()


async def test_end_that_goes_on_with_another_run(scene: Scene) -> None:
    _, other, next_one = scene.gates
    await scene.engine.jobs.held.trigger({"count": 1})
    await other.until_reached()
    await scene.engine.jobs.held.trigger({"count": 2})
    with scene.commits_held_back(f"{ENDS} AND NEW.concurrency_key IS NOT NULL") as waiting:
        scene.gate.open()
        await until_one(waiting)  # it has claimed the next one
        run = await scene.engine.jobs.short.trigger({}, concurrency_key="k")
        other.open()
        await ended_beside(scene, waiting)
    await both_go_on(scene, run, next_one)


async def test_end_that_looks_in_vain_beside_another_end(scene: Scene) -> None:
    _, other, next_one = scene.gates
    held, short = scene.engine.jobs.held, scene.engine.jobs.short
    await held.trigger({"count": 1})
    await other.until_reached()
    await held.trigger({"count": 2})
    run = await short.trigger({}, concurrency_key="k")
    with scene.commits_held_back(f"{ENDS} AND NEW.concurrency_key IS NOT NULL") as waiting:
        scene.gate.open()
        await until_one(waiting)  # it has claimed the next one, and frees the key
        other.open()
        await ended_beside(scene, waiting)
    await both_go_on(scene, run, next_one)


async def test_run_whose_trigger_is_replaced_while_the_one_before_it_ends(scene: Scene) -> None:
    short = scene.engine.jobs.short
    run = await short.trigger({}, concurrency_key="k", coalesce="queue")
    await scene.until_sleeping()
    with scene.commits_held_back(IS_REPLACED) as waiting:
        trigger = short.trigger({}, concurrency_key="k", coalesce="queue", labels={"new": "yes"})
        replacing = asyncio.ensure_future(trigger)
        await until_one(waiting)
        scene.gate.open()
        await ended_beside(scene, waiting)
    assert (await within(replacing)).id == run.id
    assert (await within(scene.engine.wait_for_run(run.id))).status == "completed"
