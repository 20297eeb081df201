"""A year's weather, month by month, from a CSV file of days. Kill it whenever you like, and run it again."""

import argparse
import asyncio
import csv
import hashlib
import sys
from datetime import date, datetime
from pathlib import Path
from statistics import mean

from pydantic import BaseModel, Field

from durably_core import Progress, RunFailedError, StepContext, create_durably, job
from durably_core.events import StepStart

BAR = 30

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("file", type=Path, help="with date, precipitation, temp_max and temp_min")
parser.add_argument("--pause-ms", type=int, default=0, help="in each month: time to pull the plug")
# Of this process, not of the run: what is in a run's input stays with it, also when it is resumed.
options = argparse.Namespace(pause_ms=0)


class WeatherInput(BaseModel):
    file: str
    sha256: str = Field(description="Of the file's content.")


class Row(BaseModel):
    line: int
    values: dict[str, str]


class Day(BaseModel):
    date: date
    rain_mm: float = Field(ge=0)
    max_c: float
    min_c: float


class Cleaned(BaseModel):
    days: list[Day]
    rejected: list[str]


class Month(BaseModel):
    month: str
    days: int
    rain_mm: float
    max_c: float
    min_c: float
    mean_c: float


class ReportInput(BaseModel):
    title: str
    months: list[Month]
    rejected: list[str]


class Report(BaseModel):
    file: str
    months: int
    wettest: str


# ---------------------------------------------------------------- the jobs


@job("weather")
async def weather(step: StepContext, input: WeatherInput) -> Report:
    """Load, clean, aggregate by month, and let another job write the report."""
    rows = await step.run("load", load, input.file, input.sha256)
    cleaned = await step.run("clean", clean, rows)
    by_month: dict[str, list[Day]] = {}
    for day in cleaned.days:
        by_month.setdefault(f"{day.date:%Y-%m}", []).append(day)
    months = []
    for name, days in by_month.items():
        months.append(await step.run(f"month-{name}", aggregate, name, days))
        step.progress(len(months), len(by_month), name)
    written = await step.run(
        "report",
        durably.jobs.report.trigger_and_wait,
        ReportInput(title=Path(input.file).stem, months=months, rejected=cleaned.rejected),
        # So that a pipeline that is run again waits for the same report.
        idempotency_key=f"{step.run_id}/report",
    )
    report: Report = written.output
    return report


@job("report")
async def report(step: StepContext, input: ReportInput) -> Report:
    """Write what was found as a file."""
    path = await step.run("write", write, input)
    return Report(
        file=path,
        months=len(input.months),
        wettest=max(input.months, key=lambda month: month.rain_mm).month,
    )


def load(file: str, sha256: str) -> list[Row]:
    content = Path(file).read_bytes()
    if hashlib.sha256(content).hexdigest() != sha256:
        raise ValueError(f"{file} was changed since the pipeline was started: start it again.")
    rows = csv.DictReader(content.decode("utf-8-sig").splitlines(), restval="")
    return [Row(line=rows.line_num, values={key: row[key] for key in row if key}) for row in rows]


def clean(rows: list[Row]) -> Cleaned:
    cleaned = Cleaned(days=[], rejected=[])
    for row in rows:
        try:
            cleaned.days.append(day_of(row.values))
        except (ValueError, KeyError) as error:
            cleaned.rejected.append(f"line {row.line}: {str(error).splitlines()[0]}")
    return cleaned


def day_of(values: dict[str, str]) -> Day:
    return Day(
        date=datetime.strptime(values["date"], "%Y/%m/%d").date(),
        rain_mm=float(values["precipitation"]),
        max_c=float(values["temp_max"]),
        min_c=float(values["temp_min"]),
    )


async def aggregate(name: str, days: list[Day]) -> Month:
    await asyncio.sleep(options.pause_ms / 1000)
    return Month(
        month=name,
        days=len(days),
        rain_mm=round(sum(day.rain_mm for day in days), 1),
        max_c=max(day.max_c for day in days),
        min_c=min(day.min_c for day in days),
        mean_c=round(mean((day.max_c + day.min_c) / 2 for day in days), 1),
    )


def write(report: ReportInput) -> str:
    """The whole file or none: a step may run twice if it is killed, and must not leave half of its work."""
    lines = [f"# {report.title}", "", "| month | days | rain mm | min °C | mean °C | max °C |"]
    lines += ["|---|--:|--:|--:|--:|--:|"]
    lines += [
        f"| {each.month} | {each.days} | {each.rain_mm} | {each.min_c} | {each.mean_c} | {each.max_c} |"
        for each in report.months
    ]
    lines += ["", *(f"- rejected: {each}" for each in report.rejected)]
    target = Path(f"{report.title}-report.md")
    draft = target.with_suffix(".draft")
    draft.write_text("\n".join(lines).rstrip() + "\n", "utf-8")
    draft.replace(target)
    return str(target)


# ---------------------------------------------------------------- the command

durably = create_durably(
    database="pipeline.db",
    jobs={"weather": weather, "report": report},
    # Who runs the command again after a crash waits this long, until the dead process's run is free.
    lease_ms=2000,
    lease_renew_interval_ms=500,
    polling_interval_ms=200,
)


async def run(file: Path, sha256: str) -> int:
    durably.on("step:start", show_step)
    await durably.init()
    try:
        done = await durably.jobs.weather.trigger_and_wait(
            WeatherInput(file=str(file), sha256=sha256),
            # The same content is the same work: it goes on with that, or has its result.
            idempotency_key=sha256,
            on_progress=show_progress,
        )
    except RunFailedError as error:
        # The key would give back this failure for ever.
        await durably.delete_run(error.run_id)
        print(f"\nFailed in {error.failed_step_name}: {error.message}", file=sys.stderr)
        return 1
    finally:
        await durably.close(timeout_ms=0)
    print(f"{done.output.file}: {done.output.months} months, the wettest was {done.output.wettest}")
    return 0


def show_progress(progress: Progress) -> None:
    if sys.stdout.isatty() and progress.total:
        full = round(BAR * progress.current / progress.total)
        end = "\n" if progress.current == progress.total else ""
        print(f"\r{'█' * full:·<{BAR}} {progress.message}", end=end, flush=True)


def show_step(event: StepStart) -> None:
    # For a log: on a terminal there is the bar.
    if not sys.stdout.isatty():
        print(f"{event.job_name}: {event.step_name}", flush=True)


def main() -> int:
    parser.parse_args(namespace=options)
    try:
        sha256 = hashlib.sha256(options.file.read_bytes()).hexdigest()
        return asyncio.run(run(options.file, sha256))
    except OSError as error:
        parser.error(str(error))
    except KeyboardInterrupt:
        print("\nStopped. The same command goes on from here.", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
