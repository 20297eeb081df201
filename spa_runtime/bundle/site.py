"""The static site: a built page, with the runtime in a folder of it."""

import json
import posixpath
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from spa_runtime.bundle.folder import MANIFEST, RUNTIME, Content, Plan, expect_files, files_below, read
from spa_runtime.bundle.offline import SERVICE_WORKER, Offline, service_worker
from spa_runtime.bundle.runtime import RuntimeSources, runtime_of, sealed


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources(RuntimeSources):
    """What a static site is made of."""

    page: Path
    """Folder of the built page."""
    isolation: str = "require-corp"
    """Embedder policy of the page; ``none``: it is not isolated."""
    offline: Offline = field(default_factory=Offline)


def plan(sources: Sources) -> Plan:
    """Decide what goes into the site. Raises ``NotFoundError`` for a source that is missing."""
    expect_files({"built page": sources.page / "index.html"})
    runtime = runtime_of(sources)
    files = {
        **_files_of(sources.page),
        **{f"{RUNTIME}/{name}": content for name, content in runtime.files.items()},
    }
    completed, build = _completed(files, runtime.manifest, RUNTIME)
    script = service_worker(completed, sources.offline, sources.isolation)
    return Plan(
        files={**completed, SERVICE_WORKER: script}, build=build, manifest=f"{RUNTIME}/{MANIFEST}"
    )


def finish(
    folder: Path, runtime: str = RUNTIME, offline: Offline | None = None, isolation: str = "require-corp"
) -> None:
    """Complete the folder of a page that another program built, with the runtime folder in it.

    Without ``offline`` a service worker is not this function's business. Doing it again changes nothing.
    Raises ``NotFoundError`` when there is no runtime.
    """
    path = folder / runtime / MANIFEST
    expect_files({"runtime's manifest": path})
    files = _files_of(folder)
    completed, _ = _completed(files, json.loads(path.read_bytes()), runtime)
    if offline is not None:
        completed[SERVICE_WORKER] = service_worker(completed, offline, isolation)
    for name, content in completed.items():
        if content is not files.get(name):
            _replace(folder / name, read(content))


def _completed(
    files: Mapping[str, Content], manifest: Mapping[str, Any], runtime: str
) -> tuple[dict[str, Content], str]:
    """The files with what is made of all of them together, and the name of the build."""
    path = f"{runtime}/{MANIFEST}"
    others = {name: content for name, content in files.items() if name != path}
    # Neither the manifest nor what names it can be among those that it names.
    named = {
        posixpath.relpath(name, runtime): content
        for name, content in others.items()
        if name != SERVICE_WORKER
    }
    text, build = sealed(manifest, named)
    return {**others, path: text}, build


def _files_of(folder: Path) -> dict[str, Content]:
    return {path.relative_to(folder).as_posix(): path for path in files_below(folder)}


def _replace(path: Path, content: bytes) -> None:
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
        file.write(content)
    fresh = Path(file.name)
    fresh.chmod(0o644)
    # A build that is killed before this line leaves a hidden file, which no host publishes, and the old one.
    fresh.replace(path)
