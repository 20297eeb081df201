"""What a deploy of other jobs does to runs that are in flight: read from both versions, before it happens."""

from spa_runtime.deploys.comparing import Change, Verdict, compare, worst
from spa_runtime.deploys.versions import Version, read_version

__all__ = ["Change", "Verdict", "Version", "compare", "read_version", "worst"]
