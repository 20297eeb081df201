"""The steps of a job, read from its source: what they are called, and what they do.

Only what the source says is found. A name that is put together when the job runs is known by its fixed parts,
and a step that a package adds is not known at all.
"""

import ast
import hashlib
import inspect
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef

METHODS = frozenset({"run", "transaction"})
"""Of a step context."""
UNKNOWN = "{}"
"""Stands for a part of a name that is known only when the job runs."""


def steps_of(run: Callable[..., Any]) -> list[dict[str, str | None]]:
    """The steps of a job's function in their order: ``[{"name", "code", "returns"}]``.

    ``code``: a hash of what the step does, and ``returns`` what its function says that it returns; None where
    that is not known. Functions of the same project that are given the context are looked into.
    """
    file = inspect.getsourcefile(run)
    project = None if file is None else Path(file).parent
    found: dict[str, dict[str, str | None]] = {}
    for step in _steps_in(run, 0, project, set()):
        found.setdefault(str(step["name"]), step)
    return list(found.values())


def _steps_in(
    function: Callable[..., Any], place: int, project: Path | None, seen: set[Callable[..., Any]]
) -> Iterator[dict[str, str | None]]:
    tree = _tree_of(function)
    if tree is None or function in seen:
        return
    seen.add(function)
    parameters = [*tree.args.posonlyargs, *tree.args.args]
    if place >= len(parameters):
        return
    context = parameters[place].arg
    names = getattr(inspect.unwrap(function), "__globals__", {})
    for call in _calls_in(tree):
        if _is_step(call, context):
            yield _step(call, tree, names)
        elif isinstance(call.func, ast.Name) and (given := _place_of(call, context)) is not None:
            called = names.get(call.func.id)
            if inspect.isfunction(called) and _is_within(called, project):
                yield from _steps_in(called, given, project, seen)


def _calls_in(tree: ast.AST) -> Iterator[ast.Call]:
    """In the order of the source."""
    for child in ast.iter_child_nodes(tree):
        if isinstance(child, ast.Call):
            yield child
        yield from _calls_in(child)


def _is_step(call: ast.Call, context: str) -> bool:
    function = call.func
    return (
        isinstance(function, ast.Attribute)
        and function.attr in METHODS
        and isinstance(function.value, ast.Name)
        and function.value.id == context
        and bool(call.args)
    )


def _place_of(call: ast.Call, context: str) -> int | None:
    """The place among the arguments at which the context is given."""
    places = [
        place for place, given in enumerate(call.args) if isinstance(given, ast.Name) and given.id == context
    ]
    return places[0] if places else None


def _step(call: ast.Call, tree: Function, names: dict[str, Any]) -> dict[str, str | None]:
    code, returns = _function_of(call.args[1], tree, names) if len(call.args) > 1 else (None, None)
    return {"name": _name_of(call.args[0]), "code": code, "returns": returns}


def _name_of(node: ast.expr) -> str:
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else UNKNOWN for part in node.values)
    return UNKNOWN


def _function_of(node: ast.expr, tree: Function, names: dict[str, Any]) -> tuple[str | None, str | None]:
    if not isinstance(node, ast.Name):
        return _hash(node), None
    nested = [each for each in ast.walk(tree) if isinstance(each, Function) and each.name == node.id]
    function = nested[0] if nested else _tree_of(names.get(node.id))
    if function is None:
        return None, None
    return _hash(function), None if function.returns is None else ast.unparse(function.returns)


def _tree_of(function: Any) -> Function | None:
    if not inspect.isfunction(function):
        return None
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(inspect.unwrap(function)))).body[0]
    except (OSError, SyntaxError, IndexError):
        return None
    return tree if isinstance(tree, Function) else None


def _is_within(function: Callable[..., Any], project: Path | None) -> bool:
    file = inspect.getsourcefile(function)
    return project is not None and file is not None and Path(file).is_relative_to(project)


def _hash(tree: ast.AST) -> str:
    """Of what is executed: comments and places are not in a tree, and what documents it does nothing."""
    plain = ast.parse(ast.unparse(tree))
    for node in ast.walk(plain):
        if isinstance(node, Function) and ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:] or [ast.Pass()]
    return hashlib.sha256(ast.dump(plain).encode()).hexdigest()[:16]
