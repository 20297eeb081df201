"""Lives of an engine whose power is cut at every operation. Each begins without any file."""

import asyncio
import sqlite3

from durably_core import Durably, SQLiteStore
from durably_core.triggering import BatchItem
from tests.power.world import DAY_MS, Work, Workload, World


async def birth(world: World) -> None:
    """A new file, the switch to WAL, the migration, one run; closed, opened and closed once more."""
    engine = await world.open()
    await trigger(world, engine, Work(key="birth", steps=1))
    await engine.process_until_idle()
    await engine.close()
    again = World(world.path, world.history, seed="second life")
    engine = await again.open()
    await trigger(again, engine, Work(key="rebirth", steps=1))
    await engine.process_until_idle()
    await engine.close()


async def life(world: World) -> None:
    """Everything that an engine does to its runs, with pages that are freed and used again."""
    engine = await world.open(retain_runs="1d")
    for steps in (0, 1, 5):
        await trigger(world, engine, Work(key=f"run-of-{steps}", steps=steps))
    await engine.process_until_idle()
    runs = await engine.jobs.steps.batch_trigger(
        [
            BatchItem(input=Work(key=f"batch-{n}", steps=n, size=800), labels={"batch": "one", "n": str(n)})
            for n in range(3)
        ]
    )
    world.history.trigger_returned(*(run.id for run in runs))
    failing = await engine.jobs.failing.trigger(Work(key="failing"), idempotency_key="failing")
    world.history.trigger_returned(failing.id)
    await engine.process_until_idle()
    owning = await engine.jobs.owning.trigger(Work(key="owning", steps=3))
    world.history.trigger_returned(owning.id)
    await engine.process_until_idle()
    await cancel_one(world, engine)
    await engine.delete_run(failing.id)
    await engine.delete_run(runs[2].id)
    world.clock.advance(2 * DAY_MS)
    await engine.maintain()
    for n in range(2):
        await trigger(world, engine, Work(key=f"late-{n}", steps=2, size=3000))
    await engine.process_until_idle()
    await engine.close()


async def checkpoints(world: World) -> None:
    """A WAL that is moved into the file again and again, and a cache too small for a transaction."""
    world.connect().execute("PRAGMA wal_autocheckpoint = 6")
    world.connect().execute("PRAGMA cache_size = 5")
    engine = await world.open(preserve_steps=True)
    triggered = []
    for n in range(6):
        triggered.append(await trigger(world, engine, Work(key=f"run-{n}", steps=3, size=1 + 900 * (n % 3))))
        await engine.process_until_idle()
        if n % 2:
            await engine.store.checkpoint()
    for run_id in triggered[:3]:
        await engine.delete_run(run_id)
    await engine.store.checkpoint()
    await trigger(world, engine, Work(key="last", steps=4, size=5000))
    await engine.process_until_idle()
    await engine.close()


async def packing(world: World) -> None:
    """Pages that deleted runs leave, taken out of the file, as before it is exported and in a full storage."""
    world.connect().execute("PRAGMA wal_autocheckpoint = 40")
    engine = await world.open(preserve_steps=True)
    triggered = [
        await trigger(world, engine, Work(key=f"run-{n}", steps=2, size=1 + 7000 * (n % 2))) for n in range(8)
    ]
    await engine.process_until_idle()
    for run_id in triggered[:6]:
        await engine.delete_run(run_id)
    assert isinstance(engine.store, SQLiteStore)
    await engine.store.pack()
    await engine.store.commit_once()
    await trigger(world, engine, Work(key="between", steps=3, size=5000))
    await engine.process_until_idle()
    world.store._database.make_room()
    await trigger(world, engine, Work(key="last", steps=2, size=2000))
    await engine.process_until_idle()
    await engine.close()


async def switching(world: World) -> None:
    """From rollback journals to the WAL and back, as when something else has opened the file before."""
    with_journal(world, "NORMAL", "CREATE TABLE other (value TEXT)", "INSERT INTO other VALUES ('one')")
    engine = await world.open()
    await trigger(world, engine, Work(key="first", steps=1))
    await engine.close()
    leave_wal(world)
    with_journal(world, "NORMAL", "INSERT INTO other VALUES (printf('%.6000c', 'x'))", "DELETE FROM other")
    with_journal(world, "EXCLUSIVE", "INSERT INTO other VALUES ('two')", "UPDATE other SET value = 'three'")
    again = World(world.path, world.history, seed="second life")
    engine = await again.open()
    await engine.process_until_idle()
    await trigger(again, engine, Work(key="second", steps=1))
    await engine.process_until_idle()
    await engine.close()


def leave_wal(world: World) -> None:
    connection = sqlite3.connect(world.path, isolation_level=None)
    # Without it, a WAL needs shared memory, which this file system does not have.
    connection.execute("PRAGMA locking_mode = EXCLUSIVE")
    connection.execute("PRAGMA journal_mode = DELETE").fetchall()
    connection.close()


def with_journal(world: World, locking_mode: str, *statements: str) -> None:
    connection = sqlite3.connect(world.path, isolation_level=None)
    connection.execute(f"PRAGMA locking_mode = {locking_mode}")
    connection.execute("PRAGMA journal_mode = DELETE").fetchall()
    connection.execute("PRAGMA synchronous = FULL")
    for statement in statements:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute(statement)
        connection.execute("COMMIT")
        world.history.committed(connection)
    connection.close()


async def trigger(world: World, engine: Durably, work: Work) -> str:
    run = await engine.jobs.steps.trigger(work, labels={"key": work.key})
    world.history.trigger_returned(run.id)
    return run.id


async def cancel_one(world: World, engine: Durably) -> None:
    run = await engine.jobs.slow.trigger(Work(key="slow"))
    world.history.trigger_returned(run.id)
    executing = asyncio.create_task(engine.process_one())
    await world.slow_began.wait()
    await asyncio.sleep(0)
    await engine.cancel(run.id)
    await executing


WORKLOADS: dict[str, Workload] = {
    "birth": birth,
    "life": life,
    "checkpoints": checkpoints,
    "packing": packing,
    "switching": switching,
}
