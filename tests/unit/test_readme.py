"""What the README tells works as it stands there."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
README = (ROOT / "README.md").read_text("utf-8")


ASK = """
import asyncio, httpx
from app import app

async def main():
    transport = httpx.ASGITransport(app=app)
    async with app.router.lifespan_context(app):
        async with httpx.AsyncClient(transport=transport, base_url="http://app.test/api/durably") as http:
            body = {"jobName": "import-csv", "input": {"filename": "a.csv"}}
            run_id = (await http.post("/trigger", json=body)).json()["runId"]
            run = {"isTerminal": False}
            while not run["isTerminal"]:
                run = (await http.get("/run", params={"runId": run_id})).json()
            print(run["status"], run["output"])

asyncio.run(main())
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The Python files of the README, as they are printed there, and a file to import."""
    jobs, main, app = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    for name, text in {"jobs.py": jobs, "main.py": main, "app.py": app, "a.csv": "a,b\n" * 250}.items():
        (tmp_path / name).write_text(text, "utf-8")
    return tmp_path


def output_of(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, *arguments], cwd=folder, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_readme_example_runs_as_printed(folder: Path) -> None:
    told = output_of(folder, "main.py")
    assert "status='completed'" in told
    assert "output={'imported': 250}" in told


def test_readme_app_serves_as_printed(folder: Path) -> None:
    assert output_of(folder, "-c", ASK) == "completed {'imported': 250}\n"


def test_readme_commands_are_targets_of_make() -> None:
    commands = set(re.findall(r"^make ([\w-]+)$", README, re.MULTILINE))
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    assert commands == {"demo", "test"}
    assert commands <= targets
