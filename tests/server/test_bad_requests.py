"""What is wrong with a request is told in a sentence, with a status between 400 and 499."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from pydantic import BaseModel

from tests.conftest import ended, make_job, nothing
from tests.server.conftest import Api, Make

JSON = {"Content-Type": "application/json"}


def labelled(labels: dict[str, str]) -> str:
    return json.dumps({"jobName": "count", "input": {}, "labels": labels})


BAD_BODIES = [
    ("/trigger", "", 400, "needs a JSON object"),
    ("/trigger", "  ", 400, "needs a JSON object"),
    ("/trigger", "{", 400, "Invalid JSON"),
    ("/trigger", "null", 400, "object"),
    ("/trigger", "[]", 400, "object"),
    ("/trigger", "7", 400, "object"),
    ("/trigger", '"text"', 400, "object"),
    ("/trigger", "{}", 400, "jobName: Field required"),
    ("/trigger", '{"jobName": "", "input": {}}', 400, "jobName"),
    ("/trigger", '{"jobName": 7, "input": {}}', 400, "jobName"),
    ("/trigger", '{"jobName": "count"}', 400, "input: Field required"),
    ("/trigger", '{"jobName": "count", "input": null}', 400, "input"),
    ("/trigger", '{"jobName": "count", "input": {"to": "many"}}', 400, "to: Input should be a valid integer"),
    ("/trigger", '{"jobName": "count", "input": {}, "typo": 1}', 400, "typo: Extra inputs are not permitted"),
    ("/trigger", '{"jobName": "count", "input": {}, "labels": {"no spaces": "a"}}', 400, "label key"),
    ("/trigger", '{"jobName": "count", "input": {}, "labels": {"team": 7}}', 400, "label"),
    ("/trigger", '{"jobName": "count", "input": {}, "labels": ["a"]}', 400, "labels"),
    ("/trigger", '{"jobName": "count", "input": {}, "coalesce": "maybe"}', 400, "coalesce"),
    ("/trigger", '{"jobName": "count", "input": {}, "coalesce": "skip"}', 400, "concurrency_key"),
    ("/trigger", '{"jobName": "count", "input": {}, "idempotencyKey": ""}', 400, "idempotency_key"),
    ("/trigger", '{"jobName": "count", "input": {}, "idempotencyTtlMs": -1}', 400, "idempotencyTtlMs"),
    ("/trigger", '{"jobName": "nobody", "input": {}}', 404, "no job 'nobody'"),
    ("/trigger", '{"jobName": "count", "input": {"to": 1e999}}', 400, ""),
    ("/trigger", '{"jobName": "count", "input": {"to": "\\ud800"}}', 400, ""),
    ("/trigger", '{"jobName": "count", "input": ' + "[" * 5000 + "]" * 5000 + "}", 400, ""),
    ("/trigger/batch", '{"jobName": "count", "items": [{"input": {}}, {"input": {"to": []}}]}', 400, "Item 1"),
    ("/trigger/batch", '{"jobName": "count", "items": {}}', 400, "items"),
    (
        "/trigger/batch",
        json.dumps({"jobName": "count", "items": [{"input": {}}] * 10_001}),
        400,
        "items: List should have at most 10000 items",
    ),
    ("/runs/cancel", '{"runIds": []}', 400, "runIds"),
    ("/runs/delete", '{"runIds": [7]}', 400, "runIds"),
    ("/runs/retrigger", '{"runIds": ["a", "a"]}', 400, "Each run may be named once"),
    (
        "/trigger",
        '{"jobName": "count", "input": {}, "labels": {"a": "' + "x" * 1001 + '"}}',
        400,
        "1000 are the most",
    ),
    (
        "/trigger",
        json.dumps({"jobName": "count", "input": {}, "labels": {f"a{n}": "" for n in range(101)}}),
        400,
        "100 labels",
    ),
    ("/runs/purge", '{"olderThan": "yesterday"}', 400, "olderThan"),
    ("/runs/purge", '{"olderThan": -5.7e-181}', 400, "olderThan"),
    ("/runs/purge", '{"olderThan": "2024-01-01T00:00:00"}', 400, "timezone"),
    ("/runs/purge", '{"olderThan": "2024-01-01T00:00:00Z", "limit": -1}', 400, "limit"),
]

BAD_QUERIES = [
    ("/run", 400, "runId: Field required"),
    ("/run?runId=nobody", 404, "There is no run nobody."),
    ("/run?runId=a&runId=b", 400, "'runId' may come once"),
    ("/run?id=a", 400, "no parameter 'id' here: runId"),
    ("/steps?runId=nobody", 404, "There is no run nobody."),
    ("/logs?runId=nobody", 404, "There is no run nobody."),
    ("/retriggers?runId=nobody", 404, "There is no run nobody."),
    ("/subscribe", 400, "runId"),
    ("/subscribe?runId=nobody", 404, "There is no run nobody."),
    ("/runs?limit=1abc", 400, "limit must be a whole number"),
    ("/runs?limit=-1", 400, "limit must be a whole number"),
    ("/runs?limit=NaN", 400, "limit must be a whole number"),
    ("/runs?limit=99999999999999999999", 400, "limit"),
    ("/runs?limit=1001", 400, "limit may be 1000 at most"),
    ("/runs?limit=1&limit=2", 400, "'limit' may come once"),
    ("/runs?offset=-1", 400, "offset"),
    ("/runs?offset=9999999999999999", 400, "offset"),
    ("/runs?status=done", 400, "status"),
    ("/runs?status=", 400, "status"),
    ("/runs?label.=a", 400, "label key"),
    ("/runs?label.no%20spaces=a", 400, "label key"),
    ("/runs?cursor=", 400, "cursor"),
    ("/runs?view=all", 400, "view"),
    ("/runs/subscribe?label.%20=a", 400, "label key"),
    ("/runs/subscribe?status=done", 400, "status"),
    ("/events?after=x", 400, "after"),
    ("/events?after=7", 410, "nothing to go on with"),
    ("/events?limit=x", 400, "limit"),
    ("/jobs?x=1", 400, "no parameter 'x'"),
    ("/nowhere", 404, "There is no GET /nowhere here."),
    ("/runs/", 404, "There is no GET /runs/ here."),
]


@pytest.mark.parametrize(("path", "body", "status", "sentence"), BAD_BODIES)
async def test_bad_body_is_told(api: Api, path: str, body: str, status: int, sentence: str) -> None:
    answer = await api.post(path, content=body, headers=JSON)
    assert (answer.status_code, answer.headers["Content-Type"]) == (status, "application/json")
    assert sentence in answer.json()["error"]
    assert (await api.get("/runs")).json() == []


@pytest.mark.parametrize(("path", "status", "sentence"), BAD_QUERIES)
async def test_bad_query_is_told(api: Api, path: str, status: int, sentence: str) -> None:
    answer = await api.get(path)
    assert answer.status_code == status
    assert sentence in answer.json()["error"]


@pytest.mark.parametrize("number", ["x", "-1", "1.5", "9" * 17])
async def test_last_event_id_must_be_a_number(api: Api, number: str) -> None:
    answer = await api.get("/runs/subscribe", headers={"Last-Event-ID": number})
    assert (answer.status_code, answer.json()["code"]) == (400, "validation")


async def test_body_that_is_no_utf8_is_told(api: Api) -> None:
    answer = await api.post("/trigger", content=b'{"jobName": "\xff"}', headers=JSON)
    assert answer.status_code == 400


@pytest.mark.parametrize("media_type", [None, "text/plain", "application/x-www-form-urlencoded", "json"])
async def test_body_must_be_json(api: Api, media_type: str | None) -> None:
    headers = {} if media_type is None else {"Content-Type": media_type}
    answer = await api.post("/trigger", content=b'{"jobName": "count", "input": {}}', headers=headers)
    assert answer.status_code == 415
    assert "application/json" in answer.json()["error"]


async def test_body_that_is_too_large_is_refused(make_api: Make) -> None:
    api = make_api(max_body_bytes=100)

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(20):
            sent.append(1)
            yield b" " * 10

    sent: list[int] = []
    long = {"Content-Length": "9" * 5000}
    for content, headers in ((b" " * 101, JSON), (chunks(), JSON), (b"{}", JSON | long)):
        answer = await api.post("/trigger", content=content, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("GET", "/trigger", "POST"),
        ("DELETE", "/runs", "GET"),
        ("PUT", "/run", "GET, DELETE"),
        ("POST", "/subscribe", "GET"),
        ("HEAD", "/runs/subscribe", "GET"),
    ],
)
async def test_wrong_method_is_told_with_the_right_ones(api: Api, method: str, path: str, allow: str) -> None:
    answer = await api.http.request(method, path)
    assert (answer.status_code, answer.headers["Allow"]) == (405, allow)


async def test_states_that_do_not_allow_it_are_conflicts(api: Api) -> None:
    waiting = await api.trigger(concurrencyKey="k")
    done = await api.trigger()
    await api.post(f"/cancel?runId={done}")
    for answer in (
        await api.post("/trigger", {"jobName": "count", "input": {}, "concurrencyKey": "k"}),
        await api.post(f"/retrigger?runId={waiting}"),
        await api.delete(f"/run?runId={waiting}"),
        await api.post(f"/cancel?runId={done}"),
    ):
        assert (answer.status_code, answer.json()["code"]) == (409, "conflict")
    assert (await ended(api.durably, waiting)).status == "pending"


async def test_issues_lead_to_the_fields(api: Api) -> None:
    answer = await api.post("/trigger", {"jobName": "count", "input": {"to": "x"}})
    assert [issue["path"] for issue in answer.json()["issues"]] == [["to"]]


class Many(BaseModel):
    numbers: list[int]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/trigger/batch", {"jobName": "count", "items": [1] * 20_000}),
        ("/trigger", {str(number): 1 for number in range(20_000)}),
        ("/trigger", {"jobName": "many", "input": {"numbers": [""] * 20_000}}),
    ],
)
async def test_many_faults_have_a_short_answer(api: Api, path: str, body: Any) -> None:
    api.durably.register({"many": make_job(nothing, name="many", input=Many)})
    answer = await api.post(path, body)
    assert answer.status_code == 400
    assert len(answer.content) < 1000


async def test_client_that_leaves_while_it_sends_is_no_fault(
    api: Api, caplog: pytest.LogCaptureFixture
) -> None:
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/trigger",
        "query_string": b"",
        "headers": [(b"content-type", b"application/json")],
    }
    messages: list[dict[str, Any]] = [
        {"type": "http.request", "body": b'{"job', "more_body": True},
        {"type": "http.disconnect"},
    ]

    async def receive() -> dict[str, Any]:
        return messages.pop(0)

    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    await api.app(scope, receive, send)
    assert sent[0]["status"] == 400
    assert caplog.text == ""


async def test_web_socket_is_closed(api: Api) -> None:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect"}

    await api.app({"type": "websocket", "path": "/runs/subscribe"}, receive, send)
    assert [message["type"] for message in sent] == ["websocket.close"]
