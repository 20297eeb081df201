"""What a job is: a name, a function, and the pydantic models of what goes in and comes out."""

import inspect
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast, get_type_hints

import pydantic
import pydantic_core
from pydantic import BaseModel

from durably_core.errors import ValidationError
from durably_core.stopping import MAX_TIMEOUT_MS, is_timeout
from durably_core.values import faults, one_line, refuse_lost_nan

if TYPE_CHECKING:
    from durably_core.step import StepContext

In = TypeVar("In", bound=BaseModel)
M = TypeVar("M", bound=BaseModel)
Out = TypeVar("Out", bound=BaseModel | None)

JobFunction = Callable[["StepContext", In], Awaitable[Out]]


@dataclass(frozen=True, kw_only=True, eq=False)
class Job(Generic[In, Out]):
    """A job's definition. Calling it calls its function."""

    name: str
    input: type[In]
    output: type[BaseModel] | None
    run: JobFunction[In, Out]
    timeout_ms: int | None = None
    """How long one attempt at a run may execute; None: for ever."""

    def __call__(self, step: "StepContext", input: In) -> Awaitable[Out]:
        return self.run(step, input)

    def validate_input(self, value: Any) -> In:
        """``value`` (a mapping or an instance) as the input model. Raises ``ValidationError``."""
        return self._valid("input", lambda: self.input.model_validate(value))

    def dump_input(self, input: In) -> str:
        """JSON text of a validated input. Raises ``ValidationError`` for what JSON can't hold."""
        return self._dump("input", input, round_trip=True)

    def load_input(self, stored: Any) -> In:
        """The input behind a stored JSON value. Raises ``ValidationError`` when it no longer fits the model."""
        # As JSON, for strict models; by name, because that is how fields are stored.
        text = pydantic_core.to_json(stored, inf_nan_mode="constants")
        return self._valid("input", lambda: self.input.model_validate_json(text, by_alias=True, by_name=True))

    def dump_output(self, value: Any) -> str | None:
        """JSON text of what the function returned, if it fits the output model. Raises ``ValidationError``."""
        model = self.output
        if model is None:
            if value is not None:
                raise ValidationError(
                    f"{self.name!r} returned {type(value).__name__} but has no output model: "
                    "annotate the function's return type with a pydantic model."
                )
            return None
        # Not a round trip: clients see what the model computes from its fields, too.
        return self._dump("output", self._valid("output", lambda: model.model_validate(value)))

    def load_output(self, stored: Any) -> Out:
        """The output behind a stored JSON value. Raises ``ValidationError`` when it no longer fits."""
        model = self.output
        if model is None:
            return cast("Out", None)
        text = pydantic_core.to_json(stored, inf_nan_mode="constants")
        # What the model computes is in there, too, and is no field.
        return cast(
            "Out",
            self._valid(
                "output",
                lambda: model.model_validate_json(text, by_alias=True, by_name=True, extra="ignore"),
            ),
        )

    def _dump(self, role: str, value: BaseModel, *, round_trip: bool = False) -> str:
        try:
            text = value.model_dump_json(round_trip=round_trip)
            refuse_lost_nan(text, lambda: value.model_dump(round_trip=round_trip))
            return text
        except (pydantic_core.PydanticSerializationError, ValueError, RecursionError) as error:
            raise ValidationError(f"The {role} of {self.name!r} can't be stored: {error}") from error

    def _valid(self, role: str, validate: Callable[[], M]) -> M:
        try:
            return validate()
        except pydantic.ValidationError as error:
            raise explained(f"The {role} of {self.name!r} is not valid", error) from error

    def to_wire(self) -> dict[str, Any]:
        """Name, description and JSON schemas, for forms and generated types."""
        return {
            "name": self.name,
            "description": inspect.getdoc(self.run),
            "inputSchema": self.input.model_json_schema(),
            "outputSchema": None
            if self.output is None
            else self.output.model_json_schema(mode="serialization"),
        }


def job_infos(jobs: Mapping[str, Job[Any, Any]]) -> list[dict[str, Any]]:
    """What clients are told of jobs: each as its ``to_wire``, and the ``keys`` under which it is registered."""
    keys: dict[str, list[str]] = {}
    for key, job in jobs.items():
        keys.setdefault(job.name, []).append(key)
    by_name = {job.name: job for job in jobs.values()}
    return [{**by_name[name].to_wire(), "keys": found} for name, found in keys.items()]


def job(name: str, *, timeout_ms: int | None = None) -> Callable[[JobFunction[In, Out]], Job[In, Out]]:
    """Make a job of an async function ``(step: StepContext, input: Model) -> Model | None``.

    The models come from the annotations. ``timeout_ms``: how long one attempt at a run may execute; then
    its code is stopped, and the run has failed with ``RunTimeoutError``.
    """

    def decorate(function: JobFunction[In, Out]) -> Job[In, Out]:
        hints = get_type_hints(function)
        parameters = list(inspect.signature(function).parameters)
        if len(parameters) != 2 or parameters[1] not in hints:
            raise TypeError(
                f"The job {name!r} must be a function of two parameters, the second annotated with its "
                "input model: async def fn(step: StepContext, input: MyInput) -> MyOutput"
            )
        output = hints.get("return")
        if output is type(None):
            output = None
        return define_job(
            name=name, input=hints[parameters[1]], output=output, run=function, timeout_ms=timeout_ms
        )

    return decorate


def define_job(
    *,
    name: str,
    input: type[In],
    output: type[BaseModel] | None = None,
    run: JobFunction[In, Out],
    timeout_ms: int | None = None,
) -> Job[In, Out]:
    """Make a job without the decorator. Raises ``TypeError`` for what can't be a job."""
    if not name or not isinstance(name, str):
        raise TypeError("A job needs a name.")
    if not inspect.iscoroutinefunction(run):
        raise TypeError(f"The function of the job {name!r} must be async: async def {_name(run)}(step, input)")
    for role, model in (("input", input), ("output", output)):
        optional = role == "output" and model is None
        if not optional and not (isinstance(model, type) and issubclass(model, BaseModel)):
            raise TypeError(f"The {role} of the job {name!r} must be a pydantic model, not {model!r}.")
    if timeout_ms is not None and not is_timeout(timeout_ms):
        raise TypeError(
            f"timeout_ms of the job {name!r} must be a whole number of milliseconds from 1 to "
            f"{MAX_TIMEOUT_MS}, not {timeout_ms!r}."
        )
    return Job(name=name, input=input, output=output, run=run, timeout_ms=timeout_ms)


def collect_jobs(module: ModuleType) -> dict[str, Job[Any, Any]]:
    """The jobs that a module defines or imports, by the name of their variable.

    Raises ``ValidationError`` when there is none.
    """
    jobs = {key: value for key, value in vars(module).items() if isinstance(value, Job)}
    if not jobs:
        raise ValidationError(
            f"{module.__name__} defines no job. Decorate an async function with @job('its-name')."
        )
    return jobs


def by_name(jobs: Mapping[str, Job[Any, Any]]) -> dict[str, Job[Any, Any]]:
    """The same jobs by job name. Raises ``ValidationError`` when two of them share a name."""
    named: dict[str, Job[Any, Any]] = {}
    for definition in jobs.values():
        if named.setdefault(definition.name, definition) is not definition:
            raise ValidationError(f"Two jobs are named {definition.name!r}: rename one of them.")
    return named


def explained(sentence: str, error: pydantic.ValidationError) -> ValidationError:
    """The engine's error for pydantic's: the sentence, then each fault and where it is."""
    issues = tuple(faults(error))
    return ValidationError(f"{sentence}: {one_line(issues)}", issues)


def _name(function: Any) -> str:
    return str(getattr(function, "__name__", "fn"))
