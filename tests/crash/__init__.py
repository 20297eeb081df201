"""Crash loops: pages of a real Chromium that are killed again and again on one database.

jobs        what is executed, and modules that plant a fault beneath it
plans       what is triggered and when the kill comes, by seed
page        what the page does until it is killed
journal     what was told
verify      what must hold between the journal and the database
files       the database as a kill left it
loop        rounds of all that
"""

from pathlib import Path

JOBS = Path(__file__).parent / "jobs"
PLANTS = sorted(path.stem for path in JOBS.glob("*.py") if path.stem != "jobs")
