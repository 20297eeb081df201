"""Codecs: by annotation, cached, and clear about what can't be stored."""

import functools
import weakref
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import BaseModel

from durably_core import ValidationError
from durably_core.values import JSON_CODEC, Codec, codec_of, storable


class Item(BaseModel):
    value: float


class Reader:
    def read(self) -> Item:
        return Item(value=1)


class Calling:
    def __call__(self) -> Item:
        return Item(value=1)


def typed() -> Item:
    return Item(value=1)


def untyped():  # type: ignore[no-untyped-def]  # what it is about
    return 1


def unresolvable() -> "NotThere":  # type: ignore[name-defined]  # noqa: F821
    return 1


@pytest.mark.parametrize("function", [untyped, lambda: 1, unresolvable, len, functools.partial(untyped)])
def test_unknown_annotation_means_json(function: Any) -> None:
    assert codec_of(function) is JSON_CODEC


@pytest.mark.parametrize("function", [typed, functools.partial(typed), Reader().read, Calling()])
def test_annotation_is_found_wherever_it_is(function: Any) -> None:
    assert codec_of(function).store(Item(value=1)) == ('{"value":1.0}', Item(value=1))


def test_function_is_not_kept_for_its_codec() -> None:
    """One that a job makes for each run holds the input of that run."""

    def made() -> int:
        return 1

    codec_of(made)
    there = weakref.ref(made)
    del made
    assert there() is None


def test_codec_of_a_function_is_made_once() -> None:
    assert codec_of(typed) is codec_of(functools.partial(typed))
    assert codec_of(Reader().read) is codec_of(Reader().read)


def test_none_is_stored_as_nothing() -> None:
    assert (JSON_CODEC.store(None), Codec(int | None).store(None)) == ((None, None), (None, None))


def test_generator_is_stored_as_list() -> None:
    def numbers() -> Iterator[int]:
        yield from (1, 2)

    assert JSON_CODEC.store(numbers()) == ("[1,2]", [1, 2])


def test_stored_text_of_another_type_is_refused() -> None:
    with pytest.raises(ValidationError, match="Input should be a valid integer"):
        Codec(int).load('"text"')


@pytest.mark.parametrize(
    ("text", "expected"), [("plain", "plain"), ("a\udcffb", "a\\udcffb"), ("é\x00", "é\x00")], ids=ascii
)
def test_storable_escapes_only_broken_characters(text: str, expected: str) -> None:
    assert storable(text) == expected
