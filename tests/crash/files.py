"""The files that a killed engine left in OPFS, copied to where Python's own SQLite can look at them."""

import base64
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from playwright.sync_api import Page

from tests.power.check import has_schema

READ = """
async () => {
  const isHeld = ({ name }) => name.startsWith('durably')
  for (let tries = 0; (await navigator.locks.query()).held.some(isHeld); tries++) {
    if (tries === 6000) throw new Error('the locks of a killed page are still held')
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  const encoded = (file) => new Promise((resolve, reject) => {
    const reader = new FileReader()
    reader.onload = () => resolve(reader.result.slice(reader.result.indexOf(',') + 1))
    reader.onerror = () => reject(reader.error)
    reader.readAsDataURL(file)
  })
  const found = {}
  const walk = async (folder, path) => {
    for await (const [name, handle] of folder.entries()) {
      if (handle.kind === 'directory') await walk(handle, `${path}${name}/`)
      else if (/\\.db(-wal|-journal)?$/.test(name)) found[path + name] = await encoded(await handle.getFile())
    }
  }
  await walk(await navigator.storage.getDirectory(), '')
  return found
}
"""


def copy(page: Page, folder: Path) -> None:
    """Copy every file of a database out of the origin of ``page``, in which no engine may be alive."""
    files: dict[str, str] = page.evaluate(READ)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(base64.b64decode(content))


@contextmanager
def opened(folder: Path) -> Iterator[sqlite3.Connection]:
    """The engine's database in such a copy; an empty one when it has not come to make its tables."""
    # A connection changes the files, if only by moving the WAL: what the kill left stays as it is.
    with tempfile.TemporaryDirectory() as temporary:
        shutil.copytree(folder, temporary, dirs_exist_ok=True)
        # Of several generations, the one in which the most has happened.
        paths = sorted(Path(temporary).rglob("*.db"), key=_events)
        with closing(sqlite3.connect(paths[-1] if paths else ":memory:", isolation_level=None)) as connection:
            yield connection


def _events(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        if not has_schema(connection):
            return -1
        return int(connection.execute("SELECT count(*) FROM durably_events").fetchone()[0])
