"""What telemetry costs per step: ``python -m bench.telemetry``.

Each round runs one job of many steps that do nothing, in a fresh database in memory, with each setting in turn.
Shown is the processor's time of all threads: the least of the rounds, which what else the machine does disturbs
least, and the median. The disk, which a real step waits for, is left out.
"""

import argparse
import asyncio
import statistics
import time
from collections.abc import Callable

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from pydantic import BaseModel

from durably_core import Durably, StepContext, create_durably, define_job
from durably_core.telemetry import Telemetry, with_telemetry


class Steps(BaseModel):
    count: int


async def work(step: StepContext, steps: Steps) -> None:
    for number in range(steps.count):
        await step.run(f"step-{number}", nothing)


async def nothing() -> None: ...


def exporting() -> Telemetry:
    tracers = TracerProvider()
    tracers.add_span_processor(BatchSpanProcessor(InMemorySpanExporter()))
    return with_telemetry(tracers, MeterProvider([InMemoryMetricReader()]))


def metrics_only() -> Telemetry:
    return with_telemetry(TracerProvider(sampler=ALWAYS_OFF), MeterProvider([InMemoryMetricReader()]))


SETTINGS: dict[str, Callable[[], Telemetry] | None] = {
    "off": None,
    "installed, no SDK": with_telemetry,
    "metrics, spans sampled out": metrics_only,
    "metrics and spans": exporting,
}


async def microseconds_per_step(make_plugin: Callable[[], Telemetry] | None, count: int) -> float:
    job = define_job(name="work", input=Steps, output=None, run=work)
    durably: Durably = create_durably(database=":memory:", jobs={"work": job})
    if make_plugin is not None:
        durably.use(make_plugin())
    await durably.migrate()
    await durably.jobs.work.trigger({"count": count})
    began = time.process_time()
    await durably.process_one()
    seconds = time.process_time() - began
    await durably.close()
    return seconds / count * 1_000_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    measured: dict[str, list[float]] = {name: [] for name in SETTINGS}
    for _ in range(options.rounds):
        for name, make_plugin in SETTINGS.items():
            measured[name].append(asyncio.run(microseconds_per_step(make_plugin, options.steps)))
    for name, values in measured.items():
        print(f"{name:28} {min(values):6.0f} µs per step (median {statistics.median(values):.0f})")


if __name__ == "__main__":
    main()
