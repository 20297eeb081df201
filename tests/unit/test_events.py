"""The event bus: synchronous, ordered, and deaf to listeners that raise."""

import dataclasses
from typing import Any

import pytest

from durably_core import Progress, ValidationError
from durably_core.events import EVENT_TYPES, Event, EventBus, RunCancel, RunProgress, WorkerError, to_wire
from tests.conftest import FakeClock


@pytest.fixture
def bus(clock: FakeClock) -> EventBus:
    return EventBus(clock)


def cancel() -> RunCancel:
    return RunCancel(run_id="1", job_name="work", labels={})


def test_listener_hears_only_its_type(bus: EventBus) -> None:
    heard: list[Event] = []
    bus.on("worker:error", heard.append)
    bus.emit(cancel())
    bus.emit(WorkerError(code="storage", error="no", context="claim"))
    assert [event.type for event in heard] == ["worker:error"]


def test_star_hears_every_type(bus: EventBus) -> None:
    heard: list[Event] = []
    bus.on("*", heard.append)
    bus.emit(cancel())
    bus.emit(WorkerError(code="storage", error="no", context="claim"))
    assert [event.type for event in heard] == ["run:cancel", "worker:error"]


def test_unknown_event_type_is_refused(bus: EventBus) -> None:
    with pytest.raises(ValidationError, match=r"There is no event 'run:done'\. Events: log:write"):
        bus.on("run:done", print)


def test_unsubscribed_listener_hears_nothing(bus: EventBus) -> None:
    heard: list[Event] = []
    stop = bus.on("*", heard.append)
    stop()
    stop()
    bus.emit(cancel())
    assert heard == []


def test_same_listener_twice_is_two_listeners(bus: EventBus) -> None:
    heard: list[Event] = []
    stop = bus.on("*", heard.append)
    bus.on("*", heard.append)
    stop()
    bus.emit(cancel())
    assert len(heard) == 1


def test_raising_listener_stops_no_one(bus: EventBus) -> None:
    heard: list[Event] = []
    errors: list[tuple[str, str]] = []
    bus.on("*", lambda _event: 1 // 0)
    bus.on("*", heard.append)
    bus.on_error(lambda error, event: errors.append((type(error).__name__, event.type)))
    bus.emit(cancel())
    assert (len(heard), errors) == (1, [("ZeroDivisionError", "run:cancel")])


def test_raising_error_handler_stops_no_one(bus: EventBus) -> None:
    heard: list[Event] = []
    bus.on("*", lambda _event: 1 // 0)
    bus.on("*", heard.append)
    bus.on_error(lambda _error, _event: 1 // 0)
    bus.emit(cancel())
    assert len(heard) == 1


def test_async_listener_is_reported(bus: EventBus) -> None:
    errors: list[BaseException] = []

    async def listener(_event: Event) -> None: ...

    bus.on("*", listener)
    bus.on_error(lambda error, _event: errors.append(error))
    bus.emit(cancel())
    assert "use a plain function" in str(errors[0])


def test_listener_may_unsubscribe_itself(bus: EventBus) -> None:
    heard: list[Event] = []

    def once(event: Event) -> None:
        heard.append(event)
        stop()

    stop = bus.on("*", once)
    bus.emit(cancel())
    bus.emit(cancel())
    assert len(heard) == 1


def test_wire_is_camel_case_with_iso_times(bus: EventBus) -> None:
    heard: list[Event] = []
    bus.on("*", heard.append)
    bus.emit(RunProgress(run_id="1", job_name="work", labels={}, progress=Progress(current=1, message="m")))
    assert to_wire(heard[0]) == {
        "type": "run:progress",
        "sequence": 0,
        "timestamp": "2023-11-14T22:13:20.000Z",
        "runId": "1",
        "jobName": "work",
        "labels": {},
        "progress": {"current": 1, "message": "m"},
    }


@pytest.mark.parametrize("event_type", sorted(EVENT_TYPES))
def test_wire_without_payload_has_no_payload(event_type: str) -> None:
    cls: Any = EVENT_TYPES[event_type]
    names = {field.name for field in dataclasses.fields(cls)} - {"sequence", "timestamp_ms"}
    event = cls(**dict.fromkeys(names))
    wire = to_wire(event, payload=False)
    assert not {"input", "output", "skippedInput"} & wire.keys()
    assert wire["type"] == event_type


def test_fault_that_no_one_hears_is_logged(bus: EventBus, caplog: pytest.LogCaptureFixture) -> None:
    bus.emit(WorkerError(code="storage", error="The disk is gone.", context="claim"))
    assert [(record.name, record.levelname) for record in caplog.records] == [("durably", "ERROR")]
    assert "The disk is gone." in caplog.text


@pytest.mark.parametrize("event_type", ["worker:error", "*"])
def test_fault_that_is_heard_is_not_logged(
    bus: EventBus, caplog: pytest.LogCaptureFixture, event_type: str
) -> None:
    bus.on(event_type, lambda _event: None)
    bus.emit(WorkerError(code="storage", error="The disk is gone.", context="claim"))
    assert caplog.records == []


def test_error_of_a_listener_is_logged(bus: EventBus, caplog: pytest.LogCaptureFixture) -> None:
    bus.on("*", lambda _event: 1 // 0)
    bus.emit(cancel())
    [record] = caplog.records
    assert (record.name, record.levelname) == ("durably", "ERROR")
    assert record.exc_info is not None
    assert record.exc_info[0] is ZeroDivisionError
    bus.on_error(lambda _error, _event: None)
    bus.emit(cancel())
    assert len(caplog.records) == 1
