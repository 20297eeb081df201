"""Python's standard library in two files: what each start of the engine imports, and the rest.

Half of it is imported by few jobs or none, and a first visit need not wait for that.
"""

import io
import zipfile
from collections.abc import Collection
from dataclasses import dataclass
from enum import Enum

from spa_runtime.bundle.archive import zipped

FILE = "python_stdlib.zip"
"""Which Pyodide loads when it starts."""
MORE = "python_stdlib_more.zip"
ALWAYS = frozenset({"_pyodide", "encodings", "pyodide"})
"""Imported by name, by Python and Pyodide themselves."""


class Library(Enum):
    """How it comes to a page."""

    split = "split"
    whole = "whole"


@dataclass(frozen=True, slots=True)
class Halves:
    start: bytes
    more: bytes
    modules: tuple[str, ...]
    """Names of modules and packages that are in ``more``."""


def split(library: bytes, needed: Collection[str]) -> Halves:
    """``needed``: names of the modules and packages that a start imports. Packages stay in one piece."""
    with zipfile.ZipFile(io.BytesIO(library)) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    start = {name for name in files if _top(name) in ALWAYS or _top(name) in needed}
    more = files.keys() - start
    return Halves(
        start=zipped({name: files[name] for name in start}),
        more=zipped({name: files[name] for name in more}),
        modules=tuple(sorted({_top(name) for name in more if name.endswith(".pyc")})),
    )


def _top(name: str) -> str:
    return name.partition("/")[0].removesuffix(".pyc")
