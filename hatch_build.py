"""What is in the wheel besides the Python sources: the console page, if it was built (``make package``)."""

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class IncludeConsole(BuildHookInterface[Any]):
    """An editable installation finds the page where it was built."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        page = Path(self.root, "build", "console")
        if version != "editable" and page.is_dir():
            build_data["force_include"][str(page)] = "spa_runtime/console"
