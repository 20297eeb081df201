"""The HTTP handler under load: many streams of events beside many triggers, for a while.

``make bench-server`` runs this: one server on an SQLite file, one process that triggers, one that holds the
streams. Each stream is for all runs. It prints how many triggers were answered and how long that took, and
the memory of the server. Exits with 1 when a stream missed, repeated or swapped an event, or when the
memory at the end is more than a tenth above that after a fifth of the time.
"""

import argparse
import asyncio
import multiprocessing
import re
import tempfile
import time
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path

import httpx
import psutil
import uvicorn
from pydantic import BaseModel
from starlette.applications import Starlette
from starlette.routing import Mount

from durably_core import Durably, StepContext, create_durably, define_job
from durably_core.asgi import create_durably_handler, lifespan
from spa_runtime.serve import bind

MOST_GROWTH = 1.1
SETTLED = 0.2
"""Of the time, after which the memory must not grow any more."""

NUMBER = re.compile(rb"^id: (\d+)\ndata: ", re.MULTILINE)


class Input(BaseModel):
    number: int = 0


async def body(_step: StepContext, _input: Input) -> None:
    """Does nothing: this is about what happens around it."""


def engine(database: str) -> Durably:
    job = define_job(name="count", input=Input, run=body)
    return create_durably(database=database, jobs={"count": job}, retain_events=10_000, retain_runs="20s")


# ---------------------------------------------------------------- the server


def serve(database: str, ready: Connection, executes: bool) -> None:
    durably = engine(database)
    routes = [Mount("/api", create_durably_handler(durably))]
    if executes:
        app = Starlette(routes=routes, lifespan=lifespan(durably))
    else:
        asyncio.run(engine(database).migrate())
        app = Starlette(routes=routes)
    with bind("127.0.0.1", 0) as listener:
        listener.listen(1024)
        ready.send(listener.getsockname()[1])
        uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False)).run(sockets=[listener])


# ---------------------------------------------------------------- the streams


@dataclass(slots=True)
class Stream:
    """What one client heard: each event once, in order, or it is a fault."""

    first: int = 0
    last: int = 0
    faults: int = 0
    rest: bytes = b""
    is_open: bool = False

    def hear(self, chunk: bytes) -> None:
        text = self.rest + chunk
        end = text.rfind(b"\n\n") + 2
        self.rest = text[end:] if end > 1 else text
        if end <= 1:
            return
        numbers = [int(number) for number in NUMBER.findall(text[:end])]
        for number in numbers:
            if self.last and number != self.last + 1:
                self.faults += 1
            self.first = self.first or number
            self.last = number


def listen(port: int, count: int, pipe: Connection) -> None:
    asyncio.run(_listen(port, count, pipe))


async def _listen(port: int, count: int, pipe: Connection) -> None:
    streams = [Stream() for _ in range(count)]
    tasks = [asyncio.create_task(_hear(port, stream)) for stream in streams]
    while not all(stream.is_open for stream in streams):  # noqa: ASYNC110
        await asyncio.sleep(0.05)
    pipe.send("open")
    last = await asyncio.to_thread(pipe.recv)  # the number of the last event there is
    until = time.monotonic() + 60
    while any(stream.last < last for stream in streams) and time.monotonic() < until:  # noqa: ASYNC110
        await asyncio.sleep(0.05)
    for task in tasks:
        task.cancel()
    behind = sum(stream.last < last for stream in streams)
    heard = sum(stream.last - stream.first + 1 for stream in streams)
    pipe.send((heard, sum(stream.faults for stream in streams), behind))


async def _hear(port: int, stream: Stream) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /api/runs/subscribe HTTP/1.1\r\nHost: localhost\r\n\r\n")
    await reader.readuntil(b"\r\n\r\n")
    while chunk := await _chunk(reader):
        stream.is_open = True
        stream.hear(chunk)


async def _chunk(reader: asyncio.StreamReader) -> bytes:
    """One chunk of a chunked HTTP answer."""
    size = int(await reader.readuntil(b"\r\n"), 16)
    return (await reader.readexactly(size + 2))[:-2]


# ---------------------------------------------------------------- the triggers


@dataclass(slots=True)
class Load:
    triggered: int = 0
    latencies_ms: list[float] = field(default_factory=list)
    memory_mb: list[float] = field(default_factory=list)


async def trigger(port: int, arguments: argparse.Namespace, server: psutil.Process) -> Load:
    """At that rate, in batches, with several requests under way at a time."""
    load = Load()
    began = time.monotonic()
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}/api", timeout=60) as http:
        watching = asyncio.create_task(_watch(load, server))
        senders = [_send(http, load, began, arguments, number) for number in range(arguments.senders)]
        await asyncio.gather(*senders)
        watching.cancel()
    return load


async def _send(
    http: httpx.AsyncClient, load: Load, began: float, arguments: argparse.Namespace, number: int
) -> None:
    interval = arguments.batch * arguments.senders / arguments.rate
    due = began + number * interval / arguments.senders
    items: list[dict[str, object]] = [{"input": {}}] * arguments.batch
    while due < began + arguments.seconds:
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        sent = time.perf_counter()
        if arguments.batch == 1:
            answer = await http.post("/trigger", json={"jobName": "count", **items[0]})
        else:
            answer = await http.post("/trigger/batch", json={"jobName": "count", "items": items})
        answer.raise_for_status()
        load.latencies_ms.append((time.perf_counter() - sent) * 1000)
        load.triggered += arguments.batch
        due += interval


async def _watch(load: Load, server: psutil.Process) -> None:
    while True:
        load.memory_mb.append(server.memory_info().rss / 1e6)
        await asyncio.sleep(1)


# ---------------------------------------------------------------- all together


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--streams", type=int, default=200)
    parser.add_argument("--rate", type=int, default=1000, help="triggers per second")
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--batch", type=int, default=20, help="triggers per request")
    parser.add_argument("--senders", type=int, default=8, help="requests under way at a time")
    parser.add_argument("--execute", action="store_true", help="also execute the runs, in the server's process")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        return _run(str(Path(folder) / "bench.db"), arguments)


def _run(database: str, arguments: argparse.Namespace) -> int:
    ports, port_sender = multiprocessing.Pipe()
    server = multiprocessing.Process(target=serve, args=(database, port_sender, arguments.execute))
    server.start()
    port = ports.recv()
    pipe, other_end = multiprocessing.Pipe()
    listener = multiprocessing.Process(target=listen, args=(port, arguments.streams, other_end))
    listener.start()
    assert pipe.recv() == "open"
    try:
        assert server.pid is not None
        began = time.monotonic()
        load = asyncio.run(trigger(port, arguments, psutil.Process(server.pid)))
        seconds = time.monotonic() - began
        pipe.send(asyncio.run(_newest(database)))
        heard, faults, behind = pipe.recv()
    finally:
        for process in (listener, server):
            process.terminate()
            process.join()
    return _report(load, seconds, heard, faults, behind, arguments)


async def _newest(database: str) -> int:
    durably = engine(database)
    newest = -1
    while (now := await durably.get_newest_event()) != newest:  # until nothing executes any more
        newest = now
        await asyncio.sleep(2)
    await durably.close()
    return newest


def _report(
    load: Load, seconds: float, heard: int, faults: int, behind: int, arguments: argparse.Namespace
) -> int:
    latencies = sorted(load.latencies_ms)
    settled = load.memory_mb[int(len(load.memory_mb) * SETTLED)]
    growth = load.memory_mb[-1] / settled
    print(f"triggers       {load.triggered} in {seconds:.1f} s: {load.triggered / seconds:.0f} per second")
    print(
        f"answered in    {latencies[len(latencies) // 2]:.1f} ms (median), "
        f"{latencies[int(len(latencies) * 0.99)]:.1f} ms (99 %), batches of {arguments.batch}"
    )
    print(f"streams        {arguments.streams} heard {heard} events: {heard / seconds:.0f} per second")
    print(f"faults         {faults} missed, repeated or swapped; {behind} streams without the last event")
    print("memory in MB   " + " ".join(f"{megabytes:.0f}" for megabytes in load.memory_mb[::5]))
    return int(bool(faults or behind) or growth > MOST_GROWTH)


if __name__ == "__main__":
    raise SystemExit(main())
