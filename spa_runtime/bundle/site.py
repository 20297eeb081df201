"""The static site: a built page, with the runtime in a folder of it."""

from dataclasses import dataclass
from pathlib import Path

from spa_runtime.bundle.folder import MANIFEST, RUNTIME, Content, Plan, expect_files, files_below
from spa_runtime.bundle.runtime import RuntimeSources, runtime_of, sealed


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources(RuntimeSources):
    """What a static site is made of."""

    page: Path
    """Folder of the built page."""


def plan(sources: Sources) -> Plan:
    """Decide what goes into the site. Raises ``NotFoundError`` for a source that is missing."""
    expect_files({"built page": sources.page / "index.html"})
    runtime = runtime_of(sources)
    page: dict[str, Content] = {
        path.relative_to(sources.page).as_posix(): path for path in files_below(sources.page)
    }
    manifest, build = sealed(
        runtime.manifest, {**runtime.files, **{f"../{name}": content for name, content in page.items()}}
    )
    below = {f"{RUNTIME}/{name}": content for name, content in runtime.files.items()}
    path = f"{RUNTIME}/{MANIFEST}"
    return Plan(files={**page, **below, path: manifest}, build=build, manifest=path)
