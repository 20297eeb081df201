"""The command ``durably``: what it lists, and what people read when something is wrong."""

import sys
from collections.abc import Callable
from importlib.metadata import version

import pytest

from durably_core.cli import main

Run = Callable[..., tuple[object, str, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs the command line in this process: its exit code, stdout and stderr."""

    def run(*arguments: str) -> tuple[object, str, str]:
        monkeypatch.setattr(sys, "argv", ["durably", *arguments])
        with pytest.raises(SystemExit) as end:
            main()
        out, err = capsys.readouterr()
        return end.value.code, out, err

    return run


def test_help_lists_the_commands(run: Run) -> None:
    code, out, _ = run("--help")
    assert code == 0
    assert "types  Write TypeScript types" in out


def test_command_has_help_of_its_own(run: Run) -> None:
    assert "--check" in run("types", "--help")[1]


def test_version_is_printed(run: Run) -> None:
    assert run("--version") == (0, f"{version('durably')}\n", "")


def test_error_is_one_sentence(run: Run) -> None:
    assert run("types", "nowhere.py", "-o", "x.ts") == (1, "", "durably: There is no job file nowhere.py.\n")


def test_unknown_command_is_told(run: Run) -> None:
    code, _, err = run("tpyes")
    assert code == 2
    assert "No such command 'tpyes'" in err
