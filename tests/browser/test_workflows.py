"""The workflows that publish on GitHub Pages: their form, and their commands, executed as they stand there."""

import json
import os
import re
import subprocess
import sys
import tomllib
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect
from ruamel.yaml import YAML

from tests.browser.browser import Chromium, Site, app_served
from tests.browser.commands import DURABLY, Workplace, path_without_environment
from tests.browser.conftest import ROOT
from tests.browser.dashboard import Dashboard, output_of
from tests.browser.hosts import GitHubPages
from tests.browser.test_console import JOBS
from tests.browser.test_new_command import NPM_PACKAGE, VERSION, WHEEL, bake
from tests.browser.vite import ENVIRONMENT

WORKFLOW = Path(".github/workflows/pages.yml")
HOSTING = (ROOT / "docs" / "hosting.md").read_text("utf-8")
ACTION = re.compile(r"actions/[\w-]+@v\d+")


@dataclass(frozen=True)
class Runner(Workplace):
    """A fresh checkout, and a Python that has nothing yet."""

    @classmethod
    def at(cls, folder: Path) -> "Runner":
        subprocess.run([sys.executable, "-m", "venv", folder.parent / "python"], check=True)
        environment = {name: value for name, value in ENVIRONMENT.items() if name != "VIRTUAL_ENV"}
        path = os.pathsep.join([str(folder.parent / "python/bin"), path_without_environment()])
        return cls(folder, environment | {"PATH": path, "npm_config_prefer_offline": "true"})

    def execute(self, command: str) -> None:
        """As a host does it with a line of its configuration."""
        self.run("bash", "-e", "-c", command)


def workflow(folder: Path) -> dict[str, Any]:
    parsed: dict[str, Any] = YAML(typ="safe").load(folder / WORKFLOW)
    return parsed


def steps(folder: Path) -> list[dict[str, Any]]:
    return [step for job in workflow(folder)["jobs"].values() for step in job["steps"]]


def published_folder(folder: Path) -> Path:
    """What the workflow uploads."""
    path: str
    [path] = [step["with"]["path"] for step in steps(folder) if "upload-pages-artifact" in step.get("uses", "")]
    return folder / path


# ---------------------------------------------------------------- a project made by `durably new`


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Runner:
    """As it is in its repository: the packages that were built take the place of published ones."""
    assert WHEEL.is_file(), "run `make package` first"
    parent = tmp_path_factory.mktemp("workflow")
    subprocess.run([DURABLY, "new", "bakery", "--mode", "spa"], cwd=parent, check=True)
    runner = Runner.at(parent / "bakery")
    runner.replace("requirements.txt", f"=={VERSION}", f" @ {WHEEL.as_uri()}")
    runner.replace("package.json", f'"durably": "{VERSION}"', f'"durably": "file:{NPM_PACKAGE}"')
    runner.execute("npm install --package-lock-only --no-audit --no-fund --loglevel=error")
    return runner


@pytest.fixture(scope="module")
def built(project: Runner) -> Path:
    commands = [step["run"] for step in steps(project.folder) if "run" in step]
    assert len(commands) == 3
    for command in commands:
        project.execute(command)
    return published_folder(project.folder)


# ---------------------------------------------------------------- a job file alone, as the documentation says


@pytest.fixture(scope="module")
def documented(tmp_path_factory: pytest.TempPathFactory) -> Runner:
    folder = tmp_path_factory.mktemp("documented") / "repository"
    [text] = re.findall(
        r"^```yaml\n# \.github/workflows/pages\.yml\n(.*?)^```", HOSTING, re.DOTALL | re.MULTILINE
    )
    (folder / WORKFLOW).parent.mkdir(parents=True)
    (folder / WORKFLOW).write_text(text, "utf-8")
    (folder / "jobs.py").write_text(JOBS.read_text("utf-8"), "utf-8")
    (folder / "requirements.txt").write_text(f"durably @ {WHEEL.as_uri()}\n", "utf-8")
    return Runner.at(folder)


@pytest.fixture(params=["project", "documented"])
def checkout(request: pytest.FixtureRequest) -> Path:
    runner: Runner = request.getfixturevalue(request.param)
    return runner.folder


def test_workflow_has_the_form_that_github_wants(checkout: Path) -> None:
    check = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-workflows"]
    done = subprocess.run([*check, checkout / WORKFLOW], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_workflow_is_given_no_more_rights_than_it_needs(checkout: Path) -> None:
    found = workflow(checkout)
    assert found["permissions"] == {"contents": "read"}
    assert "permissions" not in found["jobs"]["build"]
    assert found["jobs"]["deploy"]["permissions"] == {"pages": "write", "id-token": "write"}
    assert found["concurrency"] == {"group": "pages", "cancel-in-progress": False}


def test_actions_are_pinned_by_their_major_version(checkout: Path) -> None:
    actions = [step["uses"] for step in steps(checkout) if "uses" in step]
    assert len(actions) >= 4
    assert [action for action in actions if not ACTION.fullmatch(action)] == []


def on_github(built: Path, name: str, parent: Path) -> AbstractContextManager[Site]:
    """The page of a project of that name."""
    (parent / "site").mkdir()
    (parent / "site" / name).symlink_to(built, target_is_directory=True)
    return app_served(GitHubPages(parent / "site"), built)


def test_page_of_a_project_works_on_github(built: Path, tmp_path: Path, chromium: Chromium) -> None:
    with on_github(built, "bakery", tmp_path) as site:
        bake(site.url + "bakery/", chromium)


def test_netlify_and_vercel_build_and_send_the_same(project: Runner, built: Path) -> None:
    netlify = tomllib.loads((project.folder / "netlify.toml").read_text("utf-8"))
    vercel = json.loads((project.folder / "vercel.json").read_text("utf-8"))
    assert netlify["build"] == {"command": vercel["buildCommand"], "publish": vercel["outputDirectory"]}
    project.execute(vercel["buildCommand"])
    assert project.folder / vercel["outputDirectory"] == built
    # What is said to Netlify is in the folder.
    assert json.loads((built / "vercel.json").read_text("utf-8"))["headers"] == vercel["headers"]
    assert (built / "_headers").is_file()
    assert netlify.keys() == {"build"}


def test_console_of_a_job_file_works_on_github(documented: Runner, tmp_path: Path, chromium: Chromium) -> None:
    for step in steps(documented.folder):
        if "run" in step:
            documented.execute(step["run"])
    with on_github(published_folder(documented.folder), "jobs", tmp_path) as site:
        pane = Dashboard(chromium.open(site.url + "jobs/")).trigger("bake", '{ "loaves": 2, "flour": "rye" }')
        expect(output_of(pane)).to_contain_text("baked:2")
