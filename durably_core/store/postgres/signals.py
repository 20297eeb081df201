"""How processes that share a database hear of each other's writes at once: LISTEN and NOTIFY.

A signal says that something was written, and nothing else. It is sent after the commit, and not with it:
PostgreSQL commits transactions that notify one after the other, those of all its databases. So one can be lost,
when a process dies between the two; who listens polls as well, if seldom.
"""

import asyncio
import contextlib
import logging
import random
import threading
import uuid
from collections.abc import Callable
from typing import Any

import psycopg
from psycopg import Connection

INTERVAL_S = 0.01
"""Where one commit follows the other, others are told this often and not after each of them."""

LISTEN_S = 1.0
"""For so long at most a listener waits before it looks whether it is still wanted."""

MAX_BACKOFF_S = 10.0

_log = logging.getLogger("durably")

Connect = Callable[[], Connection[Any]]


class Signals:
    """Those of one process: it does not hear its own."""

    def __init__(
        self, channel: str, connect: Connect, send: Callable[[str, str], asyncio.Future[None]]
    ) -> None:
        self._channel = channel
        self._connect = connect
        self._send = send
        """Sends a text on a channel, on another thread."""
        self._own = uuid.uuid4().hex
        self._watchers: dict[object, Callable[[], None]] = {}
        self._listener: Listener | None = None
        self._sending: asyncio.Future[None] | None = None
        self._pause: asyncio.TimerHandle | None = None
        self._is_to_send = False
        self._is_closed = False

    def written(self) -> None:
        """Tell the other processes, now or soon."""
        if self._pause is not None or self._is_closed:
            self._is_to_send = True
            return
        self._pause = asyncio.get_running_loop().call_later(INTERVAL_S, self._go_on)
        self._sending = self._send(self._channel, self._own)
        self._sending.add_done_callback(_heard)

    def _go_on(self) -> None:
        self._pause = None
        if self._is_to_send:
            self._is_to_send = False
            self.written()

    def watch(self, changed: Callable[[], None]) -> Callable[[], None]:
        """Call ``changed`` soon after another process has written. Returns the way to stop."""
        token = object()
        self._watchers[token] = changed
        if self._listener is None:
            self._listener = Listener(self._channel, self._own, self._connect, self._tell)
        return lambda: self._remove(token)

    def _remove(self, token: object) -> None:
        self._watchers.pop(token, None)
        if not self._watchers and self._listener is not None:
            self._listener.stop()
            self._listener = None

    def _tell(self) -> None:
        for changed in [*self._watchers.values()]:
            changed()

    async def close(self) -> None:
        """Sends what is left to tell. A write that ends after it is found by the others' next poll."""
        self._is_closed = True
        self._watchers.clear()
        if self._pause is not None:
            self._pause.cancel()
        if self._is_to_send:
            self._sending = self._send(self._channel, self._own)
            self._sending.add_done_callback(_heard)
        if self._sending is not None:
            await asyncio.wait([self._sending])
        listener, self._listener = self._listener, None
        if listener is not None:
            listener.stop()
            await asyncio.get_running_loop().run_in_executor(None, listener.join)


def _heard(sent: asyncio.Future[None]) -> None:
    """Who has committed hears of a broken database from elsewhere."""
    if not sent.cancelled():
        sent.exception()


class Listener:
    """A connection that only listens, in a thread of its own; another one when it breaks."""

    def __init__(self, channel: str, own: str, connect: Connect, tell: Callable[[], None]) -> None:
        self._channel = channel
        self._own = own
        self._connect = connect
        self._tell_on_loop = tell
        self._loop = asyncio.get_running_loop()
        self._is_stopped = threading.Event()
        self._thread = threading.Thread(target=self._listen_on, name="durably-postgres-listener", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._is_stopped.set()

    def join(self) -> None:
        self._thread.join()

    def _listen_on(self) -> None:
        failures = 0
        while not self._is_stopped.is_set():
            try:
                with self._connect() as connection:
                    failures = 0
                    self._listen(connection)
            except psycopg.Error:
                failures += 1
                if failures == 1 and not self._is_stopped.is_set():
                    _log.warning("The connection that hears of other processes is broken; polling meanwhile.")
                pause_s = min(0.1 * 2**failures, MAX_BACKOFF_S)
                self._is_stopped.wait(pause_s * random.uniform(0.5, 1.0))  # noqa: S311 - jitter

    def _listen(self, connection: Connection[Any]) -> None:
        connection.execute(psycopg.sql.SQL("LISTEN {}").format(psycopg.sql.Identifier(self._channel)))
        # What was written before this is not signalled any more.
        self._tell()
        while not self._is_stopped.is_set():
            for notification in connection.notifies(timeout=LISTEN_S, stop_after=1):
                if notification.payload != self._own:
                    self._tell()

    def _tell(self) -> None:
        if not self._is_stopped.is_set():
            with contextlib.suppress(RuntimeError):  # the loop has ended, and with it whoever wants to know
                self._loop.call_soon_threadsafe(self._tell_on_loop)
