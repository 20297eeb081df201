"""Vercel, after vercel.com/docs/project-configuration and the npm package @vercel/routing-utils."""

import json
import re
from typing import Any

from tests.browser.hosts.static_host import REVALIDATED, Found, StaticHost, joined

CONFIG = "vercel.json"


class Vercel(StaticHost):
    def is_published(self, name: str) -> bool:
        return name != CONFIG

    def find(self, path: str) -> Found:
        if self._config.get("trailingSlash") and re.fullmatch(r"/(?:[^/]+/)*[^/.]+", path):
            return Found(308, location=f"{path}/")
        # A folder's page is answered with and without a slash, if nothing else is said.
        if file := self.file(path) or self.file(f"{path.rstrip('/')}/index.html"):
            return Found(file=file)
        return Found(404, self.file("/404.html"))

    def headers(self, path: str, found: Found) -> dict[str, str]:
        rules = self._config["headers"]
        fitting = [rule["headers"] for rule in rules if re.fullmatch(_expression(rule["source"]), path)]
        told = joined({each["key"]: each["value"]} for headers in fitting for each in headers)
        return {"Cache-Control": REVALIDATED, **told}

    @property
    def _config(self) -> dict[str, Any]:
        config: dict[str, Any] = json.loads((self.published / CONFIG).read_text("utf-8"))
        return config


def _expression(source: str) -> str:
    """What path-to-regexp makes of a source that has groups but no names."""
    assert source.startswith("/")
    expression = ""
    while source:
        if group := _group(source.removeprefix("/")):
            slash = source[: source.startswith("/")]
            expression += f"(?:{slash}({group}))"
            source = source[len(slash) + len(group) + 2 :]
        else:
            literal, source = (source[1], source[2:]) if source[0] == "\\" else (source[0], source[1:])
            assert literal not in ":{}*+?", f"{literal} means something else in a source"
            expression += re.escape(literal)
    return expression


def _group(text: str) -> str:
    """What is in the parentheses with which the text begins, if it does."""
    depth = 0
    for at, letter in enumerate(text):
        depth += (letter == "(") - (letter == ")")
        if depth == 0:
            return text[1:at]
    return ""
