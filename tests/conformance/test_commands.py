"""Requests that are sent again because their answer was never heard are carried out once."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from durably_core import ConflictError, Durably, StepContext, StorageError
from durably_core.api import call
from durably_core.commands import RETAIN_COMMANDS_MS, Command
from tests.conftest import (
    FakeClock,
    Gate,
    Heard,
    MakeEngine,
    Numbers,
    StoreProbe,
    make_job,
    nothing,
    run_to_end,
    within,
)

Send = Callable[..., Awaitable[Any]]


@pytest.fixture
def engine(make_engine: MakeEngine) -> Durably:
    return make_engine(make_job(nothing))


@pytest.fixture
def send(engine: Durably) -> Send:
    return sender(engine)


def sender(engine: Durably) -> Send:
    async def send(operation: str, body: Any, command: str = "a", *, again: bool = False) -> Any:
        return await call(engine, operation, json.dumps(body), Command(id=command, is_repeated=again))

    return send


def trigger(count: int = 1, **options: Any) -> dict[str, Any]:
    return {"jobName": "work", "input": {"count": count}, **options}


async def runs_of(engine: Durably) -> list[str]:
    return [run.id for run in await engine.get_runs()]


async def test_trigger_that_is_sent_again_is_answered_as_before(engine: Durably, send: Send) -> None:
    answer = await send("trigger", trigger())
    assert await send("trigger", trigger(), again=True) == answer
    assert await runs_of(engine) == [answer["runId"]]


async def test_trigger_that_never_arrived_is_carried_out(engine: Durably, send: Send) -> None:
    answer = await send("trigger", trigger(), again=True)
    assert answer["disposition"] == "created"
    assert await send("trigger", trigger(), again=True) == answer
    assert await runs_of(engine) == [answer["runId"]]


async def test_two_commands_are_two_triggers(engine: Durably, send: Send) -> None:
    first = await send("trigger", trigger(), "a")
    assert await send("trigger", trigger(), "b", again=True) != first
    assert len(await runs_of(engine)) == 2


async def test_trigger_into_a_waiting_run_is_answered_as_before(engine: Durably, send: Send) -> None:
    options = {"concurrencyKey": "key", "coalesce": "queue"}
    first = await send("trigger", trigger(1, **options), "a")
    answer = await send("trigger", trigger(2, **options), "b")
    assert answer == {"runId": first["runId"], "disposition": "coalesced"}
    await within(engine.process_until_idle())
    # Where it went, there is nothing to go into any more: it must not become a run of its own.
    assert await send("trigger", trigger(2, **options), "b", again=True) == answer
    assert await runs_of(engine) == [first["runId"]]


async def test_answer_outlives_its_run(engine: Durably, send: Send) -> None:
    answer = await send("trigger", trigger())
    await within(engine.process_until_idle())
    await engine.delete_run(answer["runId"])
    assert await send("trigger", trigger(), again=True) == answer
    assert await runs_of(engine) == []


async def test_batch_is_triggered_once(engine: Durably, send: Send) -> None:
    body = {"jobName": "work", "items": [{"input": {"count": count}} for count in range(3)]}
    answer = await send("batchTrigger", body)
    assert await send("batchTrigger", body, again=True) == answer
    assert sorted(await runs_of(engine)) == [each["runId"] for each in answer]


async def test_cancel_succeeds_once(engine: Durably, send: Send) -> None:
    run_id = (await send("trigger", trigger(), "a"))["runId"]
    heard = Heard(engine)
    body = {"runId": run_id}
    assert await send("cancel", body, "b") == {"success": True}
    assert await send("cancel", body, "b", again=True) == {"success": True}
    assert heard.types == ["run:cancel"]
    with pytest.raises(ConflictError):
        await send("cancel", body, "c", again=True)


async def test_retrigger_makes_one_run(engine: Durably, send: Send) -> None:
    run = await run_to_end(engine, make_job(nothing))
    answer = await send("retrigger", {"runId": run.id})
    assert await send("retrigger", {"runId": run.id}, again=True) == answer
    assert sorted(await runs_of(engine)) == sorted([run.id, answer["runId"]])


async def test_delete_succeeds_once(engine: Durably, send: Send) -> None:
    run = await run_to_end(engine, make_job(nothing))
    for again in (False, True):
        assert await send("deleteRun", {"runId": run.id}, again=again) == {"success": True}


async def test_purge_tells_how_many_it_deleted(engine: Durably, send: Send, clock: FakeClock) -> None:
    for _ in range(3):
        await run_to_end(engine, make_job(nothing))
    clock.advance(1000)
    body = {"olderThan": "2100-01-01T00:00:00Z"}
    for again in (False, True):
        assert await send("purgeRuns", body, again=again) == {"deleted": 3}


@pytest.mark.parametrize("operation", ["cancelRuns", "deleteRuns", "retriggerRuns"])
async def test_several_runs_go_on_where_it_was_left(
    make_engine: MakeEngine, probe: StoreProbe, operation: str
) -> None:
    engine = make_engine(make_job(nothing), store=probe.as_store)
    send = sender(engine)
    run_ids = [(await send("trigger", trigger(), f"run {number}"))["runId"] for number in range(3)]
    if operation != "cancelRuns":
        await within(engine.process_until_idle())
    # The engine dies after the first of them.
    await send(operation, {"runIds": run_ids[:1]})
    heard = Heard(engine)
    answers = await send(operation, {"runIds": run_ids}, again=True)
    assert [(each["runId"], each["success"]) for each in answers] == [(run_id, True) for run_id in run_ids]
    assert len(heard.events) == 2
    assert await send(operation, {"runIds": run_ids}, again=True) == answers
    assert len(heard.events) == 2


async def test_command_that_was_refused_is_tried_again(engine: Durably, send: Send) -> None:
    first = await send("trigger", trigger(concurrencyKey="key"), "a")
    with pytest.raises(ConflictError):
        await send("trigger", trigger(concurrencyKey="key"), "b")
    await engine.cancel(first["runId"])
    assert (await send("trigger", trigger(concurrencyKey="key"), "b", again=True))["disposition"] == "created"


async def test_command_that_storage_refused_is_tried_again(make_engine: MakeEngine, probe: StoreProbe) -> None:
    engine = make_engine(make_job(nothing), store=probe.as_store)
    probe.fail("enqueue")
    with pytest.raises(StorageError):
        await sender(engine)("trigger", trigger())
    probe.heal()
    assert (await sender(engine)("trigger", trigger(), again=True))["disposition"] == "created"
    assert len(await runs_of(engine)) == 1


async def test_command_that_comes_twice_is_carried_out_once(engine: Durably, send: Send) -> None:
    first, second = await asyncio.gather(send("trigger", trigger(), "a"), send("trigger", trigger(), "a"))
    assert first == second == await send("trigger", trigger(), "a")
    assert len(await runs_of(engine)) == 1


async def test_what_a_command_sets_off_is_not_taken_for_it(make_engine: MakeEngine) -> None:
    gate = Gate()

    async def body(_step: StepContext, input: Numbers) -> None:
        if input.count:
            await durably.jobs.work.trigger({"count": input.count - 1})
        else:
            await gate()

    durably = make_engine(make_job(body), max_concurrent_runs=1)
    durably.start()
    answer = await sender(durably)("trigger", trigger(3))
    await within(gate.until_reached())
    gate.open()
    assert await sender(durably)("trigger", trigger(3), again=True) == answer
    assert len(await runs_of(durably)) == 4


async def test_commands_are_forgotten_after_a_day(engine: Durably, send: Send, clock: FakeClock) -> None:
    await send("trigger", trigger())
    clock.advance(RETAIN_COMMANDS_MS - 1)
    await engine.maintain()
    assert await engine.store.get_command("a/trigger") is not None
    clock.advance(1)
    await engine.maintain()
    assert await engine.store.get_command("a/trigger") is None
