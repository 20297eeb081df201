"""What each start of the engine imports, known and compiled when this package was made.

Compiling takes a third of the time that the engine needs to start, and only the browser's own Python can do it.
"""

import hashlib
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from spa_runtime.packages.pyodide import PYTHON

FILE = "bytecode.zip"
"""In Pyodide's folder. Each file in it is named by the SHA-256 of its source."""
LIBRARY = "library.json"
"""In that file: names of the modules and packages of the standard library."""
SUFFIX = f".cpython-{PYTHON.replace('.', '')}.pyc"


class Bytecode:
    """That of one Pyodide. Whatever else is packed, an application's own files above all, has none."""

    def __init__(self, pyodide: Path) -> None:
        with zipfile.ZipFile(pyodide / FILE) as archive:
            self._compiled = {name: archive.read(name) for name in archive.namelist()}
        self.library: frozenset[str] = frozenset(json.loads(self._compiled[LIBRARY]))
        """Names of the modules and packages of the standard library that a start imports."""

    def beside(self, files: Mapping[str, bytes]) -> dict[str, bytes]:
        """The same files, and where Python looks for it the bytecode of those that are known.

        The sources stay: tracebacks show their lines.
        """
        found = {name: self._of(content) for name, content in files.items() if name.endswith(".py")}
        return {**files, **{_cached(name): pyc for name, pyc in found.items() if pyc is not None}}

    def _of(self, source: bytes) -> bytes | None:
        return self._compiled.get(f"{hashlib.sha256(source).hexdigest()}.pyc")


def _cached(name: str) -> str:
    path = PurePosixPath(name)
    return str(path.parent / "__pycache__" / f"{path.stem}{SUFFIX}")
