"""The static site: a built page, with the runtime in a folder of it."""

import json
import posixpath
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from spa_runtime import assets
from spa_runtime.bundle import hosts
from spa_runtime.bundle.app_manifest import titled
from spa_runtime.bundle.folder import MANIFEST, RUNTIME, Content, Plan, expect_files, files_below, read
from spa_runtime.bundle.licenses import FILE as LICENSES
from spa_runtime.bundle.licenses import page_licenses, with_page
from spa_runtime.bundle.offline import SERVICE_WORKER, Offline, service_worker
from spa_runtime.bundle.runtime import IMMUTABLE, RuntimeSources, runtime_of, sealed
from spa_runtime.headers import Isolation, security_policy, site_headers


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources(RuntimeSources):
    """What a static site is made of."""

    page: Path
    """Folder of the built page."""
    title: str | None = None
    """What the console is called. None: the page says it by itself."""
    console: Path | None = None
    """Folder of the built console, for a page of one's own that imports its ``embed.js``."""
    isolation: Isolation = Isolation.require_corp
    policy: str = field(default_factory=security_policy)
    """Content-Security-Policy; ``""`` for none."""
    offline: Offline = field(default_factory=Offline)


def plan(sources: Sources) -> Plan:
    """Decide what goes into the site. Raises ``NotFoundError`` for a source that is missing."""
    expect_files({"built page": sources.page / "index.html"})
    runtime = runtime_of(sources)
    files = {
        **_page(sources),
        **{f"{RUNTIME}/{name}": content for name, content in runtime.files.items()},
    }
    sent = site_headers(sources.isolation, sources.policy)
    scripts = _scripts([sources.page, *([sources.console] if sources.console else [])], sources.offline)
    completed, build = _completed(files, runtime.manifest, RUNTIME, sent, scripts)
    completed[SERVICE_WORKER] = service_worker(
        _published(completed), sources.offline, sources.isolation, sources.policy
    )
    return Plan(files=completed, build=build, manifest=f"{RUNTIME}/{MANIFEST}")


def _scripts(folders: Sequence[Path], offline: Offline | None) -> list[Path]:
    """Folders of what is made of other people's packages."""
    has_worker = offline is not None and offline.enabled
    return [*folders, *([assets.service_worker().parent] if has_worker else [])]


def _page(sources: Sources) -> dict[str, Content]:
    page = _files_of(sources.page)
    if sources.title is not None:
        page = titled(page, sources.title, offline=sources.offline.enabled)
    return page if sources.console is None else {**_embed(sources.console), **page}


def _embed(console: Path) -> dict[str, Content]:
    files = _files_of(console)
    return {name: files[name] for name in files if name == "embed.js" or name.startswith("assets/")}


def finish(
    folder: Path,
    runtime: str = RUNTIME,
    *,
    isolation: Isolation = Isolation.require_corp,
    policy: str = "",
    offline: Offline | None = None,
) -> None:
    """Complete the folder of a page that another program built, with the runtime folder in it.

    Without ``offline`` a service worker is not this function's business. Doing it again changes nothing.
    Raises ``NotFoundError`` when there is no runtime.
    """
    path = folder / runtime / MANIFEST
    expect_files({"runtime's manifest": path})
    files = _files_of(folder)
    sent = site_headers(isolation, policy)
    scripts = _scripts([folder], offline)
    completed, _ = _completed(files, json.loads(path.read_bytes()), runtime, sent, scripts)
    if offline is not None:
        completed[SERVICE_WORKER] = service_worker(_published(completed), offline, isolation, policy)
    for name, content in completed.items():
        if content is not files.get(name):
            _replace(folder / name, read(content))


def _completed(
    files: Mapping[str, Content],
    manifest: Mapping[str, Any],
    runtime: str,
    sent: Mapping[str, str],
    scripts: Sequence[Path],
) -> tuple[dict[str, Content], str]:
    """The files with what is made of all of them together, and the name of the build."""
    path, licenses = f"{runtime}/{MANIFEST}", f"{runtime}/{LICENSES}"
    listed, text = with_page(manifest["licenses"], read(files[licenses]), page_licenses(scripts))
    manifest, files = {**manifest, "licenses": listed}, {**files, licenses: text}
    published = _published(files)
    # No file can have its own hash in it.
    named = {posixpath.relpath(name, runtime): content for name, content in published.items() if name != path}
    sealed_manifest, build = sealed(manifest, named)
    told = hosts.plan_host_files([*published, path, SERVICE_WORKER], f"{runtime}/{IMMUTABLE}", sent)
    # What a page brings itself goes before.
    return {**told, **files, path: sealed_manifest}, build


def _published(files: Mapping[str, Content]) -> dict[str, Content]:
    """What pages may rely on: not what hosts read, nor the service worker, which stands above them all."""
    return {name: content for name, content in files.items() if name not in {SERVICE_WORKER, *hosts.FILES}}


def _files_of(folder: Path) -> dict[str, Content]:
    return {path.relative_to(folder).as_posix(): path for path in files_below(folder)}


def _replace(path: Path, content: bytes) -> None:
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
        file.write(content)
    fresh = Path(file.name)
    fresh.chmod(0o644)
    # A build that is killed before this line leaves a hidden file, which no host publishes, and the old one.
    fresh.replace(path)
