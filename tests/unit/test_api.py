"""The operations that clients call: bodies in, JSON values and clear errors out."""

import json
from typing import Any

import pytest
from pydantic_core import to_json

from durably_core import ConflictError, Durably, DurablyError, NotFoundError, StepContext, ValidationError, api
from tests.conftest import MakeEngine, Numbers, Total, make_job, within


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
    assert (job["name"], sorted(job)) == ("work", ["description", "inputSchema", "name", "outputSchema"])


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
