"""The engine's log: one record per event that matters, and one line of JSON per record."""

import dataclasses
import io
import json
import logging
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from durably_core import Durably, StepContext, Store
from durably_core.event_log import LOGGED, JsonFormatter, with_event_log
from durably_core.events import EVENT_TYPES, RunRequeue
from durably_core.store.sqlite import SQLiteStore
from tests.conftest import (
    FakeClock,
    MakeEngine,
    Numbers,
    StoreProbe,
    make_job,
    run_to_end,
    within,
)


async def busy(step: StepContext, _input: Numbers) -> str | None:
    await step.run("first", lambda: "secret result")
    step.progress(1)
    step.log.info("a line of the job")
    return None


async def failing(_step: StepContext, _input: Numbers) -> None:
    raise ValueError("100 %s {run_id}")


working = make_job(busy)


@pytest.fixture
async def store(clock: FakeClock) -> AsyncIterator[Store]:
    store = SQLiteStore(":memory:", clock=clock)
    await store.migrate()
    yield store
    await store.close()


class Records(logging.Handler):
    """Keeps what is logged."""

    def __init__(self) -> None:
        super().__init__()
        self.all: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.all.append(record)


@pytest.fixture
def records(caplog: pytest.LogCaptureFixture) -> Iterator[list[logging.LogRecord]]:
    """What the logger ``durably`` gets."""
    caplog.set_level(logging.DEBUG, "durably")
    kept = Records()
    logging.getLogger("durably").addHandler(kept)
    yield kept.all
    logging.getLogger("durably").removeHandler(kept)


@pytest.fixture
def engine(make_engine: MakeEngine) -> Durably:
    return make_engine(working, make_job(failing, name="failing")).use(with_event_log())


def field(record: logging.LogRecord, name: str) -> Any:
    return vars(record)[name]


def events_of(records: list[logging.LogRecord]) -> list[tuple[str, str]]:
    return [(field(record, "event"), record.levelname) for record in records]


async def test_run_is_three_records(engine: Durably, records: list[logging.LogRecord]) -> None:
    run = await run_to_end(engine, working, labels={"tenant": "a"})
    assert events_of(records) == [("run:trigger", "INFO"), ("run:leased", "INFO"), ("run:complete", "INFO")]
    assert [record.getMessage() for record in records] == [
        f"run {run.id} of work was triggered",
        f"run {run.id} of work begins, attempt 1",
        f"run {run.id} of work completed in 0 ms",
    ]
    last = records[-1]
    assert (field(last, "run_id"), field(last, "job_name"), field(last, "labels"), field(last, "duration")) == (
        run.id,
        "work",
        {"tenant": "a"},
        0,
    )


async def test_inputs_and_outputs_are_not_logged(engine: Durably, records: list[logging.LogRecord]) -> None:
    await run_to_end(engine, working, {"count": 4711})
    written = "".join(map(JsonFormatter().format, records))
    assert "4711" not in written
    assert "secret" not in written


async def test_failed_run_is_an_error_in_its_own_words(
    engine: Durably, records: list[logging.LogRecord]
) -> None:
    await engine.jobs.failing.trigger({})
    await within(engine.process_until_idle())
    assert events_of(records)[-1] == ("run:fail", "ERROR")
    assert records[-1].getMessage().endswith("failed: 100 %s {run_id}")


async def test_cancelled_run_is_no_error(engine: Durably, records: list[logging.LogRecord]) -> None:
    await engine.cancel((await engine.jobs.work.trigger({})).id)
    assert events_of(records)[-1] == ("run:cancel", "INFO")


async def test_fault_is_logged_once(
    make_engine: MakeEngine, store: Store, records: list[logging.LogRecord]
) -> None:
    probe = StoreProbe(store)
    engine = make_engine(working, store=probe.as_store).use(with_event_log())
    probe.fail("checkpoint")
    await engine.maintain()
    [record] = records
    assert events_of(records) == [("worker:error", "ERROR")]
    assert record.getMessage() == "the worker failed (wal-checkpoint, storage): The disk is gone."


async def test_records_go_to_the_logger_that_is_given(
    make_engine: MakeEngine, caplog: pytest.LogCaptureFixture
) -> None:
    own = logging.getLogger("app.jobs")
    own.setLevel(logging.WARNING)
    engine = make_engine(make_job(failing)).use(with_event_log(own))
    await engine.jobs.work.trigger({})
    await within(engine.process_until_idle())
    assert [(record.name, record.levelname) for record in caplog.records] == [("app.jobs", "ERROR")]


@pytest.mark.parametrize(("reason", "level"), [("expired", "WARNING"), ("released", "INFO")])
def test_requeue_is_a_warning_when_a_worker_died(
    clock: FakeClock, records: list[logging.LogRecord], reason: Any, level: str
) -> None:
    event = RunRequeue(run_id="1", job_name="work", labels={}, reason=reason, attempt=1)
    with_event_log()._log(event)
    assert events_of(records) == [("run:requeue", level)]


@pytest.mark.parametrize("event_type", LOGGED)
def test_message_names_only_fields_of_its_event(event_type: str, records: list[logging.LogRecord]) -> None:
    cls: Any = EVENT_TYPES[event_type]
    fields = {each.name: "?" for each in dataclasses.fields(cls)}
    with_event_log()._log(cls(**fields))
    [record] = records
    assert "{" not in record.getMessage()
    assert field(record, "event") == event_type


# ---------------------------------------------------------------------- lines of JSON


class Lines:
    """A logger whose records are written as JSON."""

    def __init__(self) -> None:
        self._stream = io.StringIO()
        self.handler = logging.StreamHandler(self._stream)
        self.handler.setFormatter(JsonFormatter())
        self.logger = logging.Logger("app", logging.DEBUG)
        self.logger.addHandler(self.handler)

    def all(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self._stream.getvalue().splitlines()]

    def last(self) -> dict[str, Any]:
        return self.all()[-1]


@pytest.fixture
def lines() -> Lines:
    return Lines()


def test_line_has_time_level_logger_message_and_fields(lines: Lines) -> None:
    before = datetime.now(UTC)
    lines.logger.warning("%d of %s", 1, "two\nlines", extra={"run_id": "01", "labels": {"a": "ä"}})
    line = lines.last()
    assert line.pop("time").endswith("Z")
    assert line == {
        "level": "WARNING",
        "logger": "app",
        "message": "1 of two\nlines",
        "run_id": "01",
        "labels": {"a": "ä"},
    }
    assert (datetime.fromisoformat(lines.last()["time"]) - before).total_seconds() > -0.001


def test_exception_is_in_its_line(lines: Lines) -> None:
    try:
        raise KeyError("missing")
    except KeyError:
        lines.logger.exception("it failed")
    [line] = lines.all()
    assert line["message"] == "it failed"
    assert line["exception"].startswith("Traceback")
    assert line["exception"].endswith("KeyError: 'missing'")


def test_stack_is_in_its_line(lines: Lines) -> None:
    lines.logger.info("here", stack_info=True)
    [line] = lines.all()
    assert line["stack"].startswith("Stack")


def test_field_can_not_replace_what_every_line_has(lines: Lines) -> None:
    lines.logger.info("true", extra={"level": "false", "time": "never"})
    assert lines.last()["level"] == "INFO"
    assert lines.last()["time"] != "never"


def circle() -> list[Any]:
    found: list[Any] = []
    found.append(found)
    return found


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (datetime(2026, 1, 2, tzinfo=UTC), "2026-01-02T00:00:00+00:00"),
        (float("nan"), "nan"),
        ({1j: "a"}, "{1j: 'a'}"),
        (circle(), "[[...]]"),
        ("\ud800", "\ud800"),
    ],
)
def test_what_json_can_not_hold_is_written_as_text(lines: Lines, value: Any, written: str) -> None:
    lines.logger.info("odd", extra={"value": value, "count": 1})
    assert (lines.last()["value"], lines.last()["count"]) == (written, 1)


async def test_engine_events_are_lines(make_engine: MakeEngine, lines: Lines) -> None:
    engine = make_engine(working).use(with_event_log(lines.logger))
    run = await run_to_end(engine, working, labels={"tenant": "a"})
    leased = lines.all()[1]
    assert (leased["event"], leased["run_id"], leased["labels"]) == ("run:leased", run.id, {"tenant": "a"})
    assert (leased["attempt"], leased["lease_expires_at"]) == (1, "2023-11-14T22:13:50+00:00")
