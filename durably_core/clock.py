"""Time and identity. Both are injected, so that a simulation can repeat a history exactly."""

import functools
import random
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Protocol

_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_RANDOM_BITS = 80


class Clock(Protocol):
    """The wall clock. Waiting is asyncio's business: a simulation brings an event loop of its own."""

    def now_ms(self) -> int:
        """Milliseconds since 1970-01-01 UTC."""


class SystemClock:
    """The clock of this machine."""

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000


class IdFactory:
    """Makes ULIDs: 26 characters, sorted by time, strictly increasing within one factory."""

    def __init__(self, clock: Clock, rng: random.Random | None = None) -> None:
        self._clock = clock
        # SystemRandom: a restored memory snapshot must not repeat the ids of its twin.
        self._rng = rng or random.SystemRandom()
        self._last = 0

    def __call__(self) -> str:
        # A clock that steps back, or a second id in one millisecond, counts on from the last id.
        fresh = self._clock.now_ms() << _RANDOM_BITS | self._rng.getrandbits(_RANDOM_BITS)
        same_ms = fresh >> _RANDOM_BITS <= self._last >> _RANDOM_BITS
        self._last = self._last + 1 if same_ms else fresh
        return encode_ulid(self._last)


NewId = Callable[[], str]


def encode_ulid(value: int) -> str:
    """The 26 characters of a 128-bit number in Crockford's base 32."""
    return "".join(_CROCKFORD[value >> shift & 31] for shift in range(125, -1, -5))


def from_ms(ms: int) -> datetime:
    """The aware UTC datetime of a count of milliseconds since 1970."""
    return datetime.fromtimestamp(ms / 1000, UTC)


def to_iso(moment: datetime) -> str:
    """ISO 8601 in UTC with milliseconds and ``Z``, as JavaScript writes it."""
    return iso_from_ms(round(moment.timestamp() * 1000))


def iso_from_ms(ms: int) -> str:
    """The same for a count of milliseconds since 1970."""
    seconds, rest = divmod(ms, 1000)
    return f"{_iso_second(seconds)}.{rest:03d}Z"


@functools.lru_cache(maxsize=64)
def _iso_second(seconds: int) -> str:
    # Most moments that are written in a row lie within the same second.
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
