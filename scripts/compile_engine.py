"""Bytecode of what each start of the engine in a browser imports, made by the Python that will execute it.

``python scripts/compile_engine.py PYODIDE WHEELS TARGET``: the folder of Pyodide, that of the wheels which the
engine needs there, and the zip that is written.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

from spa_runtime.bundle.archive import engine_files, zipped
from spa_runtime.packages import merged, wheels_in

PROGRAM = Path(__file__).with_suffix(".mjs")


def main() -> None:
    pyodide, wheels, target = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        sources = Path(folder) / "sources.zip"
        sources.write_bytes(zipped(merged(wheels_in(Path(wheels))) | engine_files()))
        subprocess.run(["node", PROGRAM, pyodide, sources, target], check=True)


if __name__ == "__main__":
    main()
