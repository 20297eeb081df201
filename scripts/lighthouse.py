"""Lighthouse over the built demo, as a phone and as a desktop: its four scores, and what it would change.

``make lighthouse`` builds what is needed first. Lighthouse comes from the npm registry for this alone.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from starlette.middleware.gzip import GZipMiddleware

from spa_runtime import serve
from tests.browser.browser import FLAGS, app_served

ROOT = Path(__file__).parent.parent
DEMO = ROOT / "build" / "demo"
LIGHTHOUSE = "lighthouse@13.5.0"
CATEGORIES = ("performance", "accessibility", "best-practices", "seo")
VIEWS = ("runs", "trigger", "overview", "storage")
PATIENCE_S = 300


def main() -> None:
    # The first view both ways, the others once: they share all but what they show.
    visits = [("runs", "mobile"), ("runs", "desktop"), *((view, "mobile") for view in VIEWS[1:])]
    print("".join(f"{name:>16}" for name in ("view", "as", *CATEGORIES)))
    # Compressed, as hosts do it.
    app = GZipMiddleware(serve.static_app(DEMO))
    with app_served(app, DEMO) as site, tempfile.TemporaryDirectory() as folder:
        for view, form in visits:
            report = audit(f"{site.url}#/{view}", form, Path(folder, f"{view}-{form}.json"))
            scores = [score(report["categories"][name]["score"]) for name in CATEGORIES]
            print("".join(f"{cell:>16}" for cell in (view, form, *scores)), flush=True)
            for line in remarks(report):
                print(f"    {line}")


def audit(url: str, form: str, path: Path) -> dict[str, Any]:
    command = [
        "npx",
        "--yes",
        LIGHTHOUSE,
        url,
        "--quiet",
        "--output=json",
        f"--output-path={path}",
        f"--only-categories={','.join(CATEGORIES)}",
        f"--chrome-flags={' '.join(('--headless=new', *(flag for flag in FLAGS if ' ' not in flag)))}",
        *(["--preset=desktop"] if form == "desktop" else []),
    ]
    environment = os.environ | {"CHROME_PATH": os.environ["DURABLY_BROWSER"]}
    done = subprocess.run(command, env=environment, capture_output=True, timeout=PATIENCE_S, check=False)
    if done.returncode != 0:
        sys.exit(done.stderr.decode())
    report: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return report


def score(value: float | None) -> str:
    return "-" if value is None else f"{value * 100:.0f}"


def remarks(report: dict[str, Any]) -> list[str]:
    """Every audit that is not passed, with what Lighthouse measured."""
    weights = {
        reference["id"]: reference["weight"]
        for category in report["categories"].values()
        for reference in category["auditRefs"]
    }
    return [
        f"{name}: {audit['title']} {audit.get('displayValue', '')}".rstrip()
        for name, audit in report["audits"].items()
        if weights.get(name, 0) > 0 and (audit["score"] is not None and audit["score"] < 0.9)
    ]


if __name__ == "__main__":
    main()
