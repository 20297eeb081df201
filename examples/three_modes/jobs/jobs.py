"""What the weather was like. This file knows nothing of servers and browsers, and runs in all three modes."""

import csv
from statistics import mean

from pydantic import BaseModel, Field

from durably_core import StepContext, job


class Weather(BaseModel):
    text: str = Field(min_length=1, description="A CSV file with temp_max and weather.")


class Day(BaseModel):
    kind: str
    max_c: float


class Kind(BaseModel):
    kind: str
    days: int
    mean_max_c: float


class Summary(BaseModel):
    days: int
    kinds: list[Kind] = Field(description="Most frequent first.")


@job("summarise-weather")
async def summarise_weather(step: StepContext, input: Weather) -> Summary:
    """Sum up each kind of weather."""
    days = await step.run("read", read, input.text)
    names = sorted({day.kind for day in days})
    kinds = []
    for name in names:
        kinds.append(await step.run(f"sum-up-{name}", sum_up, name, days))
        step.progress(len(kinds), len(names), name)
    return Summary(days=len(days), kinds=sorted(kinds, key=lambda kind: -kind.days))


def read(text: str) -> list[Day]:
    return [Day(kind=row["weather"], max_c=row["temp_max"]) for row in csv.DictReader(text.splitlines())]


def sum_up(name: str, days: list[Day]) -> Kind:
    of_kind = [day.max_c for day in days if day.kind == name]
    return Kind(kind=name, days=len(of_kind), mean_max_c=round(mean(of_kind), 1))
