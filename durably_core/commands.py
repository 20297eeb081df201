"""Requests for a write that may be sent again, by whoever never heard the answer: each is carried out once.

Who has the engine in another tab, or in a worker that died, can't know what became of a request without an
answer, and sends it again with the same id. The write that carries it out commits the answer under that id.
"""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from durably_core.errors import DurablyError
from durably_core.store.base import Store

RETAIN_COMMANDS_MS = 86_400_000
"""How long it is known that a command was carried out. Whoever sends one again must do so well within that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A request, as its sender names it."""

    id: str
    is_repeated: bool
    """It was sent before, and may have been carried out."""


@dataclass(slots=True)
class Recording:
    """What the next write commits beside itself."""

    id: str
    answer: Callable[[Any], Any]
    """From what the store's transition returns to the JSON value that the command is answered with."""
    is_written: bool = False
    """Within a transaction that may yet fail: then whoever asked hears of it, and of nothing else."""


class AlreadyDoneError(Exception):
    """The command was sent again before it was answered, and what was sent first has done it meanwhile."""

    def __init__(self, answer: Any) -> None:
        super().__init__(answer)
        self.answer = answer


_asked: ContextVar[Command | None] = ContextVar("durably_command", default=None)
_recording: ContextVar[Recording | None] = ContextVar("durably_recording", default=None)


@contextmanager
def asked(command: Command | None) -> Iterator[None]:
    """What is done within is done for that command."""
    token = _asked.set(command)
    try:
        yield
    finally:
        _asked.reset(token)


async def once(
    store: Store, part: str, work: Callable[[], Awaitable[Any]], answer: Callable[[Any], Any]
) -> Any:
    """What ``work`` answers; or what it answered when the command was carried out before.

    ``part`` tells the writes of one command apart. ``work`` makes one write; ``answer`` makes of what the
    store returned for it the same JSON value that ``work`` answers with. What raises is no write, and is
    tried again.
    """
    command = _asked.get()
    if command is None:
        return await work()
    name = f"{command.id}/{part}"
    if command.is_repeated and (known := await store.get_command(name)) is not None:
        return known.answer
    token = _recording.set(Recording(name, answer))
    try:
        return await work()
    except AlreadyDoneError as done:
        return done.answer
    except DurablyError:
        # It may have been done meanwhile, and be in its own way.
        if (known := await store.get_command(name)) is not None:
            return known.answer
        raise
    finally:
        _recording.reset(token)


def current_recording() -> Recording | None:
    """What the write that is about to begin commits beside itself, if it is a command's."""
    recording = _recording.get()
    return None if recording is None or recording.is_written else recording
