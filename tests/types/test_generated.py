"""The types that ``durably types`` writes, checked with TypeScript's own compiler."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.types.conftest import DURABLY, HERE, WEB

TOOLS = WEB / "node_modules"
STYLE = "--no-semi --single-quote --print-width 100 --object-wrap collapse"

DRIFTS = {
    "  whole: number\n": "  whole: string\n",
    "  anything: unknown\n": "  anything: any\n",
    "  optional?: string\n": "  optional: string\n",
    "  kind: 'dog' | 'wolf'\n": "  kind: string\n",
    "export type Color = 'red' | ": "export type Color = 'red' | 'green' | ",
    "export interface Closed {\n": "export interface Closed {\n  [k: string]: unknown\n",
    "  quiet: { input: Empty;": "  quiet: { input: {};",
    "  name: string\n": "  name?: string\n",
}
"""What a wrong file might say instead."""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, node_modules: Path) -> Path:
    """A web project with the types of ``jobs.py``."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "node_modules").symlink_to(node_modules)
    subprocess.run([DURABLY, "types", HERE / "jobs.py", "-o", folder / "jobs.gen.ts"], check=True, timeout=60)
    return folder


@pytest.fixture(scope="module")
def generated(project: Path) -> str:
    return (project / "jobs.gen.ts").read_text()


def errors(folder: Path, *files: str) -> list[str]:
    """What the compiler says about the files, in strict mode."""
    options = "--strict --exactOptionalPropertyTypes --noEmit --module esnext --moduleResolution bundler"
    command = ["node", str(TOOLS / "typescript/bin/tsc"), *options.split(), *files]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)
    return done.stdout.splitlines()


def test_types_are_exactly_what_they_should_be(project: Path) -> None:
    shutil.copy(HERE / "usage.ts", project)
    assert errors(project, "jobs.gen.ts", "usage.ts") == []


def test_any_drift_would_be_found(project: Path, generated: str) -> None:
    for number, (right, wrong) in enumerate(DRIFTS.items()):
        folder = project / f"drift-{number}"
        folder.mkdir()
        shutil.copy(HERE / "usage.ts", folder)
        assert right in generated
        (folder / "jobs.gen.ts").write_text(generated.replace(right, wrong))
    found = errors(project, *(f"drift-{number}/usage.ts" for number in range(len(DRIFTS))))
    with_errors = {int(number) for line in found for number in re.findall(r"^drift-(\d+)/usage.ts", line)}
    assert with_errors == set(range(len(DRIFTS)))


def test_values_of_the_engine_fit_the_types(project: Path) -> None:
    values = subprocess.run([sys.executable, HERE / "values.py"], check=True, capture_output=True, text=True)
    (project / "values.ts").write_text(values.stdout)
    assert errors(project, "jobs.gen.ts", "values.ts") == []


def test_file_is_formatted(project: Path) -> None:
    prettier = ["node", str(TOOLS / "prettier/bin/prettier.cjs"), "--no-config", *STYLE.split()]
    subprocess.run([*prettier, "--check", "jobs.gen.ts"], cwd=project, check=True, timeout=60)


@pytest.mark.parametrize(
    "line",
    [
        "/** Every kind of model there is. */\nexport interface EverythingInput {",
        "  /** With its number. */\n  street: string",
        "  /** @format date-time */\n  when: string",
        "  /** @format date */\n  days: string[]",
        "  /** @format uuid */\n  id: string",
        "  /** @format decimal */\n  price: string",
        '  /**\n   * @minLength 2\n   * @maxLength 2\n   * @default "CH"\n   */\n  country?: string',
        "  /**\n   * Neither nothing nor all.\n   *\n   * @exclusiveMinimum 0\n   * @exclusiveMaximum 1\n   */",
        "  /**\n   * @exclusiveMinimum 0\n   * @default null\n   */\n  maybe_positive?: number | null",
        "  /**\n   * @minItems 1\n   * @maxItems 3\n   */\n  names: string[]",
        "  kind: 'dog' | 'wolf'\n  /** @default [] */\n  tricks?: string[]",
        "/** What a thing looks like. */\nexport type Color =",
        "/** A place on the map. */\nexport interface PointInput {",
        "/**\n * Ends a comment * / and ${more} than `that`.\n *\n * A second paragraph.\n */",
        "  /**\n   * @deprecated\n   * Use length.\n",
        "  /** How much there is. */\n  total: number",
        "  /** Does everything * / at once. */\n  'do-everything': {",
        "  /** The same as `do-everything`. */\n  do_everything: Jobs['do-everything']",
    ],
)
def test_documentation_is_kept(generated: str, line: str) -> None:
    assert line in generated


def test_defaults_are_only_of_interest_in_inputs(generated: str) -> None:
    outputs = generated[generated.index("export interface Result") :]
    assert "@default" not in outputs


def test_titles_make_no_types(generated: str) -> None:
    assert "title" not in re.sub("titled", "", generated)
