"""What each means by which a start is made short is worth: the same site without it, or with it.

``make bench-startup`` runs this after ``bench.startup``, which measures the snapshot. Here no start has one:
each is from files, on a first visit and on a reload. Milliseconds from the navigation to an engine that is
ready, medians of the rounds; who is first in a round changes. What is fetched costs nothing here, but where it
is said that it is far.
"""

import argparse
import io
import json
import shutil
import statistics
import tempfile
import threading
import time
import zipfile
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

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
from tests.browser.offline.host import Answer, Fault, Files, deployed, files_of

MANIFEST = "durably/manifest.json"
PAGE = "startup/ours.html?snapshot=false"
FAR_S = 0.1
"""From a request to its answer."""
STREAMED = b"l=await WebAssembly.instantiateStreaming(n,s)"
WHOLE = b"l=await WebAssembly.instantiate(await(await n).arrayBuffer(),s)"
PUT_OFF = """
import importlib.util
import sys

NAMES = ("asyncio", "durably_core", "email", "inspect", "json", "logging", "pydantic", "sqlite3", "traceback")


class Finder:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name.partition(".")[0] not in NAMES:
            return None
        for finder in sys.meta_path[1:]:
            spec = finder.find_spec(name, path, target)
            if spec is not None:
                if hasattr(spec.loader, "exec_module"):
                    spec.loader = importlib.util.LazyLoader(spec.loader)
                return spec
        return None


sys.meta_path.insert(0, Finder)
"""
"""Python runs it before all else."""


@dataclass(frozen=True, slots=True)
class Site:
    files: Files
    fault: Fault | None = None
    """What becomes of each answer."""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.startup_means", description=__doc__)
    parser.add_argument("--rounds", type=int, default=10)
    rounds = parser.parse_args().rounds
    build()
    with tempfile.TemporaryDirectory() as folder:
        sites = {name: site(Path(folder)) for name, site in SITES.items()}
        found: dict[str, list[tuple[float, float]]] = {name: [] for name in sites}
        with sync_playwright() as playwright:
            for number in range(rounds):
                names = [*sites]
                for name in names[number % len(names) :] + names[: number % len(names)]:
                    site = sites[name]
                    with deployed(site.files) as host:
                        if site.fault is not None:
                            host.faults["*"] = site.fault
                        rows = online(playwright, host.url + PAGE)
                    found[name].append((rows["first visit"]["ready"], rows["reload"]["ready"]))
                newest = {name: each[-1] for name, each in found.items()}
                print(f"round {number + 1}: {json.dumps(newest)}", flush=True)
    print(f"\n{'median, ms':44}{'first visit':>12}{'reload':>8}{'MB loaded before':>18}")
    for name, each in found.items():
        first, again = (statistics.median(values) for values in zip(*each, strict=True))
        print(f"{name:44}{first:12.0f}{again:8.0f}{megabytes(sites[name].files):18.2f}")


def megabytes(files: Files) -> float:
    """What the engine loads before its first start."""
    return sum(len(content) for name, content in files.items() if is_loaded_first(name)) / 1e6


def as_built(_folder: Path) -> Site:
    return Site(files_of(bundle.plan(sources())))


def library_whole(_folder: Path) -> Site:
    return Site(files_of(bundle.plan(replace(sources(), library=bundle.Library.whole))))


def without_bytecode(folder: Path) -> Site:
    pyodide = shutil.copytree(ROOT / "build" / "pyodide", folder / "without-bytecode")
    shutil.copy(STOCK / STDLIB, pyodide / STDLIB)
    with zipfile.ZipFile(pyodide / BYTECODE, "w") as bytecode:
        bytecode.writestr(LIBRARY, "[]")
    return Site(files_of(bundle.plan(replace(sources(), pyodide=pyodide, library=bundle.Library.whole))))


def compiled_at_the_end(folder: Path) -> Site:
    """WebAssembly is compiled once all of it is there. Browsers keep no code of what was compiled like that."""
    pyodide = shutil.copytree(ROOT / "build" / "pyodide", folder / "compiled-at-the-end")
    loader = pyodide / "pyodide.mjs"
    content = loader.read_bytes()
    if content.count(STREAMED) != 1:
        raise ValueError("This Pyodide compiles WebAssembly in another way.")
    loader.write_bytes(content.replace(STREAMED, WHOLE))
    return Site(files_of(bundle.plan(replace(sources(), pyodide=pyodide))))


def nothing_kept(folder: Path) -> Site:
    """Browsers may keep no file, and so none of the code that they made of it."""

    def not_kept(answer: Answer) -> Answer:
        return Answer(answer.status, answer.body, answer.headers | {"Cache-Control": "no-store"})

    return replace(as_built(folder), fault=not_kept)


def far(folder: Path, turn: AbstractContextManager[Any] = nullcontext()) -> Site:  # noqa: B008 - has no state
    def late(answer: Answer) -> Answer:
        with turn:
            time.sleep(FAR_S)
        return answer

    return replace(as_built(folder), fault=late)


def far_and_one_by_one(folder: Path) -> Site:
    return far(folder, threading.Lock())


def imports_put_off(folder: Path) -> Site:
    """Modules of Python, pydantic and the engine are executed when something of them is used first."""
    files = dict(as_built(folder).files)
    return Site(with_archives(files, {"put-off": {"sitecustomize.py": PUT_OFF.encode()}}))


def packages_apart(folder: Path) -> Site:
    """An archive for each package, as their wheels are."""
    files = dict(as_built(folder).files)
    manifest = json.loads(files[MANIFEST])
    [path] = [path for path in manifest["archives"] if "packages" in path]
    parts: dict[str, dict[str, bytes]] = {}
    with zipfile.ZipFile(io.BytesIO(files.pop(f"durably/{path}"))) as archive:
        for member in archive.namelist():
            parts.setdefault(member.partition("/")[0], {})[member] = archive.read(member)
    del manifest["files"][path]
    manifest["archives"].remove(path)
    files[MANIFEST] = json.dumps(manifest).encode()
    return Site(with_archives(files, parts))


def with_archives(files: Files, parts: Mapping[str, dict[str, bytes]]) -> Files:
    """The site with more archives, before those that it has."""
    manifest = json.loads(files[MANIFEST])
    archives = {f"immutable/more-{name}.zip": zipped(members) for name, members in parts.items()}
    manifest["files"] |= {path: facts_of(content) for path, content in archives.items()}
    manifest["archives"] = [*archives, *manifest["archives"]]
    more = {f"durably/{path}": content for path, content in archives.items()}
    return {**files, **more, MANIFEST: json.dumps(manifest).encode()}


def sources() -> bundle.Sources:
    return bundle.Sources(
        jobs=JOBS, page=BUILD / "page", pyodide=ROOT / "build" / "pyodide", wheels=ROOT / "build" / "wheels",
        offline=bundle.Offline(enabled=False),
    )  # fmt: skip


SITES: dict[str, Callable[[Path], Site]] = {
    "as it is built": as_built,
    "the whole standard library at once": library_whole,
    "that, and no bytecode": without_bytecode,
    "an archive for each package": packages_apart,
    "WebAssembly compiled when all of it is there": compiled_at_the_end,
    "nothing kept by the browser": nothing_kept,
    "imports put off until they are used": imports_put_off,
    f"each file {FAR_S * 1000:.0f} ms away": far,
    "that, and one file after the other": far_and_one_by_one,
}


if __name__ == "__main__":
    main()
