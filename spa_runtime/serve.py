"""Serves a site on this machine, with the headers that its file ``_headers`` tells static hosts to send."""

import errno
import mimetypes
import socket
from collections.abc import Callable, Mapping
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from durably_core.errors import ConflictError, NotFoundError
from spa_runtime import assets, header_rules
from spa_runtime.bundle.folder import COMPRESSED
from spa_runtime.bundle.offline import SERVICE_WORKER
from spa_runtime.header_rules import HeaderRules
from spa_runtime.headers import isolation_headers


class AddedHeaders:
    """ASGI middleware: what a function of the path tells goes with every response, errors included."""

    def __init__(self, app: ASGIApp, headers_for: Callable[[str], Mapping[str, str]]) -> None:
        self._app = app
        self._headers_for = headers_for

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                # Files may change with the next build: the browser asks, and mostly hears 304.
                headers["cache-control"] = "no-cache"
                headers.update(self._headers_for(scope["path"]))
            await send(message)

        await self._app(scope, receive, send_with_headers)


class SiteFiles(StaticFiles):
    """Sends the compressed form of a file where the build wrote one and the browser takes it."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        packed, _ = self.lookup_path(path + COMPRESSED)
        if not packed or "gzip" not in Headers(scope=scope).get("accept-encoding", ""):
            return await super().get_response(path, scope)
        response = await super().get_response(path + COMPRESSED, scope)
        media_type, _ = mimetypes.guess_type(path)
        response.headers["content-type"] = media_type or "application/octet-stream"
        response.headers["content-encoding"] = "gzip"
        response.headers["vary"] = "accept-encoding"
        return response


isolated = Middleware(AddedHeaders, lambda _path: isolation_headers())
"""Makes every response fit for a cross-origin isolated page."""


def static_app(folder: Path) -> ASGIApp:
    """An ASGI app that serves the site in ``folder``. Raises ``NotFoundError`` when there is none."""
    if not (folder / "index.html").is_file():
        raise NotFoundError(f"There is no bundle in {folder}: build it first.")
    rules = folder / header_rules.FILE
    added = isolated
    if rules.is_file():
        added = Middleware(AddedHeaders, HeaderRules.parse(rules.read_text("utf-8")).headers_for)
    routes = [*no_service_worker(folder), Mount("/", SiteFiles(directory=folder, html=True))]
    return Starlette(routes=routes, middleware=[added])


def no_service_worker(page: Path) -> list[BaseRoute]:
    """Where a page has none: that of another site, which was at this address before, removes itself."""
    if (page / SERVICE_WORKER).is_file():
        return []

    async def kill_switch(_request: Request) -> Response:
        return FileResponse(assets.kill_switch(), media_type="text/javascript")

    return [Route(f"/{SERVICE_WORKER}", kill_switch)]


def serve(folder: Path, *, host: str = "127.0.0.1", port: int = 8000) -> None:
    """Serve until interrupted. ``port`` 0: any free one. Prints the address."""
    app = static_app(folder)
    with bind(host, port) as listener:
        address = f"http://localhost:{listener.getsockname()[1]}/"
        print(f"\n  Durably is at {address}   (Ctrl+C stops it)\n", flush=True)  # noqa: T201
        uvicorn.Server(uvicorn.Config(app, log_level="warning")).run(sockets=[listener])


def bind(host: str, port: int) -> socket.socket:
    """A listening socket's address, taken. Raises ``ConflictError`` when another program has it."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise ConflictError(f"Port {port} is taken: choose another with --port.") from error
        raise ConflictError(f"Port {port} of {host} can't be used: {error.strerror}.") from error
    return listener
