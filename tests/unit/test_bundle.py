"""The static folder: repeatable, hashed, and with nothing in it that was not meant to be."""

import base64
import hashlib
import io
import json
import posixpath
import re
import shutil
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from durably_core import ConflictError, NotFoundError, ValidationError
from spa_runtime import bundle
from spa_runtime.bundle import Library, Plan, Sources, hosts
from spa_runtime.bundle.runtime import PYODIDE_FILES
from spa_runtime.header_rules import HeaderRules
from spa_runtime.headers import Isolation, security_policy

JOBS = "from durably_core import job\n"


def put(path: Path, text: str = "x") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def put_bytecode(pyodide: Path, **compiled: str) -> None:
    with zipfile.ZipFile(pyodide / "bytecode.zip", "w") as archive:
        archive.writestr("library.json", '["os"]')
        for digest, content in compiled.items():
            archive.writestr(f"{digest}.pyc", content)


@pytest.fixture
def sources(tmp_path: Path) -> Sources:
    """Small stand-ins for what a bundle is made of."""
    for name in PYODIDE_FILES:
        put(tmp_path / "pyodide" / name, f"content of {name}")
    with zipfile.ZipFile(tmp_path / "pyodide" / "python_stdlib.zip", "w") as library:
        library.writestr("os.pyc", "x")
        library.writestr("csv.pyc", "x")
    lock = {"info": {"python": "3.14.2"}, "packages": {"numpy": {"url": "https://cdn.example/numpy.whl"}}}
    put(tmp_path / "pyodide/pyodide-lock.json", json.dumps(lock))
    put(tmp_path / "pyodide/package.json", '{"version": "314.0.0"}')
    put_bytecode(tmp_path / "pyodide")
    put(tmp_path / "page/index.html", "<!doctype html>")
    put(tmp_path / "page/assets/app.js", "1")
    put(tmp_path / "jobs/my_jobs.py", JOBS)
    (tmp_path / "wheels").mkdir()
    with zipfile.ZipFile(tmp_path / "wheels/dep-1-py3-none-any.whl", "w") as wheel:
        wheel.writestr("dep/__init__.py", "")
        wheel.writestr("dep/types.pyi", "")
    return Sources(
        jobs=tmp_path / "jobs/my_jobs.py",
        page=tmp_path / "page",
        pyodide=tmp_path / "pyodide",
        wheels=tmp_path / "wheels",
    )


def manifest_of(plan: Plan) -> dict[str, object]:
    content = plan.files["durably/manifest.json"]
    assert isinstance(content, bytes)
    manifest: dict[str, object] = json.loads(content)
    return manifest


def archive_of(plan: Plan, kind: str = "app") -> bytes:
    pattern = rf"durably/immutable/{kind}-\w+\.zip"
    [content] = [content for name, content in plan.files.items() if re.fullmatch(pattern, name)]
    assert isinstance(content, bytes)
    return content


def packed(plan: Plan, kind: str = "app") -> set[str]:
    with zipfile.ZipFile(io.BytesIO(archive_of(plan, kind))) as archive:
        return set(archive.namelist())


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


def test_same_sources_make_the_same_bytes(sources: Sources) -> None:
    assert bundle.plan(sources) == bundle.plan(sources)


def test_touched_files_make_the_same_bytes(sources: Sources) -> None:
    before = bundle.plan(sources)
    put(sources.jobs, JOBS)
    sources.jobs.chmod(0o600)
    assert archive_of(bundle.plan(sources)) == archive_of(before)


def test_changed_job_changes_build_and_archive(sources: Sources) -> None:
    before = bundle.plan(sources)
    put(sources.jobs, JOBS + "# changed\n")
    after = bundle.plan(sources)
    assert before.build != after.build
    assert archive_of(before) != archive_of(after)
    for kind in ("packages", "engine"):
        assert archive_of(before, kind) == archive_of(after, kind)
    assert manifest_of(before)["pyodide"] == manifest_of(after)["pyodide"]


def test_manifest_names_files_that_exist(sources: Sources) -> None:
    plan = bundle.plan(sources)
    manifest = manifest_of(plan)
    archives, pyodide = manifest["archives"], manifest["pyodide"]
    assert isinstance(archives, list)
    assert isinstance(pyodide, dict)
    assert [plan.files[f"durably/{each}"] for each in archives] == [
        archive_of(plan, kind) for kind in ("packages", "engine", "app")
    ]
    assert {f"durably/{pyodide['url']}{name}" for name in PYODIDE_FILES} <= plan.files.keys()
    assert (manifest["jobsModule"], manifest["build"]) == ("my_jobs", plan.build)


def test_manifest_has_size_and_hash_of_every_file(sources: Sources) -> None:
    plan = bundle.plan(sources)
    listed = manifest_of(plan)["files"]
    assert isinstance(listed, dict)
    named = {posixpath.normpath(f"durably/{name}"): facts for name, facts in listed.items()}
    # No page may rely on what is there for the host.
    assert named.keys() == plan.files.keys() - {"durably/manifest.json", "sw.js"} - hosts.FILES
    for name, facts in named.items():
        content = plan.files[name]
        content = content if isinstance(content, bytes) else content.read_bytes()
        digest = base64.b64encode(hashlib.sha256(content).digest()).decode()
        assert facts == {"bytes": len(content), "integrity": f"sha256-{digest}"}


def test_rules_cover_every_file(sources: Sources) -> None:
    plan = bundle.plan(sources)
    text = plan.files["_headers"]
    assert isinstance(text, bytes)
    rules = HeaderRules.parse(text.decode())
    published = plan.files.keys() - hosts.FILES
    assert [name for name in published if "Cache-Control" not in rules.headers_for(f"/{name}")] == []


def test_page_brings_its_own_rules(sources: Sources, tmp_path: Path) -> None:
    put(tmp_path / "page/_headers", "/*\n  X-Mine: 1\n")
    plan = bundle.plan(sources)
    assert plan.files["_headers"] == tmp_path / "page/_headers"
    assert "../_headers" not in json.dumps(manifest_of(plan))


@pytest.mark.parametrize("name", ["page/assets/app.js", "pyodide/pyodide.mjs"])
def test_build_is_named_by_everything_in_it(sources: Sources, tmp_path: Path, name: str) -> None:
    before = bundle.plan(sources).build
    put(tmp_path / name, "other")
    assert bundle.plan(sources).build != before
    assert bundle.plan(replace(sources, options={"max_attempts": 3})).build != before


def test_archive_is_named_by_its_content(sources: Sources) -> None:
    plan = bundle.plan(sources)
    digest = hashlib.sha256(hashlib.sha256(archive_of(plan)).digest()).hexdigest()[:16]
    assert f"durably/immutable/app-{digest}.zip" in plan.files


def test_lock_file_names_no_cdn(sources: Sources) -> None:
    [lock] = [value for name, value in bundle.plan(sources).files.items() if name.endswith("lock.json")]
    assert isinstance(lock, bytes)
    assert json.loads(lock)["packages"] == {}


def test_archives_hold_wheels_and_engine_and_jobs(sources: Sources) -> None:
    plan = bundle.plan(sources)
    names = packed(plan, "engine")
    assert packed(plan, "packages") == {"dep/__init__.py"}
    assert packed(plan) == {"my_jobs.py"}
    assert {"durably_core/__init__.py", "spa_runtime/bridge.py"} <= names
    assert "durably_core/store/sql/sqlite/migrations/0001_initial.sql" in names
    assert not [name for name in names if name.startswith("spa_runtime/bundle")]


def test_bytecode_lies_beside_the_source_that_it_was_made_of(sources: Sources) -> None:
    put_bytecode(sources.pyodide, **{hashlib.sha256(b"").hexdigest(): "compiled"})
    plan = bundle.plan(sources)
    name = "dep/__pycache__/__init__.cpython-314.pyc"
    assert packed(plan, "packages") == {"dep/__init__.py", name}
    with zipfile.ZipFile(io.BytesIO(archive_of(plan, "packages"))) as archive:
        assert archive.read(name) == b"compiled"
    # Other content, whatever its name is, has none.
    assert "__pycache__/my_jobs.cpython-314.pyc" not in packed(plan)


def test_what_only_a_server_needs_is_left_out(sources: Sources) -> None:
    names = packed(bundle.plan(sources), "engine")
    assert "durably_core/job_file.py" in names
    assert not [name for name in names if re.match(r"durably_core/(cli|asgi)\b", name)]


def test_modules_beside_jobs_come_along(sources: Sources) -> None:
    put(sources.jobs.parent / "helpers/deep/__init__.py")
    assert "helpers/deep/__init__.py" in packed(bundle.plan(sources))


@pytest.mark.parametrize(
    "path",
    [
        ".env",
        ".git/config",
        ".venv/lib/python3.11/site-packages/secret.py",
        "package/.hidden/key.pem",
        "__pycache__/my_jobs.cpython-311.pyc",
        "credentials.json",
        "app.db",
        "node_modules/thing/setup.py",
    ],
)
def test_nothing_but_modules_is_published(sources: Sources, path: str) -> None:
    before = packed(bundle.plan(sources))
    put(sources.jobs.parent / path)
    assert packed(bundle.plan(sources)) == before


@pytest.mark.parametrize("marker", ["environment/pyvenv.cfg", "dist/durably/manifest.json"])
def test_environments_and_builds_are_left_out(sources: Sources, marker: str) -> None:
    put(sources.jobs.parent / marker)
    put(sources.jobs.parent / Path(marker).parts[0] / "lib/module.py")
    assert not any("module.py" in name for name in packed(bundle.plan(sources)))


def test_jobs_below_a_hidden_folder_are_packed(sources: Sources, tmp_path: Path) -> None:
    hidden = tmp_path / ".work/jobs/my_jobs.py"
    put(hidden, JOBS)
    moved = Sources(jobs=hidden, page=sources.page, pyodide=sources.pyodide, wheels=sources.wheels)
    assert "my_jobs.py" in packed(bundle.plan(moved))


@pytest.mark.parametrize(
    "name", ["jobs/my_jobs.py", "page/index.html", "pyodide/package.json", "pyodide/bytecode.zip"]
)
def test_missing_source_is_named(sources: Sources, tmp_path: Path, name: str) -> None:
    (tmp_path / name).unlink()
    with pytest.raises(NotFoundError, match=re.escape(str(tmp_path / name))):
        bundle.plan(sources)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"leese_ms": 1}, "no option 'leese_ms'"),
        ({"lease_ms": 0}, "lease_ms must be"),
        ({"exclusive": True}, "no option"),
    ],
)
def test_options_that_cannot_work_are_refused(
    sources: Sources, options: dict[str, object], sentence: str
) -> None:
    with pytest.raises(ValidationError, match=sentence):
        bundle.plan(replace(sources, options=options))


def test_pyodide_of_another_python_is_refused(sources: Sources) -> None:
    put(sources.pyodide / "pyodide-lock.json", json.dumps({"info": {"python": "3.15.0"}, "packages": {}}))
    with pytest.raises(ValidationError, match=r"has Python 3\.15\.0, but the engine needs 3\.14"):
        bundle.plan(sources)


def test_missing_wheels_are_named(sources: Sources, tmp_path: Path) -> None:
    next(sources.wheels.iterdir()).unlink()
    with pytest.raises(NotFoundError, match="wheels for Pyodide are missing"):
        bundle.plan(sources)


def test_written_folder_is_the_plan(sources: Sources, tmp_path: Path) -> None:
    plan = bundle.plan(sources)
    target = tmp_path / "dist"
    bundle.write(plan, target)
    written = {path.relative_to(target).as_posix() for path in target.rglob("*") if path.is_file()}
    assert written == plan.files.keys()
    assert (target / "index.html").read_text() == "<!doctype html>"


def test_writing_replaces_the_old_bundle(sources: Sources, tmp_path: Path) -> None:
    target = tmp_path / "dist"
    bundle.write(bundle.plan(sources), target)
    put(target / "durably/immutable/app-old.zip")
    bundle.write(bundle.plan(sources), target)
    assert not (target / "durably/immutable/app-old.zip").exists()
    assert [path.name for path in tmp_path.iterdir() if "dist" in path.name] == ["dist"]


def test_bundle_that_another_build_writes_meanwhile_is_replaced(
    sources: Sources, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target, mine, rename = tmp_path / "dist", bundle.plan(sources), Path.rename
    put(sources.jobs, JOBS + "# of the other build\n")
    others = [bundle.plan(sources)]

    def interrupted(self: Path, to: Path) -> Path:
        if to == target and others:
            bundle.write(others.pop(), target)
        return rename(self, to)

    monkeypatch.setattr(Path, "rename", interrupted)
    bundle.write(mine, target)
    written = {path.relative_to(target).as_posix() for path in target.rglob("*") if path.is_file()}
    assert not others
    assert written == mine.files.keys()
    assert [path.name for path in tmp_path.iterdir() if "dist" in path.name] == ["dist"]


def test_folders_beside_the_target_stay(sources: Sources, tmp_path: Path) -> None:
    put(tmp_path / "dist.new/mine.txt")
    bundle.write(bundle.plan(sources), tmp_path / "dist")
    assert (tmp_path / "dist.new/mine.txt").exists()


def test_file_is_not_replaced_by_a_bundle(sources: Sources, tmp_path: Path) -> None:
    put(tmp_path / "dist")
    with pytest.raises(ConflictError):
        bundle.write(bundle.plan(sources), tmp_path / "dist")


def test_written_twice_is_byte_identical(sources: Sources, tmp_path: Path) -> None:
    for name in ("one", "two"):
        bundle.write(bundle.plan(sources), tmp_path / name)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def test_folder_that_is_no_bundle_is_not_replaced(sources: Sources, tmp_path: Path) -> None:
    put(tmp_path / "home/thesis.txt")
    with pytest.raises(Exception, match="home"):
        bundle.write(bundle.plan(sources), tmp_path / "home")
    assert (tmp_path / "home/thesis.txt").exists()


def test_runtime_alone_is_what_the_site_has_in_its_folder(sources: Sources) -> None:
    runtime = dict(bundle.plan_runtime(sources).files)
    site = bundle.plan(sources)
    # They have to name the files of the page as well, and what it is made of.
    del runtime["manifest.json"], runtime["licenses.txt"]
    assert {f"durably/{name}": content for name, content in runtime.items()}.items() <= site.files.items()
    assert len(site.files.keys() - hosts.FILES) == len(runtime) + 5


def test_page_of_another_builder_is_finished_as_ours_is(sources: Sources, tmp_path: Path) -> None:
    whole, other = tmp_path / "whole", tmp_path / "other"
    bundle.write(bundle.plan(sources), whole)
    shutil.copytree(sources.page, other)
    bundle.write(bundle.plan_runtime(sources), other / "durably")
    for _ in range(2):
        bundle.finish(other, policy=security_policy(), offline=bundle.Offline())
        assert contents(other) == contents(whole)


def test_page_of_another_builder_has_a_policy_only_if_told(sources: Sources, tmp_path: Path) -> None:
    bundle.write(bundle.plan_runtime(sources), sources.page / "durably")
    bundle.finish(sources.page, isolation=Isolation.credentialless)
    rules = HeaderRules.parse((sources.page / "_headers").read_text("utf-8"))
    assert rules.headers_for("/")["Cross-Origin-Embedder-Policy"] == "credentialless"
    assert "Content-Security-Policy" not in rules.headers_for("/")


def test_runtime_in_another_folder_is_kept_for_ever_there(sources: Sources) -> None:
    bundle.write(bundle.plan_runtime(sources), sources.page / "static/python")
    bundle.finish(sources.page, "static/python")
    rules = HeaderRules.parse((sources.page / "_headers").read_text("utf-8"))
    caching = {
        name: rules.headers_for(f"/static/{name}")["Cache-Control"]
        for name in ("python/manifest.json", "python/immutable/a")
    }
    assert list(caching.values()) == ["no-cache", "public, max-age=31536000, immutable"]


def test_page_without_a_runtime_is_not_finished(sources: Sources) -> None:
    with pytest.raises(NotFoundError, match="runtime's manifest is missing"):
        bundle.finish(sources.page)


def test_runtime_needs_no_page(sources: Sources, tmp_path: Path) -> None:
    shutil.rmtree(sources.page)
    bundle.write(bundle.plan_runtime(sources), tmp_path / "runtime")
    bundle.write(bundle.plan_runtime(sources), tmp_path / "runtime")
    assert (tmp_path / "runtime/manifest.json").exists()


def test_folder_with_another_manifest_is_not_replaced_by_a_runtime(sources: Sources, tmp_path: Path) -> None:
    put(tmp_path / "public/manifest.json", '{"name": "A web app"}')
    with pytest.raises(ConflictError):
        bundle.write(bundle.plan_runtime(sources), tmp_path / "public")


def test_build_that_fails_leaves_nothing_behind(sources: Sources, tmp_path: Path) -> None:
    plan = bundle.plan(sources)
    broken = replace(plan, files={**plan.files, "gone.js": tmp_path / "gone.js"})
    with pytest.raises(FileNotFoundError):
        bundle.write(broken, tmp_path / "dist")
    assert not [path for path in tmp_path.iterdir() if "dist" in path.name]


def test_licences_are_in_the_folder_and_in_the_manifest(sources: Sources) -> None:
    plan = bundle.plan(sources)
    text = plan.files["durably/licenses.txt"]
    assert isinstance(text, bytes)
    entries = manifest_of(plan)["licenses"]
    assert isinstance(entries, list)
    assert {"name": "dep", "version": "1", "license": "unknown"} in entries
    assert {"Durably", "Pyodide", "CPython"} <= {entry["name"] for entry in entries}
    assert all(f"{entry['name']} {entry['version']}".strip() in text.decode() for entry in entries)


def test_wheels_that_cannot_lie_side_by_side_are_refused(sources: Sources) -> None:
    with zipfile.ZipFile(sources.wheels / "twin-1-py3-none-any.whl", "w") as wheel:
        wheel.writestr("dep/__init__.py", "other = True")
    with pytest.raises(ValidationError, match="both bring dep/__init__"):
        bundle.plan(sources)


def test_library_is_split_and_may_be_whole(sources: Sources) -> None:
    split, whole = bundle.plan(sources), bundle.plan(replace(sources, library=Library.whole))
    library: Any = manifest_of(split)["library"]
    assert (library["modules"], f"durably/{library['path']}" in split.files) == (["csv"], True)
    assert manifest_of(whole)["library"] is None
    assert len(whole.files) == len(split.files) - 1
    [content] = [content for name, content in whole.files.items() if name.endswith("python_stdlib.zip")]
    assert content == (sources.pyodide / "python_stdlib.zip").read_bytes()
