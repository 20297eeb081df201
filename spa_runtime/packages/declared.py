"""Where a job project says which packages it needs: the first place that there is.

A list that is given, the job file itself (PEP 723), ``requirements.txt`` beside it, or the nearest
``pyproject.toml``.
"""

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from durably_core.job_file import Place
from spa_runtime.packages.requirements import (
    PackagesError,
    Requirement,
    Requirements,
    read_requirements,
    requirement,
    shown,
)

METADATA = re.compile(r"(?m)^# /// (?P<type>[a-zA-Z0-9-]+)$\s(?P<content>(^#(| .*)$\s)+)^# ///$")
"""A block of inline metadata, as PEP 723 has it."""
BEGINNING = re.compile(r"(?m)^# /// script$")
LIST = "requirements.txt"
PROJECT = "pyproject.toml"
OURSELVES = "durably"
_LINE_OF_TOML = re.compile(r"\(at line (\d+), column \d+\)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """What the jobs need, and where it is declared."""

    place: str
    """For people, as ``requirements.txt``."""
    wanted: Requirements
    python: Requirement | None = None
    """What a script's inline metadata says of its Python, as ``>=3.12``."""


def find_declared(jobs: Path | None, given: Path | None) -> Declared:
    """The declaration for a job file. Raises ``PackagesError`` for one that can't be read."""
    if given is not None:
        return Declared(place=shown(given.absolute()), wanted=read_requirements(given))
    places = () if jobs is None else _places(jobs.resolve())
    nothing = Declared(place="nothing", wanted=Requirements())
    return next((declared for declared in places if declared is not None), nothing)


def watched(jobs: Path, given: Path | None) -> Iterator[Path]:
    """Files whose change, coming or going may change what is declared, as far as they can be known."""
    file = jobs.resolve()
    yield from (file, file.parent / LIST) if given is None else (given.resolve(),)
    yield from () if given is not None else (folder / PROJECT for folder in _project_folders(file.parent))
    try:
        yield from find_declared(jobs, given).wanted.files
    except PackagesError as error:
        if error.place is not None:
            yield error.place.file


def _places(file: Path) -> Iterator[Declared | None]:
    yield _in_job_file(file)
    beside = file.parent / LIST
    yield Declared(place=shown(beside), wanted=read_requirements(beside)) if beside.is_file() else None
    yield from (_in_project(folder / PROJECT) for folder in _project_folders(file.parent))


def _project_folders(folder: Path) -> Iterator[Path]:
    """Up to the root of a repository, or the user's own folder."""
    for each in (folder, *folder.parents):
        yield each
        if (each / ".git").exists() or each == _home():
            return


def _home() -> Path | None:
    try:
        return Path.home()
    except RuntimeError:
        return None


def _in_job_file(file: Path) -> Declared | None:
    text = _text_of(file)
    blocks = [found for found in METADATA.finditer(text) if found["type"] == "script"]
    if not blocks:
        _expect_no_beginning(file, text)
        return None
    first = text.count("\n", 0, blocks[0].start("content")) + 1
    if len(blocks) > 1:
        again = Place(file=file, line=text.count("\n", 0, blocks[1].start()) + 1)
        raise PackagesError("There are two blocks of inline metadata (`# /// script`): leave one.", again)
    lines = [line[2:] if line.startswith("# ") else line[1:] for line in blocks[0]["content"].splitlines()]
    table = _Toml(file, "\n".join(lines), first)
    declared = table.declared(table.content, f"{shown(file)} (inline metadata)")
    return None if declared is None else replace(declared, python=table.python())


def _expect_no_beginning(file: Path, text: str) -> None:
    """A block without an end is no block: what it declares would be left out without a word."""
    found = BEGINNING.search(text)
    if found is not None:
        raise PackagesError(
            "The inline metadata that begins here has no end: each line of it begins with `#`, and the last "
            "is `# ///`.",
            Place(file=file, line=text.count("\n", 0, found.start()) + 1),
        )


def _in_project(file: Path) -> Declared | None:
    if not file.is_file():
        return None
    table = _Toml(file, _text_of(file), 1)
    project = table.content.get("project")
    if not isinstance(project, dict) or project.get("name") == OURSELVES:
        return None
    if "dependencies" in project.get("dynamic", ()):
        raise PackagesError(
            "The dependencies are dynamic: only the build of the project knows them. Give a list of what the "
            "jobs need with --requirements, or declare it in the job file.",
            Place(file=file, line=table.line_of("dynamic")),
        )
    nothing = Declared(place=shown(file), wanted=Requirements(files=(file,)))
    return table.declared(project, shown(file)) or nothing


def _text_of(file: Path) -> str:
    try:
        return file.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text in UTF-8"
        raise PackagesError(f"{shown(file)} can't be read: {reason}.") from error


class _Toml:
    """TOML in a file, beginning at a line of it."""

    def __init__(self, file: Path, text: str, first: int) -> None:
        self._file, self._lines, self._first = file, text.splitlines(), first
        try:
            self.content: dict[str, Any] = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            found = _LINE_OF_TOML.search(str(error))
            line = first if found is None else first + int(found[1]) - 1
            reason = str(error).partition(" (at ")[0]
            raise PackagesError(f"This is no TOML: {reason}.", Place(file=file, line=line)) from error

    def line_of(self, text: str, after: int = 0) -> int:
        """Where a text first stands, by its number in the file: the parser does not tell."""
        for number, line in enumerate(self._lines):
            if number + self._first > after and text in line:
                return number + self._first
        return self._first

    def python(self) -> Requirement | None:
        """What ``requires-python`` says; None if it is not there."""
        if "requires-python" not in self.content:
            return None
        text = self.content["requires-python"]
        place = Place(file=self._file, line=self.line_of("requires-python"))
        if not isinstance(text, str) or "\n" in text:
            raise PackagesError("`requires-python` must be a string.", place)
        return Requirement(text=text, place=place)

    def declared(self, table: dict[str, Any], place: str) -> Declared | None:
        """What ``dependencies`` of the table says; None if it is not there."""
        if "dependencies" not in table:
            return None
        line = self.line_of("dependencies")
        texts = table["dependencies"]
        if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
            raise PackagesError("`dependencies` must be a list of strings.", Place(file=self._file, line=line))
        places = [Place(file=self._file, line=self.line_of(text, line - 1)) for text in texts]
        made = [requirement(text, place) for text, place in zip(texts, places, strict=True)]
        return Declared(
            place=place,
            wanted=Requirements(requirements=tuple(filter(None, made)), files=(self._file,)),
        )
