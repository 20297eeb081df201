"""The modules of the demo's jobs: they import each other as they do in the page."""

import importlib
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent.parent
DEMO = ROOT / "examples/demo"


def load(name: str) -> Any:
    sys.path.insert(0, str(DEMO))
    try:
        return importlib.import_module(name)
    finally:
        sys.path.remove(str(DEMO))
