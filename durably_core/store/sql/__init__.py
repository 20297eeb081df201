"""Named queries: each ``.sql`` file of a dialect holds statements headed by ``-- name: its_name``."""

import functools
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable

from durably_core.errors import StorageError

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


def missing(dialect: str, applied: Mapping[int, str], name: str) -> list[Migration]:
    """The migrations that a database lacks. ``applied``: the checksum of each that it has.

    Raises ``StorageError``, which begins with the database's ``name``, for one that this code can't work with.
    """
    known = migrations(dialect)
    newest = max(applied, default=0)
    if newest > len(known):
        raise StorageError(
            f"{name} has schema version {newest}, this code knows versions up to {len(known)}: "
            "update Durably, or use the version that wrote it."
        )
    for migration in known:
        if applied.get(migration.version, migration.checksum) != migration.checksum:
            raise StorageError(
                f"{name} was written by a development version, with another schema version "
                f"{migration.version}: export the data, or take another database."
            )
    return [migration for migration in known if migration.version not in applied]


def _folder(dialect: str) -> Traversable:
    return resources.files(__name__) / dialect


def _without_comments(body: str) -> str:
    lines = (line for line in body.splitlines() if not line.startswith("--"))
    return "\n".join(lines).strip().removesuffix(";")
