"""What ``durably dev`` serves: the console over the jobs as they are now. Needs the extra ``durably[spa]``."""

import asyncio
import time
import webbrowser
from collections.abc import AsyncIterator, Callable
from dataclasses import asdict, dataclass
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
from watchfiles import PythonFilter, awatch

from durably_core.cli.output import duration, print_error
from durably_core.cli.running import Stop, listening
from durably_core.cli.server import Server
from durably_core.errors import DurablyError
from spa_runtime import bundle
from spa_runtime.bundle.app_manifest import title_of
from spa_runtime.checking import Fault, check_jobs
from spa_runtime.serve import bind, isolated, no_service_worker

EVENTS = "durably-dev"
LAST_WORDS_S = 0.5
"""How long answers may take to end when the server is told to stop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """The jobs, and what a page needs besides."""

    jobs: Path
    page: Path
    sources: Callable[[], bundle.RuntimeSources]
    """What is packed. Raises ``DurablyError`` for what is missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """The last state that pages are told of."""

    build: str | None = None
    """The newest that could be built; None: nothing yet."""
    error: Fault | None = None


async def serve(project: Project, port: int, *, opens_browser: bool) -> None:
    """Until a signal comes. Raises ``ConflictError`` for a port that can't be had."""
    with (
        bind("127.0.0.1", port) as listener,
        TemporaryDirectory(prefix="durably-dev-") as folder,
        listening() as stop,
    ):
        builds = Builds(project, Path(folder, "durably"))
        # From before the first build: nothing that is saved meanwhile is missed.
        watching = asyncio.create_task(_watch(project.jobs.resolve().parent, builds, stop))
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


async def _watch(folder: Path, builds: "Builds", stop: Stop) -> None:
    async for _changes in awatch(folder, watch_filter=PythonFilter(), stop_event=stop.asked):
        await builds.renew()


class Builds:
    """The runtime folder, made anew when it is asked for, and who wants to hear of it."""

    def __init__(self, project: Project, folder: Path) -> None:
        self._project = project
        self.folder = folder
        folder.mkdir()
        self.newest = Built()
        self._turn = asyncio.Lock()
        self._changed = asyncio.Event()
        self._is_closed = False

    async def renew(self) -> None:
        """Build, and tell the pages. An error leaves what was built before in its place."""
        async with self._turn:
            self._tell(await asyncio.to_thread(self._build))

    def close(self) -> None:
        """Streams of news end."""
        self._is_closed = True
        self._changed.set()

    async def news(self) -> AsyncIterator[Built]:
        """What was built last, and then each that comes."""
        while not self._is_closed:
            changed = self._changed
            yield self.newest
            await changed.wait()

    def _tell(self, built: Built) -> None:
        self.newest = built
        self._changed.set()
        self._changed = asyncio.Event()

    def _build(self) -> Built:
        began = time.monotonic()
        names = check_jobs(self._project.jobs)
        if isinstance(names, Fault):
            return self._failed(names)
        try:
            planned = bundle.plan_runtime(self._project.sources())
            if planned.build != self.newest.build:
                bundle.write(planned, self.folder)
        except DurablyError as error:
            return self._failed(Fault(message=error.message))
        except OSError as error:
            # A file that was there a moment ago: its end is a change that is heard, too.
            return self._failed(Fault(message=f"The jobs could not be packed: {error}."))
        took = duration((time.monotonic() - began) * 1000)
        typer.echo(f"built {', '.join(names) or 'no jobs'} in {took}", err=True)
        return Built(build=planned.build)

    def _failed(self, fault: Fault) -> Built:
        print_error(fault.text)
        return Built(build=self.newest.build, error=fault)


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
