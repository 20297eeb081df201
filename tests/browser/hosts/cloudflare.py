"""Cloudflare Pages, after its documentation (configuration/headers) and the npm package pages-shared."""

import re
from collections.abc import Iterator

from tests.browser.hosts.static_host import REVALIDATED, Found, StaticHost

RULES = "_headers"
FOR_THE_HOST = {RULES, "_redirects", "_routes.json", "_worker.js"}
MOST_RULES = 100
LONGEST_LINE = 2000


class CloudflarePages(StaticHost):
    def is_published(self, name: str) -> bool:
        return name not in FOR_THE_HOST

    def find(self, path: str) -> Found:
        """``index.html`` and ``.html`` are no part of addresses: one that has them leads to the one without."""
        if path.endswith("/"):
            return self._found_or_missing(f"{path}index.html")
        if path.endswith("/index.html") and self.file(path):
            return Found(308, location=path.removesuffix("index.html"))
        if path.endswith(".html") and self.file(path):
            return Found(308, location=path.removesuffix(".html"))
        if self.file(f"{path}/index.html"):
            return Found(308, location=f"{path}/")
        return self._found_or_missing(path)

    def headers(self, path: str, found: Found) -> dict[str, str]:
        headers = {"access-control-allow-origin": "*", "referrer-policy": "strict-origin-when-cross-origin"}
        if found.status == 200:
            headers |= {"cache-control": REVALIDATED, "x-content-type-options": "nosniff"}
        told: dict[str, str] = {}
        for pattern, name, value in self._rules():
            if pattern.fullmatch(path):
                told[name] = f"{told[name]}, {value}" if name in told else value
        missing = {"cache-control": "no-store"} if found.status == 404 else {}
        return {**headers, **told, **missing}

    def _found_or_missing(self, path: str) -> Found:
        if file := self.file(path) or self.file(f"{path}.html"):
            return Found(file=file)
        if missing := self.file("/404.html"):
            return Found(404, missing)
        # Without such a page a site is taken for one whose page answers to all addresses.
        return Found(file=self.file("/index.html"))

    def _rules(self) -> Iterator[tuple[re.Pattern[str], str, str]]:
        pattern, count = re.compile(""), 0
        for line in map(str.strip, (self.published / RULES).read_text("utf-8").splitlines()):
            assert len(line) <= LONGEST_LINE
            if line.startswith("/"):
                count += 1
                pattern = _pattern(line)
            elif line and not line.startswith("#") and count <= MOST_RULES:
                name, value = line.split(":", 1)
                yield pattern, name.strip().lower(), value.strip()


def _pattern(text: str) -> re.Pattern[str]:
    assert text.count("*") <= 1, f"{text} has more than one asterisk"
    escaped = ".*".join(map(re.escape, text.split("*")))
    return re.compile(re.sub(r":[A-Za-z]\w*", "[^/]+", escaped))
