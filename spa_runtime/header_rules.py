"""The file ``_headers`` of a site, as hosts read it: rules of a pattern of paths and headers for them."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

FILE = "_headers"
Rules = Mapping[str, Mapping[str, str]]
"""Headers by pattern. In a pattern ``*`` is any text."""


@dataclass(frozen=True, slots=True)
class HeaderRules:
    """Which headers come with which path."""

    rules: Rules

    @classmethod
    def parse(cls, text: str) -> "HeaderRules":
        """From the text of the file; lines that say nothing are skipped, as hosts do."""
        rules: dict[str, dict[str, str]] = {}
        pattern = ""
        for line in map(str.strip, text.splitlines()):
            name, colon, value = line.partition(":")
            if line.startswith("/"):
                pattern = line
            elif colon and not line.startswith("#"):
                rules.setdefault(pattern, {})[name.strip()] = value.strip()
        return cls(rules)

    def text(self) -> str:
        """As a file."""
        return "\n".join(_lines(self.rules))

    def headers_for(self, path: str) -> dict[str, str]:
        """Those of all rules that fit. Of one that several have, the last: rules of ours don't overlap."""
        return {
            name: value
            for pattern, headers in self.rules.items()
            if _fits(pattern, path)
            for name, value in headers.items()
        }


def _fits(pattern: str, path: str) -> bool:
    return re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), path) is not None


def _lines(rules: Rules) -> Iterable[str]:
    for pattern, headers in rules.items():
        yield pattern
        for name, value in headers.items():
            yield f"  {name}: {value}"
        yield ""
