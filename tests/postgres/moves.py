"""``durably migrate-data``, and what it must not lose."""

import subprocess
import sys
from pathlib import Path
from typing import Any


def move(file: Path, url: str) -> "subprocess.CompletedProcess[str]":
    """What the command says, as JSON."""
    code = "from durably_core.cli import main; main()"
    command = [sys.executable, "-c", code, "migrate-data", "--from", str(file), "--to", url, "--json"]
    return subprocess.run(command, capture_output=True, text=True, check=False)


COLUMNS = {
    "durably_runs": ("id", "status", "labels", "attempt", "error", "completed_at", "concurrency_key"),
    "durably_payloads": ("run_id", "input", "output"),
    "durably_run_labels": ("run_id", "key", "value"),
    "durably_steps": ("run_id", "name", "failure", "step_index", "status", "output", "completed_at"),
    "durably_logs": ("run_id", "id", "step_name", "level", "message", "data"),
    "durably_idempotency_keys": ("job_name", "key", "run_id", "input_hash", "expires_at"),
}


def contents(connection: Any) -> dict[str, list[tuple[Any, ...]]]:
    """All that belongs to runs, the same in both databases."""
    found = {}
    for table, columns in COLUMNS.items():
        rows = connection.execute(f"SELECT {', '.join(columns)} FROM {table}").fetchall()
        found[table] = sorted(map(tuple, rows), key=repr)
    return found
