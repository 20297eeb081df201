"""What programs learn about a job file, and about one that can't be loaded."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent.parent

HEAD = """\
from pydantic import BaseModel, ConfigDict, Field
from durably_core import StepContext, job

class In(BaseModel):
    count: int = 3

class Odd(BaseModel):
    file: type(open)
    model_config = ConfigDict(arbitrary_types_allowed=True)

"""
JOB = """\
@job("count-up")
async def count_up(step: StepContext, input: In) -> None:
    "Counts."
"""


def described(jobs: Path, *, code: int = 0) -> Any:
    """What is printed about a file, by a process that stands elsewhere."""
    command = [sys.executable, "-m", "spa_runtime", "describe", str(jobs)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == code, done.stderr
    return json.loads(done.stdout)


def failure(jobs: Path) -> Any:
    return described(jobs, code=1)["error"]


@pytest.fixture
def jobs(tmp_path: Path) -> Path:
    return tmp_path / "jobs.py"


def test_job_is_described_under_its_key(jobs: Path) -> None:
    jobs.write_text(HEAD + JOB)
    description = described(jobs)
    assert description["jobs"] == [
        {
            "key": "count_up",
            "name": "count-up",
            "description": "Counts.",
            "input": {"$ref": "#/$defs/In"},
            "output": None,
        }
    ]
    assert description["$defs"]["In"]["properties"]["count"]["default"] == 3


def test_what_jobs_print_stays_out_of_the_answer(jobs: Path) -> None:
    jobs.write_text(HEAD + "import os\nprint('hello')\nos.system('echo hello')\n" + JOB)
    assert described(jobs)["jobs"][0]["key"] == "count_up"


def test_modules_beside_the_jobs_are_found(jobs: Path) -> None:
    (jobs.parent / "models.py").write_text(HEAD)
    jobs.write_text("from models import *\n" + JOB)
    assert "In" in described(jobs)["$defs"]


def test_models_of_one_name_are_told_apart(jobs: Path) -> None:
    (jobs.parent / "other.py").write_text(HEAD.replace("count", "size"))
    both = "import other\nclass Both(BaseModel):\n    mine: In\n    theirs: other.In\n\n"
    jobs.write_text(HEAD + both + JOB.replace("input: In", "input: Both"))
    assert sorted(described(jobs)["$defs"]) == ["Both", "jobs__In", "other__In"]


def test_outputs_have_the_names_that_clients_receive(jobs: Path) -> None:
    fields = "    a: int = Field(alias='first')\n    b: int = Field(alias='second')\n"
    by_alias = "    model_config = ConfigDict(serialize_by_alias=True)\n"
    jobs.write_text(
        f"{HEAD}class Inner(BaseModel):\n{by_alias}{fields}class Out(BaseModel):\n{fields}    inner: Inner\n\n"
        + JOB.replace("input: In", "input: Out").replace("-> None", "-> Out")
    )
    schemas = described(jobs)["$defs"]
    assert list(schemas["Out-Input"]["properties"]) == ["first", "second", "inner"]
    assert list(schemas["Out-Output"]["properties"]) == ["a", "b", "inner"]
    assert list(schemas["Inner"]["properties"]) == ["first", "second"]


def test_infinite_default_does_not_break_the_json(jobs: Path) -> None:
    jobs.write_text(HEAD.replace("count: int = 3", "count: float = float('inf')") + JOB)
    assert described(jobs)["$defs"]["In"]["properties"]["count"]["default"] == "Infinity"


@pytest.mark.parametrize(
    ("last_line", "message", "column"),
    [
        ("    wrong", "NameError: name 'wrong' is not defined", 5),
        ("    x = (1 +", "SyntaxError: '(' was never closed", 9),
        ("    import no_such_module", "ModuleNotFoundError: No module named 'no_such_module'", 5),
        ("    raise SystemExit", "SystemExit", 5),
        ("    In(count='x')", "ValidationError: 1 validation error for In", 5),
    ],
)
def test_fault_has_its_place(jobs: Path, last_line: str, message: str, column: int) -> None:
    jobs.write_text(f"{HEAD}if In:\n{last_line}")
    error = failure(jobs)
    assert error.pop("message").startswith(message)
    assert error == {"file": str(jobs), "line": 12, "column": column}


def test_fault_in_a_module_beside_is_found_there(jobs: Path) -> None:
    models = jobs.parent / "models.py"
    models.write_text(HEAD + "oops")
    jobs.write_text("from models import In\n")
    assert failure(jobs)["file"] == str(models)


def test_fault_told_by_a_package_is_in_the_line_that_used_it(jobs: Path) -> None:
    package = jobs.parent / ".venv/lib/site-packages/package.py"
    package.parent.mkdir(parents=True)
    package.write_text("def fail():\n    raise OSError('no')\n")
    jobs.write_text(f"import sys\nsys.path.append({str(package.parent)!r})\nimport package\n\npackage.fail()")
    error = failure(jobs)
    assert (error["message"], error["file"], error["line"]) == ("OSError: no", str(jobs), 5)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "jobs defines no job. Decorate an async function"),
        (HEAD + JOB + JOB.replace("count_up", "other"), "Two jobs are named 'count-up'"),
        (HEAD + JOB.replace("input: In", "input: Odd"), "The input of the job 'count-up' can't be described"),
    ],
)
def test_file_without_usable_jobs_is_named(jobs: Path, text: str, message: str) -> None:
    jobs.write_text(text)
    error = failure(jobs)
    assert error["message"].startswith(message)
    assert (error["file"], error["line"], error["column"]) == (str(jobs), 1, None)


def test_missing_file_is_named(jobs: Path) -> None:
    assert failure(jobs)["message"] == f"There is no job file {jobs}."


def test_file_named_like_another_module_is_refused(jobs: Path) -> None:
    other = jobs.with_name("asyncio.py")
    other.write_text(HEAD + JOB)
    assert "another module named 'asyncio'" in failure(other)["message"]


def test_engine_in_the_same_folder_is_not_the_jobs(jobs: Path) -> None:
    """In the browser, engine, packages and jobs lie side by side."""
    for package in ("durably_core", "spa_runtime"):
        (jobs.parent / package).symlink_to(ROOT / package)
    jobs.write_text(HEAD + JOB.replace("step: StepContext, ", ""))
    program = (
        "from pathlib import Path; from durably_core import job_file; job_file.import_jobs('jobs', Path.cwd())"
    )
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, cwd=jobs.parent, capture_output=True, text=True, timeout=60, check=False)
    assert "must be a function of two parameters" in done.stderr
    assert done.stderr.endswith("input: MyInput) -> MyOutput (jobs.py, line 11)\n")
