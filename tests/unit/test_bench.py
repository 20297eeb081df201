"""The benches that need nothing but Python still work. What they measure is no test's business."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from bench.amounts import FEW
from bench.comparison import report
from bench.sqlite.__main__ import commits
from tests.postgres.server import shared

ROOT = Path(__file__).parent.parent.parent
OF_THE_REFERENCE = (ROOT / "bench" / "reference" / "measure.mjs").read_text()


@pytest.mark.parametrize("database", ["sqlite", "postgres"])
def test_our_side_of_the_server_bench_works(tmp_path: Path, database: str) -> None:
    where = str(tmp_path) if database == "sqlite" else shared().url
    command = [sys.executable, "-m", "bench.ours", where, json.dumps(FEW.as_json())]
    told = subprocess.run(command, check=True, capture_output=True, cwd=ROOT)
    row = json.loads(told.stdout)
    assert all(figure >= 0 for figure in row.values())
    assert {"triggers/s, one by one", "steps/s in one run", "replayed steps/s"} <= row.keys()
    for name in ("triggers/s, one by one", "steps/s in one run", "bytes per 3-step run"):
        assert f"'{name}'" in OF_THE_REFERENCE


def test_raw_limit_is_measured() -> None:
    assert commits()["commits/s"] > 0


def test_report_puts_ratios_the_right_way_up(capsys: pytest.CaptureFixture[str]) -> None:
    report(
        [{"runs/s": 300.0, "latency, ms": 2.0, "ours alone": 1.0}] * 2,
        [{"runs/s": 100.0, "latency, ms": 8.0}] * 2,
        [{"commits/s": 4000.0}],
    )
    lines = capsys.readouterr().out.splitlines()
    ratios = {line[:34].strip(): line[34:].split()[2:3] for line in lines[2:]}
    assert ratios == {
        "runs/s": ["3.0x"],
        "latency, ms": ["4.0x"],
        "ours alone": [],
        "limit: commits/s": [],
    }
