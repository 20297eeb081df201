"""OpenTelemetry: spans of runs and steps, and metrics of what the engine does. See docs/observability.md."""

import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from durably_core.events import Event, RunEvent, RunRequeue, WorkerError
from durably_core.instrumentation import Attempt, Outcome
from durably_core.models import Run, RunError

try:
    from opentelemetry import metrics, trace
    from opentelemetry.metrics import CallbackOptions, MeterProvider, Observation
    from opentelemetry.trace import Link, Span, SpanContext, SpanKind, StatusCode, TracerProvider
except ImportError as missing:
    raise ImportError(
        "with_telemetry() needs the package opentelemetry-api: install durably[telemetry]."
    ) from missing

if TYPE_CHECKING:
    from durably_core.durably import Durably

SCOPE = "durably"
"""The name under which spans and metrics are found."""

DEPTH_INTERVAL_MS = 10_000
"""How often the runs that wait are counted, however often the metric is asked for."""

DEPTH_LIFE_S = 60.0
"""A count that is older is not reported: none is better than a wrong one."""

MAX_LINKS = 10_000
"""Triggers that are remembered until their runs end here."""

SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 14_400]
"""Boundaries of the histograms: those of the messaging conventions, and on to hours."""

ENDS: Mapping[str, Outcome] = {"run:complete": "completed", "run:fail": "failed", "run:cancel": "cancelled"}
FAULTS: Mapping[Outcome, str] = {"lost": "lease_lost", "interrupted": "interrupted"}
"""``error.type`` of attempts that ended by no fault of the job."""

Attributes = dict[str, str | int]


def with_telemetry(
    tracer_provider: TracerProvider | None = None, meter_provider: MeterProvider | None = None
) -> "Telemetry":
    """Tell OpenTelemetry of runs and steps as spans, and of what the engine does as metrics.

    ``tracer_provider``, ``meter_provider``: by default those that are set globally, now or later. Engines
    that share a meter provider must share this plugin, too, or the waiting runs of one are not counted.
    """
    return Telemetry(tracer_provider, meter_provider)


class Telemetry:
    """See ``with_telemetry``."""

    name = "telemetry"

    def __init__(self, tracer_provider: TracerProvider | None, meter_provider: MeterProvider | None) -> None:
        self._spans = Spans(trace.get_tracer(SCOPE, tracer_provider=tracer_provider))
        self._meters = Meters(metrics.get_meter(SCOPE, meter_provider=meter_provider), self._count)
        self._depths: list[QueueDepth] = []

    def install(self, durably: "Durably") -> None:
        depth = QueueDepth(durably)
        self._depths.append(depth)
        durably.instrument(self)
        durably.every(DEPTH_INTERVAL_MS, "queue-depth", depth.refresh)

    def _count(self, _options: CallbackOptions) -> Iterable[Observation]:
        return [observation for depth in self._depths for observation in depth.observe()]

    # ------------------------------------------------------------------ what the engine calls

    def triggered(self, run_id: str) -> None:
        self._spans.remember(run_id)

    @contextmanager
    def run(self, attempt: Attempt) -> Iterator[None]:
        began = time.perf_counter()
        with self._spans.around_run(attempt):
            try:
                yield
            finally:
                self._meters.attempt_ended(attempt, time.perf_counter() - began)

    @contextmanager
    def step(self, run: Run, name: str, index: int) -> Iterator[None]:
        began = time.perf_counter()
        error: BaseException | None = None
        with self._spans.around_step(run, name, index):
            try:
                yield
            except BaseException as raised:
                error = raised
                raise
            finally:
                self._meters.step_ended(run, error, time.perf_counter() - began)

    def heard(self, event: Event) -> None:
        self._meters.count(event)
        if event.type in ENDS:
            assert isinstance(event, RunEvent)
            self._spans.forget(event.run_id)


class Spans:
    """A span for each attempt at a run, and below it one for each step that executes."""

    def __init__(self, tracer: trace.Tracer) -> None:
        self._tracer = tracer
        self._triggers: OrderedDict[str, SpanContext] = OrderedDict()

    def remember(self, run_id: str) -> None:
        """The span within which the run is triggered, for a link from its attempts."""
        context = trace.get_current_span().get_span_context()
        if context.is_valid:
            self._triggers[run_id] = context
            if len(self._triggers) > MAX_LINKS:
                self._triggers.popitem(last=False)

    def forget(self, run_id: str) -> None:
        self._triggers.pop(run_id, None)

    @contextmanager
    def around_run(self, attempt: Attempt) -> Iterator[None]:
        run = attempt.run
        trigger = self._triggers.get(run.id)
        with self._tracer.start_as_current_span(
            f"run {run.job_name}",
            kind=SpanKind.CONSUMER,
            attributes=_run_attributes(run),
            links=None if trigger is None else [Link(trigger)],
        ) as span:
            try:
                yield
            finally:
                _end_run(span, attempt)

    @contextmanager
    def around_step(self, run: Run, name: str, index: int) -> Iterator[None]:
        attributes: Attributes = {
            "durably.run.id": run.id,
            "durably.job.name": run.job_name,
            "durably.step.name": name,
            "durably.step.index": index,
        }
        with self._tracer.start_as_current_span(f"step {name}", attributes=attributes) as span:
            try:
                yield
            except BaseException as error:
                span.set_attributes(_step_end(error))
                raise
            span.set_attributes(_step_end(None))


class Meters:
    """Counters and histograms. Step names and labels are left out: there may be any number of them."""

    def __init__(
        self, meter: metrics.Meter, count_waiting: Callable[[CallbackOptions], Iterable[Observation]]
    ) -> None:
        def seconds(name: str, description: str) -> metrics.Histogram:
            return meter.create_histogram(name, "s", description, explicit_bucket_boundaries_advisory=SECONDS)

        self._run = seconds("messaging.process.duration", "Duration of an attempt at a run.")
        self._step = seconds("durably.step.duration", "Duration of a step, with the write of its checkpoint.")
        self._wait = seconds("durably.run.wait_time", "Time from a run's trigger to its first lease.")
        self._ended = meter.create_counter("durably.run.ended", "{run}", "Runs that ended.")
        self._requeued = meter.create_counter("durably.run.requeued", "{run}", "Runs that wait again.")
        self._lost = meter.create_counter("durably.lease.lost", "{lease}", "Runs taken over by another worker.")
        self._errors = meter.create_counter("durably.worker.errors", "{error}", "Errors outside of job code.")
        meter.create_observable_gauge(
            "durably.queue.depth", [count_waiting], "{run}", "Runs that wait, in the whole database."
        )

    def attempt_ended(self, attempt: Attempt, seconds: float) -> None:
        run = attempt.run
        self._run.record(seconds, _process_attributes(run) | _outcome_attributes(attempt))
        if attempt.outcome == "lost":
            self._lost.add(1, {"durably.job.name": run.job_name})
        if run.attempt == 1 and run.started_at is not None:
            waited = (run.started_at - run.created_at).total_seconds()
            # A clock that was set back must not make time negative.
            self._wait.record(max(0.0, waited), {"durably.job.name": run.job_name})

    def step_ended(self, run: Run, error: BaseException | None, seconds: float) -> None:
        self._step.record(seconds, _step_end(error) | {"durably.job.name": run.job_name})

    def count(self, event: Event) -> None:
        if event.type in ENDS:
            assert isinstance(event, RunEvent)
            ended = {"durably.job.name": event.job_name, "durably.run.outcome": ENDS[event.type]}
            self._ended.add(1, ended)
        elif isinstance(event, RunRequeue):
            requeued = {"durably.job.name": event.job_name, "durably.requeue.reason": event.reason}
            self._requeued.add(1, requeued)
        elif isinstance(event, WorkerError):
            self._errors.add(1, {"error.type": event.code, "durably.worker.context": event.context})


class QueueDepth:
    """How many runs of each job wait. Counted by the engine's maintenance, never by who asks.

    Metrics are collected in any thread, at any time: the last count is all that they get.
    """

    def __init__(self, durably: "Durably") -> None:
        self._durably = durably
        self._counted: tuple[float, dict[str, int]] | None = None
        """When, and what."""

    async def refresh(self) -> None:
        # Of all jobs: this engine's, and those that no one here knows.
        waiting = await self._durably.store.count_unknown_jobs(())
        known = {handle.name: 0 for handle in self._durably.jobs}
        self._counted = time.monotonic(), known | waiting

    def observe(self) -> list[Observation]:
        if self._counted is None or time.monotonic() - self._counted[0] > DEPTH_LIFE_S:
            return []
        return [
            Observation(waiting, {"durably.job.name": job_name, "durably.run.status": "pending"})
            for job_name, waiting in self._counted[1].items()
        ]


def _process_attributes(run: Run) -> Attributes:
    """What the messaging conventions ask of spans and durations."""
    return {
        "messaging.system": "durably",
        "messaging.operation.name": "run",
        "messaging.destination.name": run.job_name,
        "durably.job.name": run.job_name,
    }


def _run_attributes(run: Run) -> Attributes:
    labels = {f"durably.label.{key}": value for key, value in run.labels.items()}
    own: Attributes = {
        "messaging.operation.type": "process",
        "messaging.message.id": run.id,
        "messaging.client.id": run.lease_owner or "",
        "durably.run.id": run.id,
        "durably.run.attempt": run.attempt,
    }
    return _process_attributes(run) | own | labels


def _outcome_attributes(attempt: Attempt) -> Attributes:
    attributes: Attributes = {"durably.run.outcome": attempt.outcome}
    error_type = attempt.error.type if attempt.error is not None else FAULTS.get(attempt.outcome)
    return attributes if error_type is None else attributes | {"error.type": error_type}


def _end_run(span: Span, attempt: Attempt) -> None:
    span.set_attributes(_outcome_attributes(attempt))
    if attempt.error is not None:
        span.add_event("exception", _exception_attributes(attempt.error))
        span.set_status(StatusCode.ERROR, attempt.error.message)
    elif attempt.outcome == "lost":
        span.set_status(StatusCode.ERROR, "Another worker took the run over.")
    elif attempt.outcome == "interrupted":
        span.set_status(StatusCode.ERROR, "The last write is missing: the run goes on later.")


def _exception_attributes(error: RunError) -> Attributes:
    return {
        "exception.type": error.type,
        "exception.message": error.message,
        "exception.stacktrace": error.traceback,
    }


def _step_end(error: BaseException | None) -> Attributes:
    if error is None:
        return {"durably.step.outcome": "completed"}
    if isinstance(error, Exception):
        return {"durably.step.outcome": "failed", "error.type": type(error).__name__}
    return {"durably.step.outcome": "stopped"}
