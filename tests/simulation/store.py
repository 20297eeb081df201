"""One database for all processes, what the weather does to it, and who looks on at each commit."""

import random
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Protocol

from durably_core.errors import StorageError, StorageFullError
from durably_core.store.sqlite import SQLiteStore
from durably_core.store.sqlite.database import Database
from durably_core.store.sqlite.transitions import SQLiteTransitions
from durably_core.store.sqlite.writes import Write
from tests.simulation.world import Process, World, takes_s

current_call: ContextVar["Call | None"] = ContextVar("current_call", default=None)


@dataclass(frozen=True)
class Call:
    """A method of the store, as a process calls it."""

    process: Process
    name: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any]


class Onlooker(Protocol):
    """Who knows what may be in the database."""

    def called(self, call: Call, work: Callable[[], Any]) -> Any:
        """What ``work`` returns, after a look at what it has done."""


@dataclass
class Weather:
    """How the disk is just now."""

    rng: random.Random
    slow_until: float = 0.0
    fails_until: float = 0.0
    is_full: bool = False
    loses_renewals_until: float = 0.0
    late_renewal_s: float = 0.0

    def takes_s(self, call: Call, now: float) -> float:
        if call.name == "renew_lease" and self.late_renewal_s:
            late, self.late_renewal_s = self.late_renewal_s, 0.0
            return late
        return self.rng.uniform(0.05, 1.5) if now < self.slow_until else self.rng.uniform(0.0003, 0.006)

    def refuse(self, call: Call, now: float) -> None:
        """Raises ``StorageError``, if that is what comes of it."""
        if call.name == "renew_lease" and now < self.loses_renewals_until:
            raise StorageError("The disk has lost a renewal.")
        if now < self.fails_until and self.rng.random() < 0.5:
            raise StorageFullError if self.is_full else StorageError("The disk has failed.")


class Died(BaseException):
    """Raised in the thread of a process that was killed there. No one hears it."""


class Disk:
    """A database that outlives those who write to it."""

    def __init__(self, world: World, weather: Weather, *, is_watched: bool) -> None:
        self.world = world
        self.weather = weather
        self.database = Database(":memory:", exclusive=False, reserve_bytes=0, clock=world.clock)
        self.onlooker: Onlooker | None = None
        self.kill_at: tuple[int, str] | None = None
        """Kill whoever makes the commit of that number, ``before`` or ``after`` it."""
        self.commits = 0
        self._is_watched = is_watched
        self._watchers: dict[object, tuple[Process, Callable[[], None]]] = {}

    def way(self, process: Process) -> Any:
        """The store as that process has it: a ``Store``."""
        return _Way(self, process)

    def carry_out(self, call: Call, work: Callable[[], Any]) -> Any:
        """In the thread of a process."""
        assert self.onlooker is not None
        self.weather.refuse(call, self.world.now)
        connection = self.database.connection
        before = 0 if connection is None else connection.total_changes
        try:
            return self.onlooker.called(call, work)
        finally:
            # As with a file: who has written nothing wakes no one.
            if connection is not None and connection.total_changes > before:
                self._tell_watchers(call.process)

    def commit(self, work: Callable[[], Any]) -> Any:
        """A transaction within a call."""
        self._die_if_asked("before")
        result = work()
        self._die_if_asked("after")
        self.commits += 1
        return result

    def _die_if_asked(self, when: str) -> None:
        call = current_call.get()
        if call is not None and self.kill_at == (self.commits, when):
            self.commits += 1
            self.world.tell(f"{call.process.name} dies {when} its commit: {call.name}")
            call.process.kill()
            raise Died

    def watch(self, process: Process, changed: Callable[[], None]) -> Callable[[], None]:
        token = object()
        if self._is_watched:
            self._watchers[token] = (process, changed)
        return lambda: self._watchers.pop(token, None) and None

    def _tell_watchers(self, writer: Process) -> None:
        for process, changed in self._watchers.values():
            if process is not writer and process.is_alive:
                process.loop.call_later(self.world.rng.uniform(0.0, 0.04), changed)


class _Store(SQLiteStore):
    """That of one process, on the database of all."""

    def __init__(self, disk: Disk) -> None:
        super().__init__(":memory:", clock=disk.world.clock)
        self._disk = disk
        self._database = disk.database
        self._transitions = SQLiteTransitions(disk.database)

    async def _call(self, work: Callable[[], Any], told: Callable[[], object] | None = None) -> Any:
        call = _asked()
        return await super()._call(lambda: self._disk.carry_out(call, work), told)

    async def _write(
        self, work: Any, when_full: Any = None, *, of_run: str | None = None, from_reserve: bool = False
    ) -> Any:
        call = _asked()

        def seen(work: Callable[[Any], Any]) -> Callable[[Any], Any]:
            def logged(transitions: SQLiteTransitions) -> Any:
                result = work(transitions)
                # Here already: who looks on compares what was done with what is told of it.
                transitions.log()
                return result

            return lambda transitions: self._disk.carry_out(call, lambda: logged(transitions))

        full = None if when_full is None else seen(when_full)
        return await super()._write(seen(work), full, of_run=of_run, from_reserve=from_reserve)

    def _commit(self, work: Any, when_full: Any, *, from_reserve: bool = False) -> Any:
        commit = super()._commit
        return self._disk.commit(lambda: commit(work, when_full, from_reserve=from_reserve))

    def _commit_together(self, writes: list[Write[Any]]) -> None:
        together = super()._commit_together
        self._disk.commit(lambda: together(writes))


def _asked() -> Call:
    call = current_call.get()
    assert call is not None
    return call


class _Way:
    def __init__(self, disk: Disk, process: Process) -> None:
        self._disk = disk
        self._process = process
        self._store = _Store(disk)
        self._is_closed = False

    def watch(self, changed: Callable[[], None]) -> Callable[[], None]:
        return self._disk.watch(self._process, changed)

    async def close(self) -> None:
        self._is_closed = True

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._store, name)

        async def call(*args: Any, **kwargs: Any) -> Any:
            if self._is_closed:
                raise StorageError("The store is closed.")
            asked = Call(self._process, name, args, kwargs)
            call_token = current_call.set(asked)
            seconds = self._disk.weather.takes_s(asked, self._disk.world.now)
            time_token = takes_s.set(seconds)
            try:
                return await method(*args, **kwargs)
            finally:
                takes_s.reset(time_token)
                current_call.reset(call_token)

        return call
