"""Runs tests several at a time, and those that failed once more, alone. ``make test-browser`` uses it.

Browsers beside one another on two cores starve, and some of what a browser does on time is its own to decide.
What fails alone has failed; what passes only alone is listed, so that nobody takes it for a test that always
passes.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

MOST = 5
"""Where more fail, it is not for want of room."""

FAILED = 1
"""Pytest's exit code where tests have failed, and nothing else went wrong."""


def main(arguments: list[str]) -> int:
    with tempfile.TemporaryDirectory() as cache:
        code = pytest(*arguments, "-o", f"cache_dir={cache}")
        failed = json.loads(Path(cache, "v/cache/lastfailed").read_text("utf-8")) if code == FAILED else {}
    if not 0 < len(failed) <= MOST:
        return code
    print(f"\n{len(failed)} failed beside others. Once more, alone:", flush=True)
    code = pytest("-v", *failed)
    if code == 0:
        print("\nPassed only alone:", *failed, sep="\n  ")
    return code


def pytest(*arguments: str) -> int:
    return subprocess.run([sys.executable, "-m", "pytest", *arguments], check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
