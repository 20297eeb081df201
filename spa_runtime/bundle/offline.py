"""The service worker of a site: the prebuilt script, with the list of the files that it keeps on the device."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any
from urllib.parse import quote

from durably_core.errors import NotFoundError
from spa_runtime import assets
from spa_runtime.bundle.folder import Content, facts_of, read, short_hash
from spa_runtime.headers import Isolation

SERVICE_WORKER = "sw.js"
"""At the top of the site: its folder is what it answers for."""
PLACEHOLDER = b"__DURABLY_SITE__"
LEFT_OUT = ("*.map", "screenshots/*")
"""For those who develop or install the app, who are online."""
SCRIPTS = (".js", ".mjs")
"""By these a page tells of which version it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offline:
    """How a site works without a network."""

    enabled: bool = True
    """False: not at all. A service worker that the site had before removes itself."""
    navigation_fallback: str | None = None
    """The page that answers addresses that are no files, for a page with a router. None: the host does."""
    denylist: tuple[str, ...] = ()
    """Beginnings of addresses that the fallback leaves to the host, such as ``api/``."""
    exclude: tuple[str, ...] = ()
    """Files that are not kept, as patterns: ``videos/*``."""


def service_worker(files: Mapping[str, Content], offline: Offline, isolation: Isolation, policy: str) -> bytes:
    """The script for a site of these files. It names each that it keeps with its hash.

    Raises ``NotFoundError`` for a fallback that is not among them.
    """
    if not offline.enabled:
        return assets.kill_switch().read_bytes()
    site = _site(files, offline, isolation, policy)
    before, after = assets.service_worker().read_bytes().split(PLACEHOLDER)
    return before + _json({"version": short_hash(_json(site)), **site}) + after


def _site(files: Mapping[str, Content], offline: Offline, isolation: Isolation, policy: str) -> dict[str, Any]:
    kept = [name for name in sorted(files) if _is_kept(name, offline)]
    if offline.navigation_fallback not in (None, *kept):
        raise NotFoundError(f"The fallback {offline.navigation_fallback} is not among the files of the site.")
    return {
        "files": [_entry(name, read(files[name]), f"{isolation} {policy}") for name in kept],
        "leftOut": [quote(name) for name in sorted({*files} - {*kept}) if name.endswith(SCRIPTS)],
        "isolation": isolation.value,
        "policy": policy,
        "navigationFallback": _fallback(offline),
    }


def _is_kept(name: str, offline: Offline) -> bool:
    return not any(fnmatchcase(name, pattern) for pattern in (*LEFT_OUT, *offline.exclude))


def _entry(name: str, content: bytes, sent: str) -> dict[str, Any]:
    # A page is kept with what came with it: it is downloaded again when that is another.
    contents = [content, sent.encode()] if name.endswith(".html") else [content]
    return {"url": quote(name), "revision": short_hash(*contents), **facts_of(content)}


def _fallback(offline: Offline) -> dict[str, Any] | None:
    if offline.navigation_fallback is None:
        return None
    return {"url": quote(offline.navigation_fallback), "denylist": offline.denylist}


def _json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()
