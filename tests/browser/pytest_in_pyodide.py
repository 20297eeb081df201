"""Runs inside Pyodide: one session of pytest, told test by test.

Coroutines run on Pyodide's own loop, as the engine does in the browser. pytest-asyncio is of no use here: it
starts a loop for each test, which asyncio refuses where a loop is running; this one always is.
"""

import asyncio
import contextlib
import inspect
import io
import json
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

ROOT = Path(__file__).parent
OPTIONS_OF_PYTEST_ASYNCIO = ("asyncio_mode", "asyncio_default_fixture_loop_scope")

T = TypeVar("T")
Tell = Callable[[str], None]


def run(file: str, config: str, tell: Tell) -> str:
    """Run a test file. JSON text: ``{"exit_code", "output"}``, what pytest returned and printed.

    ``config``: text of ``pyproject.toml``. ``tell``: hears of each test as it begins, ends and fails.
    """
    (ROOT / "pyproject.toml").write_text(config)
    output = io.StringIO()
    # Whole diffs: what is told is all that anyone will see.
    arguments = [str(ROOT / file), f"--rootdir={ROOT}", "-vv", "-p", "no:cacheprovider"]
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
        exit_code = pytest.main(arguments, plugins=[OnPyodidesLoop(), Outcomes(tell)])
    return json.dumps({"exit_code": int(exit_code), "output": output.getvalue()})


def wait_for(coroutine: Coroutine[Any, Any, T]) -> T | None:
    """The result. The loop turns meanwhile: JavaScript puts this stack aside."""
    raised: list[BaseException] = []

    async def guarded() -> T | None:
        try:
            return await coroutine
        except BaseException as error:  # noqa: BLE001 - raised below; the loop would print it
            raised.append(error)
            return None

    result = asyncio.get_running_loop().run_until_complete(guarded())
    if raised:
        raise raised[0]
    return result


class OnPyodidesLoop:
    """Coroutine tests and async fixtures."""

    def pytest_addoption(self, parser: pytest.Parser) -> None:
        for name in OPTIONS_OF_PYTEST_ASYNCIO:
            parser.addini(name, "an option of pytest-asyncio, known so that it may stand in the configuration")

    @pytest.hookimpl(tryfirst=True)
    def pytest_pyfunc_call(self, pyfuncitem: pytest.Function) -> bool | None:
        if not inspect.iscoroutinefunction(pyfuncitem.obj):
            return None
        names = pyfuncitem._fixtureinfo.argnames
        wait_for(pyfuncitem.obj(**{name: pyfuncitem.funcargs[name] for name in names}))
        return True

    @pytest.hookimpl(tryfirst=True)
    def pytest_fixture_setup(self, fixturedef: Any) -> None:
        if inspect.isasyncgenfunction(fixturedef.func):
            fixturedef.func = as_generator(fixturedef.func)
        elif inspect.iscoroutinefunction(fixturedef.func):
            fixturedef.func = as_function(fixturedef.func)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_teardown(self) -> Iterator[None]:
        try:
            yield
        finally:
            # No test's tasks run on in the next one.
            wait_for(cancel_other_tasks())


def as_function(function: Callable[..., Coroutine[Any, Any, Any]]) -> Callable[..., Any]:
    return lambda **fixtures: wait_for(function(**fixtures))


def as_generator(function: Callable[..., AsyncIterator[Any]]) -> Callable[..., Iterator[Any]]:
    async def advance(values: AsyncIterator[Any], *default: Any) -> Any:
        return await anext(values, *default)

    def generate(**fixtures: Any) -> Iterator[Any]:
        values = function(**fixtures)
        yield wait_for(advance(values))
        wait_for(advance(values, None))

    return generate


async def cancel_other_tasks() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


class Outcomes:
    """Tells ``{"test", "outcome", "text"}`` of each test as it begins, ends and fails."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell

    def _say(self, test: str, outcome: str, text: str = "") -> None:
        self._tell(json.dumps({"test": test, "outcome": outcome, "text": text}))

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self._say(nodeid, "begun")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call" or not report.passed:
            printed = [f"{'-' * 10} {title} {'-' * 10}\n{text}" for title, text in report.sections]
            self._say(report.nodeid, report.outcome, "\n".join([report.longreprtext, *printed]))
