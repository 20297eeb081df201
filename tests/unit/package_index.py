"""Small wheels, made for a test, and an index that serves them to pip."""

import hashlib
import json
import threading
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

from spa_runtime.packages.requirements import normalized

PURE = "py3-none-any"
BROWSER = "cp314-cp314-pyemscripten_2026_0_wasm32"
ELSEWHERE = "cp314-cp314-manylinux_2_28_x86_64"


def make_wheel(
    folder: Path,
    name: str,
    version: str,
    *needs: str,
    tag: str = PURE,
    python: str | None = None,
    extras: Sequence[str] = (),
    files: Mapping[str, str] | None = None,
    fields: Sequence[str] = (),
) -> Path:
    """A wheel with one module, which knows its version, or with ``files`` by their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    stem = f"{name.replace('-', '_')}-{version}"
    metadata = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}", *fields]
    metadata += [f"Requires-Dist: {need}" for need in needs] + [f"Provides-Extra: {extra}" for extra in extras]
    metadata += [] if python is None else [f"Requires-Python: {python}"]
    wheel = folder / f"{stem}-{tag}.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, text in (files or {f"{name.replace('-', '_')}.py": f"VERSION = '{version}'\n"}).items():
            archive.writestr(zipfile.ZipInfo(path), text)
        archive.writestr(zipfile.ZipInfo(f"{stem}.dist-info/METADATA"), "\n".join([*metadata, ""]))
        archive.writestr(zipfile.ZipInfo(f"{stem}.dist-info/WHEEL"), f"Wheel-Version: 1.0\nTag: {tag}\n")
        archive.writestr(zipfile.ZipInfo(f"{stem}.dist-info/RECORD"), "")
    return wheel


def hash_of(file: Path) -> str:
    return f"sha256:{hashlib.sha256(file.read_bytes()).hexdigest()}"


class Index:
    """Serves the files of a folder as an index of packages does, and counts what is asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.asked: Counter[str] = Counter()
        self.is_holding = threading.Event()
        """While it is set, no file is sent to its end."""
        self.reached = threading.Event()
        """Set when a file is held."""
        self.released = threading.Event()
        self.url = ""

    def files_of(self, name: str) -> list[Path]:
        files = sorted(self.folder.iterdir())
        return [file for file in files if normalized(file.name).startswith(f"{normalized(name)}-")]

    def release(self) -> None:
        self.is_holding.clear()
        self.released.set()

    @property
    def downloads(self) -> list[str]:
        return sorted(name for name in self.asked if name.endswith(".whl"))


class _Handler(BaseHTTPRequestHandler):
    index: ClassVar[Index]

    def do_GET(self) -> None:
        name = self.path.rstrip("/").rpartition("/")[2]
        self.index.asked[name] += 1
        if self.path.startswith("/files/"):
            # As the files of the great index: never another content under one address.
            content = (self.index.folder / name).read_bytes()
            self._answer("application/octet-stream", "max-age=31536000, immutable", len(content))
            self._send(content)
        elif self.index.files_of(name):
            page = json.dumps(_listed(name, self.index)).encode()
            self._answer("application/vnd.pypi.simple.v1+json", "no-cache", len(page))
            self.wfile.write(page)
        else:
            self.send_error(404)

    def do_OPTIONS(self) -> None:
        """A page of another origin asks whether it may ask."""
        self.send_response(204)
        self.end_headers()

    def _answer(self, kind: str, caching: str, size: int) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(size))
        self.send_header("Cache-Control", caching)
        self.end_headers()

    def end_headers(self) -> None:
        # Pages install packages from here, too.
        self.send_header("Access-Control-Allow-Origin", "*")
        self.send_header("Access-Control-Allow-Headers", "*")
        super().end_headers()

    def _send(self, content: bytes) -> None:
        half = len(content) // 2
        self.wfile.write(content[:half])
        if self.index.is_holding.is_set():
            self.wfile.flush()
            self.index.reached.set()
            self.index.released.wait()
        self.wfile.write(content[half:])

    def log_message(self, *_arguments: object) -> None:
        pass


def _listed(name: str, index: Index) -> dict[str, object]:
    # Whole addresses: micropip takes no others.
    files = index.url.replace("/simple", "/files")
    entries = [
        {
            "filename": file.name,
            "url": f"{files}/{file.name}",
            "hashes": {"sha256": hash_of(file).partition(":")[2]},
        }
        for file in index.files_of(name)
    ]
    return {"meta": {"api-version": "1.0"}, "name": name, "files": entries}


@contextmanager
def index_of(folder: Path) -> Iterator[Index]:
    folder.mkdir(parents=True, exist_ok=True)
    index = Index(folder)
    handler = type("Handler", (_Handler,), {"index": index})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    serving = threading.Thread(target=server.serve_forever)
    serving.start()
    index.url = f"http://127.0.0.1:{server.server_port}/simple"
    try:
        yield index
    finally:
        index.release()
        server.shutdown()
        serving.join()
        server.server_close()
