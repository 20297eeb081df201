"""What is in wheels, as it will lie on Python's path in the browser."""

import email.parser
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from email.message import Message
from pathlib import Path, PurePosixPath

from spa_runtime.packages.requirements import PackagesError, normalized

INSTALLED = ("purelib", "platlib")
"""Folders of ``NAME.data`` whose content is installed among the modules. Of the others no page has a use."""
UNUSED = (".pyi", ".pyc")


@dataclass(frozen=True, slots=True, order=True)
class Wheel:
    """One file, read when it is asked for something."""

    file: Path

    @property
    def name(self) -> str:
        """Of the package, normalized."""
        return normalized(self.file.stem.partition("-")[0])

    @property
    def version(self) -> str:
        return self.file.stem.partition("-")[2].partition("-")[0]

    @property
    def size(self) -> int:
        """In bytes."""
        return self.file.stat().st_size

    @property
    def is_pure(self) -> bool:
        """Nothing in it is compiled: it works in every Python."""
        return self.file.stem.endswith("-none-any")

    def files(self) -> Iterator[tuple[str, bytes]]:
        """Every file by its path among the modules. Raises ``PackagesError`` for what is no wheel."""
        with self._opened() as archive:
            for name in archive.namelist():
                if (path := self._installed(name)) is not None:
                    yield path, archive.read(name)

    def modules(self) -> set[str]:
        """Names under which something in it is imported."""
        return {
            path.partition("/")[0].partition(".")[0] for path, _ in self.files() if ".dist-info/" not in path
        }

    def metadata(self) -> Message:
        """The fields that a package says of itself."""
        texts = (content for path, content in self.files() if path.endswith(".dist-info/METADATA"))
        return email.parser.Parser().parsestr(next(texts, b"").decode("utf-8", "replace"))

    def _opened(self) -> zipfile.ZipFile:
        try:
            return zipfile.ZipFile(self.file)
        except (OSError, zipfile.BadZipFile) as error:
            raise PackagesError(f"{self.file} can't be read as a wheel: {error}.") from error

    def _installed(self, name: str) -> str | None:
        """Where a file of the archive is put; None: nowhere."""
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts or "\\" in name or ":" in name:
            raise PackagesError(f"{self.file.name} has a file that would lie outside of it: {name}.")
        if name.endswith("/") or path.suffix in UNUSED:
            return None
        top, *rest = path.parts
        if not top.endswith(".data"):
            return str(path)
        return "/".join(rest[1:]) if rest and rest[0] in INSTALLED else None


def wheels_in(folder: Path) -> list[Wheel]:
    """The wheels of a folder, by name."""
    return sorted(Wheel(file) for file in folder.glob("*.whl"))


def merged(wheels: Iterable[Wheel]) -> dict[str, bytes]:
    """Everything in the wheels, as it lies side by side.

    Raises ``PackagesError`` when two have different files of the same path: one of them would be lost.
    """
    content: dict[str, bytes] = {}
    owners: dict[str, Wheel] = {}
    for wheel in wheels:
        for path, data in wheel.files():
            if content.setdefault(path, data) != data:
                other = owners[path].file.name
                raise PackagesError(
                    f"{other} and {wheel.file.name} both bring {path}, and not the same one: the jobs can have "
                    "only one of the two packages."
                )
            owners.setdefault(path, wheel)
    return content
