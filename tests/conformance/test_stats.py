"""Figures of runs: how they ended, by job and stretch of time, and what waits."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from durably_core import Durably, Outcomes, Store, ValidationError
from durably_core.clock import from_ms
from durably_core.models import RunError
from durably_core.store.base import Ending, Notes
from tests.conftest import (
    START_MS,
    FakeClock,
    MakeEngine,
    claim,
    completed,
    enqueue,
    lease_of,
    make_job,
    new_run,
    nothing,
    request_for,
)

SINCE = from_ms(START_MS)
MINUTE_MS = 60_000
FAILED = Ending(status="failed", error=RunError(message="no", type="E", traceback=""))
TIMES: list[tuple[Any, str]] = [
    ({"since": datetime(2030, 1, 1)}, "since must be a datetime with a time zone"),
    ({"since": "2030-01-01"}, "since must be a datetime with a time zone"),
    ({"since": SINCE, "until": SINCE}, "since must be before until"),
    ({"since": datetime(1969, 12, 31, tzinfo=UTC)}, "between the years 1970 and 9999"),
    ({"since": SINCE, "until": datetime.max.replace(tzinfo=UTC)}, "between the years 1970 and 9999"),
    ({"since": SINCE, "until": SINCE + timedelta(days=1), "bucket_ms": 0}, "bucket_ms"),
    ({"since": SINCE, "until": SINCE + timedelta(days=1), "bucket_ms": 86_399}, "bucket_ms must be 86400"),
    ({"since": SINCE, "until": SINCE + timedelta(days=1), "job_name": 5}, "job_name must be"),
    ({"since": SINCE, "until": SINCE + timedelta(days=1), "status": "done"}, "There is no status"),
]


@pytest.fixture
def engine(make_engine: MakeEngine) -> Durably:
    return make_engine(make_job(nothing), make_job(nothing, name="other"))


class History:
    """Runs that took so long and ended so, one after the other."""

    def __init__(self, store: Store, clock: FakeClock) -> None:
        self._store = store
        self._clock = clock
        self._count = 0

    async def add(self, *durations_ms: int, ending: Ending | None = None, **fields: Any) -> None:
        for duration_ms in durations_ms:
            run_id = await self.wait(**fields)
            lease = lease_of(await claim(self._store, request_for("work", "other", lease_ms=10**9)))
            assert lease.run_id == run_id
            self._clock.advance(duration_ms)
            await self._store.end_run(lease, ending or completed(output="null"), Notes(), None)

    async def wait(self, **fields: Any) -> str:
        self._count += 1
        run_id = f"{self._count:04}"
        await enqueue(self._store, new_run(run_id, **fields))
        return run_id


@pytest.fixture
def history(store: Store, clock: FakeClock) -> History:
    return History(store, clock)


def outcomes(completed: int, failed: int = 0, cancelled: int = 0, p50: Any = None, p95: Any = None) -> Outcomes:
    return Outcomes(
        completed=completed,
        failed=failed,
        cancelled=cancelled,
        duration_p50_ms=p50,
        duration_p95_ms=p95,
    )


async def test_figures_are_by_job_and_stretch(
    engine: Durably, store: Store, clock: FakeClock, history: History
) -> None:
    await history.add(100, 300, 200)
    await history.add(50, ending=FAILED)
    await history.add(70, job_name="other")
    clock.advance(3 * MINUTE_MS)
    await store.cancel_run(await history.wait(), keep_steps=True)
    stats = await engine.get_stats(
        since=SINCE, until=SINCE + timedelta(minutes=5, milliseconds=1), bucket_ms=MINUTE_MS
    )
    other, work = stats.jobs
    assert (other.job_name, other.total) == ("other", outcomes(1, p50=70, p95=70))
    assert (work.job_name, work.total) == ("work", outcomes(3, 1, 1, p50=200, p95=300))
    assert work.buckets == {
        SINCE: outcomes(3, 1, p50=200, p95=300),
        SINCE + timedelta(minutes=3): outcomes(0, cancelled=1),
    }
    assert list(work.buckets) == sorted(work.buckets)
    assert (stats.since, stats.bucket_ms) == (SINCE, MINUTE_MS)


@pytest.mark.parametrize("count", [1, 2, 3, 19, 20, 21, 100])
async def test_percentiles_are_durations_that_were(
    engine: Durably, clock: FakeClock, history: History, count: int
) -> None:
    durations = list(range(10, 10 + count))
    # Not in their order.
    await history.add(*durations[::2], *durations[1::2])
    clock.advance(1)
    [job] = (await engine.get_stats(since=SINCE)).jobs
    for percent, found in ((50, job.total.duration_p50_ms), (95, job.total.duration_p95_ms)):
        [least, *_] = [each for each in durations if (each - 9) * 100 >= count * percent]
        assert found == least


async def test_time_begins_with_since_and_ends_before_until(
    engine: Durably, clock: FakeClock, history: History
) -> None:
    await history.add(0)  # ends at the very beginning
    await history.add(1000)
    clock.advance(1)
    counted = []
    for since_ms, until_ms in ((0, 1000), (1, 1000), (0, 1001), (1000, 1001), (1001, 1002)):
        since, until = (SINCE + timedelta(milliseconds=ms) for ms in (since_ms, until_ms))
        jobs = (await engine.get_stats(since=since, until=until)).jobs
        counted.append(sum(job.total.completed for job in jobs))
    assert counted == [1, 0, 2, 1, 0]


async def test_until_now_in_thirty_stretches_is_usual(
    engine: Durably, clock: FakeClock, history: History
) -> None:
    await history.add(10)
    clock.advance(3 * MINUTE_MS - 10)
    stats = await engine.get_stats(since=SINCE)
    assert (stats.until, stats.bucket_ms) == (from_ms(clock.now_ms()), 6000)


async def test_what_waits_and_executes_is_as_of_now(
    engine: Durably, store: Store, clock: FakeClock, history: History
) -> None:
    await history.wait()
    await claim(store, request_for("work"))
    clock.advance(5000)
    await history.wait()
    clock.advance(5000)
    await history.wait()
    [job] = (await engine.get_stats(since=SINCE)).jobs
    assert (job.queue.pending, job.queue.leased) == (2, 1)
    assert job.queue.oldest_pending_at == SINCE + timedelta(milliseconds=5000)
    assert (job.total, job.buckets) == (outcomes(0), {})


@pytest.mark.parametrize(
    ("filter", "expected"),
    [
        ({"job_name": "work"}, [("work", 1, 1)]),
        ({"job_name": ["work", "none"]}, [("work", 1, 1)]),
        ({"job_name": []}, []),
        ({"labels": {"team": "a"}}, [("other", 1, 0), ("work", 1, 0)]),
        ({"labels": {"team": "b"}}, [("work", 0, 1)]),
        ({"status": "pending"}, [("work", 0, 1)]),
        ({"status": ["completed"], "labels": {"team": "a"}, "job_name": "other"}, [("other", 1, 0)]),
    ],
    ids=str,
)
async def test_figures_have_the_filters_of_lists(
    engine: Durably, history: History, filter: dict[str, Any], expected: list[tuple[str, int, int]]
) -> None:
    await history.add(10, labels={"team": "a"})
    await history.add(10, labels={"team": "a"}, job_name="other")
    await history.wait(labels={"team": "b"})
    stats = await engine.get_stats(since=SINCE, until=SINCE + timedelta(days=1), **filter)
    assert [(job.job_name, job.total.completed, job.queue.pending) for job in stats.jobs] == expected


async def test_nothing_has_no_figures(engine: Durably, clock: FakeClock) -> None:
    clock.advance(1000)
    assert (await engine.get_stats(since=SINCE)).jobs == []


@pytest.mark.parametrize(("asked", "words"), TIMES, ids=str)
async def test_times_that_cannot_be_are_refused_in_words(
    engine: Durably, asked: dict[str, Any], words: str
) -> None:
    with pytest.raises(ValidationError) as refused:
        await engine.get_stats(**asked)
    assert words in refused.value.message


async def test_moments_of_other_zones_are_the_same_moments(engine: Durably, history: History) -> None:
    await history.add(10)
    until = SINCE + timedelta(days=1)
    zone = datetime.now(UTC).astimezone().tzinfo
    there = await engine.get_stats(since=SINCE.astimezone(zone), until=until.astimezone(zone))
    assert there == await engine.get_stats(since=SINCE, until=until)
