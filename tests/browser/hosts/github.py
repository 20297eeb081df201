"""GitHub Pages. It sends the same headers with everything, and reads no file of ours."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.browser.hosts.static_host import TYPES, Found, StaticHost

KNOWN = {
    **TYPES,
    ".mjs": "text/javascript",
    ".wasm": "application/wasm",
    ".webmanifest": "application/manifest+json",
}


@dataclass
class GitHubPages(StaticHost):
    """``published`` has the site at its top, or in the folder of a project's name."""

    types: Mapping[str, str] = field(default_factory=lambda: KNOWN)

    def is_published(self, name: str) -> bool:
        # What a workflow uploads has no hidden files.
        return not any(part.startswith(".") for part in name.split("/"))

    def find(self, path: str) -> Found:
        if file := self.file(path) or self.file(f"{path}.html"):
            return Found(file=file)
        if file := self.file(f"{path.rstrip('/')}/index.html"):
            return Found(file=file) if path.endswith("/") else Found(301, location=f"{path}/")
        project = path.split("/")[1]
        return Found(404, self.file(f"/{project}/404.html") or self.file("/404.html"))

    def headers(self, path: str, found: Found) -> dict[str, str]:
        caching = {"Cache-Control": "max-age=600"} if found.status == 200 else {}
        return {"Access-Control-Allow-Origin": "*", **caching}
