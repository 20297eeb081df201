"""Jobs for the browser tests. They talk to the test through a BroadcastChannel."""

import asyncio
import sqlite3
import sys
from typing import Any, Literal

from js import BroadcastChannel, setTimeout  # type: ignore[import-not-found]
from js import self as worker
from pydantic import BaseModel
from pyodide.ffi import create_once_callable  # type: ignore[import-not-found]

from durably_core import StepContext, Transaction, job


class Steps(BaseModel):
    count: int


class Gate(BaseModel):
    count: int
    closed_at: int
    """The step that waits for the test's word; later ones find the gate open."""


class Pause(BaseModel):
    count: int
    pause_ms: int


class Total(BaseModel):
    total: int


class Letters(BaseModel):
    text: str


class Line(BaseModel):
    level: Literal["info", "warn", "error"] = "info"
    text: str


class Talk(BaseModel):
    lines: list[Line]
    waits: bool = False
    """Before the second half, for the test's word."""


@job("count")
async def count(step: StepContext, input: Steps) -> Total:
    """So many trivial steps."""
    total = 0
    for number in range(input.count):
        total += await step.run(f"step-{number}", same, number)
    return Total(total=total)


@job("gate")
async def gate(step: StepContext, input: Gate) -> Total:
    """Steps that say when their bodies begin and end; one of them waits until the gate is opened."""
    total = 0
    for number in range(input.count):
        total += await step.run(f"step-{number}", body, number, number == input.closed_at)
        step.progress(number + 1, input.count)
    return Total(total=total)


def same(number: int) -> int:
    return number


async def body(number: int, closed: bool) -> int:
    tell(f"begin {number}")
    if closed:
        await opened()
    tell(f"end {number}")
    return number


@job("pause")
async def pause(step: StepContext, input: Pause) -> Total:
    """Steps that take a while, and each a row in a table of the job's own."""
    await step.transaction("create", create_table)
    for number in range(input.count):
        await step.run(f"pause-{number}", asyncio.sleep, input.pause_ms / 1000)
        await step.transaction(f"add-{number}", add_row, number)
    return Total(total=input.count)


@job("fill")
async def fill(step: StepContext, input: Steps) -> None:
    """So many steps with large results."""
    for number in range(input.count):
        await step.run(f"step-{number}", letters, 300_000)


@job("large")
async def large(step: StepContext, input: Steps) -> Letters:
    """Waits for the test's word, then returns so many letters."""
    await step.run("wait", body, 0, True)
    return Letters(text=letters(input.count))


def letters(count: int) -> str:
    return "x" * count


@job("recurse")
async def recurse(step: StepContext, input: Steps) -> None:
    """Ends Python for good the first time: its stack is the browser's."""
    attempt = step.attempt
    if attempt == 1:
        sys.setrecursionlimit(1_000_000)
        await step.run("deep", deep, 0)


def deep(level: int) -> int:
    return sorted([level], key=deep)[0] if level < 0 else sorted([level + 1], key=deep)[0]


@job("own-tables")
async def own_tables(step: StepContext, input: Steps) -> None:
    """Writes to a table of its own."""
    await step.transaction("create", create_table)
    for number in range(input.count):
        await step.transaction(f"add {number}", add_row, number)


def create_table(transaction: Transaction) -> None:
    transaction.execute("CREATE TABLE IF NOT EXISTS own (number INTEGER)")


def add_row(transaction: Transaction, number: int) -> None:
    transaction.execute("INSERT INTO own VALUES (?)", (number,))


@job("doom")
async def doom(step: StepContext, input: Steps) -> None:
    """Ends its worker on each attempt, with nothing finished."""
    worker.close()
    await asyncio.Event().wait()


@job("callback")
async def callback(step: StepContext, input: Steps) -> None:
    """Leaves a callback behind that raises."""
    called: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def raising() -> None:
        called.set_result(None)
        broken()

    setTimeout(create_once_callable(raising), 0)
    await called


@job("scratch")
async def scratch(step: StepContext, input: Steps) -> Total:
    """Uses a SQLite database of its own, in memory files."""
    return Total(total=await step.run("write", write_scratch, input.count))


def write_scratch(count: int) -> int:
    with sqlite3.connect("/tmp/scratch.db") as connection:
        connection.execute("CREATE TABLE numbers (number INTEGER)")
        connection.executemany("INSERT INTO numbers VALUES (?)", [(number,) for number in range(count)])
    return int(connection.execute("SELECT count(*) FROM numbers").fetchone()[0])


@job("fail")
async def fail(step: StepContext, input: Steps) -> None:
    """A failure at the last step."""
    for number in range(input.count):
        await step.run(f"step-{number}", same, number)
    await step.run("broken", broken)


def broken() -> None:
    raise ZeroDivisionError("the test wants it so")


@job("talk")
async def talk(step: StepContext, input: Talk) -> None:
    """Writes lines to its log."""
    half = len(input.lines) // 2
    await step.run("first", write_lines, step, input.lines[:half])
    if input.waits:
        await step.run("wait", body, 0, True)
    await step.run("second", write_lines, step, input.lines[half:])


def write_lines(step: StepContext, lines: list[Line]) -> None:
    for line in lines:
        getattr(step.log, line.level)(line.text)


def tell(text: str) -> None:
    channel = BroadcastChannel.new("durably-test")
    channel.postMessage(text)
    channel.close()


async def opened() -> None:
    """Returns when the test opens the gate."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[None] = loop.create_future()
    channel = BroadcastChannel.new("durably-test-gate")

    def on_message(_event: Any) -> None:
        if not future.done():
            future.set_result(None)

    channel.onmessage = on_message
    try:
        await future
    finally:
        channel.close()
