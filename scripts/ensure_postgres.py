"""ensure_postgres.py FILE

Finds the programs of a PostgreSQL server for the tests, or installs them, and writes their folder into the
file.

This system's, of the newest version that it has, else the distribution's package.
"""

import shutil
import subprocess
import sys
from pathlib import Path

from scripts.ensure_browser import apt_get, may_install

FOLDERS = "/usr/lib/postgresql/*/bin", "/usr/local/opt/postgresql*/bin", "/opt/homebrew/opt/postgresql*/bin"
"""Where Debian, Ubuntu and Homebrew put them: they may not be on the path."""

NEEDED = ("initdb", "postgres")


def systems_own() -> Path | None:
    found = [folder for pattern in FOLDERS for folder in Path("/").glob(pattern[1:])]
    if (on_path := shutil.which("initdb")) is not None:
        found.append(Path(on_path).resolve().parent)
    whole = [folder for folder in found if all(works(folder / name) for name in NEEDED)]
    return max(whole, key=version, default=None)


def works(program: Path) -> bool:
    return (
        program.is_file()
        and subprocess.run([program, "--version"], capture_output=True, check=False).returncode == 0
    )


def version(folder: Path) -> int:
    said = subprocess.run([folder / "postgres", "--version"], capture_output=True, text=True, check=True).stdout
    return int("".join(filter(str.isdigit, said.split()[2].split(".")[0])))


def distributions_package() -> Path | None:
    """Without a server that starts by itself: the tests start their own."""
    if not may_install() or not apt_get("update"):
        return None
    return systems_own() if apt_get("install", "--no-install-recommends", "postgresql") else None


def main() -> int:
    folder = systems_own() or distributions_package()
    if folder is None:
        print("No PostgreSQL could be found or installed. Install its server, then try again.", file=sys.stderr)
        return 1
    Path(sys.argv[1]).write_text(f"{folder}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
