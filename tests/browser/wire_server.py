"""A page and an engine behind HTTP, in the wire format of the clients. Small: it knows no one's rights.

Tests can cut its streams (``POST /cut``) and leave out what the original's server leaves out (``plain``).
"""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

from pydantic_core import to_json
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from durably_core import Durably, DurablyError, Event, api, create_durably, with_log_persistence
from durably_core.events import RunEvent, to_wire
from spa_runtime.serve import IsolationHeaders
from tests.browser.hooks import jobs

POLL_S = 0.02
HEARTBEAT_S = 15
ENDS = {"run:complete", "run:fail", "run:cancel", "run:delete"}
PLAIN_NAMES = {"type", "runId", "jobName", "labels", "progress", "stepName", "stepIndex", "level", "message"}
"""Of an event, what the original's server tells."""


def wire_app(page: Path, database: Path, *, plain: bool = False) -> Starlette:
    """The page at ``/``, the API at ``/api/durably``."""
    durably = create_durably(
        database=str(database),
        jobs={"count_to": jobs.count_to, "zero": jobs.zero, "nothing": jobs.nothing, "fail": jobs.fail},
        preserve_steps=True,
        polling_interval_ms=100,
    )
    durably.use(with_log_persistence())
    server = WireServer(durably, plain=plain)

    @contextlib.asynccontextmanager
    async def life(_app: Starlette) -> AsyncIterator[None]:
        await durably.init()
        yield
        server.cut()
        await durably.close(timeout_ms=0)

    return Starlette(
        routes=[
            Mount("/api/durably", routes=server.routes()),
            Route("/streams", server.count_streams),
            Route("/cut", server.cut_streams, methods=["POST"]),
            Mount("/", StaticFiles(directory=page, html=True)),
        ],
        middleware=[Middleware(IsolationHeaders)],
        exception_handlers={DurablyError: on_error},
        lifespan=life,
    )


async def on_error(_request: Request, error: Exception) -> Response:
    assert isinstance(error, DurablyError)
    wire = error.to_wire()
    return JSONResponse({**wire, "error": wire.pop("message")}, status_code=error.status)


class WireServer:
    def __init__(self, durably: Durably, *, plain: bool) -> None:
        self._durably = durably
        self._plain = plain
        self._streams: set[asyncio.Event] = set()

    def routes(self) -> list[Route]:
        def route(path: str, operation: str, method: str, read: Callable[[Request], Awaitable[Any]]) -> Route:
            async def endpoint(request: Request) -> Response:
                return await self._answer(operation, await read(request))

            return Route(path, endpoint, methods=[method])

        extra = [
            route("/jobs", "jobs", "GET", query_of()),
            route("/trigger/batch", "batchTrigger", "POST", body_of),
            route("/runs/count", "countRuns", "GET", query_of("jobName", "status")),
            route("/events", "getEvents", "GET", query_of("type")),
            route("/logs", "getLogs", "GET", query_of()),
            route("/runs/purge", "purgeRuns", "POST", body_of),
        ]
        return [
            *([] if self._plain else extra),
            route("/trigger", "trigger", "POST", body_of),
            route("/runs", "getRuns", "GET", query_of("jobName", "status")),
            route("/run", "getRun", "GET", query_of()),
            route("/run", "deleteRun", "DELETE", query_of()),
            route("/steps", "getSteps", "GET", query_of()),
            route("/cancel", "cancel", "POST", query_of()),
            route("/retrigger", "retrigger", "POST", query_of()),
            Route("/subscribe", self._subscribe),
            Route("/runs/subscribe", self._subscribe),
        ]

    async def _answer(self, operation: str, body: dict[str, Any]) -> Response:
        if "type" in body:
            body["types"] = body.pop("type")
        if self._plain:
            body.pop("view", None)
        result = await api.call(self._durably, operation, json.dumps(body))
        headers = {} if self._plain else {"Durably-Version": "test"}
        return Response(to_json(result), media_type="application/json", headers=headers)

    # ---------------------------------------------------------------- streams

    async def _subscribe(self, request: Request) -> Response:
        run_id, job_names = request.query_params.get("runId"), request.query_params.getlist("jobName")
        if run_id is not None:
            await api.call(self._durably, "getRun", json.dumps({"runId": run_id}))

        def wanted(event: Event) -> bool:
            if not isinstance(event, RunEvent):
                return False
            return (
                event.run_id == run_id if run_id is not None else not job_names or event.job_name in job_names
            )

        after = request.headers.get("Last-Event-ID")
        newest = await self._durably.get_newest_event() if after is None else int(after)
        lines = self._lines(wanted, newest, ends_with_run=run_id is not None)
        headers = {"Cache-Control": "no-cache"}
        if not self._plain:
            headers["Durably-Last-Event-ID"] = str(newest)
        return StreamingResponse(lines, media_type="text/event-stream", headers=headers)

    async def _lines(
        self, wanted: Callable[[Event], bool], newest: int, *, ends_with_run: bool
    ) -> AsyncIterator[str]:
        """What the log tells from there on: nothing is missed and nothing comes twice."""
        cut = asyncio.Event()
        self._streams.add(cut)
        try:
            heartbeat = 0.0
            while not cut.is_set():
                if time.monotonic() > heartbeat:
                    heartbeat = time.monotonic() + HEARTBEAT_S
                    yield ": still here\n\n"
                for event in await self._durably.get_events(after=newest):
                    newest = event.sequence
                    if wanted(event):
                        yield self._line(event)
                        if ends_with_run and event.type in ENDS:
                            return
                await asyncio.sleep(POLL_S)
        finally:
            self._streams.discard(cut)

    def _line(self, event: Event) -> str:
        wire = to_wire(event, payload=False)
        if self._plain:
            return f"data: {to_json({name: wire[name] for name in wire if name in PLAIN_NAMES}).decode()}\n\n"
        return f"id: {event.sequence}\ndata: {to_json(wire).decode()}\n\n"

    async def count_streams(self, _request: Request) -> Response:
        return JSONResponse(len(self._streams))

    async def cut_streams(self, _request: Request) -> Response:
        return JSONResponse({"cut": self.cut()})

    def cut(self) -> int:
        """End all streams that are open; returns how many there were."""
        for stream in self._streams:
            stream.set()
        return len(self._streams)


async def body_of(request: Request) -> dict[str, Any]:
    body: dict[str, Any] = await request.json()
    return body


def query_of(*lists: str) -> Callable[[Request], Awaitable[dict[str, Any]]]:
    """Query parameters as an operation's body. Those named in ``lists`` may come more than once."""

    async def read(request: Request) -> dict[str, Any]:
        body: dict[str, Any] = {}
        for name, value in request.query_params.multi_items():
            if name.startswith("label."):
                body.setdefault("labels", {})[name.removeprefix("label.")] = value
            elif name in lists:
                body.setdefault(name, []).append(value)
            else:
                body[name] = int(value) if value.isdigit() and name != "runId" else value
        return body

    return read
