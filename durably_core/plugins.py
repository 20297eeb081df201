"""What an engine can be given with ``durably.use(…)``."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from durably_core.durably import Durably


@dataclass(frozen=True, slots=True)
class LogPersistence:
    """See ``with_log_persistence``."""

    name: str = "log-persistence"

    def install(self, durably: "Durably") -> None:
        durably.persist_logs()


def with_log_persistence() -> LogPersistence:
    """Keep what jobs log in the database, for ``durably.get_logs(run_id)``.

    Lines go to disk with the next step of their run, or after a tenth of a second, always before the
    run's end, and stay as long as the run does. Without it, logs are only told as events.
    """
    return LogPersistence()
