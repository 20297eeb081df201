"""One database for all processes, what the weather does to it, and who looks on at each commit."""

import random
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Protocol

from durably_core.errors import StorageError, StorageFullError
from durably_core.store.sql_store import SQLStore
from tests.simulation.world import Process, World, takes_s

Row = dict[str, Any]

current_call: ContextVar["Call | None"] = ContextVar("current_call", default=None)
current_delivery: ContextVar["Delivery | None"] = ContextVar("current_delivery", default=None)


@dataclass(slots=True)
class Delivery:
    """A command, as one process was asked for it."""

    saw_at: float = 0.0
    """When it last looked into the database."""


@dataclass(frozen=True)
class Call:
    """A method of the store, as a process calls it."""

    process: Process
    name: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    delivery: Delivery | None


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


class Disk(ABC):
    """A database that outlives those who write to it."""

    placeholder: str
    """What stands for a parameter in its SQL."""

    def __init__(self, world: World, weather: Weather, *, is_watched: bool) -> None:
        self.world = world
        self.weather = weather
        self.onlooker: Onlooker | None = None
        self.kill_at: tuple[int, str] | None = None
        """Kill whoever makes the commit of that number, ``before`` or ``after`` it."""
        self.commits = 0
        self._is_watched = is_watched
        self._watchers: dict[object, tuple[Process, Callable[[], None]]] = {}

    # ------------------------------------------------------------------ the database

    @abstractmethod
    def store(self) -> SQLStore:
        """That of one process, on the database of all."""

    @property
    @abstractmethod
    def changes(self) -> int:
        """Another number than before when something was written."""

    @abstractmethod
    def rows(self, sql: str) -> list[Row]:
        """What is there for all to see."""

    @abstractmethod
    def execute(self, sql: str) -> None: ...

    @abstractmethod
    def close(self) -> None: ...

    # ------------------------------------------------------------------ what happens to it

    def way(self, process: Process) -> Any:
        """The store as that process has it: a ``Store``."""
        return _Way(self, process)

    def carry_out(self, call: Call, work: Callable[[], Any]) -> Any:
        """In the thread of a process."""
        assert self.onlooker is not None
        if call.delivery is not None:
            call.delivery.saw_at = self.world.now
        self.weather.refuse(call, self.world.now)
        return self.onlooker.called(call, work)

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

    def tell_watchers(self, writer: Process) -> None:
        """Others hear that something was written."""
        for process, changed in self._watchers.values():
            if process is not writer and process.is_alive:
                process.loop.call_later(self.world.rng.uniform(0.0, 0.04), changed)


def asked() -> Call:
    """The call that is carried out."""
    call = current_call.get()
    assert call is not None
    return call


class _Way:
    def __init__(self, disk: Disk, process: Process) -> None:
        self._disk = disk
        self._process = process
        self._store = disk.store()
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
            wanted = Call(self._process, name, args, kwargs, current_delivery.get())
            call_token = current_call.set(wanted)
            seconds = self._disk.weather.takes_s(wanted, self._disk.world.now)
            time_token = takes_s.set(seconds)
            try:
                return await method(*args, **kwargs)
            finally:
                takes_s.reset(time_token)
                current_call.reset(call_token)

        return call
