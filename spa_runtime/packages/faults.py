"""From what pip said to a sentence: which package, who wants it, and what to do."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from durably_core.job_file import Place
from spa_runtime.packages import engine
from spa_runtime.packages.pip import Offered, Said
from spa_runtime.packages.pyodide import PYTHON, distributed
from spa_runtime.packages.requirements import PackagesError, Requirement, normalized, shown

INVALID = re.compile(r"Invalid requirement: .*?\(from line (\d+) of (?:[^()\n]*[/\\])?(\w+)\.txt\)", re.DOTALL)
HINT = re.compile(r"Hint: (.*)")
OTHER_PYTHON = re.compile(r"Package '([^']+)' requires a different Python: \S+ not in '([^']+)'")
REPOSITORY = re.compile(r"Collecting (\S+) ?@ ?((?:git|hg|svn|bzr)\+\S+)")
MISSING = re.compile(r"satisfies the requirement (.+?)(?: \(from ([^()]+?)(?:->.*)?\))? \(from versions: .*\)")
CONFLICT = re.compile(r"The conflict is caused by:\n((?: {4}.+\n)+)")
REQUESTED = re.compile(r"The user requested (?P<constraint>\(constraint\) )?(?P<what>.*)")
DEPENDS = re.compile(r"(?P<who>\S+ \S+) depends on (?P<what>.*)")
LAST_WORDS = 15
"""Lines of pip."""
MOST_VERSIONS = 6
INSTEAD = "take another package; or, if only a server needs it, leave it out of what the jobs declare."


@dataclass(frozen=True, slots=True)
class Want:
    """A requirement, as pip writes it, and whose it is."""

    what: str
    who: str | None = None
    """A package; None: the list that pip was given."""
    is_constraint: bool = False

    @property
    def name(self) -> str:
        """Of the package that is wanted."""
        return normalized(re.split(r"[^\w.-]", self.what, maxsplit=1)[0])

    @property
    def wanting(self) -> str | None:
        """Name of the package that wants it."""
        return None if self.who is None else normalized(self.who.partition(" ")[0])


@dataclass(frozen=True)
class Refusal:
    """pip did not resolve what it was asked for."""

    said: Said
    asked: Sequence[Requirement]
    """The lines of the list that it was given, in order."""
    constraints: Sequence[Requirement]
    python: Requirement | None
    """What the jobs say of their Python."""

    @property
    def is_about_pins(self) -> bool:
        """With other versions of what the engine needs it may be possible."""
        pinned = {pin.name for pin in engine.pins()}
        return any(want.name in pinned for want in self._wants) and not self.said.has_trouble

    def explained(self, offered: Callable[[str], Offered]) -> PackagesError:
        """The error to raise. ``offered`` looks up a package."""
        known = self._invalid() or self._other_python() or self._repository()
        if known is not None:
            return known
        if self._wants and self.said.has_trouble:
            return _unreachable()
        # There is exactly one Durably: the one that asks.
        for want in (want for want in self._wants if want.name != engine.NAME):
            if (error := self._other_engine(want)) is not None:
                return error
            if (error := self._missing(want, offered(want.name))) is not None:
                return error
        if self._conflict:
            lines = "".join(f"\n  {line}" for line in dict.fromkeys(map(self._told, self._conflict)))
            return PackagesError(f"These don't fit together:{lines}", self._place(*self._conflict))
        if self.said.has_trouble:
            return _unreachable()
        words = "\n".join(self.said.text.strip().splitlines()[-LAST_WORDS:])
        return PackagesError(f"The packages for the browser could not be had. pip says:\n{words}")

    @cached_property
    def _wants(self) -> list[Want]:
        missing = [Want(found[1], _package(found[2])) for found in MISSING.finditer(self.said.text)]
        return missing or self._conflict

    @cached_property
    def _conflict(self) -> list[Want]:
        found = CONFLICT.search(self.said.text)
        return [] if found is None else list(_wants_of(found[1]))

    def _invalid(self) -> PackagesError | None:
        if (found := INVALID.search(self.said.text)) is None:
            return None
        line = (self.constraints if found[2] == "constraints" else self.asked)[int(found[1]) - 1]
        hint = HINT.search(self.said.text)
        tail = "" if hint is None else f" {hint[1]}"
        return PackagesError(f"{line.text!r} is no requirement that pip understands.{tail}", line.place)

    def _other_python(self) -> PackagesError | None:
        if (found := OTHER_PYTHON.search(self.said.text)) is None:
            return None
        if found[1] == engine.NAME and self.python is not None:
            return PackagesError(
                f"The jobs require Python {self.python.text}, and the browser has {PYTHON}.", self.python.place
            )
        return PackagesError(
            f"{found[1]} needs Python {found[2]}, and the browser has {PYTHON}: {INSTEAD}",
            self._place(Want(found[1])),
        )

    def _repository(self) -> PackagesError | None:
        if (found := REPOSITORY.search(self.said.text)) is None:
            return None
        return PackagesError(
            f"{found[1]} is wanted from a repository, and only wheels can be packed for the browser: make one "
            f"with `pip wheel --no-deps -w wheels {found[2]}`, and give the folder with `--find-links wheels`."
        )

    def _missing(self, want: Want, offered: Offered) -> PackagesError | None:
        """Why there is nothing that could be taken; None: there is."""
        if offered.usable and want in self._conflict and not self._is_out_of_reach(want, offered):
            return None
        name = f"{want.name}, which {want.who} needs," if want.who else want.name
        if offered.is_nothing and offered.has_trouble:
            return _unreachable()
        if offered.is_nothing:
            reason = f"{name} is in no package index that pip asks. Is it spelled right?"
        elif offered.usable:
            versions = ", ".join(_versions(offered.usable)[-MOST_VERSIONS:])
            by = f" that {want.who} needs" if want.who else ""
            reason = f"There is no {want.what}{by} with a wheel for the browser: there is {versions}."
        else:
            reason = f"{name} {_lacks(want.name, offered)}"
        return PackagesError(reason, self._place(want))

    def _other_engine(self, want: Want) -> PackagesError | None:
        """A version of what the engine needs, so old that what it needs itself is not there."""
        line = next((line for line in self.asked if line.name == want.wanting), None)
        need = next((need for need in engine.NEEDS if Want(need).name == want.wanting), None)
        if line is None or need is None or self._conflict:
            return None
        return PackagesError(f"Durably needs {need} in the browser, and this wants {line.text}.", line.place)

    def _is_out_of_reach(self, want: Want, offered: Offered) -> bool:
        """Each that wants it wants one version, and none of them has a wheel."""
        there = {f"{want.name}=={version}" for version in _versions(offered.usable)}
        wanted = {each.what for each in self._conflict if each.name == want.name}
        return not wanted & there and all(what.startswith(f"{want.name}==") for what in wanted)

    def _told(self, want: Want) -> str:
        if want.who is not None:
            is_ours = want.wanting == engine.NAME
            return (
                f"{want.who.capitalize()} needs {want.what} in the browser"
                if is_ours
                else f"{want.who} needs {want.what}"
            )
        if want.name == engine.NAME:
            return f"this is {' '.join(want.what.capitalize().split()[:2])}"
        lines = self.constraints if want.is_constraint else self.asked
        place = next((line.place for line in lines if line.name == want.name), None)
        if place is None or place.file == engine.PINS:
            return f"Durably was made with {want.what}"
        return f"{shown(place.file)}:{place.line} wants {want.what}"

    def _place(self, *wants: Want) -> Place | None:
        """The first line that asks for one of these, or for what wants it."""
        about = {name for want in wants for name in (want.name, want.wanting) if name is not None}
        return next((line.place for line in self.asked if line.name in about), None)


def _wants_of(lines: str) -> Iterator[Want]:
    for line in map(str.strip, lines.splitlines()):
        if requested := REQUESTED.fullmatch(line):
            yield Want(requested["what"], None, requested["constraint"] is not None)
        elif depends := DEPENDS.fullmatch(line):
            yield Want(depends["what"], depends["who"])


def _package(origin: str | None) -> str | None:
    """From where a requirement came: None for a line of the list."""
    return None if origin is None or origin.startswith("-r ") else origin


def _unreachable() -> PackagesError:
    # Not of one package: pip names the first whose page it could not have, which may be downloaded already.
    return PackagesError(
        "The packages for the browser could not be downloaded: the package index does not answer. Is this "
        "machine connected to the network? What was built before needs none."
    )


def _versions(files: list[str]) -> list[str]:
    found = {file.split("-")[1] for file in files if "-" in file}
    return sorted(found, key=lambda version: [int(part) for part in re.findall(r"\d+", version)])


def _lacks(name: str, offered: Offered) -> str:
    """What there is instead of a wheel for the browser, and what to do."""
    if offered.wheels:
        advice = distributed(name) or f"{INSTEAD[0].upper()}{INSTEAD[1:]}"
        return f"has no wheel for the browser, only for other machines, such as {offered.wheels[-1]}. {advice}"
    if offered.sources:
        return (
            f"has no wheel, only source code ({offered.sources[-1]}). If it is pure Python, make one with "
            f"`pip wheel --no-deps -w wheels {name}`, and give the folder with `--find-links wheels`. "
            f"Otherwise {INSTEAD}"
        )
    return (
        f"needs another Python than the browser's, {PYTHON}: {offered.of_other_python[-1]}. Otherwise {INSTEAD}"
    )
