"""Netlify, after docs.netlify.com/manage/routing/headers and the npm package @netlify/headers."""

import re
import tomllib
from collections.abc import Iterator

from tests.browser.hosts.static_host import Found, StaticHost, joined

RULES = "_headers"
CONFIG = "netlify.toml"
FOR_THE_HOST = {RULES, CONFIG, "_redirects"}


class Netlify(StaticHost):
    def is_published(self, name: str) -> bool:
        return name not in FOR_THE_HOST

    def find(self, path: str) -> Found:
        if file := self.file(path) or self.file(f"{path.rstrip('/')}/index.html") or self.file(f"{path}.html"):
            is_folder = file.name == "index.html" and not path.endswith(("/", "index.html"))
            return Found(301, location=f"{path}/") if is_folder else Found(file=file)
        return Found(404, self.file("/404.html"))

    def headers(self, path: str, found: Found) -> dict[str, str]:
        fitting = [headers for pattern, headers in self._rules() if _pattern(pattern).fullmatch(path)]
        return {"Cache-Control": "public,max-age=0,must-revalidate", **joined(fitting)}

    def _rules(self) -> Iterator[tuple[str, dict[str, str]]]:
        """Both files count."""
        rules = self.published / RULES
        if rules.is_file():
            yield from _parsed(rules.read_text("utf-8"))
        config = self.published / CONFIG
        if config.is_file():
            for rule in tomllib.loads(config.read_text("utf-8")).get("headers", []):
                yield rule["for"], rule["values"]


def _parsed(text: str) -> Iterator[tuple[str, dict[str, str]]]:
    pattern, headers = "", dict[str, str]()
    for line in map(str.strip, text.splitlines()):
        if line.startswith("/"):
            yield pattern, headers
            pattern, headers = line, {}
        elif line and not line.startswith("#"):
            name, value = (part.strip() for part in line.split(":", 1))
            assert name
            assert value, f"{name} has no value"
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
    yield pattern, headers


def _pattern(text: str) -> re.Pattern[str]:
    parts = [_part(part.rstrip()) for part in text.split("/") if part.strip()]
    return re.compile(f"/{'/'.join(parts)}/?", re.IGNORECASE)


def _part(part: str) -> str:
    if part.startswith(":"):
        return "([^/]+)"
    if part == "*":
        return "?(.*)"
    # As it is: what else stands beside an asterisk is read as an expression.
    return part.replace("*", "(.*)") if "*" in part else re.escape(part)
