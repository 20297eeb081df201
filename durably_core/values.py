"""Values on their way to disk and back.

A step's result has the same value and type on the first run and on replay, because both times it is
what came back from JSON. The function's return annotation says what to make of that JSON.
"""

import functools
import inspect
import json
import math
from collections.abc import Callable, Iterable
from typing import Any, get_type_hints
from weakref import WeakKeyDictionary

import pydantic
from pydantic import BaseModel, ConfigDict, PydanticUserError, TypeAdapter
from pydantic_core import PydanticSerializationError, from_json, to_json

from durably_core.errors import Issue, ValidationError

_SCALARS = (bool, int, type(None))

# A function that a job makes anew for each run holds what it was made from: not to be kept for its codec.
_CODECS: WeakKeyDictionary[Callable[..., Any], "Codec"] = WeakKeyDictionary()

MOST_FAULTS = 100
"""That are told one by one."""


class Codec:
    """Writes and reads the values of one type; of any JSON value when the type is not known."""

    def __init__(self, annotation: Any = Any) -> None:
        self._adapter = None if annotation in (Any, object) else _adapter(annotation)
        self._takes_none = self._adapter is None or _accepts_none(self._adapter)

    def dump(self, value: Any) -> str | None:
        """JSON text of ``value``; None for None. Raises ``ValidationError`` for what JSON can't hold."""
        if value is None:
            if not self._takes_none:
                raise ValidationError("The result can't be stored: it is None, which the annotation excludes.")
            return None
        try:
            if self._adapter is None:
                return to_json(value, inf_nan_mode="constants").decode()
            # round_trip: what can be computed from the rest is not stored.
            text = self._adapter.dump_json(value, round_trip=True, warnings="error").decode()
            adapter = self._adapter
            refuse_lost_nan(text, lambda: adapter.dump_python(value, round_trip=True))
            return text
        except (PydanticSerializationError, ValueError, RecursionError) as error:
            raise ValidationError(f"The result can't be stored: {_one_line(error)}") from error

    def load(self, text: str | None) -> Any:
        """The value behind ``text``. Raises ``ValidationError`` when it does not fit the annotation."""
        if text is None and self._takes_none:
            return None
        if self._adapter is None:
            return from_json(text or "null")
        try:
            return self._adapter.validate_json(text or "null", by_alias=True, by_name=True)
        except ValueError as error:
            raise ValidationError(_one_line(error)) from error

    def store(self, value: Any) -> tuple[str | None, Any]:
        """JSON text of ``value`` and the value as a later replay will see it."""
        if value.__class__ in _SCALARS and self._adapter is None:
            return (None if value is None else json.dumps(value)), value
        text = self.dump(value)
        try:
            return text, self.load(text)
        except ValidationError as error:
            raise ValidationError(f"The result can't be restored once it is stored: {error.message}") from error


JSON_CODEC = Codec()


def refuse_lost_nan(text: str, dumped: Callable[[], Any]) -> None:
    """Raises ``ValueError`` when ``text``, the JSON of ``dumped()``, has null where there was NaN."""
    if "null" in text and (path := _path_to_lost_nan(dumped(), from_json(text))):
        raise ValueError(
            f"{path} is not a finite number, which its model would store as null. "
            "Give the model model_config = ConfigDict(ser_json_inf_nan='constants')."
        )


def _path_to_lost_nan(value: Any, stored: Any, path: str = "") -> str | None:
    """Where a number that is not finite became null, as ``rows.3.price``."""
    if isinstance(value, float):
        return None if math.isfinite(value) or stored is not None else path or "The value"
    if isinstance(value, set | frozenset) and isinstance(stored, list):
        lost = [part for part in value if isinstance(part, float) and not math.isfinite(part)]
        return path or "The value" if lost and None in stored and None not in value else None
    if isinstance(value, dict) and isinstance(stored, dict):
        as_json = {key: key if key in stored else str(key) for key in value}
        parts = [(key, part, stored[as_json[key]]) for key, part in value.items() if as_json[key] in stored]
    elif isinstance(value, list | tuple) and isinstance(stored, list) and len(value) == len(stored):
        parts = [(str(place), *pair) for place, pair in enumerate(zip(value, stored, strict=True))]
    else:
        return None
    found = (_path_to_lost_nan(part, kept, f"{path}.{key}" if path else str(key)) for key, part, kept in parts)
    return next(filter(None, found), None)


def _codec_of(function: Callable[..., Any]) -> Codec:
    known = _CODECS.get(function)
    if known is None:
        known = _CODECS[function] = _codec_as_annotated(function)
    return known


def _codec_as_annotated(function: Callable[..., Any]) -> Codec:
    try:
        hints = get_type_hints(function, include_extras=True)
        annotation = hints.get("return", Any)
        return JSON_CODEC if annotation in (Any, object) else Codec(annotation)
    except (NameError, AttributeError, SyntaxError, TypeError, PydanticUserError):
        # An annotation that only a type checker can resolve says nothing at run time.
        return JSON_CODEC


@functools.lru_cache(maxsize=256)
def _codec_for(annotation: Any) -> Codec:
    return Codec(annotation)


def codec_of(function: Callable[..., Any]) -> Codec:
    """The codec for what ``function`` returns, by its return annotation."""
    owner = getattr(function, "__self__", None)
    if owner is not None and hasattr(owner, "__durably_return__"):
        # A method of something generic, which alone knows what it returns.
        annotation = owner.__durably_return__(function.__name__)
        if annotation is not None:
            return _codec_for(annotation)
    function = inspect.unwrap(function)
    while isinstance(function, functools.partial):
        function = function.func
    # The annotations of a callable object are those of its call.
    if not hasattr(function, "__name__"):
        function = getattr(type(function), "__call__", function)  # noqa: B004 - the method itself
    # Lambdas are made anew on each call: caching them would only push others out.
    if getattr(function, "__name__", "") == "<lambda>" or not hasattr(function, "__annotations__"):
        return JSON_CODEC
    # The function behind a bound method; two instances share one codec.
    return _codec_of(getattr(function, "__func__", function))


def _adapter(annotation: Any) -> TypeAdapter[Any]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return TypeAdapter(annotation)
    try:
        config = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64", ser_json_inf_nan="constants")
        return TypeAdapter(annotation, config=config)
    except PydanticUserError:  # models and the like bring their own configuration
        return TypeAdapter(annotation)


def _accepts_none(adapter: TypeAdapter[Any]) -> bool:
    try:
        adapter.validate_python(None)
    except ValueError:
        return False
    return True


def storable(text: str) -> str:
    """``text`` as databases take it: half of a surrogate pair, as in odd file names, becomes an escape."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def faults(error: pydantic.ValidationError) -> list[Issue]:
    """Each fault and where it is. Of very many only how many: a fault takes two bytes to make, and to tell a
    hundred times as many."""
    if error.error_count() > MOST_FAULTS:
        return [Issue(path=(), message=f"It has {error.error_count()} faults, which are too many to tell")]
    told = error.errors(include_url=False, include_context=False, include_input=False)
    return [Issue(path=item["loc"], message=item["msg"].removeprefix("Value error, ")) for item in told]


def one_line(issues: Iterable[Issue]) -> str:
    return "; ".join(
        f"{'.'.join(str(part) for part in issue.path)}: {issue.message}" if issue.path else issue.message
        for issue in issues
    )


def _one_line(error: Exception) -> str:
    if isinstance(error, pydantic.ValidationError):
        return one_line(faults(error))
    return " ".join(str(error).split())
