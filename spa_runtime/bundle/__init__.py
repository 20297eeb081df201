"""Makes static folders: the runtime (Pyodide, packages, engine and jobs), and the site with a page around it.

``plan`` and ``plan_runtime`` read and decide, ``write`` writes. The same input makes the same bytes.
"""

from spa_runtime.bundle.folder import RUNTIME, Plan, compressed, write
from spa_runtime.bundle.library import Library
from spa_runtime.bundle.offline import Offline
from spa_runtime.bundle.options import SPA_OPTIONS
from spa_runtime.bundle.runtime import RuntimeSources, plan_runtime
from spa_runtime.bundle.site import Sources, finish, plan

__all__ = [
    "RUNTIME",
    "SPA_OPTIONS",
    "Library",
    "Offline",
    "Plan",
    "RuntimeSources",
    "Sources",
    "compressed",
    "finish",
    "plan",
    "plan_runtime",
    "write",
]
