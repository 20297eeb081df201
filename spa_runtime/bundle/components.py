"""What Pyodide is made of, which no file of it says: name, version, licence, and whose it is.

The versions belong to the Pyodide that comes with us. ``license_texts`` has the texts.
"""

from typing import NamedTuple


class Component(NamedTuple):
    name: str
    version: str
    license: str
    """An SPDX expression."""
    notice: str
    texts: tuple[str, ...]
    """Names of files in ``license_texts``."""


_VERSION = "314.0.7"
_COMPILED = f"Changed: its Python files are compiled. Their sources are in the npm package pyodide {_VERSION}."

PYODIDE = (
    Component(
        "Pyodide", _VERSION, "MPL-2.0", f"The Pyodide developers and Mozilla\n\n{_COMPILED}", ("MPL-2.0",)
    ),
    Component(
        "CPython",
        "3.14.2",
        "PSF-2.0",
        f"Copyright (c) 2001 Python Software Foundation\n\n{_COMPILED}",
        ("PSF-2.0",),
    ),
    Component("Emscripten", "5.0.3", "MIT OR NCSA", "Copyright (c) 2010 Emscripten authors", ("MIT",)),
    Component("musl", "", "MIT", "Copyright (c) 2005 Rich Felker, et al.", ("MIT",)),
    Component(
        "LLVM runtime libraries",
        "",
        "Apache-2.0 WITH LLVM-exception",
        "The LLVM Project",
        ("Apache-2.0", "LLVM-exception"),
    ),
    Component("SQLite", "3.39.0", "blessing", "Dedicated to the public domain by its authors.", ()),
    Component("zlib", "1.3.1", "Zlib", "Copyright (C) 1995 Jean-loup Gailly and Mark Adler", ("Zlib",)),
    Component("bzip2", "", "bzip2-1.0.6", "Copyright (C) 1996 Julian R Seward", ("bzip2-1.0.6",)),
    Component("XZ liblzma", "", "0BSD", "In the public domain, or under 0BSD, by its authors.", ()),
    Component("Zstandard", "", "BSD-3-Clause", "Copyright (c) Meta Platforms, Inc.", ("BSD-3-Clause",)),
    Component("libffi", "", "MIT", "Copyright (c) 1996 Anthony Green, Red Hat, Inc and others", ("MIT",)),
    Component(
        "Expat",
        "2.7.3",
        "MIT",
        "Copyright (c) 1998 Thai Open Source Software Center Ltd and Clark Cooper; 2001 Expat maintainers",
        ("MIT",),
    ),
    Component("libmpdec", "2.5.1", "BSD-2-Clause", "Copyright (c) 2008 Stefan Krah", ("BSD-2-Clause",)),
    Component("HACL*", "", "MIT", "Copyright (c) INRIA, CMU and Microsoft Corporation", ("MIT",)),
    Component("mimalloc", "", "MIT", "Copyright (c) 2018 Microsoft Corporation, Daan Leijen", ("MIT",)),
    Component("error-stack-parser, stackframe", "", "MIT", "Copyright (c) 2017 Eric Wendelin", ("MIT",)),
)
