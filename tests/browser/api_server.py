"""A page and the engine's own HTTP handler. Tests can count its streams and cut them (``POST /cut``).

``plain`` leaves out what the original's server leaves out.
"""

import asyncio
import json
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from durably_core import create_durably, with_log_persistence
from durably_core.asgi import create_durably_handler, lifespan
from spa_runtime.serve import isolated
from tests.browser.hooks import jobs

PLAIN_PATHS = {"trigger", "runs", "run", "steps", "cancel", "retrigger", "subscribe", "runs/subscribe"}
PLAIN_NAMES = {"type", "runId", "jobName", "labels", "progress", "stepName", "stepIndex", "level", "message"}
"""Of an event, what the original's server tells."""


def api_app(page: Path, database: Path, *, plain: bool = False) -> Starlette:
    """The page at ``/``, the API at ``/api/durably``."""
    durably = create_durably(
        database=str(database),
        jobs={"count_to": jobs.count_to, "zero": jobs.zero, "nothing": jobs.nothing, "fail": jobs.fail},
        preserve_steps=True,
    )
    durably.use(with_log_persistence())
    handler: ASGIApp = create_durably_handler(durably)
    streams = Streams(Plain(handler) if plain else handler)
    return Starlette(
        routes=[
            Mount("/api/durably", streams),
            Route("/streams", streams.answer_count),
            Route("/cut", streams.answer_cut, methods=["POST"]),
            Mount("/", StaticFiles(directory=page, html=True)),
        ],
        middleware=[isolated],
        lifespan=lifespan(durably, timeout_ms=0),
    )


class Streams:
    """Middleware that knows the streams of events which are open."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._open: set[asyncio.Task[None]] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"].endswith("/subscribe"):
            await self._stream(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _stream(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def watched_send(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] == 200:
                self._open.add(stream)
            await send(message)

        async def answer() -> None:
            await self._app(scope, receive, watched_send)

        stream = asyncio.create_task(answer())
        try:
            await asyncio.wait({stream})
        finally:
            stream.cancel()
            self._open.discard(stream)
        if stream.cancelled():
            # For the client as if the server had ended the stream.
            await send({"type": "http.response.body", "body": b""})
        else:
            stream.result()

    async def answer_count(self, _request: Request) -> Response:
        return JSONResponse(len(self._open))

    async def answer_cut(self, _request: Request) -> Response:
        """End them all; tells how many there were."""
        for stream in self._open:
            stream.cancel()
        return JSONResponse({"cut": len(self._open)})


class Plain:
    """Middleware that makes the handler one of the original: no more routes, no numbers, no heartbeats."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"].removeprefix(scope["root_path"]).strip("/")
        if path not in PLAIN_PATHS:
            await Response("Not Found", status_code=404)(scope, receive, send)
            return
        is_stream = path.endswith("subscribe")

        async def send_plain(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = [each for each in message["headers"] if not each[0].startswith(b"durably-")]
                message = {**message, "headers": headers}
            elif is_stream:
                message = {**message, "body": _plain_lines(message["body"])}
            await send(message)

        query = [each for each in scope["query_string"].split(b"&") if not each.startswith(b"view=")]
        headers = [each for each in scope["headers"] if each[0] != b"last-event-id"]
        await self._app({**scope, "query_string": b"&".join(query), "headers": headers}, receive, send_plain)


def _plain_lines(chunk: bytes) -> bytes:
    told = [
        json.loads(line.removeprefix(b"data: ")) for line in chunk.split(b"\n") if line.startswith(b"data: ")
    ]
    plain = [{name: event[name] for name in event if name in PLAIN_NAMES} for event in told]
    return b"".join(b"data: %b\n\n" % json.dumps(event).encode() for event in plain)
