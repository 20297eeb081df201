"""Named queries: each ``.sql`` file of a dialect holds statements headed by ``-- name: its_name``."""

import functools
import hashlib
import re
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable

_HEADING = re.compile(r"^-- name: (\w+)$", re.MULTILINE)
_PARAMETER = re.compile(r"(?<![:\w]):(\w+)")
_MIGRATION = re.compile(r"^(\d{4})_\w+\.sql$")


@dataclass(frozen=True, slots=True)
class Migration:
    version: int
    checksum: str
    """SHA-256 of the text: a migration never changes once it has been released."""
    text: str


@functools.cache
def queries(dialect: str) -> dict[str, str]:
    """All named queries of a dialect, by name."""
    found: dict[str, str] = {}
    for file in sorted(_folder(dialect).iterdir(), key=lambda file: file.name):
        if not file.name.endswith(".sql"):
            continue
        _, *parts = _HEADING.split(file.read_text("utf-8"))
        for name, body in zip(parts[::2], parts[1::2], strict=True):
            assert name not in found, f"two queries of {dialect} are named {name}"
            found[name] = for_dialect(dialect, _without_comments(body))
    return found


def for_dialect(dialect: str, query: str) -> str:
    """With parameters as its driver wants them. They are written ``:name`` in the files of all dialects."""
    if dialect != "postgres":
        return query
    assert "%" not in query
    return _PARAMETER.sub(r"%(\1)s", query)


@functools.cache
def migrations(dialect: str) -> tuple[Migration, ...]:
    """The migrations of a dialect, oldest first; their versions count up from 1."""
    found = []
    for file in (_folder(dialect) / "migrations").iterdir():
        if match := _MIGRATION.match(file.name):
            text = file.read_text("utf-8")
            found.append(Migration(int(match[1]), hashlib.sha256(text.encode()).hexdigest(), text))
    found.sort(key=lambda migration: migration.version)
    assert [migration.version for migration in found] == list(range(1, len(found) + 1))
    return tuple(found)


def _folder(dialect: str) -> Traversable:
    return resources.files(__name__) / dialect


def _without_comments(body: str) -> str:
    lines = (line for line in body.splitlines() if not line.startswith("--"))
    return "\n".join(lines).strip().removesuffix(";")
