"""The list of licences: of everything that a built folder has in it, with their texts."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from email.message import Message
from importlib.metadata import distribution
from pathlib import Path, PurePosixPath
from typing import NamedTuple

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


class Lists(NamedTuple):
    """The same for programs and for people."""

    entries: list[dict[str, object]]
    text: bytes


TITLE = "What runs Python in this site, and the licences of its parts"
TITLE_OF_PAGE = "What the page around it is made of, and the licences of its parts"
PAGE = License(
    "The page around it",
    "",
    UNKNOWN,
    ("What it is made of is not told. With Vite: `build: { license: { fileName: '.vite/license.json' } }`.",),
)
"""Stands for a page of which nothing is known."""


def runtime_licenses(wheels: Path) -> list[License]:
    """Those of Durably, Pyodide, and the wheels of a folder."""
    return _sorted({_of_durably(), *_of_pyodide(), *map(_of_wheel, wheels_in(wheels))})


def page_licenses(scripts: Sequence[Path]) -> list[License]:
    """Those of the scripts in folders that a bundler made."""
    return _sorted({license_ for folder in scripts for license_ in _of_scripts(folder)} or {PAGE})


def for_programs(runtime: Sequence[License], page: Sequence[License]) -> list[dict[str, object]]:
    """``[{"name", "version", "license"}]``, with ``"page": true`` for what is around the runtime."""
    return [*map(_entry, runtime), *({**_entry(each), "page": True} for each in page)]


def for_people(runtime: Sequence[License], page: Sequence[License]) -> bytes:
    """Two lists, each with its texts."""
    return f"{_written(TITLE, runtime)}\n{_written(TITLE_OF_PAGE, page)}".encode()


def with_page(entries: Sequence[dict[str, object]], text: bytes, page: Sequence[License]) -> Lists:
    """Both lists of a runtime, with another page around it."""
    of_runtime = [entry for entry in entries if "page" not in entry]
    before = text.decode().partition(TITLE_OF_PAGE)[0]
    return Lists([*of_runtime, *for_programs((), page)], f"{before}{_written(TITLE_OF_PAGE, page)}".encode())


def _entry(license_: License) -> dict[str, object]:
    return {"name": license_.name, "version": license_.version, "license": license_.license}


def _sorted(licenses: set[License]) -> list[License]:
    return sorted(licenses, key=lambda each: (each.name.lower(), each))


def _written(title: str, licenses: Sequence[License]) -> str:
    names = [f"{each.name} {each.version}".strip() for each in licenses]
    width = max(len(name) for name in names)
    table = [f"{name:{width}}  {each.license}" for name, each in zip(names, licenses, strict=True)]
    parts = [
        "\n".join([_LINE, name, each.license, "", *(f"{text.strip()}\n" for text in each.texts)])
        for name, each in zip(names, licenses, strict=True)
    ]
    return "\n".join([title, "", *table, "", *parts])


def _of_durably() -> License:
    durably = distribution("durably")
    text = durably.read_text("licenses/LICENSE") or durably.read_text("LICENSE")
    return License("Durably", durably.version, "MIT", () if text is None else (text,))


def _of_pyodide() -> Iterator[License]:
    for part in PYODIDE:
        texts = ((TEXTS / f"{text}.txt").read_text("utf-8") for text in part.texts)
        yield License(part.name, part.version, part.license, (part.notice, *texts))


def _of_wheel(wheel: Wheel) -> License:
    texts = {content.decode("utf-8", "replace") for path, content in sorted(wheel.files()) if _is_text(path)}
    return License(wheel.name, wheel.version, _named(wheel.metadata()), tuple(sorted(texts)))


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
    file = next((folder / name for name in OF_SCRIPTS if (folder / name).is_file()), None)
    if file is None:
        yield PAGE
        return
    entries: list[Mapping[str, str | None]] = json.loads(file.read_text("utf-8"))
    for entry in entries:
        texts = () if entry.get("text") is None else (str(entry["text"]),)
        yield License(str(entry["name"]), str(entry["version"]), entry.get("identifier") or UNKNOWN, texts)
