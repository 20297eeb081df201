"""Spans and metrics, seen through OpenTelemetry's own exporters in memory."""

import asyncio
import contextlib
import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from durably_core import Durably, Job, StepContext, Store, Transaction, telemetry
from durably_core.store.sqlite import SQLiteStore
from durably_core.telemetry import Telemetry, with_telemetry
from tests.conftest import (
    FakeClock,
    Gate,
    Heard,
    MakeEngine,
    Numbers,
    StoreProbe,
    claim,
    die,
    make_job,
    new_run,
    nothing,
    request_for,
    run_to_end,
    within,
)


class Seen:
    """What was exported."""

    def __init__(self) -> None:
        self._exporter = InMemorySpanExporter()
        self._reader = InMemoryMetricReader()
        self.tracers = TracerProvider()
        self.tracers.add_span_processor(SimpleSpanProcessor(self._exporter))
        self.meters = MeterProvider([self._reader])

    @property
    def spans(self) -> list[ReadableSpan]:
        return list(self._exporter.get_finished_spans())

    @property
    def names(self) -> list[str]:
        return [span.name for span in self.spans]

    def span(self, name: str) -> ReadableSpan:
        [span] = [span for span in self.spans if span.name == name]
        return span

    def points(self, name: str) -> list[Any]:
        """The data points of a metric, as they are at this moment."""
        data = self._reader.get_metrics_data()
        scopes = (
            [] if data is None else [scope for each in data.resource_metrics for scope in each.scope_metrics]
        )
        found = [metric for scope in scopes for metric in scope.metrics if metric.name == name]
        return [point for metric in found for point in metric.data.data_points]

    def counts(self, name: str, *attributes: str) -> dict[Any, Any]:
        """The values of a counter or gauge by these attributes."""
        return {
            tuple(point.attributes[each] for each in attributes): point.value for point in self.points(name)
        }


@pytest.fixture
def seen() -> Seen:
    return Seen()


@pytest.fixture
def plugin(seen: Seen) -> Telemetry:
    return with_telemetry(seen.tracers, seen.meters)


@pytest.fixture
async def store(clock: FakeClock) -> AsyncIterator[Store]:
    store = SQLiteStore(":memory:", clock=clock)
    await store.migrate()
    yield store
    await store.close()


@pytest.fixture
def make_seen(make_engine: MakeEngine, plugin: Telemetry) -> MakeEngine:
    """Makes engines that are watched."""

    def make(*jobs: Job[Any, Any], **options: Any) -> Durably:
        return make_engine(*jobs, **options).use(plugin)

    return make


def parent_of(span: ReadableSpan) -> int | None:
    return None if span.parent is None else span.parent.span_id


def id_of(span: ReadableSpan) -> int:
    assert span.context is not None
    span_id: int = span.context.span_id
    return span_id


def attributes_of(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


def current_id() -> int:
    span_id: int = trace.get_current_span().get_span_context().span_id
    return span_id


def fail() -> None:
    raise KeyError("missing")


async def failing(step: StepContext, _input: Numbers) -> None:
    await step.run("first", fail)


class Stuck:
    """A job whose first step waits at a gate."""

    def __init__(self) -> None:
        self.gate = Gate()
        self.job = make_job(self.body)

    async def body(self, step: StepContext, _input: Numbers) -> None:
        await step.run("first", self.gate)

    async def start(self, engine: Durably) -> str:
        """Returns the run's id when it executes."""
        run = await engine.jobs.work.trigger({})
        engine.start()
        await self.gate.until_reached()
        return run.id


# ---------------------------------------------------------------------- spans of runs


async def test_attempt_is_a_consumer_span_with_its_facts(make_seen: MakeEngine, seen: Seen) -> None:
    job = make_job(nothing)
    run = await run_to_end(make_seen(job), job, labels={"tenant": "a"})
    span = seen.span("run work")
    assert span.kind == SpanKind.CONSUMER
    assert span.status.status_code == StatusCode.UNSET
    client = attributes_of(span).pop("messaging.client.id")
    assert client.startswith("worker_")
    assert attributes_of(span) == {
        "messaging.client.id": client,
        "messaging.system": "durably",
        "messaging.operation.name": "run",
        "messaging.operation.type": "process",
        "messaging.destination.name": "work",
        "messaging.message.id": run.id,
        "durably.run.id": run.id,
        "durably.run.attempt": 1,
        "durably.run.outcome": "completed",
        "durably.job.name": "work",
        "durably.label.tenant": "a",
    }


async def test_failed_run_has_its_exception(make_seen: MakeEngine, seen: Seen) -> None:
    job = make_job(failing)
    await run_to_end(make_seen(job), job)
    span = seen.span("run work")
    assert (span.status.status_code, span.status.description) == (StatusCode.ERROR, "'missing'")
    assert attributes_of(span)["error.type"] == "KeyError"
    [event] = span.events
    assert event.name == "exception"
    assert event.attributes is not None
    assert event.attributes["exception.type"] == "KeyError"
    assert "Traceback" in str(event.attributes["exception.stacktrace"])


async def test_cancelled_run_is_no_error(make_seen: MakeEngine, seen: Seen) -> None:
    stuck = Stuck()
    engine = make_seen(stuck.job)
    heard = Heard(engine)
    await engine.cancel(await stuck.start(engine))
    await heard.until("run:stop")
    await engine.stop()
    span = seen.span("run work")
    assert attributes_of(span)["durably.run.outcome"] == "cancelled"
    assert span.status.status_code == StatusCode.UNSET
    assert attributes_of(seen.span("step first"))["durably.step.outcome"] == "stopped"


async def test_run_cancelled_as_it_completes_is_cancelled(
    make_seen: MakeEngine, store: Store, seen: Seen
) -> None:
    probe, job = StoreProbe(store), make_job(nothing)
    engine = make_seen(job, store=probe.as_store)
    run = await engine.jobs.work.trigger({})

    async def cancel() -> None:
        await store.cancel_run(run.id, keep_steps=True)

    probe.before["end_run"] = cancel
    await within(engine.process_until_idle())
    assert attributes_of(seen.span("run work"))["durably.run.outcome"] == "cancelled"


async def test_run_given_back_is_no_error(make_seen: MakeEngine, seen: Seen) -> None:
    stuck = Stuck()
    engine = make_seen(stuck.job)
    await stuck.start(engine)
    await within(engine.stop(timeout_ms=0))
    span = seen.span("run work")
    assert attributes_of(span)["durably.run.outcome"] == "released"
    assert span.status.status_code == StatusCode.UNSET
    assert seen.counts("durably.run.requeued", "durably.requeue.reason") == {("released",): 1}


async def test_lost_run_is_an_error_and_counted(
    make_seen: MakeEngine, store: Store, clock: FakeClock, seen: Seen
) -> None:
    async def lose(_step: StepContext, _input: Numbers) -> None:
        clock.advance(1000)
        assert await claim(store, request_for(worker_id="another")) is not None

    engine = make_seen(make_job(lose), lease_ms=1000, lease_renew_interval_ms=500)
    await engine.jobs.work.trigger({})
    await within(engine.process_one())
    span = seen.span("run work")
    assert attributes_of(span)["durably.run.outcome"] == "lost"
    assert attributes_of(span)["error.type"] == "lease_lost"
    assert span.status.status_code == StatusCode.ERROR
    assert seen.counts("durably.lease.lost", "durably.job.name") == {("work",): 1}
    assert seen.counts("durably.worker.errors", "error.type", "durably.worker.context") == {
        ("lease_lost", "lease-renewal"): 1
    }


async def test_run_without_its_last_write_is_interrupted(
    make_seen: MakeEngine, store: Store, seen: Seen
) -> None:
    probe, job = StoreProbe(store), make_job(nothing)
    engine = make_seen(job, store=probe.as_store)
    await engine.jobs.work.trigger({})
    probe.fail("end_run")
    with contextlib.suppress(Exception):
        await within(engine.process_one())
    span = seen.span("run work")
    assert attributes_of(span)["durably.run.outcome"] == "interrupted"
    assert (span.status.status_code, span.status.description) == (
        StatusCode.ERROR,
        "StorageError: The disk is gone.",
    )
    probe.heal()


async def test_each_attempt_has_a_trace_of_its_own(make_seen: MakeEngine, seen: Seen) -> None:
    stuck = Stuck()
    engine = make_seen(stuck.job)
    await stuck.start(engine)
    await within(engine.stop(timeout_ms=0))
    stuck.gate.open()
    await within(engine.process_until_idle())
    first, second = [span for span in seen.spans if span.name == "run work"]
    assert [attributes_of(span)["durably.run.attempt"] for span in (first, second)] == [1, 2]
    assert first.context is not None
    assert second.context is not None
    assert first.context.trace_id != second.context.trace_id


async def test_dying_worker_ends_its_spans(make_seen: MakeEngine, seen: Seen) -> None:
    stuck = Stuck()
    engine = make_seen(stuck.job)
    await engine.jobs.work.trigger({})
    task = asyncio.ensure_future(engine.process_one())
    await stuck.gate.until_reached()
    await die(task)
    await engine.stop(timeout_ms=0)
    assert seen.names == ["step first", "run work"]


# ---------------------------------------------------------------------- spans of steps


async def test_step_is_a_child_of_its_run(make_seen: MakeEngine, seen: Seen) -> None:
    async def body(step: StepContext, _input: Numbers) -> None:
        await asyncio.gather(step.run("one", int), step.run("two", int))

    job = make_job(body)
    run = await run_to_end(make_seen(job), job)
    assert sorted(seen.names) == ["run work", "step one", "step two"]
    assert {parent_of(seen.span(f"step {name}")) for name in ("one", "two")} == {id_of(seen.span("run work"))}
    span = seen.span("step two")
    assert span.kind == SpanKind.INTERNAL
    assert attributes_of(span) == {
        "durably.run.id": run.id,
        "durably.job.name": "work",
        "durably.step.name": "two",
        "durably.step.index": 1,
        "durably.step.outcome": "completed",
    }


async def test_failed_step_has_its_exception(make_seen: MakeEngine, seen: Seen) -> None:
    job = make_job(failing)
    await run_to_end(make_seen(job), job)
    span = seen.span("step first")
    assert span.status.status_code == StatusCode.ERROR
    assert [event.name for event in span.events] == ["exception"]
    assert attributes_of(span)["error.type"] == "KeyError"
    assert attributes_of(span)["durably.step.outcome"] == "failed"


async def test_replayed_step_has_no_span(make_seen: MakeEngine, seen: Seen) -> None:
    gate = Gate()

    async def body(step: StepContext, _input: Numbers) -> None:
        await step.run("one", int)
        await step.run("two", gate)

    engine = make_seen(make_job(body))
    engine.start()
    await engine.jobs.work.trigger({})
    await gate.until_reached()
    await within(engine.stop(timeout_ms=0))
    gate.open()
    await within(engine.process_until_idle())
    assert seen.names == ["step one", "step two", "run work", "step two", "run work"]


async def test_code_sees_the_span_that_it_is_in(make_seen: MakeEngine, seen: Seen) -> None:
    inside: dict[str, int] = {}

    async def asynchronous() -> None:
        inside["step async"] = current_id()

    def synchronous() -> None:
        assert threading.current_thread() is not threading.main_thread()
        inside["step sync"] = current_id()

    def writing(_transaction: Transaction) -> None:
        inside["step transaction"] = current_id()

    async def body(step: StepContext, _input: Numbers) -> None:
        await step.run("async", asynchronous)
        await step.run("sync", synchronous)
        await step.transaction("transaction", writing)
        inside["run work"] = current_id()

    job = make_job(body)
    await run_to_end(make_seen(job), job)
    assert inside == {span.name: id_of(span) for span in seen.spans}


async def test_no_span_is_left_behind_in_the_worker(make_seen: MakeEngine, seen: Seen) -> None:
    job = make_job(nothing)
    engine = make_seen(job)
    for _ in range(2):
        await run_to_end(engine, job)
    assert [parent_of(span) for span in seen.spans] == [None, None]
    assert not trace.get_current_span().get_span_context().is_valid


# ---------------------------------------------------------------------- links


async def test_run_has_a_link_to_the_span_that_triggered_it(make_seen: MakeEngine, seen: Seen) -> None:
    engine = make_seen(make_job(nothing))
    with seen.tracers.get_tracer("test").start_as_current_span("request") as request:
        await engine.jobs.work.trigger({})
    await within(engine.process_until_idle())
    span = seen.span("run work")
    assert [link.context for link in span.links] == [request.get_span_context()]
    assert parent_of(span) is None


async def test_run_triggered_by_a_job_has_a_link_to_its_step(make_seen: MakeEngine, seen: Seen) -> None:
    async def parent(step: StepContext, _input: Numbers) -> None:
        await step.run("child", engine.jobs.child.trigger_and_wait, {}, idempotency_key=step.run_id)

    engine = make_seen(make_job(nothing, name="child"), make_job(parent, name="parent"))
    await engine.jobs.parent.trigger({})
    await within(engine.process_until_idle())
    child = seen.span("run child")
    assert [link.context for link in child.links] == [seen.span("step child").context]
    assert parent_of(child) is None


async def test_run_triggered_outside_of_spans_has_no_link(make_seen: MakeEngine, seen: Seen) -> None:
    job = make_job(nothing)
    await run_to_end(make_seen(job), job)
    assert list(seen.span("run work").links) == []


async def test_triggers_are_forgotten_with_their_runs(
    make_seen: MakeEngine, plugin: Telemetry, seen: Seen, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(telemetry, "MAX_LINKS", 2)
    engine = make_seen(make_job(nothing))
    with seen.tracers.get_tracer("test").start_as_current_span("request"):
        runs = [await engine.jobs.work.trigger({}) for _ in range(3)]
    assert list(plugin._spans._triggers) == [run.id for run in runs[1:]]
    await within(engine.process_until_idle())
    assert not plugin._spans._triggers


# ---------------------------------------------------------------------- metrics


async def test_ends_are_counted_by_job_and_outcome(make_seen: MakeEngine, seen: Seen) -> None:
    good, bad = make_job(nothing, name="good"), make_job(failing, name="bad")
    engine = make_seen(good, bad)
    for job in (good, good, bad):
        await run_to_end(engine, job)
    await engine.cancel((await engine.jobs.bad.trigger({})).id)
    assert seen.counts("durably.run.ended", "durably.job.name", "durably.run.outcome") == {
        ("good", "completed"): 2,
        ("bad", "failed"): 1,
        ("bad", "cancelled"): 1,
    }


async def test_durations_are_measured_in_seconds(make_seen: MakeEngine, seen: Seen) -> None:
    job = make_job(failing)
    await run_to_end(make_seen(job), job)
    [run] = seen.points("messaging.process.duration")
    assert dict(run.attributes) == {
        "messaging.system": "durably",
        "messaging.operation.name": "run",
        "messaging.destination.name": "work",
        "durably.job.name": "work",
        "durably.run.outcome": "failed",
        "error.type": "KeyError",
    }
    [step] = seen.points("durably.step.duration")
    assert dict(step.attributes) == {
        "durably.job.name": "work",
        "durably.step.outcome": "failed",
        "error.type": "KeyError",
    }
    assert 0 < step.sum < run.sum < 60


async def test_wait_is_from_trigger_to_first_lease(make_seen: MakeEngine, clock: FakeClock, seen: Seen) -> None:
    stuck = Stuck()
    engine = make_seen(stuck.job)
    await engine.jobs.work.trigger({})
    clock.advance(2500)
    engine.start()
    await stuck.gate.until_reached()
    await within(engine.stop(timeout_ms=0))
    clock.advance(60_000)
    stuck.gate.open()
    await within(engine.process_until_idle())
    [wait] = seen.points("durably.run.wait_time")
    assert (wait.count, wait.sum) == (1, timedelta(milliseconds=2500).total_seconds())


async def test_expired_leases_are_counted_as_requeues(
    make_seen: MakeEngine, store: Store, clock: FakeClock, seen: Seen
) -> None:
    engine = make_seen(make_job(nothing))
    await store.enqueue([new_run("01")])
    await claim(store, request_for(worker_id="dead"))
    clock.advance(1000)
    await within(engine.process_until_idle())
    assert seen.counts("durably.run.requeued", "durably.job.name", "durably.requeue.reason") == {
        ("work", "expired"): 1
    }


# ---------------------------------------------------------------------- queue depth


def depth(seen: Seen) -> dict[Any, Any]:
    return seen.counts("durably.queue.depth", "durably.job.name", "durably.run.status")


async def test_queue_depth_is_of_every_job(make_seen: MakeEngine, store: Store, seen: Seen) -> None:
    engine = make_seen(make_job(nothing), make_job(nothing, name="idle"))
    await store.enqueue([new_run("01"), new_run("02"), new_run("03", job_name="unknown")])
    await engine.maintain()
    assert depth(seen) == {("work", "pending"): 2, ("idle", "pending"): 0, ("unknown", "pending"): 1}


async def test_queue_depth_is_counted_when_the_engine_starts(make_seen: MakeEngine, store: Store) -> None:
    probe, counted = StoreProbe(store), Gate()
    counted.open()
    engine = make_seen(make_job(nothing), store=probe.as_store)
    probe.after["count_unknown_jobs"] = counted
    engine.start()
    await counted.until_reached()


async def test_asking_for_the_queue_depth_asks_no_database(
    make_seen: MakeEngine, store: Store, seen: Seen
) -> None:
    probe = StoreProbe(store)
    engine = make_seen(make_job(nothing), store=probe.as_store)
    await engine.maintain()
    probe.calls.clear()
    assert depth(seen) == depth(seen) == {("work", "pending"): 0}
    assert probe.calls == []


async def test_old_queue_depth_is_not_reported(
    make_seen: MakeEngine, seen: Seen, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = make_seen(make_job(nothing))
    assert depth(seen) == {}
    await engine.maintain()
    monkeypatch.setattr(telemetry, "DEPTH_LIFE_S", -1)
    assert depth(seen) == {}


async def test_one_plugin_serves_two_engines(make_seen: MakeEngine, seen: Seen, clock: FakeClock) -> None:
    other = SQLiteStore(":memory:", clock=clock)
    first, second = make_seen(make_job(nothing)), make_seen(make_job(nothing, name="other"), store=other)
    await second.migrate()
    await first.maintain()
    await second.maintain()
    assert depth(seen) == {("work", "pending"): 0, ("other", "pending"): 0}
    await other.close()


# ---------------------------------------------------------------------- without OpenTelemetry


def test_missing_package_is_told_in_one_sentence() -> None:
    program = "import sys; sys.modules['opentelemetry'] = None; import durably_core.telemetry"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    last = done.stderr.splitlines()[-1]
    assert last == (
        "ImportError: with_telemetry() needs the package opentelemetry-api: install durably[telemetry]."
    )


async def test_providers_may_be_left_out(make_engine: MakeEngine) -> None:
    job = make_job(failing)
    engine = make_engine(job).use(with_telemetry())
    assert (await run_to_end(engine, job)).status == "failed"
