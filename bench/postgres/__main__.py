"""Our engine on PostgreSQL beside the reference and DBOS Transact on the same server, turn by turn.

``make bench-postgres`` sets up all three and runs this. The server is one of the bench's own with its settings
as they come: each commit is flushed. Each round measures all, each in a process and on a server of its own.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from time import perf_counter

import psycopg

from bench.amounts import FEW, Amounts
from bench.comparison import Row, report
from tests.postgres.server import served

ROOT = Path(__file__).parent.parent.parent
DBOS = ROOT / "build" / "dbos" / "bin" / "python"
COMMITS = 1000
AMOUNTS = replace(Amounts(), runs=((0, 300), (3, 200), (5, 100), (50, 10)), parallel_runs=500, latencies=30)


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench-postgres", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--few", action="store_true", help="little of everything: does it work?")
    options = parser.parse_args()
    amounts = FEW if options.few else AMOUNTS
    commands = {
        "reference": ["node", "bench/reference/measure.mjs"],
        "DBOS": [str(DBOS), "bench/postgres/with_dbos.py"],
        "ours": [sys.executable, "-m", "bench.ours"],
    }
    rows: dict[str, list[Row]] = {name: [] for name in commands}
    limit: list[Row] = []
    for number in range(options.rounds):
        limit.append(on_a_new_server(commits))
        names = [*commands]
        # Each is first once: a machine that is busy for long may become slower.
        for name in names[number % 3 :] + names[: number % 3]:
            rows[name].append(asked(commands[name], amounts))
        row = "3-step runs/s, 10 slots"
        told = ", ".join(f"{name} {found[-1][row]:.0f}" for name, found in rows.items())
        print(f"round {number + 1}: {row}: {told}", flush=True)
    report(rows["ours"], rows["reference"], limit)
    print("\nbeside DBOS Transact:")
    report(rows["ours"], rows["DBOS"], limit)


def asked(command: list[str], amounts: Amounts) -> Row:
    def ask(url: str) -> Row:
        told = subprocess.run(
            [*command, url, json.dumps(amounts.as_json())], stdout=subprocess.PIPE, check=True, cwd=ROOT
        )
        row: Row = json.loads(told.stdout)
        return row

    return on_a_new_server(ask)


def on_a_new_server(measure: Callable[[str], Row]) -> Row:
    with served({}) as server:
        return measure(server.url)


def commits(url: str) -> Row:
    """What a commit of one small row costs at the very least."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, value TEXT)")
        began = perf_counter()
        for number in range(COMMITS):
            connection.execute("INSERT INTO t VALUES (%s, %s)", (number, str(number)))
        return {"commits/s": COMMITS / (perf_counter() - began)}


if __name__ == "__main__":
    main()
