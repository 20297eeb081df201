"""Plant one fault after the other in a copy of the repository: each must make a test fail.

python scripts/mutate.py [WORDS]   only the guards whose name holds these words
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
COPIED = ("durably_core", "spa_runtime", "tests", "pyproject.toml")

LIMIT_S = 120
"""A fault that makes tests hang is noticed, too."""

SQL = "durably_core/store/sql/sqlite"
RUNS = f"{SQL}/runs.sql"
TRANSITIONS = "durably_core/store/transitions.py"
DATABASE = "durably_core/store/sqlite/database.py"
SECOND = f"{SQL}/migrations/0002_events_and_keys.sql"

FENCING = ("tests/conformance/test_fencing.py",)
CANCEL = ("tests/conformance/test_cancel.py",)
KEYS = ("tests/conformance/test_keys.py",)
RUN_TESTS = ("tests/conformance/test_runs.py",)
RESUME = ("tests/conformance/test_resume.py",)
GIVING_BACK = ("tests/conformance/test_giving_back.py",)
INTERRUPTED = ("tests/conformance/test_interrupted_callers.py",)
LIFE = ("tests/conformance/test_life_of_a_run.py",)
STATEMENTS = ("tests/unit/test_sqlite_statements.py",)
MIGRATIONS = ("tests/unit/test_migrations.py",)
PROCESSES = ("tests/unit/test_processes.py",)
HISTORY = ("tests/unit/test_crash_history.py",)
FULL = ("tests/unit/test_full_storage.py",)
FILE_SIZE = ("tests/unit/test_file_size.py",)
STORE = "durably_core/store/sqlite/store.py"

OURS = "  AND lease_generation = :generation"
LEASED = "  AND status = 'leased'"
STOPPED = "  AND (lease_owner IS NULL OR lease_expires_at <= :now)"


@dataclass(frozen=True, kw_only=True)
class Mutant:
    guard: str
    file: str
    after: str = ""
    """The first ``old`` behind this text is the one that is meant."""
    old: str
    new: str = ""
    tests: tuple[str, ...]

    def plant(self, folder: Path) -> str:
        """Change the file; returns what it held before."""
        before = (folder / self.file).read_text()
        start = before.find(self.after)
        at = before.find(self.old, start)
        elsewhere = bool(self.after) and "-- name: " in before[start + len(self.after) : at]
        if start < 0 or at < 0 or elsewhere:
            raise SystemExit(f"{self.guard}: {self.old!r} is not there any more in {self.file}.")
        (folder / self.file).write_text(before[:at] + self.new + before[at + len(self.old) :])
        return before


def query(name: str, guard: str, old: str, tests: tuple[str, ...], new: str = "") -> Mutant:
    """A fault in a query on runs."""
    return Mutant(
        guard=f"{guard} in {name}", file=RUNS, after=f"-- name: {name}\n", old=old, new=new, tests=tests
    )


MUTANTS = (
    query("save_notes", "lease generation", OURS, FENCING),
    query("finish_run", "lease generation", OURS, FENCING),
    query("renew_lease", "lease generation", OURS, FENCING),
    query("give_back", "lease generation", OURS, GIVING_BACK),
    query("release_run", "lease generation", OURS, FENCING),
    query("save_notes", "status", LEASED, FENCING),
    query("finish_run", "status", LEASED, FENCING),
    query("give_back", "status", LEASED, GIVING_BACK),
    query("release_run", "status", "  AND status = 'cancelled'", GIVING_BACK),
    query("cancel_run", "status", "  AND status IN ('pending', 'leased')", CANCEL),
    query("delete_run", "status", "  AND status IN ('completed', 'failed', 'cancelled')", RUN_TESTS),
    query("delete_run", "code has stopped", STOPPED, (*CANCEL, *RUN_TESTS)),
    query("purge_runs", "code has stopped", STOPPED, GIVING_BACK),
    query(
        "find_next",
        "key exclusion",
        "holder.concurrency_key = candidate.concurrency_key",
        KEYS,
        new="FALSE",
    ),
    query("find_next", "holder's expiry", "holder.lease_expires_at > :now", (*KEYS, *CANCEL), new="TRUE"),
    query("find_next", "job_names", "      AND candidate.job_name = known.value", LIFE),
    query(
        "find_next_of",
        "key exclusion",
        "holder.concurrency_key = candidate.concurrency_key",
        KEYS,
        new="FALSE",
    ),
    query(
        "find_next_of",
        "only what is awaited",
        "candidate.id IN (SELECT value FROM json_each(:run_ids))",
        KEYS,
        new="TRUE",
    ),
    query(
        "find_next_of",
        "job_names",
        "  AND candidate.job_name IN (SELECT value FROM json_each(:job_names))",
        KEYS,
    ),
    query("claim", "generation grows", "lease_generation + 1", FENCING, new="lease_generation"),
    query("requeue_expired", "lease expiry", "  AND lease_expires_at <= :expired_at", FENCING),
    query(
        "save_notes",
        "attempts begin anew",
        "CASE WHEN :completed_steps > 0 THEN 0 ELSE attempts_since_step END",
        GIVING_BACK,
        new="attempts_since_step",
    ),
    query(
        "give_back",
        "attempt counts for nothing",
        "max(attempts_since_step - :forgiven, 0)",
        GIVING_BACK,
        new="max(attempts_since_step - 0 * :forgiven, 0)",
    ),
    Mutant(
        guard="max_attempts",
        file=TRANSITIONS,
        old="run.attempts_since_step >= request.max_attempts",
        new="run.attempts_since_step > END_OF_TIME",
        tests=GIVING_BACK,
    ),
    Mutant(
        guard="max_attempts of unknown jobs",
        file=TRANSITIONS,
        old=" and run.job_name in request.job_names",
        tests=GIVING_BACK,
    ),
    Mutant(
        guard="waiting-key index",
        file=SECOND,
        old="CREATE UNIQUE INDEX durably_runs_waiting_key",
        new="CREATE INDEX durably_runs_waiting_key",
        tests=KEYS,
    ),
    Mutant(
        guard="waiting-key index, runs that had begun",
        file=SECOND,
        after="CREATE UNIQUE INDEX durably_runs_waiting_key",
        old=" AND attempt = 0",
        tests=GIVING_BACK,
    ),
    Mutant(
        guard="checkpoint primary key",
        file=f"{SQL}/migrations/0001_initial.sql",
        old="PRIMARY KEY (run_id, name, failure)\n) WITHOUT ROWID",
        new="CHECK (TRUE)\n)",
        tests=FENCING,
    ),
    Mutant(
        guard="checkpoint is never replaced",
        file=f"{SQL}/steps.sql",
        old="INSERT INTO durably_steps",
        new="INSERT OR REPLACE INTO durably_steps",
        tests=FENCING,
    ),
    Mutant(
        guard="checkpoint lookup",
        file=TRANSITIONS,
        old="if run.attempt > 1 else []",
        new="if run.attempt > 2 else []",
        tests=RESUME,
    ),
    Mutant(
        guard="failures are no checkpoints",
        file=f"{SQL}/steps.sql",
        after="-- name: get_checkpoints\n",
        old="  AND failure = 0",
        tests=RESUME,
    ),
    Mutant(
        guard="idempotency lookup's expiry",
        file=f"{SQL}/keys.sql",
        old="  AND (expires_at IS NULL OR expires_at > :now)",
        tests=KEYS,
    ),
    Mutant(
        guard="idempotency keys after the upgrade",
        file=SECOND,
        old="WHERE idempotency_key IS NOT NULL;",
        new="WHERE FALSE;",
        tests=MIGRATIONS,
    ),
    Mutant(
        guard="events in the same transaction",
        file=TRANSITIONS,
        after="def log(",
        old="            numbers = ",
        new='            self.session._open().execute("COMMIT")\n'
        '            self.session._open().execute("BEGIN IMMEDIATE")\n'
        "            numbers = ",
        tests=HISTORY,
    ),
    Mutant(
        guard="logs go with their run",
        file=TRANSITIONS,
        old='        self._delete("delete_logs", *run_ids)\n',
        tests=HISTORY,
    ),
    Mutant(
        guard="foreign keys",
        file=DATABASE,
        old="foreign_keys = ON",
        new="foreign_keys = OFF",
        tests=HISTORY,
    ),
    Mutant(
        guard="synchronous=FULL",
        file=DATABASE,
        old="synchronous = FULL",
        new="synchronous = NORMAL",
        tests=STATEMENTS,
    ),
    Mutant(
        guard="rollback",
        file=DATABASE,
        old='                connection.execute("ROLLBACK")',
        new='                connection.execute("COMMIT")',
        tests=MIGRATIONS,
    ),
    Mutant(
        guard="write lock from the start",
        file=DATABASE,
        old="BEGIN IMMEDIATE",
        new="BEGIN",
        tests=PROCESSES,
    ),
    Mutant(
        guard="busy timeout",
        file=DATABASE,
        old="BUSY_TIMEOUT_MS = 60_000",
        new="BUSY_TIMEOUT_MS = 0",
        tests=MIGRATIONS,
    ),
    Mutant(
        guard="nothing begins while the reserve is spent",
        file=DATABASE,
        old="            if not from_reserve:\n                self._require_room()\n",
        tests=FULL,
    ),
    Mutant(
        guard="the reserve is spent on what ends runs",
        file=STORE,
        after="def _commit_at_any_rate",
        old="            self._database.read(self._database.make_room)\n",
        new="            raise\n",
        tests=FULL,
    ),
    Mutant(
        guard="no claim rides along in a full storage",
        file="durably_core/store/sql_store.py",
        old="transitions.end_run(lease, ending, notes, None)",
        new="transitions.end_run(lease, ending, notes, then_claim)",
        tests=FULL,
    ),
    Mutant(
        guard="twice the room before the reserve is whole again",
        file="durably_core/store/sqlite/reserve.py",
        old="self._needed = 2 * self.size",
        new="self._needed = self.size",
        tests=FULL,
    ),
    Mutant(
        guard="the test commit changes a page",
        file=DATABASE,
        after="def touch",
        old="VALUES (0, '', 0)",
        new="SELECT 0, '', 0 WHERE FALSE",
        tests=FILE_SIZE,
    ),
    Mutant(
        guard="incremental vacuum of new files",
        file=DATABASE,
        old="auto_vacuum = INCREMENTAL",
        new="auto_vacuum = NONE",
        tests=FILE_SIZE,
    ),
    Mutant(
        guard="uninterrupted() around trigger",
        file="durably_core/durably.py",
        old="await uninterrupted(self._enqueue(runs))",
        new="await self._enqueue(runs)",
        tests=INTERRUPTED,
    ),
    Mutant(
        guard="uninterrupted() around cancel",
        file="durably_core/durably.py",
        old="await uninterrupted(self._cancel(run_id))",
        new="await self._cancel(run_id)",
        tests=INTERRUPTED,
    ),
)


def run_tests(folder: Path, tests: tuple[str, ...]) -> tuple[int, str]:
    """Pytest's exit status, and the test that failed first."""
    # No byte code: two faults of the same second and size would share it.
    environment = os.environ | {"PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *tests]
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        output, _ = process.communicate(timeout=LIMIT_S)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)  # its session is its own
        process.communicate()
        return 1, f"(they hung for {LIMIT_S} s)"
    failed = re.search(r"^(?:FAILED|ERROR) (\S+)", output, re.MULTILINE)
    return process.returncode, failed[1] if failed else output.strip()[-300:]


def copy_to(folder: Path) -> None:
    for name in COPIED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, folder / name)


def check_without_faults(folder: Path, mutants: list[Mutant]) -> None:
    """Else every fault would seem to be noticed. And each must have its place, before minutes are spent."""
    for mutant in mutants:
        before = mutant.plant(folder)
        (folder / mutant.file).write_text(before)
    tests = tuple(dict.fromkeys(test for mutant in mutants for test in mutant.tests))
    status, failed = run_tests(folder, tests)
    if status:
        raise SystemExit(f"The tests fail without any fault: {failed}")


def try_out(folder: Path, mutant: Mutant) -> bool:
    """Whether a test notices the fault."""
    before = mutant.plant(folder)
    began = time.monotonic()
    try:
        status, failed = run_tests(folder, mutant.tests)
    finally:
        (folder / mutant.file).write_text(before)
    seconds = time.monotonic() - began
    if status not in (0, 1):
        raise SystemExit(f"{mutant.guard}: pytest ended with status {status}: {failed}")
    changed = f"{' '.join(mutant.old.split())} → {' '.join(mutant.new.split()) or '(removed)'}"
    verdict = failed if status else "SURVIVES"
    print(f"{mutant.guard} | {Path(mutant.file).name} | {changed} | {verdict} | {seconds:.1f}", flush=True)
    return status == 1


def main() -> None:
    words = " ".join(sys.argv[1:])
    mutants = [mutant for mutant in MUTANTS if words in mutant.guard]
    with tempfile.TemporaryDirectory(prefix="durably-mutate-") as name:
        folder = Path(name)
        copy_to(folder)
        check_without_faults(folder, mutants)
        print("guard | file | what was changed | first test that failed | seconds")
        survivors = [mutant.guard for mutant in mutants if not try_out(folder, mutant)]
    print(f"{len(mutants) - len(survivors)} of {len(mutants)} faults were noticed.")
    if survivors:
        raise SystemExit(f"No test notices: {'; '.join(survivors)}")


if __name__ == "__main__":
    main()
