"""A page of another origin can't write with the cookies of someone who visits it."""

import pytest

from durably_core import Durably, ValidationError
from durably_core.asgi import create_durably_handler
from tests.server.conftest import Api, Make

HOST = {"Host": "app.example.com"}

REFUSED = [
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "cross-site", "Origin": "https://app.example.com"},
    {"Origin": "https://evil.example"},
    {"Origin": "https://app.example.com.evil.example"},
    {"Origin": "https://app.example.com:8443"},
    {"Origin": "null"},
    {"Origin": ""},
    {"Origin": "http://["},
]
ALLOWED: list[dict[str, str]] = [
    {},
    {"Sec-Fetch-Site": "same-origin", "Origin": "https://app.example.com"},
    {"Sec-Fetch-Site": "none"},
    {"Origin": "https://app.example.com"},
    {"Sec-Fetch-Site": "same-origin", "Origin": "http://localhost:5173"},  # through a proxy
]
WRITES = [
    ("POST", "/trigger"),
    ("POST", "/trigger/batch"),
    ("POST", "/cancel?runId=x"),
    ("POST", "/retrigger?runId=x"),
    ("DELETE", "/run?runId=x"),
    ("POST", "/runs/cancel"),
    ("POST", "/runs/retrigger"),
    ("POST", "/runs/delete"),
    ("POST", "/runs/purge"),
]


@pytest.mark.parametrize("headers", REFUSED)
@pytest.mark.parametrize(("method", "path"), WRITES)
async def test_write_from_elsewhere_is_refused(
    api: Api, method: str, path: str, headers: dict[str, str]
) -> None:
    answer = await api.http.request(method, path, headers=HOST | headers)
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


@pytest.mark.parametrize("headers", ALLOWED)
async def test_write_from_here_or_from_a_program_is_taken(api: Api, headers: dict[str, str]) -> None:
    body = {"jobName": "count", "input": {}}
    assert (await api.post("/trigger", body, headers=HOST | headers)).status_code == 200


@pytest.mark.parametrize("headers", REFUSED)
async def test_reading_needs_no_origin(api: Api, headers: dict[str, str]) -> None:
    # Browsers show the answer to no page of another origin: there are no CORS headers.
    answer = await api.get("/runs", headers=HOST | headers)
    assert answer.status_code == 200
    assert "Access-Control-Allow-Origin" not in answer.headers


async def test_origin_that_is_allowed_may_write_and_read(make_api: Make) -> None:
    api = make_api(allowed_origins=["https://other.example"])
    headers = HOST | {"Origin": "https://other.example", "Sec-Fetch-Site": "cross-site"}
    asks = headers | {
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type",
    }
    assert (await api.http.request("OPTIONS", "/trigger", headers=asks)).status_code == 200
    answer = await api.post("/trigger", {"jobName": "count", "input": {}}, headers=headers)
    assert answer.status_code == 200
    assert answer.headers["Access-Control-Allow-Origin"] == "https://other.example"
    assert answer.headers["Access-Control-Allow-Credentials"] == "true"
    evil = await api.post("/trigger", {"jobName": "count", "input": {}}, headers=HOST | REFUSED[3])
    assert evil.status_code == 403


async def test_nothing_is_asked_of_the_user_before(make_api: Make) -> None:
    asked: list[int] = []
    api = make_api(auth={"authenticate": lambda _request: asked.append(1)})
    await api.post("/cancel?runId=x", headers=HOST | REFUSED[0])
    assert asked == []


@pytest.mark.parametrize(
    "origin", ["*", "null", "", "https://*.example.com", "https://app.example.com/", "app.example.com", 7]
)
def test_origins_that_can_not_be_allowed_are_refused(durably: Durably, origin: object) -> None:
    with pytest.raises(ValidationError, match="allowed_origins"):
        create_durably_handler(durably, allowed_origins=[origin])  # type: ignore[list-item]
