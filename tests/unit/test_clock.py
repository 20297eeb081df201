"""Ids sort by time and never repeat, whatever the clock does."""

import random
from datetime import UTC, datetime, timedelta, timezone

import pytest

from durably_core.clock import IdFactory, SystemClock, encode_ulid, from_ms, to_iso
from tests.conftest import START_MS, FakeClock


def test_ids_are_ulids(clock: FakeClock) -> None:
    new_id = IdFactory(clock)()
    assert len(new_id) == 26
    assert set(new_id) <= set("0123456789ABCDEFGHJKMNPQRSTVWXYZ")


def test_ids_of_one_millisecond_increase(clock: FakeClock) -> None:
    factory = IdFactory(clock)
    ids = [factory() for _ in range(1000)]
    assert ids == sorted(set(ids))


def test_ids_increase_when_clock_steps_back(clock: FakeClock) -> None:
    factory = IdFactory(clock)
    ids = []
    for step in (5, -3000, 1, -1, 0, 4000):
        clock.advance(step)
        ids.append(factory())
    assert ids == sorted(set(ids))


def test_ids_begin_with_their_time(clock: FakeClock) -> None:
    assert IdFactory(clock)()[:10] == encode_ulid(START_MS << 80)[:10]


def test_ids_repeat_with_the_same_seed(clock: FakeClock) -> None:
    one, two = IdFactory(clock, random.Random(1)), IdFactory(clock, random.Random(1))
    assert [one(), one()] == [two(), two()]


def test_factories_without_seed_differ(clock: FakeClock) -> None:
    assert IdFactory(clock)() != IdFactory(clock)()


def test_known_ulid_is_encoded_rightly() -> None:
    # The example of the ULID specification.
    assert encode_ulid(1469918176385 << 80)[:10] == "01ARYZ6S41"
    assert encode_ulid(2**128 - 1) == "7ZZZZZZZZZZZZZZZZZZZZZZZZZ"


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        (datetime(2026, 1, 2, 3, 4, 5, 678000, UTC), "2026-01-02T03:04:05.678Z"),
        (datetime(2026, 1, 2, 3, tzinfo=timezone(timedelta(hours=2))), "2026-01-02T01:00:00.000Z"),
        (from_ms(0), "1970-01-01T00:00:00.000Z"),
    ],
)
def test_moments_are_written_as_javascript_does(moment: datetime, expected: str) -> None:
    assert to_iso(moment) == expected


@pytest.mark.parametrize("ms", [0, 1, 999, START_MS, START_MS + 1, START_MS + 999, 4_102_444_799_999])
def test_milliseconds_survive_both_ways(ms: int) -> None:
    assert round(from_ms(ms).timestamp() * 1000) == ms
    assert to_iso(from_ms(ms)).endswith(f".{ms % 1000:03d}Z")


def test_system_clock_shows_the_time() -> None:
    assert abs(SystemClock().now_ms() - datetime.now(UTC).timestamp() * 1000) < 60_000
