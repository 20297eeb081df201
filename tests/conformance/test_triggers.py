"""Batches are all or nothing; triggers that meet a waiting run are merged into it or refused."""

import asyncio
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict

from durably_core import BatchItem, ConflictError, Durably, StepContext, Store, ValidationError
from durably_core.events import to_wire
from durably_core.store.base import Coalesce, Ending, Notes
from tests.conftest import (
    Gate,
    Heard,
    MakeEngine,
    Numbers,
    StoreProbe,
    claim,
    die,
    ended,
    enqueue,
    lease_of,
    make_job,
    new_run,
    nothing,
    request_for,
    run_to_end,
    within,
)

MODES: list[Coalesce] = ["skip", "queue"]
FIRST = {"count": 1}
SECOND = {"count": 2}


class Wrapped(BaseModel):
    model_config = ConfigDict(extra="forbid")
    input: str


@pytest.fixture
def engine(make_engine: MakeEngine) -> Durably:
    return make_engine(make_job(nothing), make_job(nothing, name="other"))


# ---------------------------------------------------------------------- batches


async def test_batch_answers_in_the_order_given(engine: Durably) -> None:
    runs = await engine.jobs.work.batch_trigger([{"count": number} for number in (5, 1, 9)])
    assert [triggered.run.input["count"] for triggered in runs] == [5, 1, 9]
    assert [triggered.disposition for triggered in runs] == ["created"] * 3


async def test_runs_of_a_batch_execute_in_order(make_engine: MakeEngine) -> None:
    order: list[int] = []

    async def body(_step: StepContext, input: Numbers) -> None:
        order.append(input.count)

    engine = make_engine(make_job(body))
    await engine.jobs.work.batch_trigger([{"count": number} for number in (5, 1, 9)])
    await within(engine.process_until_idle())
    assert order == [5, 1, 9]


async def test_batch_wakes_a_started_worker(engine: Durably) -> None:
    heard = Heard(engine)
    engine.start()
    await engine.jobs.work.batch_trigger([{}, {}])
    await heard.until("run:complete", 2)


async def test_empty_batch_touches_no_database(make_engine: MakeEngine, probe: StoreProbe) -> None:
    engine = make_engine(make_job(nothing), store=probe.as_store)
    assert await engine.jobs.work.batch_trigger([]) == []
    assert probe.calls == []


async def test_batch_is_one_call_of_the_store(make_engine: MakeEngine, probe: StoreProbe) -> None:
    engine = make_engine(make_job(nothing), store=probe.as_store)
    await engine.jobs.work.batch_trigger([{}] * 50)
    assert probe.calls == ["enqueue"]


async def test_batch_item_carries_the_options(engine: Durably) -> None:
    [triggered] = await engine.jobs.work.batch_trigger(
        [BatchItem(input=SECOND, idempotency_key="i", concurrency_key="k", labels={"a": "b"})]
    )
    run = await ended(engine, triggered.id)
    assert (run.input, run.labels) == (SECOND, {"a": "b"})
    assert (run.idempotency_key, run.concurrency_key) == ("i", "k")


async def test_batch_takes_items_mappings_and_instances(engine: Durably) -> None:
    runs = await engine.jobs.work.batch_trigger(
        [BatchItem(input=Numbers(count=1)), BatchItem(input={"count": 2}), Numbers(count=3), {"count": 4}]
    )
    assert [triggered.run.input["count"] for triggered in runs] == [1, 2, 3, 4]


async def test_field_named_input_needs_no_wrapper(make_engine: MakeEngine) -> None:
    engine = make_engine(make_job(nothing, input=Wrapped))
    runs = await engine.jobs.work.batch_trigger([{"input": "a"}, BatchItem(input={"input": "b"})])
    assert [triggered.run.input for triggered in runs] == [{"input": "a"}, {"input": "b"}]


async def test_mapping_like_a_batch_item_is_input(make_engine: MakeEngine) -> None:
    engine = make_engine(make_job(nothing, input=Wrapped))
    with pytest.raises(ValidationError, match=r"^Item 1 of the batch: .*labels: Extra inputs"):
        await engine.jobs.work.batch_trigger([{"input": "a"}, {"input": "a", "labels": {"a": "b"}}])


@pytest.mark.parametrize(
    ("item", "words"),
    [
        ({"count": "many"}, "count: Input should be a valid integer"),
        (None, "The input of 'work' is not valid"),
        (BatchItem(input={}, labels={"a b": "x"}), "The label key 'a b'"),
        (BatchItem(input={}, idempotency_key=""), "idempotency_key must be a text"),
        (BatchItem(input={}, concurrency_key=""), "concurrency_key must be a text"),
        (BatchItem(input={}, idempotency_ttl_ms=5), "give one, too"),
        (BatchItem(input={}, idempotency_ttl_ms=0, idempotency_key="i"), "idempotency_ttl_ms must be"),
        (BatchItem(input={}, coalesce="skip"), "coalesce looks for a waiting run"),
        (BatchItem(input={}, coalesce="drop", concurrency_key="k"), "coalesce must be 'skip' or 'queue'"),  # type: ignore[arg-type]
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_invalid_item_is_named_before_writing(
    make_engine: MakeEngine, probe: StoreProbe, item: Any, words: str
) -> None:
    engine = make_engine(make_job(nothing), store=probe.as_store)
    with pytest.raises(ValidationError) as refused:
        await engine.jobs.work.batch_trigger([{}, {}, item, {}])
    assert refused.value.message.startswith("Item 2 of the batch: ")
    assert words in refused.value.message
    assert probe.calls == []


async def test_invalid_item_keeps_the_paths_of_faults(engine: Durably) -> None:
    with pytest.raises(ValidationError) as refused:
        await engine.jobs.work.batch_trigger([{}, {"count": "many"}])
    assert [issue.path for issue in refused.value.issues] == [("count",)]


async def test_conflict_undoes_the_whole_batch(engine: Durably) -> None:
    waiting = await engine.jobs.work.trigger({}, concurrency_key="k")
    heard = Heard(engine)
    with pytest.raises(ConflictError, match="'k' is already waiting"):
        await engine.jobs.work.batch_trigger(
            [
                BatchItem(input={}, idempotency_key="i", labels={"a": "b"}),
                BatchItem(input={}, concurrency_key="k"),
            ]
        )
    assert [run.id for run in await engine.get_runs()] == [waiting.id]
    assert (heard.types, await engine.get_newest_event()) == ([], 1)


async def test_undone_batch_leaves_its_keys_free(engine: Durably) -> None:
    item: BatchItem[Any] = BatchItem(input={}, idempotency_key="i", concurrency_key="k")
    with pytest.raises(ConflictError):
        await engine.jobs.work.batch_trigger([item, BatchItem(input={}, concurrency_key="k")])
    [again] = await engine.jobs.work.batch_trigger([item])
    assert again.disposition == "created"


async def test_undone_batch_gives_back_replaced_input(engine: Durably) -> None:
    waiting = await engine.jobs.work.trigger(FIRST, concurrency_key="k", labels={"a": "first"})
    queued: BatchItem[Any] = BatchItem(
        input=SECOND, concurrency_key="k", coalesce="queue", labels={"a": "second"}
    )
    with pytest.raises(ConflictError):
        await engine.jobs.work.batch_trigger([queued, BatchItem(input={}, concurrency_key="k")])
    assert await ended(engine, waiting.id) == waiting.run
    assert [run.id for run in await engine.get_runs(labels={"a": "first"})] == [waiting.id]


async def mixed_batch(engine: Durably) -> tuple[str, list[tuple[str, str]]]:
    """A batch in which each item meets what lies there or what an item before it has made."""
    there = await engine.jobs.work.trigger({}, idempotency_key="there")
    runs = await engine.jobs.work.batch_trigger(
        [
            BatchItem(input={}, idempotency_key="new"),
            BatchItem(input={}, idempotency_key="there"),
            BatchItem(input=FIRST, concurrency_key="k"),
            BatchItem(input=SECOND, concurrency_key="k", coalesce="skip"),
            BatchItem(input={}, idempotency_key="new"),
        ]
    )
    return there.id, [(triggered.id, triggered.disposition) for triggered in runs]


async def test_dispositions_are_mixed_within_one_batch(engine: Durably) -> None:
    there, answers = await mixed_batch(engine)
    fresh, keyed = answers[0][0], answers[2][0]
    assert answers == [
        (fresh, "created"),
        (there, "idempotent"),
        (keyed, "created"),
        (keyed, "coalesced"),
        (fresh, "idempotent"),
    ]
    assert len({there, fresh, keyed}) == len(await engine.get_runs()) == 3


async def test_events_of_a_batch_have_its_order(engine: Durably) -> None:
    heard = Heard(engine)
    _, answers = await mixed_batch(engine)
    assert [(event.type, event.run_id) for event in heard.events[1:]] == [
        ("run:trigger", answers[0][0]),
        ("run:trigger", answers[2][0]),
        ("run:coalesced", answers[3][0]),
    ]
    assert [event.sequence for event in heard.events] == [1, 2, 3, 4]


async def test_last_queued_item_of_a_batch_wins(engine: Durably) -> None:
    runs = await engine.jobs.work.batch_trigger(
        [BatchItem(input={"count": number}, concurrency_key="k", coalesce="queue") for number in range(4)]
    )
    [run] = await engine.get_runs()
    assert ({triggered.id for triggered in runs}, run.input) == ({run.id}, {"count": 3})


# ---------------------------------------------------------------------- coalescing, both ways


@pytest.mark.parametrize(
    "options",
    [
        {"coalesce": "skip"},
        {"coalesce": "queue"},
        {"coalesce": "replace", "concurrency_key": "k"},
        {"coalesce": "", "concurrency_key": "k"},
        {"coalesce": True, "concurrency_key": "k"},
        {"coalesce": ["skip"], "concurrency_key": "k"},
        {"coalesce": "skip", "concurrency_key": ""},
    ],
    ids=str,
)
async def test_coalesce_that_cannot_work_is_refused(
    make_engine: MakeEngine, probe: StoreProbe, options: dict[str, Any]
) -> None:
    engine = make_engine(make_job(nothing), store=probe.as_store)
    with pytest.raises(ValidationError, match=r"coalesce|concurrency_key"):
        await engine.jobs.work.trigger({}, **options)
    assert probe.calls == []


@pytest.mark.parametrize("mode", MODES)
async def test_nothing_waits_so_a_run_is_created(engine: Durably, mode: Coalesce) -> None:
    triggered = await engine.jobs.work.trigger(FIRST, concurrency_key="k", coalesce=mode)
    assert (triggered.disposition, triggered.run.input) == ("created", FIRST)


@pytest.mark.parametrize("mode", MODES)
async def test_bad_input_is_refused_before_coalescing(engine: Durably, mode: Coalesce) -> None:
    waiting = await engine.jobs.work.trigger(FIRST, concurrency_key="k")
    with pytest.raises(ValidationError, match="count"):
        await engine.jobs.work.trigger({"count": "many"}, concurrency_key="k", coalesce=mode)
    assert await ended(engine, waiting.id) == waiting.run


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("other", ["job", "key", "none"])
async def test_only_same_job_and_key_coalesce(engine: Durably, mode: Coalesce, other: str) -> None:
    await engine.jobs.work.trigger(FIRST, concurrency_key=None if other == "none" else "k")
    handle = engine.jobs.other if other == "job" else engine.jobs.work
    key = "another" if other == "key" else "k"
    triggered = await handle.trigger(SECOND, concurrency_key=key, coalesce=mode)
    assert (triggered.disposition, triggered.run.input) == ("created", SECOND)


@pytest.mark.parametrize("mode", MODES)
async def test_executing_run_is_not_coalesced_into(store: Store, mode: Coalesce) -> None:
    await enqueue(store, new_run("01", concurrency_key="k"))
    await claim(store, request_for())
    answer = await enqueue(store, new_run("02", concurrency_key="k", coalesce=mode))
    assert (answer.run.id, answer.disposition) == ("02", "created")


@pytest.mark.parametrize("mode", MODES)
async def test_cancelled_run_is_not_coalesced_into(engine: Durably, mode: Coalesce) -> None:
    await engine.cancel((await engine.jobs.work.trigger({}, concurrency_key="k")).id)
    triggered = await engine.jobs.work.trigger({}, concurrency_key="k", coalesce=mode)
    assert triggered.disposition == "created"


@pytest.mark.parametrize("mode", MODES)
async def test_released_run_is_not_coalesced_into(store: Store, mode: Coalesce) -> None:
    await enqueue(store, new_run("01", concurrency_key="k"))
    lease = lease_of(await claim(store, request_for()))
    await store.end_run(lease, Ending(status="released"), Notes(), None)
    answer = await enqueue(store, new_run("02", concurrency_key="k", coalesce=mode))
    assert (answer.run.id, answer.disposition) == ("02", "created")


@pytest.mark.parametrize("mode", MODES)
async def test_requeued_run_keeps_input_and_goes_first(make_engine: MakeEngine, mode: Coalesce) -> None:
    order: list[int] = []
    gate = Gate()

    async def body(_step: StepContext, input: Numbers) -> None:
        order.append(input.count)
        await gate()

    job = make_job(body)
    first = await (old := make_engine(job)).jobs.work.trigger(FIRST, concurrency_key="k")
    executing = asyncio.create_task(old.process_one())
    await gate.until_reached()
    await die(executing)
    gate.open()
    await (new := make_engine(job, exclusive=True)).migrate()
    assert (await ended(new, first.id)).status == "pending"
    second = await new.jobs.work.trigger(SECOND, concurrency_key="k", coalesce=mode)
    await within(new.process_until_idle())
    assert (second.disposition, order) == ("created", [1, 1, 2])


@pytest.mark.parametrize("mode", MODES)
async def test_waiting_sibling_of_a_requeued_run_coalesces(store: Store, mode: Coalesce) -> None:
    await enqueue(store, new_run("01", concurrency_key="k"))
    lease = lease_of(await claim(store, request_for()))
    await enqueue(store, new_run("02", concurrency_key="k"))
    await store.end_run(lease, Ending(status="released"), Notes(), None)
    answer = await enqueue(store, new_run("03", concurrency_key="k", coalesce=mode))
    assert (answer.run.id, answer.disposition) == ("02", "coalesced")


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"idempotency_key": "i", "concurrency_key": "k", "coalesce": "queue"}, "idempotent"),
        ({"idempotency_key": "i", "concurrency_key": "k", "coalesce": "skip"}, "idempotent"),
        ({"idempotency_key": "i", "concurrency_key": "k"}, "idempotent"),
        ({"idempotency_key": "i", "concurrency_key": "free"}, "idempotent"),
        ({"idempotency_key": "new", "concurrency_key": "k", "coalesce": "queue"}, "coalesced"),
        ({"idempotency_key": "new", "concurrency_key": "k", "coalesce": "skip"}, "coalesced"),
        ({"idempotency_key": "new", "concurrency_key": "k"}, "conflict"),
        ({"idempotency_key": "new", "concurrency_key": "free", "coalesce": "skip"}, "created"),
        ({"idempotency_key": "new"}, "created"),
    ],
    ids=str,
)
async def test_idempotent_precedes_coalesced_conflict_and_created(
    engine: Durably, options: dict[str, Any], expected: str
) -> None:
    first = await engine.jobs.work.trigger(FIRST, idempotency_key="i", concurrency_key="k")
    try:
        answer = await engine.jobs.work.trigger(SECOND, **options)
    except ConflictError:
        found, same = "conflict", True
    else:
        found, same = answer.disposition, answer.id == first.id
    assert (found, same) == (expected, expected != "created")
    kept = SECOND if expected == "coalesced" and options["coalesce"] == "queue" else FIRST
    assert (await ended(engine, first.id)).input == kept


# ---------------------------------------------------------------------- coalesce="skip"


async def test_skipped_trigger_leaves_the_run_alone(engine: Durably) -> None:
    waiting = await engine.jobs.work.trigger(FIRST, concurrency_key="k", labels={"a": "b"})
    answer = await engine.jobs.work.trigger(SECOND, concurrency_key="k", coalesce="skip", labels={"c": "d"})
    assert (answer.disposition, answer.run) == ("coalesced", waiting.run)
    assert await engine.get_runs() == [waiting.run]
    assert await engine.get_runs(labels={"c": "d"}) == []


async def test_skip_event_tells_what_was_dropped(engine: Durably) -> None:
    run = await engine.jobs.work.trigger(FIRST, concurrency_key="k", labels={"a": "b"})
    heard = Heard(engine)
    await engine.jobs.work.trigger({}, concurrency_key="k", coalesce="skip", labels={"c": "d"})
    assert [to_wire(event) for event in heard.events] == [
        {
            "type": "run:coalesced",
            "sequence": 2,
            "timestamp": "2023-11-14T22:13:20.000Z",
            "runId": run.id,
            "jobName": "work",
            "labels": {"a": "b"},
            "skippedInput": {"count": 3},
            "skippedLabels": {"c": "d"},
        }
    ]


async def test_skip_without_labels_drops_no_labels(engine: Durably) -> None:
    await engine.jobs.work.trigger({}, concurrency_key="k", labels={"a": "b"})
    heard = Heard(engine)
    await engine.jobs.work.trigger({}, concurrency_key="k", coalesce="skip")
    assert heard.of("run:coalesced")[0].skipped_labels == {}


# ---------------------------------------------------------------------- coalesce="queue"


async def test_queued_trigger_replaces_input_and_labels(engine: Durably) -> None:
    waiting = await engine.jobs.work.trigger(FIRST, concurrency_key="k", labels={"a": "b", "both": "1"})
    labels = {"both": "2", "c": "d"}
    answer = await engine.jobs.work.trigger(SECOND, concurrency_key="k", coalesce="queue", labels=labels)
    assert (answer.id, answer.disposition) == (waiting.id, "coalesced")
    run = await ended(engine, waiting.id)
    assert (run.input, run.labels, answer.run) == (SECOND, labels, run)


@pytest.mark.parametrize(
    ("labels", "found"), [({"a": "b"}, 0), ({"both": "1"}, 0), ({"both": "2"}, 1), ({"c": "d"}, 1)], ids=str
)
async def test_queued_run_is_found_by_new_labels(engine: Durably, labels: dict[str, str], found: int) -> None:
    await engine.jobs.work.trigger({}, concurrency_key="k", labels={"a": "b", "both": "1"})
    await engine.jobs.work.trigger({}, concurrency_key="k", coalesce="queue", labels={"both": "2", "c": "d"})
    assert len(await engine.get_runs(labels=labels)) == found


async def test_queue_without_labels_takes_them_away(engine: Durably) -> None:
    waiting = await engine.jobs.work.trigger({}, concurrency_key="k", labels={"a": "b"})
    await engine.jobs.work.trigger({}, concurrency_key="k", coalesce="queue")
    assert (await ended(engine, waiting.id)).labels == {}
    assert await engine.get_runs(labels={"a": "b"}) == []


async def test_queue_event_tells_what_was_replaced(engine: Durably) -> None:
    run = await engine.jobs.work.trigger(FIRST, concurrency_key="k", labels={"a": "b"})
    heard = Heard(engine)
    await engine.jobs.work.trigger(SECOND, concurrency_key="k", coalesce="queue", labels={"c": "d"})
    [event] = heard.events
    assert (event.type, event.run_id, event.labels) == ("run:coalesced", run.id, {"c": "d"})
    assert (event.skipped_input, event.skipped_labels) == (FIRST, {"a": "b"})


@pytest.mark.parametrize("mode", MODES)
async def test_coalesced_event_lies_in_the_log(engine: Durably, mode: Coalesce) -> None:
    run = await engine.jobs.work.trigger(FIRST, concurrency_key="k", labels={"a": "b"})
    await engine.jobs.work.trigger(SECOND, concurrency_key="k", coalesce=mode, labels={"c": "d"})
    [event] = await engine.get_events(types=["run:coalesced"])
    wire = to_wire(event)
    assert (wire["runId"], wire["skippedInput"]) == (run.id, None)
    assert (wire["labels"], wire["skippedLabels"]) == (
        ({"a": "b"}, {"c": "d"}) if mode == "skip" else ({"c": "d"}, {"a": "b"})
    )


async def test_queued_run_keeps_its_place(make_engine: MakeEngine) -> None:
    order: list[int] = []

    async def body(_step: StepContext, input: Numbers) -> None:
        order.append(input.count)

    engine = make_engine(make_job(body))
    await engine.jobs.work.trigger({"count": 1}, concurrency_key="k")
    await engine.jobs.work.trigger({"count": 2})
    await engine.jobs.work.trigger({"count": 3}, concurrency_key="k", coalesce="queue")
    await within(engine.process_until_idle())
    assert order == [3, 2]


class Busy:
    """An engine whose first run executes with the key "k" until the gate opens."""

    def __init__(self, make_engine: MakeEngine) -> None:
        self.order: list[tuple[int, dict[str, str]]] = []
        self.gate = Gate()
        self.engine = make_engine(make_job(self.body), max_concurrent_runs=3)
        self.heard = Heard(self.engine)

    async def body(self, step: StepContext, input: Numbers) -> None:
        self.order.append((input.count, step.labels))
        await self.gate()

    async def begin(self) -> None:
        self.engine.start()
        await self.engine.jobs.work.trigger({"count": 0}, concurrency_key="k")
        await self.gate.until_reached()

    async def queue(self, count: int, mode: Coalesce = "queue") -> str:
        triggered = await self.engine.jobs.work.trigger(
            {"count": count}, concurrency_key="k", coalesce=mode, labels={"n": str(count)}
        )
        return triggered.disposition


async def test_trigger_during_execution_is_executed_afterwards(make_engine: MakeEngine) -> None:
    busy = Busy(make_engine)
    await busy.begin()
    assert await busy.queue(1) == "created"
    assert busy.order == [(0, {})]
    busy.gate.open()
    await busy.heard.until("run:complete", 2)
    assert busy.order == [(0, {}), (1, {"n": "1"})]


async def test_many_triggers_during_execution_make_one_run(make_engine: MakeEngine) -> None:
    busy = Busy(make_engine)
    await busy.begin()
    assert [await busy.queue(count) for count in range(1, 6)] == ["created", *["coalesced"] * 4]
    busy.gate.open()
    await busy.heard.until("run:complete", 2)
    assert await busy.engine.process_one() is False
    assert busy.order == [(0, {}), (5, {"n": "5"})]


async def test_skipped_triggers_during_execution_keep_the_first(make_engine: MakeEngine) -> None:
    busy = Busy(make_engine)
    await busy.begin()
    assert [await busy.queue(count, "skip") for count in range(1, 4)] == ["created", *["coalesced"] * 2]
    busy.gate.open()
    await busy.heard.until("run:complete", 2)
    assert busy.order == [(0, {}), (1, {"n": "1"})]


async def test_queue_triggers_at_once_make_one_run(engine: Durably) -> None:
    answers = await asyncio.gather(
        *(
            engine.jobs.work.trigger({"count": number}, concurrency_key="k", coalesce="queue")
            for number in range(20)
        )
    )
    [run] = await engine.get_runs()
    assert sorted(answer.disposition for answer in answers) == [*["coalesced"] * 19, "created"]
    events = await engine.get_events(types=["run:trigger", "run:coalesced"])
    assert ({event.run_id for event in events}, run.input) == ({run.id}, {"count": 19})


async def test_trigger_between_two_executions_is_not_lost(make_engine: MakeEngine) -> None:
    busy = Busy(make_engine)
    await busy.begin()
    await busy.queue(1)
    busy.gate.open()
    await busy.heard.until("run:leased", 2)
    await busy.queue(2)
    await busy.heard.until("run:complete", 3)
    assert [count for count, _ in busy.order] == [0, 1, 2]


async def test_conflict_of_a_batch_names_its_item(make_engine: MakeEngine) -> None:
    engine = make_engine(make_job(nothing))
    with pytest.raises(ConflictError, match=r"^Item 1 of the batch"):
        await engine.jobs.work.batch_trigger([BatchItem(input={}, concurrency_key="k")] * 2)


def test_batch_item_may_name_its_model() -> None:
    assert BatchItem[Numbers](input=Numbers()).input == Numbers()


async def test_replaced_run_no_longer_repeats_another(make_engine: MakeEngine) -> None:
    engine = make_engine(job := make_job(nothing))
    old = await run_to_end(engine, job, {"count": 1}, concurrency_key="k")
    await engine.retrigger(old.id)
    queued = await engine.jobs.work.trigger({"count": 2}, concurrency_key="k", coalesce="queue")
    assert (queued.run.input, queued.run.retriggered_from) == ({"count": 2}, None)


async def test_conflict_of_retrigger_advises_what_helps(make_engine: MakeEngine) -> None:
    engine = make_engine(job := make_job(nothing))
    old = await run_to_end(engine, job, concurrency_key="k")
    await engine.jobs.work.trigger({}, concurrency_key="k")
    with pytest.raises(ConflictError, match="Let it end, or cancel it"):
        await engine.retrigger(old.id)
