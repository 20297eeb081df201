"""Rounds: a page works, its processes are killed, what they left is checked, the next page goes on."""

import os
import signal
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from playwright.sync_api import ConsoleMessage, Page
from playwright.sync_api import TimeoutError as PlaywrightTimeoutError

from spa_runtime import bundle
from tests.browser.browser import Chromium, Site, served, wait_for, wait_until_ready
from tests.browser.conftest import sources
from tests.crash import JOBS, files
from tests.crash.journal import Journal
from tests.crash.page import open_runs, work
from tests.crash.plans import Moment, Round, plan
from tests.crash.verify import faults, interrupted
from tests.power.check import Violation

OPTIONS = bundle.SPA_OPTIONS | {
    # Checkpoints all the time, so that kills meet them.
    "maintenance_interval_ms": 1500,
    "max_concurrent_runs": 2,
    # The whole log is compared.
    "retain_events": 10_000_000,
}

FIRST_BOOT_MS = 3000
"""A guess, until there has been one."""
TRAP_MS = 5000
"""A trap that is not sprung by then is given up: the kill comes all the same."""


@contextmanager
def crash_site(folder: Path, plant: str) -> Iterator[Site]:
    """The page over the jobs that are killed; with a planted fault if it is named."""
    bundle.write(bundle.plan(sources(JOBS / f"{plant or 'jobs'}.py", OPTIONS)), folder)
    with served(folder) as site:
        yield site


@dataclass(slots=True)
class Figures:
    """What came of it."""

    rounds: int = 0
    under_way: Counter[str] = field(default_factory=Counter)
    """What kills met; several things at once, most of the time."""
    while_booting: int = 0
    checks: int = 0

    def __str__(self) -> str:
        met = ", ".join(f"{what} {count}" for what, count in self.under_way.most_common())
        return (
            f"{self.rounds} rounds: {self.while_booting} kills while booting, "
            f"{self.rounds - self.while_booting} while executing\n"
            f"met by kills: {met}\n"
            f"integrity checks: {self.checks}"
        )


class Loop:
    def __init__(
        self,
        chromium: Chromium,
        site: Site,
        seed: int,
        folder: Path,
        journal: Journal,
        say: Callable[[str], None],
    ) -> None:
        self.journal = journal
        self.figures = Figures()
        self._chromium = chromium
        self._site = site
        self._seed = seed
        self._folder = folder
        self._say = say
        self._boot_ms = FIRST_BOOT_MS
        self._trap = ""
        self._victims: list[int] = []

    def run(self, rounds: int) -> None:
        """Kill so many pages, then let everything finish. Raises ``Violation``."""
        for number in range(1, rounds + 1):
            began = time.monotonic()
            planned = plan(self._seed, number)
            page = self._open(number, planned)
            killed_at = self._kill(page, planned.moment)
            self._check(ended=False)
            self._tell_round(number, rounds, killed_at, time.monotonic() - began)
        self._finish(rounds + 1)
        self._say(self.summary())

    def _open(self, number: int, planned: Round | None) -> Page:
        """A new page that works as planned; without a plan it works up what is left."""
        again = self.journal.unanswered()
        triggers = () if planned is None else planned.triggers
        self.journal.begin_round(number, triggers)
        page = self._chromium.context.new_page()
        page.on("console", partial(self._hear, number))
        work(page, triggers, again)
        page.goto(self._site.url, wait_until="commit")
        return page

    def _hear(self, number: int, message: ConsoleMessage) -> None:
        told = self.journal.hear(message.text, number)
        if self._trap and told.startswith(self._trap):
            # Here and now: what was told is under way.
            self._kill_victims()

    # ---------------------------------------------------------------- the kill

    def _kill(self, page: Page, moment: Moment) -> str:
        """Returns when it happened, in words."""
        if moment.aim == "boot":
            after_ms = moment.part_of_boot * self._boot_ms
            page.wait_for_timeout(after_ms)
            words = f"boot +{after_ms:.0f}"
        else:
            began = time.monotonic()
            wait_until_ready(page)
            self._boot_ms = round((time.monotonic() - began) * 1000)
            page.wait_for_timeout(moment.after_ms)
            words = f"{moment.aim} +{moment.after_ms}"
        self._victims = [process.pid for process in self._chromium.renderers()]
        if not moment.message or not self._spring(page, moment.message):
            with page.expect_event("crash"):
                self._kill_victims()
        self._note_kill()
        page.close()
        return words

    def _spring(self, page: Page, message: str) -> bool:
        """Kill at the next message of that kind. False: there was none."""
        try:
            with page.expect_event("crash", timeout=TRAP_MS):
                self._trap = message
        except PlaywrightTimeoutError:
            return False
        finally:
            self._trap = ""
        return True

    def _kill_victims(self) -> None:
        self._trap = ""
        for victim in self._victims:
            with suppress(ProcessLookupError):
                os.kill(victim, signal.SIGKILL)

    def _note_kill(self) -> None:
        met = self.journal.page.under_way()
        self.figures.rounds += 1
        self.figures.while_booting += not self.journal.page.is_ready
        self.figures.under_way.update(met)
        self.journal.note({"killed": met})

    # ---------------------------------------------------------------- the check

    def _check(self, *, ended: bool) -> None:
        # A page of the same origin that has no engine.
        page = self._chromium.open(f"{self._site.url}durably/manifest.json")
        copied = self._folder / "database"
        files.copy(page, copied)
        page.close()
        try:
            with files.opened(copied) as connection:
                found = list(faults(self.journal, connection, ended=ended))
        except sqlite3.DatabaseError as error:
            found = [f"the database can't be read: {error}"]
        if found:
            raise Violation("\n".join(found))
        self.figures.checks += 1

    def _finish(self, number: int) -> None:
        page = self._open(number, None)
        wait_until_ready(page)
        wait_for(page, lambda: not self.journal.unanswered() and not open_runs(page))
        page.close()
        self._check(ended=True)

    # ---------------------------------------------------------------- what is said

    def _tell_round(self, number: int, rounds: int, killed_at: str, seconds: float) -> None:
        journal = self.journal
        self._say(
            f"{number:>4}/{rounds}  {killed_at:<16}  {len(journal.acknowledged):>5} triggered  "
            f"{len(journal.completed):>5} completed  {seconds * 1000:>5.0f} ms  "
            f"met: {', '.join(journal.page.under_way())}"
        )

    def summary(self) -> str:
        """After the end: everything was checked."""
        journal = self.journal
        retried = journal.dispositions["idempotent"]
        return (
            f"{self.figures}\n"
            f"triggers acknowledged, each with a run that is completed now: {len(journal.acknowledged)}; "
            f"{retried} of them had been written when their page died before the answer\n"
            f"steps told as finished: {len(journal.finished)}, "
            f"runs told as completed: {len(journal.completed)}\n"
            f"bodies of unfinished steps that were interrupted and began again: {interrupted(journal)}"
        )
