"""A page and the engine's own HTTP handler. Tests can count its streams and cut them (``POST /cut``)."""

import asyncio
from pathlib import Path

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from durably_core import create_durably, with_log_persistence
from durably_core.asgi import create_durably_handler, lifespan
from spa_runtime.serve import IsolationHeaders
from tests.browser.hooks import jobs


def api_app(page: Path, database: Path) -> Starlette:
    """The page at ``/``, the API at ``/api/durably``."""
    durably = create_durably(
        database=str(database),
        jobs={"count_to": jobs.count_to, "zero": jobs.zero, "nothing": jobs.nothing, "fail": jobs.fail},
        preserve_steps=True,
    )
    durably.use(with_log_persistence())
    streams = Streams(create_durably_handler(durably))
    return Starlette(
        routes=[
            Mount("/api/durably", streams),
            Route("/streams", streams.answer_count),
            Route("/cut", streams.answer_cut, methods=["POST"]),
            Mount("/", StaticFiles(directory=page, html=True)),
        ],
        middleware=[Middleware(IsolationHeaders)],
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
