"""The person's data: exported, imported, deleted, set aside when damaged, and kept when there is no room."""

import base64
import re
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Error, Page, Route

from durably_core import StorageFullError
from spa_runtime import bundle
from tests.browser.browser import (
    AnyPage,
    Chromium,
    Site,
    get_run,
    get_status,
    open_gate,
    run_ids,
    served,
    trigger,
    wait_for,
    wait_until_ended,
    wait_until_ready,
)
from tests.browser.conftest import JOBS, sources

IN_BASE64 = """
async (blob) => {
  const bytes = new Uint8Array(await blob.arrayBuffer())
  let text = ''
  for (const byte of bytes) text += String.fromCharCode(byte)
  return btoa(text)
}"""
FROM_BASE64 = "(text) => new Blob([Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0))])"
NAMES = """
async () => {
  const root = await navigator.storage.getDirectory()
  const found = []
  const walk = async (folder, path) => {
    for await (const [name, handle] of folder.entries()) {
      if (handle.kind === 'file') found.push(path + name)
      else await walk(handle, `${path}${name}/`)
    }
  }
  await walk(root, '')
  return found.sort()
}"""


def export(page: AnyPage, path: Path) -> Path:
    """The database, as the page gives it to a person."""
    text = page.evaluate(f"async () => ({IN_BASE64})(await window.durably.storage.export())")
    path.write_bytes(base64.b64decode(text))
    return path


def bring(page: Page, content: bytes) -> Any:
    """Import a file; returns the code of the error, or null."""
    return page.evaluate(
        f"""async (text) => {{
          const file = ({FROM_BASE64})(text)
          return window.durably.storage.import(file).then(() => null, (error) => error.code)
        }}""",
        base64.b64encode(content).decode(),
    )


def write_in_opfs(page: Page, path: str, at: int, text: str) -> None:
    """Change a file behind everyone's back. No engine may have it open."""
    page.evaluate(
        """async ([path, at, text]) => {
          const names = path.split('/')
          const name = names.pop()
          let folder = await navigator.storage.getDirectory()
          for (const each of names) folder = await folder.getDirectoryHandle(each, { create: true })
          const handle = await folder.getFileHandle(name, { create: true })
          const file = await handle.createWritable({ keepExistingData: true })
          await file.write({ type: 'write', position: at, data: text })
          await file.close()
        }""",
        [path, at, text],
    )


def leave(page: Page) -> None:
    """To a page of the same origin without an engine."""
    page.goto(page.url + "durably/manifest.json")


def change_worker(chromium: Chromium, change: Callable[[str], str]) -> None:
    """Serve the worker's script with a change."""

    def fulfill(route: Route) -> None:
        try:
            response = route.fetch()
        except Error:
            return  # the service worker still downloads while the browser is closed
        changed = change(response.text())
        assert changed != response.text()
        route.fulfill(response=response, body=changed)

    chromium.context.route("**/assets/entry-*.js", fulfill)


def wait_until_failed(page: Page) -> dict[str, Any]:
    page.wait_for_function("window.durably?.status.state === 'failed'")
    return get_status(page)


# ---------------------------------------------------------------------- export, import, delete


def test_exported_database_opens_in_any_sqlite(chromium: Chromium, test_site: Site, tmp_path: Path) -> None:
    page = chromium.open(test_site.url)
    wait_until_ready(page)
    run_id = trigger(page, "count", {"count": 3})
    wait_until_ended(page, run_id)
    wait_until_ended(page, trigger(page, "own-tables", {"count": 3}))
    path = export(page, tmp_path / "exported.db")
    # Where nothing can be written beside it: a database in WAL mode could not be opened there.
    connection = sqlite3.connect(f"file:{path}?mode=ro&immutable=0", uri=True)
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("delete",)
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    query = "SELECT status, completed_step_count FROM durably_runs WHERE id = ?"
    assert connection.execute(query, (run_id,)).fetchone() == ("completed", 3)
    assert connection.execute("SELECT number FROM own ORDER BY number").fetchall() == [(0,), (1,), (2,)]
    connection.close()
    assert [each.name for each in tmp_path.glob("exported.db*")] == ["exported.db"]
    # The engine goes on as if nothing had been.
    assert wait_until_ended(page, trigger(page, "count", {"count": 1}))["status"] == "completed"


def test_deleted_database_comes_back_from_its_export(
    chromium: Chromium, test_site: Site, tmp_path: Path
) -> None:
    page = chromium.open(test_site.url)
    wait_until_ready(page)
    run_id = trigger(page, "count", {"count": 3})
    before = wait_until_ended(page, run_id)
    executing = trigger(page, "gate", {"count": 1, "closed_at": 0})
    wait_for(page, lambda: "begin 0" in chromium.bodies)
    exported = export(page, tmp_path / "exported.db").read_bytes()

    page.evaluate("window.durably.storage.clear()")
    assert (run_ids(page), get_status(page)["epoch"]) == ([], 2)
    later = trigger(page, "count", {"count": 1})
    wait_until_ended(page, later)

    assert bring(page, exported) is None
    assert run_ids(page) == [executing, run_id]
    assert get_run(page, run_id) == before
    # What executed when it was exported goes on.
    wait_for(page, lambda: chromium.bodies.count("begin 0") == 2)
    open_gate(page)
    assert wait_until_ended(page, executing)["status"] == "completed"

    leave(page)
    names = page.evaluate(NAMES)
    assert len([name for name in names if name.endswith(".db")]) == 1, names


def test_file_that_is_refused_changes_nothing(chromium: Chromium, test_site: Site, tmp_path: Path) -> None:
    page = chromium.open(test_site.url)
    wait_until_ready(page)
    run_id = trigger(page, "count", {"count": 1})
    wait_until_ended(page, run_id)
    exported = bytearray(export(page, tmp_path / "exported.db").read_bytes())
    assert bring(page, b"this is no database, " * 1000) == "validation"
    assert bring(page, b"") == "validation"
    exported[4 * 4096 : 12 * 4096] = b"\x55" * (8 * 4096)
    assert bring(page, bytes(exported)) == "storage_damaged"
    assert (run_ids(page), get_status(page)["epoch"]) == ([run_id], 1)
    leave(page)
    assert page.evaluate(NAMES) == [
        "durably/main/1.db",
        "durably/main/1.db-journal",
        "durably/main/1.db-wal",
        "durably/main/catalog",
        "durably/main/reserve",
    ]


def test_requests_wait_while_the_database_is_replaced(chromium: Chromium, test_site: Site) -> None:
    page = chromium.open(test_site.url)
    wait_until_ready(page)
    trigger(page, "count", {"count": 1})
    dispositions = page.evaluate(
        """async () => {
          const cleared = window.durably.storage.clear()
          while (window.durably.status.epoch === 1) await new Promise((resolve) => setTimeout(resolve, 0))
          const triggered = window.durably.trigger('count', { count: 2 })
          await cleared
          return [(await triggered).disposition, (await window.durably.getRuns()).length]
        }"""
    )
    # The trigger came after the deletion.
    assert dispositions == ["created", 1]
    [run_id] = run_ids(page)
    assert wait_until_ended(page, run_id)["output"] == {"total": 1}


def test_database_can_be_had_when_the_jobs_are_broken(chromium: Chromium, tmp_path: Path) -> None:
    jobs = tmp_path / "project" / "jobs.py"
    jobs.parent.mkdir()
    jobs.write_text(JOBS.read_text("utf-8"), "utf-8")
    folder = tmp_path / "site"
    # With a service worker, the page would stay with the version that it has.
    site_sources = replace(sources(jobs, dict(bundle.SPA_OPTIONS)), offline=bundle.Offline(enabled=False))
    bundle.write(bundle.plan(site_sources), folder)
    with served(folder) as site:
        page = chromium.open(site.url)
        wait_until_ready(page)
        wait_until_ended(page, trigger(page, "count", {"count": 3}))
        jobs.write_text("not_defined\n", "utf-8")
        bundle.write(bundle.plan(site_sources), folder)
        page.reload()
        assert "NameError" in wait_until_failed(page)["error"]["message"]
        path = export(page, tmp_path / "exported.db")
        page.close()
    connection = sqlite3.connect(path)
    assert connection.execute("SELECT status FROM durably_runs").fetchall() == [("completed",)]
    connection.close()


# ---------------------------------------------------------------------- damage


def test_file_that_is_no_database_is_set_aside(chromium: Chromium, test_site: Site) -> None:
    text = "this is no database, " * 1000
    page = chromium.open(test_site.url + "durably/manifest.json")
    write_in_opfs(page, "durably/main/1.db", 0, text)
    page.goto(test_site.url)
    wait_until_ready(page)
    page.wait_for_function("window.durably.status.storage !== null")
    [found] = get_status(page)["storage"]["setAside"]
    assert (found["generation"], found["bytes"]) == (1, len(text))
    assert "not a database" in found["reason"]
    assert wait_until_ended(page, trigger(page, "count", {"count": 1}))["status"] == "completed"

    page.reload()
    wait_until_ready(page)
    page.wait_for_function("window.durably.status.storage !== null")
    assert get_status(page)["storage"]["setAside"] == [found]
    files = page.evaluate(
        """async () => {
          const files = await window.durably.storage.exportSetAside(1)
          return Promise.all(files.map(async (file) => [file.name, await file.text()]))
        }"""
    )
    assert files == [["1.db", text]]
    page.evaluate("window.durably.storage.deleteSetAside(1)")
    assert get_status(page)["storage"]["setAside"] == []
    leave(page)
    assert "durably/main/1.db" not in page.evaluate(NAMES)


def test_damage_that_is_found_later_is_set_aside(chromium: Chromium, test_site: Site, tmp_path: Path) -> None:
    page = chromium.open(test_site.url)
    wait_until_ready(page)
    for _ in range(3):
        wait_until_ended(page, trigger(page, "count", {"count": 20}))
    size = len(export(page, tmp_path / "exported.db").read_bytes())  # which also moves the WAL into the file
    leave(page)
    # All but the schema, so that the engine starts.
    pages = set(range(2, size // 4096)) - schema_pages(tmp_path / "exported.db")
    for number in pages:
        write_in_opfs(page, "durably/main/1.db", number * 4096, "U" * 4096)
    page.goto(test_site.url)
    page.wait_for_function("window.durably?.status.storage?.setAside.length === 1")
    wait_until_ready(page)
    assert "damaged" in get_status(page)["storage"]["setAside"][0]["reason"]
    assert wait_until_ended(page, trigger(page, "count", {"count": 1}))["status"] == "completed"
    assert len(run_ids(page)) == 1


def schema_pages(path: Path) -> set[int]:
    """Pages, from 0, that are read when an engine starts."""
    connection = sqlite3.connect(path)
    query = "SELECT rootpage FROM sqlite_schema WHERE name LIKE '%durably_schema_versions%'"
    found = {row[0] - 1 for row in connection.execute(query)}
    connection.close()
    return found


# ---------------------------------------------------------------------- room


class Quota:
    """What the browser lets the site store."""

    def __init__(self, page: Page, site: Site) -> None:
        self._session = page.context.new_cdp_session(page)
        self._origin = site.url.rstrip("/")
        self._page = page

    def stop_growth(self, but: int = 0) -> None:
        used = self._page.evaluate("async () => (await navigator.storage.estimate()).usage")
        self._session.send("Storage.overrideQuotaForOrigin", {"origin": self._origin, "quotaSize": used + but})

    def lift(self) -> None:
        self._session.send("Storage.overrideQuotaForOrigin", {"origin": self._origin})


def test_engine_pauses_in_a_full_storage_and_goes_on_when_there_is_room(
    chromium: Chromium, test_site: Site, tmp_path: Path
) -> None:
    page = chromium.open(test_site.url)
    wait_until_ready(page)
    done = trigger(page, "count", {"count": 1})
    wait_until_ended(page, done)
    quota = Quota(page, test_site)
    quota.stop_growth(but=3_000_000)
    run_id = trigger(page, "fill", {"count": 40})
    page.wait_for_function("window.durably.status.pause?.code === 'storage_full'")
    assert get_status(page)["pause"]["message"] == StorageFullError().message
    wait_for(page, lambda: get_run(page, run_id)["status"] == "pending")
    waiting = get_run(page, run_id)
    assert waiting["error"] is None
    assert 0 < waiting["completedStepCount"] < 40
    refused = "window.durably.trigger('count', { count: 1 }).catch((error) => [error.code, error.status])"
    assert page.evaluate(refused) == ["storage_full", 507]
    assert get_status(page)["pause"]["status"] == 507

    # The person can have the data out, and delete what is not needed.
    connection = sqlite3.connect(export(page, tmp_path / "exported.db"))
    query = "SELECT completed_step_count FROM durably_runs WHERE id = ?"
    assert connection.execute(query, (run_id,)).fetchone() == (waiting["completedStepCount"],)
    connection.close()
    page.evaluate("(id) => window.durably.deleteRun(id)", done)

    # A page that is opened now finds the same, and still shows what there is. A few steps may have found room
    # that the browser had counted for files that were open.
    page.reload()
    wait_until_ready(page)
    page.wait_for_function("window.durably.status.pause?.code === 'storage_full'")
    assert waiting["completedStepCount"] <= get_run(page, run_id)["completedStepCount"] < 40

    quota.lift()
    page.wait_for_function("window.durably.status.pause === null")
    run = wait_until_ended(page, run_id)
    assert (run["status"], run["completedStepCount"]) == ("completed", 40)


def test_last_write_of_a_run_fits_into_a_full_storage(chromium: Chromium, test_site: Site) -> None:
    page = chromium.open(test_site.url)
    wait_until_ready(page)
    run_id = trigger(page, "large", {"count": 1_500_000})
    wait_for(page, lambda: "begin 0" in chromium.bodies)
    quota = Quota(page, test_site)
    quota.stop_growth()
    open_gate(page)
    run = wait_until_ended(page, run_id)
    assert (run["status"], len(run["output"]["text"])) == ("completed", 1_500_000)
    assert chromium.bodies == ["begin 0", "end 0"]
    quota.lift()


def test_deleting_runs_makes_room(chromium: Chromium, test_site: Site) -> None:
    page = chromium.open(test_site.url)
    wait_until_ready(page)
    done = [trigger(page, "fill", {"count": 20}) for _ in range(2)]
    for run_id in done:
        wait_until_ended(page, run_id)
    Quota(page, test_site).stop_growth(but=500_000)
    waiting = trigger(page, "fill", {"count": 50})
    page.wait_for_function("window.durably.status.pause?.code === 'storage_full'")
    for run_id in done:
        page.evaluate("(id) => window.durably.deleteRun(id)", run_id)
    page.wait_for_function("window.durably.status.pause === null")
    assert wait_until_ended(page, waiting)["status"] == "completed"


def test_browser_is_asked_to_keep_the_data_after_the_first_trigger(chromium: Chromium, test_site: Site) -> None:
    page = chromium.context.new_page()
    page.add_init_script(
        "const { persist } = navigator.storage; window.asked = 0;"
        "navigator.storage.persist = () => (window.asked++, persist.call(navigator.storage))"
    )
    page.goto(test_site.url)
    wait_until_ready(page)
    page.wait_for_function("window.durably.status.storage !== null")
    assert get_status(page)["storage"]["isPersisted"] is False
    session = chromium.context.new_cdp_session(page)
    grant = {"permissions": ["durableStorage"], "origin": test_site.url.rstrip("/")}
    session.send("Browser.grantPermissions", grant)
    assert page.evaluate("window.asked") == 0
    trigger(page, "count", {"count": 1})
    page.wait_for_function("window.durably.status.storage.isPersisted")
    trigger(page, "count", {"count": 1})
    assert page.evaluate("window.asked") == 1
    storage = get_status(page)["storage"]
    assert 0 < storage["usage"] < storage["quota"]


# ---------------------------------------------------------------------- storage that can't be had


@pytest.mark.parametrize("name", ["SecurityError", "UnknownError"])
def test_window_without_storage_is_told_and_keeps_nothing_in_memory(
    chromium: Chromium, test_site: Site, name: str
) -> None:
    refusal = f"StorageManager.prototype.getDirectory = async () => {{ throw new DOMException('', '{name}') }};"
    change_worker(chromium, lambda script: refusal + script)
    page = chromium.open(test_site.url)
    error = wait_until_failed(page)["error"]
    assert error["code"] == "storage_unavailable"
    assert "Open the page in a normal window" in error["message"]


def test_memory_is_used_when_the_app_asks_for_it(chromium: Chromium, test_site: Site) -> None:
    page = chromium.open(test_site.url + "?storage=memory")
    wait_until_ready(page)
    run_id = trigger(page, "count", {"count": 3})
    assert wait_until_ended(page, run_id)["status"] == "completed"
    page.wait_for_function("window.durably.status.storage?.kind === 'memory'")
    assert page.evaluate(NAMES) == []
    # Another tab has a database of its own.
    other = chromium.open(page.url)
    wait_until_ready(other)
    assert run_ids(other) == []
    page.evaluate("window.durably.storage.clear()")
    assert run_ids(page) == []


HOLD = """
(path) => new Promise((resolve) => {
  const code = `
    onmessage = async ({ data: path }) => {
      const names = path.split('/')
      const name = names.pop()
      let folder = await navigator.storage.getDirectory()
      for (const each of names) folder = await folder.getDirectoryHandle(each, { create: true })
      const file = await folder.getFileHandle(name, { create: true })
      self.handle = await file.createSyncAccessHandle()
      postMessage('held')
    }`
  window.holder = new Worker(URL.createObjectURL(new Blob([code])))
  window.holder.onmessage = resolve
  window.holder.postMessage(path)
})"""


def test_handles_that_a_dead_tab_still_holds_are_waited_for(chromium: Chromium, test_site: Site) -> None:
    holder = chromium.open(test_site.url + "durably/manifest.json")
    holder.evaluate(f"async () => {{ await ({HOLD})('durably/main/1.db-wal') }}")
    page = chromium.open(test_site.url)
    page.wait_for_function("window.durably?.status.state === 'waiting'")
    assert get_status(page)["phase"] == "storage"
    holder.evaluate("window.holder.terminate()")
    wait_until_ready(page)


def test_handles_that_are_never_released_are_told(chromium: Chromium, test_site: Site) -> None:
    holder = chromium.open(test_site.url + "durably/manifest.json")
    holder.evaluate(f"async () => {{ await ({HOLD})('durably/main/catalog') }}")
    page = chromium.open(test_site.url)
    error = wait_until_failed(page)["error"]
    assert (error["code"], error["status"]) == ("storage_locked", 503)
    assert "Close it, then reload this page" in error["message"]


def test_storage_that_flushes_nothing_is_refused(chromium: Chromium, test_site: Site) -> None:
    # SQLite's sync ends in the function of Emscripten's that does nothing.
    change_worker(chromium, lambda script: re.sub(r"\.env\.__syscall_fdatasync=", ".env.unused=", script))
    page = chromium.open(test_site.url)
    error = wait_until_failed(page)["error"]
    assert error["code"] == "storage"
    assert "does not write to its disk what it is told to" in error["message"]
