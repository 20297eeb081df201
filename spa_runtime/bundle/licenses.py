"""The list of licences: of everything that a built folder has in it, with their texts."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from email.message import Message
from importlib.metadata import distribution
from pathlib import Path, PurePosixPath

from spa_runtime.bundle.components import PYODIDE
from spa_runtime.packages import Wheel, wheels_in

FILE = "licenses.txt"
"""In the runtime folder."""
TEXTS = Path(__file__).parent / "license_texts"
OF_SCRIPTS = ("license.json", ".vite/license.json")
"""What a bundler wrote beside the scripts that it made. Vite does it with ``build.license``."""
UNKNOWN = "unknown"
_TEXT = re.compile(r"(licen[cs]e|copying|notice|authors)([.-].*)?$", re.IGNORECASE)
_LONGEST_NAME = 80
"""Of a licence. Some packages have its whole text in the field for its name."""
_LINE = "=" * 100


@dataclass(frozen=True, slots=True, order=True)
class License:
    """That of one package."""

    name: str
    version: str
    """May be empty."""
    license: str
    """An SPDX expression, or what the package says."""
    texts: tuple[str, ...] = ()


PAGE = License(
    "The page around it",
    "",
    UNKNOWN,
    ("What it is made of is not told. With Vite: `build: { license: { fileName: '.vite/license.json' } }`.",),
)
"""Stands for scripts of which nothing is known."""


def collect_licenses(wheels: Path, scripts: Sequence[Path]) -> list[License]:
    """Those of Durably, Pyodide, the wheels of a folder, and the scripts in folders that a bundler made.

    Without such a folder the page is another's, which is said.
    """
    found = {_of_durably(), *_of_pyodide(), *(_of_wheel(wheel) for wheel in wheels_in(wheels))}
    for folder in scripts:
        found |= set(_of_scripts(folder))
    if not scripts:
        found.add(PAGE)
    return sorted(found, key=lambda each: (each.name.lower(), each))


def listed(licenses: Sequence[License]) -> list[dict[str, str]]:
    """For programs."""
    return [{"name": each.name, "version": each.version, "license": each.license} for each in licenses]


def written(licenses: Sequence[License]) -> bytes:
    """For people: first the list, then the texts."""
    title = "What this site is made of, and the licences of its parts"
    names = [f"{each.name} {each.version}".strip() for each in licenses]
    width = max(len(name) for name in names)
    table = [f"{name:{width}}  {each.license}" for name, each in zip(names, licenses, strict=True)]
    parts = [
        "\n".join([_LINE, name, each.license, "", *(f"{text.strip()}\n" for text in each.texts)])
        for name, each in zip(names, licenses, strict=True)
    ]
    return "\n".join([title, "", *table, "", *parts]).encode()


def _of_durably() -> License:
    durably = distribution("durably")
    text = durably.read_text("licenses/LICENSE") or durably.read_text("LICENSE")
    return License("Durably", durably.version, "MIT", () if text is None else (text,))


def _of_pyodide() -> Iterator[License]:
    for part in PYODIDE:
        texts = ((TEXTS / f"{text}.txt").read_text("utf-8") for text in part.texts)
        yield License(part.name, part.version, part.license, (part.notice, *texts))


def _of_wheel(wheel: Wheel) -> License:
    fields, _ = wheel.metadata()
    texts = {content.decode("utf-8", "replace") for path, content in sorted(wheel.files()) if _is_text(path)}
    return License(wheel.name, wheel.version, _named(fields), tuple(sorted(texts)))


def _is_text(path: str) -> bool:
    """A file that a package brings for lists such as this, for itself or for what is vendored in it."""
    file = PurePosixPath(path)
    return file.suffix not in {".py", ".so"} and (
        _TEXT.match(file.name) is not None or ".dist-info/licenses/" in path
    )


def _named(fields: Message) -> str:
    """The licence as a package's metadata have it, in the newest of three ways."""
    if expression := fields.get("License-Expression"):
        return str(expression)
    classifiers = [
        text.rpartition(" :: ")[2] for text in fields.get_all("Classifier", []) if text.startswith("License ::")
    ]
    told = str(fields.get("License") or "").strip().partition("\n")[0]
    if told and len(told) <= _LONGEST_NAME:
        return told
    return ", ".join(classifiers) or UNKNOWN


def _of_scripts(folder: Path) -> Iterator[License]:
    for name in OF_SCRIPTS:
        if (folder / name).is_file():
            entries: list[Mapping[str, str | None]] = json.loads((folder / name).read_text("utf-8"))
            for entry in entries:
                texts = () if entry.get("text") is None else (str(entry["text"]),)
                yield License(
                    str(entry["name"]), str(entry["version"]), str(entry.get("identifier") or UNKNOWN), texts
                )
            return
    yield PAGE
