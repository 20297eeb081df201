"""What is in the wheel besides the Python sources: what ``make package`` built before."""

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

WEB = {
    "build/console": "spa_runtime/console",
    "build/service-worker": "spa_runtime/service_worker",
    "build/pyodide": "spa_runtime/pyodide",
}
"""Where it is, and where ``spa_runtime.assets`` looks for it in a wheel."""


class IncludeWeb(BuildHookInterface[Any]):
    """An editable installation finds all this where it was built."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version == "editable":
            return
        for source, target in WEB.items():
            path = Path(self.root, source)
            if path.exists():
                build_data["force_include"][str(path)] = target
