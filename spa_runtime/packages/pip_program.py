"""pip as if it ran in the browser: ``python pip_program.py MARKERS ARGUMENTS``. Imports nothing of ours.

pip evaluates the conditions of requirements (``; sys_platform == "emscripten"``) for the Python that runs it,
whatever platform it is asked for. So its idea of where it runs is replaced by ``MARKERS``, a JSON object.
"""

import importlib
import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

NO_PIP = "No module named pip"


def main(markers: dict[str, str], arguments: list[str]) -> int:
    _find_pip()
    evaluator: Any = importlib.import_module("pip._vendor.packaging.markers")
    evaluator.default_environment = lambda: dict(markers)
    for name, value in markers.items():
        # A pip that asks elsewhere would resolve for the wrong machine, and no one would know.
        if not evaluator.Marker(f"{name} == '{value}'").evaluate():
            version = importlib.import_module("pip").__version__
            sys.exit(
                f"This pip ({version}) can't be told what Python the browser has: install another version."
            )
    code: int = importlib.import_module("pip._internal.cli.main").main(arguments)
    return code


def _find_pip() -> None:
    """An environment made by uv has no pip, but Python itself mostly brings one."""
    if importlib.util.find_spec("pip") is not None:
        return
    bundled = importlib.util.find_spec("ensurepip")
    folder = Path(bundled.origin).parent / "_bundled" if bundled and bundled.origin else Path()
    wheels = sorted(folder.glob("pip-*.whl"))
    if not wheels:
        sys.exit(NO_PIP)
    sys.path.append(str(wheels[-1]))


if __name__ == "__main__":
    sys.exit(main(json.loads(sys.argv[1]), sys.argv[2:]))
