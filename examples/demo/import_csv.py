"""Import airports from a CSV file, in batches that survive anything that can happen to the tab."""

import asyncio
import base64
import csv
import io
import re
from collections import Counter
from collections.abc import Iterator
from typing import Annotated

import pydantic
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from durably_core import StepContext, job

COLUMNS = ("iata", "name", "city", "state", "country", "latitude", "longitude")
BATCH = 100
MAX_BYTES = 10_000_000
MAX_REJECTED_SHOWN = 200


class CsvFile(BaseModel):
    """A CSV file with the columns iata, name, city, state, country, latitude and longitude."""

    model_config = ConfigDict(
        title="CSV file",
        json_schema_extra={"format": "file", "contentMediaType": "text/csv", "maxBytes": MAX_BYTES},
    )

    name: str
    content: str = Field(description="The file's bytes in base64.")

    @model_validator(mode="after")
    def _check(self) -> "CsvFile":
        # Refused here, before a run exists: the form says at once what is wrong.
        if next(records(self), None) is None:
            raise ValueError(f"{self.name} has no rows below the line that names the columns.")
        return self


class ImportInput(BaseModel):
    file: CsvFile = Field(title="CSV file")
    pause_ms: int = Field(
        default=200,
        ge=0,
        le=5000,
        title="Pause per batch (ms)",
        description="Leaves you time to pull the plug.",
    )


def airport_code(code: str) -> str:
    if not re.fullmatch("[A-Z0-9]{3,4}", code):
        raise ValueError(f"{code!r} is not 3 or 4 capital letters or digits")
    return code


class Airport(BaseModel):
    iata: Annotated[str, AfterValidator(airport_code)]
    name: str = Field(min_length=1)
    city: str
    state: str
    country: str = Field(min_length=1)
    latitude: float = Field(ge=-90, le=90)
    longitude: float = Field(ge=-180, le=180)


class Record(BaseModel):
    line: int
    values: list[str]
    fault: str | None = None
    """Why the values can't be told apart."""


class Rejected(BaseModel):
    line: int
    reason: str
    row: str


class Batch(BaseModel):
    airports: list[Airport]
    rejected: list[Rejected]


class StateCount(BaseModel):
    state: str
    airports: int


class ImportOutput(BaseModel):
    filename: str
    imported: int
    rejected_count: int
    rejected: list[Rejected] = Field(description=f"The first {MAX_REJECTED_SHOWN}.")
    states: list[StateCount] = Field(description="Most airports first.")
    points: list[tuple[float, float]] = Field(description="Longitude and latitude of each airport.")


@job("import-csv")
async def import_csv(step: StepContext, input: ImportInput) -> ImportOutput:
    """Import airports from a CSV file: check each row, save in batches of 100."""
    rows = await step.run("parse", parse, step, input.file)
    batches: list[Batch] = []
    for start in range(0, len(rows), BATCH):
        chunk = rows[start : start + BATCH]
        batches.append(await step.run(f"batch-{start // BATCH + 1}", save, step, chunk, input.pause_ms))
        step.progress(min(start + BATCH, len(rows)), len(rows), "rows")
    return await step.run("summarise", summarise, input.file.name, batches)


# What is logged inside a step is logged once; outside, a resumed run would say it again.


def parse(step: StepContext, file: CsvFile) -> list[Record]:
    """Every row with its line number."""
    rows = list(records(file))
    step.log.info(f"{file.name} has {len(rows):,} row{'' if len(rows) == 1 else 's'}")
    return rows


async def save(step: StepContext, rows: list[Record], pause_ms: int) -> Batch:
    """Check the rows. The batch is saved when this returns: the step's result is kept on disk."""
    await asyncio.sleep(pause_ms / 1000)
    batch = Batch(airports=[], rejected=[])
    for row in rows:
        try:
            if row.fault is not None:
                raise ValueError(row.fault)
            batch.airports.append(Airport.model_validate(dict(zip(COLUMNS, row.values, strict=True))))
        except ValueError as error:
            batch.rejected.append(Rejected(line=row.line, reason=reason(error), row=",".join(row.values)[:200]))
    if batch.rejected:
        lines = ", ".join(str(row.line) for row in batch.rejected)
        step.log.warn(f"Rejected: line{'' if len(batch.rejected) == 1 else 's'} {lines}")
    return batch


def summarise(filename: str, batches: list[Batch]) -> ImportOutput:
    """The table, the picture and the rejected rows."""
    airports = [airport for batch in batches for airport in batch.airports]
    rejected = [row for batch in batches for row in batch.rejected]
    states = Counter(airport.state for airport in airports)
    return ImportOutput(
        filename=filename,
        imported=len(airports),
        rejected_count=len(rejected),
        rejected=rejected[:MAX_REJECTED_SHOWN],
        states=[StateCount(state=state, airports=count) for state, count in states.most_common()],
        points=[(round(airport.longitude, 3), round(airport.latitude, 3)) for airport in airports],
    )


def records(file: CsvFile) -> Iterator[Record]:
    """The rows below the header, in the order of COLUMNS. Raises ``ValueError`` with a sentence."""
    text = text_of(file)
    first_line = text.partition("\n")[0]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=first_line.count))
    try:
        header = [name.strip().lower() for name in next(reader, [])]
        missing = [column for column in COLUMNS if column not in header]
        if missing:
            found = ", ".join(header)[:100]
            raise ValueError(
                f"{file.name} has no column {', '.join(missing)}. Its first line names: {found}. "
                f"Needed: {', '.join(COLUMNS)}."
            )
        positions = [header.index(column) for column in COLUMNS]
        line = reader.line_num + 1
        for values in reader:
            if len(values) == len(header):
                yield Record(line=line, values=[values[at] for at in positions])
            elif values:
                fault = f"{len(values)} fields instead of {len(header)}"
                yield Record(line=line, values=values, fault=fault)
            line = reader.line_num + 1
    except csv.Error as error:
        raise ValueError(f"{file.name} can't be read as CSV: {error} (line {reader.line_num}).") from error


def text_of(file: CsvFile) -> str:
    """The file's text. Raises ``ValueError`` with a sentence."""
    try:
        content = base64.b64decode(file.content, validate=True)
    except ValueError as error:  # binascii.Error is one
        raise ValueError(f"{file.name} did not arrive whole: choose it again.") from error
    if not content:
        raise ValueError(f"{file.name} is empty (0 bytes).")
    if len(content) > MAX_BYTES:
        size, limit = len(content) / 1e6, MAX_BYTES / 1e6
        raise ValueError(f"{file.name} is {size:.1f} MB; files up to {limit:.0f} MB can be imported.")
    if b"\0" in content:
        raise ValueError(f"{file.name} is not a CSV file: it holds binary data.")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ValueError(
            f"{file.name} is not in UTF-8 (line {line}, byte 0x{content[error.start]:02X}), "
            "perhaps in Latin-1. "
            "Save it as “CSV UTF-8” and choose it again."
        ) from error


def reason(error: ValueError) -> str:
    """One line for people."""
    if isinstance(error, pydantic.ValidationError):
        return "; ".join(
            f"{'.'.join(map(str, item['loc']))}: {item['msg'].removeprefix('Value error, ')}"
            for item in error.errors()
        )
    return str(error)
