"""What goes into a run and what comes out of it is validated by the job's models."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from pydantic import BaseModel, ConfigDict, Field, computed_field
from pydantic.alias_generators import to_camel

from durably_core import Run, StepContext, ValidationError
from tests.conftest import MakeEngine, Numbers, Total, ended, make_job, nothing, run_to_end, within


class Row(BaseModel):
    size: int = Field(ge=0)


class Table(BaseModel):
    title: str
    rows: list[Row]


async def echo(step: StepContext, input: Any) -> Any:
    return input


async def run_through(make_engine: MakeEngine, model: type[BaseModel], value: Any) -> Run:
    job = make_job(echo, input=model, output=model)
    return await run_to_end(make_engine(job), job, value)


async def test_bad_input_is_refused_with_its_path(make_engine: MakeEngine) -> None:
    engine = make_engine(make_job(nothing, input=Table))
    with pytest.raises(ValidationError) as refused:
        await engine.jobs.work.trigger({"title": "t", "rows": [{"size": 1}, {"size": -1}]})
    assert [issue.path for issue in refused.value.issues] == [("rows", 1, "size")]
    assert "rows.1.size" in refused.value.message


async def test_every_fault_of_an_input_is_listed(make_engine: MakeEngine) -> None:
    engine = make_engine(make_job(nothing, input=Table))
    with pytest.raises(ValidationError) as refused:
        await engine.jobs.work.trigger({"rows": [{}]})
    assert {issue.path for issue in refused.value.issues} == {("title",), ("rows", 0, "size")}


async def test_refused_trigger_leaves_no_run(make_engine: MakeEngine) -> None:
    engine = make_engine(make_job(nothing))
    with pytest.raises(ValidationError):
        await engine.jobs.work.trigger({"count": "many"})
    assert await engine.get_runs() == []


@pytest.mark.parametrize("value", [None, 5, "text", []])
async def test_input_must_be_an_object(make_engine: MakeEngine, value: Any) -> None:
    engine = make_engine(make_job(nothing))
    with pytest.raises(ValidationError):
        await engine.jobs.work.trigger(value)


async def test_defaults_of_the_model_are_stored(make_engine: MakeEngine) -> None:
    engine = make_engine(make_job(nothing))
    triggered = await engine.jobs.work.trigger({})
    assert (await ended(engine, triggered.id)).input == {"count": 3}


async def test_input_may_be_an_instance(make_engine: MakeEngine) -> None:
    engine = make_engine(make_job(nothing))
    triggered = await engine.jobs.work.trigger(Numbers(count=9))
    assert (await ended(engine, triggered.id)).input == {"count": 9}


async def test_job_receives_an_instance_of_its_model(make_engine: MakeEngine) -> None:
    received: list[object] = []

    async def body(_step: StepContext, input: Table) -> None:
        received.append(input)

    await run_to_end(
        make_engine(job := make_job(body, input=Table)), job, {"title": "t", "rows": [{"size": 1}]}
    )
    assert received == [Table(title="t", rows=[Row(size=1)])]


async def test_output_of_the_wrong_shape_fails_the_run(make_engine: MakeEngine) -> None:
    async def body(_step: StepContext, _input: Numbers) -> Any:
        return {"total": "much"}

    run = await run_to_end(make_engine(job := make_job(body, output=Total)), job)
    assert (run.status, run.output) == ("failed", None)
    assert run.error is not None
    assert run.error.message.startswith("The output of 'work' is not valid: total:")


async def test_output_without_a_model_fails_the_run(make_engine: MakeEngine) -> None:
    async def body(_step: StepContext, _input: Numbers) -> Any:
        return 5

    run = await run_to_end(make_engine(job := make_job(body)), job)
    assert run.error is not None
    assert "has no output model" in run.error.message


async def test_a_mapping_is_good_enough_as_output(make_engine: MakeEngine) -> None:
    async def body(_step: StepContext, _input: Numbers) -> Any:
        return {"total": 3}

    assert (await run_to_end(make_engine(job := make_job(body, output=Total)), job)).output == {"total": 3}


class Aliased(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel)
    file_name: str


class Strict(BaseModel):
    model_config = ConfigDict(strict=True)
    when: datetime
    id: UUID


class Computed(BaseModel):
    model_config = ConfigDict(extra="forbid")
    side: int

    @computed_field  # type: ignore[prop-decorator]  # pydantic's documented use
    @property
    def area(self) -> int:
        return self.side**2


class Measured(BaseModel):
    model_config = ConfigDict(ser_json_inf_nan="constants")
    value: float


async def test_model_with_aliases_goes_through(make_engine: MakeEngine) -> None:
    assert (await run_through(make_engine, Aliased, {"fileName": "a.csv"})).status == "completed"


async def test_strict_model_goes_through(make_engine: MakeEngine) -> None:
    value = Strict(when=datetime(2026, 1, 1, tzinfo=UTC), id=uuid4())
    assert (await run_through(make_engine, Strict, value)).error is None


async def test_model_with_computed_field_goes_through(make_engine: MakeEngine) -> None:
    run = await run_through(make_engine, Computed, {"side": 3})
    assert (run.error, run.output) == (None, {"side": 3, "area": 9})


async def test_infinite_number_goes_through(make_engine: MakeEngine) -> None:
    run = await run_through(make_engine, Measured, {"value": float("inf")})
    assert (run.error, run.output) == (None, {"value": float("inf")})


async def test_unknown_job_attribute_names_the_known(make_engine: MakeEngine) -> None:
    with pytest.raises(AttributeError, match="registered: work"):
        _ = make_engine(make_job(nothing)).jobs.other


@pytest.mark.parametrize("key", ["", 5, "\ud800"])
async def test_bad_keys_are_refused_clearly(make_engine: MakeEngine, key: Any) -> None:
    engine = make_engine(make_job(nothing))
    with pytest.raises(ValidationError, match="idempotency_key"):
        await engine.jobs.work.trigger({}, idempotency_key=key)
    with pytest.raises(ValidationError, match="concurrency_key"):
        await engine.jobs.work.trigger({}, concurrency_key=key)


@pytest.mark.parametrize(
    "labels", [{"": "x"}, {"a b": "x"}, {"a": 5}, {"é": "x"}, {"a" * 257: "x"}, {"a": "\ud800"}]
)
async def test_bad_labels_are_refused(make_engine: MakeEngine, labels: Any) -> None:
    engine = make_engine(make_job(nothing))
    with pytest.raises(ValidationError, match="label"):
        await within(engine.jobs.work.trigger({}, labels=labels))
