"""New builds meet runs that old ones began: each row of ``docs/deploys.md``, in a page that is reloaded."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from spa_runtime import bundle
from tests.browser.browser import (
    Chromium,
    get_run,
    served,
    trigger,
    wait_for,
    wait_until_ended,
    wait_until_ready,
)
from tests.browser.conftest import sources
from tests.browser.dashboard import link_of, row_of

JOBS = """
import asyncio

from pydantic import BaseModel

from durably_core import StepContext, define_job

VERSION = 1


class Order(BaseModel):
    loaves: int = 2


class Told(BaseModel):
    steps: dict[str, str]


def knead() -> str:
    return f"kneaded by {VERSION}"


def bake() -> str:
    return f"baked by {VERSION}"


async def oven() -> str:
    # The old version never comes further than this.
    await asyncio.sleep(3600 if VERSION == 1 else 0)
    return f"heated by {VERSION}"


async def work(step: StepContext, order: Order) -> Told:
    steps = {}
    steps["knead"] = await step.run("knead", knead)
    steps["oven"] = await step.run("oven", oven)
    steps["bake"] = await step.run("bake", bake)
    return Told(steps=steps)


bakery = define_job(name="bakery", input=Order, output=Told, run=work)
"""

KNEAD = '    steps["knead"] = await step.run("knead", knead)\n'
OVEN = '    steps["oven"] = await step.run("oven", oven)\n'
BAKE = '    steps["bake"] = await step.run("bake", bake)\n'

SAFE = {
    "added": (
        BAKE,
        BAKE + '    steps["eat"] = await step.run("eat", lambda: f"eaten by {VERSION}")\n',
        {"knead": "kneaded by 1", "oven": "heated by 2", "bake": "baked by 2", "eat": "eaten by 2"},
    ),
    "changed": (
        'f"kneaded by',
        'f"kneaded well by',
        {"knead": "kneaded by 1", "oven": "heated by 2", "bake": "baked by 2"},
    ),
    "reordered": (
        KNEAD + OVEN + BAKE,
        BAKE + OVEN + KNEAD,
        {"knead": "kneaded by 1", "oven": "heated by 2", "bake": "baked by 2"},
    ),
    "deleted": (KNEAD, "", {"oven": "heated by 2", "bake": "baked by 2"}),
    "renamed": (
        '"knead", knead',
        '"mix", knead',
        {"knead": "kneaded by 2", "oven": "heated by 2", "bake": "baked by 2"},
    ),
    "rewritten": (
        KNEAD + OVEN + BAKE,
        '    steps["buy"] = await step.run("buy", lambda: f"bought by {VERSION}")\n',
        {"buy": "bought by 2"},
    ),
}
"""What is changed, and what the run gives that the old version began. The last two are risky and breaking."""

UNFIT = {
    "output of a step": (
        'def knead() -> str:\n    return f"kneaded by {VERSION}"',
        "def knead() -> list[int]:\n    return [VERSION]",
        "knead",
    ),
    "input": ("loaves: int = 2", "loaves: int = 2\n    flour: str", "flour"),
}
"""What is changed, and what the sentence names with which the run fails."""


def built(folder: Path, jobs: str) -> Path:
    (folder / "jobs").mkdir(exist_ok=True)
    (folder / "jobs" / "jobs.py").write_text(jobs, "utf-8")
    planned = sources(folder / "jobs" / "jobs.py", {**bundle.SPA_OPTIONS, "preserve_steps": True})
    bundle.write(bundle.plan(replace(planned, offline=bundle.Offline(enabled=False))), folder / "site")
    return folder / "site"


def changed(before: str, after: str) -> str:
    assert before in JOBS
    return JOBS.replace(before, after).replace("VERSION = 1", "VERSION = 2")


def begun(page: Page) -> str:
    """A run of the old version that has done its first step."""
    wait_until_ready(page)
    run_id = trigger(page, "bakery", {})
    wait_for(page, lambda: get_run(page, run_id)["completedStepCount"] == 1)
    return run_id


def deploy(page: Page, folder: Path, jobs: str) -> None:
    built(folder, jobs)
    page.reload()
    wait_until_ready(page)


@pytest.mark.parametrize("change", SAFE)
def test_run_goes_on_with_the_new_version(chromium: Chromium, tmp_path: Path, change: str) -> None:
    before, after, steps = SAFE[change]
    with served(built(tmp_path, JOBS)) as site:
        page = chromium.open(site.url)
        run_id = begun(page)
        deploy(page, tmp_path, changed(before, after))
        run = wait_until_ended(page, run_id)
        assert (run["status"], run["output"]) == ("completed", {"steps": steps})
        # Each step says which build executed it.
        builds = page.evaluate(
            "async (id) => Object.fromEntries((await durably.getSteps(id)).map((s) => [s.name, s.build]))",
            run_id,
        )
        new = page.evaluate("durably.status.versions.build")
        assert {name for name, build in builds.items() if build == new} == builds.keys() - {"knead"}
        assert builds["knead"] not in (new, None)
        # And so does the page, where the other one went on.
        page.evaluate("(id) => { location.hash = `/runs/${id}` }", run_id)
        timeline = page.get_by_role("region", name="Steps")
        expect(timeline.get_by_text(f"from here on build {new[:7]}")).to_have_count(1)


@pytest.mark.parametrize("what", UNFIT)
def test_what_fits_no_more_is_told_and_can_be_repaired(chromium: Chromium, tmp_path: Path, what: str) -> None:
    before, after, name = UNFIT[what]
    with served(built(tmp_path, JOBS)) as site:
        page = chromium.open(site.url)
        run_id = begun(page)
        deploy(page, tmp_path, changed(before, after))
        run = wait_until_ended(page, run_id)
        assert (run["status"], name in run["error"]) == ("failed", True), run
        # A version that takes the old form again lets the run be repeated.
        deploy(page, tmp_path, JOBS.replace("VERSION = 1", "VERSION = 3"))
        again = page.evaluate("async (id) => (await window.durably.retrigger(id)).runId", run_id)
        assert wait_until_ended(page, again)["status"] == "completed"


def test_run_of_a_renamed_job_waits_where_people_see_it(chromium: Chromium, tmp_path: Path) -> None:
    with served(built(tmp_path, JOBS)) as site:
        page = chromium.open(site.url)
        run_id = begun(page)
        deploy(page, tmp_path, changed('name="bakery"', 'name="bread"'))
        wait_for(page, lambda: get_run(page, run_id)["status"] == "pending")
        page.evaluate("(id) => { location.hash = `/runs/${id}` }", run_id)
        expect(page.get_by_role("note")).to_contain_text("there is no job bakery any more")
        # Its row says so, too, to everyone, and no other does.
        new_id = trigger(page, "bread", {})
        expect(link_of(row_of(page, run_id))).to_have_accessible_name(re.compile("Pending.*No such job"))
        expect(row_of(page, new_id)).to_be_visible()
        expect(row_of(page, new_id).get_by_text("No such job")).to_have_count(0)
        # And there is a way out.
        page.get_by_role("region", name="Selected run").get_by_role("button", name="Cancel").click()
        assert wait_until_ended(page, run_id)["status"] == "cancelled"


@pytest.mark.parametrize("change", ["rewritten", "renamed job"])
def test_runs_that_are_cancelled_first_leave_nothing_to_the_new_version(
    chromium: Chromium, tmp_path: Path, change: str
) -> None:
    after: dict[str, Any] = {
        "rewritten": SAFE["rewritten"][:2],
        "renamed job": ('name="bakery"', 'name="bread"'),
    }
    with served(built(tmp_path, JOBS)) as site:
        page = chromium.open(site.url)
        leased, pending = begun(page), trigger(page, "bakery", {})
        for status in ("pending", "leased"):
            page.evaluate(
                """
                async (status) => {
                  const runs = await window.durably.getRuns({ jobName: 'bakery', status })
                  await window.durably.cancelRuns(runs.map(({ id }) => id))
                }
                """,
                status,
            )
        deploy(page, tmp_path, changed(*after[change]))
        assert [get_run(page, run_id)["status"] for run_id in (leased, pending)] == ["cancelled"] * 2
        name = "bread" if change == "renamed job" else "bakery"
        assert wait_until_ended(page, trigger(page, name, {}))["status"] == "completed"
        assert [get_run(page, run_id)["status"] for run_id in (leased, pending)] == ["cancelled"] * 2
