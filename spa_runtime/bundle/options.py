"""Options of the engine in a page."""

from collections.abc import Mapping
from typing import Any

from durably_core.durably import create_durably
from durably_core.errors import ValidationError

SPA_OPTIONS = {
    "polling_interval_ms": 100,
    "lease_renew_interval_ms": 500,
    "lease_ms": 3000,
    "preserve_steps": True,
    "retain_runs": "30d",
}
OPTION_NAMES = frozenset(
    {
        "polling_interval_ms",
        "lease_ms",
        "lease_renew_interval_ms",
        "maintenance_interval_ms",
        "max_concurrent_runs",
        "max_attempts",
        "preserve_steps",
        "retain_runs",
        "retain_events",
        "idempotency_mismatch",
    }
)
"""Options that can stand in a manifest: the others are the page's to decide, or no JSON."""


def expect_options(options: Mapping[str, Any]) -> None:
    """What can't work is said here, not by every browser that opens the page."""
    for name in options.keys() - OPTION_NAMES:
        known = ", ".join(sorted(OPTION_NAMES))
        raise ValidationError(f"There is no option {name!r} for the engine of a page. There are: {known}.")
    create_durably(database=":memory:", **options)
