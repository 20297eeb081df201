"""The list of licences: everything that is packed is in it, with its texts."""

import json
import subprocess
from pathlib import Path

import pytest

from spa_runtime.bundle import licenses
from spa_runtime.bundle.components import PYODIDE
from spa_runtime.bundle.licenses import (
    License,
    for_people,
    for_programs,
    page_licenses,
    runtime_licenses,
    with_page,
)
from tests.unit.package_index import make_wheel

ROOT = Path(__file__).parent.parent.parent
VERSIONS = """
import { loadPyodide, version } from './web/node_modules/pyodide/pyodide.mjs'
const python = await loadPyodide()
const inside = python.runPython(`
import decimal, json, platform, pyexpat, sqlite3, zlib
json.dumps({
    "CPython": platform.python_version(),
    "Emscripten": platform.release(),
    "Expat": pyexpat.EXPAT_VERSION.removeprefix("expat_"),
    "SQLite": sqlite3.sqlite_version,
    "libmpdec": decimal.__libmpdec_version__,
    "zlib": zlib.ZLIB_RUNTIME_VERSION,
})
`)
console.log(JSON.stringify({ Pyodide: version, ...JSON.parse(inside) }))
"""


@pytest.fixture
def wheels(tmp_path: Path) -> Path:
    return tmp_path / "wheels"


@pytest.fixture
def page(tmp_path: Path) -> Path:
    folder = tmp_path / "page"
    (folder / ".vite").mkdir(parents=True)
    entry = {"name": "react", "version": "19", "identifier": "MIT", "text": "MIT of React"}
    bare = {"name": "bare", "version": "1", "identifier": None, "text": None}
    (folder / ".vite/license.json").write_text(json.dumps([entry, bare]))
    return folder


def find(found: list[License], name: str) -> License:
    [license_] = [each for each in found if each.name == name]
    return license_


def test_versions_of_what_pyodide_is_made_of_are_those_inside_it() -> None:
    node = ["node", "--input-type=module", "--eval", VERSIONS]
    said = subprocess.run(node, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert {part.name: part.version for part in PYODIDE if part.version} == json.loads(said)


def test_every_part_has_the_text_of_its_licence(wheels: Path) -> None:
    found = runtime_licenses(wheels)
    public = {"SQLite", "XZ liblzma"}
    for part in PYODIDE:
        license_ = find(found, part.name)
        assert license_.texts[0] == part.notice
        assert any(len(text) > 400 for text in license_.texts) or part.name in public
    assert "Permission is hereby granted" in find(found, "Durably").texts[0]
    assert "Mozilla Public License Version 2.0" in find(found, "Pyodide").texts[1]


@pytest.mark.parametrize(
    ("fields", "license_"),
    [
        (["License-Expression: MIT OR Apache-2.0", "License: something"], "MIT OR Apache-2.0"),
        (["License: BSD", "Classifier: License :: OSI Approved :: BSD License"], "BSD"),
        (
            ["License: Copyright 2020 by me\n        All of it", "Classifier: Typing :: Typed"],
            "Copyright 2020 by me",
        ),
        ([f"License: {'word ' * 30}", "Classifier: License :: OSI Approved :: ISC License"], "ISC License"),
        ([], "unknown"),
    ],
)
def test_licence_of_a_wheel_is_what_its_metadata_say(wheels: Path, fields: list[str], license_: str) -> None:
    make_wheel(wheels, "some-thing", "1.2", fields=fields)
    assert find(runtime_licenses(wheels), "some-thing") == License("some-thing", "1.2", license_)


def test_texts_of_a_wheel_and_of_what_is_vendored_in_it_come_along(wheels: Path) -> None:
    files = {
        "some/__init__.py": "",
        "some/license.py": "no text",
        "some/_vendor/other/LICENSE.BSD": "BSD of other",
        "some-1.dist-info/licenses/third/party.txt": "Text of a third party",
        "some-1.dist-info/COPYING": "Copying",
        "some-1.dist-info/AUTHORS.md": "Authors",
        "NOTICE": "Copying",
    }
    make_wheel(wheels, "some", "1", files=files)
    texts = find(runtime_licenses(wheels), "some").texts
    assert texts == ("Authors", "BSD of other", "Copying", "Text of a third party")


def test_scripts_of_the_page_are_in_the_list(page: Path, tmp_path: Path) -> None:
    (tmp_path / "worker").mkdir()
    entry = {"name": "workbox", "version": "7", "identifier": "MIT", "text": "MIT of Workbox"}
    (tmp_path / "worker/license.json").write_text(json.dumps([entry]))
    assert page_licenses([page, tmp_path / "worker"]) == [
        License("bare", "1", "unknown"),
        License("react", "19", "MIT", ("MIT of React",)),
        License("workbox", "7", "MIT", ("MIT of Workbox",)),
    ]


def test_page_of_which_nothing_is_known_is_told(page: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    assert page_licenses([]) == page_licenses([tmp_path / "mine"]) == [licenses.PAGE]
    assert licenses.PAGE in page_licenses([tmp_path / "mine", page])
    told = {"name": "The page around it", "version": "", "license": "unknown", "page": True}
    assert for_programs([], [licenses.PAGE]) == [told]
    assert "What it is made of is not told." in for_people([licenses.PAGE], [licenses.PAGE]).decode()


def test_page_of_a_runtime_is_told_later(wheels: Path, page: Path) -> None:
    make_wheel(wheels, "some", "1")
    runtime, of_page = runtime_licenses(wheels), page_licenses([page])
    whole = for_programs(runtime, of_page), for_people(runtime, of_page)
    alone = for_programs(runtime, [licenses.PAGE]), for_people(runtime, [licenses.PAGE])
    assert with_page(*alone, of_page) == whole
    assert with_page(*whole, of_page) == whole


def test_list_is_sorted_and_the_same_each_time(wheels: Path) -> None:
    for name in ("zebra", "apple", "mango"):
        make_wheel(wheels, name, "1", fields=["License-Expression: MIT"], files={"LICENSE": f"Of {name}"})
    runtime = runtime_licenses(wheels)
    assert runtime == runtime_licenses(wheels)
    names = [each.name.lower() for each in runtime]
    assert names == sorted(names)
    text = for_people(runtime, [licenses.PAGE]).decode()
    assert text.startswith("What runs Python in this site, and the licences of its parts\n\n")
    assert text.index("apple 1 ") < text.index("mango 1 ") < text.index("zebra 1 ") < text.index("Of apple")
