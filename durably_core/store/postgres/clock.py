"""The database's clock, as this process knows it: the one that all workers go by, on whatever machine."""

import time

MAX_AGE_S = 1.0
"""After this long the database is asked again, together with the next commit."""

MOST_DRIFT_S = 1.0
"""How far this machine's two clocks may come apart before none of them is believed."""


class DatabaseClock:
    """Counts on from what the database said last, whatever happens to this machine's own time of day."""

    def __init__(self) -> None:
        # Until the database is asked: this machine's.
        self._offset_s = time.time() - time.monotonic()
        self._heard_at = float("-inf")
        self._heard_at_time_of_day = 0.0

    def now_ms(self) -> int:
        return int((time.monotonic() + self._offset_s) * 1000)

    @property
    def is_stale(self) -> bool:
        return time.monotonic() - self._heard_at > MAX_AGE_S

    @property
    def is_doubtful(self) -> bool:
        """Whether the machine may have slept since, which stops the clock by which is counted on."""
        passed = time.monotonic() - self._heard_at
        return not abs(time.time() - self._heard_at_time_of_day - passed) < MOST_DRIFT_S

    def hear(self, database_ms: int) -> None:
        """What the database has just said."""
        self._heard_at, self._heard_at_time_of_day = time.monotonic(), time.time()
        self._offset_s = database_ms / 1000 - self._heard_at
