"""What people read while packages are resolved and downloaded."""

import sys
from typing import Protocol


class Tell(Protocol):
    def __call__(self, text: str, *, detail: bool = False) -> None:
        """``detail``: only for whoever sits before it."""


def tell_person(text: str, *, detail: bool = False) -> None:
    """On stderr. Details only on a terminal: a log of builds stays short."""
    if not detail or sys.stderr.isatty():
        print(text, file=sys.stderr)  # noqa: T201
