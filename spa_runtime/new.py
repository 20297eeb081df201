"""``durably new``: a small, complete project from a template."""

import re
import shlex
import sys
from collections.abc import Iterator
from enum import StrEnum
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer

from durably_core.errors import ConflictError, ValidationError

TEMPLATES = Path(__file__).parent / "templates"
NAME = re.compile(r"[a-z][a-z0-9]*([._-][a-z0-9]+)*")
"""What is a name for npm, for Python's packages and for a folder."""
LONGEST_NAME = 100
DOT = "dot-"
"""Begins the template of a file whose name begins with a dot: git would take it for its own."""


class Mode(StrEnum):
    """Where the jobs run, and who starts them."""

    spa = "spa"
    server = "server"
    fullstack = "fullstack"


SENTENCES = {
    Mode.spa: "The jobs run in the visitor's browser, with a React page: a static site, no server.",
    Mode.server: "The jobs run on a server or in a script: Python alone, no page.",
    Mode.fullstack: "The jobs run on a FastAPI server, and a React page starts and watches them.",
}
PARTS = {
    Mode.spa: ("common", "page", "spa"),
    Mode.server: ("common", "server"),
    Mode.fullstack: ("common", "page", "fullstack"),
}
"""The folders of templates that a project is made of. No two of them have a file of the same name."""

INSTALL = ("python3 -m venv .venv", ".venv/bin/pip install -r requirements.txt")
NEXT = {
    Mode.spa: (*INSTALL, "npm install", "npm run dev"),
    Mode.server: (*INSTALL, ".venv/bin/python main.py"),
    Mode.fullstack: (
        *INSTALL,
        "npm install",
        ".venv/bin/uvicorn app:app --port 8000 --timeout-graceful-shutdown 1",
        "npm run dev  # in a second terminal",
    ),
}

Name = Annotated[str, typer.Argument(metavar="NAME", help="The folder to make, and the project's name.")]
ModeOption = Annotated[
    Mode | None,
    typer.Option("--mode", help="What to make. Asked for when it is not given.", show_default=False),
]


def new(name: Name, mode: ModeOption = None) -> None:
    """Make a new project: a job, and what runs it.

    spa: in the browser; server: on a server, without a page; fullstack: on a server, with a page.
    """
    folder = Path(name)
    _expect_name(folder.name)
    _expect_free(folder)
    chosen = _ask() if mode is None else mode
    files = dict(_files(folder.name, chosen))
    for path, text in files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        # Not over a file that came meanwhile.
        with target.open("x", encoding="utf-8", newline="\n") as file:
            file.write(text)
    typer.echo(f"{folder} has {len(files)} files. Next:\n")
    for command in (f"cd {shlex.quote(str(folder))}", *NEXT[chosen]):
        typer.echo(f"  {command}")
    typer.echo(f"\n{folder / 'README.md'} says more.")


def _expect_name(name: str) -> None:
    if len(name) > LONGEST_NAME or not NAME.fullmatch(name):
        raise ValidationError(
            f"{name!r} can't be the name of a project: take lower-case letters, digits and single hyphens, "
            "beginning with a letter, as in my-jobs."
        )
    if name == "durably":
        raise ValidationError("A project named 'durably' could not depend on durably: take another name.")


def _expect_free(folder: Path) -> None:
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise ConflictError(f"{folder} is there already and not empty: choose another name, or empty it.")


def _ask() -> Mode:
    if not sys.stdin.isatty():
        raise ValidationError(f"There is no one to ask: add --mode with one of {', '.join(Mode)}.")
    for mode, sentence in SENTENCES.items():
        typer.echo(f"  {mode:10} {sentence}")
    answer = ""
    while answer not in set(Mode):
        answer = typer.prompt("Which", default=str(Mode.spa)).strip()
    return Mode(answer)


def _files(name: str, mode: Mode) -> Iterator[tuple[str, str]]:
    """Path and text of each file of the project."""
    for part in PARTS[mode]:
        for path in sorted((TEMPLATES / part).rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                text = path.read_text("utf-8").replace("__NAME__", name)
                target = path.relative_to(TEMPLATES / part).as_posix()
                yield target.replace(DOT, "."), text.replace("__VERSION__", version("durably"))
