"""Python's standard library in two files, and files beside their compressed forms."""

import base64
import gzip
import hashlib
import io
import sys
import zipfile
from pathlib import Path

import pytest

from spa_runtime import library
from spa_runtime.bundle.folder import Plan, compressed, write
from spa_runtime.bundle.library import split
from tests.unit.test_serve import get

MODULE = b"VALUE = 7\n" * 300


def zip_of(**files: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def names_in(content: bytes) -> set[str]:
    return set(zipfile.ZipFile(io.BytesIO(content)).namelist())


def test_packages_stay_in_one_piece_and_nothing_is_lost() -> None:
    files = {
        "os.pyc": b"1",
        "email/__init__.pyc": b"2",
        "email/a.pyc": b"3",
        "xml/sax/x.pyc": b"4",
        "csv.pyc": b"5",
    }
    files |= {"encodings/utf_8.pyc": b"6", "_pyodide/b.pyc": b"7", "README": b"8"}
    halves = split(zip_of(**files), {"os", "email"})
    start = {"os.pyc", "email/__init__.pyc", "email/a.pyc", "encodings/utf_8.pyc", "_pyodide/b.pyc"}
    assert (names_in(halves.start), names_in(halves.more)) == (start, files.keys() - start)
    assert halves.modules == ("csv", "xml")
    assert split(zip_of(**files), {"os", "email"}) == halves


class Server:
    """What comes when it is asked for."""

    def __init__(self, content: bytes | None) -> None:
        self.content = content

    def fetch(self) -> "Server":
        if self.content is None:
            raise OSError("no network")
        return self

    def to_bytes(self) -> bytes:
        assert self.content is not None
        return self.content


@pytest.fixture(autouse=True)
def no_library(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(library, "FILE", tmp_path / "more.zip")
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    monkeypatch.setattr(sys, "path", ["/lib/python314.zip", *sys.path])


def test_other_content_than_the_manifest_says_is_refused() -> None:
    content = zip_of(**{"durably_rare.py": MODULE})
    integrity = f"sha256-{base64.b64encode(hashlib.sha256(content).digest()).decode()}"
    server = Server(content + b"x")
    library.install(server.fetch, integrity, "durably_rare other")
    with pytest.raises(ModuleNotFoundError, match="failed: the server answered with something else"):
        __import__("durably_rare")
    server.content = content
    assert __import__("durably_rare").VALUE == 7
    assert sys.path[:2] == ["/lib/python314.zip", str(library.FILE)]
    del sys.modules["durably_rare"]


def test_module_that_is_nowhere_asks_no_one() -> None:
    library.install(Server(None).fetch, "sha256-", "durably_rare")
    with pytest.raises(ModuleNotFoundError, match="No module named 'durably_nowhere'"):
        __import__("durably_nowhere")
    with pytest.raises(ModuleNotFoundError, match=r"durably_rare is .* no network.* `--library whole`"):
        __import__("durably_rare")


async def test_compressed_forms_are_sent_to_who_takes_them(tmp_path: Path) -> None:
    files = {"index.html": b"<p>hello</p>" * 100, "a/main.wasm": MODULE, "noise.zip": bytes(range(200))}
    manifest = {"durably/manifest.json": b'{"manifestVersion": 2}'}
    plan = compressed(Plan(files={**files, **manifest}, build="b", manifest="durably/manifest.json"))
    assert {name for name in plan.files if name.endswith(".gz")} == {"index.html.gz", "a/main.wasm.gz"}
    site = tmp_path / "site"
    write(plan, site)
    _, headers, body = await get(site, "/a/main.wasm", accept_encoding="br, gzip")
    assert gzip.decompress(body) == MODULE
    assert (headers["content-type"], headers["content-encoding"]) == ("application/wasm", "gzip")
    assert headers["vary"].lower() == "accept-encoding"
    for path, name, accepted in (
        ("/a/main.wasm", "a/main.wasm", "identity"),
        ("/noise.zip", "noise.zip", "gzip"),
        ("/", "index.html", "gzip"),
    ):
        status, headers, body = await get(site, path, accept_encoding=accepted)
        assert (status, body, "content-encoding" in headers) == (200, files[name], False)
