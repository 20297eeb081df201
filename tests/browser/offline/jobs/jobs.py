"""Jobs of one version of a site. Their steps leave a mark in the database, and say when their bodies run."""

import asyncio
from uuid import uuid4

from js import BroadcastChannel  # type: ignore[import-not-found]
from pydantic import BaseModel

from durably_core import StepContext, Transaction, job

VERSION = "v1"


class Work(BaseModel):
    name: str
    """Of this run, in marks and in what is told."""
    count: int
    pause_ms: int = 0


class Done(BaseModel):
    versions: list[str]
    """Whose code each step was executed by."""


@job("work")
async def work(step: StepContext, input: Work) -> Done:
    versions = []
    for number in range(input.count):
        versions.append(await step.run(f"step-{number}", body, input.name, number, input.pause_ms))
        await step.transaction(f"mark-{number}", mark, input.name, number)
        step.progress(number + 1, input.count)
    return Done(versions=versions)


async def body(name: str, number: int, pause_ms: int) -> str:
    # Every page hears of it: the id tells one execution from another.
    execution = uuid4().hex
    tell(f"begin {name} {number} {VERSION} {execution}")
    await asyncio.sleep(pause_ms / 1000)
    tell(f"end {name} {number} {VERSION} {execution}")
    return VERSION


def mark(transaction: Transaction, name: str, number: int) -> None:
    transaction.execute("CREATE TABLE IF NOT EXISTS marks (name TEXT, number INTEGER)")
    transaction.execute("INSERT INTO marks VALUES (?, ?)", (name, number))


def tell(text: str) -> None:
    channel = BroadcastChannel.new("durably-test")
    channel.postMessage(text)
    channel.close()
