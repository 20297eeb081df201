"""Notices what other processes write to the database's file, without asking the database all the time."""

import asyncio
from collections.abc import Awaitable, Callable
from contextvars import Context
from pathlib import Path

from durably_core.errors import StorageError

INTERVAL_S = 0.02
"""Between two looks at the file, each of which is one call of the system."""

LOOKS_AFTER_A_WRITE = 25
"""Half a second: no disk that works takes longer to flush."""

Looks = tuple[int, int] | None
"""When the file was last written to, and its size; None: there is none."""


class Watch:
    """Looks at the write-ahead log for as long as someone wants to know.

    ``data_version``: a number that changes with what other connections commit. It is asked for only when
    the file has changed, which own writes do, too, and for a while after: a commit is written first and
    counts later, when the disk has it. The first of all changes is taken for another's. Two writes within
    one tick of the file system's clock may look like one: who watches still has to poll, if seldom.
    """

    def __init__(self, path: Path | None, data_version: Callable[[], Awaitable[int]]) -> None:
        self._path = path
        """None: no one else can write."""
        self._data_version = data_version
        self._watchers: dict[object, Callable[[], None]] = {}
        self._task: asyncio.Task[None] | None = None

    def add(self, changed: Callable[[], None]) -> Callable[[], None]:
        """Call ``changed`` soon after another process has written. Returns the way to stop."""
        token = object()
        self._watchers[token] = changed
        if self._path is not None and self._task is None:
            # Looked at here and now: who asks looks into the database next, and must not miss what comes then.
            looks = _looks_of(self._path)
            self._task = asyncio.create_task(self._look_on(self._path, looks), context=Context())
        return lambda: self._remove(token)

    def stop(self) -> None:
        self._watchers.clear()
        if self._task is not None:
            self._task.cancel()
            self._task = None

    def _remove(self, token: object) -> None:
        self._watchers.pop(token, None)
        if not self._watchers:
            self.stop()

    async def _look_on(self, path: Path, looks: Looks) -> None:
        version, left = None, 0
        while True:
            now = _looks_of(path)
            if now != looks:
                looks, left = now, LOOKS_AFTER_A_WRITE
            if left > 0:
                left -= 1
                found = await self._ask(version)
                if found != version:
                    version = found
                    for changed in [*self._watchers.values()]:
                        changed()
            await asyncio.sleep(INTERVAL_S)

    async def _ask(self, version: int | None) -> int | None:
        try:
            return await self._data_version()
        except StorageError:
            return version  # whoever reads hears of it there


def _looks_of(path: Path) -> Looks:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size
