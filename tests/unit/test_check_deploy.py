"""``durably check-deploy``: each row of ``docs/deploys.md``, and what it is known by."""

import json
from pathlib import Path

import pytest

from spa_runtime import check_deploy
from spa_runtime.bundle.archive import zipped
from tests.unit.conftest import Command

OLD = '''
from durably_core import StepContext, job
from pydantic import BaseModel


class Order(BaseModel):
    loaves: int = 2


class Nothing(BaseModel):
    pass


def knead() -> str:
    """Slowly."""
    return "dough"


async def rest(step: StepContext, hours: int) -> None:
    for hour in range(hours):
        await step.run(f"rest-{hour}", lambda: hour)


@job("bake")
async def bake(step: StepContext, order: Order) -> None:
    await step.run("knead", knead)
    await rest(step, 2)

    async def oven() -> int:
        return 200

    await step.run("oven", oven)


@job("clean")
async def clean(step: StepContext, _input: Nothing) -> None:
    await step.run("sweep", lambda: None)
'''

BAKE = OLD[OLD.index('@job("bake")') : OLD.index('@job("clean")')]
KNEAD = '    await step.run("knead", knead)\n'
OVEN = '    await step.run("oven", oven)\n'

CASES = {
    "nothing": (OLD, OLD, "safe", None),
    "comments and docstrings": ('"""Slowly."""', '# Slowly.\n    """Or not."""', "safe", None),
    "a step added": (OVEN, OVEN + '    await step.run("eat", lambda: 1)\n', "safe", "step 'eat' added"),
    "a step changed": ('return "dough"', 'return "sourdough"', "safe", "step 'knead' changed"),
    "steps reordered": (
        KNEAD + "    await rest(step, 2)\n",
        "    await rest(step, 2)\n" + KNEAD,
        "safe",
        "steps reordered",
    ),
    "a step deleted": (KNEAD, "", "safe", "step 'knead' deleted"),
    "a step of a function that is called": (
        'f"rest-{hour}"',
        'f"wait-{hour}"',
        "risky",
        "step 'rest-{}' renamed to 'wait-{}'",
    ),
    "a step renamed": ('"knead", knead', '"mix", knead', "risky", "step 'knead' renamed to 'mix'"),
    "another output of a step": (
        'def knead() -> str:\n    """Slowly."""\n    return "dough"',
        "def knead() -> list[str]:\n    return []",
        "risky",
        "step 'knead' returns list[str], not str",
    ),
    "an input with one more that may be missing": (
        "loaves: int = 2",
        "loaves: int = 2\n    flour: str = 'rye'",
        "safe",
        "input schema",
    ),
    "an input with one more that is needed": (
        "loaves: int = 2",
        "loaves: int = 2\n    flour: str",
        "risky",
        "input schema",
    ),
    "an input of another type": ("loaves: int = 2", "loaves: str = 'two'", "risky", "input schema"),
    "a job renamed": ('@job("bake")', '@job("roast")', "breaking", "job renamed to 'roast'"),
    "a job removed": (BAKE, "", "breaking", "job removed or renamed"),
    "a job rewritten": (
        BAKE[BAKE.index(KNEAD) :],
        '    await step.run("buy", lambda: "a loaf")\n\n\n',
        "breaking",
        "rewritten: no step is left",
    ),
    "a new job": (
        '@job("clean")',
        '@job("wash")\nasync def wash(step: StepContext, _input: Nothing) -> None: ...\n\n\n@job("clean")',
        "safe",
        "new job",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_change_is_what_the_table_says(run: Command, folder: Path, case: str) -> None:
    before, after, verdict, what = CASES[case]
    (folder / "old.py").write_text(OLD)
    (folder / "new.py").write_text(OLD.replace(before, after))
    answer = run("check-deploy", "old.py", "new.py", "--json")
    assert answer.json["verdict"] == verdict
    assert [change["what"] for change in answer.json["changes"] if change["verdict"] == verdict] == (
        [] if what is None else [what]
    )
    assert answer.code == (1 if verdict == "breaking" else 0)


def test_people_are_told_what_to_do(run: Command, folder: Path) -> None:
    (folder / "old.py").write_text(OLD)
    (folder / "new.py").write_text(OLD.replace('@job("bake")', '@job("roast")'))
    answer = run("check-deploy", "old.py", "new.py")
    assert answer.code == 1
    assert "bake: breaking\n  breaking  job renamed to 'roast'" in answer.out
    assert "→ Cancel pending and leased runs of it before the deploy" in answer.out
    assert run.ok("check-deploy", "old.py", "old.py").out == "safe: nothing has changed\n"


def test_risky_changes_fail_where_that_is_wanted(run: Command, folder: Path) -> None:
    (folder / "old.py").write_text(OLD)
    (folder / "new.py").write_text(OLD.replace('"knead", knead', '"mix", knead'))
    run.ok("check-deploy", "old.py", "new.py")
    assert run("check-deploy", "old.py", "new.py", "--strict").code == 1


def test_jobs_without_runs_in_flight_are_left_out(run: Command, folder: Path) -> None:
    (folder / "old.py").write_text(OLD)
    (folder / "new.py").write_text(OLD[: OLD.index('@job("bake")')] + OLD[OLD.index('@job("clean")') :])
    check = ["check-deploy", "old.py", "new.py", "--database", "runs.db", "--json"]
    clean = run.ok("trigger", "old.py", "clean", "--database", "runs.db", "--json").json["runId"]
    assert run.ok(*check).json == {"verdict": "safe", "inFlight": {"clean": [clean]}, "changes": []}
    bake = run.ok("trigger", "old.py", "bake", "--database", "runs.db", "--json").json["runId"]
    answer = run(*check)
    assert (answer.code, answer.json["inFlight"]["bake"]) == (1, [bake])


def test_runs_that_a_change_concerns_are_named(
    run: Command, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "old.py").write_text(OLD)
    (folder / "new.py").write_text(OLD.replace('"knead", knead', '"mix", knead'))
    trigger = ["trigger", "old.py", "bake", "--database", "runs.db", "--json"]
    ids = [run.ok(*trigger).json["runId"] for _ in range(3)]
    check = ["check-deploy", "old.py", "new.py", "--database", "runs.db"]
    lines = run.ok(*check).out.splitlines()
    assert lines[0] == "bake: risky, 3 in flight"
    assert lines[1:4] == [f"  run       {run_id}" for run_id in reversed(ids)]
    monkeypatch.setattr(check_deploy, "MOST_SHOWN", 2)
    assert "            and 1 more: --json names all of them" in run.ok(*check).out.splitlines()


def test_built_folders_are_compared(run: Command, folder: Path) -> None:
    for name, jobs in (("old", OLD), ("new", OLD.replace('"knead", knead', '"mix", knead'))):
        runtime = folder / name / "durably"
        runtime.mkdir(parents=True)
        archives = {
            "packages.zip": {"bakery.py": b"FLOUR = 'rye'"},
            "engine.zip": {},
            "app.zip": {"jobs.py": f"import bakery\n{jobs}".encode()},
        }
        for archive, files in archives.items():
            (runtime / archive).write_bytes(zipped(files))
        manifest = {"archives": [*archives], "jobsModule": "jobs"}
        (runtime / "manifest.json").write_text(json.dumps(manifest))
    answer = run.ok("check-deploy", "old", "new", "--json")
    assert [change["what"] for change in answer.json["changes"]] == ["step 'knead' renamed to 'mix'"]
    assert run.ok("check-deploy", "old/durably", "old", "--json").json["changes"] == []


def test_what_is_no_version_is_told(run: Command, folder: Path) -> None:
    (folder / "broken.py").write_text("import nothing_of_that_name")
    (folder / "empty").mkdir()
    for old, told in (
        ("empty", "There are no jobs in empty"),
        ("nowhere", "There are no jobs in nowhere"),
        ("broken.py", "nothing_of_that_name"),
    ):
        answer = run("check-deploy", old, "jobs.py")
        assert (answer.code, told in answer.err) == (1, True), answer
