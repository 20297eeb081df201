"""What is in the wheel besides the Python sources: what ``make package`` built before."""

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

WEB = {
    "build/console": "spa_runtime/console",
    "build/service-worker": "spa_runtime/service_worker",
    **{
        f"web/node_modules/pyodide/{name}": f"spa_runtime/pyodide/{name}"
        for name in (
            "package.json",
            "pyodide.mjs",
            "pyodide.asm.mjs",
            "pyodide.asm.wasm",
            "python_stdlib.zip",
            "pyodide-lock.json",
        )
    },
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
