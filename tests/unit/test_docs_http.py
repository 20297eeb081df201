"""docs/http.md names each route, option, hook and error code there is."""

import inspect
import re
from pathlib import Path
from typing import Any, TypeGuard, get_args

import pytest

from durably_core import errors
from durably_core.asgi import Access, Auth, create_durably_handler
from durably_core.asgi.auth import TriggerRequest
from durably_core.asgi.routes import ROUTES, Route

HTTP = (Path(__file__).parent.parent.parent / "docs" / "http.md").read_text()
ROWS = [line for line in HTTP.splitlines() if line.startswith("| ")]
OVER_HTTP = {
    "validation",
    "unauthorized",
    "forbidden",
    "not_found",
    "conflict",
    "events_gone",
    "too_large",
    "unsupported_media_type",
    "storage",
    "storage_full",
}


def is_error(value: Any) -> TypeGuard[type[errors.DurablyError]]:
    return isinstance(value, type) and issubclass(value, errors.DurablyError)


def row_of(cell: str) -> str:
    [row] = [row for row in ROWS if cell in row.split("|")[1]]
    return row


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_route_has_a_row_with_what_it_takes(route: Route) -> None:
    row = row_of(f"`{route.method} {route.path}`")
    names = {info.alias or name for name, info in route.model.model_fields.items()} - {"labels", "items"}
    missing = {name for name in names if {"types": "type"}.get(name, name) not in row}
    assert missing == set()


@pytest.mark.parametrize("option", [*inspect.signature(create_durably_handler).parameters][1:])
def test_option_has_a_row(option: str) -> None:
    assert row_of(f"`{option}`")


@pytest.mark.parametrize("hook", Auth.__dataclass_fields__)
def test_hook_has_a_row(hook: str) -> None:
    assert row_of(f"`{hook}`")


def test_accesses_are_named() -> None:
    assert [access for access in get_args(Access) if f"`{access}`" not in HTTP] == []


@pytest.mark.parametrize("code", sorted(OVER_HTTP))
def test_error_has_a_row_with_its_status(code: str) -> None:
    found = {cls.code: cls.status for cls in vars(errors).values() if is_error(cls)}
    [row] = [row for row in ROWS if f"`{code}`" in row.split("|")[2]]
    assert str(found[code]) in row


def test_examples_are_python() -> None:
    for example in re.findall(r"```python\n(.*?)```", HTTP, re.DOTALL):
        compile(example, "docs/http.md", "exec")


def test_hooks_of_the_example_are_hooks() -> None:
    example = re.findall(r"```python\n(.*?)```", HTTP, re.DOTALL)[1]
    names: dict[str, object] = {}
    exec(example, names)
    auth = names["auth"]
    assert isinstance(auth, Auth)
    assert auth.on_trigger is not None
    assert auth.on_trigger("ada", TriggerRequest(job_name="j", input={})).labels == {"user": "ada"}
