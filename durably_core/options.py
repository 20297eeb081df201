"""The options of an engine, checked when it is made: what can't work is refused with what to do about it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel

from durably_core.errors import ValidationError
from durably_core.job import Job

MAX_SLOTS = 1000
MAX_MS = 2**53 - 1
MAX_BUILD_CHARACTERS = 200

_AGE = re.compile(r"(\d+)([dhms])", re.ASCII)
_UNIT_MS = {"d": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1000}


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """See ``create_durably``. Raises ``ValidationError``."""

    polling_interval_ms: int
    lease_ms: int
    lease_renew_interval_ms: int
    maintenance_interval_ms: int
    max_concurrent_runs: int
    max_attempts: int
    preserve_steps: bool
    retain_runs: str | None
    retain_events: int
    labels: type[BaseModel] | None
    idempotency_mismatch: Literal["ignore", "error"]
    exclusive: bool
    build: str | None

    def __post_init__(self) -> None:
        for name in (
            "polling_interval_ms",
            "lease_ms",
            "lease_renew_interval_ms",
            "maintenance_interval_ms",
        ):
            check_ms(name, getattr(self, name))
        check_count("max_concurrent_runs", self.max_concurrent_runs, most=MAX_SLOTS)
        check_count("max_attempts", self.max_attempts)
        check_count("retain_events", self.retain_events)
        for name in ("preserve_steps", "exclusive"):
            if not isinstance(getattr(self, name), bool):
                raise ValidationError(f"{name} must be True or False, not {getattr(self, name)!r}.")
        if self.lease_renew_interval_ms * 2 > self.lease_ms:
            raise ValidationError(
                f"lease_renew_interval_ms ({self.lease_renew_interval_ms}) must be at most half of "
                f"lease_ms ({self.lease_ms}), or one late renewal loses the lease."
            )
        if self.idempotency_mismatch not in ("ignore", "error"):
            raise ValidationError(
                f"idempotency_mismatch must be 'ignore' or 'error', not {self.idempotency_mismatch!r}."
            )
        if self.labels is not None and not _is_model(self.labels):
            raise ValidationError(f"labels must be a pydantic model class, not {self.labels!r}.")
        if self.build is not None:
            check_build(self.build)
        _ = self.retain_runs_ms

    @property
    def retain_runs_ms(self) -> int | None:
        """Milliseconds; None: runs are kept for ever."""
        return None if self.retain_runs is None else age_in_ms("retain_runs", self.retain_runs)


def age_in_ms(name: str, value: Any) -> int:
    """Milliseconds of an age such as ``"30d"``. Raises ``ValidationError``."""
    match = _AGE.fullmatch(value) if isinstance(value, str) else None
    if match is None or (age_ms := int(match[1]) * _UNIT_MS[match[2]]) > MAX_MS:
        raise ValidationError(
            f"{name} must be a whole number followed by d, h, m or s, as in '30d', '12h' or '90m', "
            f"not {value!r}."
        )
    return age_ms


def check_ms(name: str, value: Any, *, least: int = 1) -> None:
    """Raises ``ValidationError`` unless ``value`` is a count of milliseconds."""
    if type(value) is not int or not least <= value <= MAX_MS:
        raise ValidationError(
            f"{name} must be a whole number of milliseconds, at least {least}, not {value!r}."
        )


def check_count(name: str, value: Any, *, least: int = 1, most: int = MAX_MS) -> None:
    """Raises ``ValidationError`` unless ``value`` is a whole number between the two."""
    if type(value) is not int or not least <= value <= most:
        raise ValidationError(f"{name} must be a whole number from {least} to {most}, not {value!r}.")


def check_build(value: Any) -> None:
    """Raises ``ValidationError`` unless ``value`` can be the name of a build."""
    if not isinstance(value, str) or not 0 < len(value) <= MAX_BUILD_CHARACTERS or not value.isprintable():
        raise ValidationError(
            f"build must be a text of 1 to {MAX_BUILD_CHARACTERS} printable characters, not {value!r}."
        )


def check_jobs(jobs: Mapping[str, Any]) -> None:
    """Raises ``ValidationError`` for what is no mapping from a name to a job."""
    if not isinstance(jobs, Mapping):
        raise ValidationError("jobs must be a mapping from a name to a job, as in {'import_csv': import_csv}.")
    for key, value in jobs.items():
        if not isinstance(key, str) or not key:
            raise ValidationError(f"A job is registered under a name, not {key!r}.")
        if not isinstance(value, Job):
            raise ValidationError(
                f"jobs[{key!r}] is {value!r}, which is no job: decorate the function with @job('its-name'), "
                "or use define_job."
            )


def _is_model(value: Any) -> bool:
    return isinstance(value, type) and issubclass(value, BaseModel)
