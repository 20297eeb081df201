"""From what is declared to a folder of wheels: pip resolves and downloads, and what came is verified."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from spa_runtime.packages import engine, pip
from spa_runtime.packages.declared import Declared
from spa_runtime.packages.faults import Refusal
from spa_runtime.packages.progress import Tell
from spa_runtime.packages.requirements import PackagesError, Requirement
from spa_runtime.packages.wheel import Wheel, wheels_in

DOWNLOADING = re.compile(r"Downloading (?:\S*/)?(\S+\.whl)(?: \((.+)\))?")
SEARCHING = re.compile(r"pip is looking at multiple versions of (\S+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolution:
    """One question to pip."""

    declared: Declared
    find_links: Sequence[Path]
    work: Path
    """A folder for what is needed meanwhile."""
    tell: Tell

    def into(self, wheels: Path) -> None:
        """Put into an empty folder what engine and jobs need. Raises ``PackagesError``."""
        pinned = engine.pins()
        refusal = self._try(wheels, pinned)
        if refusal is not None and refusal.is_about_pins:
            self.tell("  trying other versions of what the engine needs", detail=True)
            refusal = self._try(wheels, ())
        if refusal is not None:
            raise refusal.explained(partial(pip.offered, options=self._sources(), folder=self.work))
        _verify(wheels_in(wheels), self.declared.wanted.requirements, pinned)

    def _try(self, wheels: Path, pins: Sequence[Requirement]) -> Refusal | None:
        wanted, python = self.declared.wanted, self.declared.python
        asked, constraints = [*wanted.options, *wanted.requirements], [*wanted.constraints, *pins]
        stand_in = engine.write_stand_in(self.work, python.text if python else None)
        lists = [
            *("--requirement", _written(self.work / "requirements.txt", asked)),
            *("--constraint", _written(self.work / "constraints.txt", constraints)),
            f"{engine.NAME} @ {stand_in.as_uri()}",
        ]
        said = pip.download(wheels, [*self._links(), *lists], self._hear)
        if not said.is_done:
            # Of what came before it failed, nothing may be left for the next try.
            for file in wheels.iterdir():
                file.unlink()
            return Refusal(said, asked, constraints, python)
        (wheels / stand_in.name).unlink()
        _expect_wheels(wheels)
        return None

    def _links(self) -> list[str]:
        return [part for folder in self.find_links for part in ("--find-links", str(folder.absolute()))]

    def _sources(self) -> list[str]:
        """Where pip looks for packages, for a command line."""
        options = _written(self.work / "sources.txt", self.declared.wanted.options)
        return [*self._links(), "--requirement", options]

    def _hear(self, line: str) -> None:
        if found := DOWNLOADING.search(line):
            self.tell(f"  {found[1]}" + (f"  {found[2]}" if found[2] else ""), detail=True)
        elif found := SEARCHING.search(line):
            self.tell(f"  looking for a version of {found[1]} that fits", detail=True)


def _written(file: Path, lines: Sequence[Requirement]) -> str:
    """A list for pip, in which each line has the number that it has here."""
    file.write_text("".join(f"{line.text}\n" for line in lines), "utf-8")
    return str(file)


def _expect_wheels(folder: Path) -> None:
    """A package may depend on an archive at an address, which pip takes for better or worse."""
    for file in folder.iterdir():
        if file.suffix != ".whl":
            raise PackagesError(
                f"{file.name} is no wheel, and only wheels can be packed for the browser: make one of it with "
                "`pip wheel --no-deps`, and give its folder with --find-links."
            )


def _verify(wheels: Sequence[Wheel], declared: Sequence[Requirement], pins: Sequence[Requirement]) -> None:
    """Hashes bind: those of a list, and those of what the engine was made with."""
    ours = {pin.name: pin for pin in pins}
    theirs: dict[str, list[Requirement]] = {}
    for line in declared:
        theirs.setdefault(line.name or "", []).append(line)
    are_bound = any(line.hashes for line in declared)
    for wheel in wheels:
        lines = theirs.get(wheel.name, [])
        hashes = {each for line in lines for each in line.hashes}
        pin = ours.get(wheel.name)
        if hashes and not _fits(wheel, hashes):
            raise PackagesError(
                f"{wheel.file.name} has none of the hashes that are declared for it.", lines[0].place
            )
        if pin is not None and f"{wheel.name}=={wheel.version}" == pin.text and not _fits(wheel, pin.hashes):
            raise PackagesError(
                f"{wheel.file.name} is not the file with which this version of Durably was made."
            )
        if are_bound and not hashes and pin is None:
            raise PackagesError(
                f"{wheel.name} {wheel.version} has no hash in the list, while others have: lock the list anew.",
                lines[0].place if lines else None,
            )


def _fits(wheel: Wheel, hashes: Sequence[str] | set[str]) -> bool:
    content = wheel.file.read_bytes()
    return any(
        hashlib.new(name, content).hexdigest() == digest
        for name, _, digest in (each.partition(":") for each in hashes)
        if name in hashlib.algorithms_available
    )
