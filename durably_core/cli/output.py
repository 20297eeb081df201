"""What people and programs read: tables for the ones, JSON for the others."""

import os
import re
import sys
from datetime import UTC, datetime
from typing import Any

import typer
from pydantic_core import to_json
from rich.console import Console
from rich.table import Table
from rich.text import Text

from durably_core.clock import to_iso

PIPED_WIDTH = 500
"""Into a pipe or file nothing is cut: there is no edge."""

MOST_OF_A_LINE = 200
"""Characters of a message."""

GAP = 2
"""Between columns."""

STYLES = {
    "pending": "yellow",
    "leased": "cyan",
    "completed": "green",
    "failed": "red",
    "cancelled": "dim",
    "ok": "green",
    "warn": "yellow",
    "fail": "red",
    "error": "red",
}

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_UNITS = ((86_400, "d"), (3600, "h"), (60, "min"))


def console(*, stderr: bool = False) -> Console:
    """Colours only on a terminal, and none with ``NO_COLOR``. Made anew each time: tests change the streams."""
    made = Console(stderr=stderr, markup=False, highlight=False, emoji=False)
    if not made.is_terminal and "COLUMNS" not in os.environ:
        made.width = PIPED_WIDTH
    return made


def print_json(value: Any) -> None:
    """A JSON value on stdout, for programs."""
    typer.echo(to_json(value, indent=2, inf_nan_mode="null").decode())


def print_error(sentence: str) -> None:
    typer.echo(f"durably: {plain(sentence)}", err=True)


def table(*headings: str) -> Table:
    """An empty table in the one look that tables have."""
    made = Table(box=None, pad_edge=False, padding=(0, GAP, 0, 0), header_style="bold")
    for heading in headings:
        made.add_column(heading, no_wrap=True, overflow="ellipsis")
    return made


def plain(text: object) -> str:
    """What a job wrote, without the control characters with which it could rewrite the terminal."""
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", str(text))


def first_line(text: str) -> str:
    """Of a message that may be long: what fits on a line."""
    line = plain(text.strip().partition("\n")[0])
    return line if len(line) <= MOST_OF_A_LINE else f"{line[: MOST_OF_A_LINE - 1]}…"


def styled(word: str) -> Text:
    """A status in its colour."""
    return Text(word, style=STYLES.get(word, ""))


def compact(value: Any) -> str:
    """A JSON value on one line, as people read it."""
    return plain(to_json(value, inf_nan_mode="constants").decode())


def pairs(labels: dict[str, str]) -> str:
    return plain(" ".join(f"{key}={value}" for key, value in labels.items()))


def duration(ms: float) -> str:
    """Milliseconds for people: ``12 ms``, ``3.1 s``, ``4 min 10 s``."""
    if ms < 1000:
        return f"{max(0, round(ms))} ms"
    if ms < 60_000:
        return f"{ms / 1000:.1f} s"
    minutes, seconds = divmod(round(ms / 1000), 60)
    if minutes < 60:
        return f"{minutes} min {seconds} s"
    return f"{minutes // 60} h {minutes % 60} min"


def ago(moment: datetime) -> str:
    """How long ago that was, or how soon it is: ``now``, ``40 s ago``, ``in 3 d``."""
    seconds = int((datetime.now(UTC) - moment).total_seconds())
    if not seconds:
        return "now"
    size, unit = next(((size, unit) for size, unit in _UNITS if abs(seconds) >= size), (1, "s"))
    distance = f"{abs(seconds) // size} {unit}"
    return f"{distance} ago" if seconds > 0 else f"in {distance}"


def local(moment: datetime) -> str:
    """The moment in this machine's time zone, to the second."""
    return f"{moment.astimezone():%Y-%m-%d %H:%M:%S}"


def now_iso() -> str:
    return to_iso(datetime.now(UTC))


def size(count: int) -> str:
    """Bytes for people."""
    return f"{count / 1e6:.1f} MB" if count >= 1e6 else f"{count / 1e3:.1f} kB"


def counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def is_terminal() -> bool:
    """Whether a person looks at stderr."""
    return sys.stderr.isatty()
