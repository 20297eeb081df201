"""What ``durably dev`` serves: the console over the jobs as they are now. Needs the extra ``durably[spa]``."""

import asyncio
import webbrowser
from collections.abc import AsyncIterator
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import typer
import uvicorn
from pydantic_core import to_json
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from durably_core.cli.running import listening
from durably_core.cli.server import Server
from spa_runtime.bundle.app_manifest import title_of
from spa_runtime.dev_builds import Builds, Project, watch
from spa_runtime.serve import bind, isolated, no_service_worker

EVENTS = "durably-dev"
LAST_WORDS_S = 0.5
"""How long answers may take to end when the server is told to stop."""


async def serve(project: Project, port: int, *, opens_browser: bool) -> None:
    """Until a signal comes. Raises ``ConflictError`` for a port that can't be had."""
    with (
        bind("127.0.0.1", port) as listener,
        TemporaryDirectory(prefix="durably-dev-") as folder,
        listening() as stop,
    ):
        builds = Builds(project, Path(folder, "durably"))
        # From before the first build: nothing that is saved meanwhile is missed.
        watching = asyncio.create_task(watch(builds, stop))
        await builds.renew()
        config = uvicorn.Config(
            _app(project, builds), lifespan="off", ws="none", log_config=None, access_log=False
        )
        server = Server(config)
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        # A page that is opened before the server runs waits for it, instead of being refused.
        listener.listen()
        address = f"http://localhost:{listener.getsockname()[1]}/"
        typer.echo(f"\n  Durably is at {address}   (Ctrl+C stops it)\n")
        if opens_browser:
            await asyncio.to_thread(webbrowser.open, address)
        await stop.asked.wait()
        builds.close()
        server.should_exit = True
        await asyncio.wait([serving], timeout=LAST_WORDS_S)
        server.force_exit = True
        await asyncio.gather(serving, watching)


def _app(project: Project, builds: Builds) -> Starlette:
    async def config(_request: Request) -> Response:
        return JSONResponse(
            {"title": title_of(project.jobs), "dev": {"events": EVENTS, "build": builds.newest.build}}
        )

    async def events(_request: Request) -> Response:
        return StreamingResponse(_lines(builds), media_type="text/event-stream")

    return Starlette(
        routes=[
            Route("/config.json", config),
            Route(f"/{EVENTS}", events),
            *no_service_worker(project.page),
            Mount("/durably", StaticFiles(directory=builds.folder)),
            Mount("/", StaticFiles(directory=project.page, html=True)),
        ],
        middleware=[isolated],
    )


async def _lines(builds: Builds) -> AsyncIterator[bytes]:
    async for built in builds.news():
        told: dict[str, Any] = asdict(built)
        yield b"data: %b\n\n" % to_json(told)
