"""The conformance suite inside Pyodide, on a database in OPFS: the same files, the same assertions.

Each conformance file is one session of pytest in the browser, and one test here; its tests are subtests.
"""

import json
import re
import shutil
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, Playwright
from playwright.sync_api import TimeoutError as PlaywrightTimeoutError

from spa_runtime import bundle
from tests.browser.browser import Chromium, Site, launched, served
from tests.browser.conftest import ROOT, sources
from tests.conftest import STORES, STORES_IN_BROWSER

FILES = sorted((ROOT / "tests" / "conformance").glob("test_*.py"))
PACKED = ("tests/__init__.py", "tests/conftest.py", "tests/conformance")
INSIDE = Path(__file__).parent / "pytest_in_pyodide.py"
[BACKEND] = STORES_IN_BROWSER
SESSION_TIMEOUT_MS = 120_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """What a session of pytest in the browser told."""

    outcomes: dict[str, tuple[str, str]] = field(repr=False)
    """Outcome and text by test."""
    output: str = field(repr=False)
    exit_code: int
    wal_flushes: int
    """How often the database's write-ahead log was flushed meanwhile."""


class Inside:
    """Runs sessions in one worker; in a new one after a session that did not come to its end."""

    def __init__(self, chromium: Chromium, site: Site) -> None:
        self._chromium = chromium
        self._site = site
        self._page: Page | None = None

    def run(self, file: Path) -> Session:
        page = self._page = self._page or self._chromium.open(self._site.url)
        request = {"file": within_root(file), "config": (ROOT / "pyproject.toml").read_text()}
        page.evaluate("(request) => window.startSession(request)", request)
        with suppress(PlaywrightTimeoutError):
            page.wait_for_function("['ended', 'broken'].includes(window.messages.at(-1)?.type)")
        messages: list[dict[str, Any]] = page.evaluate("window.messages")
        outcomes = outcomes_of(messages)
        last: dict[str, Any] = messages[-1] if messages else {"type": "silent"}
        if last["type"] != "ended":
            self._page = None
            page.close()
            executing = [name for name, (outcome, _text) in outcomes.items() if outcome == "begun"]
            reason = last.get("reason", f"no end within {SESSION_TIMEOUT_MS} ms")
            pytest.fail(f"{within_root(file)}: {reason}; executing: {executing or 'no test'}", pytrace=False)
        return Session(outcomes=outcomes, wal_flushes=last["walFlushes"], **json.loads(last["body"]))

    def size_in_opfs(self, name: str) -> int:
        assert self._page is not None
        return int(self._page.evaluate("(name) => window.sizeInOpfs(name)", name))


def outcomes_of(messages: list[dict[str, Any]]) -> dict[str, tuple[str, str]]:
    """The last word on each test, but that what has failed stays so; ``begun`` for one without an end."""
    outcomes: dict[str, tuple[str, str]] = {}
    for message in messages:
        if message["type"] == "told":
            told = json.loads(message["body"])
            if outcomes.get(told["test"], ("begun", ""))[0] in ("begun", "passed"):
                outcomes[told["test"]] = (told["outcome"], told["text"])
    return outcomes


def within_root(file: Path) -> str:
    return file.relative_to(ROOT).as_posix()


@pytest.fixture(scope="module")
def inside(playwright: Playwright, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Inside]:
    folder = tmp_path_factory.mktemp("conformance")
    bundle.write(bundle.plan(suite_sources(folder)), folder / "site")
    with served(folder / "site") as site, launched(playwright, folder / "profile") as chromium:
        chromium.context.set_default_timeout(SESSION_TIMEOUT_MS)
        yield Inside(chromium, site)


def suite_sources(folder: Path) -> bundle.Sources:
    """The suite in the place of the jobs, pytest's wheels beside the engine's."""
    suite = folder / "suite"
    (suite / "tests").mkdir(parents=True)
    shutil.copy(INSIDE, suite)
    for name in PACKED:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, suite / name)
    return replace(
        sources(suite / INSIDE.name, {}),
        page=ROOT / "build" / "conformance",
        wheels=ROOT / "build" / "test-wheels",
    )


@pytest.fixture(scope="module")
def names_outside() -> dict[str, set[str]]:
    """The tests that each file has outside of the browser, without the names of stores."""
    # Playwright's plugin is not there inside: it would take a parameter named ``page`` for its own.
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:playwright"]
    command += ["-o", "addopts=--import-mode=importlib"]
    # A file that can't be read has no tests here, and fails by itself there.
    listed = subprocess.run([*command, *map(str, FILES)], cwd=ROOT, check=False, capture_output=True, text=True)
    names = defaultdict(set)
    for name in re.findall(r"^tests/.+::.+$", listed.stdout, re.MULTILINE):
        names[name.split("::")[0]].add(without_store(name))
    return names


def without_store(name: str) -> str:
    """``test[opfs-1]`` and ``test[sqlite-file-1]`` are one test."""
    return re.sub("|".join([*STORES, *STORES_IN_BROWSER]), "STORE", name)


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{BACKEND}-{file.name}")
def test_conformance(
    inside: Inside, names_outside: dict[str, set[str]], file: Path, subtests: pytest.Subtests
) -> None:
    session = inside.run(file)
    for name, (outcome, text) in session.outcomes.items():
        with subtests.test(name.split("::", 1)[1]):
            # Nothing is left out in silence: a test that is skipped here fails.
            if outcome != "passed":
                pytest.fail(f"{name}: {outcome}\n{text}", pytrace=False)
    assert session.exit_code in (0, 1), session.output
    assert set(map(without_store, session.outcomes)) == names_outside[within_root(file)], session.output
    # Each store begins with a commit, which is on disk when it returns.
    on_store = [name for name in session.outcomes if BACKEND in name]
    assert session.wal_flushes >= len(on_store) > 0
    assert inside.size_in_opfs("1.db") > 0  # the first generation of the database
