"""What must hold in a database that was opened after a power cut."""

import sqlite3
from collections.abc import Iterable, Iterator

from durably_core.models import Run


class Violation(AssertionError):  # noqa: N818 - what is violated is a promise
    """A promise that was broken."""


STATUS_AFTER = {
    "run:trigger": "pending",
    "run:coalesced": "pending",
    "run:requeue": "pending",
    "run:leased": "leased",
    "run:complete": "completed",
    "run:fail": "failed",
    "run:cancel": "cancelled",
    "run:stop": "cancelled",
}

EXPECT_NOTHING: dict[str, str] = {
    "runs without a payload": """
        SELECT id FROM durably_runs WHERE id NOT IN (SELECT run_id FROM durably_payloads)""",
    "completed runs without an output": """
        SELECT run_id FROM durably_payloads JOIN durably_runs ON id = run_id
        WHERE (output IS NULL) = (status = 'completed')""",
    "labels that are not the run's, or are missing": """
        SELECT run_id, key, value FROM durably_run_labels
        EXCEPT SELECT run.id, label.key, label.value FROM durably_runs AS run, json_each(run.labels) AS label
        UNION ALL
        SELECT * FROM (
          SELECT run.id, label.key, label.value FROM durably_runs AS run, json_each(run.labels) AS label
          EXCEPT SELECT run_id, key, value FROM durably_run_labels)""",
    "steps of no run": """
        SELECT run_id FROM durably_steps WHERE run_id NOT IN (SELECT id FROM durably_runs)""",
    "logs of no run": """
        SELECT run_id FROM durably_logs WHERE run_id NOT IN (SELECT id FROM durably_runs)""",
    "keys of no run": """
        SELECT run_id FROM durably_idempotency_keys WHERE run_id NOT IN (SELECT id FROM durably_runs)""",
    "checkpoints without their event": """
        SELECT run_id, name FROM durably_steps WHERE failure = 0
        EXCEPT SELECT run_id, data ->> 'step_name' FROM durably_events WHERE type = 'step:complete'""",
    "events of steps that a run that goes on does not have": """
        SELECT run_id, data ->> 'step_name' FROM durably_events JOIN durably_runs ON id = run_id
        WHERE type = 'step:complete' AND status IN ('pending', 'leased')
        EXCEPT SELECT run_id, name FROM durably_steps WHERE failure = 0""",
    "runs that count other steps than they have": """
        SELECT run.id FROM durably_runs AS run WHERE completed_step_count <> (
          SELECT count(*) FROM durably_events WHERE run_id = run.id AND type = 'step:complete')""",
    "logs without their event": """
        SELECT run_id, id FROM durably_logs
        EXCEPT SELECT run_id, data ->> 'id' FROM durably_events WHERE type = 'log:write'""",
    "events of logs that a run does not have": """
        SELECT run_id, data ->> 'id' FROM durably_events
        WHERE type = 'log:write' AND run_id IN (SELECT id FROM durably_runs)
        EXCEPT SELECT run_id, id FROM durably_logs""",
    "numbers of events that are missing": """
        SELECT count(*) FROM durably_events HAVING count(*) <> coalesce(max(sequence), 0)""",
    "deleted runs that are there": """
        SELECT run_id FROM durably_events
        WHERE type = 'run:delete' AND run_id IN (SELECT id FROM durably_runs)""",
    "runs that vanished without an event": """
        SELECT run_id FROM durably_events
        WHERE type = 'run:trigger' AND run_id NOT IN (SELECT id FROM durably_runs)
        EXCEPT SELECT run_id FROM durably_events WHERE type = 'run:delete'""",
}


OWN_ROWS_AND_STEPS = """
    SELECT run_id, name, sum(own), sum(finished)
    FROM (
      SELECT run_id, name, 1 AS own, 0 AS finished FROM owned
      UNION ALL
      SELECT run_id, data ->> 'step_name', 0, 1 FROM durably_events
      WHERE type = 'step:complete' AND data ->> 'step_name' GLOB 'own-[0-9]*'
    )
    GROUP BY run_id, name
    HAVING sum(own) <> 1 OR sum(finished) <> 1"""


def faults_of_file(connection: sqlite3.Connection) -> Iterator[str]:
    """What SQLite itself finds wrong."""
    [result] = connection.execute("PRAGMA integrity_check(1)").fetchone()
    if result != "ok":
        yield f"integrity_check: {result}"
    if connection.execute("PRAGMA foreign_key_check").fetchone() is not None:
        yield "foreign_key_check: a row refers to one that is missing"


def has_schema(connection: sqlite3.Connection) -> bool:
    query = "SELECT count(*) FROM sqlite_schema WHERE name = 'durably_events'"
    return bool(connection.execute(query).fetchone()[0])


def faults_between_tables(connection: sqlite3.Connection) -> Iterator[str]:
    """Halves of transactions."""
    for fault, query in EXPECT_NOTHING.items():
        if row := connection.execute(query).fetchone():
            yield f"there are {fault}: {tuple(row)}"
    if connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'owned'").fetchone():
        yield from (
            f"own rows and finished steps differ: {tuple(row)}"
            for row in connection.execute(OWN_ROWS_AND_STEPS).fetchmany(1)
        )
    query = """
        SELECT run.id, run.status, (
          SELECT type FROM durably_events WHERE run_id = run.id AND type LIKE 'run:%' AND type <> 'run:progress'
          ORDER BY sequence DESC LIMIT 1)
        FROM durably_runs AS run"""
    for run_id, status, last in connection.execute(query):
        if STATUS_AFTER.get(last) != status:
            yield f"the run {run_id} is {status}, but its last event is {last}"


def expect_outcomes(runs: Iterable[Run]) -> None:
    """Every run has ended as its job must, or was cancelled."""
    for run in runs:
        if not run.is_terminal:
            raise Violation(f"the run {run.id} of {run.input['key']} has not ended: {run.status}")
        wanted = "failed" if run.job_name == "failing" else "completed"
        if run.status not in (wanted, "cancelled"):
            raise Violation(f"the run {run.id} of {run.input['key']} is {run.status}")
        total = run.input["steps"] * run.input["size"]
        if run.job_name == "steps" and run.output != {"total": total}:
            raise Violation(f"the run {run.id} returned {run.output}")


def expect_none(faults: Iterable[str]) -> None:
    for fault in faults:
        raise Violation(fault)
