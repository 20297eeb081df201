"""A network between a store and its server that is slow, stands still, or breaks where it hurts most."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

CHUNK = 65_536
COMMIT = b"COMMIT\x00"
"""As the text of a statement ends on the wire."""


class Proxy:
    """Passes on what both sides say, on a thread of its own. Any of its fields may be set at any time."""

    def __init__(self, port: int) -> None:
        self.delay_s = 0.0
        """What a byte needs for one way."""
        self.loses_commits = 0
        """So many commits reach the server, and its answer never arrives: the connection is cut."""
        self.lost_commits = 0
        """How often that has happened."""
        self.port = 0
        self._to = port
        self._moves = asyncio.Event()
        self._moves.set()
        self._is_up = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_over = asyncio.Event()
        self._open: dict[asyncio.Task[None], asyncio.StreamWriter] = {}
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()))

    def stand_still(self) -> None:
        """Nothing arrives any more, and no one is told."""
        self._call(self._moves.clear)

    def move_on(self) -> None:
        """What was said meanwhile arrives now."""
        self._call(self._moves.set)

    def _call(self, function: Callable[[], object]) -> None:
        assert self._loop is not None
        self._loop.call_soon_threadsafe(function)

    def url(self, url: str) -> str:
        """The same database, seen through this network."""
        return url.replace(f":{self._to}/", f":{self.port}/")

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, server = await asyncio.open_connection("127.0.0.1", self._to)
        for way in (self._pass_on(reader, server, writer), self._pass_on(there, writer)):
            task = asyncio.create_task(way)
            self._open[task] = writer
            task.add_done_callback(lambda task: self._open.pop(task))

    async def _pass_on(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        client: asyncio.StreamWriter | None = None,
    ) -> None:
        """``client``: whose words these are, unless they are the server's."""
        with suppress(ConnectionError, asyncio.CancelledError):
            while data := await reader.read(CHUNK):
                arrives_at = time.monotonic() + self.delay_s
                loses = client is not None and self.loses_commits > 0 and COMMIT in data
                await asyncio.sleep(arrives_at - time.monotonic())
                await self._moves.wait()
                writer.write(data)
                await writer.drain()
                if loses and client is not None:
                    self.loses_commits -= 1
                    self.lost_commits += 1
                    client.transport.abort()
                    # The server has it: it does not look whether anyone waits for the answer.
                    await asyncio.sleep(0.05)
                    break
        writer.close()

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        server = await asyncio.start_server(self._connect, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self._is_up.set()
        await self._is_over.wait()
        server.close()
        if self._open:
            for writer in self._open.values():
                writer.transport.abort()
            await asyncio.wait([*self._open])

    def start(self) -> None:
        self._thread.start()
        assert self._is_up.wait(10), "The proxy does not start."

    def stop(self) -> None:
        """Cuts what is open."""
        self.move_on()
        self._call(self._is_over.set)
        self._thread.join()


@contextmanager
def slowed(port: int) -> Iterator[Proxy]:
    """A network to that port of this machine."""
    proxy = Proxy(port)
    proxy.start()
    try:
        yield proxy
    finally:
        proxy.stop()
