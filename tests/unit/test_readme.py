"""What the README tells works as it stands there."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
README = (ROOT / "README.md").read_text("utf-8")


def test_readme_example_runs_as_printed(tmp_path: Path) -> None:
    jobs, main = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    (tmp_path / "jobs.py").write_text(jobs, "utf-8")
    (tmp_path / "main.py").write_text(main, "utf-8")
    (tmp_path / "a.csv").write_text("a,b\n" * 250, "utf-8")
    done = subprocess.run(
        [sys.executable, "main.py"], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "status='completed'" in done.stdout
    assert "output={'imported': 250}" in done.stdout


def test_readme_commands_are_targets_of_make() -> None:
    commands = set(re.findall(r"^make ([\w-]+)$", README, re.MULTILINE))
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    assert commands == {"demo", "test"}
    assert commands <= targets
