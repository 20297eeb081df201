"""What requests say: queries and bodies as JSON text for ``durably_core.api``, and from where they come."""

import json
from collections.abc import Collection
from typing import Any

from starlette.requests import Request

from durably_core.errors import (
    ForbiddenError,
    TooLargeError,
    UnsupportedMediaTypeError,
    ValidationError,
)

LABEL = "label."

_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
EMPTY_IS_ABSENT = frozenset({"limit", "offset"})
_NUMBERS = frozenset({"limit", "offset", "after", "bucketMs"})
_SEVERAL = {"jobName": "jobName", "status": "status", "type": "types"}
"""Parameters that may come more than once, by what an operation calls them."""


async def read_body(request: Request, *, most_bytes: int) -> bytes:
    """The JSON text of the body. Raises ``TooLargeError`` before more than that is read."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise UnsupportedMediaTypeError("The body must be JSON: send it with Content-Type: application/json.")
    too_large = TooLargeError(
        f"The body is larger than {most_bytes} bytes, which is the most that is taken here."
    )
    declared = request.headers.get("content-length", "")
    if declared.isascii() and declared.isdigit() and (len(declared) > 16 or int(declared) > most_bytes):
        raise too_large
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > most_bytes:
            raise too_large
    if not body.strip():
        raise ValidationError("The request needs a JSON object as its body.")
    return bytes(body)


def read_query(request: Request, known: Collection[str]) -> str:
    """The query's parameters as a JSON object. Raises ``ValidationError`` for one that is not known."""
    body: dict[str, Any] = {}
    for name, value in request.query_params.multi_items():
        if name.startswith(LABEL) and "labels" in known:
            _put(body.setdefault("labels", {}), name.removeprefix(LABEL), value, name)
        elif name in _SEVERAL and _SEVERAL[name] in known:
            body.setdefault(_SEVERAL[name], []).append(value)
        elif name in known and name not in ("labels", "types"):
            if value or name not in EMPTY_IS_ABSENT:
                _put(body, name, _number(name, value) if name in _NUMBERS else value, name)
        else:
            raise ValidationError(f"There is no parameter {name!r} here: {_named(known)}.")
    return json.dumps(body)


def expect_same_site(request: Request, allowed_origins: Collection[str]) -> None:
    """Raises ``ForbiddenError`` for a write that a page of another origin makes a browser send.

    A browser sends the user's cookies along with it, and ``Sec-Fetch-Site`` or ``Origin``, which pages
    can't forge. Programs send neither.
    """
    if request.method in _SAFE_METHODS:
        return
    origin = request.headers.get("origin")
    if origin is not None and origin in allowed_origins:
        return
    fetch_site = request.headers.get("sec-fetch-site")
    if fetch_site is not None:
        is_same = fetch_site in ("same-origin", "none")
    else:
        host = request.headers.get("host")
        is_same = origin in (None, f"http://{host}", f"https://{host}")
    if not is_same:
        raise ForbiddenError(
            "A page of another origin may not write here. If it is yours, name it in allowed_origins."
        )


def _put(body: dict[str, Any], name: str, value: Any, parameter: str) -> None:
    if name in body:
        raise ValidationError(f"The parameter {parameter!r} may come once.")
    body[name] = value


def _number(name: str, value: str) -> int:
    if not (value.isascii() and value.isdigit() and len(value) <= 16):
        raise ValidationError(f"{name} must be a whole number, at least 0, not {value!r}.")
    return int(value)


def _named(known: Collection[str]) -> str:
    wire = {name: several for several, name in _SEVERAL.items()} | {"labels": "label.<name>"}
    return ", ".join(sorted(wire.get(name, name) for name in known)) or "none is known"
