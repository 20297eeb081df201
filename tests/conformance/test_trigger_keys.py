"""How long an idempotency key stands for a run, and what a model makes of labels."""

import enum
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from pydantic import BaseModel, ConfigDict, Field, create_model, model_validator

from durably_core import BatchItem, ConflictError, Durably, StepContext, ValidationError
from durably_core.store.base import Coalesce
from tests.conftest import (
    START_MS,
    FakeClock,
    Heard,
    MakeEngine,
    Numbers,
    StoreProbe,
    ended,
    make_job,
    nothing,
    within,
)

TTL_MS = 1000


class Level(enum.IntEnum):
    HIGH = 3


class Colour(enum.Enum):
    RED = "red"


class Labels(BaseModel):
    team: str
    region: str = "eu"


@pytest.fixture
def engine(make_engine: MakeEngine) -> Durably:
    return make_engine(make_job(nothing))


@pytest.fixture
def strict(make_engine: MakeEngine) -> Durably:
    """An engine that refuses a known key with another input."""
    return make_engine(make_job(nothing), idempotency_mismatch="error")


@pytest.fixture
def labelled(make_engine: MakeEngine) -> Durably:
    return make_engine(make_job(nothing), labels=Labels)


async def again(engine: Durably, key: str = "i") -> str:
    """How a further trigger with the key is resolved."""
    return (await engine.jobs.work.trigger({}, idempotency_key=key)).disposition


# ---------------------------------------------------------------------- time to live


@pytest.mark.parametrize(("elapsed_ms", "expected"), [(999, "idempotent"), (1000, "created")])
async def test_key_ends_exactly_with_its_time(
    engine: Durably, clock: FakeClock, elapsed_ms: int, expected: str
) -> None:
    await engine.jobs.work.trigger({}, idempotency_key="i", idempotency_ttl_ms=TTL_MS)
    clock.advance(elapsed_ms)
    assert await again(engine) == expected


async def test_repeated_trigger_does_not_prolong_the_key(engine: Durably, clock: FakeClock) -> None:
    for _ in range(2):
        await engine.jobs.work.trigger({}, idempotency_key="i", idempotency_ttl_ms=TTL_MS)
        clock.advance(TTL_MS // 2)
    assert await again(engine) == "created"


async def test_key_without_time_is_never_given_one(engine: Durably, clock: FakeClock) -> None:
    await engine.jobs.work.trigger({}, idempotency_key="i")
    await engine.jobs.work.trigger({}, idempotency_key="i", idempotency_ttl_ms=TTL_MS)
    clock.advance(TTL_MS)
    assert await again(engine) == "idempotent"


async def test_expired_key_stands_for_the_new_run(engine: Durably, clock: FakeClock) -> None:
    first = await engine.jobs.work.trigger({}, idempotency_key="i", idempotency_ttl_ms=TTL_MS)
    clock.advance(TTL_MS)
    second = await engine.jobs.work.trigger({}, idempotency_key="i")
    clock.advance(TTL_MS)
    third = await engine.jobs.work.trigger({}, idempotency_key="i")
    assert (third.id, third.disposition) == (second.id, "idempotent")
    assert await engine.get_run(first.id) == first.run


async def test_deleting_its_former_run_keeps_the_key(engine: Durably, clock: FakeClock) -> None:
    first = await engine.jobs.work.trigger({}, idempotency_key="i", idempotency_ttl_ms=TTL_MS)
    clock.advance(TTL_MS)
    await again(engine)
    await engine.cancel(first.id)
    await engine.delete_run(first.id)
    assert await again(engine) == "idempotent"


@pytest.mark.parametrize(("elapsed_ms", "forgotten"), [(999, 0), (1000, 1)])
async def test_maintenance_forgets_only_expired_keys(
    engine: Durably, clock: FakeClock, elapsed_ms: int, forgotten: int
) -> None:
    await engine.jobs.work.trigger({}, idempotency_key="i", idempotency_ttl_ms=TTL_MS)
    await engine.jobs.work.trigger({}, idempotency_key="kept")
    clock.advance(elapsed_ms)
    assert await engine.store.delete_expired_keys() == forgotten
    assert await again(engine) == ("created" if forgotten else "idempotent")
    assert await again(engine, "kept") == "idempotent"


@pytest.mark.parametrize("mode", ["skip", "queue"])
async def test_key_of_a_coalesced_trigger_expires(engine: Durably, clock: FakeClock, mode: Coalesce) -> None:
    await engine.jobs.work.trigger({}, concurrency_key="k", idempotency_key="first")
    options: dict[str, Any] = {"concurrency_key": "k", "coalesce": mode}
    await engine.jobs.work.trigger({}, idempotency_key="i", idempotency_ttl_ms=TTL_MS, **options)
    clock.advance(TTL_MS - 1)
    assert await again(engine) == "idempotent"
    clock.advance(1)
    assert (await again(engine), await again(engine, "first")) == ("created", "idempotent")


@pytest.mark.parametrize("ttl_ms", [0, -1, 1.5, "1000", True, 2**53], ids=repr)
async def test_impossible_time_to_live_is_refused(
    make_engine: MakeEngine, probe: StoreProbe, ttl_ms: Any
) -> None:
    engine = make_engine(make_job(nothing), store=probe.as_store)
    with pytest.raises(ValidationError, match="idempotency_ttl_ms must be a whole number"):
        await engine.jobs.work.trigger({}, idempotency_key="i", idempotency_ttl_ms=ttl_ms)
    assert probe.calls == []


async def test_time_to_live_without_key_is_refused(make_engine: MakeEngine, probe: StoreProbe) -> None:
    engine = make_engine(make_job(nothing), store=probe.as_store)
    with pytest.raises(ValidationError, match="how long an idempotency_key holds: give one"):
        await engine.jobs.work.trigger({}, idempotency_ttl_ms=TTL_MS)
    assert probe.calls == []


# ---------------------------------------------------------------------- what a key stands for


@pytest.mark.parametrize("end", ["completed", "failed", "cancelled"])
async def test_key_survives_the_end_of_its_run(make_engine: MakeEngine, end: str) -> None:
    async def body(_step: StepContext, _input: Numbers) -> None:
        if end == "failed":
            raise ValueError("no")

    engine = make_engine(make_job(body))
    first = await engine.jobs.work.trigger({}, idempotency_key="i")
    if end == "cancelled":
        await engine.cancel(first.id)
    await within(engine.process_until_idle())
    second = await engine.jobs.work.trigger({}, idempotency_key="i")
    assert (second.id, second.status, second.disposition) == (first.id, end, "idempotent")


async def test_purged_run_frees_its_key(engine: Durably, clock: FakeClock) -> None:
    await again(engine)
    await within(engine.process_until_idle())
    clock.advance(1)
    now = datetime.fromtimestamp(START_MS / 1000, UTC) + timedelta(milliseconds=1)
    assert await engine.purge_runs(older_than=now) == 1
    assert await again(engine) == "created"


@pytest.mark.parametrize("mode", ["skip", "queue"])
async def test_key_of_coalesced_trigger_stands_for_the_run(engine: Durably, mode: Coalesce) -> None:
    waiting = await engine.jobs.work.trigger({}, concurrency_key="k", idempotency_key="first")
    await engine.jobs.work.trigger({}, concurrency_key="k", coalesce=mode, idempotency_key="i")
    await within(engine.process_until_idle())
    for key in ("i", "first"):
        retry = await engine.jobs.work.trigger({}, concurrency_key="k", coalesce=mode, idempotency_key=key)
        assert (retry.id, retry.status, retry.disposition) == (waiting.id, "completed", "idempotent")
    assert len(await engine.get_runs()) == 1


@pytest.mark.parametrize("mode", ["skip", "queue"])
async def test_deleted_run_frees_all_its_keys(engine: Durably, mode: Coalesce) -> None:
    waiting = await engine.jobs.work.trigger({}, concurrency_key="k", idempotency_key="first")
    await engine.jobs.work.trigger({}, concurrency_key="k", coalesce=mode, idempotency_key="i")
    await engine.cancel(waiting.id)
    await engine.delete_run(waiting.id)
    assert (await again(engine, "first"), await again(engine, "i")) == ("created", "created")


async def test_retry_of_a_queued_trigger_replaces_nothing(engine: Durably) -> None:
    options: dict[str, Any] = {"concurrency_key": "k", "coalesce": "queue"}
    for count, key in ((1, "one"), (2, "two"), (1, "one")):
        await engine.jobs.work.trigger({"count": count}, idempotency_key=key, **options)
    [run] = await engine.get_runs()
    assert run.input == {"count": 2}


async def test_bad_input_is_reported_on_idempotent_hit(engine: Durably) -> None:
    await again(engine)
    with pytest.raises(ValidationError, match="count"):
        await engine.jobs.work.trigger({"count": "many"}, idempotency_key="i")


@pytest.mark.parametrize("labels", [{"a b": "c"}, {"a": 5}, {"": "x"}], ids=str)
async def test_bad_labels_are_reported_on_idempotent_hit(engine: Durably, labels: Any) -> None:
    await again(engine)
    with pytest.raises(ValidationError, match="label"):
        await engine.jobs.work.trigger({}, idempotency_key="i", labels=labels)


async def test_labels_model_is_enforced_on_idempotent_hit(labelled: Durably) -> None:
    await labelled.jobs.work.trigger({}, idempotency_key="i", labels={"team": "a"})
    with pytest.raises(ValidationError, match="team: Field required"):
        await labelled.jobs.work.trigger({}, idempotency_key="i")


# ---------------------------------------------------------------------- idempotency_mismatch="error"


@pytest.mark.parametrize("input", [{}, {"count": 3}, {"count": "3"}, Numbers(count=3)], ids=repr)
async def test_same_input_with_a_known_key_is_fine(strict: Durably, input: Any) -> None:
    first = await strict.jobs.work.trigger({"count": 3}, idempotency_key="i")
    second = await strict.jobs.work.trigger(input, idempotency_key="i")
    assert (second.id, second.disposition) == (first.id, "idempotent")


async def test_other_input_with_known_key_is_refused(strict: Durably) -> None:
    first = await strict.jobs.work.trigger({"count": 1}, idempotency_key="i")
    await within(strict.process_until_idle())
    with pytest.raises(ConflictError, match=f"'i' stands for the run {first.id}, .* another input"):
        await strict.jobs.work.trigger({"count": 2}, idempotency_key="i")
    assert [run.id for run in await strict.get_runs()] == [first.id]


async def test_other_labels_are_no_other_input(strict: Durably) -> None:
    await strict.jobs.work.trigger({}, idempotency_key="i", labels={"a": "b"})
    assert await again(strict) == "idempotent"


async def test_expired_key_takes_any_input(strict: Durably, clock: FakeClock) -> None:
    await strict.jobs.work.trigger({"count": 1}, idempotency_key="i", idempotency_ttl_ms=TTL_MS)
    clock.advance(TTL_MS)
    second = await strict.jobs.work.trigger({"count": 2}, idempotency_key="i")
    assert second.disposition == "created"


async def test_mismatch_undoes_the_whole_batch(strict: Durably) -> None:
    first = await strict.jobs.work.trigger({"count": 1}, idempotency_key="i")
    heard = Heard(strict)
    with pytest.raises(ConflictError, match="another input"):
        await strict.jobs.work.batch_trigger([{}, BatchItem(input={"count": 2}, idempotency_key="i")])
    assert [run.id for run in await strict.get_runs()] == [first.id]
    assert heard.types == []


async def test_mismatch_within_a_batch_writes_nothing(strict: Durably) -> None:
    with pytest.raises(ConflictError, match="another input"):
        await strict.jobs.work.batch_trigger(
            [BatchItem(input={"count": count}, idempotency_key="i") for count in (1, 2)]
        )
    assert (await strict.get_runs(), await again(strict)) == ([], "created")


# ---------------------------------------------------------------------- labels without a model


@pytest.mark.parametrize(
    "labels",
    [{"a": ""}, {"app.kubernetes.io/name": "x"}, {"A-z_0.9/": "x"}, {"a" * 256: "x"}, {"a": "naïve 🙂\n'; --"}],
    ids=lambda labels: str(labels)[:30],
)
async def test_good_labels_are_stored_and_found(engine: Durably, labels: dict[str, str]) -> None:
    triggered = await engine.jobs.work.trigger({}, labels=labels)
    assert (await ended(engine, triggered.id)).labels == labels
    assert [run.id for run in await engine.get_runs(labels=labels)] == [triggered.id]


@pytest.mark.parametrize(
    "labels", [{"a\n": "x"}, {"a:b": "x"}, {"a@b": "x"}, {5: "x"}, {"a": None}, [("a", "b")], "a=b"], ids=repr
)
async def test_impossible_labels_are_refused(make_engine: MakeEngine, probe: StoreProbe, labels: Any) -> None:
    engine = make_engine(make_job(nothing), store=probe.as_store)
    with pytest.raises(ValidationError, match="label"):
        await engine.jobs.work.trigger({}, labels=labels)
    assert probe.calls == []


async def test_labels_may_be_an_instance_without_model(engine: Durably) -> None:
    triggered = await engine.jobs.work.trigger({}, labels=Labels(team="a"))
    assert triggered.run.labels == {"team": "a", "region": "eu"}


# ---------------------------------------------------------------------- labels with a model


@pytest.mark.parametrize("labels", [{"team": "a"}, Labels(team="a")], ids=["mapping", "instance"])
async def test_defaults_of_the_labels_model_apply(labelled: Durably, labels: Any) -> None:
    triggered = await labelled.jobs.work.trigger({}, labels=labels)
    assert (await ended(labelled, triggered.id)).labels == {"team": "a", "region": "eu"}


async def test_default_labels_apply_without_any_given(make_engine: MakeEngine) -> None:
    engine = make_engine(make_job(nothing), labels=create_model("Labels", region=(str, "eu")))
    triggered = await engine.jobs.work.trigger({})
    assert [run.id for run in await engine.get_runs(labels={"region": "eu"})] == [triggered.id]


@pytest.mark.parametrize("labels", [None, {}, {"region": "us"}], ids=str)
async def test_required_label_is_enforced_and_named(
    make_engine: MakeEngine, probe: StoreProbe, labels: Any
) -> None:
    engine = make_engine(make_job(nothing), labels=Labels, store=probe.as_store)
    with pytest.raises(
        ValidationError, match=r"^The labels do not fit the engine's labels model: team: Field required"
    ) as refused:
        await engine.jobs.work.trigger({}, labels=labels)
    assert [issue.path for issue in refused.value.issues] == [("team",)]
    assert probe.calls == []


async def test_bad_label_of_a_batch_names_item_and_field(labelled: Durably) -> None:
    good: BatchItem[Any] = BatchItem(input={}, labels={"team": "a"})
    with pytest.raises(ValidationError, match=r"^Item 1 of the batch: The labels do not fit .* team:"):
        await labelled.jobs.work.batch_trigger([good, {}])
    assert await labelled.get_runs() == []


@pytest.mark.parametrize(
    ("annotation", "value", "text"),
    [
        (int, 5, "5"),
        (int, "5", "5"),
        (bool, True, "true"),
        (bool, "no", "false"),
        (float, 1, "1.0"),
        (Colour, "red", "red"),
        (Colour, Colour.RED, "red"),
        (Level, Level.HIGH, "3"),
        (date, "2026-01-02", "2026-01-02"),
        (UUID, UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (str, "", ""),
    ],
    ids=repr,
)
async def test_label_is_stored_as_its_json_text(
    make_engine: MakeEngine, annotation: Any, value: Any, text: str
) -> None:
    engine = make_engine(make_job(nothing), labels=create_model("Labels", x=(annotation, ...)))
    triggered = await engine.jobs.work.trigger({}, labels={"x": value})
    assert (await ended(engine, triggered.id)).labels == {"x": text}
    assert len(await engine.get_runs(labels={"x": text})) == 1


async def test_absent_optional_label_is_left_out(make_engine: MakeEngine) -> None:
    model = create_model("Labels", team=(str, ...), note=(str | None, None))
    engine = make_engine(make_job(nothing), labels=model)
    assert (await engine.jobs.work.trigger({}, labels={"team": "a"})).run.labels == {"team": "a"}


@pytest.mark.parametrize(
    ("annotation", "value"), [(list[str], ["a"]), (dict[str, str], {"a": "b"}), (Numbers, {})], ids=str
)
async def test_label_that_is_no_text_is_refused(make_engine: MakeEngine, annotation: Any, value: Any) -> None:
    engine = make_engine(make_job(nothing), labels=create_model("Labels", x=(annotation, ...)))
    with pytest.raises(ValidationError, match="The label 'x' must have a text as its value"):
        await engine.jobs.work.trigger({}, labels={"x": value})


@pytest.mark.parametrize(
    ("extra", "expected"), [("ignore", {"team": "a"}), ("allow", {"team": "a", "more": "5"})]
)
async def test_extra_labels_are_as_the_model_says(
    make_engine: MakeEngine, extra: Any, expected: dict[str, str]
) -> None:
    model = create_model("Labels", __config__=ConfigDict(extra=extra), team=(str, ...))
    engine = make_engine(make_job(nothing), labels=model)
    assert (await engine.jobs.work.trigger({}, labels={"team": "a", "more": 5})).run.labels == expected


async def test_forbidden_extra_label_is_named(make_engine: MakeEngine) -> None:
    model = create_model("Labels", __config__=ConfigDict(extra="forbid"), team=(str, ...))
    engine = make_engine(make_job(nothing), labels=model)
    with pytest.raises(ValidationError, match="more: Extra inputs are not permitted"):
        await engine.jobs.work.trigger({}, labels={"team": "a", "more": "b"})


async def test_extra_label_key_must_be_possible(make_engine: MakeEngine) -> None:
    model = create_model("Labels", __config__=ConfigDict(extra="allow"))
    engine = make_engine(make_job(nothing), labels=model)
    with pytest.raises(ValidationError, match="The label key 'a b'"):
        await engine.jobs.work.trigger({}, labels={"a b": "c"})


async def test_sentence_of_a_labels_validator_arrives(make_engine: MakeEngine) -> None:
    class Picky(BaseModel):
        team: str

        @model_validator(mode="after")
        def check(self) -> "Picky":
            raise ValueError("No team works on Sundays.")

    engine = make_engine(make_job(nothing), labels=Picky)
    with pytest.raises(ValidationError, match=r"^The labels do not fit .* model: No team works on Sundays\.$"):
        await engine.jobs.work.trigger({}, labels={"team": "a"})


async def test_queued_trigger_needs_valid_labels(labelled: Durably) -> None:
    waiting = await labelled.jobs.work.trigger({}, concurrency_key="k", labels={"team": "a"})
    with pytest.raises(ValidationError, match="team: Field required"):
        await labelled.jobs.work.trigger({}, concurrency_key="k", coalesce="queue")
    assert await ended(labelled, waiting.id) == waiting.run


async def test_job_sees_what_the_model_made(make_engine: MakeEngine) -> None:
    seen: list[dict[str, str]] = []

    async def body(step: StepContext, _input: Numbers) -> None:
        seen.append(step.labels)

    engine = make_engine(make_job(body), labels=Labels)
    heard = Heard(engine)
    await engine.jobs.work.trigger({}, labels={"team": "a"})
    await within(engine.process_one())
    assert [*seen, heard.events[0].labels] == [{"team": "a", "region": "eu"}] * 2


@pytest.mark.parametrize("mode", ["skip", "queue"])
async def test_same_coalesced_trigger_may_be_retried(make_engine: MakeEngine, mode: Any) -> None:
    engine = make_engine(make_job(nothing), idempotency_mismatch="error")
    dispositions = []
    for count, key in ((1, "one"), (2, "two")) * 2:
        run = await engine.jobs.work.trigger(
            {"count": count}, idempotency_key=key, concurrency_key="k", coalesce=mode
        )
        dispositions.append(run.disposition)
    assert dispositions == ["created", "coalesced", "idempotent", "idempotent"]


async def test_mismatch_of_a_batch_names_its_item(make_engine: MakeEngine) -> None:
    engine = make_engine(make_job(nothing), idempotency_mismatch="error")
    with pytest.raises(ConflictError, match=r"^Item 1 of the batch"):
        await engine.jobs.work.batch_trigger(
            [BatchItem(input={"count": count}, idempotency_key="i") for count in (1, 2)]
        )


class NotANumber(BaseModel):
    model_config = ConfigDict(ser_json_inf_nan="constants")
    value: float


async def test_nan_is_the_same_input(make_engine: MakeEngine) -> None:
    engine = make_engine(make_job(nothing, input=NotANumber), idempotency_mismatch="error")
    await engine.jobs.work.trigger({"value": float("nan")}, idempotency_key="i")
    again = await engine.jobs.work.trigger({"value": float("nan")}, idempotency_key="i")
    assert again.disposition == "idempotent"


async def test_order_of_keys_makes_no_other_input(make_engine: MakeEngine) -> None:
    engine = make_engine(make_job(nothing, input=Anything), idempotency_mismatch="error")
    await engine.jobs.work.trigger({"value": {"a": 1, "b": 2}}, idempotency_key="i")
    again = await engine.jobs.work.trigger({"value": {"b": 2, "a": 1}}, idempotency_key="i")
    assert again.disposition == "idempotent"


class Anything(BaseModel):
    value: Any


class Aliased(BaseModel):
    name: str = Field(alias="app.kubernetes.io/name")


async def test_aliased_label_is_found_by_its_alias(make_engine: MakeEngine) -> None:
    engine = make_engine(make_job(nothing), labels=Aliased)
    labels = {"app.kubernetes.io/name": "web"}
    triggered = await engine.jobs.work.trigger({}, labels=labels)
    assert triggered.run.labels == labels
    assert [run.id for run in await engine.get_runs(labels=labels)] == [triggered.id]
