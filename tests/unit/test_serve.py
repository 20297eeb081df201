"""The development server sends what a static host is configured to send, with every response."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from durably_core import ConflictError, NotFoundError
from spa_runtime import serve
from spa_runtime.headers import isolation_headers
from tests.conftest import within

Headers = dict[str, str]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "index.html").write_text("<!doctype html>")
    for name in ("app.mjs", "app.wasm", "app.zip", "manifest.json"):
        (tmp_path / name).write_bytes(b"x")
    return tmp_path


async def get(folder: Path, path: str, method: str = "GET", **headers: str) -> tuple[int, Headers, bytes]:
    """What the app answers, spoken to as a server speaks to it."""
    sent: list[Any] = []
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": "http",
        "path": path, "raw_path": path.encode(), "query_string": b"", "root_path": "", "headers": raw,
        "server": ("localhost", 80), "client": ("localhost", 1),
    }  # fmt: skip

    requests = [{"type": "http.request", "body": b"", "more_body": False}]

    async def receive() -> Any:
        if requests:
            return requests.pop()
        return await asyncio.Event().wait()  # the client stays connected

    async def send(message: Any) -> None:
        sent.append(message)

    await within(serve.static_app(folder)(scope, receive, send))
    found = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    assert len(found) == len(sent[0]["headers"])
    return sent[0]["status"], found, b"".join(message.get("body", b"") for message in sent[1:])


RULES = """
# Says what a host sends.
/*
  Cross-Origin-Embedder-Policy: credentialless
  Content-Security-Policy: default-src 'self'; img-src 'self' data:
/*.mjs
  Content-Type: text/javascript
/assets/*
  Cache-Control: public, max-age=31536000, immutable
/
  Cache-Control: max-age=5
"""


def is_isolated(headers: Headers) -> bool:
    wanted = {name.lower(): value for name, value in isolation_headers().items()}
    lower = {name.lower(): value for name, value in headers.items()}
    return {name: lower.get(name) for name in wanted} == wanted and lower.get("cache-control") == "no-cache"


async def test_page_is_served_at_the_root(folder: Path) -> None:
    status, headers, body = await get(folder, "/")
    assert (status, body, is_isolated(headers)) == (200, b"<!doctype html>", True)


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/app.mjs", "javascript"),
        ("/app.wasm", "application/wasm"),
        ("/app.zip", "application/zip"),
        ("/manifest.json", "application/json"),
    ],
)
async def test_files_have_the_type_browsers_want(folder: Path, path: str, kind: str) -> None:
    status, headers, _ = await get(folder, path)
    assert (status, is_isolated(headers)) == (200, True)
    assert kind in headers["content-type"]


@pytest.fixture
def ruled(folder: Path) -> Path:
    """With a file of rules."""
    (folder / "_headers").write_text(RULES)
    (folder / "assets").mkdir()
    (folder / "assets/app.js").write_text("")
    return folder


@pytest.mark.parametrize(
    ("path", "caching"),
    [
        ("/", "max-age=5"),
        ("/assets/app.js", "public, max-age=31536000, immutable"),
        ("/app.zip", "no-cache"),
        ("/assets", "no-cache"),
    ],
)
async def test_rules_of_the_folder_are_followed(ruled: Path, path: str, caching: str) -> None:
    _, headers, _ = await get(ruled, path)
    assert headers["cache-control"] == caching
    assert headers["cross-origin-embedder-policy"] == "credentialless"
    assert headers["content-security-policy"] == "default-src 'self'; img-src 'self' data:"
    assert "cross-origin-opener-policy" not in headers


async def test_rule_stands_in_the_place_of_the_own_header(ruled: Path) -> None:
    _, headers, _ = await get(ruled, "/app.mjs")
    assert headers["content-type"] == "text/javascript"


async def test_missing_file_is_isolated_too(folder: Path) -> None:
    status, headers, _ = await get(folder, "/none.js")
    assert (status, is_isolated(headers)) == (404, True)


async def test_unchanged_file_is_isolated_too(folder: Path) -> None:
    _, headers, _ = await get(folder, "/app.wasm")
    status, again, body = await get(folder, "/app.wasm", if_none_match=headers["etag"])
    assert (status, body, is_isolated(again)) == (304, b"", True)


async def test_refused_method_is_isolated_too(folder: Path) -> None:
    status, headers, _ = await get(folder, "/", method="POST")
    assert (status, is_isolated(headers)) == (405, True)


async def test_head_is_answered_without_body(folder: Path) -> None:
    status, headers, body = await get(folder, "/app.wasm", method="HEAD")
    assert (status, body, is_isolated(headers)) == (200, b"", True)


@pytest.mark.parametrize("path", ["/../secret.txt", "/%2e%2e/secret.txt", "//etc/passwd", "/..\\secret.txt"])
async def test_files_outside_stay_outside(folder: Path, path: str) -> None:
    (folder.parent / "secret.txt").write_text("secret")
    status, _, body = await get(folder, path)
    assert (status, b"secret" in body) == (404, False)


async def test_header_names_are_lower_case(folder: Path) -> None:
    _, headers, _ = await get(folder, "/")
    assert [name for name in headers if name != name.lower()] == []


def test_folder_without_a_page_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="build it first"):
        serve.static_app(tmp_path)


def test_taken_port_is_explained() -> None:
    with serve.bind("127.0.0.1", 0) as listener:
        listener.listen()
        with pytest.raises(ConflictError, match="choose another with --port"):
            serve.bind("127.0.0.1", listener.getsockname()[1])
