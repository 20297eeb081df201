"""The engine behind HTTP, with a page if there is one. Needs the extra ``durably[server]``."""

import asyncio
import os
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.metadata import entry_points
from ipaddress import ip_address
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Receive, Scope, Send

from durably_core.asgi import create_durably_handler
from durably_core.cli.database import name_of
from durably_core.cli.event_lines import EventLines
from durably_core.cli.running import listening
from durably_core.cli.worker import drain
from durably_core.durably import Durably
from durably_core.errors import ConflictError, NotFoundError

API = "/api/durably"
LOCAL = frozenset({"127.0.0.1", "::1", "localhost"})
PAGES = "durably.pages"
"""The group of entry points. Each is a function that tells where a page, or something for one, is."""
SERVICE_WORKER = "sw.js"
LAST_WORDS_S = 0.5
"""How long answers may take to end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """What is served, and where. Port 0: any that is free."""

    host: str
    port: int
    page: Path | None
    """A folder with a page of one's own."""
    has_console: bool
    """Whether the packed page is served, if it is installed."""
    is_worker: bool


class Server(uvicorn.Server):
    """Signals are heard by whoever runs it."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def serve(durably: Durably, site: Site, lines: EventLines, drain_ms: int) -> None:
    """Until a signal comes. The engine lives as long as the server does.

    Raises ``NotFoundError`` for a page that is not there, ``ConflictError`` for a port that can't be had.
    """
    page = _find_page(site)
    server = Server(
        uvicorn.Config(_app(durably, site, page), lifespan="off", ws="none", log_config=None, access_log=False)
    )
    with _bound(site) as listener, listening() as stop:
        try:
            await (durably.init() if site.is_worker else durably.migrate())
            serving = asyncio.create_task(server.serve(sockets=[listener]))
            _tell_start(durably, site, page, lines, listener.getsockname()[1])
            stopping = asyncio.create_task(stop.asked.wait())
            await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
            stopping.cancel()
            server.should_exit = True
            await _leave(durably, lines, drain_ms, serving)
            server.force_exit = True
            await serving
        finally:
            await durably.close(timeout_ms=0)
    lines.tell("stopped", "stopped")


async def _leave(durably: Durably, lines: EventLines, drain_ms: int, serving: asyncio.Task[None]) -> None:
    """No one is let in any more. Streams tell of what still executes, and end with the engine: the server
    would wait for them for ever."""
    await drain(durably, lines, drain_ms)
    await durably.close(timeout_ms=0)
    await asyncio.wait([serving], timeout=LAST_WORDS_S)


class LocalOnly:
    """Refuses requests by a name that is not this machine's. A page elsewhere can let its own name lead to
    127.0.0.1, and is then of the same origin for the browser, and may read and write."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not _is_local(Headers(scope=scope).get("host", "")):
            sentence = "This server answers to localhost and addresses only: start it with --host for more."
            wire = {"error": sentence, "code": "forbidden", "status": 403}
            await JSONResponse(wire, status_code=403)(scope, receive, send)
            return
        await self._app(scope, receive, send)


def _is_local(host: str) -> bool:
    name = re.sub(r":\d*$", "", host)
    with suppress(ValueError):
        ip_address(name.strip("[]"))
        return True
    return name == "" or name == "localhost" or name.endswith(".localhost")


def _app(durably: Durably, site: Site, page: Path | None) -> Starlette:
    handler = create_durably_handler(durably)
    routes: list[BaseRoute] = [Mount(API, handler), Route("/healthz", handler)]
    if page is None or not (page / SERVICE_WORKER).is_file():
        # A site that was at this address before may have left one in browsers, which answers in our place.
        routes.append(Route(f"/{SERVICE_WORKER}", _answer_kill_switch))
    if page is not None:
        if site.page is None:
            # The console: its own has the engine in the browser.
            routes.append(Route("/config.json", _answer_config))
        routes.append(Mount("/", StaticFiles(directory=page, html=True)))
    return Starlette(routes=routes, middleware=[Middleware(LocalOnly)] if site.host in LOCAL else [])


def _find_page(site: Site) -> Path | None:
    if site.page is None:
        return _find_installed("console") if site.has_console else None
    if not (site.page / "index.html").is_file():
        raise NotFoundError(f"There is no page in {site.page}: it needs an index.html.")
    return site.page


def _find_installed(name: str) -> Path | None:
    """What another package has for pages, if that is installed whole."""
    entry = next(iter(entry_points(group=PAGES, name=name)), None)
    try:
        return None if entry is None else Path(entry.load()())
    except NotFoundError:
        return None


async def _answer_config(_request: Request) -> Response:
    return JSONResponse({"api": API.removeprefix("/")}, headers={"Cache-Control": "no-cache"})


async def _answer_kill_switch(_request: Request) -> Response:
    script = _find_installed("no-service-worker")
    if script is None:
        return Response(status_code=404)
    return FileResponse(script, media_type="text/javascript", headers={"Cache-Control": "no-cache"})


def _bound(site: Site) -> socket.socket:
    # Not by uvicorn, which ends the process where the port is taken.
    family = socket.AF_INET6 if ":" in site.host else socket.AF_INET
    try:
        return socket.create_server((site.host, site.port), family=family)
    except OSError as error:
        reason = str(error.strerror).partition(" (while")[0]
        raise ConflictError(
            f"Port {site.port} of {site.host} can't be had: {reason}. Choose another with --port or --host."
        ) from error


def _tell_start(durably: Durably, site: Site, page: Path | None, lines: EventLines, port: int) -> None:
    host = f"[{site.host}]" if ":" in site.host else site.host
    url = f"http://{host}:{port}"
    database = name_of(durably)
    what = "serving and executing" if site.is_worker else "serving, not executing,"
    where = f"{url}{API}" if page is None else f"{url}, the API at {url}{API}"
    lines.tell(
        "start",
        f"{what} {database}: {where}. Stop with Ctrl-C.",
        database=database,
        url=url,
        pid=os.getpid(),
    )
    if page is None and site.has_console:
        lines.tell("no-page", "There is no page at /: this package was built without the console.", url=url)
    if site.host not in LOCAL:
        lines.tell("open", "Whoever reaches this address may do everything: keep it behind a door.", url=url)
