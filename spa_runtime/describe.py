"""A job file's jobs and the JSON schemas of their models: what types and forms are made from."""

import inspect
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, models_json_schema
from pydantic_core import core_schema

from durably_core.errors import DurablyError, NotFoundError, ValidationError
from durably_core.job import Job, job_infos
from durably_core.job_file import JobFileError, Place, import_jobs
from spa_runtime.packages import PackagesError

Use = tuple[type[BaseModel], Literal["validation", "serialization"]]
S = TypeVar("S", core_schema.ModelSchema, core_schema.DataclassSchema, core_schema.TypedDictSchema)


class WireSchema(GenerateJsonSchema):
    """Schemas of what clients send and receive.

    They receive what the engine stores: every field, by its name unless a model says
    ``serialize_by_alias``. pydantic's own schemas have the aliases in both directions, and fields with
    a default as if they might be missing.
    """

    ignored_warning_kinds = {"skipped-choice", "non-serializable-default"}  # noqa: RUF012 - as pydantic has it

    def model_schema(self, schema: core_schema.ModelSchema) -> dict[str, Any]:
        return self._named(super().model_schema, schema)

    def dataclass_schema(self, schema: core_schema.DataclassSchema) -> dict[str, Any]:
        return self._named(super().dataclass_schema, schema)

    def typed_dict_schema(self, schema: core_schema.TypedDictSchema) -> dict[str, Any]:
        return self._named(super().typed_dict_schema, schema)

    def field_is_required(
        self,
        field: core_schema.ModelField | core_schema.DataclassField | core_schema.TypedDictField,
        total: bool,
    ) -> bool:
        if self.mode == "validation" or field["type"] == "typed-dict-field":
            return super().field_is_required(field, total)
        return field.get("serialization_exclude_if") is None

    def decimal_schema(self, schema: core_schema.DecimalSchema) -> dict[str, Any]:
        generated = super().decimal_schema(schema)
        text = generated["anyOf"][-1] if "anyOf" in generated else generated
        # Like that of a date, its form has a name; some versions of pydantic write a long pattern.
        text.pop("pattern", None)
        text["format"] = "decimal"
        return generated

    def _named(self, generate: Callable[[S], dict[str, Any]], schema: S) -> dict[str, Any]:
        if self.mode == "validation":
            return generate(schema)
        outer, self.by_alias = self.by_alias, schema.get("config", {}).get("serialize_by_alias", False)
        try:
            return generate(schema)
        finally:
            self.by_alias = outer


def describe(path: Path, modules: Path | None = None) -> dict[str, Any]:
    """The jobs of a file: ``{"file", "jobs": [{"key", "name", "description", "input", "output"}], "$defs"}``.

    Beside that ``infos``: what an engine would tell clients of them.

    Imports the file, as ``python jobs.py`` would find its modules. ``modules``: a folder with more, which
    are taken when they are found nowhere else. Raises ``DurablyError`` when there are no jobs to be had; see
    ``describe_failure``.
    """
    file = path.resolve()
    if not file.is_file():
        raise NotFoundError(f"There is no job file {path}.")
    sys.path.insert(0, str(file.parent))
    if modules is not None:
        sys.path.append(str(modules))
    # A file changed within the same second, to the same size, would be taken from what Python cached of it.
    sys.dont_write_bytecode = True
    jobs = import_jobs(file.stem, file.parent)
    for job in jobs.values():
        _expect_describable(job)
    uses = [use for job in jobs.values() for use in _uses(job)]
    references, schema = models_json_schema(list(dict.fromkeys(uses)), schema_generator=WireSchema)
    described = [
        {
            "key": key,
            "name": job.name,
            "description": inspect.getdoc(job.run),
            "input": references[job.input, "validation"],
            "output": None if job.output is None else references[job.output, "serialization"],
        }
        for key, job in jobs.items()
    ]
    return {
        "file": path.name,
        "jobs": described,
        "$defs": schema.get("$defs", {}),
        "infos": job_infos(jobs),
    }


def describe_failure(error: DurablyError, path: Path) -> dict[str, Any]:
    """What ``describe`` raised: ``{"error": {"message", "file", "line", "column"}}``."""
    place = Place(file=path.resolve(), line=1)
    message = error.message
    if isinstance(error, JobFileError | PackagesError):
        place, message = error.place or place, error.reason
    return {"error": {"message": message, "file": str(place.file), "line": place.line, "column": place.column}}


def _uses(job: Job[Any, Any]) -> list[Use]:
    uses: list[Use] = [(job.input, "validation")]
    if job.output is not None:
        uses.append((job.output, "serialization"))
    return uses


def _expect_describable(job: Job[Any, Any]) -> None:
    for model, mode in _uses(job):
        try:
            model.model_json_schema(mode=mode, schema_generator=WireSchema)
        except Exception as error:  # models bring schema code of their own
            role = "input" if mode == "validation" else "output"
            reason = str(error).partition("\n")[0]
            raise ValidationError(
                f"The {role} of the job {job.name!r} can't be described: {model.__name__} has no JSON "
                f"schema. {reason}"
            ) from error
