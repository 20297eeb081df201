"""Code that does not want to stop is stopped: by a cancel, by the time of its step, by the time of its run.

Where the page is isolated it is interrupted first. Where that does not help, or the page is not isolated, the
worker is ended and started anew.
"""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, Playwright

from spa_runtime.headers import Isolation
from tests.browser.browser import Chromium, Site, get_status, launched, open_gate, wait_for
from tests.browser.conftest import PATIENCE_MS
from tests.browser.hostile_site import AWAITS, DEAF, HOSTILE, hostile_site

ISOLATED = pytest.param(Isolation.require_corp, id="isolated")
OPEN = pytest.param(Isolation.none, id="open")
either = pytest.mark.parametrize("isolation", [ISOLATED, OPEN], indirect=True, scope="module")
isolated = pytest.mark.parametrize("isolation", [ISOLATED], indirect=True, scope="module")


@pytest.fixture(scope="module")
def isolation(request: pytest.FixtureRequest) -> Isolation:
    chosen: Isolation = request.param
    return chosen


@pytest.fixture(scope="module")
def site(isolation: Isolation, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with hostile_site(tmp_path_factory.mktemp("bundle") / "site", isolation) as site:
        yield site


@pytest.fixture(scope="module")
def chromium(playwright: Playwright, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    with launched(playwright, tmp_path_factory.mktemp("profile") / "profile") as browser:
        browser.context.set_default_timeout(PATIENCE_MS)
        yield browser


@pytest.fixture(scope="module")
def page(chromium: Chromium, site: Site, isolation: Isolation) -> Page:
    """The same for all cases: each finds the engine as the one before has left it."""
    page = chromium.open(site.url)
    page.evaluate("() => window.durably.ready()")
    assert page.evaluate("crossOriginIsolated") == (isolation is Isolation.require_corp)
    return page


TRIGGER = "([job, input]) => window.durably.trigger(job, input, { concurrencyKey: 'hostile' })"
CANCEL = """
async (id) => {
  const began = performance.now()
  await window.durably.cancel(id)
  return performance.now() - began
}"""
UNTIL_FREE = """
async () => {
  const began = performance.now()
  const { runId } = await window.durably.trigger('quick', {}, { concurrencyKey: 'hostile' })
  const { status } = await window.durably.waitForRun(runId)
  return [status, performance.now() - began]
}"""
TABLES = "() => window.durably.query(`SELECT name FROM sqlite_master WHERE name = 'never'`)"
ENDED = "(id) => window.durably.waitForRun(id).catch(() => window.durably.getRun(id))"


def begin(chromium: Chromium, page: Page, job: str, **input: Any) -> str:
    chromium.bodies.clear()
    run_id: str = page.evaluate(TRIGGER, [job, input])["runId"]
    wait_for(page, lambda: "begin" in chromium.bodies)
    return run_id


def expect_stopped(chromium: Chromium, page: Page, run_id: str, status: str) -> dict[str, Any]:
    run: dict[str, Any] = page.evaluate("(id) => window.durably.getRun(id)", run_id)
    steps = page.evaluate("(id) => window.durably.getSteps(id)", run_id)
    assert run["status"] == status
    completed = [step["name"] for step in steps if step["status"] == "completed"]
    assert completed == ["before"], "it has written nothing more"
    assert "end" not in chromium.bodies
    tables = page.evaluate(
        "() => window.durably.query(\"SELECT name FROM sqlite_master WHERE name = 'never'\")"
    )
    assert tables["rows"] == []
    return run


@pytest.fixture
def tell(isolation: Isolation, record_property: Callable[[str, object], None]) -> Callable[..., None]:
    """Puts a line into the table that ends the tests: see ``pytest_terminal_summary``."""

    def line(what: str, end: str, ms: float, was_replaced: bool) -> None:
        page = "isolated" if isolation is Isolation.require_corp else "open"
        how = "with its worker" if was_replaced else "alone"
        record_property("stopped", f"{page:9} {HOSTILE[what]:36} {end:24} {ms:7.0f} ms  {how}")

    return line


@either
@pytest.mark.parametrize("what", HOSTILE)
def test_cancel_stops(
    what: str, chromium: Chromium, page: Page, isolation: Isolation, tell: Callable[..., None]
) -> None:
    epoch = get_status(page)["epoch"]
    run_id = begin(chromium, page, "hostile", what=what)
    answered = page.evaluate(CANCEL, run_id)
    status, free = page.evaluate(UNTIL_FREE)
    assert status == "completed"
    expect_stopped(chromium, page, run_id, "cancelled")
    was_replaced = get_status(page)["epoch"] > epoch
    is_isolated = isolation is Isolation.require_corp
    assert was_replaced or what in AWAITS | DEAF - {"sums"} or (is_isolated and what != "sums")
    assert not was_replaced or what in DEAF or (not is_isolated and what not in AWAITS)
    tell(what, "cancel", answered + free, was_replaced)


# Where the page is not isolated it is the same: Python looks at its own clock.
@isolated
@pytest.mark.parametrize(
    ("what", "limit"),
    [
        *((what, "step") for what in HOSTILE),
        *((what, "run") for what in ("loops", "sums", "swallows_waiting", "waits")),
    ],
)
def test_timeout_stops(
    what: str, limit: str, chromium: Chromium, page: Page, tell: Callable[..., None]
) -> None:
    epoch = get_status(page)["epoch"]
    if limit == "step":
        run_id = begin(chromium, page, "hostile", what=what, step_timeout_ms=1000)
    else:
        run_id = begin(chromium, page, "hostile-for-a-second", what=what)
    status, free = page.evaluate(UNTIL_FREE)
    assert status == "completed"
    run = expect_stopped(chromium, page, run_id, "failed")
    assert run["errorType"] == f"{limit.title()}TimeoutError"
    assert run["failedStepName"] == ("hostile" if limit == "step" else None)
    was_replaced = get_status(page)["epoch"] > epoch
    assert was_replaced or what != "sums"
    assert not was_replaced or what in DEAF
    tell(what, f"1 s for the {limit}", free, was_replaced)


@either
def test_other_runs_go_on(chromium: Chromium, page: Page) -> None:
    chromium.bodies.clear()
    other: str = page.evaluate("() => window.durably.trigger('patient', {})")["runId"]
    wait_for(page, lambda: "first step" in chromium.bodies)
    run_id = begin(chromium, page, "hostile", what="sums")
    page.evaluate("(id) => window.durably.cancel(id)", run_id)
    expect_stopped(chromium, page, run_id, "cancelled")
    wait_for(page, lambda: page.evaluate("(id) => window.durably.getRun(id)", other)["attempt"] == 2)
    open_gate(page)
    assert page.evaluate(ENDED, other)["output"] == {"word": "open"}
    assert "first step" not in chromium.bodies, "a finished step runs once"


@either
def test_cancel_of_a_run_that_waits_ends_no_other(chromium: Chromium, page: Page) -> None:
    """What computes is let finish: it is another run than the one that is to be cancelled."""
    chromium.bodies.clear()
    other: str = page.evaluate(TRIGGER, ["patient", {}])["runId"]
    waiting: str = page.evaluate(TRIGGER, ["quick", {}])["runId"]
    wait_for(page, lambda: "first step" in chromium.bodies)
    epoch = get_status(page)["epoch"]
    computing = page.evaluate(
        "() => window.durably.trigger('hostile', { what: 'loops', step_timeout_ms: 4000 })"
    )["runId"]
    wait_for(page, lambda: "begin" in chromium.bodies)
    page.evaluate("(id) => window.durably.cancel(id)", waiting)
    assert page.evaluate(ENDED, computing)["errorType"] == "StepTimeoutError"
    open_gate(page)
    assert page.evaluate(ENDED, other)["attempt"] == 1
    assert get_status(page)["epoch"] == epoch
