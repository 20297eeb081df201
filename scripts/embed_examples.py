"""Puts tested code into the docs, where a comment names it: what is shown is what is tested.

``<!-- example: name -->`` is an example of the hooks, ``<!-- file: path -->`` a file, and
``<!-- file: path name -->`` what a Python file defines under that name.

``--check`` writes nothing, and fails if a page shows something else.
"""

import ast
import re
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
EXAMPLES = ROOT / "web" / "hooks" / "examples"
PAGES = sorted((ROOT / "docs").glob("*.md"))
FILE_BLOCK = re.compile(r"(<!-- file: (\S+?)(?: (\w+))? -->\n```\w+\n).*?(```\n)", re.DOTALL)
BLOCK = re.compile(r"(<!-- example: ([\w-]+) -->\n```tsx\n).*?(```\n)", re.DOTALL)


def embedded(page: str) -> str:
    """The page with each block as its example is now."""
    page = BLOCK.sub(
        lambda found: f"{found[1]}{(EXAMPLES / f'{found[2]}.tsx').read_text('utf-8')}{found[3]}", page
    )
    return FILE_BLOCK.sub(lambda found: f"{found[1]}{code_of(found[2], found[3])}{found[4]}", page)


def code_of(path: str, name: str | None) -> str:
    """A file's text, or of a Python file that function, class or variable, with the text that follows it."""
    source = (ROOT / path).read_text("utf-8")
    if name is None:
        return source
    body = ast.parse(source).body
    [at] = [number for number, node in enumerate(body) if name in names_of(node)]
    first, last = body[at], body[at]
    if at + 1 < len(body) and is_text(body[at + 1]):
        last = body[at + 1]
    start = min([first.lineno, *(each.lineno for each in getattr(first, "decorator_list", []))])
    return "".join(source.splitlines(keepends=True)[start - 1 : last.end_lineno])


def names_of(node: ast.stmt) -> set[str]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return {node.name}
    targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
    return {each.id for each in targets if isinstance(each, ast.Name)}


def is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


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
