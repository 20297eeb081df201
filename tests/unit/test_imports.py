"""Who may import whom: errors, clock → models → store → executor → worker → durably → api."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
BROWSER_ONLY = {"js", "pyodide", "pyodide_js"}

LAYERS = [
    {"errors", "clock", "user_code", "watching"},
    {"abort", "models", "tasks"},
    {"stopping"},
    {"blocking"},
    {"events", "values"},
    {"instrumentation", "store.sql", "store.base"},
    {"commands"},
    {"store.guests", "store.transitions"},
    {"store.sql_store"},
    {"store.sqlite.guests", "store.sqlite.reserve", "store.sqlite.watch", "store.sqlite.writes"},
    {"store.sqlite.database"},
    {"store.sqlite.transitions"},
    {"store.sqlite.store"},
    {"store.sqlite"},
    {"store.postgres.clock", "store.postgres.guests", "store.postgres.schema"},
    {"store.postgres.moving", "store.postgres.signals", "store.postgres.together", "store.postgres.turns"},
    {"store.postgres.session"},
    {"store.postgres.store"},
    {"store.postgres"},
    {"store.opening"},
    {"job", "step"},
    {"notebook"},
    {"execution"},
    {"executor", "interrupts"},
    {"worker"},
    {"feed", "maintenance", "options", "waiting"},
    {"triggering"},
    {"listing"},
    {"handles"},
    {"durably"},
    {"event_log", "plugins", "telemetry"},
    {"api"},
    {"asgi.auth", "asgi.requests"},
    {"asgi.call"},
    {"asgi.streams"},
    {"asgi.routes"},
    {"asgi.answers"},
    {"asgi.openapi"},
    {"asgi.handler"},
    {"asgi"},
    {"job_file"},
    {"cli.output", "cli.pairs", "cli.target"},
    {"cli.database", "cli.event_lines", "cli.running"},
    {"cli.content", "cli.following"},
    {"cli.completion"},
    {"cli.options"},
    {"cli.checks", "cli.checks_postgres"},
    {"cli.moving", "cli.worker", "cli.jobs", "cli.trigger", "cli.runs", "cli.changes"},
    {"cli.doctor", "cli.run_page", "cli.server"},
    {"cli.serve"},
    {"cli.app"},
    {"cli"},
]
"""Each module imports only modules of layers above its own; ``job`` names ``step`` for type checkers."""


EXTRAS = {
    "asgi": {"starlette"},
    "cli": {"typer", "rich"},
    "cli.checks_postgres": {"psycopg"},
    "cli.server": {"starlette", "uvicorn"},
    "store.postgres": {"psycopg", "psycopg_pool"},
    "telemetry": {"opentelemetry"},
}
"""Packages that only these parts may import."""


def modules(package: str) -> dict[str, Path]:
    files = sorted((ROOT / package).rglob("*.py"))
    return {
        ".".join(path.relative_to(ROOT / package).with_suffix("").parts).removesuffix(".__init__"): path
        for path in files
    }


def imported(path: Path) -> Iterator[str]:
    """What a file imports at run time, anywhere in it."""
    tree = ast.parse(path.read_text())
    for_checkers = {
        id(child)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for child in ast.walk(node)
    }
    for node in ast.walk(tree):
        if id(node) in for_checkers:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative import"
            assert node.module is not None
            yield node.module


CORE = modules("durably_core")
BOTH = [*CORE.values(), *modules("spa_runtime").values()]
each_file = pytest.mark.parametrize("path", BOTH, ids=lambda path: str(path.relative_to(ROOT)))


def layer_of(module: str) -> int | None:
    return next((number for number, layer in enumerate(LAYERS) if module in layer), None)


@pytest.mark.parametrize("module", [name for name in CORE if name not in ("__init__", "store")])
def test_core_imports_go_down_the_layers(module: str) -> None:
    own = layer_of(module)
    assert own is not None, f"{module} has no layer: give it one"
    used = {
        name.removeprefix("durably_core.")
        for name in imported(CORE[module])
        if name.startswith("durably_core.")
    }
    for name in used:
        theirs = layer_of(name)
        assert theirs is not None
        assert theirs < own, f"{module} imports {name}"


@pytest.mark.parametrize("module", CORE)
def test_core_never_imports_the_browser_half(module: str) -> None:
    roots = {name.split(".")[0] for name in imported(CORE[module])}
    assert "spa_runtime" not in roots


@pytest.mark.parametrize("module", CORE)
def test_core_needs_only_pydantic(module: str) -> None:
    """The command line needs what it is drawn with, too; nothing else of the engine does."""
    roots = {name.split(".")[0] for name in imported(CORE[module])}
    extras = [extra for part, extra in EXTRAS.items() if f"{module}.".startswith(f"{part}.")]
    assert roots - sys.stdlib_module_names <= {"durably_core", "pydantic", "pydantic_core"}.union(*extras)


@pytest.mark.parametrize("module", CORE)
def test_core_never_needs_the_command_line(module: str) -> None:
    used = {name for name in imported(CORE[module]) if name.startswith("durably_core.cli")}
    assert not used or module.startswith("cli")


@each_file
def test_only_the_bridge_knows_the_browser(path: Path) -> None:
    roots = {name.split(".")[0] for name in imported(path)}
    assert path.name == "bridge.py" or not roots & BROWSER_ONLY


@each_file
def test_imports_stand_at_the_top(path: Path) -> None:
    functions = [
        node
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    inside = [n for f in functions for n in ast.walk(f) if isinstance(n, ast.Import | ast.ImportFrom)]
    assert inside == []


def test_bridge_needs_nothing_of_the_builder() -> None:
    roots = {name.split(".")[0] for name in imported(ROOT / "spa_runtime/bridge.py")}
    assert not roots & {"starlette", "uvicorn", "typer", "zipfile", "socket"}


def test_importing_the_engine_opens_no_web_framework() -> None:
    program = "import sys, durably_core.api; print(*sorted(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout
    optional = {"starlette", "uvicorn", "typer", "rich", "opentelemetry", "spa_runtime", "js", "pyodide"}
    assert not optional & set(loaded.split())


def test_public_names_are_all_there() -> None:
    import durably_core

    assert [name for name in durably_core.__all__ if not hasattr(durably_core, name)] == []
