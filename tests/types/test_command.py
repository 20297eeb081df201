"""``durably types`` as a person and a CI job meet it."""

import os
import sys
from pathlib import Path

import pytest

from tests.types.conftest import Durably

JOBS = """\
from pydantic import BaseModel
from durably_core import StepContext, job

class In(BaseModel):
    count: int

@job("count-up")
async def count_up(step: StepContext, input: In) -> None: ...
"""
WRITTEN = """\
// Written by `durably types jobs.py`. Changes here are lost: edit the models instead.

import type {} from 'durably'

export interface In {
  count: number
}

export interface Jobs {
  'count-up': { input: In; output: null }
  /** The same as `count-up`. */
  count_up: Jobs['count-up']
}

declare module 'durably' {
  interface Register {
    jobs: Jobs
  }
}
"""


@pytest.fixture
def jobs(project: Path) -> Path:
    path = project / "jobs.py"
    path.write_text(JOBS)
    return path


@pytest.fixture
def output(project: Path) -> Path:
    return project / "src/jobs.gen.ts"


def test_types_are_written_into_a_new_folder(durably: Durably, jobs: Path, output: Path) -> None:
    assert durably("types", "jobs.py", "-o", "src/jobs.gen.ts").stdout == "src/jobs.gen.ts is written.\n"
    assert output.read_text() == WRITTEN
    assert [path.name for path in output.parent.iterdir()] == ["jobs.gen.ts"]
    # Nothing is left that a file changed within the same second could be taken from.
    assert not (jobs.parent / "__pycache__").exists()


def test_file_that_fits_is_not_touched(durably: Durably, jobs: Path, output: Path) -> None:
    durably("types", jobs, "-o", output)
    os.utime(output, (1, 1))
    assert "is up to date" in durably("types", jobs, "-o", output).stdout
    assert output.stat().st_mtime == 1


def test_changed_jobs_replace_the_file(durably: Durably, jobs: Path, output: Path) -> None:
    durably("types", jobs, "-o", output)
    jobs.write_text(JOBS.replace("int", "str"))
    durably("types", jobs, "-o", output)
    assert output.read_text() == WRITTEN.replace("number", "string")


def test_check_passes_when_the_file_fits(durably: Durably, jobs: Path, output: Path) -> None:
    durably("types", jobs, "-o", output)
    assert "fits" in durably("types", jobs, "-o", output, "--check").stdout


def test_check_passes_with_the_line_ends_of_windows(durably: Durably, jobs: Path, output: Path) -> None:
    durably("types", jobs, "-o", output)
    output.write_bytes(output.read_bytes().replace(b"\n", b"\r\n"))
    durably("types", jobs, "-o", output, "--check")


def test_check_tells_what_differs_and_what_to_run(durably: Durably, jobs: Path, output: Path) -> None:
    durably("types", jobs, "-o", output)
    jobs.write_text(JOBS.replace("int", "str"))
    done = durably("types", "jobs.py", "-o", "src/jobs.gen.ts", "--check", code=1)
    assert done.stderr == (
        "durably: src/jobs.gen.ts no longer fits jobs.py: run `durably types jobs.py -o src/jobs.gen.ts`.\n\n"
        "@@ -5,3 +5,3 @@\n export interface In {\n-  count: number\n+  count: string\n }\n"
    )
    assert output.read_text() == WRITTEN


def test_check_keeps_a_long_diff_short(durably: Durably, jobs: Path, output: Path) -> None:
    durably("types", jobs, "-o", output)
    fields = "".join(f"    field_{number}: int\n" for number in range(50))
    jobs.write_text(JOBS.replace("    count: int\n", fields))
    lines = durably("types", jobs, "-o", output, "--check", code=1).stderr.splitlines()
    assert len(lines) == 23
    assert lines[-1] == "… and 34 more lines"


def test_check_misses_a_file_that_was_never_written(durably: Durably, jobs: Path, output: Path) -> None:
    assert "is missing: run `durably types" in durably("types", jobs, "-o", output, "--check", code=1).stderr
    assert not output.parent.exists()


def test_fault_in_the_jobs_is_told_with_its_line(durably: Durably, jobs: Path, output: Path) -> None:
    jobs.write_text(JOBS + "x = (")
    error = durably("types", jobs, "-o", output, code=1).stderr
    assert (
        error == "durably: The jobs could not be loaded. SyntaxError: '(' was never closed (jobs.py, line 9)\n"
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [("", "jobs defines no job. Decorate an async function"), (None, "There is no job file")],
)
def test_file_without_jobs_is_refused(
    durably: Durably, jobs: Path, output: Path, text: str | None, message: str
) -> None:
    jobs.unlink() if text is None else jobs.write_text(text)
    assert durably("types", jobs, "-o", output, code=1).stderr.startswith(f"durably: {message}")


def test_missing_package_is_told_with_the_command(durably: Durably, jobs: Path, output: Path) -> None:
    (jobs.parent / "node_modules").unlink()
    assert "run `npm install durably`" in durably("types", jobs, "-o", output, code=1).stderr


def test_package_is_found_where_the_command_runs(
    durably: Durably, jobs: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "jobs.gen.ts"
    durably("types", jobs, "-o", elsewhere)
    assert elsewhere.read_text() == WRITTEN


def test_missing_node_is_told(durably: Durably, jobs: Path, output: Path) -> None:
    error = durably("types", jobs, "-o", output, code=1, PATH=str(Path(sys.executable).parent)).stderr
    assert (
        error == "durably: Node is missing, which makes TypeScript of the models: install it from nodejs.org.\n"
    )


def test_failing_converter_leaves_the_file_alone(durably: Durably, jobs: Path, output: Path) -> None:
    durably("types", jobs, "-o", output)
    (jobs.parent / "node_modules").unlink()
    converter = jobs.parent / "node_modules/durably/dist/types-cli.js"
    converter.parent.mkdir(parents=True)
    converter.write_text("process.stderr.write('It broke.'); process.exitCode = 1")
    error = durably("types", jobs, "-o", output, code=1).stderr
    assert error == "durably: The types could not be made, a fault to report: It broke.\n"
    assert output.read_text() == WRITTEN


def test_file_of_somebody_else_is_not_overwritten(durably: Durably, jobs: Path, output: Path) -> None:
    output.parent.mkdir()
    output.write_text("mine")
    assert "was not written by durably" in durably("types", jobs, "-o", output, code=1).stderr
    assert output.read_text() == "mine"


@pytest.mark.parametrize("name", ["src", "jobs.py/jobs.gen.ts"])
def test_place_that_takes_no_file_is_told(durably: Durably, jobs: Path, name: str) -> None:
    (jobs.parent / "src").mkdir()
    error = durably("types", jobs, "-o", name, code=1).stderr
    assert error.startswith(f"durably: {name} can't be read: ")


def test_output_must_be_named(durably: Durably, jobs: Path) -> None:
    assert "Missing option '-o'" in durably("types", jobs, code=2).stderr
