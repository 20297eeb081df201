"""The log of events: each change once, in order, numbered, as listeners heard it."""

import asyncio
import dataclasses
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from durably_core import (
    BatchItem,
    ConflictError,
    Durably,
    EventsGoneError,
    Progress,
    StepContext,
    Store,
    ValidationError,
)
from durably_core.clock import from_ms
from durably_core.events import EVENT_TYPES, Event, RunEvent, StepStart, from_row, to_data
from durably_core.store.base import Notes
from tests.conftest import (
    START_MS,
    FakeClock,
    Gate,
    Heard,
    MakeEngine,
    Numbers,
    Total,
    claim,
    completed,
    die,
    enqueue,
    lease_of,
    make_job,
    new_run,
    new_step,
    nothing,
    request_for,
    run_to_end,
    turns,
    within,
)

PAYLOADS = ("input", "output", "skipped_input")
RUN_EVENTS = [cls for cls in EVENT_TYPES.values() if issubclass(cls, RunEvent)]


def bare(events: list[Any]) -> list[RunEvent]:
    """What listeners heard, as the log keeps it."""
    logged = [event for event in events if isinstance(event, RunEvent) and event.sequence]
    return [dataclasses.replace(event, **without_payload(event)) for event in logged]


def without_payload(event: RunEvent) -> dict[str, Any]:
    return dict.fromkeys(filter(lambda name: hasattr(event, name), PAYLOADS))


async def say(step: StepContext, input: Numbers) -> Total:
    await step.run("first", lambda: 1)
    step.log.info("between", data={"n": [1, None, 1.5]})

    async def second() -> dict[str, str]:
        step.progress(1, 2, "half")
        return {"large": "output"}

    await step.run("second", second)
    return Total(total=input.count)


async def fail(step: StepContext, _input: Numbers) -> None:
    await step.run("divide", lambda: 1 // 0)


class Scene:
    """Two engines over one store, and everything that was heard from either."""

    def __init__(self, make_engine: MakeEngine, clock: FakeClock) -> None:
        self.clock = clock
        self.gate = Gate()
        jobs = (
            make_job(say, output=Total),
            make_job(fail, name="failing"),
            make_job(self.halt, name="halting"),
        )
        options: dict[str, Any] = {"max_attempts": 2, "retain_runs": "1m"}
        self.engine, self.other = make_engine(*jobs, **options), make_engine(*jobs, **options)
        self.heard: list[Event] = []
        for engine in (self.engine, self.other):
            engine.on("*", self.heard.append)

    async def halt(self, step: StepContext, _input: Numbers) -> None:
        await step.run("quick", lambda: 1)
        await self.gate()

    async def halting(self) -> tuple[str, "asyncio.Task[bool]"]:
        """A run whose code has come to the gate."""
        run = await self.engine.jobs.halting.trigger({})
        executing = asyncio.create_task(self.engine.process_one())
        await self.gate.until_reached()
        return run.id, executing

    async def dying(self) -> None:
        _, executing = await self.halting()
        await die(executing)
        self.gate = Gate()
        self.clock.advance(30_000)


Story = Callable[[Scene], Awaitable[None]]


async def completing(scene: Scene) -> None:
    await scene.engine.jobs.work.trigger({"count": 1}, labels={"team": "blue"})
    await scene.engine.process_one()


async def failing(scene: Scene) -> None:
    await scene.engine.jobs.failing.trigger({})
    await scene.engine.process_one()


async def coalescing(scene: Scene) -> None:
    for coalesce in (None, "skip", "queue"):
        labels = {"coalesce": str(coalesce)}
        await scene.engine.jobs.work.trigger({}, concurrency_key="k", coalesce=coalesce, labels=labels)


async def cancelling_what_waits(scene: Scene) -> None:
    run = await scene.engine.jobs.work.trigger({})
    await scene.engine.cancel(run.id)


async def cancelling_what_executes(scene: Scene) -> None:
    run_id, executing = await scene.halting()
    await scene.engine.cancel(run_id)
    await executing


async def giving_back(scene: Scene) -> None:
    scene.engine.start()
    await scene.engine.jobs.halting.trigger({})
    await scene.gate.until_reached()
    await scene.engine.stop(timeout_ms=0)
    await scene.engine.maintain()


async def expiring(scene: Scene) -> None:
    await scene.dying()
    scene.gate.open()
    await scene.other.process_one()


async def giving_up(scene: Scene) -> None:
    run = await scene.engine.jobs.work.trigger({})
    for _ in range(2):
        await scene.engine.store.claim(request_for())
        scene.clock.advance(30_000)
    await scene.other.process_one()
    assert (await scene.engine.get_run(run.id)).status == "failed"  # type: ignore[union-attr]


async def deleting(scene: Scene) -> None:
    await failing(scene)
    [run] = await scene.engine.get_runs()
    await scene.engine.delete_run(run.id)


async def purging(scene: Scene) -> None:
    await failing(scene)
    await completing(scene)
    scene.clock.advance(60_001)
    await scene.engine.maintain()


STORIES: dict[Story, set[str]] = {
    completing: {"run:trigger", "run:leased", "step:start", "step:complete", "log:write", "run:progress"},
    failing: {"step:fail", "run:fail"},
    coalescing: {"run:coalesced"},
    cancelling_what_waits: {"run:cancel"},
    cancelling_what_executes: {"run:cancel", "run:stop"},
    giving_back: {"run:requeue"},
    expiring: {"run:requeue", "run:complete"},
    deleting: {"run:delete"},
    purging: {"run:delete"},
}


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.__name__)
async def test_log_tells_what_listeners_heard(make_engine: MakeEngine, clock: FakeClock, story: Story) -> None:
    scene = Scene(make_engine, clock)
    await within(story(scene))
    logged = await scene.engine.get_events()
    assert bare(scene.heard) == logged
    assert STORIES[story] <= {event.type for event in logged}


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.__name__)
async def test_numbers_have_neither_gaps_nor_repeats(
    make_engine: MakeEngine, clock: FakeClock, story: Story
) -> None:
    scene = Scene(make_engine, clock)
    await within(story(scene))
    logged = await scene.engine.get_events()
    assert [event.sequence for event in logged] == list(range(1, len(logged) + 1))
    assert await scene.engine.get_newest_event() == len(logged)


async def test_every_event_of_a_run_is_logged(make_engine: MakeEngine, clock: FakeClock) -> None:
    scene = Scene(make_engine, clock)
    await within(completing(scene))
    unnumbered = [event.type for event in scene.heard if isinstance(event, RunEvent) and not event.sequence]
    assert unnumbered == []


async def test_giving_up_a_run_is_logged_once(make_engine: MakeEngine, clock: FakeClock) -> None:
    scene = Scene(make_engine, clock)
    await within(giving_up(scene))
    assert [event.type for event in scene.heard].count("run:fail") == 1
    logged = [event.type for event in await scene.engine.get_events()]
    assert logged == ["run:trigger", "run:leased", "run:requeue", "run:leased", "run:fail"]


async def test_purged_runs_say_that_they_were(make_engine: MakeEngine, clock: FakeClock) -> None:
    scene = Scene(make_engine, clock)
    await within(purging(scene))
    deleted: list[Any] = await scene.engine.get_events(types=["run:delete"])
    assert [event.reason for event in deleted] == ["purged", "purged"]
    assert [event.job_name for event in deleted] == ["failing", "work"]


async def test_last_progress_of_a_write_is_kept(make_engine: MakeEngine) -> None:
    async def body(step: StepContext, _input: Numbers) -> None:
        for number in range(100):
            step.progress(number)

    run = await run_to_end(engine := make_engine(job := make_job(body)), job)
    logged: list[Any] = await engine.get_events(run_id=run.id, types=["run:progress"])
    assert [event.progress for event in logged] == [Progress(current=99)]


async def test_readers_at_each_number_get_the_rest(make_engine: MakeEngine, clock: FakeClock) -> None:
    scene = Scene(make_engine, clock)
    await within(expiring(scene))
    logged = await scene.engine.get_events()
    for number in range(len(logged) + 1):
        assert await scene.other.get_events(after=number) == logged[number:]


# ---------------------------------------------------------------------- what is refused is not told


async def test_refused_batch_leaves_no_events(make_engine: MakeEngine) -> None:
    engine = make_engine(make_job(nothing))
    heard = Heard(engine)
    await engine.jobs.work.trigger({}, concurrency_key="k")
    with pytest.raises(ConflictError):
        await engine.trigger_all(
            engine.jobs.work.job, [BatchItem(input={}), BatchItem(input={}, concurrency_key="k")]
        )
    assert bare(heard.events) == await engine.get_events()
    assert heard.types == ["run:trigger"]


async def test_idempotent_trigger_tells_nothing(make_engine: MakeEngine) -> None:
    engine = make_engine(make_job(nothing))
    heard = Heard(engine)
    for _ in range(3):
        await engine.jobs.work.trigger({}, idempotency_key="k")
    assert (heard.types, len(await engine.get_events())) == (["run:trigger"], 1)


async def test_refused_changes_leave_no_events(make_engine: MakeEngine) -> None:
    run = await run_to_end(engine := make_engine(job := make_job(nothing)), job)
    waiting = await engine.jobs.work.trigger({})
    newest = await engine.get_newest_event()
    with pytest.raises(ConflictError):
        await engine.cancel(run.id)
    with pytest.raises(ConflictError):
        await engine.delete_run(waiting.id)
    assert await engine.get_newest_event() == newest


@pytest.mark.parametrize("write", ["save_step", "save_notes", "end_run"])
async def test_stale_holder_writes_no_events(store: Store, clock: FakeClock, write: str) -> None:
    await enqueue(store, new_run("01"))
    stale = lease_of(await claim(store, request_for()))
    clock.advance(1000)
    await claim(store, request_for())
    before = await store.get_newest_event()
    notes = Notes(events=(StepStart(run_id="01", job_name="work", labels={}, step_name="s", step_index=0),))
    if write == "save_step":
        await store.save_step(stale, new_step(), notes)
    elif write == "save_notes":
        await store.save_notes(stale, notes)
    else:
        await store.end_run(stale, completed(), notes, None)
    written = await store.get_events(after=before, run_id=None, types=None, limit=10)
    assert (written, notes.events[0].sequence) == ([], 0)


# ---------------------------------------------------------------------- filters


@pytest.fixture
async def full(make_engine: MakeEngine, clock: FakeClock) -> Durably:
    """An engine whose log holds a completed and a failed run."""
    scene = Scene(make_engine, clock)
    await within(completing(scene))
    await within(failing(scene))
    return scene.engine


@pytest.mark.parametrize(
    ("types", "count"),
    [(["run:trigger"], 2), (["run:complete", "run:fail"], 2), ([], 0), (["run:stop"], 0), (None, 14)],
)
async def test_events_are_found_by_type(full: Durably, types: list[str] | None, count: int) -> None:
    found = await full.get_events(types=types)
    assert len(found) == count
    assert types is None or {event.type for event in found} <= set(types)


async def test_events_are_found_by_run(full: Durably) -> None:
    for run in await full.get_runs():
        found = await full.get_events(run_id=run.id)
        assert (found[0].type, {event.run_id for event in found}) == ("run:trigger", {run.id})
    assert await full.get_events(run_id="nowhere") == []


async def test_filters_and_pages_go_together(full: Durably) -> None:
    types = ["run:trigger", "run:leased"]
    everything = await full.get_events(types=types)
    pages, after = [], 0
    while page := await full.get_events(types=types, after=after, limit=3):
        pages.append(page)
        after = page[-1].sequence
    assert [len(page) for page in pages] == [3, 1]
    assert [event for page in pages for event in page] == everything


@pytest.mark.parametrize("options", [{"after": -1}, {"limit": -1}, {"limit": 1.5}, {"after": "1"}])
async def test_impossible_pages_are_refused(full: Durably, options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        await full.get_events(**options)


# ---------------------------------------------------------------------- pruning


async def test_pruning_keeps_the_newest(full: Durably, store: Store) -> None:
    logged = await full.get_events()
    assert await store.prune_events(keep=5, limit=1000) == 9
    assert await full.get_events(after=9) == logged[9:]
    assert await store.prune_events(keep=5, limit=1000) == 0


async def test_pruning_deletes_in_bounded_bites(full: Durably, store: Store) -> None:
    pruned = [await store.prune_events(keep=5, limit=4) for _ in range(4)]
    assert pruned == [4, 4, 1, 0]


async def test_readers_behind_the_pruned_learn_of_it(full: Durably, store: Store) -> None:
    await store.prune_events(keep=5, limit=1000)
    with pytest.raises(EventsGoneError, match="holds 10 to 14"):
        await full.get_events(after=8)
    with pytest.raises(EventsGoneError):
        await full.get_events(after=15)
    assert len(await full.get_events(after=14)) == 0


async def test_numbers_are_never_used_again(full: Durably, store: Store) -> None:
    await store.prune_events(keep=1, limit=1000)
    assert await full.get_newest_event() == 14
    await full.jobs.work.trigger({})
    [event] = await full.get_events(after=14)
    assert (event.type, event.sequence) == ("run:trigger", 15)


async def test_empty_log_has_nothing_after_zero(store: Store) -> None:
    assert await store.prune_events(keep=1, limit=1000) == 0
    assert (await store.get_newest_event(), await get(store, 0)) == (0, [])
    with pytest.raises(EventsGoneError):
        await get(store, 1)


async def get(store: Store, after: int) -> list[RunEvent]:
    return await store.get_events(after=after, run_id=None, types=None, limit=10)


# ---------------------------------------------------------------------- to the database and back

SAMPLES: dict[str, Any] = {
    "sequence": 7,
    "timestamp_ms": START_MS,
    "run_id": "01",
    "job_name": "work",
    "labels": {"team": 'blue "quoted" \\ ü'},
    "lease_expires_at": from_ms(START_MS + 999),
    "created_at": from_ms(START_MS + 1),
    "progress": Progress(current=1.5, total=None, message="naïve \x00 ☃"),
    "duration": 12,
    "attempt": 3,
    "step_index": 4,
    "reason": "expired",
    "level": "warn",
    "step_name": 'a "step"',
    "skipped_labels": {"a": "b"},
    "data": {"nested": [1, None, 1e300, "\x00"]},
}


def sample(cls: type[RunEvent], **fields: Any) -> RunEvent:
    names = [field.name for field in dataclasses.fields(cls)]
    values: dict[str, Any] = {
        name: None if name in PAYLOADS else SAMPLES.get(name, f"some {name}") for name in names
    }
    return cls(**(values | fields))


@pytest.mark.parametrize("cls", RUN_EVENTS, ids=lambda cls: cls.type)
def test_event_survives_its_row(cls: type[RunEvent]) -> None:
    event = sample(cls)
    row = {name: getattr(event, name) for name in ("type", "sequence", "run_id", "job_name")}
    row |= {"created_at": event.timestamp_ms, "labels": json.dumps(event.labels), "data": to_data(event)}
    assert from_row(row) == event


@pytest.mark.parametrize("cls", RUN_EVENTS, ids=lambda cls: cls.type)
async def test_event_survives_the_database(store: Store, cls: type[RunEvent]) -> None:
    await enqueue(store, new_run("01"))
    lease = lease_of(await claim(store, request_for()))
    written = sample(cls, sequence=0)
    await store.save_notes(lease, Notes(events=(written,)))
    assert (await get(store, 2), written.sequence) == ([written], 3)


@pytest.mark.parametrize(
    "cls", [cls for cls in RUN_EVENTS if set(PAYLOADS) & {f.name for f in dataclasses.fields(cls)}]
)
def test_payloads_are_not_logged_twice(cls: type[RunEvent]) -> None:
    payload = {name: {"secret": 1} for name in PAYLOADS if name in cls.__dataclass_fields__}
    assert "secret" not in to_data(sample(cls, **payload))


async def test_batch_is_logged_in_its_order(make_engine: MakeEngine) -> None:
    engine = make_engine(make_job(nothing))
    runs = await engine.jobs.work.batch_trigger([{"count": count} for count in range(50)])
    assert [event.run_id for event in await engine.get_events()] == [run.id for run in runs]


async def test_side_by_side_runs_share_the_numbers(make_engine: MakeEngine) -> None:
    engine = make_engine(job := make_job(say, output=Total), max_concurrent_runs=4)
    heard = Heard(engine)
    for _ in range(8):
        await engine.jobs[job.name].trigger({})
    engine.start()
    await heard.until("run:complete", 8)
    await turns()
    logged = await engine.get_events()
    assert sorted(bare(heard.events), key=lambda event: event.sequence) == logged
    assert [event.sequence for event in logged] == list(range(1, len(logged) + 1))


async def test_pruned_log_is_read_from_its_oldest(make_engine: MakeEngine, store: Store) -> None:
    engine = make_engine(make_job(nothing))
    await engine.jobs.work.batch_trigger([{}] * 5)
    await store.prune_events(keep=2, limit=1000)
    assert [event.sequence for event in await engine.get_events()] == [4, 5]


async def test_one_look_hears_of_all_changes(store: Store) -> None:
    ids = [f"{number:04}" for number in range(2000)]
    await store.enqueue([new_run(run_id) for run_id in ids])
    assert await store.find_changed(after=0) == (2000, set(ids))
    assert await store.find_changed(after=1999) == (2000, {ids[-1]})
