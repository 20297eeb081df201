"""Streams of events: complete, in order, resumable, and nothing is left of those that are gone."""

import asyncio
from typing import Any

import pytest

from durably_core import Durably, ValidationError
from durably_core.asgi import create_durably_handler, streams
from durably_core.asgi.streams import HEARTBEAT_S, OVER, Throttle, statuses_of
from durably_core.events import EVENT_TYPES, RunComplete, RunEvent, RunProgress, StepStart
from durably_core.feed import KEPT_BYTES, READ_LIMIT, Entry
from durably_core.models import Progress
from durably_core.triggering import BatchItem
from tests.conftest import PATIENCE_S, Gate, within
from tests.server.conftest import Api, Make

SMALL_CHUNK = 1000


async def log_of(api: Api) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = (await api.get("/events")).json()
    return events


def progress(sequence: int, run_id: str = "a") -> Entry:
    told = Progress(current=sequence)
    return Entry.of(RunProgress(sequence=sequence, run_id=run_id, job_name="j", labels={}, progress=told))


def step(sequence: int, run_id: str = "a") -> Entry:
    event = StepStart(sequence=sequence, run_id=run_id, job_name="j", labels={}, step_name="s", step_index=0)
    return Entry.of(event)


def end(sequence: int, run_id: str = "a") -> Entry:
    event = RunComplete(sequence=sequence, run_id=run_id, job_name="j", labels={}, output=None, duration=1)
    return Entry.of(event)


def numbers(entries: list[Entry]) -> list[int]:
    return [entry.event.sequence for entry in entries]


@pytest.fixture
def short_heartbeats(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "HEARTBEAT_S", 0.01)


# ---------------------------------------------------------------- all runs


async def test_stream_tells_what_the_log_holds(make_api: Make) -> None:
    api = make_api(sse_throttle_ms=0)
    stream = await api.stream("/runs/subscribe")
    await api.finish(labels={"team": "a"})
    assert await stream.until("run:complete") == await log_of(api)
    assert stream.ids == [event["sequence"] for event in stream.events]


async def test_stream_is_one_that_browsers_and_proxies_pass_on(api: Api) -> None:
    stream = await api.stream("/runs/subscribe")
    assert stream.headers["content-type"] == "text/event-stream"
    assert stream.headers["cache-control"] == "no-cache, no-transform"
    assert stream.headers["x-accel-buffering"] == "no"
    assert await stream.chunk() == ": still here\nid: 0\n\n"


async def test_stream_begins_where_it_says(api: Api) -> None:
    await api.finish()
    stream = await api.stream("/runs/subscribe")
    newest = (await log_of(api))[-1]["sequence"]
    assert stream.headers["durably-last-event-id"] == str(newest)
    await api.trigger()
    assert (await stream.until("run:trigger"))[0]["sequence"] == newest + 1


@pytest.mark.parametrize(
    ("query", "jobs"),
    [
        ("jobName=count", {"count"}),
        ("jobName=count&jobName=fail", {"count", "fail"}),
        ("label.team=a", {"fail"}),
        ("jobName=count&label.team=a", set()),
        ("", {"count", "fail"}),
    ],
)
async def test_stream_is_filtered(api: Api, query: str, jobs: set[str], short_heartbeats: None) -> None:
    stream = await api.stream(f"/runs/subscribe?{query}")
    await api.finish("count")
    await api.finish("fail", labels={"team": "a"})
    events = await stream.until_heartbeat_at((await log_of(api))[-1]["sequence"])
    assert {event["jobName"] for event in events} == jobs


@pytest.mark.parametrize(
    ("status", "types"),
    [
        ("pending", ["run:trigger", "run:leased"] * 2),
        ("failed", ["run:fail", "run:delete"]),
        ("completed", ["run:complete", "run:delete"]),
    ],
)
async def test_status_filter_tells_who_comes_and_goes(api: Api, status: str, types: list[str]) -> None:
    stream = await api.stream(f"/runs/subscribe?status={status}")
    for job in ("fail", "count"):
        run_id = await api.finish(job)
        if job == {"failed": "fail", "completed": "count"}.get(status):
            await api.delete(f"/run?runId={run_id}")
    await stream.until(types[-1], types.count(types[-1]))
    assert stream.types == types


def test_every_event_of_a_run_has_statuses() -> None:
    assert {name for name, cls in EVENT_TYPES.items() if issubclass(cls, RunEvent)} >= set(streams._STATUSES)
    assert statuses_of(step(1).event) == ("leased",)


# ---------------------------------------------------------------- one run


async def test_stream_of_a_run_ends_with_the_run_and_its_output(api: Api) -> None:
    run_id = await api.trigger(input={"to": 2})
    stream = await api.stream(f"/subscribe?runId={run_id}")
    await within(api.durably.process_until_idle())
    events = await stream.until_end()
    assert events[-1] | {"timestamp": 0, "duration": 0} == {
        "type": "run:complete",
        "timestamp": 0,
        "sequence": stream.ids[-1],
        "runId": run_id,
        "jobName": "count",
        "labels": {},
        "output": {"total": 2},
        "duration": 0,
    }
    assert next(event for event in events if event["type"] == "run:leased")["input"] == {"to": 2}


async def test_stream_of_a_run_begins_with_where_it_is(api: Api, gate: Gate) -> None:
    run_id = await api.trigger("wait")
    api.durably.start()
    await gate.until_reached()
    await within(api.durably._executor.flush_notes(run_id))
    stream = await api.stream(f"/subscribe?runId={run_id}")
    await stream.until("run:progress")
    assert stream.types == ["run:leased", "run:progress"]
    gate.open()
    await stream.until_end()
    assert stream.types == ["run:leased", "run:progress", "step:complete", "run:complete"]


@pytest.mark.parametrize(
    ("job", "type", "field"), [("count", "run:complete", "output"), ("fail", "run:fail", "error")]
)
async def test_stream_of_a_finished_run_tells_its_end(api: Api, job: str, type: str, field: str) -> None:
    run_id = await api.finish(job)
    run = (await api.get(f"/run?runId={run_id}")).json()
    stream = await api.stream(f"/subscribe?runId={run_id}")
    [event] = await stream.until_end()
    assert (event["type"], event[field]) == (type, run[field])


async def test_stream_of_a_run_hears_of_no_other(api: Api) -> None:
    run_id = await api.trigger("wait")
    stream = await api.stream(f"/subscribe?runId={run_id}")
    await api.trigger("count")
    await api.post(f"/cancel?runId={run_id}")
    assert {event["runId"] for event in await stream.until_end()} == {run_id}
    assert stream.types == ["run:cancel"]


async def test_stream_of_a_run_that_is_deleted_ends(api: Api, gate: Gate) -> None:
    run_id = await api.finish("count")
    newest = (await log_of(api))[-1]["sequence"]
    await api.delete(f"/run?runId={run_id}")
    # A client that was away while the run was deleted learns that it is gone.
    answer = await api.get(f"/subscribe?runId={run_id}", headers={"Last-Event-ID": str(newest)})
    assert answer.status_code == 404


# ---------------------------------------------------------------- coming back


async def test_client_that_comes_back_at_any_point_misses_and_repeats_nothing(make_api: Make) -> None:
    api = make_api(sse_throttle_ms=0)
    whole = await api.stream("/runs/subscribe")
    run_id = await api.finish()
    await api.finish("fail")
    expected = await whole.until("run:fail")
    for place, event in enumerate(expected):
        number = str(event["sequence"])
        again = await api.stream("/runs/subscribe", {"Last-Event-ID": number})
        if event is not expected[-1]:
            assert await again.until("run:fail") == expected[place + 1 :]
        await again.hang_up()
    own = [event for event in expected if event["runId"] == run_id]
    for place, event in enumerate(own[:-1]):
        one = await api.stream(f"/subscribe?runId={run_id}", {"Last-Event-ID": str(event["sequence"])})
        assert [each["sequence"] for each in await one.until_end()] == [
            each["sequence"] for each in own[place + 1 :]
        ]


async def test_client_that_knows_the_end_is_told_not_to_come_back(api: Api) -> None:
    run_id = await api.finish()
    last = (await log_of(api))[-1]["sequence"]
    stream = await api.stream(f"/subscribe?runId={run_id}", {"Last-Event-ID": str(last)})
    assert await stream.until_end() == []
    assert stream.text.endswith(OVER.decode())


async def test_stream_of_a_run_ends_though_its_code_stopped_after_it_was_cancelled(
    api: Api, gate: Gate
) -> None:
    run_id = await api.trigger("wait")
    api.durably.start()
    await gate.until_reached()
    await api.post(f"/cancel?runId={run_id}")
    await api.durably.stop()
    log = await log_of(api)
    assert log[-1]["type"] == "run:stop"
    [number] = [str(event["sequence"]) for event in log if event["type"] == "run:cancel"]
    stream = await api.stream(f"/subscribe?runId={run_id}", {"Last-Event-ID": number})
    assert await stream.until_end() == []


@pytest.mark.parametrize("number", ["1", "999"])  # pruned; of another database
async def test_client_that_comes_back_too_late_is_told(api: Api, number: str) -> None:
    run_id = await api.finish()
    await api.durably.store.prune_events(keep=2, limit=1000)
    for path in ("/runs/subscribe", f"/subscribe?runId={run_id}"):
        headers = {"Last-Event-ID": number, "Durably-Resume": "exact"}
        answer = await api.get(path, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (410, "events_gone")


@pytest.mark.parametrize("number", ["1", "999"])
async def test_event_source_that_comes_back_too_late_begins_anew(api: Api, number: str) -> None:
    run_id = await api.finish(input={"to": 2})
    await api.durably.store.prune_events(keep=2, limit=1000)
    one = await api.stream(f"/subscribe?runId={run_id}", {"Last-Event-ID": number})
    assert [event["output"] for event in await one.until_end()] == [{"total": 2}]
    # A list hears of something, and looks.
    all_runs = await api.stream("/runs/subscribe", {"Last-Event-ID": number})
    await api.trigger()
    await all_runs.until("run:trigger")
    assert all_runs.types == ["run:complete", "run:trigger"]


async def test_heartbeat_tells_how_far_a_quiet_stream_is(api: Api, short_heartbeats: None) -> None:
    stream = await api.stream("/runs/subscribe?jobName=wait")
    await api.finish("count")
    assert await stream.until_heartbeat_at((await log_of(api))[-1]["sequence"]) == []


async def test_busy_stream_that_passes_nothing_still_has_heartbeats(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = await api.stream("/runs/subscribe?jobName=wait")
    await stream.chunk()
    # From here on the time between two looks is longer than that between two heartbeats.
    monkeypatch.setattr(streams, "HEARTBEAT_S", 0.0)
    await api.trigger("count")
    assert (await stream.chunk()).startswith(": still here")


# ---------------------------------------------------------------- leaving


async def test_nothing_is_left_of_a_thousand_streams(api: Api) -> None:
    run_id = await api.trigger("wait")
    bus = api.durably._bus
    tasks_before, listeners_before = len(asyncio.all_tasks()), len(bus._stored_listeners)
    for number in range(1000):
        path = f"/subscribe?runId={run_id}" if number % 2 else "/runs/subscribe"
        stream = await api.stream(path)
        if number % 3:
            await stream.chunk()
        await stream.hang_up()
    api.streams.clear()
    assert (api.durably.feed.readers, len(bus._stored_listeners)) == (0, listeners_before)
    async with asyncio.timeout(PATIENCE_S):
        while len(asyncio.all_tasks()) > tasks_before:  # noqa: ASYNC110 - one may wait for its thread
            await asyncio.sleep(0.001)


async def test_stream_that_its_server_cancels_ends_properly(api: Api) -> None:
    stream = await api.stream("/runs/subscribe")
    await stream.chunk()
    assert api.durably.feed.readers == 1
    stream.task.cancel()
    assert await stream.until_end() == []
    await within(stream.task)
    assert api.durably.feed.readers == 0


async def test_streams_tell_the_last_events_and_end_with_the_engine(api: Api, gate: Gate) -> None:
    stream = await api.stream("/runs/subscribe")
    await api.trigger("wait")
    await api.durably.init()
    await gate.until_reached()
    await api.durably.close(timeout_ms=0)
    await stream.until_end()
    assert stream.types[-1] == "run:requeue"


# ---------------------------------------------------------------- slow clients


async def test_slow_client_costs_nothing_and_misses_nothing(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("durably_core.feed.KEPT_EVENTS", 200)
    slow = await api.stream("/runs/subscribe", room=1)
    quick = await api.stream("/runs/subscribe")
    rounds, batch = 3, 200
    for _ in range(rounds):
        items: list[dict[str, int]] = [{} for _ in range(batch)]
        await within(api.durably.jobs.count.batch_trigger(items))
    total = rounds * batch
    await quick.until("run:trigger", total)
    feed = api.durably.feed
    assert len(feed._entries) <= 2 * 200
    events = await slow.until("run:trigger", total)
    assert [event["sequence"] for event in events] == list(range(1, total + 1))


@pytest.mark.parametrize("is_behind", [False, True])
async def test_slow_client_holds_few_large_events(
    api: Api, is_behind: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where it reads the log itself, because the feed has dropped what comes next."""
    monkeypatch.setattr("durably_core.feed.CHUNK_BYTES", SMALL_CHUNK)
    with api.durably.feed.follow(0) as reader:
        large = {"team": "a" * (SMALL_CHUNK // 5)}
        await within(api.durably.jobs.count.batch_trigger([BatchItem(input={}, labels=large)] * 20))
        if is_behind:
            api.durably.feed._forget(20)
        seen: list[int] = []
        while len(seen) < 20:
            entries = await within(reader.read(1))
            assert sum(len(entry.wire) for entry in entries) <= SMALL_CHUNK
            seen += numbers([*entries])
        assert seen == list(range(1, 21))


async def test_event_that_is_larger_than_a_chunk_is_told(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("durably_core.feed.CHUNK_BYTES", SMALL_CHUNK // 5)
    stream = await api.stream("/runs/subscribe")
    await api.trigger(labels={"team": "a" * SMALL_CHUNK})
    await stream.until("run:trigger")


async def test_feed_keeps_few_large_events(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("durably_core.feed.KEPT_BYTES", 10_000)
    stream = await api.stream("/runs/subscribe")
    items: list[dict[str, int]] = [{} for _ in range(READ_LIMIT)]
    await within(api.durably.jobs.count.batch_trigger(items))
    await stream.until("run:trigger", READ_LIMIT)
    await api.trigger()
    await stream.until("run:trigger", READ_LIMIT + 1)
    assert api.durably.feed._bytes <= 2 * 10_000
    assert KEPT_BYTES > 10_000


# ---------------------------------------------------------------- throttling


class Time:
    now = 0.0


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
async def throttle(time: Time) -> Throttle:
    throttle = Throttle(100)
    throttle._now = lambda: time.now
    return throttle


async def test_first_progress_passes_at_once_and_the_newest_after_the_window(
    throttle: Throttle, time: Time
) -> None:
    assert numbers(throttle.pass_on([progress(1), progress(2), progress(3)])) == [1]
    assert throttle.due_in_s == pytest.approx(0.1)
    time.now = 0.05
    assert numbers(throttle.pass_on([progress(4)])) == []
    time.now = 0.1
    assert numbers(throttle.pass_on([])) == [4]
    assert throttle.due_in_s == float("inf")


async def test_what_is_held_passes_before_what_comes_after_it(throttle: Throttle) -> None:
    throttle.pass_on([progress(1)])
    assert numbers(throttle.pass_on([progress(2), progress(3), step(4), progress(5), end(6)])) == [3, 4, 5, 6]


async def test_order_of_the_log_is_kept_across_runs(throttle: Throttle) -> None:
    assert numbers(throttle.pass_on([progress(1, "a"), progress(2, "b")])) == [1, 2]
    assert numbers(throttle.pass_on([progress(3, "a"), progress(4, "b"), progress(5, "a")])) == []
    assert numbers(throttle.pass_on([step(6, "c")])) == [4, 5, 6]


async def test_throttle_forgets_runs_that_ended(throttle: Throttle) -> None:
    for number in range(1, 5000, 2):
        throttle.pass_on([progress(number, str(number)), end(number + 1, str(number))])
    assert throttle._next_at == {}


async def test_throttle_forgets_runs_whose_end_it_does_not_see(throttle: Throttle, time: Time) -> None:
    for number in range(5000):
        time.now = float(number)
        throttle.pass_on([progress(number + 1, str(number))])
    assert len(throttle._next_at) <= streams.MOST_WINDOWS + 1


async def test_no_window_passes_everything() -> None:
    throttle = Throttle(0)
    assert numbers(throttle.pass_on([progress(1), progress(2)])) == [1, 2]
    assert HEARTBEAT_S == 15


def test_window_is_shorter_than_a_heartbeat(durably: Durably) -> None:
    with pytest.raises(ValidationError, match="sse_throttle_ms"):
        create_durably_handler(durably, sse_throttle_ms=round(HEARTBEAT_S * 1000))
