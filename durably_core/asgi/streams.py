"""Server-sent events: the feed of the log, filtered, throttled, as lines."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Any

from pydantic_core import to_json
from starlette.types import Receive, Scope, Send

from durably_core import events
from durably_core.durably import Durably
from durably_core.errors import DurablyError
from durably_core.events import RunEvent, RunProgress, to_wire
from durably_core.feed import Entry, Feed, Reader
from durably_core.models import Run, RunStatus
from durably_core.waiting import ENDS

HEARTBEAT_S = 15.0

MOST_WINDOWS = 1000
"""Of a throttle, before those that are over are forgotten."""

OVER = b"retry: 2147483647\n\n"
"""Said where nothing can follow. An EventSource that is not closed comes back then: in weeks, not in seconds.
A 204 would stop it, too, but as an error: the original's client shows one beside a run that completed."""

_STATUSES: dict[str, tuple[RunStatus, ...]] = {
    events.RunTrigger.type: ("pending",),
    events.RunCoalesced.type: ("pending",),
    events.RunLeased.type: ("pending", "leased"),
    events.RunRequeue.type: ("leased", "pending"),
    events.RunComplete.type: ("leased", "completed"),
    events.RunFail.type: ("leased", "failed"),
    events.RunCancel.type: ("pending", "leased", "cancelled"),
    events.RunStop.type: ("cancelled",),
    events.RunDelete.type: ("completed", "failed", "cancelled"),
}


def statuses_of(event: RunEvent) -> tuple[RunStatus, ...]:
    """The statuses that the run may have had before the event, and has after it."""
    return _STATUSES.get(event.type, ("leased",))


class EventStream:
    """One stream of events, as an ASGI response. It ends with the client, the engine, or ``lines``."""

    def __init__(self, lines: AsyncGenerator[bytes, None], *, position: int) -> None:
        self._lines = lines
        self._headers = {
            "Content-Type": "text/event-stream",
            "Cache-Control": "no-cache, no-transform",
            "Connection": "keep-alive",
            # nginx would hold events back until they fill a buffer.
            "X-Accel-Buffering": "no",
            "Durably-Last-Event-ID": str(position),
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        sending = asyncio.create_task(self._send(send))
        leaving = asyncio.create_task(_until_gone(receive))
        try:
            await asyncio.wait({sending, leaving}, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            # A server that stops waits for no stream. It ends properly even so: a client that hears no end
            # believes in the connection until it is silent for too long.
            await _stopped(sending, leaving)
            await _end(send)
            return
        await _stopped(sending, leaving)
        if not sending.cancelled() and (error := sending.exception()) is not None:
            raise error

    async def _send(self, send: Send) -> None:
        raw = [
            (name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in self._headers.items()
        ]
        await send({"type": "http.response.start", "status": 200, "headers": raw})
        async with contextlib.aclosing(self._lines) as lines:
            async for chunk in lines:
                # A client that does not read holds up only this stream: the feed keeps nothing for it.
                with contextlib.suppress(OSError):
                    await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await _end(send)


async def _stopped(*tasks: asyncio.Task[None]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)


async def _end(send: Send) -> None:
    with contextlib.suppress(Exception):  # the client may be gone, or the answer not have begun
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def lines_of_runs(
    reader: Reader, wanted: Callable[[RunEvent], bool], throttle: "Throttle"
) -> AsyncGenerator[bytes, None]:
    """The events of many runs: never ends by itself."""
    yield b""
    while (entries := await _next(reader, throttle)) is not None:
        passing = [entry for entry in entries if wanted(entry.event)]
        yield b"".join(_line(entry) for entry in throttle.pass_on(passing))


async def lines_of_run(
    reader: Reader, durably: Durably, run: Run, first: Sequence[RunEvent], throttle: "Throttle"
) -> AsyncGenerator[bytes, None]:
    """The events of one run, after those in ``first``: ends with the run."""
    yield b"".join(_full_line(event, run) for event in first)
    if any(event.type in ENDS for event in first):
        yield OVER
        return
    while (entries := await _next(reader, throttle)) is not None:
        passing = [entry for entry in entries if entry.event.run_id == run.id]
        ended = any(entry.event.type in ENDS for entry in passing)
        if ended:
            # The log has no outputs: the run has them, unless it is deleted already.
            run = await durably.get_run(run.id) or run
        yield b"".join(_full_line(entry.event, run) for entry in throttle.pass_on(passing))
        if ended:
            yield OVER
            return


async def nothing_more() -> AsyncGenerator[bytes, None]:
    """For who was told the end of the run already."""
    yield OVER


async def _next(reader: Reader, throttle: "Throttle") -> Sequence[Entry] | None:
    try:
        return await reader.read(min(HEARTBEAT_S, throttle.due_in_s))
    except DurablyError:
        # Closed, or so far behind that the log was pruned: who connects again learns which.
        return None


async def following(
    feed: Feed, after: int, lines: Callable[[Reader], AsyncGenerator[bytes, None]]
) -> AsyncGenerator[bytes, None]:
    """What ``lines`` say from there on, and a heartbeat at the start and after each silence.

    A heartbeat tells the place in the log, too: who was told nothing for long goes on from near its end.
    """
    now = asyncio.get_running_loop().time
    said_at = -HEARTBEAT_S
    with feed.follow(after) as reader:
        async with contextlib.aclosing(lines(reader)) as chunks:
            async for chunk in chunks:
                if not chunk and now() - said_at < HEARTBEAT_S:
                    continue
                yield chunk or b": still here\nid: %d\n\n" % reader.after
                said_at = now()


class Throttle:
    """Passes on at most one progress per run in each window: the newest.

    The order of the log is kept, and with it the meaning of an event's number to one who comes back:
    what is held is passed on before anything that comes after it.
    """

    def __init__(self, window_ms: int) -> None:
        self._window_s = window_ms / 1000
        self._now = asyncio.get_running_loop().time
        self._next_at: dict[str, float] = {}
        self._held: dict[str, Entry] = {}

    @property
    def due_in_s(self) -> float:
        """Until something that is held may be passed on."""
        if not self._held:
            return float("inf")
        return max(0.0, min(self._next_at[run_id] for run_id in self._held) - self._now())

    def pass_on(self, entries: Sequence[Entry]) -> list[Entry]:
        """Of these and of what was held, what is to be sent now, in order."""
        passed: list[Entry] = []
        for entry in entries:
            if isinstance(entry.event, RunProgress) and self._window_s > 0:
                self._progress(entry, passed)
            else:
                self._release(passed)
                passed.append(entry)
                if entry.event.type in ENDS:
                    self._next_at.pop(entry.event.run_id, None)
        if self._held and self.due_in_s == 0:
            self._release(passed)
        return passed

    def _progress(self, entry: Entry, passed: list[Entry]) -> None:
        run_id = entry.event.run_id
        # Taken out first: what is held stands in the order of the log.
        self._held.pop(run_id, None)
        self._held[run_id] = entry
        if self._now() >= self._next_at.get(run_id, 0):
            self._release(passed)

    def _release(self, passed: list[Entry]) -> None:
        now = self._now()
        if len(self._next_at) > MOST_WINDOWS:
            self._next_at = {run_id: at for run_id, at in self._next_at.items() if at > now}
        until = now + self._window_s
        for run_id, entry in self._held.items():
            passed.append(entry)
            self._next_at[run_id] = until
        self._held.clear()


def _line(entry: Entry) -> bytes:
    return b"id: %d\ndata: %b\n\n" % (entry.event.sequence, entry.wire)


def _full_line(event: RunEvent, run: Run) -> bytes:
    """With what the run took and gave, as the events of one run have it."""
    wire: dict[str, Any] = to_wire(event)
    if event.type in (events.RunTrigger.type, events.RunLeased.type):
        wire["input"] = run.input
    elif event.type == events.RunComplete.type:
        wire["output"] = run.output
    return b"id: %d\ndata: %b\n\n" % (event.sequence, to_json(wire, inf_nan_mode="null"))
