"""Finds a Chromium for the tests, or installs one, and writes its path into the file that it is given.

Playwright's own if it can be had, else one that this system has, else the distribution's package.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import sync_playwright

SYSTEM_NAMES = (
    "chromium",
    "chromium-browser",
    "google-chrome-stable",
    "google-chrome",
    "chrome",
    "microsoft-edge",
)
DOWNLOAD_TIMEOUT_S = 600


def playwrights_own() -> str | None:
    """Where Playwright keeps its Chromium, if it is there."""
    with sync_playwright() as playwright:
        path = playwright.chromium.executable_path
    return path if starts(path) else None


def playwrights_download() -> str | None:
    """Playwright's Chromium after a download; None where it can't be had."""
    command = [sys.executable, "-m", "playwright", "install", "chromium"]
    try:
        done = subprocess.run(
            command, stdout=sys.stderr, stderr=subprocess.PIPE, timeout=DOWNLOAD_TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired:
        return None
    return playwrights_own() if done.returncode == 0 else None


def systems_own() -> str | None:
    """A Chromium or Chrome on the path."""
    return next((path for path in map(shutil.which, SYSTEM_NAMES) if path is not None and starts(path)), None)


def distributions_package() -> str | None:
    """Debian's and Ubuntu's package, where this user may install it."""
    if shutil.which("apt-get") is None:
        return None
    sudo = [] if os.geteuid() == 0 else ["sudo", "-n"]
    if sudo and shutil.which("sudo") is None:
        return None
    for arguments in (["update", "-qq"], ["install", "-y", "-qq", "--no-install-recommends", "chromium"]):
        command = [*sudo, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", *arguments]
        if subprocess.run(command, stdout=sys.stderr, check=False).returncode != 0:
            return None
    return systems_own()


def starts(path: str) -> bool:
    """Whether the browser is there and has the libraries that it needs."""
    if not Path(path).exists():
        return False
    return subprocess.run([path, "--version"], capture_output=True, check=False).returncode == 0


SOURCES: tuple[Callable[[], str | None], ...] = (
    playwrights_own,
    playwrights_download,
    systems_own,
    distributions_package,
)


def main() -> int:
    remembered = Path(sys.argv[1])
    if remembered.exists() and starts(remembered.read_text().strip()):
        return 0
    for source in SOURCES:
        if path := source():
            remembered.write_text(path + "\n")
            return 0
        print(f"No browser from {source.__name__.replace('_', ' ')}; trying the next.", file=sys.stderr)
    print(
        "No Chromium could be found or installed. Install Chromium or Chrome, then try again.", file=sys.stderr
    )
    return 1


if __name__ == "__main__":
    raise SystemExit(main())
