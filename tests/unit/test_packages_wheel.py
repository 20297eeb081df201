"""What of a wheel lies on Python's path in the browser, and where a cache is."""

import json
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from spa_runtime import packages
from spa_runtime.packages import PackagesError, Wheel, engine, merged, pyodide
from spa_runtime.packages.cache import cache_folder
from tests.unit.package_index import BROWSER, PURE, make_wheel

ROOT = Path(__file__).parent.parent.parent

ENVIRONMENT = """
import { loadPyodide } from './web/node_modules/pyodide/pyodide.mjs'
const python = await loadPyodide()
console.log(python.runPython(`
import json, os, platform, sys, sysconfig
json.dumps({
    "implementation_name": sys.implementation.name,
    "implementation_version": "{0.major}.{0.minor}.{0.micro}".format(sys.implementation.version),
    "os_name": os.name,
    "platform_machine": platform.machine(),
    "platform_python_implementation": platform.python_implementation(),
    "platform_release": platform.release(),
    "platform_system": platform.system(),
    "platform_version": platform.version(),
    "python_full_version": platform.python_version(),
    "python_version": ".".join(platform.python_version_tuple()[:2]),
    "sys_platform": sys.platform,
})
`))
"""


def test_conditions_are_evaluated_for_the_python_of_the_page() -> None:
    node = ["node", "--input-type=module", "--eval", ENVIRONMENT]
    said = subprocess.run(node, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert json.loads(said) == pyodide.MARKERS
    lock = json.loads((ROOT / "web/node_modules/pyodide/pyodide-lock.json").read_text())
    assert f"pyemscripten_{lock['info']['abi_version']}_{lock['info']['arch']}" == pyodide.PLATFORM
    assert f"cp{pyodide.PYTHON.replace('.', '')}" == pyodide.ABI


def test_pins_are_made_for_the_python_of_the_page() -> None:
    pinned = [pin.name for pin in engine.pins()]
    assert {"pydantic", "pydantic-core", "micropip"} <= set(pinned)
    assert all(pin.hashes for pin in engine.pins())
    assert f"requirements/pyodide.in --python-version {pyodide.PYTHON} " in (ROOT / "Makefile").read_text(
        "utf-8"
    )


def test_modules_lie_in_the_root_and_the_rest_is_left_out(tmp_path: Path) -> None:
    wheel = Wheel(
        make_wheel(
            tmp_path,
            "some",
            "1.0",
            files={
                "some/__init__.py": "",
                "some/__init__.pyi": "",
                "some/data.json": "{}",
                "some-1.0.data/purelib/pure.py": "",
                "some-1.0.data/platlib/native/x.so": "",
                "some-1.0.data/scripts/some": "",
                "some-1.0.data/headers/some.h": "",
                "some-1.0.data/data/share/some.txt": "",
                "some-1.0.dist-info/licenses/LICENSE": "",
            },
        )
    )
    modules = {path for path in dict(wheel.files()) if not path.startswith("some-1.0.dist-info/")}
    assert modules == {"some/__init__.py", "some/data.json", "pure.py", "native/x.so"}
    assert {"some-1.0.dist-info/METADATA", "some-1.0.dist-info/licenses/LICENSE"} <= dict(wheel.files()).keys()
    assert wheel.modules() == {"some", "pure", "native"}
    assert (wheel.name, wheel.version, wheel.is_pure) == ("some", "1.0", True)
    assert not Wheel(make_wheel(tmp_path, "fast", "1", tag=BROWSER)).is_pure


@pytest.mark.parametrize(
    "path", ["../evil.py", "/evil.py", "a/../../evil.py", "c:\\evil.py", "some-1.data/purelib/../evil"]
)
def test_file_that_would_lie_outside_is_refused(tmp_path: Path, path: str) -> None:
    wheel = Wheel(make_wheel(tmp_path, "some", "1", files={path: ""}))
    with pytest.raises(
        PackagesError, match=re.escape("some-1-py3-none-any.whl has a file that would lie outside")
    ):
        list(wheel.files())


def test_file_that_is_no_wheel_is_named(tmp_path: Path) -> None:
    (tmp_path / f"some-1-{PURE}.whl").write_text("<html>Not found")
    with pytest.raises(PackagesError, match=r"some-1-py3-none-any\.whl can't be read as a wheel"):
        merged(packages.wheels_in(tmp_path))


def test_two_wheels_with_different_files_of_one_path_are_named(tmp_path: Path) -> None:
    for name, text in (("one", "1"), ("two", "2")):
        make_wheel(tmp_path, name, "1", files={"shared/__init__.py": "", "shared/which.py": text})
    with pytest.raises(PackagesError) as caught:
        merged(packages.wheels_in(tmp_path))
    assert caught.value.message.startswith(
        "one-1-py3-none-any.whl and two-1-py3-none-any.whl both bring shared/which.py"
    )


def test_two_wheels_may_share_a_file_that_is_the_same(tmp_path: Path) -> None:
    for name in ("one", "two"):
        make_wheel(tmp_path, name, "1", files={"shared/__init__.py": "", f"shared/{name}.py": ""})
    assert {"shared/__init__.py", "shared/one.py", "shared/two.py"} <= merged(
        packages.wheels_in(tmp_path)
    ).keys()


def test_modules_for_this_python_are_those_that_are_not_compiled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DURABLY_CACHE", str(tmp_path / "cache"))
    make_wheel(tmp_path, "pure", "1")
    make_wheel(tmp_path, "fast", "1", tag=BROWSER)
    folder = packages.modules_of(tmp_path)
    assert {path.name for path in folder.iterdir()} == {"pure.py", "pure-1.dist-info"}
    assert packages.modules_of(tmp_path) == folder
    with zipfile.ZipFile(make_wheel(tmp_path, "pure", "1", files={"pure.py": "changed = 1"})):
        assert packages.modules_of(tmp_path) != folder


@pytest.mark.parametrize("name", ["DURABLY_CACHE", "XDG_CACHE_HOME"])
def test_cache_is_where_the_environment_says(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DURABLY_CACHE", raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv(name, str(tmp_path))
    assert cache_folder() == (tmp_path if name == "DURABLY_CACHE" else tmp_path / "durably")
