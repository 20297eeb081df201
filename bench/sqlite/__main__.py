"""Our engine on SQLite beside the reference on better-sqlite3 and plain ``sqlite3``, turn by turn.

``make bench-sqlite`` sets up the reference and runs this. All three use WAL and flush each commit
(``synchronous = FULL``). Each round measures all of them, each in a process of its own.
"""

import argparse
import json
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path
from time import perf_counter

from bench.amounts import FEW, Amounts
from bench.comparison import Row, report

ROOT = Path(__file__).parent.parent.parent
COMMITS = 1000


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench-sqlite", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--few", action="store_true", help="little of everything: does it work?")
    options = parser.parse_args()
    amounts = FEW if options.few else Amounts()
    ours, reference, limit = [], [], []
    for number in range(options.rounds):
        limit.append(commits())
        reference.append(asked(["node", "bench/reference/measure.mjs"], amounts))
        ours.append(asked([sys.executable, "-m", "bench.ours"], amounts))
        name = "3-step runs/s, 1 slot"
        mine, theirs = ours[-1][name], reference[-1][name]
        print(f"round {number + 1}: {name}: {mine:.0f}, reference {theirs:.0f}", flush=True)
    report(ours, reference, limit)


def asked(command: list[str], amounts: Amounts) -> Row:
    with tempfile.TemporaryDirectory() as folder:
        told = subprocess.run(
            [*command, folder, json.dumps(amounts.as_json())], stdout=subprocess.PIPE, check=True, cwd=ROOT
        )
    row: Row = json.loads(told.stdout)
    return row


def commits() -> Row:
    """What a commit of one small row costs at the very least."""
    with (
        tempfile.TemporaryDirectory() as folder,
        closing(sqlite3.connect(Path(folder) / "limit.db", isolation_level=None)) as connection,
    ):
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, value TEXT)")
        began = perf_counter()
        for number in range(COMMITS):
            connection.execute("INSERT INTO t (value) VALUES (?)", (str(number),))
        return {"commits/s": COMMITS / (perf_counter() - began)}


if __name__ == "__main__":
    main()
