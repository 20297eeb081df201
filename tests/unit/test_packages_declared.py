"""Where a job project says which packages it needs, and what is read there."""

import ast
import sys
from pathlib import Path

import pytest

from durably_core.job_file import Place
from spa_runtime.packages import PackagesError
from spa_runtime.packages.declared import find_declared, watched
from spa_runtime.packages.requirements import Requirement, read_requirements, requirement

INLINE = '# /// script\n# requires-python = ">=3.11"\n# dependencies = [\n#   "inline",\n# ]\n# ///\n'
PROJECT = '[project]\nname = "mine"\ndependencies = [\n  "project",\n]\n'


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, root of a repository, with jobs in a folder of it."""
    folder = tmp_path / "repository"
    (folder / "jobs").mkdir(parents=True)
    (folder / ".git").mkdir()
    (folder / "jobs/jobs.py").write_text("")
    monkeypatch.chdir(folder)
    return folder


def names(lines: tuple[Requirement, ...]) -> list[str | None]:
    return [line.name for line in lines]


def declared(given: str | None = None) -> tuple[str, list[str | None]]:
    found = find_declared(Path("jobs/jobs.py"), None if given is None else Path(given))
    return found.place, names(found.wanted.requirements)


def refusal(given: str | None = None) -> str:
    with pytest.raises(PackagesError) as caught:
        declared(given)
    return caught.value.message


def read(folder: Path, text: str) -> list[str]:
    (folder / "list.txt").write_text(text)
    return [line.text for line in read_requirements(folder / "list.txt").requirements]


@pytest.mark.parametrize(
    "text", ['# dependencies = ["humanize"]\n', '# dependencies = [\n"humanize"]\n# ///\n']
)
def test_inline_metadata_without_an_end_is_told_with_its_line(folder: Path, text: str) -> None:
    (folder / "jobs/jobs.py").write_text(f'"""Jobs."""\n# /// script\n{text}import json\n')
    with pytest.raises(PackagesError, match="has no end") as caught:
        declared()
    assert caught.value.place == Place(file=folder / "jobs/jobs.py", line=2)


def test_first_place_that_there_is_counts(folder: Path) -> None:
    assert declared() == ("nothing", [])
    (folder / "pyproject.toml").write_text(PROJECT)
    assert declared() == ("pyproject.toml", ["project"])
    (folder / "jobs/pyproject.toml").write_text(PROJECT.replace('"project"', '"nearer"'))
    assert declared() == ("jobs/pyproject.toml", ["nearer"])
    (folder / "jobs/requirements.txt").write_text("listed\n")
    assert declared() == ("jobs/requirements.txt", ["listed"])
    (folder / "jobs/jobs.py").write_text(f'"""Jobs."""\n\n{INLINE}import json\n')
    assert declared() == ("jobs/jobs.py (inline metadata)", ["inline"])
    (folder / "other.txt").write_text("given\n")
    assert declared("other.txt") == ("other.txt", ["given"])


def test_project_outside_of_the_repository_is_not_asked(folder: Path) -> None:
    (folder.parent / "pyproject.toml").write_text(PROJECT)
    assert declared() == ("nothing", [])


def test_project_file_of_a_tool_alone_is_passed_by(folder: Path) -> None:
    (folder / "jobs/pyproject.toml").write_text("[tool.ruff]\nline-length = 100\n")
    (folder / "pyproject.toml").write_text(PROJECT)
    assert declared() == ("pyproject.toml", ["project"])


def test_project_without_dependencies_declares_none(folder: Path) -> None:
    (folder / "pyproject.toml").write_text('[project]\nname = "mine"\n')
    assert declared() == ("pyproject.toml", [])


def test_durablys_own_project_is_none_of_the_jobs(folder: Path) -> None:
    (folder / "pyproject.toml").write_text(PROJECT.replace("mine", "durably"))
    assert declared() == ("nothing", [])


def test_inline_metadata_without_dependencies_leaves_it_to_others(folder: Path) -> None:
    (folder / "jobs/jobs.py").write_text('# /// script\n# requires-python = ">=3.11"\n# ///\n')
    (folder / "jobs/requirements.txt").write_text("listed\n")
    assert declared() == ("jobs/requirements.txt", ["listed"])
    (folder / "jobs/jobs.py").write_text("# /// script\n# dependencies = []\n# ///\n")
    assert declared() == ("jobs/jobs.py (inline metadata)", [])


@pytest.mark.parametrize(
    ("file", "text", "said"),
    [
        (
            "jobs/jobs.py",
            '"""Jobs."""\n# /// script\n# dependencies = ["a"\n# b\n# ///\n',
            "jobs/jobs.py:4: This is no TOML",
        ),
        ("jobs/jobs.py", f"{INLINE}\n{INLINE}", "jobs/jobs.py:8: There are two blocks of inline metadata"),
        (
            "jobs/jobs.py",
            '# /// script\n#\n# dependencies = "a"\n# ///\n',
            "jobs/jobs.py:3: `dependencies` must be a list",
        ),
        ("jobs/jobs.py", INLINE.replace("inline", "./inline"), "jobs/jobs.py:4: ./inline is no wheel"),
        ("pyproject.toml", "[project]\nname = \n", "pyproject.toml:2: This is no TOML"),
        (
            "pyproject.toml",
            PROJECT.replace('"project"', "1"),
            "pyproject.toml:3: `dependencies` must be a list",
        ),
        (
            "pyproject.toml",
            '[project]\ndynamic = ["dependencies"]\n',
            "pyproject.toml:2: The dependencies are dynamic",
        ),
        (
            "pyproject.toml",
            PROJECT.replace('project",', 'p @ git+https://x/y",'),
            "pyproject.toml:4: git+https://x/y is no",
        ),
        (
            "jobs/requirements.txt",
            "a\n-r gone.txt\n",
            "jobs/requirements.txt:2: jobs/gone.txt can't be read: No such file",
        ),
        ("jobs/requirements.txt", "-r https://x/y.txt\n", "jobs/requirements.txt:1: A list at an address"),
        ("jobs/requirements.txt", "a\n\n-e ../lib\n", "jobs/requirements.txt:3: ../lib is no wheel"),
        (
            "jobs/requirements.txt",
            "lib/gone-1-py3-none-any.whl\n",
            "jobs/requirements.txt:1: There is no file lib/gone",
        ),
    ],
)
def test_what_cannot_be_read_is_told_with_its_line(folder: Path, file: str, text: str, said: str) -> None:
    (folder / file).write_text(text)
    assert refusal().startswith(said)


def test_given_list_that_is_missing_is_told(folder: Path) -> None:
    assert refusal("none.txt") == "none.txt can't be read: No such file or directory."


@pytest.mark.parametrize(
    "what",
    ["git+https://x/y.git", "a @ git+ssh://x/y", "https://x/a-1.tar.gz", "./lib", "..", "lib/", "a-1.zip"],
)
def test_what_is_no_wheel_is_refused_with_what_to_do(folder: Path, what: str) -> None:
    with pytest.raises(PackagesError, match="is no wheel, and only wheels can be packed for the browser"):
        requirement(what, Place(file=folder / "list.txt", line=1))


def test_lines_are_read_as_pip_does(folder: Path) -> None:
    text = "\ufeff# head\na>=1  # why\n\nb[x] \\\n  ==2 ; python_version > '3'\n  # c\n'"
    assert read(folder, text)[:2] == ["a>=1", "b[x] ==2 ; python_version > '3'"]


def test_options_of_what_is_installed_here_are_left_out(folder: Path) -> None:
    (folder / "list.txt").write_text(
        "--index-url=http://x/simple\n--no-binary :all:\n--only-binary=a\n--pre\n"
        "--require-hashes\n-f wheels\na\n"
    )
    (folder / "wheels").mkdir()
    found = read_requirements(folder / "list.txt")
    assert [line.text for line in found.options] == [
        "--index-url=http://x/simple",
        "--pre",
        f"--find-links {folder / 'wheels'}",
    ]
    assert [line.place.line for line in found.options] == [1, 4, 6]


def test_included_lists_are_read_once_and_watched(folder: Path) -> None:
    (folder / "more").mkdir()
    (folder / "more/base.txt").write_text("base\n-r ../list.txt\n-c limits.txt\n")
    (folder / "more/limits.txt").write_text("limit<2\n")
    (folder / "list.txt").write_text("-rmore/base.txt\ntop\n--constraint=more/limits.txt\n")
    found = read_requirements(folder / "list.txt")
    assert (names(found.requirements), names(found.constraints)) == (["base", "top"], ["limit"])
    files = {folder / "list.txt", folder / "more/base.txt", folder / "more/limits.txt"}
    assert set(found.files) == files
    assert set(watched(Path("jobs/jobs.py"), Path("list.txt"))) == files


def test_durably_is_left_out_however_it_is_written(folder: Path) -> None:
    (folder / "durably-1-py3-none-any.whl").write_text("")
    lines = (
        "durably",
        "Durably[spa,server]==1 ; python_version > '3'",
        "durably @ https://x/durably-1-py3-none-any.whl",
    )
    assert read(folder, "\n".join((*lines, "./durably-1-py3-none-any.whl[spa]", "durably-more"))) == [
        "durably-more"
    ]


def test_hashes_are_told_from_the_requirement(folder: Path) -> None:
    made = requirement("a==1 --hash=sha256:12 --hash sha384:34", Place(file=folder, line=1))
    assert made is not None
    assert (made.text, made.hashes) == ("a==1", ("sha256:12", "sha384:34"))


def test_files_that_may_yet_come_are_watched(folder: Path) -> None:
    jobs = folder / "jobs/jobs.py"
    here = {jobs, folder / "jobs/requirements.txt", folder / "jobs/pyproject.toml", folder / "pyproject.toml"}
    assert set(watched(jobs, None)) == here
    (folder / "pyproject.toml").write_text("[project\n")
    assert set(watched(jobs, None)) == here


def test_example_of_the_docs_declares_what_it_imports(folder: Path) -> None:
    docs = (Path(__file__).parent.parent.parent / "docs/packages.md").read_text("utf-8")
    example = docs.partition("```python\n")[2].partition("```")[0]
    (folder / "jobs/jobs.py").write_text(example)
    imported = {
        name.partition(".")[0]
        for node in ast.walk(ast.parse(example))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in (
            [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else [imported.name for imported in node.names]
        )
    }
    foreign = imported - {"durably_core", "pydantic"} - sys.stdlib_module_names
    assert foreign
    assert declared() == ("jobs/jobs.py (inline metadata)", sorted(foreign))
