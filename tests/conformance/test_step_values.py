"""A step's result has the same value and type on the first run and on replay."""

import asyncio
import enum
import functools
import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

import pytest
from pydantic import BaseModel, ConfigDict, Field, computed_field
from pydantic.alias_generators import to_camel

from durably_core import StepContext
from tests.conftest import Gate, MakeEngine, Numbers, die, ended, make_job, run_to_end, within


class Colour(enum.Enum):
    RED = "red"


class Level(enum.IntEnum):
    HIGH = 3


@dataclass(frozen=True)
class Point:
    x: int
    y: float


class Pair(NamedTuple):
    left: str
    right: int


class Model(BaseModel):
    when: datetime
    tags: set[str]
    point: Point


class Camel(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel)
    file_name: str
    inner: list[Numbers] = Field(default_factory=list)


class Square(BaseModel):
    model_config = ConfigDict(extra="forbid")
    side: int

    @computed_field  # type: ignore[prop-decorator]  # pydantic's documented use
    @property
    def area(self) -> int:
        return self.side**2


def returns(annotation: Any, value: Any) -> Callable[[], Any]:
    """A function that is annotated so and returns that."""

    def function() -> Any:
        return value

    function.__annotations__["return"] = annotation
    return function


async def twice(make_engine: MakeEngine, function: Callable[[], Any]) -> list[Any]:
    """What job code sees on the first run and, after a crash, on replay."""
    seen: list[Any] = []
    gate = Gate()

    async def body(step: StepContext, _input: Numbers) -> None:
        seen.append(await step.run("value", function))
        await step.run("wait", gate)

    engine = make_engine(make_job(body), exclusive=True)
    await engine.jobs.work.trigger({})
    executing = asyncio.create_task(engine.process_one())
    await gate.until_reached()
    await die(executing)
    gate.open()
    second = make_engine(make_job(body), exclusive=True)
    await second.migrate()
    assert await within(second.process_one())
    return seen


MOMENT = datetime(2026, 2, 3, 4, 5, 6, 789012, tzinfo=UTC)

TYPED = [
    (Model, Model(when=MOMENT, tags={"a"}, point=Point(1, 2.5))),
    (list[Model], [Model(when=MOMENT, tags=set(), point=Point(1, 2.5))]),
    (Point, Point(1, 2.5)),
    (datetime, MOMENT),
    (datetime, MOMENT.replace(tzinfo=None)),
    (date, date(2026, 2, 3)),
    (time, time(4, 5, 6)),
    (timedelta, timedelta(days=1, milliseconds=5)),
    (Colour, Colour.RED),
    (Level, Level.HIGH),
    (bytes, b"\xff\x00binary"),
    (dict[str, bytes], {"a": b"\xff"}),
    (set[int], {1, 2, 3}),
    (frozenset[str], frozenset({"a"})),
    (tuple[int, str], (1, "a")),
    (tuple[int, ...], (1, 2)),
    (dict[int, str], {1: "a"}),
    (Pair, Pair("a", 1)),
    (Decimal, Decimal("1.10")),
    (UUID, UUID(int=5)),
    (float, 3),
    (int | None, None),
    (Camel, Camel(fileName="a.csv", inner=[Numbers(count=1)])),
    (list[Camel], [Camel(fileName="a.csv")]),
    (Square, Square(side=3)),
]


@pytest.mark.parametrize(("annotation", "value"), TYPED, ids=[str(item[0]) for item in TYPED])
async def test_annotated_result_survives_a_crash(make_engine: MakeEngine, annotation: Any, value: Any) -> None:
    first, replayed = await twice(make_engine, returns(annotation, value))
    assert (first, replayed) == (value, value)
    assert type(first) is type(replayed)
    assert annotation is not float or type(first) is float


UNTYPED = [
    (None, None),
    (True, True),
    (2**80, 2**80),
    (0.1, 0.1),
    ("é\n\x00☃", "é\n\x00☃"),
    ([1, {"a": None}], [1, {"a": None}]),
    ((1, 2), [1, 2]),
    ({1: "a"}, {"1": "a"}),
    (MOMENT, "2026-02-03T04:05:06.789012Z"),
    (Point(1, 2.5), {"x": 1, "y": 2.5}),
    (Colour.RED, "red"),
    (b"text", "text"),
]


@pytest.mark.parametrize(("value", "expected"), UNTYPED, ids=[repr(item[0]) for item in UNTYPED])
async def test_unannotated_result_is_json_both_times(
    make_engine: MakeEngine, value: Any, expected: Any
) -> None:
    first, replayed = await twice(make_engine, lambda: value)
    assert (first, replayed) == (expected, expected)
    assert type(first) is type(replayed)


@pytest.mark.parametrize("annotation", [Any, float, list[float]])
async def test_nan_stays_nan_both_times(make_engine: MakeEngine, annotation: Any) -> None:
    value = [math.nan, math.inf] if annotation == list[float] else math.nan
    first, replayed = await twice(make_engine, returns(annotation, value))
    assert repr(first) == repr(replayed) == repr(value)


async def test_async_functions_annotation_counts(make_engine: MakeEngine) -> None:
    async def function() -> tuple[int, int]:
        return (1, 2)

    assert await twice(make_engine, function) == [(1, 2), (1, 2)]


async def test_partial_of_annotated_function_counts(make_engine: MakeEngine) -> None:
    def function(item: int) -> set[int]:
        return {item}

    assert await twice(make_engine, functools.partial(function, 4)) == [{4}, {4}]


async def test_annotation_of_bound_method_counts(make_engine: MakeEngine) -> None:
    class Reader:
        def read(self) -> Point:
            return Point(1, 2.0)

    assert await twice(make_engine, Reader().read) == [Point(1, 2.0), Point(1, 2.0)]


async def test_callable_object_can_be_a_step(make_engine: MakeEngine) -> None:
    @dataclass
    class Reader:
        size: int

        def __call__(self) -> int:
            return self.size

    assert await twice(make_engine, Reader(5)) == [5, 5]


async def test_result_is_a_copy_not_the_object(make_engine: MakeEngine) -> None:
    kept: list[list[int]] = []

    def function() -> list[int]:
        kept.append([1])
        return kept[0]

    first, _ = await twice(make_engine, function)
    assert first == kept[0]
    assert first is not kept[0]


async def failing_with(make_engine: MakeEngine, function: Callable[[], Any]) -> tuple[str, str | None]:
    async def body(step: StepContext, _input: Numbers) -> None:
        await step.run("value", function)

    run = await run_to_end(make_engine(job := make_job(body)), job)
    assert run.error is not None
    return run.error.message, run.failed_step_name


def cycle() -> list[Any]:
    items: list[Any] = []
    items.append(items)
    return items


@pytest.mark.parametrize(
    "function",
    [lambda: object(), cycle, lambda: b"\xff", lambda: "\udcff", returns(int, "text"), lambda: {"a": "\ud800"}],
    ids=["object", "cycle", "bytes", "surrogate", "other-type", "nested-surrogate"],
)
async def test_unserialisable_result_fails_the_step(
    make_engine: MakeEngine, function: Callable[[], Any]
) -> None:
    message, step_name = await failing_with(make_engine, function)
    assert message.startswith("The result can't be stored:")
    assert step_name == "value"


async def test_changed_annotation_is_explained(make_engine: MakeEngine) -> None:
    gate = Gate()

    def job_returning(annotation: Any, value: Any) -> Any:
        async def body(step: StepContext, _input: Numbers) -> None:
            await step.run("value", returns(annotation, value))
            await step.run("wait", gate)

        return make_job(body)

    engine = make_engine(job_returning(str, "text"), exclusive=True)
    triggered = await engine.jobs.work.trigger({})
    executing = asyncio.create_task(engine.process_one())
    await gate.until_reached()
    await die(executing)
    second = make_engine(job_returning(int, 5), exclusive=True)
    await second.migrate()
    await within(second.process_one())
    run = await ended(second, triggered.id)
    assert run.error is not None
    assert run.error.message.startswith("Step 'value': A stored result no longer fits")
