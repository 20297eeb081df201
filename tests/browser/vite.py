"""A copy of the example, and Vite at work on it."""

import os
import re
import shlex
import shutil
import signal
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
VITES_ADDRESS = r"Local: +(http://\S+)"
UVICORNS_ADDRESS = r"Uvicorn running on (http://\S+)"
ENVIRONMENT = os.environ | {
    "NO_COLOR": "1",
    # The project's own commands, as in an environment that is active.
    "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
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


def address_in(output: IO[str], pattern: str = VITES_ADDRESS) -> str:
    """The address that Vite, or another command, prints."""
    said = ""
    for line in output:
        said += line
        if address := re.search(pattern, line):
            return address[1]
    raise AssertionError(f"It has ended: {said}")


@contextmanager
def running(command: str, folder: Path, address: str) -> Iterator[str]:
    """The address that the command tells: the first group of that pattern."""
    # A session of its own: npm's shell does not pass on the signal.
    process = subprocess.Popen(
        shlex.split(command),
        cwd=folder,
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    with process.stdout as output:
        try:
            found = address_in(output, address)
            reader = threading.Thread(target=output.read)
            reader.start()
            yield found
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait()
        reader.join()


def copy_example(folder: Path, example: Path = EXAMPLE) -> Project:
    """With what is installed in it, which takes no room: those files are the same."""
    assert (example / "node_modules/.installed").exists(), "run `make test-browser`, which installs the example"
    shutil.copytree(example, folder, ignore=shutil.ignore_patterns("node_modules", "dist", "*.db*"))
    shutil.copytree(
        example / "node_modules",
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
