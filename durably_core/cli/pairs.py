"""Pairs ``key=value`` and JSON, as they are typed."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic_core import from_json

from durably_core.errors import NotFoundError, ValidationError


def labels_of(typed: Sequence[str] | None) -> dict[str, str] | None:
    """Labels; None for none."""
    return dict(_pair("--label", each) for each in typed) if typed else None


def input_of(text: str | None, settings: Sequence[str] | None) -> Any:
    """The input of a job: JSON, ``-`` for stdin or ``@file``, then ``--set`` for fields of it."""
    value = {} if text is None else _parsed(*_read(text))
    if not settings:
        return value
    if not isinstance(value, dict):
        raise ValidationError("--set needs an input that is a JSON object: leave --set out, or the input.")
    return value | {name: _loose(field) for name, field in (_pair("--set", each) for each in settings)}


def _pair(option: str, typed: str) -> tuple[str, str]:
    key, equals, value = typed.partition("=")
    if not key or not equals:
        raise ValidationError(f"{option} takes KEY=VALUE, not {typed!r}.")
    return key, value


def _read(text: str) -> tuple[str, str]:
    """The JSON text, and where it comes from."""
    if text == "-":
        return sys.stdin.read(), "stdin"
    if not text.startswith("@"):
        return text, "the input"
    path = Path(text[1:])
    try:
        return path.read_text("utf-8"), str(path)
    except OSError as error:
        raise NotFoundError(f"The input can't be read from {path}: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise ValidationError(f"The input can't be read from {path}: it is no UTF-8.") from error


def _parsed(text: str, origin: str) -> Any:
    try:
        return from_json(text, allow_inf_nan=False)
    except ValueError as error:
        raise ValidationError(
            f"There is no JSON in {origin}: {error}. Write an object, as in '{{\"name\": 1}}', or use --set."
        ) from error


def _loose(text: str) -> Any:
    """JSON if it is any, else the text itself."""
    try:
        return from_json(text, allow_inf_nan=False)
    except ValueError:
        return text
