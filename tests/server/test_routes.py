"""What each route answers with."""

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from durably_core import Durably
from durably_core.asgi import create_durably_handler
from tests.conftest import Gate, within
from tests.server.conftest import Api, Make

RUN = {
    "attempt",
    "completedAt",
    "completedStepCount",
    "createdAt",
    "currentStepIndex",
    "error",
    "errorTraceback",
    "errorType",
    "failedStepName",
    "id",
    "input",
    "isActive",
    "isTerminal",
    "jobName",
    "labels",
    "output",
    "progress",
    "retriggeredFrom",
    "startedAt",
    "status",
}


async def test_trigger_answers_with_the_run(api: Api) -> None:
    body = {"jobName": "count", "input": {"to": 1}, "idempotencyKey": "k", "labels": {"team": "a"}}
    first = (await api.post("/trigger", body)).json()
    again = (await api.post("/trigger", body)).json()
    assert first == {"runId": first["runId"], "disposition": "created"}
    assert again == {"runId": first["runId"], "disposition": "idempotent"}


async def test_batch_is_triggered_in_its_order(api: Api) -> None:
    items = [{"input": {"to": number}} for number in range(3)]
    answer = (await api.post("/trigger/batch", {"jobName": "count", "items": items})).json()
    runs = [(await api.get("/run", params={"runId": each["runId"]})).json() for each in answer]
    assert [run["input"] for run in runs] == [{"to": 0}, {"to": 1}, {"to": 2}]


async def test_run_is_told_without_keys_and_leases(api: Api) -> None:
    run_id = await api.finish(input={"to": 2}, labels={"team": "a"}, concurrencyKey="secret")
    run = (await api.get("/run", params={"runId": run_id})).json()
    assert set(run) == RUN
    assert (run["status"], run["output"], run["isTerminal"]) == ("completed", {"total": 2}, True)


async def test_runs_are_a_list_newest_first(api: Api) -> None:
    ids = [await api.trigger() for _ in range(3)]
    runs = (await api.get("/runs")).json()
    assert [run["id"] for run in runs] == ids[::-1]


@pytest.mark.parametrize(
    ("query", "jobs"),
    [
        ("jobName=count", ["count"]),
        ("jobName=count&jobName=fail", ["fail", "count"]),
        ("status=failed", ["fail"]),
        ("status=failed&status=completed", ["fail", "count"]),
        ("label.team=a", ["count"]),
        ("label.team=a&label.team2=b", []),
        ("limit=1", ["fail"]),
        ("limit=", ["fail", "count"]),
        ("limit=0", []),
        ("limit=1&offset=1", ["count"]),
        ("view=summary", ["fail", "count"]),
    ],
)
async def test_runs_are_filtered(api: Api, query: str, jobs: list[str]) -> None:
    await api.finish("count", labels={"team": "a"})
    await api.finish("fail")
    assert [run["jobName"] for run in (await api.get(f"/runs?{query}")).json()] == jobs


async def test_pages_follow_one_another_by_cursor(api: Api) -> None:
    ids = [await api.trigger() for _ in range(5)]
    first = (await api.get("/runs?limit=2")).json()
    await api.trigger()  # what comes in between moves no page
    second = (await api.get("/runs", params={"limit": 2, "cursor": first[-1]["id"]})).json()
    assert [run["id"] for run in [*first, *second]] == ids[:0:-1]


async def test_summaries_leave_inputs_and_outputs_out(api: Api) -> None:
    await api.finish()
    [run] = (await api.get("/runs?view=summary")).json()
    assert set(run) == RUN - {"input", "output"}


async def test_counts_have_all_statuses(api: Api) -> None:
    await api.finish()
    counts = (await api.get("/runs/count?jobName=count")).json()
    assert counts == {"pending": 0, "leased": 0, "completed": 1, "failed": 0, "cancelled": 0}


async def test_figures_are_told_by_job_and_stretch_of_time(api: Api) -> None:
    await api.finish()
    await api.trigger()
    asked = {"since": "1970-01-01T00:00:00Z", "until": "2100-01-01T00:00:00.000Z", "bucketMs": 10_000_000_000}
    stats = (await api.get("/runs/stats", params=asked)).json()
    [job] = stats["jobs"]
    [bucket] = job.pop("buckets")
    assert (stats["since"], stats["bucketMs"]) == ("1970-01-01T00:00:00.000Z", 10_000_000_000)
    assert (job["jobName"], job["completed"], job["pending"], bucket["completed"]) == ("count", 1, 1, 1)
    assert job["durationP50Ms"] == bucket["durationP95Ms"] >= 0
    assert stats["since"] < bucket["at"] <= job["oldestPendingAt"]


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("", "since"),
        ("?since=0", "a moment with a time zone"),
        ("?since=2030-01-01T00:00:00Z&until=2029-01-01T00:00:00Z", "since must be before until"),
        ("?since=2030-01-01T00:00:00Z&until=2031-01-01T00:00:00Z&bucketMs=1000", "bucket_ms must be 31536000"),
        ("?since=2030-01-01T00:00:00Z&bucketMs=0", "bucketMs"),
        ("?since=2030-01-01T00:00:00Z&bucketMs=x", "bucketMs must be a whole number"),
    ],
)
async def test_figures_of_a_time_that_cannot_be_are_refused(api: Api, query: str, words: str) -> None:
    answer = await api.get(f"/runs/stats{query}")
    assert (answer.status_code, answer.json()["code"]) == (400, "validation")
    assert words in answer.text


async def test_runs_that_repeat_another_are_told(api: Api) -> None:
    run_id = await api.finish(input={"to": 2})
    again = (await api.post(f"/retrigger?runId={run_id}")).json()["runId"]
    [told] = (await api.get(f"/retriggers?runId={run_id}")).json()
    assert (told["id"], told["retriggeredFrom"]) == (again, run_id)
    assert "input" not in told
    assert "input" not in (await api.get(f"/run?runId={run_id}&view=summary")).json()
    assert (await api.get(f"/run?runId={run_id}")).json()["input"] == {"to": 2}


async def test_steps_and_logs_are_told(api: Api) -> None:
    run_id = await api.finish(input={"to": 2})
    steps = (await api.get(f"/steps?runId={run_id}")).json()
    logs = (await api.get(f"/logs?runId={run_id}")).json()
    assert [(step["name"], step["index"], step["status"]) for step in steps] == [
        ("number-1", 0, "completed"),
        ("number-2", 1, "completed"),
    ]
    assert [(log["level"], log["message"], log["data"]) for log in logs] == [
        ("info", "counted 1", {"number": 1}),
        ("info", "counted 2", {"number": 2}),
    ]


async def test_jobs_come_with_their_schemas(api: Api) -> None:
    jobs = {job["name"]: job for job in (await api.get("/jobs")).json()}
    assert jobs["count"]["description"] == "Counts."
    assert jobs["count"]["inputSchema"]["properties"]["to"]["default"] == 3


async def test_run_is_cancelled_retriggered_and_deleted(api: Api) -> None:
    run_id = await api.trigger()
    assert (await api.post(f"/cancel?runId={run_id}")).json() == {"success": True}
    again = (await api.post(f"/retrigger?runId={run_id}")).json()
    assert again == {"success": True, "runId": again["runId"]}
    assert (await api.delete(f"/run?runId={run_id}")).json() == {"success": True}
    assert [run["id"] for run in (await api.get("/runs")).json()] == [again["runId"]]


async def test_bulk_tells_of_each_run_what_became_of_it(api: Api) -> None:
    done, waiting = await api.finish(), await api.trigger()
    answer = (await api.post("/runs/cancel", {"runIds": [waiting, done, "unknown"]})).json()
    assert [(each["runId"], each["success"], each.get("code")) for each in answer] == [
        (waiting, True, None),
        (done, False, "conflict"),
        ("unknown", False, "not_found"),
    ]
    [again, _] = (await api.post("/runs/retrigger", {"runIds": [done, waiting]})).json()
    assert (await api.get("/run", params={"runId": again["newRunId"]})).json()["retriggeredFrom"] == done
    await api.post("/runs/delete", {"runIds": [done, waiting]})
    assert [run["id"] for run in (await api.get("/runs?status=completed")).json()] == []


async def test_old_runs_are_purged(api: Api) -> None:
    await api.finish()
    answer = await api.post("/runs/purge", {"olderThan": "2100-01-01T00:00:00Z"})
    assert answer.json() == {"deleted": 1}


async def test_events_are_read_on_from_a_number(api: Api) -> None:
    await api.finish()
    events = (await api.get("/events")).json()
    rest = (await api.get("/events", params={"after": events[2]["sequence"]})).json()
    assert rest == events[3:]
    ends = (await api.get("/events?type=run:complete&type=run:fail")).json()
    assert [event["type"] for event in ends] == ["run:complete"]


async def test_events_begin_with_the_oldest_that_the_log_still_has(api: Api) -> None:
    await api.finish()
    events = (await api.get("/events")).json()
    await api.durably.store.prune_events(keep=2, limit=1000)
    assert (await api.get("/events")).json() == events[-2:]


async def test_health_tells_of_database_and_worker(api: Api) -> None:
    assert (await api.get("/healthz")).json() == {"status": "ok", "worker": "stopped"}
    api.durably.start()
    assert (await api.get("/healthz")).json() == {"status": "ok", "worker": "running"}
    await api.durably.close()
    answer = await api.get("/healthz")
    assert (answer.status_code, answer.json()) == (503, {"status": "failing", "code": "storage"})


async def test_answers_tell_the_version(api: Api) -> None:
    assert (await api.get("/runs")).headers["Durably-Version"] == "0.1.0"


async def test_handler_serves_under_any_path(durably: Durably) -> None:
    app = Starlette(routes=[Mount("/deep/down", create_durably_handler(durably))])
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://x") as http:
        assert (await http.get("/deep/down/runs")).json() == []
        refused = await http.get("/deep/down/nowhere")
        assert (refused.status_code, refused.json()["code"]) == (404, "not_found")
        wrong = await http.put("/deep/down/run")
        assert (wrong.status_code, wrong.headers["Allow"]) == (405, "GET, DELETE")


# ---------------------------------------------------------------- /process


TOKEN = "a-secret-that-is-long-enough"


async def test_process_executes_what_waits(make_api: Make) -> None:
    api = make_api(process_token=TOKEN)
    run_id = await api.trigger()
    for method in (api.post, api.get):
        assert (await method("/process", headers={"Authorization": f"Bearer {TOKEN}"})).status_code == 200
    assert (await api.get(f"/run?runId={run_id}")).json()["status"] == "completed"


async def test_process_gives_back_what_is_not_done_in_time(make_api: Make, gate: Gate) -> None:
    api = make_api(process_token=TOKEN, process_budget_ms=200)
    run_id = await api.trigger("wait")
    answer = await api.post("/process", headers={"Authorization": f"Bearer {TOKEN}"})
    assert answer.json() == {"begun": 1}
    assert (await api.get(f"/run?runId={run_id}")).json()["status"] == "pending"
    gate.open()
    await within(api.durably.process_until_idle())
    assert (await api.get(f"/run?runId={run_id}")).json()["status"] == "completed"


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer wrong", f"Basic {TOKEN}", TOKEN])
async def test_process_needs_its_token(make_api: Make, header: str) -> None:
    answer = await make_api(process_token=TOKEN).post("/process", headers={"Authorization": header})
    assert answer.status_code == 401


async def test_process_is_closed_without_a_token(api: Api) -> None:
    assert (await api.post("/process", headers={"Authorization": "Bearer "})).status_code == 404
