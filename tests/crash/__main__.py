"""python -m tests.crash --rounds N --seed S [--plant FAULT]

Kills the page again and again and proves that nothing is lost, repeated or broken.
"""

import argparse
import shutil
import sys
from pathlib import Path

from playwright.sync_api import Error as PlaywrightError
from playwright.sync_api import sync_playwright

from tests.browser.browser import launched
from tests.browser.conftest import PATIENCE_MS, ROOT
from tests.crash import PLANTS
from tests.crash.journal import Journal
from tests.crash.loop import Loop, crash_site
from tests.power.check import Violation

MOST_LINES = 20
"""Of what is wrong; one cause has many signs."""


def main() -> int:
    options = arguments()
    folder = ROOT / "build" / "crash"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    say(f"SEED={options.seed}")
    with (
        (folder / "journal.jsonl").open("w") as log,
        crash_site(folder / "site", options.plant) as site,
        sync_playwright() as playwright,
        launched(playwright, folder / "profile") as chromium,
    ):
        chromium.context.set_default_timeout(PATIENCE_MS)
        loop = Loop(chromium, site, seed=options.seed, folder=folder, journal=Journal(log), say=say)
        try:
            loop.run(options.rounds)
        except (AssertionError, PlaywrightError) as error:
            report(error, options.seed, loop.figures.rounds, folder)
            # A fault that is planted is found by what is checked; a page that hangs has shown nothing.
            return 0 if options.plant and isinstance(error, Violation) else 1
    if options.plant:
        say(f"\nThe planted fault {options.plant!r} was not found.")
    return 1 if options.plant else 0


def report(error: Exception, seed: int, number: int, folder: Path) -> None:
    lines = str(error).splitlines()
    left_out = [f"… and {len(lines) - MOST_LINES} more"] if len(lines) > MOST_LINES else []
    say("\n".join([f"\nSEED={seed}, after {number} kills:", *lines[:MOST_LINES], *left_out]))
    say(f"\nWhat was told is in {folder / 'journal.jsonl'}, the database in {folder / 'database'}.")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.crash", description=__doc__)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1, help="of all random choices")
    parser.add_argument("--plant", choices=["", *PLANTS], default="", help="a fault that must be found")
    return parser.parse_args()


def say(line: str) -> None:
    print(line, file=sys.stdout, flush=True)  # noqa: T201 - that is what it is for


if __name__ == "__main__":
    raise SystemExit(main())
