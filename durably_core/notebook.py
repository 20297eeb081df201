"""What a run's code has told: at once to listeners, a moment later to the disk."""

import asyncio
from collections.abc import Awaitable, Callable

from pydantic_core import to_json

from durably_core.abort import AbortSignal
from durably_core.events import EventBus, RunEvent, RunProgress
from durably_core.models import Progress
from durably_core.store.base import NewLog, Notes

NOTES_DELAY_MS = 100
"""How long progress and logs wait for a write to ride along with, before they get one of their own."""


class Notebook:
    """What one execution has told and not written yet. ``write`` writes what it takes from here."""

    def __init__(self, bus: EventBus, signal: AbortSignal, write: Callable[[], Awaitable[None]]) -> None:
        self._bus = bus
        self._signal = signal
        self._write = write
        self._loop = asyncio.get_running_loop()
        # In the order in which they were told, by their identity. Of progress only the last.
        self._told: dict[int, RunEvent] = {}
        self._progress: RunProgress | None = None
        self._newest_progress: RunProgress | None = None
        self._logs: list[NewLog] = []
        self._waits = False
        self._noted_at = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._writing: asyncio.Task[None] | None = None

    @property
    def progress(self) -> Progress | None:
        """The newest, written or not."""
        return None if self._newest_progress is None else self._newest_progress.progress

    @property
    def is_empty(self) -> bool:
        return not self._told

    def tell(self, event: RunEvent) -> None:
        """Now to listeners, to the log with the next write."""
        self._told[id(event)] = event
        self._bus.emit(event)

    def note(self, event: RunEvent) -> None:
        """Tell it, and see to it that the next write is soon."""
        if not self._waits:
            self._waits = True
            self._noted_at = self._loop.time()
        # One timer stays armed instead of one per note: it finds out for itself what is left to write.
        if self._timer is None:
            self._arm(NOTES_DELAY_MS / 1000)
        self.tell(event)

    def note_progress(self, event: RunProgress) -> None:
        if self._progress is not None:
            self._told.pop(id(self._progress), None)
        self._progress = self._newest_progress = event
        self.note(event)

    def keep_log(self, log: NewLog) -> None:
        """It goes with the next write."""
        self._logs.append(log)

    def take(self, event: RunEvent | None = None) -> Notes:
        """What was told since the last write, and the event of this one."""
        last = () if event is None else (event,)
        progress, logs, told = self._progress, self._logs, self._told
        self._progress, self._logs, self._told, self._waits = None, [], {}, False
        text = None if progress is None else to_json(progress.progress.to_wire()).decode()
        return Notes(progress=text, logs=tuple(logs), events=(*told.values(), *last))

    def put_back(self, notes: Notes) -> None:
        """The write that took them was undone: the next one takes them along."""
        newest = self._newest_progress
        # Of progress only the newest: what was told meanwhile may be on disk, and is not set back.
        told = [event for event in notes.events if event is newest or not isinstance(event, RunProgress)]
        self._told = {id(event): event for event in told} | self._told
        self._logs = [*notes.logs, *self._logs]
        if newest is not None and id(newest) in self._told:
            self._progress = newest

    def _arm(self, delay_s: float) -> None:
        self._timer = self._loop.call_later(delay_s, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        if not self._waits or self._signal.aborted:
            return
        rest_ms = NOTES_DELAY_MS - round((self._loop.time() - self._noted_at) * 1000)
        if rest_ms > 0:
            # Earlier notes went with a step meanwhile; these are younger.
            self._arm(rest_ms / 1000)
        else:
            self._start_writing()

    async def flush(self) -> None:
        """Returns when all that was told before is written."""
        if self._told:
            await asyncio.wait([self._start_writing()])

    async def written(self) -> None:
        """Returns when no write of notes is under way."""
        if self._writing is not None:
            await asyncio.wait([self._writing])

    def _start_writing(self) -> asyncio.Task[None]:
        # One at a time, and known to the last write, which waits for it.
        earlier = self._writing
        self._writing = self._loop.create_task(self._write_after(earlier))
        return self._writing

    async def _write_after(self, earlier: asyncio.Task[None] | None) -> None:
        if earlier is not None and not earlier.done():
            await asyncio.wait([earlier])
        await self._write()

    def close(self) -> None:
        """Nothing is written any more, except what is taken."""
        if self._timer is not None:
            self._timer.cancel()
        # It knows the execution, which knows the notebook: both would stay until Python looks for cycles.
        self._timer, self._write = None, _write_nothing


async def _write_nothing() -> None:
    pass
