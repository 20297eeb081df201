"""Lists of requirements as pip reads them: lines, and the files that they include.

Only lines are told apart here. What a requirement says is for pip to read.
"""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from durably_core.errors import ValidationError
from durably_core.job_file import Place

_COMMENT = re.compile(r"(^|\s+)#.*$")
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?(?=\s*(?:$|[\[@;<>=!~(,]))")
_HASH = re.compile(r"\s--hash[= ](\S+)")
_OPTION = re.compile(r"(--[\w-]+|-\w)[\s=]*(.*)")
_ADDRESS = re.compile(
    r"(?:[\w.-]+\s*(?:\[[^\]]*\])?\s*@\s*)?"  # a name before it
    r"(\w[\w+.-]*:\S*"  # an address, or a path on Windows
    r"|[^\s;\[]*[/\\][^\s;\[]*|\.+"  # a path
    r"|[^\s;\[@]+\.(?:whl|zip|tar\.gz))"  # a file here
)
INCLUDES = {
    "-r": "requirements",
    "--requirement": "requirements",
    "-c": "constraints",
    "--constraint": "constraints",
}
EDITABLE = ("-e", "--editable")
IGNORED = ("--no-binary", "--only-binary", "--require-hashes")
"""The browser takes wheels only, and hashes that are given are compared in any case."""


class PackagesError(ValidationError):
    """The packages that the jobs need can't be had."""

    def __init__(self, reason: str, place: Place | None = None) -> None:
        super().__init__(reason if place is None else f"{shown(place.file)}:{place.line}: {reason}")
        self.reason = reason
        self.place = place
        """The line that declares what can't be had, if there is one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirement:
    """One line for pip: a requirement, or an option that says where packages come from."""

    text: str
    place: Place
    hashes: tuple[str, ...] = ()
    """``sha256:…``, of which one must be the wheel's."""

    @property
    def name(self) -> str | None:
        """The normalized name of the package; None: of an option, or of an address without one."""
        found = _NAME.match(self.text)
        return None if found is None else normalized(found[0])


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirements:
    """What a job project declares, and the text of everything in which it does."""

    requirements: tuple[Requirement, ...] = ()
    constraints: tuple[Requirement, ...] = ()
    options: tuple[Requirement, ...] = ()
    files: tuple[Path, ...] = ()
    """A change of one of them may change all this."""


def normalized(name: str) -> str:
    """A package's name, as all its spellings have it in common."""
    return re.sub(r"[-_.]+", "-", name).lower()


def shown(file: Path) -> str:
    """As short as it can be said here."""
    here = Path.cwd()
    return str(file.relative_to(here) if file.is_relative_to(here) else file)


def read_requirements(file: Path) -> Requirements:
    """A file in pip's format with all that it includes. Raises ``PackagesError``."""
    reader = _Reader()
    reader.read(file.resolve(), "requirements", None)
    return reader.found()


def requirement(text: str, place: Place) -> Requirement | None:
    """A requirement as it is written in a list. None: it is Durably, which is packed anyway.

    Raises ``PackagesError`` for what can be no wheel.
    """
    wanted = text.partition(" --")[0].strip()
    made = Requirement(text=_located(wanted, place), place=place, hashes=tuple(_HASH.findall(text)))
    is_durably = made.name == "durably" or (made.name is None and "/durably-" in made.text)
    return None if is_durably else made


class _Reader:
    def __init__(self) -> None:
        self._lines: dict[str, list[Requirement]] = {"requirements": [], "constraints": [], "options": []}
        self._files: list[Path] = []

    def found(self) -> Requirements:
        lines = {kind: tuple(found) for kind, found in self._lines.items()}
        return Requirements(files=tuple(self._files), **lines)

    def read(self, file: Path, kind: str, included: Place | None) -> None:
        if file in self._files:
            return
        self._files.append(file)
        for number, text in _logical_lines(_text_of(file, included)):
            place = Place(file=file, line=number)
            if text.startswith("-"):
                self._option(text, kind, place)
            elif (made := requirement(text, place)) is not None:
                self._lines[kind].append(made)

    def _option(self, text: str, kind: str, place: Place) -> None:
        found = _OPTION.match(text)
        name, value = (found[1], found[2]) if found else (text, "")
        if name in INCLUDES:
            self.read(_included(value, place), INCLUDES[name] if kind == "requirements" else kind, place)
        elif name in EDITABLE:
            raise PackagesError(_no_wheel(value), place)
        elif name not in IGNORED:
            self._lines["options"].append(Requirement(text=_anchored(name, value, text, place), place=place))


def _text_of(file: Path, included: Place | None) -> str:
    try:
        return file.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text in UTF-8"
        raise PackagesError(f"{shown(file)} can't be read: {reason}.", included) from error


def _logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """Each with the number of its first line, without comments; a backslash at the end continues it."""
    first, parts = 0, list[str]()
    for number, line in enumerate(text.splitlines(), start=1):
        first = first if parts else number
        is_comment = line.lstrip().startswith("#")
        if line.endswith("\\") and not is_comment:
            parts.append(line[:-1].strip())
            continue
        parts.append(_COMMENT.sub("", line).strip())
        if joined := " ".join(filter(None, parts)):
            yield first, joined
        parts = []
    if joined := " ".join(filter(None, parts)):
        yield first, joined


def _included(value: str, place: Place) -> Path:
    if "://" in value:
        raise PackagesError(f"A list at an address can't be included: save {value} beside this file.", place)
    return (place.file.parent / value).resolve()


def _anchored(name: str, value: str, text: str, place: Place) -> str:
    """Folders are meant from where they are written, as pip does it."""
    if name in ("-f", "--find-links") and (folder := place.file.parent / value).exists():
        return f"--find-links {shlex.quote(str(folder))}"
    return text


def _located(text: str, place: Place) -> str:
    """The requirement with the whole address of a wheel in a file. Raises ``PackagesError`` for other files."""
    found = _ADDRESS.match(text)
    if found is None:
        return text
    address = found[1]
    path = address.partition("#")[0].partition("?")[0]
    if not path.endswith(".whl"):
        raise PackagesError(_no_wheel(address), place)
    if re.match(r"\w[\w+.-]+:", address):
        return text
    file = next((start / path for start in (place.file.parent, Path.cwd()) if (start / path).is_file()), None)
    if file is None:
        raise PackagesError(f"There is no file {path}.", place)
    return text.replace(address, file.resolve().as_uri(), 1)


def _no_wheel(what: str) -> str:
    return (
        f"{what} is no wheel, and only wheels can be packed for the browser: make one with "
        f"`pip wheel --no-deps -w wheels {what}`, declare the package by its name, and give the folder with "
        "`--find-links wheels`."
    )
