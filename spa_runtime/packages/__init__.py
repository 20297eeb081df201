"""The packages that jobs need in the browser: from where they are declared to wheels in the user's cache.

pip resolves and downloads. What was resolved before needs neither pip nor a network.
"""

from spa_runtime.packages.declared import watched
from spa_runtime.packages.job_packages import (
    PackageOptions,
    additional,
    known_wheels,
    modules_of,
    wheels_for,
)
from spa_runtime.packages.progress import Tell, tell_person
from spa_runtime.packages.requirements import PackagesError, shown
from spa_runtime.packages.wheel import Wheel, merged, wheels_in

__all__ = [
    "PackageOptions",
    "PackagesError",
    "Tell",
    "Wheel",
    "additional",
    "known_wheels",
    "merged",
    "modules_of",
    "shown",
    "tell_person",
    "watched",
    "wheels_for",
    "wheels_in",
]
