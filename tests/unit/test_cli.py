"""The command ``durably``: what it lists, how it finds jobs and databases, what it says when it can't."""

import re
from importlib.metadata import version
from pathlib import Path

import pytest

from tests.unit.conftest import ENGINE, Command

READING = [["runs"], ["show", "x"], ["cancel", "x"], ["delete", "x"], ["purge", "--older-than", "1d", "--yes"]]
"""Commands that need a database that is there."""


def test_help_lists_the_commands(run: Command) -> None:
    answer = run("--help")
    assert answer.code == 0
    assert re.search("types +Write TypeScript types", answer.out)


def test_command_has_help_of_its_own(run: Command) -> None:
    assert "--check" in run("types", "--help").out


def test_version_is_printed(run: Command) -> None:
    assert run("--version") == (0, f"{version('durably')}\n", "")


def test_error_is_one_sentence(run: Command) -> None:
    assert run("types", "nowhere.py", "-o", "x.ts") == (1, "", "durably: There is no job file nowhere.py.\n")


def test_unknown_command_is_told(run: Command) -> None:
    answer = run("tpyes")
    assert answer.code == 2
    assert "No such command 'tpyes'" in answer.err


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_offered(run: Command, shell: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION", "1")
    assert "_DURABLY_COMPLETE" in run.ok("--show-completion", shell).out


def complete(run: Command, monkeypatch: pytest.MonkeyPatch, line: str) -> list[str]:
    """What the shell offers at the end of the line."""
    monkeypatch.setenv("_DURABLY_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", line)
    monkeypatch.setenv("COMP_CWORD", str(len(line.split(" ")) - 1))
    offered = run.ok().out.split("\n")
    monkeypatch.delenv("_DURABLY_COMPLETE")
    return [each for each in offered if each]


def test_jobs_of_the_target_are_completed(run: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    assert complete(run, monkeypatch, "durably trigger jobs.py b") == ["bake", "burn"]
    assert complete(run, monkeypatch, "durably trigger nowhere.py b") == []


def test_run_ids_are_completed(run: Command, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    assert complete(run, monkeypatch, "durably show 0") == []
    assert not (folder / "durably.db").exists()
    run_id = run.ok("trigger", "jobs.py", "bake").out.strip()
    assert complete(run, monkeypatch, f"durably show {run_id[:5]}") == [run_id]
    assert complete(run, monkeypatch, "durably cancel x") == []


# ---------------------------------------------------------------- targets


def test_file_of_jobs_gets_an_engine(run: Command, folder: Path) -> None:
    run.ok("trigger", "jobs.py", "bake")
    assert (folder / "durably.db").exists()


@pytest.mark.parametrize("target", ["app.py", "app.py:durably", "app", "app:durably"])
def test_engine_of_the_target_is_used(run: Command, folder: Path, target: str) -> None:
    (folder / "app.py").write_text(ENGINE)
    run.ok("trigger", target, "bake")
    assert [path.name for path in folder.glob("*.db")] == ["engine.db"]
    assert len(run.ok("runs", "--app", target, "--json").json) == 1


def test_job_file_elsewhere_finds_what_lies_beside_it(run: Command, folder: Path) -> None:
    (folder / "deep").mkdir()
    (folder / "deep/beside.py").write_text("NAME = 'found'")
    text = (folder / "jobs.py").read_text().replace('"bake"', "beside.NAME")
    (folder / "deep/work.py").write_text(f"import beside\n{text}")
    assert [job["name"] for job in run.ok("jobs", "deep/work.py", "--json").json] == ["found", "burn"]


@pytest.mark.parametrize(
    ("target", "sentence"),
    [
        ("nowhere.py", "There is no job file nowhere.py."),
        ("jobs.py:", "'jobs.py:' is no target: name a file or a module, as in jobs.py or app:durably."),
        ("no-module", "'no-module' is no target: name a file or a module, as in jobs.py or app:durably."),
        (
            "jobs.py:bake",
            (
                "jobs.py has no engine 'bake' made by create_durably. Engines: none. "
                "For its jobs alone, leave out :bake."
            ),
        ),
        ("nowhere", "The jobs could not be loaded. ModuleNotFoundError: No module named 'nowhere'"),
        ("two.py", "two.py has several engines (durably, other): say which, as in two.py:durably."),
        ("broken.py", "The jobs could not be loaded. ZeroDivisionError: division by zero (broken.py, line 2)"),
        ("empty.py", "empty defines no job. Decorate an async function with @job('its-name')."),
        ("json.py", "Python has another module named 'json': give the file of the jobs another name."),
    ],
)
def test_target_that_is_none_is_explained(run: Command, folder: Path, target: str, sentence: str) -> None:
    (folder / "two.py").write_text(ENGINE + "\nother = create_durably(database='other.db')\n")
    (folder / "broken.py").write_text("\n1 / 0\n")
    (folder / "empty.py").write_text("")
    (folder / "json.py").write_text("")
    assert run("jobs", target) == (1, "", f"durably: {sentence}\n")


def test_options_that_an_engine_would_ignore_are_refused(run: Command, folder: Path) -> None:
    (folder / "app.py").write_text(ENGINE)
    assert run("worker", "app.py", "--database", "x.db", "--slots", "2") == (
        1,
        "",
        (
            "durably: app.py has an engine with a database and options of its own: leave out --database and "
            "--slots.\n"
        ),
    )


def test_what_a_file_prints_is_no_answer(run: Command, folder: Path) -> None:
    with (folder / "jobs.py").open("a") as file:
        file.write("print('loud')\n")
    answer = run.ok("jobs", "jobs.py", "--json")
    assert [job["name"] for job in answer.json] == ["bake", "burn"]
    assert answer.err == "loud\n"


# ---------------------------------------------------------------- databases


def test_database_is_named_by_option_or_environment(
    run: Command, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run.ok("migrate", "--database", "typed.db")
    monkeypatch.setenv("DURABLY_DATABASE", "environment.db")
    run.ok("migrate")
    run.ok("migrate", "-d", "sqlite:///url.db")
    assert sorted(path.name for path in folder.glob("*.db")) == ["environment.db", "typed.db", "url.db"]


def test_what_is_typed_goes_before_the_environment(
    run: Command, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "app.py").write_text(ENGINE)
    monkeypatch.setenv("DURABLY_APP", "app.py")
    run.ok("trigger", "jobs.py", "bake", "--database", "typed.db")
    assert run("runs").err.startswith("durably: There is no database engine.db:")
    assert len(run.ok("runs", "--database", "typed.db", "--json").json) == 1


@pytest.mark.parametrize("command", READING, ids=lambda command: str(command[0]))
def test_reading_makes_no_database(run: Command, folder: Path, command: list[str]) -> None:
    before = sorted(folder.iterdir())
    answer = run(*command)
    assert (answer.code, answer.err) == (
        1,
        (
            "durably: There is no database durably.db: name another with --database, or make it with "
            "`durably migrate`.\n"
        ),
    )
    assert sorted(folder.iterdir()) == before


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "durably.db has no tables of Durably: name another, or run `durably migrate`."),
        (
            b"no database at all" * 99,
            "durably.db can't be read as a database: file is not a database. Run `durably doctor`.",
        ),
    ],
)
def test_file_that_is_no_database_is_told(run: Command, folder: Path, content: bytes, sentence: str) -> None:
    (folder / "durably.db").write_bytes(content)
    assert run("runs") == (1, "", f"durably: {sentence}\n")
    assert (folder / "durably.db").read_bytes() == content
