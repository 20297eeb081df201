"""A sample of ``make test-crash``: pages that are killed at random moments, on one database."""

from pathlib import Path

import pytest

from tests.browser.browser import Chromium
from tests.crash.journal import Journal
from tests.crash.loop import Loop, crash_site
from tests.power.check import Violation

SEED = 16
"""The first kill of these rounds meets the very first boot, the second one a save."""
SEED_OF_SAVES = 818
"""Three of the first four kills of these meet a save."""


def crash(chromium: Chromium, folder: Path, *, seed: int, rounds: int, plant: str = "") -> Loop:
    with crash_site(folder / "site", plant) as site:
        loop = Loop(chromium, site, seed=seed, folder=folder, journal=Journal(), say=print)
        loop.run(rounds)
    return loop


def test_killed_pages_lose_and_repeat_nothing(chromium: Chromium, tmp_path: Path) -> None:
    loop = crash(chromium, tmp_path, seed=SEED, rounds=4)
    assert loop.figures.checks == 5
    assert loop.journal.completed


def test_what_was_not_synced_is_missed(chromium: Chromium, tmp_path: Path) -> None:
    with pytest.raises(Violation, match=r"is not there|no checkpoint|not in the log"):
        # It ends at the first kill that comes between a write and the next look at the file.
        crash(chromium, tmp_path, seed=SEED_OF_SAVES, rounds=30, plant="unsynced")
