"""The service worker of a site: which files it keeps, and how it names them."""

import base64
import hashlib
import json
import re
from pathlib import Path
from typing import Any

import pytest

from durably_core import NotFoundError
from spa_runtime import assets, serve
from spa_runtime.bundle import Offline
from spa_runtime.bundle.folder import Content
from spa_runtime.bundle.offline import service_worker
from spa_runtime.headers import Isolation
from tests.unit.test_serve import get

FILES: dict[str, Content] = {
    "index.html": b"<!doctype html>",
    "assets/a.js": b"a",
    "assets/a.js.map": b"for developers",
    "a name (1).txt": b"text",
    "videos/long.mp4": b"long",
}


def site_of(
    files: dict[str, Content],
    offline: Offline | None = None,
    isolation: Isolation = Isolation.none,
    policy: str = "",
) -> dict[str, Any]:
    """What the script has in the place of the placeholder."""
    before, _, after = assets.service_worker().read_text("utf-8").partition("__DURABLY_SITE__")
    script = service_worker(files, offline or Offline(), isolation, policy).decode()
    assert script.startswith(before)
    assert script.endswith(after)
    site: dict[str, Any] = json.loads(script[len(before) : len(script) - len(after)])
    return site


def test_every_file_is_listed_with_hash_and_size() -> None:
    site = site_of({"assets/a.js": b"a"})
    [file] = site["files"]
    digest = base64.b64encode(hashlib.sha256(b"a").digest()).decode()
    assert (file["url"], file["bytes"], file["integrity"]) == ("assets/a.js", 1, f"sha256-{digest}")
    assert re.fullmatch(r"[0-9a-f]{16}", file["revision"])


def test_files_are_named_as_addresses() -> None:
    assert [file["url"] for file in site_of({"a name (1).txt": b""})["files"]] == ["a%20name%20%281%29.txt"]


def test_what_is_of_no_use_offline_is_left_out() -> None:
    urls = [file["url"] for file in site_of(FILES, Offline(exclude=("videos/*",)))["files"]]
    assert urls == ["a%20name%20%281%29.txt", "assets/a.js", "index.html"]


def test_scripts_that_are_not_kept_are_named() -> None:
    files: dict[str, Content] = {
        "index.html": b"",
        "a.js": b"",
        "a.js.map": b"",
        "videos/b c.mjs": b"",
        "videos/d": b"",
    }
    assert site_of(files, Offline(exclude=("videos/*",)))["leftOut"] == ["videos/b%20c.mjs"]


def test_version_is_of_files_and_options() -> None:
    versions = {
        site_of(FILES)["version"],
        site_of({**FILES, "index.html": b"other"})["version"],
        site_of(FILES, isolation=Isolation.require_corp)["version"],
        site_of(FILES, policy="default-src 'self'")["version"],
        site_of(FILES, Offline(navigation_fallback="index.html"))["version"],
    }
    assert len(versions) == 5
    assert site_of(dict(reversed(FILES.items()))) == site_of(FILES)


def test_page_is_downloaded_again_when_its_headers_change() -> None:
    def revisions(isolation: Isolation) -> dict[str, str]:
        return {file["url"]: file["revision"] for file in site_of(FILES, isolation=isolation)["files"]}

    before, after = revisions(Isolation.none), revisions(Isolation.credentialless)
    assert {url for url in before if before[url] != after[url]} == {"index.html"}


def test_script_of_a_newer_release_alone_makes_no_new_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = site_of(FILES)["version"]
    (tmp_path / "service_worker").mkdir()
    (tmp_path / "service_worker/sw.js").write_text("newer(__DURABLY_SITE__)")
    monkeypatch.setattr(assets, "PACKED", tmp_path)
    assert site_of(FILES)["version"] == version


def test_fallback_answers_for_others() -> None:
    offline = Offline(navigation_fallback="index.html", denylist=("api/",))
    assert site_of(FILES, offline)["navigationFallback"] == {"url": "index.html", "denylist": ["api/"]}
    assert site_of(FILES)["navigationFallback"] is None


def test_fallback_that_is_not_there_is_refused() -> None:
    with pytest.raises(NotFoundError, match=r"fallback app\.html is not among the files"):
        site_of(FILES, Offline(navigation_fallback="app.html"))


def test_site_without_one_has_the_kill_switch() -> None:
    script = service_worker(FILES, Offline(enabled=False), Isolation.require_corp, "")
    assert script == assets.kill_switch().read_bytes()
    assert b"unregister" in script


def test_scripts_import_nothing() -> None:
    for path in (assets.service_worker(), assets.kill_switch()):
        assert not re.search(rb"\bimport\b|importScripts", path.read_bytes())


async def test_server_of_a_page_without_one_answers_with_the_kill_switch(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("<!doctype html>")
    status, headers, body = await get(tmp_path, "/sw.js")
    assert (status, body) == (200, assets.kill_switch().read_bytes())
    assert headers["content-type"].startswith("text/javascript")
    assert headers["cache-control"] == "no-cache"


async def test_server_of_a_page_with_one_leaves_it_alone(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("<!doctype html>")
    (tmp_path / "sw.js").write_text("mine")
    _, _, body = await get(tmp_path, "/sw.js")
    assert body == b"mine"
    assert serve.no_service_worker(tmp_path) == []
