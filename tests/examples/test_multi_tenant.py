"""Two tenants on one real server: neither learns anything of the other, and roles decide who may start what."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from tests.examples.conftest import Copy
from tests.examples.example import BOUND_S

API = "/api/durably"
NO_RUN = "01J8ZC3Q0VY4M8T6N2K5R7W9XE"
INVOICE = {"customer": "Zoe", "cents": 500}
OF_ONE_RUN = [
    ("GET", "run"),
    ("GET", "steps"),
    ("GET", "logs"),
    ("GET", "subscribe"),
    ("POST", "cancel"),
    ("POST", "retrigger"),
    ("DELETE", "run"),
]
OF_SEVERAL = ["cancel", "retrigger", "delete"]
FROM_ELSEWHERE = [
    {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"},
    {"Sec-Fetch-Site": "same-site", "Origin": "https://blog.example.com"},
    {"Origin": "https://evil.example"},
]


class Person:
    """Someone who is signed in, by the cookie."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http = http

    async def ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        return await self.http.request(method, f"{API}/{path}", **options)

    async def get(self, path: str) -> Any:
        return (await self.ask("GET", path)).raise_for_status().json()

    async def trigger(self, job: str = "invoice", input: Any = INVOICE, **options: Any) -> httpx.Response:
        return await self.ask("POST", "trigger", json={"jobName": job, "input": input} | options)

    async def finish(self, job: str = "invoice", input: Any = INVOICE, **options: Any) -> str:
        """The id of a run that has ended."""
        run_id: str = (await self.trigger(job, input, **options)).raise_for_status().json()["runId"]
        async with asyncio.timeout(BOUND_S):
            assert "run:complete" in (await self.ask("GET", f"subscribe?runId={run_id}")).text
        return run_id

    async def ids(self, path: str = "runs") -> set[str]:
        return {run["id"] for run in await self.get(path)}


class Server:
    def __init__(self, url: str) -> None:
        self._url = url
        self.clients: list[httpx.AsyncClient] = []

    async def sign_in(self, name: str) -> Person:
        self.clients.append(httpx.AsyncClient(base_url=self._url, timeout=BOUND_S))
        person = {"name": name, "password": f"{name}'s secret"}
        (await self.clients[-1].post("/sign-in", json=person)).raise_for_status()
        return Person(self.clients[-1])

    def stranger(self) -> Person:
        self.clients.append(httpx.AsyncClient(base_url=self._url, timeout=BOUND_S))
        return Person(self.clients[-1])


@pytest.fixture
async def server(copy: Copy) -> AsyncIterator[Server]:
    example = copy("multi_tenant")
    process = await example.start(f"{example.commands[0]} --port 0")
    found = re.search(r"http://\S+:\d+", await process.told("Uvicorn running on"))
    assert found is not None
    server = Server(found[0])
    yield server
    for client in server.clients:
        await client.aclose()


@pytest.fixture
async def ann(server: Server) -> Person:
    """Of acme: clerk and accountant."""
    return await server.sign_in("ann")


@pytest.fixture
async def bob(server: Server) -> Person:
    """Of acme: a clerk."""
    return await server.sign_in("bob")


@pytest.fixture
async def eve(server: Server) -> Person:
    """Of globex: clerk and accountant."""
    return await server.sign_in("eve")


async def test_stranger_gets_nothing(server: Server) -> None:
    stranger = server.stranger()
    answers = [await stranger.ask("GET", path) for path in ("runs", "jobs", "events", "runs/subscribe")]
    answers.append(await stranger.trigger())
    wrong = await stranger.http.post("/sign-in", json={"name": "ann", "password": "eve's secret"})
    assert {answer.status_code for answer in [*answers, wrong]} == {401}


async def test_signing_out_ends_the_session(ann: Person) -> None:
    session = ann.http.cookies["session"]
    await ann.http.post("/sign-out")
    ann.http.cookies.set("session", session)
    assert (await ann.ask("GET", "runs")).status_code == 401


async def test_lists_show_the_own_tenants_runs(ann: Person, bob: Person, eve: Person) -> None:
    hers, evil = await ann.finish(), await eve.finish()
    for person, own in ((ann, hers), (bob, hers), (eve, evil)):
        assert await person.ids() == {own}
        assert await person.ids("runs?label.tenant=acme") == await person.ids("runs?label.tenant=globex")
        assert (await person.get("runs/count"))["completed"] == 1
        assert {event["runId"] for event in await person.get("events")} == {own}


@pytest.mark.parametrize("label", ["acme", "globex", ""])
async def test_tenant_is_the_users_own_whatever_was_asked_for(ann: Person, eve: Person, label: str) -> None:
    run_id = await ann.finish(labels={"tenant": label, "month": "may"})
    assert (await ann.get(f"run?runId={run_id}"))["labels"] == {"tenant": "acme", "month": "may"}
    assert await eve.ids() == set()


async def test_others_run_looks_like_none(ann: Person, eve: Person) -> None:
    run_id = await ann.finish()
    for method, path in OF_ONE_RUN:
        others = await eve.ask(method, f"{path}?runId={run_id}")
        none = await eve.ask(method, f"{path}?runId={NO_RUN}")
        assert others.status_code == 404
        assert others.text.replace(run_id, NO_RUN) == none.text
    for path in OF_SEVERAL:
        [outcome] = (await eve.ask("POST", f"runs/{path}", json={"runIds": [run_id]})).json()
        assert (outcome["success"], outcome["code"]) == (False, "not_found")
    assert await ann.ids() == {run_id}


async def test_events_tell_of_the_own_tenants_runs_live(ann: Person, eve: Person) -> None:
    async with (
        ann.http.stream("GET", f"{API}/runs/subscribe") as anns,
        eve.http.stream("GET", f"{API}/runs/subscribe") as eves,
    ):
        # Each ends with a run that was begun after the other's had ended: nothing is still to come.
        first, hers, evil = await eve.finish(), await ann.finish(), await eve.finish()
        assert await heard_up_to(anns, hers) == {hers}
        assert await heard_up_to(eves, evil) == {first, evil}


async def heard_up_to(stream: httpx.Response, run_id: str) -> set[str]:
    """The runs that are told of, up to the end of that one."""
    heard: set[str] = set()
    async with asyncio.timeout(BOUND_S):
        async for line in stream.aiter_lines():
            if line.startswith("data: "):
                event = json.loads(line.removeprefix("data: "))
                heard.add(event["runId"])
                if (event["type"], event["runId"]) == ("run:complete", run_id):
                    break
    return heard


async def test_same_key_of_two_tenants_is_two_keys(ann: Person, bob: Person, eve: Person) -> None:
    first = await ann.trigger(idempotencyKey="order-1")
    again = await bob.trigger(idempotencyKey="order-1")
    others = await eve.trigger(idempotencyKey="order-1")
    assert again.json() == {"runId": first.json()["runId"], "disposition": "idempotent"}
    assert others.json()["disposition"] == "created"


async def test_tenant_does_not_wait_for_anothers_concurrency_key(ann: Person, eve: Person) -> None:
    slow = INVOICE | {"pause_ms": 2000}
    statuses = {(await ann.trigger(input=slow, concurrencyKey="books")).status_code for _ in range(3)}
    assert statuses == {200, 409}
    await eve.finish(concurrencyKey="books")


async def test_child_belongs_to_its_parents_tenant(ann: Person, eve: Person) -> None:
    await ann.finish("close-month", {"customers": ["Zoe", "Max"]})
    runs = await ann.get("runs")
    assert sorted(run["jobName"] for run in runs) == ["close-month", "invoice", "invoice"]
    assert {run["labels"]["tenant"] for run in runs} == {"acme"}
    assert await eve.ids() == set()


async def test_job_needs_its_role(ann: Person, bob: Person) -> None:
    refused = await bob.trigger("close-month", {"customers": ["Zoe"]})
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    assert "one must be accountant" in refused.json()["error"]
    run_id = await ann.finish("close-month", {"customers": []})
    # He may look at it, and do no more.
    assert (await bob.get(f"run?runId={run_id}"))["status"] == "completed"
    for method, path in (("POST", "retrigger"), ("DELETE", "run")):
        assert (await bob.ask(method, f"{path}?runId={run_id}")).status_code == 404
    assert await ann.ids() == {run_id}


@pytest.mark.parametrize("headers", FROM_ELSEWHERE)
async def test_post_from_another_site_is_refused_in_spite_of_the_cookie(
    ann: Person, headers: dict[str, str]
) -> None:
    body = {"jobName": "invoice", "input": INVOICE}
    answer = await ann.ask("POST", "trigger", json=body, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    assert await ann.ids() == set()


async def test_purging_is_for_the_server_alone(ann: Person) -> None:
    answer = await ann.ask("POST", "runs/purge", json={"olderThan": "2020-01-01T00:00:00Z"})
    assert answer.status_code == 403


async def test_run_without_a_tenant_is_refused_from_a_shell_too(copy: Copy) -> None:
    example = copy("multi_tenant")
    command = "durably trigger books.py invoice --set customer=Zoe --set cents=500"
    refused = await example.start(command)
    assert await refused.end() == 1
    assert "tenant" in refused.lines[-1]
    taken = await example.start(f"{command} --label tenant=acme --run")
    assert (await taken.end(), taken.lines) == (0, ['{"text":"acme to Zoe: 5.00"}'])
