"""The types of the page with the hooks' examples are those of its jobs."""

from pathlib import Path

from tests.types.conftest import WEB, Durably

JOBS = WEB.parent / "tests" / "browser" / "hooks" / "jobs.py"


def test_types_of_the_hooks_page_are_up_to_date(project: Path, durably: Durably) -> None:
    fresh = project / "jobs.gen.ts"
    durably("types", JOBS, "-o", fresh)
    committed = WEB / "hooks" / "jobs.gen.ts"
    assert committed.read_text("utf-8") == fresh.read_text("utf-8"), f"copy {fresh} to {committed}"
