"""ensure_browser.py chromium|firefox FILE

Finds a browser for the tests, or installs one, and writes its path into the file.

Chromium: Playwright's own if it can be had, else one that this system has, else the distribution's package.
Without one there is nothing to test with. Firefox: this system's, else the distribution's package. Where
there is none the file is left empty, and its tests are skipped.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import sync_playwright

Source = Callable[[], str | None]

CHROMIUM_NAMES = (
    "chromium",
    "chromium-browser",
    "google-chrome-stable",
    "google-chrome",
    "chrome",
    "microsoft-edge",
)
FIREFOX_NAMES = ("firefox-esr", "firefox")
DOWNLOAD_TIMEOUT_S = 600


def playwrights_own() -> str | None:
    """Where Playwright keeps its Chromium, if it is there."""
    with sync_playwright() as playwright:
        path = playwright.chromium.executable_path
    return path if starts(path) else None


def playwrights_download() -> str | None:
    """Playwright's Chromium after a download; None where it can't be had."""
    command = [sys.executable, "-m", "playwright", "install", "chromium"]
    return playwrights_own() if succeeds(command, stderr=subprocess.DEVNULL) else None


def on_path(*names: str) -> Source:
    """The first of these programs that this system has."""

    def systems_own() -> str | None:
        return next((path for path in map(shutil.which, names) if path is not None and starts(path)), None)

    return systems_own


def from_package(*names: str) -> Source:
    """The first of Debian's and Ubuntu's packages that brings a browser, where this user may install it."""

    def distributions_package() -> str | None:
        if not may_install() or not apt_get("update"):
            return None
        installed = (
            shutil.which(name) for name in names if apt_get("install", "--no-install-recommends", name)
        )
        return next((path for path in installed if path is not None and starts(path)), None)

    return distributions_package


def may_install() -> bool:
    return shutil.which("apt-get") is not None and (os.geteuid() == 0 or shutil.which("sudo") is not None)


def apt_get(*arguments: str) -> bool:
    sudo = [] if os.geteuid() == 0 else ["sudo", "-n"]
    return succeeds([*sudo, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-y", "-qq", *arguments])


def succeeds(command: list[str], stderr: int | None = None) -> bool:
    """Whether the command does what it should; what it says goes where this script's own words go."""
    try:
        done = subprocess.run(
            command, stdout=sys.stderr, stderr=stderr, timeout=DOWNLOAD_TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


def starts(path: str) -> bool:
    """Whether the browser is there and has the libraries that it needs."""
    if not Path(path).is_file():
        return False
    return subprocess.run([path, "--version"], capture_output=True, check=False).returncode == 0


SOURCES: dict[str, tuple[Source, ...]] = {
    "chromium": (
        playwrights_own,
        playwrights_download,
        on_path(*CHROMIUM_NAMES),
        from_package("chromium"),
    ),
    "firefox": (on_path(*FIREFOX_NAMES), from_package(*FIREFOX_NAMES)),
}


def main() -> int:
    browser, remembered = sys.argv[1], Path(sys.argv[2])
    if remembered.exists() and starts(remembered.read_text().strip()):
        return 0
    for source in SOURCES[browser]:
        if path := source():
            remembered.write_text(path + "\n")
            return 0
        print(f"No {browser} from {source.__name__.replace('_', ' ')}; trying the next.", file=sys.stderr)
    remembered.write_text("")
    if browser == "firefox":
        print("No Firefox could be found or installed: THE TESTS IN FIREFOX ARE SKIPPED.", file=sys.stderr)
        return 0
    print(
        "No Chromium could be found or installed. Install Chromium or Chrome, then try again.", file=sys.stderr
    )
    return 1


if __name__ == "__main__":
    raise SystemExit(main())
