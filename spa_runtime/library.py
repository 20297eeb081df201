"""The part of Python's standard library that no start of the engine needs: it comes when it is imported first.

Runs inside Pyodide. No JavaScript may be in this module's memory: see ``spa_runtime.snapshot``.
"""

import base64
import hashlib
import sys
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType
from typing import Protocol

FILE = Path("/lib/python_stdlib_more.zip")


class Buffer(Protocol):
    """Bytes of JavaScript."""

    def to_bytes(self) -> bytes: ...


def install(fetch: Callable[[], Buffer], integrity: str, modules: str) -> None:
    """Have ``modules``, names with spaces between them, fetched when one of them is imported.

    ``fetch`` answers with a zip, at once: an import waits for no promise. ``integrity``: of that zip, as in the
    manifest.
    """
    sys.meta_path.append(_Finder(fetch, integrity, frozenset(modules.split())))


class _Finder:
    """Asked last of all: a job's own module of that name has been found before."""

    def __init__(self, fetch: Callable[[], Buffer], integrity: str, modules: frozenset[str]) -> None:
        self._fetch = fetch
        self._integrity = integrity
        self._modules = modules

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if path is not None or name not in self._modules:
            return None
        try:
            content = self._fetch().to_bytes()
        except Exception as error:
            raise self._missing(name, str(error)) from error
        if _hash_like(self._integrity, content) != self._integrity:
            raise self._missing(name, "the server answered with something else")
        FILE.write_bytes(content)
        sys.meta_path.remove(self)
        # Behind the rest of the library, and before packages and jobs, as when it is in one piece.
        library = next(index for index, entry in enumerate(sys.path) if entry.startswith("/lib/python3"))
        sys.path.insert(library + 1, str(FILE))
        return PathFinder.find_spec(name, None, target)

    def _missing(self, name: str, why: str) -> ModuleNotFoundError:
        return ModuleNotFoundError(
            f"{name} is in the part of the standard library that is fetched when it is first imported, which "
            f"failed: {why}. Without a network it is there if the page works offline; `--library whole` of "
            "`durably build` has it in each start.",
            name=name,
        )


def _hash_like(integrity: str, content: bytes) -> str:
    algorithm = integrity.partition("-")[0]
    digest = hashlib.new(algorithm, content).digest()
    return f"{algorithm}-{base64.b64encode(digest).decode()}"
