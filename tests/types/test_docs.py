"""``docs/types.md`` shows what is really generated."""

import re
from pathlib import Path

from tests.types.conftest import HERE, Durably

DOCS = (HERE.parent.parent / "docs/types.md").read_text("utf-8")


def test_example_becomes_what_the_docs_show(project: Path, durably: Durably) -> None:
    [jobs] = re.findall(r"```python\n(.*?)```", DOCS, re.DOTALL)
    [types] = re.findall(r"```ts\n(.*?)```", DOCS, re.DOTALL)
    (project / "jobs.py").write_text(jobs)
    durably("types", "jobs.py", "-o", "src/jobs.gen.ts")
    assert (project / "src/jobs.gen.ts").read_text() == types


def test_commands_of_the_docs_work(project: Path, durably: Durably) -> None:
    [jobs] = re.findall(r"```python\n(.*?)```", DOCS, re.DOTALL)
    (project / "jobs.py").write_text(jobs)
    commands = re.findall(r"`durably (types .* -o .*?)`", DOCS)
    assert len(commands) == 2
    for command in commands:
        durably(*command.split())
