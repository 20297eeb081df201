"""``durably serve`` as a process: what it serves, and how it stops."""

import asyncio
import json
import re
import signal
import socket
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.conftest import ended
from tests.unit.conftest import Command
from tests.unit.shell import BOUND_S, Process, Shell


async def served(shell: Shell, *options: str) -> tuple[Process, httpx.AsyncClient]:
    """A server on a port that is free, and a client of it."""
    server = await shell.start("serve", "jobs.py", "--port", "0", "--polling-interval-ms", "20", *options)
    found = re.search(r"http://\S+:\d+", await server.told("/api/durably"))
    assert found is not None
    return server, httpx.AsyncClient(base_url=found[0], timeout=BOUND_S)


async def stopped(server: Process) -> list[str]:
    """What it told after it was told to stop."""
    before = len(server.lines)
    server.signal(signal.SIGTERM)
    assert await server.end() == (0, "")
    return server.lines[before:]


async def test_run_is_triggered_and_executed(shell: Shell) -> None:
    server, client = await served(shell, "--no-page")
    async with client:
        answer = await client.post("/api/durably/trigger", json={"jobName": "note", "input": {}})
        run = await shell.end_of(answer.json()["runId"])
        assert run.output == {"pid": server.pid}
        assert (await client.get("/healthz")).json()["status"] == "ok"
        assert (await client.get("/")).status_code == 404
    assert "stopped" in (await stopped(server))[-1]


async def test_server_without_a_worker_executes_nothing(shell: Shell) -> None:
    server, client = await served(shell, "--no-worker")
    async with client:
        answer = await client.post("/api/durably/trigger", json={"jobName": "note", "input": {}})
        worker = await shell.worker()
        run = await shell.end_of(answer.json()["runId"])
    assert run.output == {"pid": worker.pid}
    await stopped(server)


async def test_page_is_served(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "page").mkdir()
    (tmp_path / "page/index.html").write_text("<h1>Bakery</h1>")
    server, client = await served(shell, "--page", "page")
    async with client:
        assert (await client.get("/")).text == "<h1>Bakery</h1>"
        assert (await client.get("/api/durably/jobs")).status_code == 200
    await stopped(server)


async def test_open_stream_does_not_hold_up_the_stop(shell: Shell) -> None:
    server, client = await served(shell)
    async with client, client.stream("GET", "/api/durably/runs/subscribe") as stream:
        assert stream.status_code == 200
        lines = stream.aiter_lines()
        await shell.end_of(await shell.trigger("note"))
        async with asyncio.timeout(BOUND_S):
            while "run:complete" not in await anext(lines):
                pass
        # The stream is still open, and its client still reads.
        rest = asyncio.create_task(_all(lines))
        assert "stopped" in (await stopped(server))[-1]
        await asyncio.wait_for(rest, BOUND_S)


async def _all(lines: Any) -> list[str]:
    return [line async for line in lines]


async def test_stream_tells_of_what_ends_while_the_server_stops(shell: Shell) -> None:
    server, client = await served(shell)
    run_id = await shell.trigger("gate")
    await shell.told("gate")
    async with client, client.stream("GET", f"/api/durably/subscribe?runId={run_id}") as stream:
        server.signal(signal.SIGTERM)
        await server.told("stopping: 1 run")
        shell.outside.let_go(server.pid)
        told = [json.loads(line[6:]) for line in await _all(stream.aiter_lines()) if line.startswith("data: ")]
    assert told[-1]["type"] == "run:complete"
    assert (await server.end())[0] == 0


async def test_deadline_gives_back_what_executes(shell: Shell) -> None:
    server, client = await served(shell, "--drain-timeout", "0.1")
    await client.aclose()
    run_id = await shell.trigger("gate")
    await shell.told("gate")
    assert [line for line in await stopped(server) if f"gate {run_id} given back" in line]
    assert (await ended(shell.engine, run_id)).status == "pending"


async def test_second_signal_stops_at_once(shell: Shell) -> None:
    server, client = await served(shell)
    await client.aclose()
    await shell.trigger("gate")
    await shell.told("gate")
    server.signal(signal.SIGTERM)
    await server.told("stopping")
    server.signal(signal.SIGTERM)
    assert (await server.end())[0] == 143


async def test_other_addresses_are_warned_of(shell: Shell) -> None:
    server, client = await served(shell, "--host", "0.0.0.0")
    await client.aclose()
    assert "Whoever reaches this address may do everything" in await server.told("door")
    await stopped(server)


async def test_name_of_another_machine_is_refused(shell: Shell) -> None:
    server, client = await served(shell)
    async with client:
        for host, status in (
            ("evil.example", 403),
            (f"evil.example:{client.base_url.port}", 403),
            ("localhost.evil.example", 403),
            ("127.0.0.1.evil.example", 403),
            ("localhost:5173", 200),
            ("app.localhost", 200),
            ("[::1]:8000", 200),
        ):
            answer = await client.get("/api/durably/runs", headers={"Host": host})
            assert (host, answer.status_code) == (host, status)
    await stopped(server)


def test_port_that_is_taken_is_told(run: Command) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        answer = run("serve", "jobs.py", "--port", str(port))
    assert answer.code == 1
    assert answer.err == (
        f"durably: Port {port} of 127.0.0.1 can't be had: Address already in use. "
        "Choose another with --port or --host.\n"
    )


def test_page_that_is_not_there_is_told(run: Command, folder: Path) -> None:
    assert run("serve", "jobs.py", "--page", "page").err == (
        "durably: There is no page in page: it needs an index.html.\n"
    )
    assert not (folder / "durably.db").exists()


def test_page_and_none_is_refused(run: Command) -> None:
    assert run("serve", "jobs.py", "--page", "page", "--no-page").err == (
        "durably: There is either a page or none: leave out --page or --no-page.\n"
    )


def test_missing_extra_is_named(run: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "durably_core.cli.server", raising=False)
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    answer = run("serve", "jobs.py")
    assert answer.code == 1
    assert answer.err.endswith("run `pip install 'durably[server]'` first.\n")
