"""What is triggered before Python is up is on disk from then on, and runs once, whatever becomes of the tab."""

import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from spa_runtime import bundle
from spa_runtime.checking import Fault, check_jobs
from tests.browser.browser import Chromium, Site, served, wait_for, wait_until_ended, wait_until_ready
from tests.browser.conftest import sources

A_DAY_MS = 86_400_000
PYTHON = "**/pyodide.asm.wasm"

OUTBOX = """
async () => {
  // Not made by looking: the page may be about to.
  const databases = await indexedDB.databases()
  if (!databases.some(({ name, version }) => name === 'durably-outbox' && version === 1)) return []
  return new Promise((resolve, reject) => {
    setTimeout(() => reject(new Error('The outbox does not open.')), 10_000)
    const asked = indexedDB.open('durably-outbox')
    asked.onerror = reject
    asked.onsuccess = () => {
      const all = asked.result.transaction('requests').objectStore('requests').getAll()
      all.onsuccess = () => { asked.result.close(); resolve(all.result) }
      all.onerror = reject
    }
  })
}
"""

PUT = """
(kept) => new Promise((resolve, reject) => {
  const asked = indexedDB.open('durably-outbox', 1)
  asked.onerror = reject
  asked.onsuccess = () => {
    const transaction = asked.result.transaction('requests', 'readwrite')
    transaction.objectStore('requests').put(kept)
    transaction.oncomplete = () => { asked.result.close(); resolve() }
  }
})
"""


JOBS = """
from pydantic import BaseModel

from durably_core import StepContext, job


class Order(BaseModel):
    loaves: int


@job("bake")
async def bake(step: StepContext, order: Order) -> None:
    await step.run("bake", lambda: order.loaves)
"""


@pytest.fixture
def held(chromium: Chromium, test_site: Site) -> Page:
    """A page whose Python does not come."""
    return held_at(chromium, test_site.url)


@pytest.fixture(scope="module")
def described_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """As ``durably build`` makes them: the page knows its jobs."""
    folder = tmp_path_factory.mktemp("described")
    (folder / "jobs.py").write_text(JOBS, "utf-8")
    planned = sources(folder / "jobs.py", dict(bundle.SPA_OPTIONS))
    infos = check_jobs(planned.jobs, planned.wheels)
    assert not isinstance(infos, Fault)
    planned = replace(planned, infos=infos, offline=bundle.Offline(enabled=False))
    bundle.write(bundle.plan(planned), folder / "site")
    with served(folder / "site") as site:
        yield site


def held_at(chromium: Chromium, url: str) -> Page:
    # A route can't be taken back from a browser whose pages were killed.
    chromium.context.route(PYTHON, lambda route: route.continue_() if chromium.bodies else None)
    page = chromium.open(url)
    page.wait_for_function("window.durably?.status.role === 'leader'")
    return page


def trigger_early(page: Page, count: int = 1, **options: Any) -> None:
    """Asked for, and not waited for."""
    page.evaluate(
        "([count, options]) => { window.early = window.durably.trigger('count', { count }, options) }",
        [count, options],
    )


def outbox(page: Page) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = page.evaluate(OUTBOX)
    return found


def runs(page: Page) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = page.evaluate("window.durably.getRuns()")
    return found


def killed_and_visited_again(chromium: Chromium, site: Site) -> Page:
    """A page with an engine, after the one that waited for Python was killed."""
    chromium.kill_renderers()
    let_python_come(chromium)
    page = chromium.open(site.url)
    wait_until_ready(page)
    return page


def let_python_come(chromium: Chromium) -> None:
    chromium.bodies.append("python may come")


def test_page_shows_its_jobs_and_takes_a_trigger_before_python_is_up(
    chromium: Chromium, described_site: Site
) -> None:
    held = held_at(chromium, f"{described_site.url}#/trigger/bake")
    form = held.get_by_role("region", name="bake", exact=True)
    form.get_by_label("Loaves").fill("2")
    form.get_by_role("button", name="Start bake").click()
    expect(form.get_by_role("status")).to_have_text("It is noted, and begins as soon as Python is up.")
    wait_for(held, lambda: len(outbox(held)) == 1)
    told = held.evaluate("durably.getJobs()")
    page = killed_and_visited_again(chromium, described_site)
    wait_for(
        page, lambda: [(run["status"], run["input"]) for run in runs(page)] == [("completed", {"loaves": 2})]
    )
    # What the page knew is what the engine says.
    assert page.evaluate("durably.getJobs()") == told


def test_early_trigger_is_answered_when_the_engine_is_ready(chromium: Chromium, test_site: Site) -> None:
    page = chromium.open(test_site.url)
    trigger_early(page)
    run_id = page.evaluate("async () => (await window.early).runId")
    assert wait_until_ended(page, run_id)["status"] == "completed"
    wait_for(page, lambda: outbox(page) == [])
    assert len(runs(page)) == 1


def test_early_trigger_outlives_its_page(chromium: Chromium, test_site: Site, held: Page) -> None:
    trigger_early(held)
    wait_for(held, lambda: len(outbox(held)) == 1)
    page = killed_and_visited_again(chromium, test_site)
    wait_for(page, lambda: len(runs(page)) == 1)
    [run] = runs(page)
    assert wait_until_ended(page, run["id"])["status"] == "completed"
    wait_for(page, lambda: outbox(page) == [])
    page.reload()
    wait_until_ready(page)
    assert [found["id"] for found in runs(page)] == [run["id"]]


def test_early_triggers_run_in_their_order(chromium: Chromium, test_site: Site, held: Page) -> None:
    for number in range(5):
        trigger_early(held, labels={"number": str(number)})
    wait_for(held, lambda: len(outbox(held)) == 5)
    page = killed_and_visited_again(chromium, test_site)
    wait_for(page, lambda: len(runs(page)) == 5)
    assert [run["labels"]["number"] for run in reversed(runs(page))] == list("01234")


def test_trigger_that_was_carried_out_already_is_not_repeated(
    chromium: Chromium, test_site: Site, held: Page
) -> None:
    """The page died after the engine had committed, and before it could note that."""
    trigger_early(held)
    wait_for(held, lambda: len(outbox(held)) == 1)
    [kept] = outbox(held)
    let_python_come(chromium)
    held.reload()
    wait_until_ready(held)
    wait_for(held, lambda: outbox(held) == [] and len(runs(held)) == 1)
    held.evaluate(PUT, {**kept, "mayBeSentAt": time.time() * 1000 - 1000})
    held.reload()
    wait_until_ready(held)
    wait_for(held, lambda: outbox(held) == [])
    assert len(runs(held)) == 1


def test_trigger_that_no_one_knows_of_any_more_is_not_repeated(
    chromium: Chromium, test_site: Site, held: Page
) -> None:
    """The engine forgets what it has done for others after a day."""
    trigger_early(held)
    wait_for(held, lambda: len(outbox(held)) == 1)
    [kept] = outbox(held)
    held.evaluate(PUT, {**kept, "mayBeSentAt": time.time() * 1000 - A_DAY_MS})
    let_python_come(chromium)
    held.reload()
    wait_until_ready(held)
    wait_for(held, lambda: outbox(held) == [])
    assert runs(held) == []


def test_trigger_that_is_given_up_is_not_kept(chromium: Chromium, test_site: Site, held: Page) -> None:
    held.evaluate(
        """
        () => {
          window.giveUp = new AbortController()
          const { signal } = window.giveUp
          window.early = window.durably.jobs.count.trigger({ count: 1 }, { signal }).catch(() => 'given up')
        }
        """
    )
    wait_for(held, lambda: len(outbox(held)) == 1)
    held.evaluate("window.giveUp.abort()")
    assert held.evaluate("window.early") == "given up"
    wait_for(held, lambda: outbox(held) == [])
