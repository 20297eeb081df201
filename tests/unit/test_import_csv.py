"""The example's functions: the real file, and every bad file that people have."""

import base64
from typing import Any

import pydantic
import pytest

from durably_core.job import collect_jobs
from tests.conftest import MakeEngine, run_to_end
from tests.unit.demo_jobs import ROOT, load

AIRPORTS = ROOT / "web/demo/public/airports.csv"
HEADER = "iata,name,city,state,country,latitude,longitude"
ROW = "00M,Thigpen,Bay Springs,MS,USA,31.95,-89.23"


jobs: Any = load("import_csv")


def in_base64(content: str | bytes) -> str:
    return base64.b64encode(content.encode() if isinstance(content, str) else content).decode()


def records(content: str | bytes) -> list[tuple[int, list[str]]]:
    file = jobs.CsvFile(name="a.csv", content=in_base64(content))
    return [(record.line, record.values) for record in jobs.records(file)]


async def imported(make_engine: MakeEngine, content: str | bytes) -> Any:
    """The output of the whole job."""
    value = {"file": {"name": "a.csv", "content": in_base64(content)}, "pause_ms": 0}
    run = await run_to_end(make_engine(jobs.import_csv, lease_ms=600_000), jobs.import_csv, value)
    assert run.error is None
    return jobs.ImportOutput.model_validate(run.output)


def refusal(content: str | bytes) -> str:
    with pytest.raises(pydantic.ValidationError) as refused:
        records(content)
    [error] = refused.value.errors()
    return error["msg"].removeprefix("Value error, ")


def test_page_offers_it_before_the_other_jobs() -> None:
    offered = [job.name for job in collect_jobs(load("demo_jobs")).values()]
    assert offered == ["import-csv", "resize-images", "sync-notes"]


def test_real_file_has_all_its_rows() -> None:
    rows = records(AIRPORTS.read_bytes())
    assert (len(rows), rows[0][0], rows[-1][0]) == (3376, 2, 3377)


async def test_real_file_goes_through_the_job(make_engine: MakeEngine) -> None:
    engine = make_engine(jobs.import_csv, lease_ms=600_000)
    value = {"file": {"name": "airports.csv", "content": in_base64(AIRPORTS.read_bytes())}, "pause_ms": 0}
    run = await run_to_end(engine, jobs.import_csv, value)
    assert (run.error, run.status, run.completed_step_count) == (None, "completed", 36)
    assert run.output["imported"] + run.output["rejected_count"] == 3376
    assert len(run.output["points"]) == run.output["imported"]
    assert run.progress is not None
    assert (run.progress.current, run.progress.total) == (3376, 3376)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "a.csv is empty (0 bytes)."),
        (b"\xef\xbb\xbf", "a.csv has no column iata, name, city, state, country, latitude, longitude."),
        (HEADER, "a.csv has no rows below the line that names the columns."),
        (HEADER + "\n\n\r\n", "a.csv has no rows below the line that names the columns."),
        ("Dear Sir or Madam,\nplease", "a.csv has no column iata"),
        (
            "iata,name,city\n1,2,3",
            "a.csv has no column state, country, latitude, longitude. Its first line names:",
        ),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "a.csv is not a CSV file: it holds binary data."),
        (f"{HEADER}\n{ROW}".encode("utf-16"), "a.csv is not a CSV file: it holds binary data."),
        (f"{HEADER}\n{ROW}\n00M,Orléans".encode("latin-1"), "a.csv is not in UTF-8 (line 3, byte 0xE9)"),
        (f'{HEADER}\n"{"x" * 140_000}"', "a.csv can't be read as CSV: field larger than field limit"),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_bad_file_is_explained(content: str | bytes, sentence: str) -> None:
    assert refusal(content).startswith(sentence)


def test_file_beyond_the_limit_is_refused() -> None:
    content = f"{HEADER}\n".encode() + b"x" * jobs.MAX_BYTES
    assert refusal(content) == "a.csv is 10.0 MB; files up to 10 MB can be imported."


@pytest.mark.parametrize("content", ["AAA", "A A A", "é"])
def test_broken_transfer_is_explained(content: str) -> None:
    with pytest.raises(pydantic.ValidationError, match="did not arrive whole: choose it again"):
        jobs.CsvFile(name="a.csv", content=content)


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_delimiter_is_found_out(delimiter: str) -> None:
    content = f"{HEADER}\n{ROW}\n".replace(",", delimiter)
    assert records(content) == [(2, ROW.split(","))]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_line_ends_do_not_matter(end: str) -> None:
    assert [line for line, _ in records(end.join([HEADER, ROW, ROW]))] == [2, 3]


def test_byte_order_mark_is_skipped() -> None:
    assert records(b"\xef\xbb\xbf" + f"{HEADER}\n{ROW}".encode()) == [(2, ROW.split(","))]


def test_quoted_newlines_keep_line_numbers_right() -> None:
    quoted = ROW.replace("Thigpen", '"Thig\npen, ""the"" one"')
    rows = records(f"{HEADER}\n{quoted}\n\n{ROW}\n")
    assert [line for line, _ in rows] == [2, 5]
    assert rows[0][1][1] == 'Thig\npen, "the" one'


def test_columns_are_found_by_name() -> None:
    header = "longitude, LATITUDE ,country,state,city,name,iata,extra"
    rows = records(f"{header}\n-89.23,31.95,USA,MS,Bay Springs,Thigpen,00M,x\n")
    assert rows == [(2, ROW.split(","))]


async def test_row_of_wrong_length_is_rejected(make_engine: MakeEngine) -> None:
    result = await imported(make_engine, f"{HEADER}\n{ROW}\n00M,Thigpen\n{ROW},more\n")
    assert result.imported == 1
    assert [(row.line, row.reason) for row in result.rejected] == [
        (3, "2 fields instead of 7"),
        (4, "8 fields instead of 7"),
    ]


async def test_short_row_of_wider_file_is_rejected(make_engine: MakeEngine) -> None:
    # Seven fields are as many as there are columns needed, but the file has eight, in another order.
    header = "country,state,city,name,iata,latitude,longitude,extra"
    result = await imported(make_engine, f"{header}\nUSA,MS,Bay Springs,Thigpen,00M,31.95,-89.23\n")
    assert (result.imported, [row.reason for row in result.rejected]) == (0, ["7 fields instead of 8"])


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (ROW.replace("31.95", "95"), "latitude: Input should be less than or equal to 90"),
        (ROW.replace("31.95", "nan"), "latitude: "),
        (ROW.replace("-89.23", "inf"), "longitude: "),
        (ROW.replace("31.95", "north"), "latitude: Input should be a valid number"),
        (ROW.replace("00M", "toolong"), "iata: 'toolong' is not 3 or 4 capital letters"),
        (ROW.replace("Thigpen", ""), "name: String should have at least 1 character"),
    ],
)
async def test_bad_value_is_rejected_with_reason(make_engine: MakeEngine, row: str, reason: str) -> None:
    result = await imported(make_engine, f"{HEADER}\n{row}\n")
    assert result.imported == 0
    assert result.rejected[0].reason.startswith(reason)


async def test_summary_counts_states_and_rejects(make_engine: MakeEngine) -> None:
    result = await imported(make_engine, f"{HEADER}\n{ROW}\n{ROW}\n{ROW.replace('MS', 'TX')}\nbad\n")
    assert (result.imported, result.rejected_count, len(result.points)) == (3, 1, 3)
    assert [(item.state, item.airports) for item in result.states] == [("MS", 2), ("TX", 1)]
    assert result.points[0] == (-89.23, 31.95)


async def test_only_the_first_rejects_are_shown(make_engine: MakeEngine) -> None:
    result = await imported(make_engine, HEADER + "\nbad" * 300)
    assert (result.rejected_count, len(result.rejected)) == (300, 200)


async def test_bad_file_makes_no_run(make_engine: MakeEngine) -> None:
    engine = make_engine(jobs.import_csv)
    with pytest.raises(Exception, match=r"file: a\.csv is empty"):
        await run_to_end(engine, jobs.import_csv, {"file": {"name": "a.csv", "content": ""}})
    assert await engine.get_runs() == []
