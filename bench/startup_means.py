"""What each means by which a start is made short is worth: the same site without it.

``make bench-startup`` runs this after ``bench.startup``, which measures the snapshot. Here no start has one:
each is from files, on a first visit and on a reload. Milliseconds from the navigation to an engine that is
ready, medians of the rounds; who is first in a round changes.
"""

import argparse
import io
import json
import shutil
import statistics
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from playwright.sync_api import sync_playwright

from bench.browser import JOBS
from bench.downloads import is_loaded_first
from bench.spa.__main__ import BUILD, build
from bench.startup import ROOT, STOCK, online
from spa_runtime import bundle
from spa_runtime.bundle.archive import zipped
from spa_runtime.bundle.bytecode import FILE as BYTECODE
from spa_runtime.bundle.bytecode import LIBRARY
from spa_runtime.bundle.folder import facts_of
from spa_runtime.bundle.library import FILE as STDLIB
from tests.browser.offline.host import Files, deployed, files_of

PAGE = "startup/ours.html?snapshot=false"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.startup_means", description=__doc__)
    parser.add_argument("--rounds", type=int, default=10)
    rounds = parser.parse_args().rounds
    build()
    with tempfile.TemporaryDirectory() as folder:
        sites = {name: make(Path(folder)) for name, make in SITES.items()}
        found: dict[str, list[tuple[float, float]]] = {name: [] for name in sites}
        with sync_playwright() as playwright:
            for number in range(rounds):
                names = [*sites]
                for name in names[number % len(names) :] + names[: number % len(names)]:
                    with deployed(sites[name]) as host:
                        rows = online(playwright, host.url + PAGE)
                    found[name].append((rows["first visit"]["ready"], rows["reload"]["ready"]))
                newest = {name: each[-1] for name, each in found.items()}
                print(f"round {number + 1}: {json.dumps(newest)}", flush=True)
    print(f"\n{'median, ms':44}{'first visit':>12}{'reload':>8}{'MB loaded before':>18}")
    for name, each in found.items():
        first, again = (statistics.median(values) for values in zip(*each, strict=True))
        print(f"{name:44}{first:12.0f}{again:8.0f}{megabytes(sites[name]):18.2f}")


def megabytes(files: Files) -> float:
    """What the engine loads before its first start."""
    return sum(len(content) for name, content in files.items() if is_loaded_first(name)) / 1e6


def as_built(_folder: Path) -> Files:
    return files_of(bundle.plan(sources()))


def library_whole(_folder: Path) -> Files:
    return files_of(bundle.plan(replace(sources(), library=bundle.Library.whole)))


def without_bytecode(folder: Path) -> Files:
    pyodide = shutil.copytree(ROOT / "build" / "pyodide", folder / "without-bytecode")
    shutil.copy(STOCK / STDLIB, pyodide / STDLIB)
    with zipfile.ZipFile(pyodide / BYTECODE, "w") as bytecode:
        bytecode.writestr(LIBRARY, "[]")
    return files_of(bundle.plan(replace(sources(), pyodide=pyodide, library=bundle.Library.whole)))


def packages_apart(folder: Path) -> Files:
    """An archive for each package, as their wheels are."""
    files = dict(as_built(folder))
    name = "durably/manifest.json"
    manifest = json.loads(files[name])
    [path] = [path for path in manifest["archives"] if "packages" in path]
    with zipfile.ZipFile(io.BytesIO(files.pop(f"durably/{path}"))) as archive:
        parts: dict[str, dict[str, bytes]] = {}
        for member in archive.namelist():
            parts.setdefault(member.partition("/")[0], {})[member] = archive.read(member)
    del manifest["files"][path]
    archives = {f"immutable/packages-{top}.zip": zipped(members) for top, members in parts.items()}
    for each, content in archives.items():
        files[f"durably/{each}"] = content
        manifest["files"][each] = facts_of(content)
    manifest["archives"] = [*archives, *(each for each in manifest["archives"] if each != path)]
    files[name] = json.dumps(manifest).encode()
    return files


def sources() -> bundle.Sources:
    return bundle.Sources(
        jobs=JOBS, page=BUILD / "page", pyodide=ROOT / "build" / "pyodide", wheels=ROOT / "build" / "wheels",
        offline=bundle.Offline(enabled=False),
    )  # fmt: skip


SITES: dict[str, Callable[[Path], Files]] = {
    "as it is built": as_built,
    "the whole standard library at once": library_whole,
    "that, and no bytecode": without_bytecode,
    "an archive for each package": packages_apart,
}


if __name__ == "__main__":
    main()
