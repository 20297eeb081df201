"""Puts the examples of the hooks into the docs, where a comment names them: what is shown is what is tested.

``--check`` writes nothing, and fails if a page shows something else.
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
EXAMPLES = ROOT / "web" / "hooks" / "examples"
PAGES = [ROOT / "docs" / "react.md"]
BLOCK = re.compile(r"(<!-- example: ([\w-]+) -->\n```tsx\n).*?(```\n)", re.DOTALL)


def embedded(page: str) -> str:
    """The page with each block as its example is now."""
    return BLOCK.sub(
        lambda found: f"{found[1]}{(EXAMPLES / f'{found[2]}.tsx').read_text('utf-8')}{found[3]}", page
    )


def shown(page: str) -> set[str]:
    """The examples that the page shows."""
    return {found[2] for found in BLOCK.finditer(page)}


def main(arguments: list[str]) -> int:
    stale = [path for path in PAGES if embedded(path.read_text("utf-8")) != path.read_text("utf-8")]
    if "--check" in arguments:
        for path in stale:
            print(f"{path.relative_to(ROOT)} shows old examples: run `make format`.", file=sys.stderr)
        return 1 if stale else 0
    for path in stale:
        path.write_text(embedded(path.read_text("utf-8")), "utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
