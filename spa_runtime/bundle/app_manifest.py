"""What the console is called: in its window, and as an app on someone's device."""

import json
from collections.abc import Mapping
from pathlib import Path

from spa_runtime.bundle.folder import Content, read

APP_MANIFEST = "manifest.webmanifest"
CONFIG = "config.json"
USUAL_NAMES = ("app", "jobs", "main")
"""Names of job files that say nothing of the jobs: their folder does."""


def titled(page: Mapping[str, Content], title: str, *, offline: bool) -> dict[str, Content]:
    """The files of the console, with that name where they say what it is called, and whether it works offline.

    The name may be wider than a system has room for: it is cut there. There is no ``id`` in the manifest:
    browsers resolve one against the host, and so it would not tell two sites of one host apart.
    """
    return {
        **page,
        APP_MANIFEST: _with(read(page[APP_MANIFEST]), name=title, short_name=title),
        CONFIG: _with(read(page[CONFIG]), title=title, offline=offline),
    }


def title_of(jobs: Path) -> str:
    """What to call the jobs of a file, unless someone says it: after the file, or else after its folder."""
    path = jobs.resolve()
    name = path.stem if path.stem not in USUAL_NAMES else path.parent.name
    words = name.replace("-", " ").replace("_", " ").strip()
    return words[:1].upper() + words[1:] if words else "Jobs"


def _with(text: bytes, **facts: str | bool) -> bytes:
    return json.dumps({**json.loads(text), **facts}, indent=1, ensure_ascii=False).encode()
