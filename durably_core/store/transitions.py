"""What each write does to a run, its steps and its events. Each method is the inside of one transaction.

Written once for all databases: they differ in their ``.sql`` files, and in what a ``Session`` does.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, TypeVar

from pydantic_core import from_json

from durably_core import events
from durably_core.errors import ConflictError, KeyTakenError, NotFoundError
from durably_core.events import RunEvent
from durably_core.models import Row, Run
from durably_core.store.base import (
    MAX_ATTEMPTS_ERROR,
    Claim,
    Claimed,
    ClaimRequest,
    Ended,
    Ending,
    Enqueued,
    Lease,
    LeaseState,
    NewRun,
    NewStep,
    Notes,
    StepWork,
    Transaction,
)

END_OF_TIME = 2**62

_ENDS = frozenset({"run:complete", "run:fail", "run:requeue"})

T = TypeVar("T")
Numbers = Callable[[], Sequence[int]]


class Cursor(Protocol):
    @property
    def rowcount(self) -> int: ...


class Session(Protocol):
    """A connection on which one transaction comes after the other. Everything here blocks."""

    def now_ms(self) -> int:
        """The time by the clock that all who write to this database go by."""

    def write(self, work: Callable[[], T]) -> T:
        """What ``work`` returns, as one transaction: all of it or nothing."""

    def execute(self, query: str, parameters: Mapping[str, Any]) -> Cursor:
        """Run a named query."""

    def all(self, query: str, parameters: Mapping[str, Any]) -> Sequence[Row]: ...

    def one(self, query: str, parameters: Mapping[str, Any]) -> Row | None: ...

    def changes(self, query: str, parameters: Mapping[str, Any]) -> bool:
        """Run a named query that writes to one row; whether there was that row.

        A session may say so without having asked. Where it was wrong it undoes the transaction, and what was
        to be done is done again, with one that asks.
        """

    def ask(self, query: str, parameters: Mapping[str, Any]) -> Callable[[], Sequence[Row]]:
        """As ``all``, for rows that are looked at later."""

    def lock(self, name: str) -> None:
        """Wait until no other transaction has locked that name. Held until this one ends."""

    def may_claim(self, found: Row) -> Callable[[], bool]:
        """Whether no other transaction is about to claim a run with the same concurrency key."""

    def insert_events(self, rows: Sequence[Mapping[str, Any]]) -> Numbers:
        """Last of all in a transaction. Answers once it is committed with their numbers in the log."""

    def lent(self, is_to_stop: Callable[[], bool]) -> AbstractContextManager[Transaction]:
        """The open transaction in the hands of a step."""


class RefusedError(Exception):
    """Undoes the transaction of a step whose run was cancelled or claimed anew while it executed."""

    def __init__(self, state: LeaseState) -> None:
        super().__init__(state)
        self.state = state


@dataclass(eq=False, slots=True)
class _Wanted:
    """A claim that is asked for in a transaction."""

    request: ClaimRequest
    claim: Claim = field(default_factory=Claim)

    def is_like(self, other: "_Wanted") -> bool:
        return replace(self.request, held={}) == replace(other.request, held={})


class Transitions:
    def __init__(self, session: Session) -> None:
        self.session = session
        self._happened: list[RunEvent] = []
        self._logs: list[tuple[list[RunEvent], Numbers]] = []
        self._wanted: list[_Wanted] = []
        self._execute = session.execute
        self._all = session.all
        self._one = session.one

    def commit(self, work: Callable[[], T]) -> T:
        """What ``work`` returns, as one transaction. Events get their numbers once it is committed."""
        return self._numbered(lambda: self.session.write(self._logged(work)))

    def _logged(self, work: Callable[[], T]) -> Callable[[], T]:
        """The same, and then what has happened, written to the log."""

        def logged() -> T:
            self._happened, self._logs, self._wanted = [], [], []
            result = work()
            self.finish()
            return result

        return logged

    @property
    def is_news(self) -> bool:
        """Whether the last transaction wrote to the log: then others may want to hear of it."""
        return bool(self._logs)

    def finish(self) -> None:
        """What is left to the end: claims that are wanted, and to write to the log what has happened."""
        while self._wanted:
            first = self._wanted[0]
            alike = [wanted for wanted in self._wanted if wanted.is_like(first)]
            self._wanted = [wanted for wanted in self._wanted if not wanted.is_like(first)]
            self._claim_for(alike)
        if self._happened:
            numbers = self.session.insert_events([_row(event) for event in self._happened])
            self._logs.append((self._happened, numbers))
            self._happened = []

    def _numbered(self, commit: Callable[[], T]) -> T:
        result = commit()
        for happened, numbers in self._logs:
            for event, sequence in zip(happened, numbers(), strict=True):
                events.stamp(event, sequence)
        return result

    # ------------------------------------------------------------------ trigger

    def enqueue(self, runs: Sequence[NewRun]) -> list[Enqueued]:
        enqueued = []
        taken: frozenset[str] = frozenset()
        for place, run in enumerate(runs):
            try:
                enqueued.append(self._enqueue(run))
            except KeyTakenError as error:
                taken |= error.run_ids
            except ConflictError as error:
                if len(runs) == 1:
                    raise
                raise ConflictError(f"Item {place} of the batch: {error.message}") from error
        if taken:
            raise KeyTakenError(taken)
        self._write_events(item.event for item in enqueued if item.event is not None)
        return enqueued

    def _enqueue(self, new: NewRun) -> Enqueued:
        now = self.session.now_ms()
        if new.idempotency_key is not None:
            self.session.lock(f"{new.job_name}:{new.idempotency_key}")
            same = {"job_name": new.job_name, "key": new.idempotency_key, "now": now}
            if row := self._one("find_idempotent", same):
                _expect_joinable(new, row["run_id"])
                if new.same_input and row["input_hash"] not in (None, _hash(new.input)):
                    raise ConflictError(
                        f"The idempotency key {new.idempotency_key!r} stands for the run {row['run_id']}, "
                        "which was triggered with another input. Use another key for another input."
                    )
                return Enqueued(run=self._must_get(row["run_id"]), disposition="idempotent")
        while (run := self._insert(new, now)) is None:
            waiting = {"job_name": new.job_name, "concurrency_key": new.concurrency_key}
            if row := self._one("find_waiting", waiting):
                _expect_joinable(new, row["id"])
                return self._coalesce(new, row["id"], now)
            # It has begun between the two looks: there is room for another.
        self._save_key(new, run.id, now)
        trigger = events.RunTrigger(**_subject(run), timestamp_ms=now, input=run.input)
        return Enqueued(run=run, disposition="created", event=trigger)

    def _insert(self, new: NewRun, now: int) -> Run | None:
        """None: another waits with its concurrency key, and is to be coalesced with."""
        columns = {
            "id": new.id,
            "job_name": new.job_name,
            "labels": json.dumps(new.labels),
            "idempotency_key": new.idempotency_key,
            "concurrency_key": new.concurrency_key,
            "retriggered_from": new.retriggered_from,
            "input": new.input,
            "now": now,
        }
        row = self._one("insert_run", columns)
        if row is None:
            if new.coalesce is None:
                raise _waits_already(new)
            return None
        self._execute("insert_payload", {"id": new.id, "input": new.input})
        self._insert_labels(new.id, new.labels)
        return Run.from_row(row)

    def _coalesce(self, new: NewRun, run_id: str, now: int) -> Enqueued:
        before = self._must_get(run_id)
        # The key stands for this run from now on: a retry of this trigger must not make another.
        self._save_key(new, run_id, now)
        if new.coalesce == "queue":
            self._execute("replace_trigger", {"id": run_id, "labels": json.dumps(new.labels), "now": now})
            self._execute("replace_input", {"id": run_id, "input": new.input})
            self._execute("delete_labels", {"id": run_id})
            self._insert_labels(run_id, new.labels)
            run, skipped_input, skipped_labels = self._must_get(run_id), before.input, before.labels
        else:
            run, skipped_input, skipped_labels = before, from_json(new.input), new.labels
        coalesced = events.RunCoalesced(
            **_subject(run), timestamp_ms=now, skipped_input=skipped_input, skipped_labels=skipped_labels
        )
        return Enqueued(run=run, disposition="coalesced", event=coalesced)

    def _save_key(self, new: NewRun, run_id: str, now: int) -> None:
        if new.idempotency_key is not None:
            expires_at = None if new.idempotency_ttl_ms is None else now + new.idempotency_ttl_ms
            self._execute(
                "save_idempotency_key",
                {
                    "job_name": new.job_name,
                    "key": new.idempotency_key,
                    "run_id": run_id,
                    "input_hash": _hash(new.input),
                    "expires_at": expires_at,
                },
            )

    def _insert_labels(self, run_id: str, labels: dict[str, str]) -> None:
        for key, value in labels.items():
            self._execute("insert_label", {"run_id": run_id, "key": key, "value": value})

    # ------------------------------------------------------------------ claim

    def claim(self, request: ClaimRequest) -> Callable[[], Claim]:
        """Made at the end of the transaction, after all that frees a key; answers then.

        Several in one transaction are made together: each would have to see what the one before it has taken.
        """
        wanted = _Wanted(request)
        self._wanted.append(wanted)
        return lambda: wanted.claim

    def _claim_for(self, alike: Sequence[_Wanted]) -> None:
        request = alike[0].request
        if len(alike) > 1:
            held = {
                run_id: generation for wanted in alike for run_id, generation in wanted.request.held.items()
            }
            request = replace(request, held=held)
        now = self.session.now_ms()
        expired = self._requeue_expired(request, now, expired_at=now)
        found = self._find_next(request, now, len(alike), [])
        # One that is given up here is not pending any more when it is claimed.
        happened = self._requeued(expired(), request, now)
        claimed = self._lease(found, request, now, len(alike))
        for wanted in alike:
            each = claimed.pop(0) if claimed else None
            if each is not None:
                happened.append(_leased(each.run, now))
            # What ran out is told once, by the first of them.
            wanted.claim = Claim(claimed=each, events=tuple(happened))
            self._write_events(happened)
            happened = []

    def _lease(
        self, find: Callable[[], Sequence[Row]], request: ClaimRequest, now: int, count: int
    ) -> list[Claimed]:
        lease = {
            "worker_id": request.worker_id,
            "lease_ms": request.lease_ms,
            "now": now,
            "held": _held(request),
        }
        passed: list[str] = []
        runs: list[Run] = []
        while len(runs) < count and (found := find()):
            may_claim = [(row["id"], self.session.may_claim(row)) for row in found]
            asked = [
                self.session.ask("claim", lease | {"run_id": run_id}) for run_id, may in may_claim if may()
            ]
            # None of one whose key another has, or is just about to.
            runs += [Run.from_row(row) for claimed in asked for row in claimed()]
            passed += [row["id"] for row in found]
            find = self._find_next(request, now, count - len(runs), passed)
        return self._claimed(runs)

    def _find_next(
        self, request: ClaimRequest, now: int, count: int, passed: list[str]
    ) -> Callable[[], Sequence[Row]]:
        """Asks for so many, or fewer."""
        among = {
            "job_names": json.dumps(request.job_names),
            "now": now,
            "held": _held(request),
            "passed": json.dumps(passed),
            "wanted": count,
        }
        if request.run_ids is None:
            rows = self.session.ask("find_next", among)
        else:
            rows = self.session.ask("find_next_of", among | {"run_ids": json.dumps(sorted(request.run_ids))})
        return lambda: [row for row in rows() if row["id"] is not None]

    def _claimed(self, runs: Sequence[Run]) -> list[Claimed]:
        # A first attempt has no checkpoints: nothing to look for.
        again = [run.id for run in runs if run.attempt > 1]
        asked = {run_id: self.session.ask("get_checkpoints", {"run_id": run_id}) for run_id in again}
        checkpoints = {run_id: {row["name"]: row["output"] for row in rows()} for run_id, rows in asked.items()}
        return [Claimed(run=run, checkpoints=checkpoints.get(run.id, {})) for run in runs]

    def expire_leases(self, request: ClaimRequest) -> tuple[RunEvent, ...]:
        now = self.session.now_ms()
        expired = self._requeue_expired(request, now, expired_at=END_OF_TIME)
        happened = self._requeued(expired(), request, now)
        for row in self._all("release_cancelled", {"now": now}):
            happened.append(events.RunStop(**_subject(Run.from_row(row)), timestamp_ms=now))
        self._write_events(happened)
        return tuple(happened)

    def _requeue_expired(self, request: ClaimRequest, now: int, expired_at: int) -> Callable[[], Sequence[Row]]:
        expired = {"now": now, "expired_at": expired_at, "held": _held(request)}
        return self.session.ask("requeue_expired", expired)

    def _requeued(self, rows: Sequence[Row], request: ClaimRequest, now: int) -> list[RunEvent]:
        happened: list[RunEvent] = []
        for run in sorted(map(Run.from_row, rows), key=lambda run: run.id):
            if run.attempts_since_step >= request.max_attempts and run.job_name in request.job_names:
                happened.append(self._give_up(run, request, now))
                continue
            happened.append(
                events.RunRequeue(**_subject(run), timestamp_ms=now, reason="expired", attempt=run.attempt)
            )
        return happened

    def _give_up(self, run: Run, request: ClaimRequest, now: int) -> RunEvent:
        message = (
            f"Given up: the run was begun {run.attempts_since_step} times without finishing a step, and each "
            "time its worker died or stalled. Look at what the next step does, then retrigger the run."
        )
        error = {"error": message, "error_type": MAX_ATTEMPTS_ERROR}
        self._execute("give_up", error | {"run_id": run.id, "now": now})
        if not request.keep_steps:
            self._delete("delete_steps", run.id)
        return events.RunFail(**_subject(run), timestamp_ms=now, error=message, failed_step_name=None)

    # ------------------------------------------------------------------ what the holder of a lease writes

    def renew_lease(self, lease: Lease) -> LeaseState:
        row = self._one("renew_lease", self._guard(lease))
        if row is None:
            return "lost"
        return "held" if row["status"] == "leased" else "cancelled"

    def save(self, lease: Lease, step: NewStep | None, notes: Notes) -> LeaseState:
        completed = step is not None and step.status == "completed"
        guard = self._guard(lease) | {
            "step_index": step.index + 1 if step is not None and completed else 0,
            "completed_steps": int(completed),
            "progress": notes.progress,
        }
        if not self.session.changes("save_notes", guard):
            return self.lease_state(lease)
        if step is not None:
            self._insert_step(lease, step, guard["now"])
        self._write_notes(lease, notes)
        return "held"

    def run_transaction(
        self, lease: Lease, work: StepWork, notes: Notes, is_to_stop: Callable[[], bool]
    ) -> LeaseState:
        # Before the work: whoever has lost the run does not even begin.
        if (state := self.lease_state(lease)) != "held":
            return state
        with self.session.lent(is_to_stop) as transaction:
            step, event = work(transaction)
        saved = self.save(lease, step, replace(notes, events=(*notes.events, event)))
        if saved != "held":
            raise RefusedError(saved)
        return "held"

    def end_run(
        self, lease: Lease, ending: Ending, notes: Notes, then_claim: ClaimRequest | None
    ) -> Callable[[], Ended]:
        state, stop = self._end(lease, ending, notes)
        claim = Claim if then_claim is None else self.claim(then_claim)
        return lambda: Ended(state=state, stop=stop, claim=claim())

    def _end(self, lease: Lease, ending: Ending, notes: Notes) -> tuple[LeaseState, RunEvent | None]:
        guard = self._guard(lease)
        if ending.status == "released":
            give_back = {"progress": notes.progress, "forgiven": int(ending.forgiven)}
            ended = self.session.changes("give_back", guard | give_back)
        elif ending.status != "cancelled":
            outcome = {"status": ending.status, "failed_step_name": ending.failed_step_name}
            finish = guard | outcome | _error_columns(ending) | {"progress": notes.progress}
            ended = self.session.changes("finish_run", finish)
        else:
            ended = False
        if not ended:
            return self._release_cancelled(lease, ending, notes, guard)
        if ending.output is not None:
            self._execute("save_output", {"run_id": lease.run_id, "output": ending.output})
        if not ending.keep_steps and ending.status != "released":
            self._delete("delete_steps", lease.run_id)
        self._write_notes(lease, notes)
        return "held", None

    def _release_cancelled(
        self, lease: Lease, ending: Ending, notes: Notes, guard: dict[str, Any]
    ) -> tuple[LeaseState, RunEvent | None]:
        """The run was cancelled, before its code ended or while it did."""
        if self._execute("release_run", guard).rowcount == 0:
            return "lost", None
        if not ending.keep_steps:
            self._delete("delete_steps", lease.run_id)
        run = self._must_get(lease.run_id)
        stop = events.RunStop(**_subject(run), timestamp_ms=guard["now"])
        # What the code told before it stopped; not the end that it did not come to.
        told = tuple(event for event in notes.events if event.type not in _ENDS)
        self._write_notes(lease, replace(notes, events=(*told, stop)))
        return "cancelled", stop

    def _guard(self, lease: Lease) -> dict[str, Any]:
        return {
            "run_id": lease.run_id,
            "generation": lease.generation,
            "lease_ms": lease.lease_ms,
            "now": self.session.now_ms(),
        }

    def lease_state(self, lease: Lease) -> LeaseState:
        row = self._one("get_run_status", {"run_id": lease.run_id})
        if row is None or row["lease_generation"] != lease.generation:
            return "lost"
        return {"leased": "held", "cancelled": "cancelled"}.get(row["status"], "lost")  # type: ignore[return-value]

    def _insert_step(self, lease: Lease, step: NewStep, now: int) -> None:
        self._execute(
            "insert_step",
            {
                "run_id": lease.run_id,
                "name": step.name,
                "step_index": step.index,
                "status": step.status,
                "output": step.output,
                "started_at": step.started_at,
                "now": now,
                "build": lease.build,
            }
            | _error_columns(step),
        )

    def _write_notes(self, lease: Lease, notes: Notes) -> None:
        for log in notes.logs:
            self._execute(
                "insert_log",
                {
                    "run_id": lease.run_id,
                    "id": log.id,
                    "step_name": log.step_name,
                    "level": log.level,
                    "message": log.message,
                    "data": log.data,
                    "created_at": log.created_at,
                },
            )
        self._write_events(notes.events)

    # ------------------------------------------------------------------ cancel, delete, purge

    def cancel_run(self, run_id: str, keep_steps: bool) -> RunEvent:
        now = self.session.now_ms()
        row = self._one("cancel_run", {"run_id": run_id, "now": now})
        run = self._must_get(run_id)
        if row is None:
            raise ConflictError(f"The run {run_id} can't be cancelled: it is {run.status}.")
        # Its code may still run, but writes nothing any more; and if it is dead, no one comes to tidy up.
        if not keep_steps:
            self._delete("delete_steps", run_id)
        cancel = events.RunCancel(**_subject(run), timestamp_ms=now)
        self._write_events([cancel])
        return cancel

    def delete_run(self, run_id: str) -> RunEvent:
        now = self.session.now_ms()
        run = self._must_get(run_id)
        if self._execute("delete_run", {"run_id": run_id, "now": now}).rowcount == 0:
            state = run.status if not run.is_terminal else "cancelled, but its code has not stopped yet"
            raise ConflictError(f"The run {run_id} can't be deleted: it is {state}.")
        return self._deleted([_subject(run)], now, "deleted")[0]

    def purge_runs(self, before_ms: int, limit: int) -> tuple[RunEvent, ...]:
        now = self.session.now_ms()
        rows = self._all("purge_runs", {"before": before_ms, "limit": limit, "now": now})
        return self._deleted([_subject_of_row(row) for row in rows], now, "purged")

    def _deleted(self, subjects: list[dict[str, Any]], now: int, reason: Any) -> tuple[RunEvent, ...]:
        run_ids = [subject["run_id"] for subject in subjects]
        self._delete("delete_steps", *run_ids)
        self._delete("delete_logs", *run_ids)
        deleted = [events.RunDelete(**subject, timestamp_ms=now, reason=reason) for subject in subjects]
        self._write_events(deleted)
        return tuple(deleted)

    # ------------------------------------------------------------------ parts

    def _delete(self, query: str, *run_ids: str) -> None:
        self._execute(query, {"run_ids": json.dumps(run_ids)})

    def _must_get(self, run_id: str) -> Run:
        row = self._one("get_run", {"run_id": run_id})
        if row is None:
            raise NotFoundError(f"There is no run {run_id}.")
        return Run.from_row(row)

    def _write_events(self, happened: Iterable[RunEvent]) -> None:
        self._happened.extend(happened)


def _row(event: RunEvent) -> dict[str, Any]:
    return {
        "type": event.type,
        "run_id": event.run_id,
        "job_name": event.job_name,
        "labels": json.dumps(event.labels) if event.labels else "{}",
        "data": events.to_data(event),
        "created_at": event.timestamp_ms,
    }


def _waits_already(new: NewRun) -> ConflictError:
    hint = (
        "Trigger with coalesce='skip' to be content with it, or with coalesce='queue' to give it the new input."
        if new.retriggered_from is None
        else "Let it end, or cancel it, before this."
    )
    return ConflictError(
        f"A run of {new.job_name!r} with the concurrency key {new.concurrency_key!r} is already waiting. {hint}"
    )


def _expect_joinable(new: NewRun, run_id: str) -> None:
    # Before anything is said or done about the run that is there.
    if new.may_join is not None and run_id not in new.may_join:
        raise KeyTakenError(frozenset({run_id}))


def _hash(input: str) -> str:
    """Of the JSON value, however its keys are ordered."""
    canonical = json.dumps(from_json(input), sort_keys=True)
    return hashlib.sha256(canonical.encode()).hexdigest()


def _subject(run: Run) -> dict[str, Any]:
    return {"run_id": run.id, "job_name": run.job_name, "labels": run.labels}


def _subject_of_row(row: Row) -> dict[str, Any]:
    return {"run_id": row["id"], "job_name": row["job_name"], "labels": from_json(row["labels"])}


def _leased(run: Run, now: int) -> RunEvent:
    assert run.lease_owner is not None
    assert run.lease_expires_at is not None
    return events.RunLeased(
        **_subject(run),
        timestamp_ms=now,
        input=run.input,
        lease_owner=run.lease_owner,
        lease_expires_at=run.lease_expires_at,
        attempt=run.attempt,
    )


def _error_columns(ended: NewStep | Ending) -> dict[str, str | None]:
    error = ended.error
    if error is None:
        return {"error": None, "error_type": None, "error_traceback": None}
    return {"error": error.message, "error_type": error.type, "error_traceback": error.traceback}


def _held(request: ClaimRequest) -> str:
    return json.dumps(dict(request.held))
