"""Serves a bundle on this machine, with the headers that a static host is configured to send."""

import errno
import socket
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from durably_core.errors import ConflictError, NotFoundError
from spa_runtime.headers import ISOLATION_HEADERS


class IsolationHeaders:
    """ASGI middleware that makes every response fit for a cross-origin isolated page."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                extra = [(name.lower().encode(), value.encode()) for name, value in ISOLATION_HEADERS.items()]
                # Files may change with the next build: the browser asks, and mostly hears 304.
                extra.append((b"cache-control", b"no-cache"))
                message = {**message, "headers": [*message["headers"], *extra]}
            await send(message)

        await self._app(scope, receive, send_with_headers)


def static_app(folder: Path) -> ASGIApp:
    """An ASGI app that serves the bundle in ``folder``. Raises ``NotFoundError`` when there is none."""
    if not (folder / "index.html").is_file():
        raise NotFoundError(f"There is no bundle in {folder}: build it first.")
    files = StaticFiles(directory=folder, html=True)
    return Starlette(routes=[Mount("/", files)], middleware=[Middleware(IsolationHeaders)])


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
