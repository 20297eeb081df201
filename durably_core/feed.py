"""The newest part of the log of events: read once, for all who follow it.

A reader holds nothing but its place in the log. One that is slow, or comes back later, reads the log
itself, so that no reader can make the others wait or the memory grow.
"""

import asyncio
import contextlib
import logging
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from contextvars import Context
from dataclasses import dataclass

from pydantic_core import to_json

from durably_core import tasks
from durably_core.errors import EventsGoneError, StorageError
from durably_core.events import EventBus, RunEvent, to_wire
from durably_core.store.base import Store

READ_LIMIT = 500
"""Events that are read at once."""

KEPT_EVENTS = 2000
KEPT_BYTES = 4_000_000
"""What is kept in memory of the newest events, by their size on the wire."""

CHUNK_BYTES = 100_000
"""What a reader gets at once, but for an event that is larger itself: a client that does not read holds it."""

PACE_S = 0.01
"""Where one commit follows the other, the log is read this often and not after each of them."""


_log = logging.getLogger("durably")

LAST_WORDS_S = 1.0
"""How long readers may take to pass on what they have read when the engine is closed."""


@dataclass(frozen=True, slots=True)
class Entry:
    """An event, and the JSON text by which everyone is told of it: without inputs and outputs."""

    event: RunEvent
    wire: bytes

    @classmethod
    def of(cls, event: RunEvent) -> "Entry":
        return cls(event, to_json(to_wire(event, payload=False), inf_nan_mode="null"))


class Feed:
    """Reads on in the log for as long as someone follows it."""

    def __init__(self, store: Store, bus: EventBus, *, polling_interval_ms: int) -> None:
        self._store = store
        self._bus = bus
        self._polling_s = polling_interval_ms / 1000
        self._readers = 0
        self._entries: list[Entry] = []
        self._sequences: list[int] = []
        self._bytes = 0
        self._complete_after = 0
        """Of what comes after this event, everything is in the entries up to the newest."""
        self._newest = 0
        self._closed = False
        self._left = asyncio.Event()
        self._follower: asyncio.Task[None] | None = None
        self._changed = asyncio.Event()
        self._news = asyncio.Event()
        self._stops: tuple[Callable[[], None], ...] = ()

    @property
    def readers(self) -> int:
        """How many follow it now."""
        return self._readers

    @contextlib.contextmanager
    def follow(self, after: int) -> Iterator["Reader"]:
        """A reader that begins behind that event."""
        if self._readers == 0:
            self._start(after)
        self._readers += 1
        try:
            yield Reader(self, self._store, after)
        finally:
            self._readers -= 1
            if self._readers == 0:
                self._stop()
                self._left.set()

    async def close(self) -> None:
        """Readers get what the log holds, and then a ``StorageError``. Returns when they have left, or soon."""
        if self._follower is not None:
            # Not beside it: both would read the same, and readers hear it twice.
            self._follower.cancel()
            await asyncio.wait([self._follower])
        while self._readers and await self._read():
            pass
        self._closed = True
        self._tell_readers()
        if self._readers:
            self._left = asyncio.Event()
            await tasks.set_within(self._left, LAST_WORDS_S)

    def entries_after(self, after: int) -> Sequence[Entry] | None:
        """What is known to come next; None: that has to be looked for in the log."""
        if after < self._complete_after:
            return None
        first = bisect_right(self._sequences, after)
        if self._closed and first == len(self._entries):
            raise StorageError("The engine was closed.")
        return _chunk(self._entries[first : first + READ_LIMIT])

    @property
    def news(self) -> asyncio.Event:
        """Set when there is more than there was when this was asked."""
        return self._news

    # ------------------------------------------------------------------ reading on

    def _start(self, after: int) -> None:
        self._forget(after)
        # Made here: an event belongs to the loop in which it is waited for.
        self._changed = changed = asyncio.Event()
        self._news = asyncio.Event()
        stop_listening = self._bus.on_stored(lambda _run_id, _type: changed.set())
        stop_watching = self._store.watch(changed.set)
        self._stops = (stop_listening, stop_watching)
        self._follower = asyncio.create_task(self._read_on(), context=Context())

    def _stop(self) -> None:
        for stop in self._stops:
            stop()
        assert self._follower is not None
        self._follower.cancel()
        self._forget(0)

    def _forget(self, newest: int) -> None:
        self._entries, self._sequences, self._bytes = [], [], 0
        self._complete_after = self._newest = newest

    async def _read_on(self) -> None:
        # Who came back after long does not hold up those who follow what happens now.
        with contextlib.suppress(StorageError):
            newest = await self._store.get_newest_event()
            if newest - self._newest > KEPT_EVENTS:
                self._forget(newest - KEPT_EVENTS)
        while True:
            self._changed.clear()
            if await self._read():
                continue
            await tasks.set_within(self._changed, self._polling_s)
            await asyncio.sleep(PACE_S)

    async def _read(self) -> bool:
        """Whether there is more to read at once."""
        try:
            read = await self._store.get_events(after=self._newest, run_id=None, types=None, limit=READ_LIMIT)
        except EventsGoneError:
            return await self._skip()
        except StorageError:
            return False  # whoever reads the log for themselves hears of it there
        except Exception:  # noqa: BLE001 - outermost loop: a fault of ours must not end it
            _log.exception("The log of events could not be read.")
            return False
        self._add([Entry.of(event) for event in read])
        return len(read) == READ_LIMIT

    async def _skip(self) -> bool:
        """Pruned under us: go on from the newest. Who is behind reads the log, and learns of it there."""
        with contextlib.suppress(StorageError):
            self._forget(await self._store.get_newest_event())
            self._tell_readers()
        return False

    def _add(self, entries: list[Entry]) -> None:
        if not entries:
            return
        self._entries += entries
        self._sequences += [entry.event.sequence for entry in entries]
        self._bytes += sum(len(entry.wire) for entry in entries)
        self._newest = self._sequences[-1]
        if len(self._entries) > 2 * KEPT_EVENTS or self._bytes > 2 * KEPT_BYTES:
            self._drop_oldest()
        self._tell_readers()

    def _drop_oldest(self) -> None:
        kept, size = 0, 0
        for entry in reversed(self._entries):
            size += len(entry.wire)
            if kept == KEPT_EVENTS or size > KEPT_BYTES:
                break
            kept += 1
        dropped = len(self._entries) - kept
        self._complete_after = self._sequences[dropped - 1]
        self._entries, self._sequences = self._entries[dropped:], self._sequences[dropped:]
        self._bytes = sum(len(entry.wire) for entry in self._entries)

    def _tell_readers(self) -> None:
        told, self._news = self._news, asyncio.Event()
        told.set()


class Reader:
    """A place in the log."""

    def __init__(self, feed: Feed, store: Store, after: int) -> None:
        self._feed = feed
        self._store = store
        self.after = after
        """The last event that was read, or passed over."""
        self._limit = READ_LIMIT

    async def read(self, within_s: float) -> Sequence[Entry]:
        """The next events, in order; none when nothing happens for that long.

        Raises ``EventsGoneError`` when the log no longer reaches back to this place, and ``StorageError``
        once the engine is closed.
        """
        news = self._feed.news
        entries = await self._next()
        if not entries:
            await tasks.set_within(news, within_s)
            entries = await self._next()
        if entries:
            self.after = entries[-1].event.sequence
        return entries

    async def _next(self) -> Sequence[Entry]:
        entries = self._feed.entries_after(self.after)
        if entries is None:
            read = await self._store.get_events(after=self.after, run_id=None, types=None, limit=self._limit)
            entries = _chunk([Entry.of(event) for event in read])
            # What is left over is read again: where events are large, not much of it.
            self._limit = min(READ_LIMIT, 2 * max(1, len(entries)))
        return entries


def _chunk(entries: Sequence[Entry]) -> Sequence[Entry]:
    """As many of them as one chunk may hold: one at least."""
    size = 0
    for place, entry in enumerate(entries):
        size += len(entry.wire)
        if size > CHUNK_BYTES and place:
            return entries[:place]
    return entries
