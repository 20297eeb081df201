"""Python's memory never shrinks: a worker that has grown is replaced, and no one notices."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from playwright.sync_api import Page

from spa_runtime import bundle
from tests.browser.browser import (
    ROLE,
    Chromium,
    Site,
    served,
    trigger,
    wait_for,
    wait_until_ended,
    wait_until_ready,
)
from tests.browser.conftest import sources

JOBS = """
import asyncio

from pydantic import BaseModel

from durably_core import StepContext, define_job


class Size(BaseModel):
    megabytes: int = 0
    seconds: float = 0
    content: str = ""


class Made(BaseModel):
    length: int


async def grow(step: StepContext, size: Size) -> Made:
    def fill() -> int:
        return len(bytearray(size.megabytes * 1_000_000))

    length = await step.run("fill", fill)
    await step.run("wait", asyncio.sleep, size.seconds)
    return Made(length=length + len(size.content))


class Text(BaseModel):
    text: str


async def make(step: StepContext, size: Size) -> Text:
    return Text(text=await step.run("make", lambda: "x" * (size.megabytes * 1_000_000)))


jobs = [
    define_job(name="grow", input=Size, output=Made, run=grow),
    define_job(name="make", input=Size, output=Text, run=make),
]
grow_job, make_job = jobs
"""

BUDGET = "?memoryBudget=90000000"

OBSERVED = """
() => {
  window.states = new Set()
  window.events = []
  window.epoch = durably.status.epoch
  durably.onStatus((status) => states.add(`${status.state} ${status.role}`))
  durably.subscribe((heard) => events.push(...heard.map(({ type }) => type)))
}
"""

COUNTED = """
(() => {
  window.characters = 0
  const count = (message) => { window.characters += JSON.stringify(message)?.length ?? 0 }
  const { postMessage } = Worker.prototype
  Worker.prototype.postMessage = function (message, ...rest) {
    count(message)
    return postMessage.call(this, message, ...rest)
  }
  window.Worker = class extends Worker {
    constructor(...args) {
      super(...args)
      this.addEventListener('message', (event) => count(event.data))
    }
  }
})()
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("memory")
    (folder / "jobs.py").write_text(JOBS, "utf-8")
    planned = sources(folder / "jobs.py", dict(bundle.SPA_OPTIONS))
    bundle.write(bundle.plan(replace(planned, offline=bundle.Offline(enabled=False))), folder / "site")
    with served(folder / "site") as site:
        yield site


def memory(page: Page) -> int:
    return int(page.evaluate("durably.status.memory ?? 0"))


def grown(page: Page, **more: Any) -> str:
    """The id of a run that makes Python's memory grow beyond the budget."""
    before = memory(page)
    run_id = trigger(page, "grow", {"megabytes": 80, **more})
    wait_for(page, lambda: memory(page) > max(before, 90_000_000))
    return run_id


def wait_until_recycled(page: Page) -> None:
    wait_for(page, lambda: 0 < memory(page) < 90_000_000)


def test_nobody_notices_that_a_worker_is_replaced(chromium: Chromium, site: Site) -> None:
    leader = chromium.open(site.url + BUDGET)
    wait_until_ready(leader)
    other = chromium.open(site.url + BUDGET)
    # The engine goes to the tab that is looked at: the same one from here on.
    leader.bring_to_front()
    wait_until_ready(other)
    wait_for(leader, lambda: bool(leader.evaluate(ROLE) == "leader"))
    for each in (leader, other):
        each.evaluate(OBSERVED)
    wait_until_ended(leader, grown(leader))
    # Asked all the time, by both: everything is answered and nothing is carried out twice.
    asking = """async (name) => {
      window.asked = []
      while (durably.status.memory > 90_000_000) {
        asked.push((await durably.trigger('grow', { content: name })).runId)
        await new Promise((resolve) => setTimeout(resolve, 50))
      }
      for (let more = 0; more < 5; more += 1)
        asked.push((await durably.trigger('grow', { content: name })).runId)
      for (const id of asked) await durably.waitForRun(id)
      return asked.length
    }"""
    for each, name in ((leader, "leader"), (other, "follower")):
        each.evaluate(f"() => {{ window.asking = ({asking})({name!r}) }}")
    wait_until_recycled(leader)
    counts = [each.evaluate("asking") for each in (leader, other)]
    runs = leader.evaluate("async () => (await durably.getRuns({ jobName: 'grow', limit: 10000 }))")
    assert len(runs) == sum(counts) + 1
    assert {(run["status"], run["attempt"]) for run in runs} == {("completed", 1)}
    # Where the machine is so busy that the start takes seconds, the page says that there is one.
    slowly = leader.evaluate("Object.values(durably.status.timings).reduce((sum, ms) => sum + ms) > 2000")
    for each, role in ((leader, "leader"), (other, "follower")):
        seen = set(each.evaluate("[...states]"))
        slow = {f"starting {role}", f"waiting {role}"} if slowly else set()
        assert seen - slow == {f"ready {role}"}
    for each in (leader, other):
        assert each.evaluate("durably.status.epoch > epoch")
        assert "run:requeue" not in each.evaluate("events")


def test_run_that_executes_is_waited_for(chromium: Chromium, site: Site) -> None:
    page = chromium.open(site.url + BUDGET)
    wait_until_ready(page)
    run_id = grown(page, seconds=14)
    run = wait_until_ended(page, run_id)
    assert (run["status"], run["attempt"]) == ("completed", 1)
    wait_until_recycled(page)


def test_a_page_that_is_left_meanwhile_loses_nothing(chromium: Chromium, site: Site) -> None:
    page = chromium.open(site.url + BUDGET)
    wait_until_ready(page)
    wait_until_ended(page, grown(page))
    ids = page.evaluate(
        """async () => {
          const ids = []
          const told = []
          durably.onStatus(({ memory }) => told.push(memory))
          while (durably.status.memory > 90_000_000) {
            ids.push((await durably.trigger('grow', {})).runId)
            await new Promise((resolve) => setTimeout(resolve, 20))
            if (told.some((memory) => memory < 90_000_000)) break
          }
          return ids
        }"""
    )
    page.reload()
    wait_until_ready(page)
    for run_id in ids:
        assert wait_until_ended(page, run_id)["status"] == "completed"


LARGE = {"result": ("make", {"megabytes": 10}), "input": ("grow", {"content": "x" * 10_000_000})}


@pytest.mark.parametrize("what", LARGE)
def test_large_values_do_not_multiply(chromium: Chromium, site: Site, what: str) -> None:
    job, input = LARGE[what]
    chromium.context.add_init_script(COUNTED)
    page = chromium.open(site.url + "?memoryBudget=Infinity")
    wait_until_ready(page)
    before = page.evaluate("characters")
    execute = "async ([job, input]) => durably.waitForRun((await durably.trigger(job, input)).runId)"
    page.evaluate(execute, [job, input])
    passed = page.evaluate("characters") - before
    # An input goes to the engine, and comes back with the run that has ended.
    assert 10_000_000 < passed < (20_200_000 if what == "input" else 10_200_000)
    for _ in range(4):
        page.evaluate(execute, [job, input])
    page.wait_for_timeout(1500)
    before = memory(page)
    for _ in range(14):
        page.evaluate(execute, [job, input])
    page.wait_for_timeout(1500)
    # How many copies there are at a time depends on when a run ends and when it is asked for. None is kept:
    # fourteen would be 140 MB.
    assert 0 < before <= memory(page) < before + 100_000_000
