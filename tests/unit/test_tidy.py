"""Sizes that a reader can hold in mind."""

import inspect
from collections.abc import Iterator
from pathlib import Path
from types import CodeType

import pytest

ROOT = Path(__file__).parent.parent.parent
FOLDERS = ("durably_core", "spa_runtime", "tests", "examples", "scripts", "bench")
MAX_FILE_LINES = 700
MAX_FUNCTION_LINES = 70


def python_files() -> list[Path]:
    return sorted(
        path
        for folder in FOLDERS
        for path in (ROOT / folder).rglob("*.py")
        if "node_modules" not in path.parts and "__pycache__" not in path.parts
    )


def long_functions(source: str) -> Iterator[str]:
    # No syntax tree: Python 3.11 fails to make one when a traceback is printed meanwhile, which makes another.
    for code in code_in(compile(source, "source", "exec")):
        last = max(line for each in code_in(code) for _, _, line in each.co_lines() if line is not None)
        if code.co_flags & inspect.CO_OPTIMIZED and last - code.co_firstlineno + 1 > MAX_FUNCTION_LINES:
            yield code.co_name


def code_in(code: CodeType) -> Iterator[CodeType]:
    """Itself, and that of all functions and classes in it."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from code_in(constant)


every_file = pytest.mark.parametrize("path", python_files(), ids=lambda path: str(path.relative_to(ROOT)))


@every_file
def test_file_is_not_too_long(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= MAX_FILE_LINES


@every_file
def test_functions_are_not_too_long(path: Path) -> None:
    assert list(long_functions(path.read_text())) == []


@every_file
def test_nothing_sleeps_in_the_engine(path: Path) -> None:
    if path.is_relative_to(ROOT / "durably_core"):
        assert "time.sleep" not in path.read_text()


def test_long_functions_are_found() -> None:
    source = "def long():\n" + "    pass\n" * MAX_FUNCTION_LINES
    assert list(long_functions(source)) == ["long"]
