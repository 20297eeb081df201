"""The script that gives tests which fail beside others another chance, alone."""

from pathlib import Path

import pytest

from scripts.test_beside_others import MOST, main

FAILS_BESIDE_OTHERS = """
import os, pytest

@pytest.mark.parametrize("number", range({fail}))
def test_needs_room(number):
    assert "PYTEST_XDIST_WORKER" not in os.environ

def test_passes():
    pass
"""
FAILS = "def test_fails():\n    assert False\n"


@pytest.fixture
def tests(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)  # of the process that this is in
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    return tmp_path / "test_some.py"


@pytest.mark.parametrize(("fail", "code"), [(0, 0), (2, 0), (MOST + 1, 1)])
def test_what_passes_alone_is_listed(
    tests: Path, fail: int, code: int, capfd: pytest.CaptureFixture[str]
) -> None:
    tests.write_text(FAILS_BESIDE_OTHERS.format(fail=fail))
    assert main(["-p", "xdist", "-n", "2", str(tests)]) == code
    told = capfd.readouterr().out
    assert ("Passed only alone:" in told) == (fail == 2)
    assert told.count("test_needs_room[1]\n") == (fail == 2)


def test_what_fails_alone_has_failed(tests: Path) -> None:
    tests.write_text(FAILS)
    assert main(["-p", "xdist", "-n", "2", str(tests)]) == 1


def test_what_can_not_be_run_has_failed(tests: Path) -> None:
    tests.write_text("import what_is_not_there\n")
    assert main(["-p", "xdist", "-n", "2", str(tests)]) not in (0, 1)
