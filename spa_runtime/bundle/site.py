"""The static site: a built page, with the runtime in a folder of it."""

from dataclasses import dataclass, field
from pathlib import Path

from spa_runtime.bundle import hosts
from spa_runtime.bundle.folder import MANIFEST, RUNTIME, Content, Plan, expect_files, files_below
from spa_runtime.bundle.runtime import RuntimeSources, runtime_of, sealed
from spa_runtime.headers import Isolation, security_policy, site_headers


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources(RuntimeSources):
    """What a static site is made of."""

    page: Path
    """Folder of the built page."""
    isolation: Isolation = Isolation.require_corp
    policy: str = field(default_factory=security_policy)
    """Content-Security-Policy; ``""`` for none."""


def plan(sources: Sources) -> Plan:
    """Decide what goes into the site. Raises ``NotFoundError`` for a source that is missing."""
    expect_files({"built page": sources.page / "index.html"})
    runtime = runtime_of(sources)
    page: dict[str, Content] = {
        path.relative_to(sources.page).as_posix(): path for path in files_below(sources.page)
    }
    # What is for the host is no part of the page: it may not be published.
    own = {name: page.pop(name) for name in hosts.FILES & page.keys()}
    manifest, build = sealed(
        runtime.manifest, {**runtime.files, **{f"../{name}": content for name, content in page.items()}}
    )
    below = {f"{RUNTIME}/{name}": content for name, content in runtime.files.items()}
    path = f"{RUNTIME}/{MANIFEST}"
    site: dict[str, Content] = {**page, **below, path: manifest}
    for_hosts = hosts.plan_host_files(site.keys(), site_headers(sources.isolation, sources.policy))
    return Plan(files={**site, **for_hosts, **own}, build=build, manifest=path)
