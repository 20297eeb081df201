"""Finds a Chromium for the tests, or installs one, and prints its path.

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
    return path if Path(path).exists() else None


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
    return next(filter(None, map(shutil.which, SYSTEM_NAMES)), None)


def distributions_package() -> str | None:
    """Debian's and Ubuntu's package, where this user may install it."""
    if shutil.which("apt-get") is None:
        return None
    sudo = [] if os.geteuid() == 0 else ["sudo", "-n"]
    for arguments in (["update", "-qq"], ["install", "-y", "-qq", "--no-install-recommends", "chromium"]):
        command = [*sudo, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", *arguments]
        if subprocess.run(command, stdout=sys.stderr, check=False).returncode != 0:
            return None
    return systems_own()


SOURCES: tuple[Callable[[], str | None], ...] = (
    playwrights_own,
    playwrights_download,
    systems_own,
    distributions_package,
)


def main() -> int:
    for source in SOURCES:
        if path := source():
            print(path)
            return 0
        print(f"No browser from {source.__name__.replace('_', ' ')}; trying the next.", file=sys.stderr)
    print(
        "No Chromium could be found or installed. Install Chromium or Chrome, then try again.", file=sys.stderr
    )
    return 1


if __name__ == "__main__":
    raise SystemExit(main())
