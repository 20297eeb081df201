"""Whether jobs can be imported here, with the packages that are packed for the browser."""

from pathlib import Path

import pytest

from spa_runtime.checking import Fault, check_jobs
from tests.unit.package_index import BROWSER, make_wheel

JOBS = """
import {module}
from durably_core import StepContext, job
from pydantic import BaseModel

class Nothing(BaseModel):
    pass

@job({module}.NAME)
async def some(step: StepContext, input: Nothing) -> None: ...
"""


@pytest.fixture
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DURABLY_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "wheels"
    make_wheel(folder, "pure-one", "1", files={"pure_one/__init__.py": "NAME = 'from the wheel'"})
    make_wheel(folder, "fast-one", "1", tag=BROWSER, files={"fast_one.cpython-314-wasm32.so": ""})
    # Never the one that is taken: what is installed goes before.
    make_wheel(folder, "pydantic", "9", files={"pydantic/__init__.py": "raise RuntimeError"})
    return folder


def check(tmp_path: Path, wheels: Path, module: str) -> list[str] | Fault:
    (tmp_path / "jobs.py").write_text(JOBS.format(module=module))
    infos = check_jobs(tmp_path / "jobs.py", wheels)
    return infos if isinstance(infos, Fault) else [info["name"] for info in infos]


def test_package_that_is_packed_need_not_be_installed(tmp_path: Path, wheels: Path) -> None:
    assert check(tmp_path, wheels, "pure_one") == ["from the wheel"]


def test_compiled_package_that_is_not_installed_is_told_with_what_to_do(tmp_path: Path, wheels: Path) -> None:
    fault = check(tmp_path, wheels, "fast_one")
    assert isinstance(fault, Fault)
    assert fault.place == f"{tmp_path / 'jobs.py'}:2"
    assert fault.message == (
        "ModuleNotFoundError: No module named 'fast_one'. It is packed, but compiled for the browser. Import "
        "it in the function that needs it, or install it here, too, so that the jobs can be checked: "
        "`pip install fast-one`."
    )


def test_package_that_is_not_declared_is_told_with_what_to_do(tmp_path: Path, wheels: Path) -> None:
    fault = check(tmp_path, wheels, "nowhere_to_be_found")
    assert isinstance(fault, Fault)
    assert fault.message == (
        "ModuleNotFoundError: No module named 'nowhere_to_be_found'. Is it a package? Then the jobs "
        "must declare it, as in a requirements.txt beside the job file."
    )
