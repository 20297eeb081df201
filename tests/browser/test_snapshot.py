"""Python's memory is kept between starts, and whatever becomes of it, the engine starts."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

from spa_runtime import bundle
from spa_runtime.headers import isolation_headers
from tests.browser.browser import Chromium, served, trigger, wait_for, wait_until_ended, wait_until_ready
from tests.browser.conftest import ROOT, sources

JOBS = """
import random
import uuid

from pydantic import BaseModel

from durably_core import StepContext, define_job


class Nothing(BaseModel):
    pass


class Drawn(BaseModel):
    number: float
    id: str
    version: int = VERSION


async def draw(step: StepContext, _input: Nothing) -> Drawn:
    return Drawn(number=await step.run("draw", random.random), id=str(uuid.uuid4()))


lottery = define_job(name="lottery", input=Nothing, output=Drawn, run=draw)
"""

FOUND = """
async () => {
  const root = await navigator.storage.getDirectory()
  const folder = await root.getDirectoryHandle('durably-snapshots').catch(() => null)
  if (folder === null) return []
  const found = []
  for await (const handle of folder.values()) {
    // It may be written at this moment.
    const file = await handle.getFile().catch(() => null)
    if (file === null) continue
    const beginning = await file.slice(0, 1).text().catch(() => '')
    found.push([handle.name, file.size, beginning])
  }
  return found.sort()
}
"""

WHOLE = """
async () => {
  const root = await navigator.storage.getDirectory()
  const folder = await root.getDirectoryHandle('durably-snapshots')
  for await (const handle of folder.values()) {
    // It may be written at this moment.
    const content = await handle.getFile().then((file) => file.arrayBuffer()).catch(() => null)
    if (content === null) return false
    const text = new TextDecoder().decode(content.slice(0, 4096)).replace(/\\0+$/, '')
    const { bytes, checksum } = JSON.parse(text || '{}')
    // Emptied or half written: what is there is of any length.
    if (content.byteLength !== 4096 + bytes) return false
    let sum = 0
    for (const word of new Uint32Array(content, 4096)) sum = (Math.imul(sum, 31) + word) | 0
    return sum === checksum
  }
  return false
}
"""

CHANGE = """
async (how) => {
  const root = await navigator.storage.getDirectory()
  const folder = await root.getDirectoryHandle('durably-snapshots')
  for await (const handle of folder.values()) {
    const content = new Uint8Array(await (await handle.getFile()).arrayBuffer())
    const memory = content.subarray(4096)
    const header = JSON.parse(new TextDecoder().decode(content.subarray(0, 4096)).replace(/\\0+$/, ''))
    if (how === 'flipped') memory[memory.length >> 1] ^= 1
    if (how === 'empty') memory.fill(0)
    if (how === 'empty') header.checksum = 0
    if (how === 'moved') header.tableLength += 1
    content.fill(0, 0, 4096)
    content.set(new TextEncoder().encode(JSON.stringify(header)))
    // Who has written it closes it just now.
    let writable = null
    for (let tries = 0; writable === null; tries += 1) {
      if (tries > 500) throw new Error('The snapshot stays open.')
      await new Promise((resolve) => setTimeout(resolve, 20))
      writable = await handle.createWritable().catch(() => null)
    }
    await writable.write(how === 'cut' ? content.subarray(0, content.length >> 1) : content)
    await writable.close()
  }
}
"""


def built(folder: Path, *, version: int = 1, wheels: Path | None = None) -> Path:
    """A site, whose jobs say which version they are."""
    jobs = folder / "jobs" / "jobs.py"
    jobs.parent.mkdir(parents=True, exist_ok=True)
    jobs.write_text(JOBS.replace("VERSION", str(version)), "utf-8")
    planned = replace(sources(jobs, dict(bundle.SPA_OPTIONS)), offline=bundle.Offline(enabled=False))
    bundle.write(bundle.plan(planned if wheels is None else replace(planned, wheels=wheels)), folder / "site")
    return folder / "site"


def started_from(page: Page) -> str:
    wait_until_ready(page)
    source: str = page.evaluate("window.durably.status.startedFrom")
    return source


def drawn(page: Page) -> dict[str, Any]:
    output: dict[str, Any] = wait_until_ended(page, trigger(page, "lottery", {}))["output"]
    return output


def kept(page: Page) -> list[str]:
    """The names of the snapshots that are whole."""
    return [name for name, _, beginning in page.evaluate(FOUND) if beginning == "{"]


def until_kept(page: Page) -> str:
    wait_for(page, lambda: kept(page) != [])
    [name] = kept(page)
    return name


def reloaded(page: Page) -> str:
    page.reload()
    return started_from(page)


@pytest.fixture
def site(tmp_path: Path) -> Path:
    return built(tmp_path)


def test_python_goes_on_from_the_memory_of_the_visit_before(chromium: Chromium, site: Path) -> None:
    with served(site) as host:
        page = chromium.open(host.url)
        assert started_from(page) == "files"
        assert drawn(page)["version"] == 1
        until_kept(page)
        found = []
        for _ in range(2):
            assert reloaded(page) == "snapshot"
            found.append(drawn(page))
        # Both go on from the same memory, and draw other numbers.
        assert found[0]["number"] != found[1]["number"]
        assert found[0]["id"] != found[1]["id"]
        # What runs from a snapshot keeps none.
        [name] = kept(page)
        assert page.evaluate(FOUND)[0][0] == name


def test_snapshot_outlives_a_deploy_of_other_jobs(chromium: Chromium, site: Path, tmp_path: Path) -> None:
    with served(site) as host:
        page = chromium.open(host.url)
        assert started_from(page) == "files"
        until_kept(page)
        built(tmp_path, version=2)
        assert reloaded(page) == "snapshot"
        assert drawn(page)["version"] == 2


def test_snapshot_of_other_packages_is_replaced(chromium: Chromium, site: Path, tmp_path: Path) -> None:
    with served(site) as host:
        page = chromium.open(host.url)
        wait_until_ready(page)
        before = until_kept(page)
        wheels = shutil.copytree(ROOT / "build" / "wheels", tmp_path / "wheels")
        for wheel in wheels.glob("micropip-*"):
            wheel.unlink()
        built(tmp_path, wheels=wheels)
        assert reloaded(page) == "files"
        wait_for(page, lambda: kept(page) not in ([before], []))
        assert len(page.evaluate(FOUND)) == 1
        assert reloaded(page) == "snapshot"


@pytest.mark.parametrize("how", ["cut", "flipped"])
def test_snapshot_that_is_damaged_is_made_anew(chromium: Chromium, site: Path, how: str) -> None:
    with served(site) as host:
        page = chromium.open(host.url)
        wait_until_ready(page)
        until_kept(page)
        page.evaluate(CHANGE, how)
        assert reloaded(page) == "files"
        assert drawn(page)["version"] == 1
        # It looks whole from outside: that another is made is seen by the next start.
        wait_for(page, lambda: is_whole(page))
        assert reloaded(page) == "snapshot"


def is_whole(page: Page) -> bool:
    whole: bool = page.evaluate(WHOLE)
    return whole


@pytest.mark.parametrize("how", ["empty", "moved"])
def test_snapshot_that_does_not_fit_is_refused_for_good(chromium: Chromium, site: Path, how: str) -> None:
    with served(site) as host:
        page = chromium.open(host.url)
        wait_until_ready(page)
        name = until_kept(page)
        page.evaluate(CHANGE, how)
        for _ in range(2):
            assert reloaded(page) == "files"
            assert drawn(page)["version"] == 1
            assert [found for found, _, _ in page.evaluate(FOUND)] == [f"{name}.refused"]


DYING_WORKER = """
onmessage = ({ data: { aliveLock, epoch, snapshot } }) =>
  navigator.locks.request(aliveLock, () => {
    new BroadcastChannel('durably-test').postMessage(snapshot)
    const status = { state: 'starting', phase: 'python', percent: 0, timings: {}, began: {},
      startedFrom: snapshot === 'use' ? 'snapshot' : 'files',
      error: null, pause: null, storage: null, epoch }
    postMessage({ type: 'status', status })
    setTimeout(() => self.close(), 20)
    return new Promise(() => {})
  })
"""


def test_snapshot_from_which_a_start_dies_is_refused(chromium: Chromium, site: Path) -> None:
    chromium.context.route(
        "**/assets/entry-*.js",
        lambda route: route.fulfill(
            body=DYING_WORKER, content_type="text/javascript", headers=isolation_headers()
        ),
    )
    with served(site) as host:
        page = chromium.open(host.url)
        wait_for(page, lambda: len(chromium.bodies) >= 4)
        assert chromium.bodies[:4] == ["use", "refuse", "ignore", "ignore"]


def test_page_may_do_without(chromium: Chromium, site: Path) -> None:
    with served(site) as host:
        page = chromium.open(f"{host.url}?snapshot=false")
        assert started_from(page) == "files"
        page.wait_for_timeout(8000)
        assert page.evaluate(FOUND) == []
