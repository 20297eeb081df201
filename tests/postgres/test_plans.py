"""What is done all the time goes by an index, among however many runs."""

import json
import re
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

from durably_core.store.postgres.schema import migrate
from durably_core.store.sql import queries
from tests.postgres.server import emptied

PENDING, FINISHED = 50_000, 50_000
NOW = 1_700_000_000_000

FILLED = f"""
INSERT INTO durably_runs
  (id, job_name, concurrency_key, created_at, updated_at)
SELECT 'pending-' || lpad(n::text, 9, '0'), 'job-' || n % 20, CASE WHEN n % 2 = 0 THEN 'key-' || n END,
  {NOW}, {NOW}
FROM generate_series(1, {PENDING}) AS n;
INSERT INTO durably_runs (id, job_name, status, completed_at, created_at, updated_at)
SELECT 'finished-' || lpad(n::text, 9, '0'), 'job-' || n % 20, 'completed', {NOW} + n, {NOW}, {NOW}
FROM generate_series(1, {FINISHED}) AS n;
INSERT INTO durably_runs
  (id, job_name, status, lease_owner, lease_expires_at, concurrency_key, created_at, updated_at)
SELECT 'leased-' || n, 'job-1', 'leased', 'worker', {NOW} + 30000, 'held-' || n, {NOW}, {NOW}
FROM generate_series(1, 20) AS n;
INSERT INTO durably_payloads (run_id, input) SELECT id, '{{}}' FROM durably_runs;
INSERT INTO durably_steps (run_id, name, failure, step_index, status, started_at, completed_at)
SELECT 'finished-' || lpad(n::text, 9, '0'), 'step', 0, 0, 'completed', {NOW}, {NOW}
FROM generate_series(1, {FINISHED}) AS n;
INSERT INTO durably_events (type, run_id, job_name, labels, data, created_at)
SELECT 'run:trigger', id, job_name, '{{}}', '{{}}', {NOW} FROM durably_runs WHERE status = 'pending';
ANALYZE;
"""

PARAMETERS: dict[str, Any] = {
    "now": NOW,
    "held": json.dumps({"leased-1": 0}),
    "passed": "[]",
    "wanted": 1,
    "job_names": json.dumps(["job-1", "job-2"]),
    "run_id": "pending-000000001",
    "run_ids": json.dumps(["pending-000000001", "pending-000000002"]),
    "worker_id": "worker",
    "lease_ms": 30_000,
    "expired_at": NOW,
    "generation": 1,
    "step_index": 1,
    "completed_steps": 1,
    "progress": None,
    "after": PENDING - 100,
    "newest": PENDING,
    "types": None,
    "limit": 50,
    "offset": 0,
    "cursor": None,
    "labels": None,
    "statuses": '["pending"]',
    "before": NOW + 10,
    "job_name": "job-2",
    "concurrency_key": "key-2",
    "name": "step",
    "status": "completed",
    "output": "1",
    "error": None,
    "build": "v1",
    "error_type": None,
    "error_traceback": None,
    "started_at": NOW,
    "failed_step_name": None,
}


@pytest.fixture(scope="module")
def connection() -> Iterator[psycopg.Connection[dict[str, Any]]]:
    with psycopg.connect(emptied().url, autocommit=True, row_factory=dict_row) as connection:
        migrate(connection, "public")
        connection.execute(FILLED.encode())
        yield connection


def plan_of(connection: psycopg.Connection[Any], query: str, changed: dict[str, Any], mode: str) -> str:
    """``custom``: for these very values; ``generic``: for any, as a statement that was prepared long ago."""
    parameters = PARAMETERS | changed
    names: list[str] = []

    def numbered(match: re.Match[str]) -> str:
        if match[1] not in names:
            names.append(match[1])
        return f"${names.index(match[1]) + 1}"

    statement = re.sub(r"%\((\w+)\)s", numbered, queries("postgres")[query])
    connection.execute(f"SET plan_cache_mode = force_{mode}_plan".encode())
    connection.execute(f"PREPARE looked_at AS {statement}".encode())
    try:
        values = ", ".join(psycopg.sql.Literal(parameters[name]).as_string(connection) for name in names)
        rows = connection.execute(f"EXPLAIN EXECUTE looked_at ({values})".encode()).fetchall()
    finally:
        connection.execute("DEALLOCATE looked_at")
    return "\n".join(row["QUERY PLAN"] for row in rows)


HOT = [
    ("find_next", {}, ["durably_runs_pending", "durably_runs_key_holders", "durably_runs_pkey"]),
    ("find_next_of", {}, ["durably_runs_pkey"]),
    ("claim", {}, ["durably_runs_key_holders"]),
    ("requeue_expired", {}, ["durably_runs_by_status"]),
    ("save_notes", {}, ["Index Scan"]),
    ("insert_step", {"status": "failed"}, []),
    ("finish_run", {}, ["Index Scan"]),
    ("renew_lease", {}, ["durably_runs_pkey"]),
    ("get_checkpoints", {}, ["durably_steps_pkey"]),
    ("get_run", {}, ["durably_runs_pkey", "durably_payloads_pkey"]),
    ("get_runs", {}, ["durably_runs_by_status", "durably_payloads_pkey"]),
    ("get_runs", {"statuses": None}, ["durably_runs_by_status"]),
    ("get_runs", {"cursor": "pending-000040000"}, ["durably_runs_by_status"]),
    ("get_run_summaries", {}, ["durably_runs_by_status"]),
    ("get_events", {}, ["durably_events_pkey"]),
    ("find_changed", {}, ["durably_events_pkey"]),
    ("find_waiting", {}, ["durably_runs_waiting_key"]),
    ("purge_runs", {}, ["durably_runs_by_end"]),
    ("get_retriggers", {}, ["durably_runs_retriggers"]),
    ("delete_steps", {}, ["durably_steps_pkey"]),
]


@pytest.mark.parametrize("mode", ["custom", "generic"])
@pytest.mark.parametrize(("query", "changed", "indexes"), HOT)
def test_hot_query_goes_by_its_index(
    connection: psycopg.Connection[Any], query: str, changed: dict[str, Any], indexes: list[str], mode: str
) -> None:
    plan = plan_of(connection, query, changed, mode)
    for index in indexes:
        assert index in plan, plan
    large = "runs", "payloads", "steps", "events"
    assert not [table for table in large if f"Seq Scan on durably_{table}" in plan], plan


@pytest.mark.parametrize("query", ["get_runs", "get_run_summaries"])
def test_list_finds_no_run_of_a_status_without_looking_at_all(
    connection: psycopg.Connection[Any], query: str
) -> None:
    """Where all runs have one status, PostgreSQL expects that of each."""
    with connection.transaction(force_rollback=True):
        connection.execute("DELETE FROM durably_runs WHERE status <> 'pending'")
        connection.execute("ANALYZE durably_runs")
        plan = plan_of(connection, query, {"statuses": None}, "custom")
    assert "Index Scan Backward using durably_runs_by_status" in plan, plan
    assert "durably_runs_pkey" not in plan, plan
