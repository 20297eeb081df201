"""``durably new``: what it makes, and what it refuses."""

import io
import json
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest

from spa_runtime.bundle.hosts import plan_host_files
from spa_runtime.headers import Isolation, security_policy, site_headers
from spa_runtime.new import PARTS, SENTENCES, TEMPLATES, Mode
from tests.unit.conftest import Command
from tests.unit.shell import ROOT
from tests.unit.test_cli_terminal import terminal

EVERY_MODE = pytest.mark.parametrize("mode", list(Mode))
OURS = json.loads((ROOT / "web" / "package.json").read_text("utf-8"))


def files(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): path.read_text("utf-8")
        for path in folder.rglob("*")
        if path.is_file()
    }


@EVERY_MODE
def test_project_is_complete_and_has_its_name(mode: Mode, run: Command, folder: Path) -> None:
    said = run.ok("new", "my-jobs", "--mode", mode).out
    made = files(folder / "my-jobs")
    assert {"jobs.py", "requirements.txt", "README.md", ".gitignore"} <= set(made)
    assert made["README.md"].startswith("# my-jobs\n")
    assert "__NAME__" not in "".join(made.values())
    assert "__VERSION__" not in "".join(made.values())
    assert f"=={version('durably')}" in made["requirements.txt"]
    assert "  cd my-jobs\n  python3 -m venv .venv\n" in said
    # Each command that is printed is in the README, too.
    commands = [line.strip().partition("  #")[0] for line in said.splitlines() if line.startswith("  ")]
    assert [command for command in commands[1:] if command not in made["README.md"]] == []


@EVERY_MODE
def test_no_two_templates_have_the_same_file(mode: Mode) -> None:
    names = [name for part in PARTS[mode] for name in files(TEMPLATES / part) if "__pycache__" not in name]
    assert len(names) == len(set(names))


def test_versions_in_the_template_are_those_that_are_tested() -> None:
    template = json.loads((TEMPLATES / "page/package.json").read_text("utf-8"))
    wanted = template["dependencies"] | template["devDependencies"]
    assert wanted.pop("durably") == "__VERSION__"
    assert wanted == {name: OURS["devDependencies"][name] for name in wanted}


def test_vercel_is_told_what_the_built_folder_tells_others() -> None:
    sent = site_headers(Isolation.require_corp, security_policy())
    names = ["index.html", "assets/index-CkB60dou.js"]
    built = json.loads(plan_host_files(names, "durably/immutable", sent)["vercel.json"])
    vercel = json.loads((TEMPLATES / "spa/vercel.json").read_text("utf-8"))
    assert {"headers": vercel["headers"]} == built
    netlify = tomllib.loads((TEMPLATES / "spa/netlify.toml").read_text("utf-8"))
    assert netlify == {"build": {"command": vercel["buildCommand"], "publish": vercel["outputDirectory"]}}


def test_project_has_a_workflow_for_github(run: Command, folder: Path) -> None:
    run.ok("new", "my-jobs", "--mode", "spa")
    assert "deploy-pages" in files(folder / "my-jobs")[".github/workflows/pages.yml"]


def test_folder_with_something_in_it_is_left_alone(run: Command, folder: Path) -> None:
    (folder / "mine").mkdir()
    (folder / "mine/notes.txt").write_text("precious")
    answer = run("new", "mine", "--mode", "server")
    assert (answer.code, answer.err) == (
        1,
        "durably: mine is there already and not empty: choose another name, or empty it.\n",
    )
    assert files(folder / "mine") == {"notes.txt": "precious"}


def test_file_of_that_name_is_left_alone(run: Command, folder: Path) -> None:
    (folder / "mine").write_text("precious")
    assert run("new", "mine", "--mode", "server").code == 1
    assert (folder / "mine").read_text() == "precious"


def test_empty_folder_is_filled(run: Command, folder: Path) -> None:
    (folder / "below/mine").mkdir(parents=True)
    run.ok("new", "below/mine", "--mode", "server")
    assert (folder / "below/mine/README.md").read_text("utf-8").startswith("# mine\n")


@pytest.mark.parametrize("name", ["My-Jobs", "a b", "-x", "1st", "a..b", "ä", "x" * 101, "durably", ".."])
def test_other_names_are_refused(name: str, run: Command, folder: Path) -> None:
    before = sorted(folder.rglob("*"))
    answer = run("new", "--mode", "server", "--", name)
    assert answer.code == 1
    assert answer.err.startswith("durably: ")
    assert sorted(folder.rglob("*")) == before


def test_without_a_terminal_no_one_is_asked(
    run: Command, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO())
    assert run("new", "mine").err == (
        "durably: There is no one to ask: add --mode with one of spa, server, fullstack.\n"
    )
    assert not (folder / "mine").exists()


@pytest.fixture
def asked(folder: Path) -> Path:
    with terminal("new", "mine") as person:
        person.until("Which [spa]: ")
        assert [sentence for sentence in SENTENCES.values() if sentence not in person.shown] == []
        person.shown = ""
        person.type("both\n")
        person.until("Which [spa]: ")
        person.type("server\n")
        assert person.end() == 0
    return folder / "mine"


def test_mode_is_asked_for_at_a_terminal(asked: Path) -> None:
    assert "main.py" in files(asked)
