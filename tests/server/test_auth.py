"""Hooks are asked in their order, and whatever goes wrong shows and does nothing."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import httpx
import pytest
from starlette.exceptions import HTTPException
from starlette.requests import Request

from durably_core import Durably, Run, ValidationError
from durably_core.asgi import (
    Auth,
    ForbiddenError,
    RunFilter,
    TriggerRequest,
    UnauthorizedError,
    create_durably_handler,
)
from durably_core.asgi.auth import matches
from durably_core.feed import READ_LIMIT
from tests.server.conftest import Api, Make

OPEN = {"authenticate": lambda _request: "someone"}


def tenant_of(request: Request) -> str | None:
    return request.headers.get("x-tenant")


def with_tenant(tenant: str, trigger: TriggerRequest) -> TriggerRequest:
    return replace(trigger, labels={**trigger.labels, "tenant": tenant})


def own(tenant: str, filter: RunFilter) -> RunFilter:
    return replace(filter, labels={**(filter.labels or {}), "tenant": tenant})


def is_own(tenant: str, run: Run, _operation: str) -> bool:
    return run.labels.get("tenant") == tenant


TENANTS: dict[str, Any] = {
    "authenticate": tenant_of,
    "on_trigger": with_tenant,
    "on_run_access": is_own,
    "scope_runs": own,
}
A, B = {"X-Tenant": "a"}, {"X-Tenant": "b"}

STATS = "/runs/stats?since=1970-01-01T00:00:00Z"
EVERYTHING = [
    ("GET", "/runs"),
    ("GET", "/runs/count"),
    ("GET", STATS),
    ("GET", "/run?runId=x"),
    ("GET", "/steps?runId=x"),
    ("GET", "/logs?runId=x"),
    ("GET", "/retriggers?runId=x"),
    ("GET", "/jobs"),
    ("GET", "/events"),
    ("GET", "/subscribe?runId=x"),
    ("GET", "/runs/subscribe"),
    ("GET", "/nowhere"),
    ("PUT", "/runs"),
    ("POST", "/trigger"),
    ("POST", "/trigger/batch"),
    ("POST", "/cancel?runId=x"),
    ("POST", "/retrigger?runId=x"),
    ("POST", "/runs/cancel"),
    ("POST", "/runs/retrigger"),
    ("POST", "/runs/delete"),
    ("POST", "/runs/purge"),
    ("DELETE", "/run?runId=x"),
]
OF_ONE_RUN = [
    ("GET", "/run"),
    ("GET", "/steps"),
    ("GET", "/logs"),
    ("GET", "/retriggers"),
    ("GET", "/subscribe"),
    ("POST", "/cancel"),
    ("POST", "/retrigger"),
    ("DELETE", "/run"),
]


async def asked(api: Api, method: str, path: str, **options: Any) -> httpx.Response:
    return await api.http.request(method, path, **options)


def same(answer: httpx.Response, run_id: str) -> tuple[int, str]:
    """All that an answer says, but for the id that was asked for."""
    return answer.status_code, answer.text.replace(run_id, "…")


# ---------------------------------------------------------------- authenticate


@pytest.mark.parametrize(("method", "path"), EVERYTHING)
@pytest.mark.parametrize("context", [None, False])
async def test_unknown_user_gets_nothing(make_api: Make, context: Any, method: str, path: str) -> None:
    api = make_api(auth={"authenticate": lambda _request: context})
    answer = await asked(api, method, path)
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")


@pytest.mark.parametrize(("method", "path"), EVERYTHING)
async def test_authenticate_that_fails_lets_no_one_in(
    make_api: Make, method: str, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(_request: Request) -> str:
        raise KeyError("the secret of the session")

    answer = await asked(make_api(auth={"authenticate": broken}), method, path)
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert "the secret of the session" in caplog.text


@pytest.mark.parametrize("context", [0, "", [], {}])
async def test_context_may_be_falsy(make_api: Make, context: Any) -> None:
    api = make_api(auth={"authenticate": lambda _request: context})
    assert (await api.get("/runs")).status_code == 200


@pytest.mark.parametrize(
    ("refusal", "status", "sentence"),
    [
        (UnauthorizedError(), 401, "Who asks is not known here. Sign in first."),
        (ForbiddenError("Not on Sundays."), 403, "Not on Sundays."),
        (HTTPException(418, "I am a teapot."), 418, "I am a teapot."),
    ],
)
async def test_hook_says_how_it_refuses(make_api: Make, refusal: Exception, status: int, sentence: str) -> None:
    async def refuse(_request: Request) -> None:
        raise refusal

    answer = await make_api(auth={"authenticate": refuse}).get("/runs")
    assert (answer.status_code, answer.json()["error"]) == (status, sentence)


async def test_hooks_are_asked_in_their_order(make_api: Make) -> None:
    asked: list[str] = []

    def hook(name: str, answer: Any = None) -> Any:
        def note(*_arguments: Any) -> Any:
            asked.append(name)
            return answer

        return note

    def scope(_context: Any, filter: RunFilter) -> RunFilter:
        asked.append("scope_runs")
        return filter

    auth = Auth(
        authenticate=hook("authenticate", "me"),
        on_trigger=hook("on_trigger"),
        on_run_access=hook("on_run_access"),
        scope_runs=scope,
    )
    api = make_api(auth=auth, on_request=hook("on_request"))
    run_id = await api.trigger()
    for path in (f"/run?runId={run_id}", "/runs", "/nowhere"):
        await api.get(path)
    first = ["authenticate", "on_request"]
    assert asked == [*first, "on_trigger", *first, "on_run_access", *first, "scope_runs", *first]


async def test_no_hook_sees_a_request_that_can_not_be_read(make_api: Make) -> None:
    seen: list[TriggerRequest] = []
    api = make_api(auth={**OPEN, "on_trigger": lambda _context, trigger: seen.append(trigger)})
    for body in ({"jobName": "nobody", "input": {}}, {"jobName": "count"}, {"jobName": 1}):
        await api.post("/trigger", body)
    assert seen == []


async def test_on_request_may_start_the_engine(make_api: Make, durably: Durably) -> None:
    api = make_api(on_request=durably.init)
    await api.get("/runs")
    assert durably.worker_state == "running"


@pytest.mark.parametrize("auth", [{}, {"on_trigger": print}, {"authenticate": 7}, {**OPEN, "on_triger": print}])
def test_hooks_that_can_not_work_are_refused(durably: Durably, auth: Any) -> None:
    with pytest.raises(ValidationError):
        create_durably_handler(durably, auth=auth)


# ---------------------------------------------------------------- on_trigger


@pytest.mark.parametrize(("path", "items"), [("/trigger", False), ("/trigger/batch", True)])
async def test_trigger_that_is_refused_adds_nothing(make_api: Make, path: str, items: bool) -> None:
    api = make_api(auth={**OPEN, "on_trigger": lambda _context, trigger: trigger.input != {"to": 2}})
    body = {"jobName": "count", "items": [{"input": {"to": 1}}, {"input": {"to": 2}}]}
    answer = await api.post(path, body if items else {"jobName": "count", "input": {"to": 2}})
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    assert (await api.get("/runs")).json() == []


@pytest.mark.parametrize("answer", ["yes", 1, {"labels": {}}, TriggerRequest(job_name="fail", input={})])
async def test_on_trigger_that_answers_nonsense_adds_nothing(make_api: Make, answer: Any) -> None:
    api = make_api(auth={**OPEN, "on_trigger": lambda _context, _trigger: answer})
    assert (await api.post("/trigger", {"jobName": "count", "input": {}})).status_code == 500
    assert (await api.get("/runs")).json() == []


async def test_on_trigger_may_change_what_is_triggered(make_api: Make) -> None:
    async def change(context: str, trigger: TriggerRequest) -> TriggerRequest:
        return replace(trigger, input={"to": 7}, labels={"by": context})

    api = make_api(auth={**OPEN, "on_trigger": change})
    run_id = await api.trigger(input={"to": 1}, labels={"by": "someone else"})
    run = (await api.get(f"/run?runId={run_id}")).json()
    assert (run["input"], run["labels"]) == ({"to": 7}, {"by": "someone"})


# ---------------------------------------------------------------- one run


@pytest.mark.parametrize(("method", "path"), OF_ONE_RUN)
@pytest.mark.parametrize("hooks", ["access", "scope", "both"])
async def test_run_of_another_is_as_if_it_were_not_there(
    make_api: Make, method: str, path: str, hooks: str
) -> None:
    left_out = {"access": "scope_runs", "scope": "on_run_access", "both": ""}[hooks]
    auth = {name: hook for name, hook in TENANTS.items() if name != left_out}
    api = make_api(auth=auth)
    run_id = (await api.post("/trigger", {"jobName": "count", "input": {}}, headers=A)).json()["runId"]
    missing = "01" * 13
    theirs = await asked(api, method, f"{path}?runId={run_id}", headers=B)
    none = await asked(api, method, f"{path}?runId={missing}", headers=B)
    assert same(theirs, run_id) == same(none, missing) == (404, same(none, missing)[1])
    assert (await api.durably.count_runs())["pending"] == 1


@pytest.mark.parametrize(
    "refusal", [ForbiddenError(), UnauthorizedError(), HTTPException(403, "Mine!"), KeyError("a bug")]
)
async def test_however_access_is_refused_it_is_a_404(make_api: Make, refusal: Exception) -> None:
    def refuse(*_arguments: Any) -> None:
        raise refusal

    api = make_api(auth={**OPEN, "on_run_access": refuse})
    run_id = await api.trigger()
    answer = await api.get(f"/run?runId={run_id}")
    assert (answer.status_code, answer.json()["error"]) == (404, f"There is no run {run_id}.")


async def yields_instead_of_returning(*_arguments: Any) -> AsyncIterator[str]:
    yield "someone"


async def returns_what_is_to_be_awaited(*_arguments: Any) -> Any:
    return asyncio.sleep(0)


@pytest.mark.parametrize(
    "hook",
    [
        lambda *_arguments: 0,
        lambda *_arguments: "",
        lambda *_arguments: "yes",
        yields_instead_of_returning,
        returns_what_is_to_be_awaited,
    ],
)
@pytest.mark.filterwarnings("ignore:coroutine 'sleep' was never awaited")
async def test_access_is_allowed_by_true_and_none_only(make_api: Make, hook: Any) -> None:
    api = make_api(auth={**OPEN, "on_run_access": hook})
    run_id = await api.trigger()
    assert (await api.get(f"/run?runId={run_id}")).status_code == 404


@pytest.mark.parametrize("hook", [yields_instead_of_returning, returns_what_is_to_be_awaited])
@pytest.mark.filterwarnings("ignore:coroutine 'sleep' was never awaited")
async def test_context_that_is_still_to_come_lets_no_one_in(make_api: Make, hook: Any) -> None:
    assert (await make_api(auth={"authenticate": hook}).get("/runs")).status_code == 500


async def test_access_is_asked_with_what_is_wanted(make_api: Make) -> None:
    wanted: list[str] = []
    api = make_api(auth={**OPEN, "on_run_access": lambda _context, _run, access: wanted.append(access)})
    run_id = await api.trigger()
    await api.stream(f"/subscribe?runId={run_id}")
    for method, path in OF_ONE_RUN:
        if path != "/subscribe":
            await asked(api, method, f"{path}?runId={run_id}")
    assert wanted == ["subscribe", "read", "steps", "logs", "read", "cancel", "retrigger", "delete"]


async def test_runs_that_repeat_another_are_told_to_who_may_read_them(make_api: Make) -> None:
    hidden: set[str] = set()
    api = make_api(auth={**OPEN, "on_run_access": lambda _context, run, _access: run.id not in hidden})
    run_id = await api.trigger()
    await api.durably.cancel(run_id)
    own, other = [(await api.post(f"/retrigger?runId={run_id}")).json()["runId"] for _ in range(2)]
    hidden.add(other)
    assert [run["id"] for run in (await api.get(f"/retriggers?runId={run_id}")).json()] == [own]


@pytest.mark.parametrize("action", ["cancel", "retrigger", "delete"])
async def test_bulk_touches_only_own_runs(make_api: Make, action: str) -> None:
    api = make_api(auth=TENANTS)
    ids = [
        (await api.post("/trigger", {"jobName": "count", "input": {}}, headers=tenant)).json()["runId"]
        for tenant in (A, B)
    ]
    if action != "cancel":
        for run_id in ids:
            await api.durably.cancel(run_id)
    answer = (await api.post(f"/runs/{action}", {"runIds": ids}, headers=A)).json()
    assert [(each["success"], each.get("code")) for each in answer] == [(True, None), (False, "not_found")]


# ---------------------------------------------------------------- lists


async def test_lists_show_only_what_the_scope_allows(make_api: Make) -> None:
    api = make_api(auth=TENANTS)
    for tenant in (A, A, B):
        await api.post("/trigger", {"jobName": "count", "input": {}}, headers=tenant)
    for path in ("/runs", "/runs?label.tenant=b", "/runs?status=pending&jobName=count"):
        runs = (await api.get(path, headers=A)).json()
        assert [run["labels"]["tenant"] for run in runs] == ["a", "a"]
    assert (await api.get("/runs/count", headers=A)).json()["pending"] == 2
    assert [job["pending"] for job in (await api.get(STATS, headers=A)).json()["jobs"]] == [2]
    events = (await api.get("/events?limit=1", headers=B)).json()
    assert [event["labels"]["tenant"] for event in events] == ["b"]


@pytest.mark.parametrize(
    "scope",
    [
        None,
        False,
        RunFilter(job_names=()),
        RunFilter(statuses=()),
        RunFilter(labels={"tenant": "nobody"}),
    ],
)
async def test_scope_that_allows_nothing_shows_nothing(make_api: Make, scope: Any) -> None:
    api = make_api(auth={**OPEN, "scope_runs": lambda _context, _filter: scope})
    run_id = await api.trigger()
    assert (await api.get("/runs")).json() == []
    assert sum((await api.get("/runs/count")).json().values()) == 0
    assert (await api.get(STATS)).json()["jobs"] == []
    assert (await api.get("/events")).json() == []
    assert (await api.get(f"/run?runId={run_id}")).status_code == 404
    stream = await api.stream("/runs/subscribe")
    await api.finish()
    await stream.hang_up()
    assert stream.events == []


@pytest.mark.parametrize(
    "answer",
    [
        True,
        {},
        "a",
        KeyError("a bug"),
        RunFilter(job_names="count,fail"),  # type: ignore[arg-type]
        RunFilter(statuses="pending"),  # type: ignore[arg-type]
        RunFilter(labels={"tenant": None}),  # type: ignore[dict-item]
        RunFilter(labels=["tenant"]),  # type: ignore[arg-type]
    ],
)
async def test_scope_that_fails_shows_nothing(make_api: Make, answer: Any) -> None:
    def scope(*_arguments: Any) -> Any:
        if isinstance(answer, Exception):
            raise answer
        return answer

    api = make_api(auth={**OPEN, "scope_runs": scope})
    run_id = await api.trigger()
    for path in ("/runs", "/runs/count", STATS, "/events", "/runs/subscribe"):
        assert (await api.get(path)).status_code == 500
    assert (await api.get(f"/run?runId={run_id}")).status_code == 404


@pytest.mark.parametrize("path", ["/runs", "/runs/count", STATS, "/events", "/runs/subscribe"])
async def test_lists_are_refused_where_only_single_runs_are_guarded(make_api: Make, path: str) -> None:
    answer = await make_api(auth={**OPEN, "on_run_access": is_own}).get(path)
    assert (answer.status_code, "scope_runs" in answer.json()["error"]) == (403, True)


async def test_events_of_an_own_run_need_no_scope(make_api: Make) -> None:
    api = make_api(auth={name: hook for name, hook in TENANTS.items() if name != "scope_runs"})
    run_id = (await api.post("/trigger", {"jobName": "count", "input": {}}, headers=A)).json()["runId"]
    assert len((await api.get(f"/events?runId={run_id}", headers=A)).json()) == 1
    assert (await api.get(f"/events?runId={run_id}", headers=B)).status_code == 404


async def test_few_events_of_many_are_found_with_few_looks(
    make_api: Make, durably: Durably, monkeypatch: pytest.MonkeyPatch
) -> None:
    items: list[dict[str, int]] = [{} for _ in range(2 * READ_LIMIT)]
    await durably.jobs.count.batch_trigger(items)
    looks: list[int] = []
    get_events = durably.store.get_events

    async def look(**options: Any) -> Any:
        looks.append(options["limit"])
        return await get_events(**options)

    monkeypatch.setattr(durably.store, "get_events", look)
    api = make_api(auth={**OPEN, "scope_runs": lambda _context, _filter: None})
    assert (await api.get("/events?limit=1")).json() == []
    assert len(looks) == 3


async def test_events_may_have_a_scope_of_their_own(make_api: Make) -> None:
    api = make_api(auth={**TENANTS, "scope_runs_subscribe": lambda _tenant, filter: filter})
    stream = await api.stream("/runs/subscribe", A)
    await api.post("/trigger", {"jobName": "count", "input": {}}, headers=B)
    assert (await stream.until("run:trigger"))[0]["labels"] == {"tenant": "b"}


async def test_stream_tells_only_of_own_runs(make_api: Make) -> None:
    api = make_api(auth=TENANTS)
    stream = await api.stream("/runs/subscribe?label.tenant=b", A)
    for tenant in (B, A):
        await api.post("/trigger", {"jobName": "count", "input": {}}, headers=tenant)
    assert [event["labels"] for event in await stream.until("run:trigger")] == [{"tenant": "a"}]


async def test_users_that_are_told_apart_do_not_purge(make_api: Make) -> None:
    body = {"olderThan": "2100-01-01T00:00:00Z"}
    assert (await make_api(auth=TENANTS).post("/runs/purge", body, headers=A)).status_code == 403
    assert (await make_api(auth=OPEN).post("/runs/purge", body)).status_code == 200


# ---------------------------------------------------------------- keys


KEYS = [
    {"idempotencyKey": "k"},
    {"concurrencyKey": "k", "coalesce": "skip"},
    {"concurrencyKey": "k", "coalesce": "queue"},
]


@pytest.mark.parametrize("keys", KEYS)
@pytest.mark.parametrize("left_out", ["", "scope_runs", "on_run_access"])
async def test_key_never_leads_to_the_run_of_another(
    make_api: Make, keys: dict[str, str], left_out: str
) -> None:
    api = make_api(auth={name: hook for name, hook in TENANTS.items() if name != left_out})
    body = {"jobName": "count", "input": {"to": 1}} | keys
    theirs = (await api.post("/trigger", body, headers=A)).json()["runId"]
    for path, asked_for in (
        ("/trigger", body | {"input": {"to": 2}}),
        ("/trigger/batch", {"jobName": "count", "items": [{"input": {"to": 2}} | keys]}),
    ):
        answer = await api.post(path, asked_for, headers=B)
        assert (answer.status_code, answer.json()["code"]) == (409, "conflict")
        assert theirs not in answer.text
    [run] = await api.durably.get_runs()
    assert (run.id, run.input, run.labels) == (theirs, {"to": 1}, {"tenant": "a"})


@pytest.mark.parametrize("keys", KEYS)
async def test_key_still_leads_to_an_own_run(make_api: Make, keys: dict[str, str]) -> None:
    api = make_api(auth=TENANTS)
    items = [{"input": {"to": number}} | keys for number in range(3)]
    first = await api.post("/trigger/batch", {"jobName": "count", "items": items}, headers=A)
    again = await api.post("/trigger", {"jobName": "count"} | items[0], headers=A)
    assert len({run["runId"] for run in [*first.json(), again.json()]}) == 1


@pytest.mark.parametrize("keys", KEYS)
async def test_keys_count_within_their_scope_only(make_api: Make, keys: dict[str, str]) -> None:
    api = make_api(auth={**TENANTS, "key_scope": lambda tenant: tenant})
    body = {"jobName": "count", "input": {}} | keys
    ids = [(await api.post("/trigger", body, headers=tenant)).json()["runId"] for tenant in (A, B, A, B)]
    assert ids == [ids[0], ids[1], ids[0], ids[1]]
    assert ids[0] != ids[1]


@pytest.mark.parametrize("scopes", [("a", "1:a"), ("", "0:")])
async def test_no_scope_and_key_read_as_another_scope_and_key(make_api: Make, scopes: tuple[str, str]) -> None:
    api = make_api(auth={"authenticate": tenant_of, "key_scope": lambda tenant: tenant})
    keys = ["k", f"{scopes[0]}:k", f"{len(scopes[0])}:{scopes[0]}:k"]
    runs = [
        (
            await api.post(
                "/trigger",
                {"jobName": "count", "input": {}, "idempotencyKey": key},
                headers={"X-Tenant": scope or " "},
            )
        ).json()
        for scope in scopes
        for key in keys
    ]
    assert {run["disposition"] for run in runs} == {"created"}


@pytest.mark.parametrize("scope", [None, 7, KeyError("a bug")])
async def test_key_scope_that_fails_adds_nothing(make_api: Make, scope: Any) -> None:
    def key_scope(_context: Any) -> Any:
        if isinstance(scope, Exception):
            raise scope
        return scope

    api = make_api(auth={**OPEN, "key_scope": key_scope})
    answer = await api.post("/trigger", {"jobName": "count", "input": {}, "idempotencyKey": "k"})
    assert answer.status_code == 500
    assert (await api.get("/runs")).json() == []


# ---------------------------------------------------------------- parts


def test_filter_passes_what_all_its_parts_pass() -> None:
    def passes(filter: RunFilter) -> bool:
        return matches(filter, "count", {"team": "a"}, "pending")

    assert passes(RunFilter())
    assert passes(RunFilter(job_names=("count",), statuses=("pending",), labels={"team": "a"}))
    for refused in (
        RunFilter(job_names=()),
        RunFilter(job_names=("fail",)),
        RunFilter(statuses=()),
        RunFilter(statuses=("failed",)),
        RunFilter(labels={"team": "b"}),
        RunFilter(labels={"tenant": "a"}),
    ):
        assert not passes(refused)


async def test_hooks_reach_what_the_app_around_has_put_there(make_api: Make, durably: Durably) -> None:
    seen: list[Any] = []

    def authenticate(request: Request) -> str:
        seen.append(request.state.user)
        return "someone"

    handler = create_durably_handler(durably, auth={"authenticate": authenticate})

    async def around(scope: Any, receive: Any, send: Any) -> None:
        await handler({**scope, "state": {"user": "ada"}}, receive, send)

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=around), base_url="http://x") as http:
        assert (await http.get("/runs")).status_code == 200
    assert seen == ["ada"]
