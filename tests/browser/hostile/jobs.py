"""Code that does not want to stop. Each keeps on for longer than any test waits."""

import asyncio
import contextlib
import re
import time
from typing import Any

from js import BroadcastChannel, fetch, location  # type: ignore[import-not-found]
from pydantic import BaseModel

from durably_core import StepContext, Transaction, job


class Hostile(BaseModel):
    what: str
    step_timeout_ms: int | None = None


def loops() -> None:
    while True:
        pass


def matches() -> None:
    """A huge regular expression."""
    re.match(r"(a+)+$", "a" * 40 + "b")


def sums() -> None:
    """In C, which looks at nothing."""
    sum(range(10**12))


def sleeps() -> None:
    time.sleep(600)


def recurses() -> None:
    def deeper() -> None:
        deeper()

    while True:
        with contextlib.suppress(RecursionError):
            deeper()


def excepts() -> None:
    while True:
        try:
            time.sleep(0.001)
        except:  # noqa: E722 - such code exists
            continue


def swallows() -> None:
    while True:
        with contextlib.suppress(KeyboardInterrupt, asyncio.CancelledError):
            loops()


async def waits() -> None:
    """An await that never returns."""
    await asyncio.Event().wait()


async def fetches() -> None:
    """From a server that does not answer."""
    await fetch(location.origin + "/hang")


async def swallows_waiting() -> None:
    while True:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(600)


def queries(transaction: Transaction) -> None:
    transaction.execute("CREATE TABLE IF NOT EXISTS never (number)")
    transaction.execute(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
    )


FUNCTIONS: dict[str, Any] = {
    function.__name__: function
    for function in (
        loops,
        matches,
        sums,
        sleeps,
        queries,
        excepts,
        swallows,
        waits,
        fetches,
        swallows_waiting,
        recurses,
    )
}


def begun(what: str) -> Any:
    """The function, which says that it begins."""
    function = FUNCTIONS[what]

    def call(*args: Any) -> Any:
        tell("begin")
        return function(*args)

    return call


async def perform(step: StepContext, input: Hostile) -> None:
    limited = step if input.step_timeout_ms is None else step.with_timeout(input.step_timeout_ms)
    await step.run("before", str, "before")
    run = limited.transaction if input.what == "queries" else limited.run
    await run("hostile", begun(input.what))
    await step.run("after", str, "after")
    tell("end")


@job("hostile")
async def hostile(step: StepContext, input: Hostile) -> None:
    """Does what does not stop by itself."""
    await perform(step, input)


@job("hostile-for-a-second", timeout_ms=1000)
async def hostile_for_a_second(step: StepContext, input: Hostile) -> None:
    """The same, for at most a second."""
    await perform(step, input)


class Nothing(BaseModel):
    pass


class Word(BaseModel):
    word: str


@job("quick")
async def quick(step: StepContext, _input: Nothing) -> None:
    """One step."""
    await step.run("step", str, "done")


@job("patient")
async def patient(step: StepContext, _input: Nothing) -> Word:
    """Waits after its first step until the test says so."""
    await step.run("first", tell, "first step")
    return Word(word=await step.run("second", opened))


def tell(text: str) -> None:
    channel = BroadcastChannel.new("durably-test")
    channel.postMessage(text)
    channel.close()


async def opened() -> str:
    future: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    channel = BroadcastChannel.new("durably-test-gate")
    channel.onmessage = lambda _event: future.set_result("open")
    try:
        return await future
    finally:
        channel.close()
