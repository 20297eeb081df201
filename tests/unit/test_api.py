"""The operations that clients call: bodies in, JSON values and clear errors out."""

import json
from typing import Any

import pytest
from pydantic_core import to_json

from durably_core import (
    ConflictError,
    Durably,
    DurablyError,
    EventsGoneError,
    NotFoundError,
    StepContext,
    ValidationError,
    api,
)
from tests.conftest import FakeClock, Gate, MakeEngine, Numbers, Total, make_job, within


async def body(step: StepContext, input: Numbers) -> Total:
    step.log.info("hello")
    return Total(total=await step.run("add", lambda: input.count + 1))


@pytest.fixture
def engine(make_engine: MakeEngine) -> Durably:
    return make_engine(make_job(body, output=Total))


async def call(engine: Durably, operation: str, **request: Any) -> Any:
    return json.loads(to_json(await api.call(engine, operation, json.dumps(request))))


async def test_run_goes_through_the_operations(engine: Durably) -> None:
    triggered = await call(engine, "trigger", jobName="work", input={"count": 4}, labels={"a": "b"})
    await within(engine.process_one())
    run = await call(engine, "getRun", runId=triggered["runId"])
    assert (triggered["disposition"], run["status"], run["output"]) == ("created", "completed", {"total": 5})
    assert [step["output"] for step in await call(engine, "getSteps", runId=run["id"])] == [5]
    assert [log["message"] for log in await call(engine, "getLogs", runId=run["id"])] == ["hello"]
    assert (await call(engine, "retrigger", runId=run["id"]))["success"] is True
    assert [item["status"] for item in await call(engine, "getRuns", view="summary")] == [
        "pending",
        "completed",
    ]
    assert await call(engine, "deleteRun", runId=run["id"]) == {"success": True}


async def test_run_is_cancelled_by_operation(engine: Durably) -> None:
    triggered = await call(engine, "trigger", jobName="work", input={})
    assert await call(engine, "cancel", runId=triggered["runId"]) == {"success": True}
    assert [run["status"] for run in await call(engine, "getRuns", status=["cancelled"])] == ["cancelled"]


async def test_jobs_describe_themselves(engine: Durably) -> None:
    [job] = await call(engine, "jobs")
    assert sorted(job) == ["description", "inputSchema", "keys", "name", "outputSchema"]
    assert job["name"] == "work"


async def test_job_goes_by_its_name_and_by_its_registration_key(engine: Durably) -> None:
    engine.register({"other_key": make_job(body, name="other-name", output=Total)})
    named = await call(engine, "trigger", jobName="other-name", input={})
    keyed = await call(engine, "trigger", jobName="other_key", input={})
    for job_name in ("other-name", "other_key", ["other_key", "gone"]):
        runs = await call(engine, "getRuns", jobName=job_name)
        assert [run["id"] for run in runs] == [keyed["runId"], named["runId"]]
        assert (await call(engine, "countRuns", jobName=job_name))["pending"] == 2
    assert [job["keys"] for job in await call(engine, "jobs") if job["name"] == "other-name"] == [["other_key"]]


async def test_job_under_two_keys_is_listed_once(engine: Durably) -> None:
    job = make_job(body, name="twice", output=Total)
    engine.register({"one": job, "two": job})
    assert [job["keys"] for job in await call(engine, "jobs") if job["name"] == "twice"] == [["one", "two"]]


@pytest.mark.parametrize(
    ("operation", "request_body", "error"),
    [
        ("nope", "{}", NotFoundError),
        ("trigger", "{}", ValidationError),
        ("trigger", "null", ValidationError),
        ("trigger", "not json", ValidationError),
        ("trigger", "", ValidationError),
        ("trigger", '{"jobName": "none", "input": {}}', NotFoundError),
        ("trigger", '{"jobName": "work", "input": null}', ValidationError),
        ("trigger", '{"jobName": "work", "input": {}, "more": 1}', ValidationError),
        ("trigger", '{"jobName": "work", "input": {}, "labels": {"a b": "c"}}', ValidationError),
        ("trigger", '{"jobName": "work", "input": {}, "labels": {"a": 1}}', ValidationError),
        ("trigger", '{"jobName": "work", "input": {}, "idempotencyKey": ""}', ValidationError),
        ("getRun", '{"runId": 5}', ValidationError),
        ("getRun", '{"runId": "nope"}', NotFoundError),
        ("getSteps", '{"runId": "nope"}', NotFoundError),
        ("getLogs", '{"runId": "nope"}', NotFoundError),
        ("cancel", '{"runId": "nope"}', NotFoundError),
        ("retrigger", '{"runId": "nope"}', NotFoundError),
        ("deleteRun", '{"runId": "nope"}', NotFoundError),
        ("getRuns", '{"limit": -1}', ValidationError),
        ("getRuns", '{"limit": 1e400}', ValidationError),
        ("getRuns", '{"offset": 99999999999999999999999}', ValidationError),
        ("getRuns", '{"status": "done"}', ValidationError),
        ("getRuns", '{"labels": {"a b": "c"}}', ValidationError),
        ("getRuns", '{"labels": {"a": 1}}', ValidationError),
        ("getRuns", '{"cursor": 5}', ValidationError),
        ("getRuns", '{"view": "short"}', ValidationError),
        ("countRuns", '{"status": ["pending", "done"]}', ValidationError),
        ("countRuns", '{"labels": {"": "c"}}', ValidationError),
        ("countRuns", '{"limit": 5}', ValidationError),
        ("trigger", '{"jobName": "work", "input": {}, "coalesce": "skip"}', ValidationError),
        (
            "trigger",
            '{"jobName": "work", "input": {}, "concurrencyKey": "k", "coalesce": "drop"}',
            ValidationError,
        ),
        ("trigger", '{"jobName": "work", "input": {}, "idempotencyTtlMs": 5}', ValidationError),
        ("batchTrigger", '{"jobName": "work"}', ValidationError),
        ("batchTrigger", '{"jobName": "none", "items": []}', NotFoundError),
        ("batchTrigger", '{"jobName": "work", "items": {"input": {}}}', ValidationError),
        ("batchTrigger", '{"jobName": "work", "items": [{"input": {}}, {"count": 5}]}', ValidationError),
        ("batchTrigger", '{"jobName": "work", "items": [{"input": {}}, {"input": 5}]}', ValidationError),
        ("getEvents", '{"after": -1}', ValidationError),
        ("getEvents", '{"after": 1}', EventsGoneError),
        ("getEvents", '{"limit": 1e400}', ValidationError),
        ("getEvents", '{"types": "run:trigger"}', ValidationError),
        ("purgeRuns", "{}", ValidationError),
        ("purgeRuns", '{"olderThan": "yesterday"}', ValidationError),
        ("purgeRuns", '{"olderThan": "2026-01-01T00:00:00"}', ValidationError),
        ("purgeRuns", '{"olderThan": "2026-01-01T00:00:00Z", "limit": -1}', ValidationError),
    ],
)
async def test_bad_request_is_explained(
    engine: Durably, operation: str, request_body: str, error: type[DurablyError]
) -> None:
    with pytest.raises(error) as refused:
        await api.call(engine, operation, request_body)
    assert 400 <= refused.value.status < 500
    assert await engine.get_runs() == []


async def test_conflict_goes_out_with_code_and_status(engine: Durably) -> None:
    triggered = await call(engine, "trigger", jobName="work", input={})
    with pytest.raises(ConflictError) as refused:
        await call(engine, "deleteRun", runId=triggered["runId"])
    wire = refused.value.to_wire()
    assert (wire["code"], wire["status"], "it is pending" in wire["message"]) == ("conflict", 409, True)


async def test_validation_error_goes_out_with_paths(engine: Durably) -> None:
    with pytest.raises(ValidationError) as refused:
        await call(engine, "trigger", jobName="work", input={"count": "x"})
    assert [issue["path"] for issue in refused.value.to_wire()["issues"]] == [["count"]]


async def fill(engine: Durably, *labels: dict[str, str]) -> list[str]:
    """One run for each of these labels, in a batch; their ids."""
    items = [{"input": {"count": number}, "labels": each} for number, each in enumerate(labels)]
    return [run["runId"] for run in await call(engine, "batchTrigger", jobName="work", items=items)]


async def test_batch_goes_through_in_its_order(engine: Durably) -> None:
    item = {"input": {"count": 1}, "idempotencyKey": "i", "concurrencyKey": "k", "labels": {"a": "b"}}
    coalesced = {"input": {}, "concurrencyKey": "k", "coalesce": "queue"}
    answer = await call(engine, "batchTrigger", jobName="work", items=[item, coalesced, {"input": {}}, item])
    assert [run["disposition"] for run in answer] == ["created", "coalesced", "created", "idempotent"]
    assert [answer.index(run) for run in answer if run["runId"] == answer[0]["runId"]] == [0, 1, 3]
    assert [run["input"] for run in await call(engine, "getRuns")] == [{"count": 3}, {"count": 3}]


async def test_empty_batch_answers_with_nothing(engine: Durably) -> None:
    assert await call(engine, "batchTrigger", jobName="work", items=[]) == []


async def test_bad_item_of_a_batch_is_named(engine: Durably) -> None:
    items = [{"input": {}}, {"input": {"count": "x"}}]
    with pytest.raises(ValidationError, match=r"^Item 1 of the batch:") as refused:
        await call(engine, "batchTrigger", jobName="work", items=items)
    assert [issue["path"] for issue in refused.value.to_wire()["issues"]] == [["count"]]
    assert await engine.get_runs() == []


async def test_time_to_live_goes_through(engine: Durably, clock: FakeClock) -> None:
    request = {"jobName": "work", "input": {}, "idempotencyKey": "i", "idempotencyTtlMs": 1000}
    dispositions = []
    for elapsed_ms in (0, 999, 1):
        clock.advance(elapsed_ms)
        dispositions.append((await call(engine, "trigger", **request))["disposition"])
    assert dispositions == ["created", "idempotent", "created"]


@pytest.mark.parametrize("view", ["full", "summary"])
async def test_list_is_paged_by_cursor_and_labels(engine: Durably, view: str) -> None:
    blue, _, navy, _ = await fill(engine, {"team": "blue"}, {"team": "red"}, {"team": "blue"}, {})
    query: dict[str, Any] = {"labels": {"team": "blue"}, "limit": 1, "view": view}
    [first] = await call(engine, "getRuns", **query)
    [second] = await call(engine, "getRuns", **query, cursor=first["id"])
    assert [first["id"], second["id"]] == [navy, blue]
    assert await call(engine, "getRuns", **query, cursor=blue) == []
    assert ("input" in first, "output" in first) == (view == "full", view == "full")


async def test_empty_list_of_jobs_shows_nothing(engine: Durably) -> None:
    await fill(engine, {}, {})
    assert await call(engine, "getRuns", jobName=[]) == []
    assert sum((await call(engine, "countRuns", jobName=[])).values()) == 0


async def test_runs_are_counted_by_status(engine: Durably) -> None:
    await fill(engine, {"team": "blue"}, {"team": "red"}, {"team": "blue"})
    await within(engine.process_one())
    none = {"leased": 0, "failed": 0, "cancelled": 0}
    assert await call(engine, "countRuns") == {"pending": 2, "completed": 1} | none
    blue = await call(engine, "countRuns", labels={"team": "blue"}, jobName="work", status=["pending"])
    assert blue == {"pending": 1, "completed": 0} | none


async def test_events_go_out_without_payloads(engine: Durably) -> None:
    run_id, _ = await fill(engine, {"team": "blue"}, {})
    await within(engine.process_one())
    events = await call(engine, "getEvents", runId=run_id)
    assert [event["type"] for event in events if "step" not in event["type"]] == [
        "run:trigger",
        "run:leased",
        "log:write",
        "run:complete",
    ]
    assert events[0] == {
        "type": "run:trigger",
        "sequence": 1,
        "timestamp": "2023-11-14T22:13:20.000Z",
        "runId": run_id,
        "jobName": "work",
        "labels": {"team": "blue"},
    }


async def test_events_go_on_after_a_number(engine: Durably) -> None:
    await fill(engine, {}, {}, {})
    first = await call(engine, "getEvents", limit=2)
    rest = await call(engine, "getEvents", after=first[-1]["sequence"], types=["run:trigger"])
    assert [event["sequence"] for event in first + rest] == [1, 2, 3]
    assert await call(engine, "getEvents", after=3) == []
    assert await call(engine, "getEvents", types=[]) == []


async def test_oldest_ended_runs_are_purged(engine: Durably, clock: FakeClock) -> None:
    first, _, _, waiting = await fill(engine, {}, {}, {}, {})
    await within(engine.process_until_idle(max_runs=3))
    clock.advance(1)
    moment = "2023-11-14T22:13:20.001Z"
    assert await call(engine, "purgeRuns", olderThan="2023-11-14T22:13:20.000Z") == {"deleted": 0}
    assert await call(engine, "purgeRuns", olderThan=moment, limit=1) == {"deleted": 1}
    assert await engine.get_run(first) is None
    assert await call(engine, "purgeRuns", olderThan=moment) == {"deleted": 2}
    assert [run.id for run in await engine.get_runs()] == [waiting]


async def test_retriggered_run_shows_its_origin(engine: Durably) -> None:
    [old] = await fill(engine, {})
    await within(engine.process_one())
    new = (await call(engine, "retrigger", runId=old))["runId"]
    assert (await call(engine, "getRun", runId=new))["retriggeredFrom"] == old


async def test_several_runs_are_changed_by_one_operation(engine: Durably) -> None:
    ids = [(await call(engine, "trigger", jobName="work", input={}))["runId"] for _ in range(2)]
    cancelled = await call(engine, "cancelRuns", runIds=[*ids, "unknown"])
    assert [(each["success"], each.get("code")) for each in cancelled] == [
        (True, None),
        (True, None),
        (False, "not_found"),
    ]
    again = await call(engine, "retriggerRuns", runIds=ids)
    deleted = await call(engine, "deleteRuns", runIds=[*ids, again[0]["newRunId"]])
    assert [each["success"] for each in deleted] == [True, True, False]


async def test_run_is_told_with_what_its_code_has_just_said(make_engine: MakeEngine) -> None:
    async def wait(step: StepContext, _input: Numbers) -> None:
        step.progress(1, 2, "waiting")
        step.log.info("hello")
        await step.run("gate", gate)

    gate = Gate()
    engine = make_engine(make_job(wait))
    engine.start()
    run_id = (await call(engine, "trigger", jobName="work", input={}))["runId"]
    await gate.until_reached()
    assert (await call(engine, "getRun", runId=run_id))["progress"]["message"] == "waiting"
    assert [log["message"] for log in await call(engine, "getLogs", runId=run_id)] == ["hello"]
    gate.open()
