"""Servers that take notes: one somewhere behind HTTP, and one that is only played."""

import asyncio
import json
import re
import sys
import zlib
from dataclasses import dataclass
from http import HTTPStatus
from typing import Literal
from urllib.parse import SplitResult, urlsplit

from http_response import Response
from notes import Change
from pydantic import BaseModel, Field, field_validator

if sys.platform != "emscripten":
    import http_requests

PATIENCE_S = 15
JSON = {"Content-Type": "application/json"}
WORTH_ANOTHER_TRY = frozenset({408, 425, 429})
GONE = frozenset({404, 410})


class PracticeServer(BaseModel):
    """A server that the job plays. It takes every note but those with the word “refuse”."""

    kind: Literal["practice"] = "practice"
    mood: Literal["steady", "flaky", "down"] = "steady"
    latency_ms: int = Field(default=300, ge=0, le=10_000)


class HttpServer(BaseModel):
    """A server that takes PUT and DELETE of JSON below an address.

    A run may be repeated later: the version that comes with a note says whether it is older than what is there.
    """

    kind: Literal["http"]
    url: str = Field(description="Notes are put to this address, a slash, and their id.")

    @field_validator("url")
    @classmethod
    def _check(cls, url: str) -> str:
        parts = split(url)
        if parts is None:
            raise ValueError(f"{url!r} is no address of a server: it begins with https:// or http://.")
        if parts.query or parts.fragment or parts.username is not None:
            raise ValueError(
                f"{url!r} has more than a path: notes are put to the address, a slash, and their id."
            )
        return url.rstrip("/")


@dataclass(frozen=True)
class Stored:
    revision: str | None


@dataclass(frozen=True)
class Refusal:
    """The server will say the same each time."""

    reason: str


@dataclass(frozen=True)
class Lost:
    """Nobody knows whether the server has the change: it has to be sent again."""

    reason: str


Answer = Stored | Refusal | Lost


async def send(server: PracticeServer | HttpServer, change: Change, number: int) -> Answer:
    """What the server says to that change, the ``number``-th time it is sent."""
    if isinstance(server, PracticeServer):
        await asyncio.sleep(server.latency_ms / 1000)
        return play(server, change, number)
    return await ask(server, change)


# ---------------------------------------------------------------- the one that is played


def play(server: PracticeServer, change: Change, number: int) -> Answer:
    """The same for the same change and try, whoever asks: a run that was resumed meets the same server."""
    if server.mood == "down":
        return Lost("the server can't be reached")
    if server.mood == "flaky" and number <= zlib.crc32(f"{change.id}/{change.version}".encode()) % 4:
        return Lost(answered(503))
    if "refuse" in change.text.lower() and not change.deleted:
        return Refusal("the practice server takes no note with the word “refuse”")
    return Stored(revision=str(change.version))


# ---------------------------------------------------------------- the one behind HTTP


def split(url: str) -> SplitResult | None:
    """The parts of the address of a server, if it is one."""
    try:
        parts = urlsplit(url)
        has_host = bool(parts.hostname) and parts.port != 0
    except ValueError:
        return None
    usable = parts.scheme in ("http", "https") and has_host
    return parts if usable and re.fullmatch("[!-~]+", url) else None


async def ask(server: HttpServer, change: Change) -> Answer:
    url, method = f"{server.url}/{change.id}", "DELETE" if change.deleted else "PUT"
    body = None if change.deleted else json.dumps(change.model_dump(exclude={"deleted"})).encode()
    try:
        async with asyncio.timeout(PATIENCE_S):
            response = await request(url, method, body)
    except TimeoutError:
        return Lost(f"the server did not answer within {PATIENCE_S} seconds")
    except OSError as error:
        return Lost(f"the server can't be reached ({error})")
    return judge(response, change)


async def request(url: str, method: str, body: bytes | None) -> Response:
    """Raises ``OSError`` when there is no answer."""
    if sys.platform == "emscripten":
        from pyodide.http import pyfetch  # noqa: PLC0415 - there is none elsewhere

        options = {} if body is None else {"body": body.decode(), "headers": JSON}
        response = await pyfetch(url, method=method, **options)
        return Response(response.status, (await response.text()).encode(), response.headers)
    return await asyncio.to_thread(http_requests.request, url, method, body, JSON, PATIENCE_S)


def judge(response: Response, change: Change) -> Answer:
    status = response.status
    # The answer to an earlier try may have been lost: then it has been deleted.
    if 200 <= status < 300 or (change.deleted and status in GONE):
        revision = told(response.body, "revision") or response.headers.get("etag")
        return Stored(revision=revision)
    if status >= 500 or status in WORTH_ANOTHER_TRY:
        return Lost(answered(status))
    return Refusal(told(response.body, "error", "message", "detail") or answered(status))


def told(body: bytes, *names: str) -> str | None:
    """What a JSON object says under the first of these names."""
    try:
        value = json.loads(body)
    except ValueError:
        return None
    found = [value[name] for name in names if name in value] if isinstance(value, dict) else []
    return str(found[0])[:200] if found and isinstance(found[0], str | int) else None


def answered(status: int) -> str:
    known = status in {each.value for each in HTTPStatus}
    return f"the server answered {status}" + (f" {HTTPStatus(status).phrase}" if known else "")
