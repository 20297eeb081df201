"""docs/observability.md names all that is exported, and its example runs as printed."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest

from durably_core.event_log import LOGGED
from durably_core.instrumentation import Outcome

ROOT = Path(__file__).parent.parent.parent
PAGE = (ROOT / "docs" / "observability.md").read_text("utf-8")
TELEMETRY = (ROOT / "durably_core" / "telemetry.py").read_text("utf-8")
EXPORTED = sorted(set(re.findall(r'"((?:durably|messaging|error)\.[\w.]+)', TELEMETRY)))


@pytest.mark.parametrize("name", EXPORTED)
def test_exported_name_is_documented(name: str) -> None:
    assert name in PAGE


@pytest.mark.parametrize("name", re.findall(r"`((?:durably|messaging)\.[a-z_.]+)[<`]", PAGE))
def test_documented_name_is_exported(name: str) -> None:
    assert name.startswith("durably.instrument") or name in TELEMETRY


@pytest.mark.parametrize("outcome", get_args(Outcome))
def test_outcome_has_a_row(outcome: str) -> None:
    assert f"| `{outcome}` |" in PAGE


@pytest.mark.parametrize("event_type", LOGGED)
def test_logged_event_is_documented(event_type: str) -> None:
    assert f"`{event_type}`" in PAGE


def test_example_runs_as_printed(tmp_path: Path) -> None:
    [main] = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    (tmp_path / "main.py").write_text(main, "utf-8")
    done = subprocess.run(
        [sys.executable, "main.py"], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert [json.loads(line)["event"] for line in done.stderr.splitlines()] == [
        "run:trigger",
        "run:leased",
        "run:complete",
    ]
    names = re.findall(r'^ +"name": "((?:run|step|durably|messaging)[ .].*)"', done.stdout, re.MULTILINE)
    assert {"run bake", "step loaf-3", "messaging.process.duration", "durably.queue.depth"} <= set(names)
