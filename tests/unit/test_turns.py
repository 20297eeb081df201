"""What one turn of the browser's event loop is enough for."""

import asyncio
from collections.abc import Callable
from typing import Any, cast

import pytest

from durably_core.tasks import YIELD_AFTER_MS
from spa_runtime.turns import share_turns


class Browser:
    """A loop whose every callback is a turn, as Pyodide's."""

    call_soon: Callable[..., asyncio.Handle]

    def __init__(self) -> None:
        self.turns: list[Callable[[], None]] = []
        self.now = 0.0
        self.heard: list[dict[str, Any]] = []
        share_turns(cast("asyncio.AbstractEventLoop", self))

    def time(self) -> float:
        return self.now

    def get_debug(self) -> bool:
        return False

    def call_later(self, delay: float, callback: Callable[..., Any], *_args: Any, **_: Any) -> Any:
        assert delay == 0
        self.turns.append(cast("Callable[[], None]", callback))

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        self.heard.append(context)

    def turn(self) -> None:
        self.turns.pop(0)()


@pytest.fixture
def browser() -> Browser:
    return Browser()


def test_what_is_ready_runs_in_one_turn_in_its_order(browser: Browser) -> None:
    told: list[str] = []

    def first() -> None:
        told.append("first")
        browser.call_soon(told.append, "third")

    browser.call_soon(first)
    browser.call_soon(told.append, "second")
    browser.turn()
    assert told == ["first", "second", "third"]
    browser.turn()
    assert browser.turns == []


def test_browser_has_its_turn_in_a_chain_without_end(browser: Browser) -> None:
    count = 0

    def again() -> None:
        nonlocal count
        count += 1
        browser.now += 0.001
        browser.call_soon(again)

    browser.call_soon(again)
    browser.turn()
    assert count == YIELD_AFTER_MS
    browser.turn()
    assert count == 2 * YIELD_AFTER_MS


def test_cancelled_handle_is_passed_over(browser: Browser) -> None:
    told: list[str] = []
    browser.call_soon(told.append, "cancelled").cancel()
    browser.call_soon(told.append, "kept")
    browser.turn()
    assert told == ["kept"]


def test_fault_of_one_is_told_and_the_others_run(browser: Browser) -> None:
    told: list[str] = []
    browser.call_soon(lambda: 1 / 0)
    browser.call_soon(told.append, "after")
    browser.turn()
    assert told == ["after"]
    assert isinstance(browser.heard[0]["exception"], ZeroDivisionError)


def test_what_ends_the_turn_leaves_the_others_one(browser: Browser) -> None:
    told: list[str] = []

    def leave() -> None:
        raise SystemExit

    browser.call_soon(leave)
    browser.call_soon(told.append, "after")
    with pytest.raises(SystemExit):
        browser.turn()
    browser.turn()
    assert told == ["after"]


def test_callback_that_switches_stacks_holds_no_one_up(browser: Browser) -> None:
    told: list[str] = []

    def switches() -> None:
        browser.turn()  # what the browser does until the stack is switched back
        told.append("back")

    browser.call_soon(switches)
    browser.call_soon(told.append, "behind")
    browser.turn()
    assert told == ["behind", "back"]
    browser.call_soon(told.append, "later")
    browser.turn()
    assert told[-1] == "later"


async def test_tasks_work_in_such_a_loop() -> None:
    loop = asyncio.get_running_loop()
    share_turns(loop)
    event = asyncio.Event()

    async def wait() -> int:
        await event.wait()
        await asyncio.sleep(0.001)
        return 1

    waiting = [asyncio.create_task(wait()) for _ in range(3)]
    await asyncio.sleep(0)
    event.set()
    assert await asyncio.gather(*waiting) == [1, 1, 1]
