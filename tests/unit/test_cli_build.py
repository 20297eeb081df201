"""``durably build``: what it makes, and what it says when something is missing."""

import json
import zipfile
from pathlib import Path

import pytest

from spa_runtime import assets
from spa_runtime.bundle.app_manifest import title_of
from spa_runtime.bundle.runtime import PYODIDE_FILES
from tests.unit.conftest import Command

NO_FILES = b"PK\x05\x06" + bytes(18)
"""The archive of nothing."""


@pytest.fixture
def page(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A console that is installed."""
    (folder / "installed/console").mkdir(parents=True)
    (folder / "installed/console/index.html").write_text("<h1>Console</h1>")
    (folder / "installed/console/config.json").write_text("{}")
    (folder / "installed/console/embed.js").write_text("export {}")
    (folder / "installed/console/manifest.webmanifest").write_text('{"name": "Jobs", "scope": "."}')
    monkeypatch.setattr(assets, "PACKED", folder / "installed")
    return folder / "installed/console"


@pytest.fixture
def pyodide(folder: Path, page: Path) -> Path:
    """What is read of Pyodide, with files that say nothing."""
    package = page.parent / "pyodide"
    package.mkdir(parents=True)
    for name in PYODIDE_FILES:
        (package / name).write_text(json.dumps({"info": {"python": "3.14.0"}}))
    (package / "package.json").write_text('{"version": "1"}')
    (package / "python_stdlib.zip").write_bytes(NO_FILES)
    with zipfile.ZipFile(package / "bytecode.zip", "w") as bytecode:
        bytecode.writestr("library.json", "[]")
    return package


@pytest.fixture
def wheels(folder: Path) -> Path:
    (folder / "wheels").mkdir()
    (folder / "wheels/some.whl").write_bytes(NO_FILES)
    return folder / "wheels"


@pytest.mark.usefixtures("page", "pyodide", "wheels")
def test_site_has_page_and_runtime(run: Command, folder: Path) -> None:
    answer = run.ok("build", "jobs.py", "--wheels", "wheels")
    assert (folder / "dist/index.html").read_text() == "<h1>Console</h1>"
    manifest = json.loads((folder / "dist/durably/manifest.json").read_text())
    assert manifest["jobsModule"] == "jobs"
    assert [(job["name"], job["keys"]) for job in manifest["jobs"]] == [("bake", ["bake"]), ("burn", ["burn"])]
    assert answer.err == "checking jobs.py\npacking bake, burn\n"
    assert "dist: 19 files, " in answer.out
    # A second time in the place of the first.
    run.ok("build", "jobs.py", "--wheels", "wheels")


@pytest.mark.usefixtures("page", "pyodide", "wheels")
def test_page_of_ones_own_takes_the_place_of_the_console(run: Command, folder: Path) -> None:
    (folder / "mine").mkdir()
    (folder / "mine/index.html").write_text("<h1>Mine</h1>")
    run.ok("build", "jobs.py", "--wheels", "wheels", "--page", "mine", "-o", "site")
    assert (folder / "site/index.html").read_text() == "<h1>Mine</h1>"
    there = {path.name for path in (folder / "site").iterdir()}
    assert there - {".nojekyll", "_headers", "sw.js", "vercel.json"} == {"index.html", "embed.js", "durably"}
    assert run("build", "jobs.py", "--page", "none").err == (
        "durably: There is no page in none: it needs an index.html.\n"
    )


@pytest.mark.usefixtures("page", "pyodide", "wheels")
def test_hosts_are_told_what_was_asked_for(run: Command, folder: Path) -> None:
    csp = ("--csp", "connect-src 'self'", "--csp", "frame-ancestors https://shop.example")
    run.ok("build", "jobs.py", "--wheels", "wheels", "--isolation", "credentialless", *csp)
    rules = (folder / "dist/_headers").read_text()
    assert "Cross-Origin-Embedder-Policy: credentialless" in rules
    assert "; connect-src 'self'; " in rules
    assert rules.count("frame-ancestors") == rules.count("frame-ancestors https://shop.example") == 1
    run.ok("build", "jobs.py", "--wheels", "wheels", "--isolation", "none", "--csp", "none")
    assert (folder / "dist/_headers").read_text().startswith("/*\n  X-Content-Type-Options: nosniff\n\n")


@pytest.mark.usefixtures("page", "pyodide", "wheels")
def test_what_is_no_directive_leaves_the_old_site(run: Command, folder: Path) -> None:
    run.ok("build", "jobs.py", "--wheels", "wheels")
    before = (folder / "dist/_headers").read_text()
    answer = run("build", "jobs.py", "--wheels", "wheels", "--csp", "img-src *; script-src *")
    assert "is no directive of a Content-Security-Policy" in answer.err
    assert (folder / "dist/_headers").read_text() == before


@pytest.mark.usefixtures("page", "pyodide", "wheels")
def test_console_is_called_after_the_folder_unless_it_has_a_title(run: Command, folder: Path) -> None:
    (folder / "late-orders").mkdir()
    (folder / "jobs.py").rename(folder / "late-orders/jobs.py")
    for words, title in (((), "Late orders"), (("--title", "Brötchen & Co"), "Brötchen & Co")):
        run.ok("build", "late-orders/jobs.py", "--wheels", "wheels", *words)
        app = json.loads((folder / "dist/manifest.webmanifest").read_text("utf-8"))
        assert app == {"name": title, "short_name": title, "scope": "."}
        assert json.loads((folder / "dist/config.json").read_text("utf-8")) == {"title": title, "offline": True}


@pytest.mark.usefixtures("page")
def test_page_of_ones_own_takes_no_title(run: Command, folder: Path) -> None:
    (folder / "mine").mkdir()
    answer = run("build", "jobs.py", "--page", "mine", "--title", "Mine")
    assert answer.err == "durably: --title is what the console is called: a page of your own says it itself.\n"


@pytest.mark.parametrize(
    ("path", "title"),
    [
        ("my-jobs/jobs.py", "My jobs"),
        ("my-jobs/nightly_report.py", "Nightly report"),
        ("iPad/main.py", "IPad"),
        ("_/jobs.py", "Jobs"),
    ],
)
def test_title_is_what_tells_the_jobs_from_others(path: str, title: str) -> None:
    assert title_of(Path("/", path)) == title
    assert title_of(Path("/jobs.py")) == "Jobs"


@pytest.mark.usefixtures("page", "pyodide", "wheels")
def test_folder_of_something_else_is_left_alone(run: Command, folder: Path) -> None:
    (folder / "dist").mkdir()
    (folder / "dist/notes.txt").write_text("precious")
    answer = run("build", "jobs.py", "--wheels", "wheels")
    assert answer.err.endswith("durably: dist is something else than a bundle: choose another folder.\n")
    assert (folder / "dist/notes.txt").read_text() == "precious"


@pytest.mark.usefixtures("page")
def test_error_in_the_jobs_is_shown_with_its_line(run: Command, folder: Path) -> None:
    (folder / "jobs.py").write_text("import json\n\nx = json.nothing\n")
    answer = run("build", "jobs.py")
    assert answer.code == 1
    assert "durably: jobs.py:3: AttributeError: module 'json' has no attribute 'nothing'" in answer.err
    assert ">   3 | x = json.nothing\n" in answer.err


@pytest.mark.usefixtures("page")
def test_missing_job_file_is_told(run: Command) -> None:
    assert run("build", "none.py").err.endswith("durably: There is no job file none.py.\n")


@pytest.mark.usefixtures("page")
def test_missing_pyodide_is_told_with_what_to_do(run: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assets, "OF_SOURCES", Path("nowhere"))
    for command in ("build", "dev"):
        assert "has no pyodide: run `make package`" in run(command, "jobs.py").err


@pytest.mark.usefixtures("page", "pyodide")
def test_missing_wheels_are_told(run: Command, folder: Path) -> None:
    (folder / "empty").mkdir()
    answer = run("build", "jobs.py", "--wheels", "empty")
    assert "The wheels for Pyodide are missing: there are none in empty" in answer.err


def test_missing_console_is_told_with_what_to_do(run: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assets, "PACKED", Path("nowhere"))
    monkeypatch.setattr(assets, "OF_SOURCES", Path("nowhere"))
    for command in ("build", "dev"):
        assert "has no console: run `make package`" in run(command, "jobs.py").err


@pytest.mark.usefixtures("page", "pyodide", "wheels")
def test_compressed_files_and_a_whole_library_are_made_when_asked_for(run: Command, folder: Path) -> None:
    run.ok("build", "jobs.py", "--wheels", "wheels", "--library", "whole", "--compress")
    manifest = json.loads((folder / "dist/durably/manifest.json").read_text())
    assert manifest["library"] is None
    packed = {path.name for path in (folder / "dist").rglob("*.gz")}
    assert {"licenses.txt.gz", "manifest.json.gz"} <= packed
    assert not [name for name in packed if name.startswith("index.html")], "it is smaller as it is"
    # No visitor's device keeps both.
    assert ".gz" not in json.dumps(manifest) + (folder / "dist/sw.js").read_text()
