"""The engine behind HTTP, as an ASGI app: each request is admitted, read, allowed, and then carried out."""

import logging
import re
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from http import HTTPStatus
from importlib.metadata import version
from typing import Any

from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, Router
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from durably_core.asgi.auth import Auth
from durably_core.asgi.call import Call, Options
from durably_core.asgi.openapi import MAX_RUNS, openapi
from durably_core.asgi.routes import ROUTES, Endpoint, healthz, process
from durably_core.durably import Durably
from durably_core.errors import DurablyError, NotFoundError, ValidationError
from durably_core.options import check_count, check_ms

MAX_BODY_BYTES = 10_000_000
MAX_THROTTLE_MS = 10_000
"""Less than between two heartbeats: one tells a place in the log, and nothing before that may still be held."""

LEAST_TOKEN = 16
"""Characters."""

EXPOSED_HEADERS = ("Durably-Version", "Durably-Last-Event-ID")

_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://[^/?#*\s]+")

_VERSION = (b"durably-version", version("durably").encode())

_log = logging.getLogger("durably")


def create_durably_handler(
    durably: Durably,
    *,
    auth: Auth | Mapping[str, Any] | None = None,
    on_request: Callable[[], Any] | None = None,
    sse_throttle_ms: int = 100,
    max_body_bytes: int = MAX_BODY_BYTES,
    max_runs: int = MAX_RUNS,
    allowed_origins: Collection[str] = (),
    process_token: str | None = None,
    process_budget_ms: int = 25_000,
) -> "DurablyHandler":
    """An ASGI app that serves the engine's API. Mount it under any path, such as ``/api/durably``.

    ``auth``: who may do what; None: everyone may do everything, so keep such a server to yourself.
    ``on_request``: called for each request once it is authenticated, as ``durably.init`` may be.
    ``sse_throttle_ms``: a stream tells the progress of a run at most this often; 0: always.
    ``max_body_bytes``, ``max_runs``: a larger body gets a 413, a longer list a 400.
    ``allowed_origins``: pages elsewhere that may use this server with their users' cookies, as
    ``https://app.example.com``. They get CORS headers; all others may not write.
    ``process_token``: opens ``/process`` to whoever sends it as ``Authorization: Bearer …``. It executes
    what waits, for ``process_budget_ms`` at most: for hosts on which no worker can run all the time.

    Raises ``ValidationError`` for an option that can't work.
    """
    check_count("sse_throttle_ms", sse_throttle_ms, least=0, most=MAX_THROTTLE_MS)
    check_ms("process_budget_ms", process_budget_ms)
    check_count("max_body_bytes", max_body_bytes)
    check_count("max_runs", max_runs)
    if process_token is not None and (not isinstance(process_token, str) or len(process_token) < LEAST_TOKEN):
        raise ValidationError(f"process_token must be a secret of at least {LEAST_TOKEN} characters.")
    if isinstance(allowed_origins, str):
        raise ValidationError("allowed_origins must be a list of origins, not one text.")
    for origin in allowed_origins:
        if not isinstance(origin, str) or not _ORIGIN.fullmatch(origin):
            # Also "*": any page could then read with the cookies of whoever visits it.
            raise ValidationError(
                f"allowed_origins must name origins, as https://app.example.com, not {origin!r}."
            )
    options = Options(
        auth=Auth.of(auth),
        on_request=on_request,
        sse_throttle_ms=sse_throttle_ms,
        max_body_bytes=max_body_bytes,
        max_runs=max_runs,
        allowed_origins=frozenset(allowed_origins),
        process_token=process_token,
        process_budget_ms=process_budget_ms,
    )
    return DurablyHandler(durably, options)


def lifespan(
    durably: Durably, *, timeout_ms: int = 10_000
) -> Callable[[Any], AbstractAsyncContextManager[None]]:
    """The engine's life within that of an app, as ``Starlette(lifespan=lifespan(durably))`` or FastAPI's.

    Starts the engine and its worker with the app. At its end runs get ``timeout_ms`` to end; those that
    have not are given back, and go on where there is a worker.
    """

    @asynccontextmanager
    async def live(_app: Any) -> AsyncIterator[None]:
        await durably.init()
        try:
            yield
        finally:
            await durably.close(timeout_ms=timeout_ms)

    return live


class DurablyHandler:
    """See ``create_durably_handler``."""

    def __init__(self, durably: Durably, options: Options) -> None:
        self.durably = durably
        self.options = options
        app: ASGIApp = ExceptionMiddleware(self._router(), handlers=REFUSALS)
        if options.allowed_origins:
            app = CORSMiddleware(
                app,
                allow_origins=sorted(options.allowed_origins),
                allow_credentials=True,
                allow_methods=["GET", "POST", "DELETE"],
                allow_headers=["Content-Type", "Authorization", "Last-Event-ID", "Durably-Resume"],
                expose_headers=EXPOSED_HEADERS,
            )
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            # No fault of the server, which would log one.
            await send({"type": "websocket.close", "code": 1000})
            return
        if scope["type"] != "http":
            raise RuntimeError("The handler serves HTTP only: mount it in an app that has a life of its own.")

        async def send_with_version(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message["headers"], _VERSION]}
            await send(message)

        # What the app around it has put there is for the hooks.
        state = {**scope.get("state", {}), "durably_handler": self}
        await self._app({"app": self, **scope, "state": state}, receive, send_with_version)

    def _router(self) -> Router:
        admitted = [
            Route(route.path, self._admitted(route.endpoint), methods=[route.method]) for route in ROUTES
        ]
        others = [
            Route("/healthz", healthz, methods=["GET"]),
            Route("/process", process, methods=["GET", "POST"]),
            Route("/openapi.json", _openapi, methods=["GET"]),
        ]
        for route in admitted:
            # Starlette adds HEAD to GET: for a stream that would never end.
            assert route.methods is not None
            route.methods.discard("HEAD")
        wrong = [self._wrong_method(path) for path in sorted({route.path for route in ROUTES})]
        return Router([*admitted, *others, *wrong], redirect_slashes=False, default=self._unknown)

    def _admitted(self, endpoint: Endpoint) -> Callable[[Request], Any]:
        async def admit(request: Request) -> ASGIApp:
            return await endpoint(await Call.admit(request, self.durably, self.options))

        return admit

    def _wrong_method(self, path: str) -> Route:
        """Takes what the path's other routes leave."""
        methods = ", ".join(route.method for route in ROUTES if route.path == path)

        async def refuse(request: Request) -> ASGIApp:
            await Call.admit(request, self.durably, self.options)
            raise HTTPException(405, headers={"Allow": methods})

        route = Route(path, refuse)
        route.methods = set()  # any
        return route

    async def _unknown(self, scope: Scope, receive: Receive, send: Send) -> None:
        # Who is not known does not learn what there is.
        request = Request(scope, receive)
        await Call.admit(request, self.durably, self.options)
        raise NotFoundError(f"There is no {request.method} {request.url.path} here.")


async def _openapi(request: Request) -> Response:
    return JSONResponse(openapi(max_runs=request.state.durably_handler.options.max_runs))


async def _on_error(_request: Request, error: Exception) -> Response:
    assert isinstance(error, DurablyError)
    wire = error.to_wire()
    headers = {"WWW-Authenticate": "Bearer"} if error.status == 401 else None
    return JSONResponse({"error": wire.pop("message"), **wire}, status_code=error.status, headers=headers)


async def _on_http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    sentence, headers = error.detail, error.headers
    if sentence == HTTPStatus.METHOD_NOT_ALLOWED.phrase:
        sentence = f"{request.method} is not the way to ask for this: {(headers or {}).get('Allow')} is."
    wire = {"error": sentence, "code": "http", "status": error.status_code}
    return JSONResponse(wire, status_code=error.status_code, headers=headers)


async def _on_leave(_request: Request, _error: Exception) -> Response:
    return Response(status_code=400)  # no one is left to read it


async def _on_fault(request: Request, error: Exception) -> Response:
    _log.error("%s %s failed", request.method, request.url.path, exc_info=error)
    wire = {"error": "The server failed. Its log says why.", "code": "internal", "status": 500}
    return JSONResponse(wire, status_code=500)


REFUSALS: Mapping[Any, Any] = {
    DurablyError: _on_error,
    HTTPException: _on_http_error,
    ClientDisconnect: _on_leave,
    Exception: _on_fault,
}
