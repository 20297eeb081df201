"""From what a caller asks for to a run that can be stored: everything is checked before anything is written."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic

import pydantic
from pydantic import BaseModel

from durably_core.clock import NewId
from durably_core.errors import ValidationError
from durably_core.job import In, Job, explained
from durably_core.options import Options, check_ms
from durably_core.store.base import Coalesce, NewRun
from durably_core.values import storable

MAX_LABELS = 100
MAX_LABEL_LENGTH = 1000
LABEL_KEY = re.compile(r"[A-Za-z0-9_./-]{1,256}")


@dataclass(frozen=True, kw_only=True)
class BatchItem(Generic[In]):
    """One trigger of a batch. The parameters are those of ``JobHandle.trigger``."""

    input: In | Mapping[str, Any]
    idempotency_key: str | None = None
    idempotency_ttl_ms: int | None = None
    concurrency_key: str | None = None
    coalesce: Coalesce | None = None
    labels: Mapping[str, Any] | BaseModel | None = None


def new_run(job: Job[Any, Any], item: BatchItem[Any], options: Options, new_id: NewId) -> NewRun:
    """The run that ``item`` asks for. Raises ``ValidationError``."""
    _check_coalesce(item)
    input = job.dump_input(job.validate_input(item.input))
    for name in ("idempotency_key", "concurrency_key"):
        _check_key(name, getattr(item, name))
    if item.idempotency_ttl_ms is not None:
        check_ms("idempotency_ttl_ms", item.idempotency_ttl_ms)
        if item.idempotency_key is None:
            raise ValidationError("idempotency_ttl_ms says how long an idempotency_key holds: give one, too.")
    return NewRun(
        id=new_id(),
        job_name=job.name,
        input=input,
        labels=_labels(item.labels, options.labels),
        idempotency_key=item.idempotency_key,
        idempotency_ttl_ms=item.idempotency_ttl_ms,
        same_input=options.idempotency_mismatch == "error",
        concurrency_key=item.concurrency_key,
        coalesce=item.coalesce,
    )


def check_labels(labels: Any) -> dict[str, str]:
    """Labels as they are stored and looked for. Raises ``ValidationError``."""
    if not isinstance(labels, Mapping):
        raise ValidationError(f"labels must map names to texts, not {labels!r}.")
    if len(labels) > MAX_LABELS:
        raise ValidationError(f"A run may have {MAX_LABELS} labels, not {len(labels)}. What is more, is input.")
    for label, value in labels.items():
        if not isinstance(label, str) or not LABEL_KEY.fullmatch(label):
            raise ValidationError(
                f"The label key {label!r} must be 1 to 256 letters, digits, '-', '_', '.' or '/'."
            )
        if not isinstance(value, str) or storable(value) != value:
            raise ValidationError(f"The label {label!r} must have a text as its value, not {value!r}.")
        if len(value) > MAX_LABEL_LENGTH:
            raise ValidationError(
                f"The label {label!r} has {len(value)} characters; {MAX_LABEL_LENGTH} are the most. Every "
                "event of a run carries its labels: what is longer, is input."
            )
    return dict(labels)


def _labels(given: Mapping[str, Any] | BaseModel | None, model: type[BaseModel] | None) -> dict[str, str]:
    if model is not None:
        try:
            given = model.model_validate({} if given is None else given)
        except pydantic.ValidationError as error:
            raise explained("The labels do not fit the engine's labels model", error) from error
    if isinstance(given, BaseModel):
        dumped = given.model_dump(mode="json", by_alias=True, exclude_none=True)
        return check_labels({key: _as_text(value) for key, value in dumped.items()})
    return check_labels({} if given is None else given)


def _as_text(value: Any) -> Any:
    """Numbers and truth values of a model as JSON writes them."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else value


def _check_coalesce(item: BatchItem[Any]) -> None:
    if item.coalesce is None:
        return
    if item.coalesce not in ("skip", "queue"):
        raise ValidationError(f"coalesce must be 'skip' or 'queue', not {item.coalesce!r}.")
    if item.concurrency_key is None:
        raise ValidationError("coalesce looks for a waiting run with the same concurrency_key: give one, too.")


def _check_key(name: str, key: Any) -> None:
    if key is not None and (not isinstance(key, str) or not key or storable(key) != key):
        raise ValidationError(f"{name} must be a text that is not empty, not {key!r}.")
