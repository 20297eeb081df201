"""What hosts have in common: files with a type and a hash, compressed; and here a record of what was asked."""

import gzip
import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from urllib.parse import unquote

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

REVALIDATED = "public, max-age=0, must-revalidate"
TYPES = {
    ".css": "text/css",
    ".csv": "text/csv",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript",
    ".json": "application/json",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain",
    ".zip": "application/zip",
}
UNKNOWN = "application/octet-stream"
COMPRESSED = ("text/", "application/json", "application/wasm", "application/manifest+json", "image/svg+xml")


@dataclass(frozen=True)
class Found:
    """How an address is answered."""

    status: int = 200
    file: Path | None = None
    location: str | None = None
    """Where the browser is sent."""


@dataclass(frozen=True)
class Asked:
    """A request and its answer."""

    path: str
    status: int


@dataclass
class StaticHost(ABC):
    """An ASGI app. What differs between hosts is in the methods that have no underscore."""

    published: Path
    types: Mapping[str, str] = field(default_factory=lambda: TYPES)
    """Those with rules know no others: worse than they are."""
    requests: list[Asked] = field(default_factory=list)

    @abstractmethod
    def find(self, path: str) -> Found:
        """What is at an address."""

    @abstractmethod
    def headers(self, path: str, found: Found) -> dict[str, str]:
        """Beside those about the content, in the place of which they stand."""

    def is_published(self, name: str) -> bool:
        """Some files are for the host."""
        return True

    def names(self) -> Iterator[str]:
        """Of everything that has an address."""
        for path in sorted(self.published.rglob("*")):
            name = path.relative_to(self.published).as_posix()
            if path.is_file() and self.is_published(name):
                yield name

    def file(self, path: str) -> Path | None:
        """What is published under exactly this address."""
        name = unquote(path).removeprefix("/")
        found = self.published / name
        return found if name and self.is_published(name) and found.is_file() else None

    @contextmanager
    def listening(self) -> Iterator[list[Asked]]:
        """What is asked for meanwhile."""
        before = len(self.requests)
        heard: list[Asked] = []
        yield heard
        heard += self.requests[before:]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        response = self._answer(request)
        self.requests.append(Asked(request.url.path, response.status_code))
        await response(scope, receive, send)

    def _answer(self, request: Request) -> Response:
        path = request.url.path
        found = self.find(path) if request.method in ("GET", "HEAD") else Found(status=405)
        told = {name.lower(): value for name, value in self.headers(path, found).items()}
        if found.location is not None:
            return Response(status_code=found.status, headers={**told, "location": found.location})
        if found.file is None:
            return Response(str(found.status), found.status, {**told, "content-type": "text/plain"})
        return self._content(request, found.status, found.file, told)

    def _content(self, request: Request, status: int, file: Path, told: dict[str, str]) -> Response:
        headers = {"content-type": self.types.get(file.suffix, UNKNOWN), "vary": "Accept-Encoding", **told}
        content = file.read_bytes()
        tag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
        if headers["content-type"].startswith(COMPRESSED) and "gzip" in request.headers.get(
            "accept-encoding", ""
        ):
            content = _compressed(content)
            headers |= {"content-encoding": "gzip", "etag": f"W/{tag}"}
        else:
            headers["etag"] = tag
        if tag in request.headers.get("if-none-match", ""):
            headers.pop("content-encoding", None)
            return Response(status_code=304, headers=headers)
        return Response(content, status, headers)


@cache
def _compressed(content: bytes) -> bytes:
    return gzip.compress(content, 6)


def joined(rules: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """The headers of all rules that fit; no two of them may have the same."""
    headers: dict[str, str] = {}
    for rule in rules:
        for name, value in rule.items():
            assert name.lower() not in map(str.lower, headers), f"two rules set {name}"
            headers[name] = value
    return headers
