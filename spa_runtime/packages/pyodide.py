"""The Python of the browser, as far as packages are chosen for it: that of the Pyodide that comes with us."""

import json

from spa_runtime import assets

PYTHON = "3.14"
FULL_PYTHON = "3.14.2"
ABI = "cp314"
PLATFORM = "pyemscripten_2026_0_wasm32"
"""In the names of wheels."""
MARKERS = {
    "implementation_name": "cpython",
    "implementation_version": FULL_PYTHON,
    "os_name": "posix",
    "platform_machine": "wasm32",
    "platform_python_implementation": "CPython",
    "platform_release": "5.0.3",
    "platform_system": "Emscripten",
    "platform_version": "#1",
    "python_full_version": FULL_PYTHON,
    "python_version": PYTHON,
    "sys_platform": "emscripten",
}
"""What the conditions of requirements are about, such as ``; sys_platform == "emscripten"``."""


def distributed(name: str) -> str | None:
    """What to do to have a package that Pyodide's own distribution has; None: it has it not.

    That is not where pip looks: it is made for one version of Pyodide, and lies beside its releases.
    """
    folder = assets.pyodide()
    package = json.loads((folder / "pyodide-lock.json").read_text("utf-8"))["packages"].get(name)
    if package is None or not package["file_name"].endswith(".whl"):
        return None
    version = json.loads((folder / "package.json").read_text("utf-8"))["version"]
    return (
        f"Pyodide's own distribution has version {package['version']}: take {package['file_name']} out of "
        f"pyodide-{version}.tar.bz2, which lies at Pyodide's releases on GitHub, and give its folder with "
        "--find-links."
    )
