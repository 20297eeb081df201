"""What ``durably dev`` builds, and when: the jobs were saved, or what declares the packages they need."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass, replace
from pathlib import Path

import typer
from watchfiles import Change, PythonFilter, awatch
from watchfiles.main import FileChange

from durably_core.cli.output import duration, print_error
from durably_core.cli.running import Stop
from durably_core.errors import DurablyError
from spa_runtime import bundle
from spa_runtime.checking import Fault, check_jobs, fault_of
from spa_runtime.packages import PackageOptions, tell_person, watched, wheels_for


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """The jobs, and what a page needs besides."""

    jobs: Path
    page: Path
    pyodide: Path
    packages: PackageOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """The last state that pages are told of."""

    build: str | None = None
    """The newest that could be built; None: nothing yet."""
    error: Fault | None = None


class Builds:
    """The runtime folder, made anew when it is asked for, and who wants to hear of it."""

    def __init__(self, project: Project, folder: Path) -> None:
        self.project = project
        self.folder = folder
        folder.mkdir()
        self.newest = Built()
        self.declarations = self._declarations()
        self.moved = asyncio.Event()
        """Other files declare the packages now."""
        self._packages = project.packages
        self._turn = asyncio.Lock()
        self._changed = asyncio.Event()
        self._is_closed = False

    async def renew(self) -> None:
        """Build, and tell the pages. An error leaves what was built before in its place."""
        async with self._turn:
            self._tell(await asyncio.to_thread(self._build))
            if (declarations := self._declarations()) != self.declarations:
                self.declarations = declarations
                self.moved.set()

    def close(self) -> None:
        """Streams of news end."""
        self._is_closed = True
        self._changed.set()
        self.moved.set()

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

    def _declarations(self) -> frozenset[Path]:
        found = watched(self.project.jobs, self.project.packages.requirements)
        # Python files of the jobs are watched in any case.
        return frozenset(found) - {self.project.jobs.resolve()}

    def _build(self) -> Built:
        began = time.monotonic()
        try:
            wheels = wheels_for(self.project.jobs, self._packages, tell_person)
            self._packages = replace(self._packages, upgrade=False)
            infos = check_jobs(self.project.jobs, wheels)
            if isinstance(infos, Fault):
                return self._failed(infos)
            planned = bundle.plan_runtime(
                bundle.RuntimeSources(
                    jobs=self.project.jobs, pyodide=self.project.pyodide, wheels=wheels, infos=infos
                )
            )
            if planned.build != self.newest.build:
                bundle.write(planned, self.folder)
        except DurablyError as error:
            return self._failed(fault_of(error))
        except OSError as error:
            # A file that was there a moment ago: its end is a change that is heard, too.
            return self._failed(Fault(message=f"The jobs could not be packed: {error}."))
        took = duration((time.monotonic() - began) * 1000)
        names = ", ".join(info["name"] for info in infos)
        typer.echo(f"built {names or 'no jobs'} in {took}", err=True)
        return Built(build=planned.build)

    def _failed(self, fault: Fault) -> Built:
        print_error(fault.text)
        return Built(build=self.newest.build, error=fault)


async def watch(builds: Builds, stop: Stop) -> None:
    """Build when something is saved, until stopped."""
    await asyncio.gather(_watch_jobs(builds, stop), _watch_declarations(builds, stop))


async def _watch_jobs(builds: Builds, stop: Stop) -> None:
    folder = builds.project.jobs.resolve().parent
    async for _changes in awatch(folder, watch_filter=PythonFilter(), stop_event=stop.asked):
        await builds.renew()


async def _watch_declarations(builds: Builds, stop: Stop) -> None:
    is_first = True
    while not stop.asked.is_set():
        builds.moved.clear()
        async with aclosing(_declaration_changes(builds)) as changes:
            change = asyncio.ensure_future(anext(changes, None))
            # From here on it watches. What was saved since the last look at the files was missed.
            await asyncio.sleep(0)
            if not is_first:
                await builds.renew()
            is_first = False
            while await change is not None:
                await builds.renew()
                change = asyncio.ensure_future(anext(changes, None))


def _declaration_changes(builds: Builds) -> AsyncGenerator[set[FileChange], None]:
    """Until other files declare the packages."""
    files, links = builds.declarations, {folder.resolve() for folder in builds.project.packages.find_links}

    def is_declaration(_change: Change, path: str) -> bool:
        return Path(path) in files or (path.endswith(".whl") and Path(path).parent in links)

    # Folders: editors put another file in the place of the one they save.
    folders = {path.parent for path in files} | links
    there = sorted(folder for folder in folders if folder.is_dir())
    return awatch(*there, watch_filter=is_declaration, stop_event=builds.moved, recursive=False)
