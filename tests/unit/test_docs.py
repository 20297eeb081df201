"""What is public is documented."""

import inspect
from pathlib import Path
from typing import Any

import pytest

import durably_core
from durably_core import Durably, DurablyError, JobHandle, StepContext, create_durably
from durably_core.events import DOMAIN_EVENTS, EVENT_TYPES
from durably_core.models import Run

REFERENCE = (Path(__file__).parent.parent.parent / "docs" / "reference.md").read_text()
ROWS = [line for line in REFERENCE.splitlines() if line.startswith("| ")]


def members(cls: type) -> list[str]:
    return [name for name in vars(cls) if not name.startswith("_")]


def error_classes() -> list[type[DurablyError]]:
    public = [getattr(durably_core, name) for name in durably_core.__all__]
    return [cls for cls in public if inspect.isclass(cls) and issubclass(cls, DurablyError)]


@pytest.mark.parametrize("name", durably_core.__all__)
def test_public_name_is_documented(name: str) -> None:
    assert f"`{name}" in REFERENCE or f"({name}" in REFERENCE


@pytest.mark.parametrize("name", inspect.signature(create_durably).parameters)
def test_option_has_a_row(name: str) -> None:
    assert any(f"`{name}`" in row.split("|")[1] for row in ROWS)


@pytest.mark.parametrize("cls", [Durably, JobHandle, StepContext], ids=lambda cls: str(cls.__name__))
def test_method_has_a_row(cls: type) -> None:
    first_cells = " ".join(row.split("|")[1] for row in ROWS)
    assert [name for name in members(cls) if name not in first_cells] == []


@pytest.mark.parametrize("name", inspect.signature(JobHandle.trigger).parameters)
def test_trigger_parameter_is_documented(name: str) -> None:
    assert name in {"self", "input"} or f"| `{name}` |" in REFERENCE


@pytest.mark.parametrize("event_type", EVENT_TYPES)
def test_event_has_a_row_with_its_fields(event_type: str) -> None:
    [row] = [row for row in ROWS if row.startswith(f"| `{event_type}` |")]
    common = {"type", "sequence", "timestamp_ms", "run_id", "job_name", "labels"}
    fields: Any = EVENT_TYPES[event_type].__dataclass_fields__
    own = {"job_name"} if event_type == "worker:unknown-job" else set()
    assert [name for name in fields if name not in common - own and f"`{name}`" not in row] == []
    assert ("(domain)" in row) == (event_type in DOMAIN_EVENTS)


@pytest.mark.parametrize("cls", error_classes(), ids=lambda cls: str(cls.__name__))
def test_error_is_documented_with_its_code(cls: type[DurablyError]) -> None:
    assert cls is DurablyError or any(f"`{cls.__name__}`" in row and f"`{cls.code}`" in row for row in ROWS)


@pytest.mark.parametrize("name", Run.__dataclass_fields__)
def test_field_of_a_run_is_documented(name: str) -> None:
    assert f"`{name}`" in REFERENCE
