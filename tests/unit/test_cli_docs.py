"""Every command and option is in ``docs/cli.md``, and nothing that there is not."""

import re
from pathlib import Path
from typing import Any

import pytest
import typer.main

from durably_core.cli.app import OWN, make_app
from durably_core.cli.event_lines import SENTENCES
from durably_core.cli.trigger import EXIT_CODES, TIMED_OUT

DOCS = (Path(__file__).parent.parent.parent / "docs" / "cli.md").read_text()
COMMANDS: dict[str, Any] = typer.main.get_command(make_app()).commands  # type: ignore[attr-defined]
BROUGHT = ["new", "dev", "build", "check-deploy"]
"""By the browser's half."""
NAMES = [*BROUGHT, *(command.__name__.replace("_", "-") for command in OWN)]


def options_of(command: str) -> set[str]:
    return {name for param in COMMANDS[command].params for name in [*param.opts, *param.secondary_opts]}


def section_of(command: str) -> str:
    """What is said about a command, and what is said about several."""
    sections = dict(re.findall(r"^## (.+?)$(.*?)(?=^## |\Z)", DOCS, re.MULTILINE | re.DOTALL))
    own = sections.get(command) or sections["Changes"]
    return f"{own}{sections['What a command works with']}{sections['Answers']}"


@pytest.mark.parametrize("command", NAMES)
def test_command_is_listed(command: str) -> None:
    assert re.search(rf"^\| \[`{command}[ `]", DOCS, re.MULTILINE)


@pytest.mark.parametrize("command", NAMES)
def test_options_of_a_command_are_documented(command: str) -> None:
    written = section_of(command)
    named = {name for name in options_of(command) if name.startswith("-")} - {"--help"}
    assert {name for name in named if not re.search(rf"`{name}[ `]", written)} == set()


def test_no_other_options_are_documented() -> None:
    there = {name for command in NAMES for name in options_of(command)}
    there |= {"--version", "--install-completion", "--show-completion", "--help"}
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", DOCS)) <= there


def test_events_that_a_worker_tells_are_documented() -> None:
    assert [event for event in SENTENCES if f"`{event}`" not in DOCS] == []


@pytest.mark.parametrize("code", [*EXIT_CODES.values(), TIMED_OUT])
def test_exit_code_has_a_row(code: int) -> None:
    assert f"\n| {code} | " in DOCS
