"""Examples as people run them: copies, with their own commands as processes."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from tests.examples.example import Example

Copy = Callable[[str], Example]


@pytest.fixture
async def copy(tmp_path: Path) -> AsyncIterator[Copy]:
    copies: list[Example] = []

    def make(name: str) -> Example:
        copies.append(Example(name, tmp_path / name))
        return copies[-1]

    yield make
    for example in copies:
        await example.close()
