"""The job that is killed. It tells of each body through a BroadcastChannel, and of the WAL's checkpoints.

Messages may overtake one another and may be lost with their process, so each says by itself where it
belongs: the worker's life, its number therein, and the attempt, which the engine has on disk before it
executes anything.
"""

import asyncio
import itertools
import json
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

from js import BroadcastChannel  # type: ignore[import-not-found]
from pydantic import BaseModel

from durably_core import StepContext, Transaction, job
from durably_core.store.sqlite.database import Database

LARGE = 60_000
BULK_BYTES = 1_000_000
LINES = 10
PAUSE_S = 0.015
"""Between lines of log: so many of them outlast the engine's wait for a write to ride along with."""

_channel = BroadcastChannel.new("durably-test")
_life = uuid.uuid4().hex
_numbers = itertools.count()


class Work(BaseModel):
    key: str
    kinds: list[str]


class Part(BaseModel):
    """A step's result: which attempt it comes from shows whether it was made again."""

    number: int
    attempt: int
    padding: str = ""


class Done(BaseModel):
    key: str
    attempts: list[int]


class Body:
    """One call of a step's body."""

    def __init__(self, step: StepContext, number: int, kind: str) -> None:
        self.step = step
        self.number = number
        self.name = f"{kind}-{number}"

    def tell(self, what: str) -> None:
        tell(what, run=self.step.run_id, attempt=self.step.attempt, step=self.name)

    def end(self, padding: str = "") -> Part:
        self.tell("end")
        return Part(number=self.number, attempt=self.step.attempt, padding=padding)


@job("work")
async def work(step: StepContext, input: Work) -> Done:
    """Steps of all kinds, one after the other."""
    attempts = []
    for number, kind in enumerate(input.kinds):
        body = Body(step, number, kind)
        part = (
            await step.transaction(body.name, TRANSACTIONS[kind], body)
            if kind in TRANSACTIONS
            else await step.run(body.name, KINDS[kind], body)
        )
        attempts.append(part.attempt)
        step.progress(number + 1, len(input.kinds))
    return Done(key=input.key, attempts=attempts)


async def plain(body: Body) -> Part:
    body.tell("begin")
    return body.end()


async def slow(body: Body) -> Part:
    body.tell("begin")
    await asyncio.sleep(3 * PAUSE_S)
    return body.end()


async def large(body: Body) -> Part:
    body.tell("begin")
    return body.end("x" * LARGE)


async def chatty(body: Body) -> Part:
    body.tell("begin")
    for line in range(LINES):
        body.step.log.info(f"line {line}", {"of": body.name})
        body.tell(f"line {line}")
        await asyncio.sleep(PAUSE_S)
    return body.end()


def own(transaction: Transaction, body: Body) -> Part:
    """Rows of its own, of which each must be there exactly once."""
    body.tell("begin")
    transaction.execute("CREATE TABLE IF NOT EXISTS owned (run_id TEXT, name TEXT)")
    transaction.execute("INSERT INTO owned VALUES (?, ?)", (body.step.run_id, body.name))
    return body.end()


def bulk(transaction: Transaction, body: Body) -> Part:
    """A commit that takes its time, and a WAL whose checkpoint does. Written over: the file must not grow."""
    body.tell("begin")
    transaction.execute("CREATE TABLE IF NOT EXISTS bulk (place INTEGER PRIMARY KEY, data BLOB)")
    transaction.execute("INSERT OR REPLACE INTO bulk VALUES (?, randomblob(?))", (body.number % 2, BULK_BYTES))
    return body.end()


TRANSACTIONS: dict[str, Callable[[Transaction, Body], Part]] = {"own": own, "bulk": bulk}
KINDS: dict[str, Callable[[Body], Awaitable[Part]]] = {
    "plain": plain,
    "slow": slow,
    "large": large,
    "chatty": chatty,
}


def tell(what: str, **where: Any) -> None:
    _channel.postMessage(json.dumps({"what": what, "life": _life, "number": next(_numbers), **where}))


_checkpoint = Database.checkpoint


def checkpoint(database: Database) -> bool:
    tell("checkpoint begins")
    try:
        return _checkpoint(database)
    finally:
        tell("checkpoint ends")


patched: Any = Database
patched.checkpoint = checkpoint
