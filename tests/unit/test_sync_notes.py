"""Notes on their way to servers that fail, refuse, and are there after all."""

import asyncio
import json
import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pydantic
import pytest

from durably_core import TriggeredRun
from tests.conftest import FakeClock, Gate, MakeEngine, die, ended, run_to_end
from tests.unit.demo_jobs import load

jobs: Any = load("sync_notes")
servers: Any = load("note_servers")
notes: Any = load("notes")


def change(note: str = "milk", version: int = 1, **fields: Any) -> dict[str, Any]:
    return {"id": note, "version": version, "text": f"{note.capitalize()}\nand more", **fields}


def value(*changes: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """With a server that answers at once."""
    server = {"kind": "practice", "latency_ms": 0, "mood": fields.pop("mood", "steady")}
    return {"changes": list(changes), "server": server, "pause_ms": 0, **fields}


async def synced(make_engine: MakeEngine, sent: dict[str, Any]) -> Any:
    run = await run_to_end(make_engine(jobs.sync_notes, lease_ms=600_000), jobs.sync_notes, sent)
    assert run.error is None
    return jobs.SyncOutput.model_validate(run.output)


def fails_first(note: str) -> int:
    """How often the flaky server fails before it takes the first version of that note."""
    server = servers.PracticeServer(mood="flaky")
    answers = [servers.play(server, notes.Change(**change(note)), number) for number in range(1, 9)]
    return [type(answer) for answer in answers].index(servers.Stored)


FLAKY = {fails_first(f"note-{number}"): f"note-{number}" for number in range(50)}
"""A note for each number of failures."""


# ---------------------------------------------------------------- the server that is played


async def test_changes_go_to_the_server(make_engine: MakeEngine) -> None:
    engine = make_engine(jobs.sync_notes)
    sent = value(change("milk", 3), change("rent", 2, deleted=True))
    run = await run_to_end(engine, jobs.sync_notes, sent)
    assert (run.error, run.completed_step_count) == (None, 2)
    pushed = jobs.SyncOutput.model_validate(run.output).pushed
    assert [(each.id, each.version, each.revision, each.deleted, each.tries) for each in pushed] == [
        ("milk", 3, "3", False, 1),
        ("rent", 2, "2", True, 1),
    ]
    assert run.progress is not None
    assert (run.progress.current, run.progress.total) == (2, 2)
    logs = [entry.message for entry in await engine.get_logs(run.id)]
    assert logs == ["“Milk” is on the server", "“Rent” is gone from the server"]


def test_flaky_server_fails_up_to_three_times() -> None:
    assert sorted(FLAKY) == [0, 1, 2, 3]


async def test_flaky_server_is_asked_until_it_answers(make_engine: MakeEngine) -> None:
    sent = value(*(change(FLAKY[count]) for count in range(4)), mood="flaky")
    output = await synced(make_engine, sent)
    assert [each.tries for each in output.pushed] == [1, 2, 3, 4]
    assert output.refused == []


async def test_server_that_is_down_is_given_up(make_engine: MakeEngine) -> None:
    engine = make_engine(jobs.sync_notes)
    run = await run_to_end(engine, jobs.sync_notes, value(change("milk"), change("rent"), mood="down", tries=3))
    assert (run.status, run.error and run.error.type) == ("failed", "NotSentError")
    assert run.error is not None
    assert run.error.message == (
        "The note “Milk” did not reach the server in 3 tries: the server can't be reached. "
        "It is still where it was written."
    )
    steps = [(step.name, step.status) for step in await engine.get_steps(run.id)]
    assert steps == [("note-1-try-1", "completed"), ("note-1-try-2", "completed"), ("note-1-try-3", "failed")]
    assert run.failed_step_name == "note-1-try-3"


async def test_notes_before_the_one_that_was_given_up_are_told(make_engine: MakeEngine) -> None:
    engine = make_engine(jobs.sync_notes)
    sent = value(change(FLAKY[0]), change(FLAKY[3]), mood="flaky", tries=2)
    run = await run_to_end(engine, jobs.sync_notes, sent)
    assert run.status == "failed"
    outputs = [step.output for step in await engine.get_steps(run.id)]
    assert [text and json.loads(text)["kind"] for text in outputs] == ["pushed", "failed", None]


async def test_refused_note_stops_no_other(make_engine: MakeEngine) -> None:
    refused = change("rent", text="Refuse the rent")
    output = await synced(make_engine, value(refused, change("milk")))
    assert [(each.id, each.reason) for each in output.refused] == [
        ("rent", "the practice server takes no note with the word “refuse”")
    ]
    assert [each.id for each in output.pushed] == ["milk"]


async def test_crash_repeats_no_push_and_no_try(
    make_engine: MakeEngine, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, int]] = []
    gate, send = Gate(), jobs.send

    async def watched(server: Any, sent: Any, number: int) -> Any:
        asked.append((sent.id, number))
        if len(asked) == 4:
            await gate()
        return await send(server, sent, number)

    monkeypatch.setattr(jobs, "send", watched)
    engine = make_engine(jobs.sync_notes)
    sent = value(change(FLAKY[0]), change(FLAKY[3]), mood="flaky")
    run_id = (await engine.jobs["sync-notes"].trigger(sent)).id
    executing = asyncio.create_task(engine.process_one())
    await gate.until_reached()
    await die(executing)
    clock.advance(60_000)
    assert await make_engine(jobs.sync_notes).process_one()
    ours, other = FLAKY[3], FLAKY[0]
    assert asked == [(other, 1), (ours, 1), (ours, 2), (ours, 3), (ours, 3), (ours, 4)]
    output = jobs.SyncOutput.model_validate((await ended(engine, run_id)).output)
    assert [(each.id, each.tries) for each in output.pushed] == [(other, 1), (ours, 4)]


async def test_pauses_grow(make_engine: MakeEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)

    monkeypatch.setattr(jobs, "pause", sleep)
    engine = make_engine(jobs.sync_notes)
    await run_to_end(engine, jobs.sync_notes, value(change(), mood="down", tries=6, pause_ms=10_000))
    assert pauses == [10, 20, 40, 60, 60]


async def test_waiting_run_gets_the_newest_changes(make_engine: MakeEngine) -> None:
    engine = make_engine(jobs.sync_notes)

    async def trigger(sent: dict[str, Any]) -> TriggeredRun:
        return await engine.jobs["sync-notes"].trigger(sent, concurrency_key="notes", coalesce="queue")

    first = await trigger(value(change("milk")))
    second = await trigger(value(change("milk", 2), change("rent")))
    assert (second.id, second.disposition) == (first.id, "coalesced")
    await engine.process_until_idle()
    output = jobs.SyncOutput.model_validate((await ended(engine, first.id)).output)
    assert [(each.id, each.version) for each in output.pushed] == [("milk", 2), ("rent", 1)]


# ---------------------------------------------------------------- one behind HTTP

Reply = tuple[int, bytes, dict[str, str]]


class Recorded:
    """What a server was asked, and what it says to the next requests: the last of it to all further ones."""

    def __init__(self, *replies: Reply) -> None:
        self._replies = list(replies)
        self.asked: list[tuple[str, str, Any]] = []
        self.url = ""

    def reply(self, method: str, path: str, body: bytes) -> Reply:
        self.asked.append((method, path, json.loads(body) if body else None))
        return self._replies.pop(0) if len(self._replies) > 1 else self._replies[0]


def handler_of(recorded: Recorded) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            status, said, headers = recorded.reply(self.command, self.path, body)
            if status == 0:
                return  # the connection is closed without an answer
            self.send_response(status)
            for name, text in {"Content-Length": str(len(said)), **headers}.items():
                self.send_header(name, text)
            self.end_headers()
            self.wfile.write(said)

        do_PUT = do_DELETE = answer  # noqa: N815 - as the base class wants it

        def log_message(self, format: str, *arguments: Any) -> None:
            pass

    return Handler


Serve = Callable[..., Recorded]


@pytest.fixture
def serve() -> Iterator[Serve]:
    running: list[tuple[ThreadingHTTPServer, threading.Thread]] = []

    def start(*replies: int | Reply) -> Recorded:
        recorded = Recorded(*((each, b"", {}) if isinstance(each, int) else each for each in replies))
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler_of(recorded))
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        running.append((server, thread))
        recorded.url = f"http://127.0.0.1:{server.server_port}/notes"
        return recorded

    yield start
    for server, thread in running:
        server.shutdown()
        thread.join()
        server.server_close()


def to(url: str, *changes: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return value(*changes, **fields) | {"server": {"kind": "http", "url": url}}


async def test_server_that_fails_twice_gets_the_note(make_engine: MakeEngine, serve: Serve) -> None:
    recorded = serve(503, 0, (200, b'{"revision": 12}', {}))
    output = await synced(make_engine, to(recorded.url + "/", change("milk", 4)))
    put = ("PUT", "/notes/milk", {"id": "milk", "version": 4, "text": "Milk\nand more"})
    assert recorded.asked == [put, put, put]
    [pushed] = output.pushed
    assert (pushed.revision, pushed.tries) == ("12", 3)


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (422, "the server answered 422 Unprocessable Entity"),
        ((400, b'{"error": "It is too long."}', {}), "It is too long."),
        ((403, b'{"detail": ["?"]}', {}), "the server answered 403 Forbidden"),
        ((301, b"", {"Location": "/elsewhere"}), "the server answered 301 Moved Permanently"),
        ((499, b"<html>", {}), "the server answered 499"),
    ],
)
async def test_refusal_is_not_repeated(
    make_engine: MakeEngine, serve: Serve, reply: int | Reply, reason: str
) -> None:
    recorded = serve(reply)
    output = await synced(make_engine, to(recorded.url, change()))
    assert [each.reason for each in output.refused] == [reason]
    assert (len(recorded.asked), output.pushed) == (1, [])


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 599])
async def test_failure_is_repeated(make_engine: MakeEngine, serve: Serve, status: int) -> None:
    recorded = serve(status, (204, b"", {"ETag": '"7"'}))
    [pushed] = (await synced(make_engine, to(recorded.url, change()))).pushed
    assert (pushed.tries, pushed.revision) == (2, '"7"')


@pytest.mark.parametrize("status", [200, 422])
async def test_answer_that_breaks_off_is_none(make_engine: MakeEngine, serve: Serve, status: int) -> None:
    recorded = serve((status, b"{", {"Content-Length": "9"}), 204)
    [pushed] = (await synced(make_engine, to(recorded.url, change()))).pushed
    assert pushed.tries == 2


@pytest.mark.parametrize("status", [204, 404, 410])
async def test_note_that_is_gone_already_counts_as_deleted(
    make_engine: MakeEngine, serve: Serve, status: int
) -> None:
    recorded = serve(status)
    [pushed] = (await synced(make_engine, to(recorded.url, change(deleted=True)))).pushed
    assert recorded.asked == [("DELETE", "/notes/milk", None)]
    assert (pushed.deleted, pushed.revision) == (True, None)


async def test_note_that_is_written_must_not_be_missing(make_engine: MakeEngine, serve: Serve) -> None:
    output = await synced(make_engine, to(serve(404).url, change()))
    assert [each.reason for each in output.refused] == ["the server answered 404 Not Found"]


async def test_address_without_a_server_is_given_up(make_engine: MakeEngine) -> None:
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))  # nobody listens
        sent = to(f"http://127.0.0.1:{reserved.getsockname()[1]}", change(), tries=2)
        run = await run_to_end(make_engine(jobs.sync_notes), jobs.sync_notes, sent)
    assert run.error is not None
    assert run.error.message.startswith(
        "The note “Milk” did not reach the server in 2 tries: the server can't be reached ("
    )


# ---------------------------------------------------------------- what is refused before there is a run


def refusal(sent: dict[str, Any]) -> str:
    with pytest.raises(pydantic.ValidationError) as refused:
        jobs.SyncInput.model_validate(sent)
    [error] = refused.value.errors()
    return error["msg"].removeprefix("Value error, ")


@pytest.mark.parametrize(
    ("sent", "sentence"),
    [
        (value(), "List should have at least 1 item"),
        (
            value(change(), change("rent"), change(version=2)),
            "The note “Milk” is listed twice: its newest change is enough.",
        ),
        (value(change(version=0)), "Input should be greater than or equal to 1"),
        (value(change("../x")), "String should match pattern"),
        (value(change(), mood="gloomy"), "Input should be 'steady', 'flaky' or 'down'"),
        (to("ftp://a.example", change()), "'ftp://a.example' is no address of a server"),
        (to("https://", change()), "'https://' is no address of a server"),
        (to("https://a.example:x", change()), "'https://a.example:x' is no address of a server"),
        (to("https://a.example/a b", change()), "'https://a.example/a b' is no address of a server"),
        (to("https://a.example/?a=b", change()), "'https://a.example/?a=b' has more than a path"),
        (to("https://me:secret@a.example", change()), "'https://me:secret@a.example' has more than a path"),
        (value(change(), tries=0), "Input should be greater than or equal to 1"),
    ],
)
def test_bad_input_is_explained(sent: dict[str, Any], sentence: str) -> None:
    assert refusal(sent).startswith(sentence)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Milk", "“Milk”"),
        ("\n  Milk \nand bread", "“Milk”"),
        (" \n", "“without words”"),
        ("x" * 40, f"“{'x' * 40}”"),
        ("x" * 41, f"“{'x' * 39}…”"),
    ],
)
def test_notes_are_named_by_their_first_words(text: str, words: str) -> None:
    assert notes.Change(**change(text=text)).words == words
