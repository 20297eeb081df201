"""What must hold between what was told and a database that a kill left."""

import json
import sqlite3
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.crash.journal import Journal
from tests.crash.plans import LARGE
from tests.power.check import faults_between_tables, faults_of_file, has_schema

RUNS = """
    SELECT id, status, attempt, input, output FROM durably_runs JOIN durably_payloads ON run_id = id"""
CHECKPOINTS = """
    SELECT run_id, name, output ->> 'number', output ->> 'attempt', length(output ->> 'padding')
    FROM durably_steps WHERE failure = 0"""
EVENTS = """
    SELECT sequence, type, run_id, data ->> 'step_name', data ->> 'attempt' FROM durably_events
    ORDER BY sequence"""

INDEX = "CREATE INDEX events_by_run ON durably_events (run_id, sequence)"
"""In the copy that is looked at: without it, the questions would take longer than all the rest."""


@dataclass(frozen=True, slots=True)
class Run:
    id: str
    status: str
    attempt: int
    input: dict[str, Any]
    output: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class Checkpoint:
    number: int
    attempt: int
    """In which the body ran whose result this is."""
    padding: int


class Kept:
    """What the database has."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.runs = {
            run_id: Run(run_id, status, attempt, json.loads(input), json.loads(output or "null"))
            for run_id, status, attempt, input, output in connection.execute(RUNS)
        }
        self.checkpoints = {(row[0], row[1]): Checkpoint(*row[2:]) for row in connection.execute(CHECKPOINTS)}
        self.events: set[tuple[int, str, str]] = set()
        self.leased: set[tuple[str, int]] = set()
        self.finished: dict[tuple[str, str], list[int]] = {}
        """By run and step: the attempts in which the log has the step finished."""
        attempts: dict[str, int] = {}
        for sequence, kind, run_id, step, attempt in connection.execute(EVENTS):
            self.events.add((sequence, kind, run_id))
            if kind == "run:leased":
                attempts[run_id] = attempt
                self.leased.add((run_id, attempt))
            elif kind == "step:complete":
                self.finished.setdefault((run_id, step), []).append(attempts[run_id])


def faults(journal: Journal, connection: sqlite3.Connection, *, ended: bool = False) -> Iterator[str]:
    """Everything that is wrong. ``ended``: nothing was killed since everything had time to finish."""
    yield from journal.faults
    yield from faults_of_file(connection)
    if not has_schema(connection):
        if journal.acknowledged or journal.events:
            yield "something was acknowledged, and the database has no tables"
        return
    connection.execute(INDEX)
    yield from faults_of_facts(journal, Kept(connection), ended=ended)
    yield from faults_between_tables(connection)


def faults_of_facts(journal: Journal, kept: Kept, *, ended: bool) -> Iterator[str]:
    yield from _lost_triggers(journal, kept)
    yield from _lost_events(journal, kept)
    yield from _lost_steps(journal, kept)
    yield from _lost_ends(journal, kept)
    yield from _lost_claims(journal, kept)
    yield from _repeated_steps(journal, kept)
    yield from _executed_after_the_end(journal)
    yield from _wrong_runs(journal, kept)
    yield from _wrong_checkpoints(kept)
    if ended:
        yield from _unfinished(journal, kept)


# ---------------------------------------------------------------- what was acknowledged is there


def _lost_triggers(journal: Journal, kept: Kept) -> Iterator[str]:
    for key, run_id in journal.acknowledged.items():
        if run_id not in kept.runs:
            yield f"the trigger {key} was acknowledged as the run {run_id}, which is not there"
        elif kept.runs[run_id].input["key"] != key:
            yield f"the trigger {key} was acknowledged as the run {run_id}, which is that of another"


def _lost_events(journal: Journal, kept: Kept) -> Iterator[str]:
    for event in journal.events - kept.events:
        yield f"an event was told and is not in the log: {event}"


def _lost_steps(journal: Journal, kept: Kept) -> Iterator[str]:
    for run_id, step in journal.finished:
        if (run_id, step) not in kept.checkpoints:
            yield f"{step} of {run_id} was told to be finished and has no checkpoint"
    for run_id, step, attempt in proven(journal, kept):
        checkpoint = kept.checkpoints.get((run_id, step))
        if checkpoint is None:
            yield f"a step after {step} of {run_id} had begun, and it has no checkpoint"
        elif attempt is not None and checkpoint.attempt != attempt:
            yield f"{step} of {run_id} was finished in attempt {attempt}, and again in {checkpoint.attempt}"


def proven(journal: Journal, kept: Kept) -> Iterator[tuple[str, str, int | None]]:
    """Run and step that were finished because a later one began; the attempt, if its body was heard in it."""
    for run_id in journal.bodies:
        steps = journal.planned[kept.runs[run_id].input["key"]].steps if run_id in kept.runs else ()
        ended: dict[str, int] = {}
        for body in journal.bodies_of(run_id):
            if body.what == "end":
                ended[body.step] = body.attempt
            elif body.what == "begin":
                for step in steps[: _place(body.step)]:
                    yield run_id, step, body.attempt if ended.get(step) == body.attempt else None


def _place(step: str) -> int:
    return int(step.rpartition("-")[2])


def _lost_ends(journal: Journal, kept: Kept) -> Iterator[str]:
    for run_id in journal.completed:
        run = kept.runs.get(run_id)
        if run is None or run.status != "completed":
            yield f"the run {run_id} was told to be completed and is {run.status if run else 'not there'}"


def _lost_claims(journal: Journal, kept: Kept) -> Iterator[str]:
    lives: dict[tuple[str, int], str] = {}
    for body in journal.begun():
        if (body.run_id, body.attempt) not in kept.leased:
            yield f"{body.run_id} was executed in attempt {body.attempt}, of which the log knows nothing"
        if lives.setdefault((body.run_id, body.attempt), body.life) != body.life:
            yield f"two workers have executed attempt {body.attempt} of {body.run_id}"


# ---------------------------------------------------------------- nothing that is finished runs again


def _repeated_steps(journal: Journal, kept: Kept) -> Iterator[str]:
    seen: set[tuple[str, str, int]] = set()
    for body in journal.begun():
        step = body.run_id, body.step
        if (*step, body.attempt) in seen:
            yield f"{body.step} of {body.run_id} began twice in attempt {body.attempt}"
        seen.add((*step, body.attempt))
        checkpoint = kept.checkpoints.get(step)
        if checkpoint is not None and body.attempt > checkpoint.attempt:
            yield (
                f"{body.step} of {body.run_id} was finished in attempt {checkpoint.attempt}, "
                f"and began again in attempt {body.attempt}"
            )
        if journal.finished.get(step, body.round) < body.round:
            yield (
                f"{body.step} of {body.run_id} was told to be finished in round {journal.finished[step]}, "
                f"and began again in round {body.round}"
            )


def _executed_after_the_end(journal: Journal) -> Iterator[str]:
    for body in journal.begun():
        if journal.completed.get(body.run_id, body.round) < body.round:
            yield (
                f"the run {body.run_id} was told to be completed in round {journal.completed[body.run_id]}, "
                f"and executed {body.step} in round {body.round}"
            )


# ---------------------------------------------------------------- what is there is right


def _wrong_runs(journal: Journal, kept: Kept) -> Iterator[str]:
    keys: Counter[str] = Counter()
    for run in kept.runs.values():
        planned = journal.planned.get(run.input["key"])
        keys[run.input["key"]] += 1
        if planned is None or run.input != planned.for_page()["input"]:
            yield f"the run {run.id} has an input that no one has sent: {run.input}"
        elif run.status not in ("pending", "leased", "completed"):
            yield f"the run {run.id} of {planned.key} is {run.status}"
        elif run.status == "completed":
            parts = [kept.checkpoints.get((run.id, step)) for step in planned.steps]
            if None in parts:
                yield f"the run {run.id} is completed without {planned.steps[parts.index(None)]}"
            elif run.output != {"key": planned.key, "attempts": [part.attempt for part in parts if part]}:
                yield f"the run {run.id} of {planned.key} returned {run.output}"
    yield from (f"the trigger {key} made {count} runs" for key, count in keys.items() if count > 1)


def _wrong_checkpoints(kept: Kept) -> Iterator[str]:
    for (run_id, step), checkpoint in kept.checkpoints.items():
        if checkpoint.number != _place(step) or checkpoint.padding != (
            LARGE if step.startswith("large") else 0
        ):
            yield f"the checkpoint of {step} of {run_id} is {checkpoint}"
        if (finished := kept.finished.get((run_id, step))) != [checkpoint.attempt]:
            yield (
                f"{step} of {run_id} has a checkpoint of attempt {checkpoint.attempt}; "
                f"in the log it was finished in {finished}"
            )


def _unfinished(journal: Journal, kept: Kept) -> Iterator[str]:
    for trigger in journal.unanswered():
        yield f"the trigger {trigger.key} has no answer"
    for run in kept.runs.values():
        if run.status != "completed":
            yield f"the run {run.id} of {run.input['key']} has not ended: {run.status}"


# ---------------------------------------------------------------- figures


def interrupted(journal: Journal) -> int:
    """How often a step's body began again."""
    begun: Counter[tuple[str, str]] = Counter((body.run_id, body.step) for body in journal.begun())
    return sum(count - 1 for count in begun.values())
