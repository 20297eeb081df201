"""The command ``durably`` in this process, in an empty folder."""

import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from durably_core.cli import main
from tests.unit.shell import Shell

JOBS = '''
from typing import Literal

from durably_core import StepContext, job
from pydantic import BaseModel


class Order(BaseModel):
    loaves: int = 2
    flour: Literal["rye", "wheat"] = "rye"
    note: str | None = None


class Delivery(BaseModel):
    baked: int


class Nothing(BaseModel):
    pass


@job("bake")
async def bake(step: StepContext, order: Order) -> Delivery:
    """Bake loaves."""
    print("baking")
    for loaf in range(order.loaves):
        await step.run(f"loaf-{loaf}", lambda: "loaf")
        step.progress(loaf + 1, order.loaves, "baking")
    step.log.info("all baked", {"loaves": order.loaves})
    return Delivery(baked=order.loaves)


@job("burn")
async def burn(step: StepContext, input: Nothing) -> None:
    def oven() -> None:
        raise ValueError("too \\x1b[31mhot\\nby far")

    await step.run("oven", oven)
'''

ENGINE = (
    JOBS
    + """
from durably_core import create_durably

durably = create_durably(database="engine.db", jobs={"bake": bake})
"""
)


class Answer(NamedTuple):
    """What a command left."""

    code: object
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class Command:
    """Runs the command line in this process."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._monkeypatch = monkeypatch
        self._capsys = capsys
        self._known = set(sys.modules)

    def __call__(self, *arguments: str) -> Answer:
        self._monkeypatch.setattr(sys, "argv", ["durably", *arguments])
        with pytest.raises(SystemExit) as end:
            main()
        out, err = self._capsys.readouterr()
        self._forget()
        return Answer(end.value.code, out, err)

    def _forget(self) -> None:
        """Each command is a process of its own, and imports anew what lies in the folder."""
        for name in set(sys.modules) - self._known:
            if str(getattr(sys.modules[name], "__file__", None) or "").startswith(str(Path.cwd())):
                del sys.modules[name]

    def ok(self, *arguments: str) -> Answer:
        answer = self(*arguments)
        assert answer.code == 0, answer
        return answer


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with a file of jobs."""
    (tmp_path / "jobs.py").write_text(JOBS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    for name in ("DURABLY_DATABASE", "DURABLY_APP", "COLUMNS", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


@pytest.fixture
def run(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    assert folder == Path.cwd()
    return Command(monkeypatch, capsys)


@pytest.fixture
async def shell(tmp_path: Path) -> AsyncIterator[Shell]:
    shell = Shell(tmp_path)
    await shell.engine.migrate()
    yield shell
    await shell.close()
