"""A copy of the example, and Vite at work on it."""

import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

ROOT = Path(__file__).parent.parent.parent
EXAMPLE = ROOT / "examples" / "react_vite"
ENVIRONMENT = os.environ | {
    "NO_COLOR": "1",
    "VIRTUAL_ENV": sys.prefix,
    "DURABLY_CACHE": str(ROOT / "build" / "cache"),
}


@dataclass(frozen=True, slots=True)
class Project:
    """The example, or another application, to be changed at will."""

    folder: Path
    environment: Mapping[str, str] = field(default_factory=lambda: ENVIRONMENT)

    def read(self, name: str) -> str:
        return (self.folder / name).read_text("utf-8")

    @contextmanager
    def changed(self, old: str, new: str) -> Iterator[None]:
        """``old`` in the job file is ``new`` meanwhile."""
        text = self.read("jobs.py")
        assert old in text
        (self.folder / "jobs.py").write_text(text.replace(old, new), "utf-8")
        try:
            yield
        finally:
            (self.folder / "jobs.py").write_text(text, "utf-8")

    def build(self, *options: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self._command("build", *options),
            cwd=self.folder,
            env={**self.environment, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )

    @contextmanager
    def served(self, *arguments: str) -> Iterator[str]:
        """The address at which Vite serves; ``preview``: what was built."""
        server = subprocess.Popen(
            self._command(*arguments, "--port", "0"),
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert server.stdout is not None
        with server.stdout as output:
            try:
                address = address_in(output)
                # Read on: a pipe that is full would stop Vite.
                reader = threading.Thread(target=output.read)
                reader.start()
                yield address
            finally:
                server.terminate()
                server.wait()
            reader.join()

    def _command(self, *arguments: str) -> list[str]:
        return ["node", "node_modules/vite/bin/vite.js", *arguments]


def address_in(output: IO[str]) -> str:
    """The address that Vite prints."""
    said = ""
    for line in output:
        said += line
        if address := re.search(r"Local: +(http://\S+)", line):
            return address[1]
    raise AssertionError(f"Vite has ended: {said}")


def copy_example(folder: Path) -> Project:
    """With what is installed in it, which takes no room: those files are the same."""
    assert (EXAMPLE / "node_modules/.installed").exists(), "run `make test-browser`, which installs the example"
    shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns("node_modules", "dist"))
    shutil.copytree(
        EXAMPLE / "node_modules",
        folder / "node_modules",
        copy_function=link,
        symlinks=True,
        ignore=shutil.ignore_patterns(".vite"),
    )
    return Project(folder)


def link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # the copy is on another file system
        shutil.copy2(source, target)
