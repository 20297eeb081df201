"""A handler over an engine, and ways to ask it: as programs do, and stream by stream."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from pydantic import BaseModel
from starlette.types import ASGIApp, Message

from durably_core import Durably, Job, StepContext, define_job
from durably_core.asgi import create_durably_handler
from tests.conftest import Gate, MakeEngine, make_job, within

Make = Callable[..., "Api"]


class Count(BaseModel):
    to: int = 3


class Total(BaseModel):
    total: int


async def count(step: StepContext, input: Count) -> Total:
    """Counts."""
    for number in range(1, input.to + 1):
        await step.run(f"number-{number}", lambda: None)
        step.progress(number, input.to)
        step.log.info(f"counted {number}", {"number": number})
    return Total(total=input.to)


async def fail(step: StepContext, _input: Count) -> None:
    await step.run("break", lambda: 1 / 0)


@dataclass
class Stream:
    """A client that takes one chunk at a time, and can hang up."""

    task: asyncio.Task[None]
    inbox: asyncio.Queue[Message]
    outbox: asyncio.Queue[Message]
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    text: str = ""
    has_ended: bool = False

    async def open(self) -> "Stream":
        start = await within(self.outbox.get())
        self.status = start["status"]
        self.headers = {name.decode(): value.decode() for name, value in start["headers"]}
        return self

    async def chunk(self) -> str:
        """The next chunk; empty at the end."""
        message = await within(self.outbox.get())
        chunk: str = message["body"].decode()
        self.text += chunk
        self.has_ended = not message.get("more_body", False)
        return chunk

    async def until(self, event_type: str, count: int = 1) -> list[dict[str, Any]]:
        """All events so far, as soon as there are that many of that type."""
        while sum(event["type"] == event_type for event in self.events) < count:
            assert not self.has_ended, f"the stream ended before {event_type}: {self.text}"
            await self.chunk()
        return self.events

    async def until_end(self) -> list[dict[str, Any]]:
        while not self.has_ended:
            await self.chunk()
        return self.events

    @property
    def events(self) -> list[dict[str, Any]]:
        lines = self.text.splitlines()
        return [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: ")]

    @property
    def types(self) -> list[str]:
        return [event["type"] for event in self.events]

    @property
    def ids(self) -> list[int]:
        """The numbers that events have; heartbeats have numbers, too."""
        blocks = [block for block in self.text.split("\n\n") if "data: " in block]
        return [int(block.partition("\n")[0].removeprefix("id: ")) for block in blocks]

    async def until_heartbeat_at(self, number: int) -> list[dict[str, Any]]:
        """All events up to that number: a heartbeat says that there are no more."""
        while f": still here\nid: {number}\n" not in self.text:
            await self.chunk()
        return self.events

    async def hang_up(self) -> None:
        self.inbox.put_nowait({"type": "http.disconnect"})
        while not self.task.done():
            # What the server still has to say goes nowhere.
            getting = asyncio.ensure_future(self.outbox.get())
            await asyncio.wait({self.task, getting}, return_when=asyncio.FIRST_COMPLETED)
            getting.cancel()
        await asyncio.wait({self.task})


class Api:
    def __init__(self, app: ASGIApp, durably: Durably) -> None:
        self.app = app
        self.durably = durably
        transport = httpx.ASGITransport(app=app)
        self.http = httpx.AsyncClient(transport=transport, base_url="http://durably.test")
        self.streams: list[Stream] = []

    async def get(self, path: str, **options: Any) -> httpx.Response:
        return await within(self.http.get(path, **options))

    async def post(self, path: str, json: Any = None, **options: Any) -> httpx.Response:
        return await within(self.http.post(path, json=json, **options))

    async def delete(self, path: str, **options: Any) -> httpx.Response:
        return await within(self.http.delete(path, **options))

    async def trigger(self, job: str = "count", **body: Any) -> str:
        answer = await self.post("/trigger", {"jobName": job, "input": {}} | body)
        assert answer.status_code == 200, answer.text
        run_id: str = answer.json()["runId"]
        return run_id

    async def finish(self, job: str = "count", **body: Any) -> str:
        """The id of a run that has ended."""
        run_id = await self.trigger(job, **body)
        await within(self.durably.process_until_idle())
        return run_id

    async def stream(self, path: str, headers: dict[str, str] | None = None, *, room: int = 0) -> Stream:
        """An open stream. ``room``: so many chunks are taken ahead of the test; 0: all."""
        path, _, query = path.partition("?")
        scope = {
            "type": "http",
            "method": "GET",
            "path": path,
            "raw_path": path.encode(),
            "root_path": "",
            "query_string": query.encode(),
            "headers": [(name.lower().encode(), value.encode()) for name, value in (headers or {}).items()],
            "http_version": "1.1",
            "scheme": "http",
            "server": ("durably.test", 80),
            "client": ("127.0.0.1", 1),
        }
        inbox: asyncio.Queue[Message] = asyncio.Queue()
        outbox: asyncio.Queue[Message] = asyncio.Queue(room)
        task = asyncio.create_task(_run(self.app, scope, inbox, outbox))
        self.streams.append(Stream(task, inbox, outbox))
        return await self.streams[-1].open()

    async def close(self) -> None:
        for stream in self.streams:
            await stream.hang_up()
        await self.http.aclose()


async def _run(
    app: ASGIApp, scope: dict[str, Any], inbox: asyncio.Queue[Message], outbox: asyncio.Queue[Message]
) -> None:
    await app(scope, inbox.get, outbox.put)


@asynccontextmanager
async def api_over(app: ASGIApp, durably: Durably) -> AsyncIterator[Api]:
    api = Api(app, durably)
    try:
        yield api
    finally:
        await api.close()


@pytest.fixture
def gate() -> Gate:
    return Gate()


@pytest.fixture
def durably(make_engine: MakeEngine, gate: Gate) -> Durably:
    async def wait(step: StepContext, _input: Count) -> None:
        step.progress(1, 2, "waiting")
        await step.run("gate", gate)

    jobs: list[Job[Any, Any]] = [
        define_job(name="count", input=Count, output=Total, run=count),
        define_job(name="fail", input=Count, run=fail),
        make_job(wait, name="wait", input=Count),
    ]
    return make_engine(*jobs)


@pytest.fixture
async def make_api(durably: Durably) -> AsyncIterator[Make]:
    """Makes clients of handlers with these options."""
    made: list[Api] = []

    def make(**options: Any) -> Api:
        made.append(Api(create_durably_handler(durably, **options), durably))
        return made[-1]

    yield make
    for api in made:
        await api.close()


@pytest.fixture
def api(make_api: Make) -> Api:
    return make_api()
