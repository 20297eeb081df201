"""The newest part of the log, read once for all who follow it."""

import asyncio

import pytest

from durably_core import Durably, EventsGoneError, StorageError
from durably_core.events import EventBus
from durably_core.feed import Feed, Reader
from durably_core.store.base import NewRun
from tests.conftest import FakeClock, Gate, StoreProbe, new_run, within

SOON_S = 0.001
KEPT = 50
"""Events that a feed keeps here."""


async def numbers(reader: Reader, count: int) -> list[int]:
    """The numbers of the next events."""
    read: list[int] = []
    while len(read) < count:
        read += [entry.event.sequence for entry in await within(reader.read(1))]
    return read


def runs(count: int, prefix: str = "") -> list[NewRun]:
    return [new_run(f"{prefix}{number:05}") for number in range(count)]


@pytest.fixture
def feed(probe: StoreProbe, clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> Feed:
    monkeypatch.setattr("durably_core.feed.KEPT_EVENTS", KEPT)
    return Feed(probe.as_store, EventBus(clock), polling_interval_ms=1)


async def test_reader_hears_what_is_written_after_its_place(feed: Feed, probe: StoreProbe) -> None:
    await probe.as_store.enqueue(runs(3))
    with feed.follow(1) as reader:
        assert await numbers(reader, 2) == [2, 3]
        await probe.as_store.enqueue(runs(2, "more"))
        assert await numbers(reader, 2) == [4, 5]


async def test_readers_at_different_places_hear_the_same(feed: Feed, probe: StoreProbe) -> None:
    await probe.as_store.enqueue(runs(10))
    with feed.follow(7) as late, feed.follow(2) as early:
        assert await numbers(late, 3) == [8, 9, 10]
        assert await numbers(early, 8) == list(range(3, 11))


async def test_reader_in_front_of_what_is_kept_reads_the_log(feed: Feed, probe: StoreProbe) -> None:
    total = 3 * KEPT
    with feed.follow(0) as quick, feed.follow(0) as slow:
        for number in range(3):
            await probe.as_store.enqueue(runs(KEPT, str(number)))
        assert await numbers(quick, total) == list(range(1, total + 1))
        assert feed.entries_after(0) is None
        assert await numbers(slow, total) == list(range(1, total + 1))


@pytest.mark.parametrize("place", [-1, 0, 1])
async def test_reader_at_the_edge_of_what_is_kept_misses_nothing(
    feed: Feed, probe: StoreProbe, place: int
) -> None:
    total = 3 * KEPT
    with feed.follow(0) as quick:
        for number in range(3):
            await probe.as_store.enqueue(runs(KEPT, str(number)))
        await numbers(quick, total)
        edge = feed._complete_after + place
        with feed.follow(edge) as reader:
            assert await numbers(reader, total - edge) == list(range(edge + 1, total + 1))


async def test_nothing_is_read_when_nothing_happens(feed: Feed) -> None:
    with feed.follow(0) as reader:
        assert await within(reader.read(SOON_S)) == []
        assert reader.after == 0


async def test_reader_whose_place_was_pruned_is_told(feed: Feed, probe: StoreProbe) -> None:
    gate = probe.before["get_events"] = Gate()
    with feed.follow(0) as reader:
        await gate.until_reached()
        await probe.as_store.enqueue(runs(10))
        await probe.as_store.prune_events(keep=2, limit=100)
        gate.open()
        with pytest.raises(EventsGoneError):
            await numbers(reader, 10)
        # The feed itself goes on from what there is.
        with feed.follow(10) as later:
            await probe.as_store.enqueue(runs(1, "more"))
            assert await numbers(later, 1) == [11]


async def test_feed_begins_near_the_end_of_a_long_log(feed: Feed, probe: StoreProbe) -> None:
    await probe.as_store.enqueue(runs(3 * KEPT))
    with feed.follow(0) as slow:
        assert await numbers(slow, 3 * KEPT) == list(range(1, 3 * KEPT + 1))
        assert feed._complete_after == 2 * KEPT


async def test_fault_in_reading_is_logged_and_not_the_end(
    feed: Feed, probe: StoreProbe, caplog: pytest.LogCaptureFixture
) -> None:
    async def break_once() -> None:
        probe.heal()
        raise KeyError("an event of a newer version")

    probe.before["get_events"] = break_once
    with feed.follow(0) as reader:
        await probe.as_store.enqueue(runs(1))
        assert await numbers(reader, 1) == [1]
    assert "an event of a newer version" in caplog.text


async def test_feed_goes_on_when_the_storage_does(feed: Feed, probe: StoreProbe) -> None:
    with feed.follow(0) as reader:
        probe.fail("get_events")
        await probe.as_store.enqueue(runs(2))
        assert await within(reader.read(SOON_S)) == []
        probe.heal()
        assert await numbers(reader, 2) == [1, 2]


async def test_closed_feed_tells_what_there_is_and_then_ends(durably: Durably) -> None:
    with durably.feed.follow(0) as reader:
        await durably.jobs.count.trigger({})
        closing = asyncio.create_task(durably.feed.close())
        assert await numbers(reader, 1) == [1]
        with pytest.raises(StorageError):
            await reader.read(1)
    await within(closing)


async def test_feed_that_no_one_follows_keeps_nothing(feed: Feed, probe: StoreProbe) -> None:
    with feed.follow(0) as reader:
        await probe.as_store.enqueue(runs(3))
        await numbers(reader, 3)
    assert (feed.readers, feed._entries) == (0, [])
    calls = len(probe.calls)
    await probe.as_store.enqueue(runs(1, "more"))
    assert probe.calls[calls:] == ["enqueue"]
