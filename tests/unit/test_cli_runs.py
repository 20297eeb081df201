"""Triggering, listing, showing and changing runs from the command line."""

import io
import json
import re
import sqlite3
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.unit.conftest import ENGINE, Command


def trigger(run: Command, *arguments: str) -> str:
    return run.ok("trigger", "jobs.py", *(arguments or ("bake",))).out.strip()


def shown(run: Command, run_id: str) -> Any:
    return run.ok("show", run_id, "--json").json


# ---------------------------------------------------------------- trigger


def test_trigger_prints_the_id(run: Command) -> None:
    run_id = trigger(run)
    [listed] = run.ok("runs", "--json").json
    assert (listed["id"], listed["status"], listed["input"]["loaves"]) == (run_id, "pending", 2)


def test_trigger_as_json(run: Command) -> None:
    first = run.ok("trigger", "jobs.py", "bake", "--idempotency-key", "one", "--json").json
    again = run.ok("trigger", "jobs.py", "bake", "--idempotency-key", "one", "--json").json
    assert (first["disposition"], again["disposition"]) == ("created", "idempotent")
    assert first["runId"] == again["runId"]


@pytest.mark.parametrize(
    ("arguments", "loaves", "note"),
    [
        (['{"loaves": 3}'], 3, None),
        (["@order.json"], 4, "filed"),
        (["-"], 5, None),
        (["--set", "loaves=6", "--set", "note=six of them"], 6, "six of them"),
        (["@order.json", "--set", "loaves=7"], 7, "filed"),
        (["--set", 'note="8"'], 2, "8"),
    ],
)
def test_input_comes_from_where_it_is_said_to(
    run: Command, folder: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], loaves: int, note: str
) -> None:
    (folder / "order.json").write_text('{"loaves": 4, "note": "filed"}')
    monkeypatch.setattr(sys, "stdin", io.StringIO('{"loaves": 5}'))
    trigger(run, "bake", *arguments)
    [listed] = run.ok("runs", "--json").json
    assert listed["input"] == {"loaves": loaves, "flour": "rye", "note": note}


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["bake", "{loaves: 1}"], "There is no JSON in the input: key must be a string at line 1 column 2."),
        (["bake", "@nowhere.json"], "The input can't be read from nowhere.json: No such file or directory."),
        (["bake", "[1]", "--set", "a=1"], "--set needs an input that is a JSON object: leave --set out,"),
        (["bake", "--set", "loaves"], "--set takes KEY=VALUE, not 'loaves'."),
        (["bake", "--label", "=x"], "--label takes KEY=VALUE, not '=x'."),
        (["bake", '{"loaves": "many"}'], "The input of 'bake' is not valid: loaves: Input should be a valid"),
        (["bike"], "There is no job 'bike'. Jobs: bake, burn."),
        (["bake", "--timeout", "1"], "--timeout is how long to wait: add --wait or --run."),
    ],
)
def test_what_cannot_be_triggered_is_explained(run: Command, arguments: list[str], sentence: str) -> None:
    answer = run("trigger", "jobs.py", *arguments)
    assert (answer.code, answer.out) == (1, "")
    assert answer.err.startswith(f"durably: {sentence}")


def test_keys_and_labels_are_passed_on(run: Command) -> None:
    options = [
        "--concurrency-key",
        "oven",
        "--idempotency-key",
        "today",
        "--label",
        "team=a",
        "--label",
        "b=c=d",
    ]
    found = shown(run, trigger(run, "bake", *options))
    assert (found["concurrencyKey"], found["idempotencyKey"]) == ("oven", "today")
    assert found["labels"] == {"team": "a", "b": "c=d"}


def test_second_trigger_coalesces_if_asked_to(run: Command) -> None:
    first = trigger(run, "bake", "--concurrency-key", "oven")
    assert run("trigger", "jobs.py", "bake", "--concurrency-key", "oven").code == 1
    again = run.ok("trigger", "jobs.py", "bake", "--concurrency-key", "oven", "--coalesce", "skip")
    assert (again.out, again.err) == (f"{first}\n", "It was there already (coalesced).\n")


def test_run_executes_here(run: Command) -> None:
    answer = run.ok("trigger", "jobs.py", "bake", "--run", "--set", "loaves=3")
    # What the job prints is not the answer.
    assert (answer.out, answer.err) == ('{"baked":3}\n', "baking\n")


def test_run_executes_no_other(run: Command) -> None:
    waiting = trigger(run)
    run.ok("trigger", "jobs.py", "bake", "--run")
    assert shown(run, waiting)["status"] == "pending"


def test_run_executes_what_it_waits_for(run: Command, folder: Path) -> None:
    (folder / "app.py").write_text(
        ENGINE
        + """
@job("parent")
async def parent(step: StepContext, input: Nothing) -> Delivery:
    child = await step.run("child", durably.jobs.bake.trigger_and_wait, {"loaves": 4})
    return child.output

durably.register({"parent": parent})
"""
    )
    assert run.ok("trigger", "app.py", "parent", "--run", "--json").json["run"]["output"] == {"baked": 4}


def test_failed_run_is_exit_code_three(run: Command) -> None:
    answer = run("trigger", "jobs.py", "burn", "--run")
    assert (answer.code, answer.out) == (3, "")
    assert re.fullmatch(
        r"durably: The run \w+ failed in the step 'oven': ValueError: too �\[31mhot\n", answer.err
    )


def test_failed_run_is_printed_as_json(run: Command) -> None:
    answer = run("trigger", "jobs.py", "burn", "--run", "--json")
    assert (answer.code, answer.json["run"]["errorType"]) == (3, "ValueError")


def test_wait_that_takes_too_long_is_exit_code_five(run: Command) -> None:
    answer = run("trigger", "jobs.py", "bake", "--wait", "--timeout", "0.01")
    [listed] = run.ok("runs", "--json").json
    assert answer == (
        5,
        "",
        f"durably: The run {listed['id']} has not ended within 10 ms: it is pending, and goes on.\n",
    )


def test_run_that_takes_too_long_is_given_back(run: Command, folder: Path) -> None:
    with (folder / "jobs.py").open("a") as file:
        file.write(
            """
import asyncio

@job("endless")
async def endless(step: StepContext, input: Nothing) -> None:
    await step.run("first", lambda: 1)
    await asyncio.Event().wait()
"""
        )
    answer = run("trigger", "jobs.py", "endless", "--run", "--timeout", "0.3", "--json")
    assert answer.code == 5
    found = shown(run, answer.json["runId"])
    assert (found["status"], found["leaseOwner"], found["completedStepCount"]) == ("pending", None, 1)


def test_wait_for_a_cancelled_run_is_exit_code_four(run: Command) -> None:
    run_id = trigger(run, "bake", "--idempotency-key", "one")
    run.ok("cancel", run_id)
    answer = run("trigger", "jobs.py", "bake", "--idempotency-key", "one", "--wait")
    assert answer == (4, "", f"durably: The run {run_id} was cancelled.\n")


# ---------------------------------------------------------------- lists


def test_runs_are_filtered(run: Command) -> None:
    baked = trigger(run, "bake", "--label", "team=a")
    burnt = trigger(run, "burn")
    run.ok("cancel", burnt)

    def found(*filters: str) -> list[str]:
        return [each["id"] for each in run.ok("runs", "--json", *filters).json]

    assert found() == [burnt, baked]
    assert found("--status", "pending", "--status", "leased") == [baked]
    assert found("--job", "burn", "--job", "other") == [burnt]
    assert found("--label", "team=a") == [baked]
    assert found("--limit", "1") == [burnt]
    assert found("--cursor", burnt) == [baked]


def test_runs_are_counted(run: Command) -> None:
    trigger(run)
    counts = {"pending": 1, "leased": 0, "completed": 0, "failed": 0, "cancelled": 0}
    assert run.ok("runs", "--count", "--json").json == counts
    assert re.search(r"pending +1", run.ok("runs", "--count").out)
    assert run.ok("runs", "--count", "--json", "--job", "burn").json["pending"] == 0


def test_unknown_status_is_told(run: Command) -> None:
    trigger(run)
    assert run("runs", "--status", "done").err.startswith("durably: There is no status 'done': pending, leased")


def test_table_says_what_a_person_looks_for(run: Command) -> None:
    run("trigger", "jobs.py", "burn", "--run")
    run.ok("trigger", "jobs.py", "bake", "--run", "--label", "team=a")
    heading, baked, burnt = run.ok("runs").out.splitlines()
    assert heading.split() == ["ID", "JOB", "STATUS", "PROGRESS", "CREATED", "TOOK", "ABOUT"]
    assert re.search(r"bake +completed +2/2 .* ms +team=a", baked)
    assert re.search(r"burn +failed .* too �\[31mhot", burnt)
    assert "\x1b" not in baked + burnt


@pytest.mark.parametrize("columns", [100, 140, 200])
def test_long_label_leaves_room_for_the_other_columns(
    run: Command, monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    trigger(run, "bake", "--label", f"note={'x' * 900}")
    monkeypatch.setenv("COLUMNS", str(columns))
    heading, line = run.ok("runs").out.splitlines()
    assert heading.split() == ["ID", "JOB", "STATUS", "PROGRESS", "CREATED", "TOOK", "ABOUT"]
    assert "pending" in line
    assert len(line.rstrip()) <= columns


def test_table_fits_a_narrow_terminal(run: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    run_id = trigger(run, "bake", "--label", f"long={'x' * 100}")
    monkeypatch.setenv("COLUMNS", "80")
    lines = run.ok("runs").out.splitlines()
    assert run_id in lines[1]
    assert max(len(line) for line in lines) <= 80


def test_no_runs_are_told(run: Command) -> None:
    run.ok("migrate")
    assert run.ok("runs").out == "There are no such runs.\n"
    assert run.ok("runs", "--json").json == []


def test_watching_is_for_a_terminal(run: Command) -> None:
    trigger(run)
    assert run("runs", "--watch").err == (
        "durably: --watch is for a person at a terminal: leave it out, or --json and --count.\n"
    )


# ---------------------------------------------------------------- one run


def test_show_tells_everything(run: Command) -> None:
    run_id = run.ok("trigger", "jobs.py", "bake", "--run", "--json", "--label", "team=a").json["runId"]
    page = run.ok("show", run_id).out
    assert page.startswith(f"{run_id}  bake  completed\n")
    assert '  output            {"baked":2}\n' in page
    assert re.search(r'\n0  loaf-0  completed  [\d.]+ m?s  "loaf"', page)
    assert re.search(r'\d\d:\d\d:\d\d info  all baked {"loaves":2}\n', page)


def test_show_as_json_has_steps_and_logs(run: Command) -> None:
    found = shown(run, run.ok("trigger", "jobs.py", "bake", "--run", "--json").json["runId"])
    assert [(step["name"], step["output"]) for step in found["steps"]] == [
        ("loaf-0", "loaf"),
        ("loaf-1", "loaf"),
    ]
    assert [(log["message"], log["data"]) for log in found["logs"]] == [("all baked", {"loaves": 2})]


def test_show_has_the_traceback_without_control_characters(run: Command) -> None:
    run_id = run("trigger", "jobs.py", "burn", "--run", "--json").json["runId"]
    page = run.ok("show", run_id).out
    assert "Traceback (most recent call last)" in page
    assert page.endswith("ValueError: too �[31mhot\nby far\n")
    assert "\x1b" not in page


def test_show_says_when_steps_are_not_kept(run: Command, folder: Path) -> None:
    (folder / "app.py").write_text(ENGINE)
    run_id = run.ok("trigger", "app.py", "bake", "--run", "--json").json["runId"]
    page = run.ok("show", run_id, "--app", "app.py").out
    assert "2 steps finished; not kept, because of preserve_steps." in page


def test_unknown_run_is_told(run: Command) -> None:
    run.ok("migrate")
    assert run("show", "nope") == (1, "", "durably: There is no run nope.\n")


# ---------------------------------------------------------------- changes


def test_cancel_goes_on_after_a_refusal(run: Command) -> None:
    first, second = trigger(run), trigger(run)
    answer = run("cancel", first, "nope", second)
    assert answer == (
        1,
        f"{first} cancelled\n{second} cancelled\n",
        "durably: There is no run nope.\n",
    )


def test_changes_as_json_name_each_run(run: Command) -> None:
    run_id = trigger(run)
    answer = run("delete", run_id, "--json")
    assert answer.code == 1
    [outcome] = answer.json
    assert (outcome["runId"], outcome["success"], outcome["error"]["code"]) == (run_id, False, "conflict")


def test_retrigger_adds_a_run_with_the_same_input(run: Command) -> None:
    run_id = trigger(run, "bake", "--set", "loaves=9")
    run.ok("cancel", run_id)
    [outcome] = run.ok("retrigger", "jobs.py", run_id, "--json").json
    found = shown(run, outcome["newRunId"])
    assert (found["retriggeredFrom"], found["input"]["loaves"]) == (run_id, 9)


def test_deleted_run_is_gone(run: Command) -> None:
    run_id = trigger(run)
    run.ok("cancel", run_id)
    assert run.ok("delete", run_id).out == f"{run_id} deleted\n"
    assert run.ok("runs", "--json").json == []


def test_purge_deletes_what_ended_long_ago(run: Command) -> None:
    ended = [trigger(run) for _ in range(3)]
    waiting = trigger(run)
    run.ok("cancel", *ended)
    assert run.ok("purge", "--older-than", "1d", "--yes").out == "0 runs deleted.\n"
    assert run.ok("purge", "--older-than", "0s", "--limit", "1", "--yes").out == "1 run deleted.\n"
    assert run.ok("purge", "--older-than", "0s", "--yes", "--json").json == {"deleted": 2}
    assert [each["id"] for each in run.ok("runs", "--json").json] == [waiting]


def test_purge_asks_no_one_who_is_not_there(run: Command) -> None:
    run.ok("migrate")
    answer = run("purge", "--older-than", "1d")
    assert answer == (1, "", "durably: There is no one to ask whether to delete runs: add --yes.\n")
    assert "must be a whole number followed by d, h, m or s" in run("purge", "--older-than", "x", "--yes").err


def test_migrate_makes_a_database_and_brings_it_up_to_date(run: Command, folder: Path) -> None:
    assert run.ok("migrate").out == "durably.db has schema version 5.\n"
    assert run.ok("migrate", "--json").json == {"database": "durably.db", "schemaVersion": 5}
    with sqlite3.connect(folder / "durably.db") as connection:
        connection.execute("UPDATE durably_schema_versions SET version = 99 WHERE version = 5")
    connection.close()
    assert "update Durably" in run("runs").err


def test_old_schema_is_to_be_migrated_first(run: Command, folder: Path) -> None:
    run.ok("migrate")
    with sqlite3.connect(folder / "durably.db") as connection:
        connection.execute("DELETE FROM durably_schema_versions WHERE version = 5")
    connection.close()
    assert run("runs").err.endswith("schema version 4, this code needs 5: run `durably migrate`.\n")


# ---------------------------------------------------------------- jobs


def test_jobs_are_listed_with_their_fields(run: Command) -> None:
    lines = [line.split() for line in run.ok("jobs", "jobs.py").out.splitlines()]
    assert lines == [
        ["JOB", "INPUT", "TYPE", "DEFAULT"],
        ["bake", "loaves", "integer", "2"],
        ["flour", '"rye"', "|", '"wheat"', '"rye"'],
        ["note", "string", "|", "null", "null"],
        ["burn", "no", "fields"],
    ]


def test_jobs_as_json_are_those_of_the_wire(run: Command) -> None:
    [bake, _] = run.ok("jobs", "jobs.py", "--json").json
    assert (bake["name"], bake["description"], bake["keys"]) == ("bake", "Bake loaves.", ["bake"])
    assert json.dumps(bake["inputSchema"]["properties"]["loaves"]["default"]) == "2"
