"""Asks pip for packages of the browser's Python, in a process of its own.

pip knows the user's index, proxy and credentials. What it says is the only thing that is known of why it fails.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote

from durably_core.errors import NotFoundError
from spa_runtime.packages.pip_program import NO_PIP
from spa_runtime.packages.pyodide import ABI, FULL_PYTHON, MARKERS, PLATFORM
from spa_runtime.packages.requirements import normalized

PROGRAM = Path(__file__).parent / "pip_program.py"
TARGET = (
    *("--platform", PLATFORM, "--python-version", FULL_PYTHON, "--implementation", "cp", "--abi", ABI),
    "--only-binary=:all:",
)
ENVIRONMENT = {
    "PYTHONUNBUFFERED": "1",
    "PYTHONUTF8": "1",
    "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    "PIP_NO_COLOR": "1",
    "PIP_NO_DEPS": "0",
    "PIP_NO_INPUT": "1",
    "PIP_PROGRESS_BAR": "off",
    "PIP_QUIET": "0",
    "PIP_REQUIRE_HASHES": "0",
    "PIP_REQUIRE_VIRTUALENV": "0",
    "PIP_VERBOSE": "0",
}
"""Set against what the user may have configured, for what is installed here."""
TROUBLE = re.compile(
    r"Retrying \(Retry\(|connection error|Max retries exceeded|ConnectTimeout|ReadTimeout|ProxyError"
    r"|NameResolution|Connection (?:refused|reset|aborted)"
)
"""What pip says when an index does not answer."""
_FOUND = re.compile(r"Found link ([^\s,]+)")
_SKIPPED = re.compile(r"Skipping link: (.*?): (\w+:\S+)")
_FILE = re.compile(r"([^/\s]+\.(?:whl|zip|egg|tar\.\w+|tgz))(?:[?#]|$)")


@dataclass(frozen=True, slots=True)
class Said:
    """What pip said, on either stream."""

    text: str
    is_done: bool

    @property
    def has_trouble(self) -> bool:
        """An index did not answer."""
        return TROUBLE.search(self.text) is not None


@dataclass(frozen=True, slots=True)
class Offered:
    """The files that there are of one package, oldest first."""

    usable: list[str] = field(default_factory=list)
    wheels: list[str] = field(default_factory=list)
    """For other machines."""
    sources: list[str] = field(default_factory=list)
    of_other_python: list[str] = field(default_factory=list)
    """Versions of the package, with the versions of Python that they need."""
    has_trouble: bool = False

    @property
    def is_nothing(self) -> bool:
        return not (self.usable or self.wheels or self.sources or self.of_other_python)


def download(folder: Path, arguments: Sequence[str], hear: Callable[[str], None]) -> Said:
    """Resolve, and put the wheels into a folder. ``hear`` gets each line as pip says it."""
    return _run(["download", "--dest", str(folder), *TARGET, *arguments], hear)


def offered(name: str, options: Sequence[str], folder: Path) -> Offered:
    """What indexes and folders have of a package. ``folder`` is for the log, in which alone pip tells that."""
    log = folder / "pip.log"
    # A version that no one has: everything is looked at, and nothing downloaded.
    nothing = ["download", "--no-deps", "--dest", str(folder), f"{name}==0+durably"]
    said = _run(["--log", str(log), *nothing, *TARGET, *options], lambda _line: None)
    text = log.read_text("utf-8", "replace") if log.is_file() else ""
    log.unlink(missing_ok=True)
    found = Offered(has_trouble=TROUBLE.search(said.text + text) is not None)
    found.usable.extend(_files_of(name, _FOUND.findall(text)))
    for reason, address in _SKIPPED.findall(text):
        if "Requires-Python" in reason:
            found.of_other_python.append(reason)
            continue
        for file in _files_of(name, [address]):
            (found.wheels if file.endswith(".whl") else found.sources).append(file)
    return found


def _files_of(name: str, addresses: list[str]) -> list[str]:
    """The files of a package: pip tells of what else lies in a folder, too."""
    files = [unquote(found[1]) for address in addresses if (found := _FILE.search(address))]
    return [file for file in files if normalized(file).startswith(f"{name}-")]


def _run(arguments: Sequence[str], hear: Callable[[str], None]) -> Said:
    # The program's own folder is no place to import from: this file has the name of pip.
    command = [sys.executable, "-P", str(PROGRAM), json.dumps(MARKERS), *arguments]
    lines = []
    with subprocess.Popen(  # noqa: S603 - arguments of ours
        command,
        env={**os.environ, **ENVIRONMENT},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            lines.append(line)
            hear(line.rstrip())
    text = "".join(lines)
    if process.returncode != 0 and text.strip() == NO_PIP:
        raise NotFoundError(
            f"pip is needed to choose packages for the browser: run `{sys.executable} -m ensurepip`, or "
            "`uv pip install pip` in an environment made by uv."
        )
    return Said(text, process.returncode == 0)
