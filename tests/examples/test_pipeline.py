"""The pipeline by the commands of its README: killed, run again, run twice, and given a bad file."""

import asyncio

import pytest

from tests.examples.conftest import Copy
from tests.examples.example import Example

REPORT = "seattle-weather-report.md"
DONE = "seattle-weather-report.md: 48 months, the wettest was 2015-12"
STEPS = 2 + 48 + 1 + 1
"""load, clean, the months, report, and the other job's write."""


@pytest.fixture
def example(copy: Copy) -> Example:
    return copy("pipeline")


def steps(lines: list[str]) -> list[str]:
    """What began, in order."""
    return [line for line in lines if line.startswith(("weather: ", "report: "))]


async def ran(example: Example, command: str) -> list[str]:
    process = await example.start(command)
    assert await process.end() == 0, process.lines
    return process.lines


async def test_whole_file_becomes_a_report(example: Example) -> None:
    lines = await ran(example, example.commands[0])
    assert lines[-1] == DONE
    assert len(set(steps(lines))) == STEPS
    report = (example.folder / REPORT).read_text("utf-8")
    assert "| 2012-01 | 31 | 173.3 | -3.3 | 4.3 | 12.8 |" in report
    assert report.count("\n| 20") == 48
    assert "rejected" not in report


@pytest.mark.parametrize("killed_in", ["weather: month-2012-03", "weather: month-2013-01"])
async def test_killed_pipeline_goes_on_from_its_last_step(example: Example, killed_in: str) -> None:
    plain, slow = example.commands
    process = await example.start(slow)
    await process.told(killed_in)
    await process.kill()
    before = steps(process.lines)
    assert before[-1] == killed_in
    lines = await ran(example, plain)
    # Only the step in which it was killed begins again.
    assert set(before) & set(steps(lines)) == {killed_in}
    assert len(set(before) | set(steps(lines))) == STEPS
    assert lines[-1] == DONE


async def test_same_content_is_not_computed_again(example: Example) -> None:
    command = example.commands[0]
    await ran(example, command)
    assert await ran(example, command) == [DONE]


async def test_changed_content_is_computed(example: Example) -> None:
    await ran(example, example.commands[0])
    file = example.folder / "seattle-weather.csv"
    file.write_text(file.read_text("utf-8") + "2016/01/01,500,1,0,0,rain\n2016/01/02,a lot,1,0,0,rain\n")
    lines = await ran(example, example.commands[0])
    assert lines[-1] == f"{REPORT}: 49 months, the wettest was 2016-01"
    assert "- rejected: line 1464: could not convert" in (example.folder / REPORT).read_text("utf-8")


async def test_two_at_once_share_one_run(example: Example) -> None:
    slow = example.commands[1].replace("200", "20")
    first = await example.start(slow)
    await first.told("month-2012-02")
    second = await example.start(slow)
    assert list(await asyncio.gather(first.end(), second.end())) == [0, 0]
    assert [first.lines[-1], second.lines[-1]] == [DONE, DONE]
    begun = steps(first.lines) + steps(second.lines)
    assert len(begun) == len(set(begun)) == STEPS


async def test_failure_is_told_and_may_be_tried_again(example: Example) -> None:
    (example.folder / "other.csv").write_text("day\n1\n")
    for _ in range(2):
        process = await example.start("python pipeline.py other.csv")
        assert await process.end() == 1
        assert "Failed in " in process.lines[-1]
        assert "weather: load" in process.lines
