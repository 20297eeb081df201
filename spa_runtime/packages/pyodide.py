"""The Python of the browser, as far as packages are chosen for it: that of the Pyodide that comes with us."""

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
