"""What people ask of lists and figures of runs, checked."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, get_args

from durably_core.errors import ValidationError
from durably_core.models import RunStatus
from durably_core.options import check_ms
from durably_core.store.base import Period, RunFilter
from durably_core.triggering import check_labels

USUAL_BUCKETS = 30
MOST_BUCKETS = 1000
YEAR_10000_MS = 253_402_300_800_000


def run_filter(status: Any, job_name: Any, labels: Mapping[str, str] | None) -> RunFilter:
    statuses: tuple[Any, ...] | None = _several("status", status)
    for each in statuses or ():
        if each not in get_args(RunStatus):
            raise ValidationError(f"There is no status {each!r}: {', '.join(get_args(RunStatus))}.")
    return RunFilter(
        job_names=_several("job_name", job_name),
        statuses=statuses,
        labels=None if labels is None else check_labels(labels),
    )


def _several(name: str, value: Any) -> tuple[str, ...] | None:
    if value is None:
        return None
    several = (value,) if isinstance(value, str) else value
    if not isinstance(several, list | tuple | set | frozenset) or not all(
        isinstance(each, str) for each in several
    ):
        raise ValidationError(f"{name} must be a text or a list of texts, not {value!r}.")
    return tuple(several)


def moment_ms(name: str, value: Any) -> int:
    """Since 1970. Raises ``ValidationError`` for a datetime without a time zone."""
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise ValidationError(
            f"{name} must be a datetime with a time zone, as datetime.now(UTC) - timedelta(days=30), "
            f"not {value!r}."
        )
    return round(value.timestamp() * 1000)


def stats_period(since: Any, until: Any, bucket_ms: Any, *, now_ms: int) -> Period:
    since_ms = moment_ms("since", since)
    until_ms = now_ms if until is None else moment_ms("until", until)
    if since_ms >= until_ms:
        raise ValidationError("since must be before until.")
    if since_ms < 0 or until_ms >= YEAR_10000_MS:
        raise ValidationError("since and until must be between the years 1970 and 9999.")
    length = until_ms - since_ms
    if bucket_ms is None:
        bucket_ms = -(-length // USUAL_BUCKETS)
    check_ms("bucket_ms", bucket_ms)
    if length > bucket_ms * MOST_BUCKETS:
        raise ValidationError(
            f"bucket_ms must be {-(-length // MOST_BUCKETS)} at least: there may be {MOST_BUCKETS} stretches."
        )
    return Period(since_ms=since_ms, until_ms=until_ms, bucket_ms=bucket_ms)
