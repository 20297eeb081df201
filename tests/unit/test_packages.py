"""From declared dependencies to wheels: what real pip resolves, with an index of small wheels."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from durably_core import NotFoundError
from durably_core.errors import DurablyError
from spa_runtime import packages
from spa_runtime.packages import PackageOptions, PackagesError, engine, pip
from tests.unit.package_index import BROWSER, ELSEWHERE, Index, hash_of, index_of, make_wheel

ROOT = Path(__file__).parent.parent.parent
PIPS = sorted((ROOT / "build" / "pips").glob("pip-*.whl"))
ENGINE = ("pydantic==2.14.3", "pydantic-core==2.50.4", "micropip==0.11.1")


def test_both_pips_are_there() -> None:
    assert len(PIPS) == 2, "run `make test-unit` once"


@pytest.fixture(scope="session")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Mapping[Path, Path]:
    """The folder of each: out of a wheel, Python would compile all of pip at each start."""
    folders = {wheel: tmp_path_factory.mktemp("pip") for wheel in PIPS}
    for wheel, folder in folders.items():
        shutil.unpack_archive(wheel, folder, "zip")
    return folders


@pytest.fixture(params=PIPS, ids=lambda pip: pip.name.split("-")[1])
def each_pip(
    request: pytest.FixtureRequest, unpacked: Mapping[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The test runs with the oldest and the newest."""
    monkeypatch.setenv("PYTHONPATH", str(unpacked[request.param]))


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Index]:
    """All that pip finds: what the engine needs, and what a test adds."""
    folder = tmp_path / "index"
    pins = [
        make_wheel(folder, "pydantic", "2.14.3", "pydantic-core==2.50.4"),
        make_wheel(folder, "pydantic-core", "2.50.4", tag=BROWSER),
        make_wheel(folder, "micropip", "0.11.1"),
    ]
    make_wheel(folder, "pydantic", "2.14.9", "pydantic-core==2.50.4")
    list_ = tmp_path / "pins.txt"
    list_.write_text("".join(f"{pin} --hash={hash_of(file)}\n" for pin, file in zip(ENGINE, pins, strict=True)))
    monkeypatch.setattr(engine, "PINS", list_)
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_CACHE_DIR", str(tmp_path / "pip-cache"))
    monkeypatch.setenv("PIP_RETRIES", "0")
    # Without TLS pip keeps what it downloads only from a host that it was told to trust.
    monkeypatch.setenv("PIP_TRUSTED_HOST", "127.0.0.1")
    monkeypatch.setenv("DURABLY_CACHE", str(tmp_path / "cache"))
    with index_of(folder) as index:
        monkeypatch.setenv("PIP_INDEX_URL", index.url)
        yield index


class Project:
    """A job file, in a folder that is the current one."""

    def __init__(self, folder: Path) -> None:
        self.jobs = folder / "jobs.py"
        self.told: list[str] = []
        self.declare()

    def declare(self, *requirements: str) -> None:
        """In the job file, whose third line is the first requirement."""
        lines = "".join(f'#  "{requirement}",\n' for requirement in requirements)
        self.jobs.write_text(f"# /// script\n# dependencies = [\n{lines}# ]\n# ///\n")

    def tell(self, text: str, *, detail: bool = False) -> None:
        self.told.append(f"({text})" if detail else text)

    def folder(self, **options: object) -> Path:
        return packages.wheels_for(self.jobs, PackageOptions(**options), self.tell)  # type: ignore[arg-type]

    def resolve(self, *requirements: str, **options: object) -> list[str]:
        """Packages with their versions, but for the engine's as they are pinned."""
        self.declare(*requirements)
        found = [f"{wheel.name}=={wheel.version}" for wheel in packages.wheels_in(self.folder(**options))]
        return sorted(set(found) - set(ENGINE))

    def refusal(self, *requirements: str, **options: object) -> str:
        with pytest.raises(PackagesError) as caught:
            self.resolve(*requirements, **options)
        return caught.value.message


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    (tmp_path / "project/.git").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "project")
    return Project(tmp_path / "project")


@pytest.mark.usefixtures("each_pip")
class TestWithEachPip:
    """What is taken, and what is said."""

    def test_conditions_are_those_of_the_browser(self, index: Index, project: Project) -> None:
        for name in ("here", "there", "later", "inner"):
            make_wheel(index.folder, name, "1")
        conditions = ("inner; platform_system == 'Emscripten'", "there; sys_platform == 'linux'")
        make_wheel(index.folder, "outer", "1", *conditions, "later; python_full_version >= '3.14.2'")
        found = project.resolve("outer", "here; sys_platform == 'emscripten'", "there; python_version < '3.14'")
        assert found == ["here==1", "inner==1", "later==1", "outer==1"]

    def test_compiled_wheel_for_the_browser_is_preferred(self, index: Index, project: Project) -> None:
        for tag in ("py3-none-any", BROWSER, ELSEWHERE):
            make_wheel(index.folder, "fast", "1", tag=tag)
        assert project.resolve("fast") == ["fast==1"]
        assert (project.folder() / f"fast-1-{BROWSER}.whl").is_file()

    def test_wheel_for_a_later_python_is_taken(self, index: Index, project: Project) -> None:
        make_wheel(index.folder, "modern", "1", python=">=3.14.1")
        assert project.resolve("modern") == ["modern==1"]

    def test_older_version_is_taken_where_only_that_fits(self, index: Index, project: Project) -> None:
        make_wheel(index.folder, "base", "1")
        make_wheel(index.folder, "base", "2")
        make_wheel(index.folder, "left", "1", "base<2")
        make_wheel(index.folder, "right", "1", "base")
        make_wheel(index.folder, "right", "2", "base>=2")
        assert project.resolve("right", "left") == ["base==1", "left==1", "right==1"]

    def test_extras_are_resolved(self, index: Index, project: Project) -> None:
        make_wheel(index.folder, "more", "1")
        make_wheel(index.folder, "core", "1", "more; extra == 'all'", extras=["all"])
        assert project.resolve("core[all]") == ["core==1", "more==1"]
        assert project.resolve("core") == ["core==1"]

    def test_conflict_says_who_wants_what(self, index: Index, project: Project) -> None:
        make_wheel(index.folder, "base", "1")
        make_wheel(index.folder, "base", "2")
        make_wheel(index.folder, "left", "1", "base<2")
        first, *others = project.refusal("left", "base>=2").splitlines()
        assert first == "jobs.py:3: These don't fit together:"
        assert sorted(others) == ["  jobs.py:4 wants base>=2", "  left 1 needs base<2"]

    def test_conflict_with_the_engine_says_so(self, index: Index, project: Project) -> None:
        make_wheel(index.folder, "pydantic", "2.9")
        make_wheel(index.folder, "old-fashioned", "1", "pydantic<2.10")
        told = project.refusal("old-fashioned")
        assert "old-fashioned 1 needs pydantic<2.10" in told
        assert "Durably 0.1.0 needs pydantic<3 and >=2.14 in the browser" in told
        assert project.refusal("pydantic<2.10").startswith("jobs.py:3: These don't fit together:\n")

    def test_version_of_the_engine_whose_needs_are_gone_is_told(self, index: Index, project: Project) -> None:
        make_wheel(index.folder, "pydantic", "2.10", "pydantic-core==2.27")
        make_wheel(index.folder, "some", "1")
        told = project.refusal("some", "pydantic==2.10")
        # pip meets either first: the conflict, or that nobody has what this version needs.
        assert told.startswith(
            ("jobs.py:4: Durably needs pydantic>=2.14", "jobs.py:4: These don't fit together:")
        )
        assert "wants pydantic==2.10" in told

    def test_python_that_the_jobs_require_is_the_browsers(self, index: Index, project: Project) -> None:
        project.jobs.write_text('# /// script\n# requires-python = ">=3.15"\n# dependencies = []\n# ///\n')
        with pytest.raises(PackagesError, match=r"^jobs.py:2: The jobs require Python >=3.15, and the browser"):
            project.folder()
        project.jobs.write_text(project.jobs.read_text().replace("3.15", "3.14.1"))
        assert project.folder().is_dir()

    def test_source_code_alone_is_told_with_what_to_do(self, index: Index, project: Project) -> None:
        (index.folder / "source_only-1.0.tar.gz").write_bytes(b"")
        told = project.refusal("source-only")
        assert told.startswith("jobs.py:3: source-only has no wheel, only source code (source_only-1.0.tar.gz)")
        assert "`pip wheel --no-deps -w wheels source-only`" in told

    def test_wheels_of_other_machines_are_told(self, index: Index, project: Project) -> None:
        make_wheel(index.folder, "native", "1", tag=ELSEWHERE)
        make_wheel(index.folder, "outer", "1", "native")
        make_wheel(index.folder, "outer", "2", "native>=1")
        wheel = f"native-1-{ELSEWHERE}.whl"
        told = project.refusal("outer")
        assert told.startswith("jobs.py:3: native, which outer ")
        assert f"has no wheel for the browser, only for other machines, such as {wheel}. Take another" in told

    def test_what_pyodide_distributes_is_told(self, index: Index, project: Project) -> None:
        make_wheel(index.folder, "numpy", "1", tag=ELSEWHERE)
        told = project.refusal("numpy")
        assert "Pyodide's own distribution has version 2." in told
        assert "wasm32.whl out of pyodide-314." in told

    def test_package_that_is_nowhere_is_told(self, index: Index, project: Project) -> None:
        make_wheel(index.folder, "outer", "1", "nowhere>1")
        assert project.refusal("nowhere").startswith("jobs.py:3: nowhere is in no package index")
        assert project.refusal("outer").startswith("jobs.py:3: nowhere, which outer needs, is in no package")

    def test_version_that_is_not_there_is_told(self, index: Index, project: Project) -> None:
        for version in ("1.9", "1.10"):
            make_wheel(index.folder, "some", version)
        assert project.refusal("some>=2") == (
            "jobs.py:3: There is no some>=2 with a wheel for the browser: there is 1.9, 1.10."
        )

    def test_package_of_another_python_is_told(self, index: Index, project: Project) -> None:
        make_wheel(index.folder, "old", "1", python="<3.12")
        assert project.refusal("old").startswith("jobs.py:3: old needs Python <3.12, and the browser has 3.14")

    def test_requirement_that_is_none_is_told_with_its_line(self, index: Index, project: Project) -> None:
        assert project.refusal("some", "other=1").startswith(
            "jobs.py:4: 'other=1' is no requirement that pip understands. = is not a valid operator"
        )

    def test_package_from_a_repository_is_told(self, index: Index, project: Project) -> None:
        make_wheel(index.folder, "outer", "1", "inner @ git+http://127.0.0.1:9/inner.git")
        assert "`pip wheel --no-deps -w wheels git+http://127.0.0.1:9/inner.git`" in project.refusal("outer")


def test_pinned_versions_of_the_engine_are_taken(index: Index, project: Project) -> None:
    assert project.resolve() == []
    assert project.resolve("pydantic>=2.14") == []
    assert [wheel.name for wheel in packages.additional(project.folder())] == []


def test_pins_give_way_to_what_the_jobs_need(index: Index, project: Project) -> None:
    make_wheel(index.folder, "newest", "1", "pydantic>=2.14.5")
    assert project.resolve("newest") == ["newest==1", "pydantic==2.14.9"]


def test_other_file_than_the_pinned_one_is_refused(index: Index, project: Project) -> None:
    make_wheel(index.folder, "micropip", "0.11.1", files={"micropip.py": "evil = True"})
    assert "micropip-0.11.1-py3-none-any.whl is not the file with which" in project.refusal()


def test_durably_itself_is_left_out(index: Index, project: Project) -> None:
    make_wheel(index.folder, "helpers", "1", "durably[server]>=0.1")
    assert project.resolve("durably[spa]==0.0.1", "helpers", "Durably") == ["helpers==1"]


def test_package_for_another_durably_is_told(index: Index, project: Project) -> None:
    make_wheel(index.folder, "helpers", "1", "durably>=99")
    told = project.refusal("helpers")
    assert "helpers 1 needs durably>=99" in told
    assert "this is Durably 0.1.0" in told


def test_list_with_hashes_is_held_to_them(index: Index, project: Project) -> None:
    some, need = make_wheel(index.folder, "some", "1", "need"), make_wheel(index.folder, "need", "1")
    list_ = project.jobs.with_name("locked.txt")
    list_.write_text(f"some==1 \\\n    --hash={hash_of(need)} \\\n    --hash={hash_of(some)}\n")
    assert "need 1 has no hash in the list" in project.refusal(requirements=list_)
    list_.write_text(f"{list_.read_text()}need==1 --hash=sha256:{'0' * 64}\n")
    assert project.refusal(requirements=list_).startswith("locked.txt:4: need-1-py3-none-any.whl has none of")
    list_.write_text(list_.read_text().replace(f"sha256:{'0' * 64}", hash_of(need)))
    assert project.resolve(requirements=list_) == ["need==1", "some==1"]


def test_wheels_of_a_folder_are_found_and_noticed_when_they_change(
    index: Index, project: Project, tmp_path: Path
) -> None:
    links = tmp_path / "my wheels"
    make_wheel(links, "mine", "1")
    assert project.resolve("mine", find_links=[links]) == ["mine==1"]
    make_wheel(links, "mine", "2")
    assert project.resolve("mine", find_links=[links]) == ["mine==2"]
    with pytest.raises(NotFoundError, match="no folder gone of wheels"):
        project.folder(find_links=[Path("gone")])


def test_wheel_at_a_path_is_taken_as_it_is_now(index: Index, project: Project) -> None:
    make_wheel(project.jobs.parent / "my wheels", "mine", "1", "pydantic")
    project.jobs.with_name("requirements.txt").write_text("./wheels/mine-1-py3-none-any.whl  # ours\n")
    project.jobs.write_text("")
    (project.jobs.parent / "my wheels").rename(project.jobs.parent / "wheels")
    first = project.folder()
    assert (first / "mine-1-py3-none-any.whl").is_file()
    make_wheel(project.jobs.parent / "wheels", "mine", "1", files={"mine.py": "changed = True"})
    assert project.folder() != first


def test_list_may_name_its_own_index(index: Index, project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    make_wheel(index.folder, "some", "1")
    list_ = project.jobs.with_name("list.txt")
    list_.write_text(f"--index-url {index.url}\nsome\nmissing-one\n")
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    assert "list.txt:3: missing-one is in no package index" in project.refusal(requirements=list_)
    list_.write_text(f"--index-url {index.url}\nsome\n")
    assert project.resolve(requirements=list_) == ["some==1"]


def test_constraints_bind(index: Index, project: Project) -> None:
    for version in ("1", "2", "3"):
        make_wheel(index.folder, "some", version)
    project.jobs.with_name("limits.txt").write_text("some<3\n")
    list_ = project.jobs.with_name("list.txt")
    list_.write_text("-c limits.txt\nsome\n")
    assert project.resolve(requirements=list_) == ["some==2"]
    list_.write_text("-c limits.txt\nsome>=3\n")
    told = project.refusal(requirements=list_)
    assert "list.txt:2 wants some>=3" in told
    assert "limits.txt:1 wants some<3" in told


def test_what_was_resolved_needs_neither_network_nor_pip(
    index: Index, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_wheel(index.folder, "some", "1")
    project.declare("some")
    before = project.folder()
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setattr(pip, "PROGRAM", Path("no-pip.py"))
    assert project.folder() == before
    assert packages.known_wheels(project.jobs, PackageOptions()) == before


def test_without_network_it_is_said_that_there_is_none(
    index: Index, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    for requirements in ([], ["some"]):
        told = project.refusal(*requirements)
        assert "the package index does not answer. Is this machine connected to the network?" in told
    assert packages.known_wheels(project.jobs, PackageOptions()) is None


def test_upgrade_resolves_again(index: Index, project: Project) -> None:
    make_wheel(index.folder, "some", "1")
    assert project.resolve("some") == ["some==1"]
    make_wheel(index.folder, "some", "2")
    assert project.resolve("some") == ["some==1"]
    assert project.resolve("some", upgrade=True) == ["some==2"]
    assert project.resolve("some") == ["some==2"]


def test_changed_requirement_downloads_only_what_is_new(index: Index, project: Project) -> None:
    make_wheel(index.folder, "some", "1")
    make_wheel(index.folder, "other", "1")
    project.resolve("some")
    index.asked.clear()
    assert project.resolve("some", "other") == ["other==1", "some==1"]
    assert index.downloads == ["other-1-py3-none-any.whl"]


def test_people_read_what_is_downloaded(index: Index, project: Project) -> None:
    make_wheel(index.folder, "some", "1")
    project.resolve("some")
    assert project.told[:2] == [
        "packages of jobs.py (inline metadata)",
        "downloading packages for the browser, once …",
    ]
    assert any(line.startswith("(  some-1-py3-none-any.whl  ") for line in project.told), project.told
    project.told.clear()
    project.resolve("some")
    assert project.told == ["packages of jobs.py (inline metadata)"]


RESOLVE = """
import sys
from pathlib import Path
from spa_runtime import packages
from spa_runtime.packages import engine

engine.PINS = Path(sys.argv[2])
print(packages.wheels_for(Path(sys.argv[1]), packages.PackageOptions(), packages.tell_person))
"""


def start(jobs: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", RESOLVE, str(jobs), str(engine.PINS)]
    return subprocess.Popen(command, stdout=-1, stderr=-1, text=True, start_new_session=True)


def test_two_that_resolve_at_once_share_one_folder(index: Index, project: Project, tmp_path: Path) -> None:
    both = [start(project.jobs) for _ in range(2)]
    told = [process.communicate() for process in both]
    assert [process.returncode for process in both] == [0, 0], told
    [folder] = {Path(stdout.strip()) for stdout, _ in told}
    assert {path.name for path in (tmp_path / "cache").iterdir()} == {folder.name, "resolved"}


def test_build_that_is_killed_leaves_nothing_half(index: Index, project: Project, tmp_path: Path) -> None:
    index.is_holding.set()
    killed = start(project.jobs)
    assert index.reached.wait(60)
    os.killpg(killed.pid, signal.SIGKILL)
    killed.communicate()
    index.release()
    assert packages.known_wheels(project.jobs, PackageOptions()) is None
    assert not [path for path in (tmp_path / "cache").iterdir() if not path.name.startswith(".work-")]
    assert len(list(project.folder().iterdir())) == len(ENGINE)


def test_what_killed_builds_left_is_removed_when_it_is_old(
    index: Index, project: Project, tmp_path: Path
) -> None:
    for name in ("old", "new"):
        (tmp_path / f"cache/.work-{name}").mkdir(parents=True)
    os.utime(tmp_path / "cache/.work-old", (0, 0))
    project.folder()
    assert [path.name for path in (tmp_path / "cache").glob(".work-*")] == [".work-new"]


def test_cache_that_cannot_be_written_is_told(
    index: Index, project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("DURABLY_CACHE", str(tmp_path / "file"))
    with pytest.raises(DurablyError, match="Name another folder with the variable DURABLY_CACHE"):
        project.folder()


def test_given_wheels_are_taken_as_they_are(project: Project, tmp_path: Path) -> None:
    project.declare("whatever")
    assert project.folder(wheels=tmp_path) == tmp_path


def test_environment_without_pip_is_helped_by_python(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "bare"], check=True)
    python = str(tmp_path / "bare/bin/python")
    bundled = output_of(python, "-c", "import ensurepip; print(ensurepip.version())")
    said = output_of(python, "-P", str(pip.PROGRAM), "{}", "--version")
    # A Python of Debian's brings none.
    assert said.startswith(f"pip {bundled} " if bundled[0].isdigit() else "No module named pip")


def output_of(*command: str) -> str:
    done = subprocess.run(command, stdout=-1, stderr=subprocess.STDOUT, text=True, check=False)
    return done.stdout.strip().splitlines()[-1]
