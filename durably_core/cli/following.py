"""One run up to its end: waited for, executed here, shown with a bar."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)

from durably_core import tasks
from durably_core.cli.output import console, is_terminal, plain
from durably_core.cli.running import Stop
from durably_core.durably import Durably
from durably_core.errors import (
    CancelledError,
    EventsGoneError,
    NotFoundError,
    RunFailedError,
    WaitTimeoutError,
)
from durably_core.events import RunEvent, RunLeased, RunProgress, RunRequeue
from durably_core.models import Run

POLLING_INTERVAL_MS = 200
"""A person waits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """What became of a run."""

    run: Run | None
    """The run, ended or when the time was over; None when a signal came before."""
    given_back: bool
    """It executed here, had not ended, and waits for another worker now."""


async def follow(durably: Durably, run: Run, stop: Stop, *, timeout_ms: int | None, here: bool) -> Followed:
    """Follow a run to its end. ``here``: executes it in this process, and what it waits for.

    Closes the engine, which gives back what has not ended.
    """
    waiting = asyncio.create_task(_end_of(durably, run.id, timeout_ms))
    over = asyncio.Event()
    others: set[asyncio.Task[Any]] = {asyncio.create_task(stop.asked.wait())}
    if here:
        others.add(asyncio.create_task(_execute(durably, run.id, over)))
    try:
        async with _shown(durably, run):
            await asyncio.wait({waiting, *others}, return_when=asyncio.FIRST_COMPLETED)
        found = None if stop.asked.is_set() else await _first(waiting, others)
        was_here = run.id in durably.executing
    finally:
        over.set()
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        await durably.close(timeout_ms=0)
        # Code that did not stop can't be waited for: see ``leave_behind``.
        if not durably.executing:
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)
    return Followed(run=found, given_back=was_here and run.id not in durably.executing)


async def _first(waiting: asyncio.Task[Run], others: set[asyncio.Task[Any]]) -> Run:
    for task in others:
        if task.done():
            task.result()  # executing never ends but by an error
    return await waiting


async def _end_of(durably: Durably, run_id: str, timeout_ms: int | None) -> Run:
    with suppress(RunFailedError, CancelledError, WaitTimeoutError):
        await durably.wait_for_run(run_id, timeout_ms=timeout_ms, polling_interval_ms=POLLING_INTERVAL_MS)
    run = await durably.get_run(run_id)
    if run is None:
        raise NotFoundError(f"The run {run_id} was deleted.")
    return run


async def _execute(durably: Durably, run_id: str, over: asyncio.Event) -> None:
    # What is given back when it is over must not be claimed anew.
    while not over.is_set():
        # Not at once: another worker has it, another run its concurrency key, or it has ended.
        if not await durably.process_one(run_id=run_id):
            await tasks.set_within(over, POLLING_INTERVAL_MS / 1000)


@asynccontextmanager
async def _shown(durably: Durably, run: Run) -> AsyncIterator[None]:
    """A live bar on stderr, if a person looks at it."""
    if not is_terminal():
        yield
        return
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(bar_width=30),
        MofNCompleteColumn(),
        TextColumn("{task.fields[message]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console(stderr=True), transient=True) as bar:
        task_id = bar.add_task(plain(run.job_name), total=None, message="waits for a worker")
        following = asyncio.create_task(_draw(durably, run.id, bar, task_id))
        try:
            yield
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)


async def _draw(durably: Durably, run_id: str, bar: Progress, task_id: TaskID) -> None:
    with suppress(NotFoundError, EventsGoneError):  # whoever waits for the run tells of it
        async for event in durably.subscribe(run_id):
            _draw_event(event, bar, task_id)


def _draw_event(event: RunEvent, bar: Progress, task_id: TaskID) -> None:
    if isinstance(event, RunLeased):
        bar.update(task_id, message="")
    elif isinstance(event, RunRequeue):
        bar.update(task_id, message="waits for a worker")
    elif isinstance(event, RunProgress):
        told = event.progress
        bar.update(task_id, completed=told.current, total=told.total, message=plain(told.message or ""))
