"""Jobs whose models have everything that types must get right. ``usage.ts`` says what that is."""

import enum
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Generic, Literal, NamedTuple, NotRequired, TypeVar
from uuid import UUID

import other_models  # type: ignore[import-not-found]  # beside this file, as Python finds it
from pydantic import BaseModel, ConfigDict, Field, JsonValue, RootModel, computed_field
from pydantic.alias_generators import to_camel
from typing_extensions import TypeAliasType, TypedDict

from durably_core import StepContext, job

T = TypeVar("T")
K = TypeVar("K")


class Color(enum.StrEnum):
    """What a thing looks like."""

    RED = "red"
    QUOTED = 'it\'s "quoted" \\ */'


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Named(BaseModel):
    name: str


class Address(Named):
    """Where somebody lives."""

    street: str = Field(description="With its number.")
    country: str = Field(default="CH", min_length=2, max_length=2)


class Scalars(BaseModel):
    text: str
    whole: int
    number: float
    flag: bool
    nothing: None
    anything: Any
    documented_anything: Any = Field(default=True, description="Whatever it is.")
    some_json: JsonValue
    raw: bytes


class Numbers(BaseModel):
    share: float = Field(ge=0, le=1)
    strict_share: float = Field(gt=0, lt=1, description="Neither nothing nor all.")
    even: int = Field(default=2, multiple_of=2)
    maybe_positive: int | None = Field(default=None, gt=0)


class Formats(BaseModel):
    when: datetime
    day: date
    at: time
    lasts: timedelta
    id: UUID
    price: Decimal
    path: Path
    days: list[date]
    by_day: dict[str, datetime | None]


class Optionals(BaseModel):
    required_nullable: str | None
    optional: str = "x"
    optional_nullable: str | None = None
    made: list[str] = Field(default_factory=list)
    nested: Address | None = None
    color: Color = Color.RED


class Collections(BaseModel):
    names: list[str] = Field(min_length=1, max_length=3)
    tags: set[str]
    by_name: dict[str, Address]
    by_number: dict[int, int]
    lists: list[list[Address | None]]
    colors: list[Color]
    modes: list[Literal["a", "b"]]
    untyped: list[Any]
    record: dict[str, Any]


class Corner(NamedTuple):
    x: int
    y: int = 0


class Tuples(BaseModel):
    pair: tuple[int, str]
    many: tuple[int, ...]
    points: list[tuple[float, float]]
    corner: Corner
    people: tuple[Named, Address | None]


class Cat(BaseModel):
    kind: Literal["cat"]
    lives: int


class Dog(BaseModel):
    kind: Literal["dog", "wolf"] = "dog"
    tricks: list[str] = []


Pet = Annotated[Cat | Dog, Field(discriminator="kind")]


class Unions(BaseModel):
    pet: Pet
    pets: list[Pet] = Field(default=[], description="More of them.")
    maybe_pet: Pet | None = None
    id: int | str
    mode: Literal["fast", "slow", 3, True, None]
    level: Level
    color: Color = Field(description="The color at the start.")


class Node(BaseModel):
    """A tree."""

    value: int
    children: list["Node"] = []
    parent: "Node | None" = None


class Page(BaseModel, Generic[T]):
    items: list[T]
    next: str | None = None


class Pair(BaseModel, Generic[K, T]):
    key: K
    value: T


class Closed(BaseModel):
    model_config = ConfigDict(extra="forbid")
    a: int


class Open(BaseModel):
    model_config = ConfigDict(extra="allow")
    a: int


class Empty(BaseModel):
    pass


class Aliased(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel)
    file_name: str
    special: int = Field(alias="is-special")


class AliasedOutput(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, serialize_by_alias=True)
    file_name: str
    plain: Aliased


class Options(TypedDict):
    verbose: bool
    depth: NotRequired[int]


@dataclass
class Point:
    """A place on the map."""

    x: int
    y: int = 0


class Celsius(RootModel[float]):
    """Degrees."""


class Tags(RootModel[list[str]]): ...


class ByColor(RootModel[dict[Color, int]]): ...


Tree = TypeAliasType("Tree", "dict[str, Tree] | list[Tree] | int")


class Odd(BaseModel):
    """Ends a comment */ and ${more} than `that`.

    A second paragraph.
    """

    model_config = ConfigDict(title="Odd one */")
    a_b: int = Field(alias="no identifier'\"", description="Ends */ too.")
    length: str = "*/"
    properties: dict[str, int] = {}
    default: Named | None = None
    ref: str = Field(alias="$ref", default="")
    enum: Literal["'", '"', "`", "\\", "\n", "*/"] = "'"
    old: int = Field(default=0, deprecated=True, description="Use length.")
    titled: int = Field(default=0, title="A title that is no type")


class Jobs(BaseModel):
    """Has the name of the interface of all jobs."""

    a: int


class Renamed2d(BaseModel):
    a: int


class My_Model(BaseModel):  # noqa: N801 - what a class may be named
    a: int


class MyModel(BaseModel):
    b: int


class SelfMade(BaseModel):
    a: int

    @classmethod
    def __get_pydantic_json_schema__(cls, *_: Any) -> dict[str, Any]:
        return {"type": "object", "properties": {"made": {"type": ["string", "null"]}}, "required": ["made"]}


class Everything(BaseModel):
    """Every kind of model there is."""

    scalars: Scalars
    numbers: Numbers
    formats: Formats
    optionals: Optionals
    collections: Collections
    tuples: Tuples
    unions: Unions
    node: Node
    page: Page[Address]
    ids: Page[int]
    pair: Pair[str, Page[Address]]
    closed: Closed
    open: Open
    empty: Empty
    aliased: Aliased
    options: Options
    point: Point
    celsius: Celsius
    tags: Tags
    by_color: ByColor
    tree: Tree
    odd: Odd
    jobs: Jobs
    digits: Renamed2d
    underscored: My_Model
    joined: MyModel
    mine: Named
    theirs: other_models.Named


class Result(BaseModel):
    given: Everything
    aliased: AliasedOutput
    inner_secret: str = Field(default="x", exclude=True)

    @computed_field(description="How much there is.")  # type: ignore[prop-decorator]  # pydantic's documented use
    @property
    def total(self) -> int:
        return 1


@job("do-everything")
async def do_everything(step: StepContext, input: Everything) -> Result:
    """Does everything */ at once."""
    aliased = AliasedOutput(fileName="a", plain=input.aliased)
    return Result(given=input, aliased=aliased)


@job("quiet")
async def quiet(step: StepContext, input: Empty) -> None: ...


@job('it\'s "quoted" `here` */ \\')
async def quoted(step: StepContext, input: SelfMade) -> Named:
    return Named(name="x")


@job("quoted")
async def named_like_a_variable(step: StepContext, input: Empty) -> None: ...


same_job = quiet
