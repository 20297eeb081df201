"""What every store does the same way, whatever its database: the methods of ``Store`` over named queries."""

import asyncio
import json
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, TypeVar

from pydantic_core import from_json, to_json

from durably_core import events
from durably_core.clock import Clock, from_ms
from durably_core.commands import AlreadyDoneError, current_recording
from durably_core.errors import EventsGoneError, StorageError
from durably_core.events import RunEvent
from durably_core.models import (
    EMPTY_QUEUE,
    NO_OUTCOMES,
    JobQueue,
    JobStats,
    LogEntry,
    Outcomes,
    Row,
    Run,
    RunStatus,
    Step,
)
from durably_core.store.base import (
    Claim,
    ClaimRequest,
    Ended,
    Ending,
    Enqueued,
    KnownCommand,
    Lease,
    LeaseState,
    NewRun,
    NewStep,
    Notes,
    Page,
    Period,
    RunFilter,
)
from durably_core.store.transitions import Session, Transitions

T = TypeVar("T")

UNSETTLED_S = 0.01
"""How soon the log is looked at again where a write with a lower number is not done yet."""

MOST_LOOKS = 5

SETTLED_WITHIN_S = 5.0
"""A write that takes longer is one whose process stands still: nobody can say what it will be."""


@dataclass(frozen=True, slots=True)
class Span:
    """What the log of events holds."""

    oldest: int
    newest: int
    """Up to here nothing can come in between any more."""
    last: int
    """The highest number that was ever given."""

    def reaches(self, after: int) -> bool:
        """Whether all that came after that event is there."""
        return self.oldest - 1 <= after <= self.last


class SQLStore(ABC):
    """A ``Store`` but for its connections, and what databases do each in a way of their own."""

    clock: Clock
    name: str

    @abstractmethod
    async def _read(self, work: Callable[[Session], T]) -> T: ...

    @abstractmethod
    async def _write(
        self, work: Callable[[Transitions], T], *, of_run: str | None = None, is_brief: bool = False
    ) -> T:
        """``work`` may be called more than once, and counts once. Those of one run go in their order.

        ``is_brief``: it waits for no other transaction, so that it may share one with others.
        """

    @abstractmethod
    async def _write_at_any_rate(
        self,
        work: Callable[[Transitions], T],
        when_full: Callable[[Transitions], T] | None = None,
        *,
        of_run: str | None = None,
        is_brief: bool = False,
    ) -> T:
        """For what ends runs or gives room back. Where storage is full, ``when_full`` is done instead."""

    # ------------------------------------------------------------------ transitions

    async def enqueue(self, runs: Sequence[NewRun]) -> list[Enqueued]:
        return await self._write(self._recorded(lambda transitions: transitions.enqueue(runs)))

    async def claim(self, request: ClaimRequest) -> Claim:
        claimed = await self._write(lambda transitions: transitions.claim(request), is_brief=True)
        return claimed()

    async def expire_leases(self, request: ClaimRequest) -> tuple[RunEvent, ...]:
        return await self._write_at_any_rate(lambda transitions: transitions.expire_leases(request))

    async def renew_lease(self, lease: Lease) -> LeaseState:
        return await self._write_at_any_rate(lambda transitions: transitions.renew_lease(lease))

    async def get_lease_state(self, lease: Lease) -> LeaseState:
        return await self._read(lambda session: Transitions(session).lease_state(lease))

    async def save_step(self, lease: Lease, step: NewStep, notes: Notes) -> LeaseState:
        return await self._save(lease, step, notes)

    async def save_notes(self, lease: Lease, notes: Notes) -> LeaseState:
        return await self._save(lease, None, notes)

    async def _save(self, lease: Lease, step: NewStep | None, notes: Notes) -> LeaseState:
        return await self._write(
            lambda transitions: transitions.save(lease, step, notes), of_run=lease.run_id, is_brief=True
        )

    async def end_run(
        self, lease: Lease, ending: Ending, notes: Notes, then_claim: ClaimRequest | None
    ) -> Ended:
        def end(transitions: Transitions) -> Callable[[], Ended]:
            return transitions.end_run(lease, ending, notes, then_claim)

        def only_end(transitions: Transitions) -> Callable[[], Ended]:
            return transitions.end_run(lease, ending, notes, None)

        # In a full storage the run is ended, and no other is begun.
        ended = await self._write_at_any_rate(end, only_end, of_run=lease.run_id, is_brief=True)
        return ended()

    async def cancel_run(self, run_id: str, *, keep_steps: bool) -> RunEvent:
        return await self._write_at_any_rate(
            self._recorded(lambda transitions: transitions.cancel_run(run_id, keep_steps)),
            # Whose code is told to stop meanwhile ends as a cancelled run.
            of_run=run_id,
        )

    async def delete_run(self, run_id: str) -> RunEvent:
        return await self._write_at_any_rate(self._recorded(lambda transitions: transitions.delete_run(run_id)))

    async def purge_runs(self, *, before_ms: int, limit: int) -> tuple[RunEvent, ...]:
        return await self._write_at_any_rate(
            self._recorded(lambda transitions: transitions.purge_runs(before_ms, limit))
        )

    def _recorded(self, work: Callable[[Transitions], T]) -> Callable[[Transitions], T]:
        """The same in a transaction with the answer to the command that asks for it, if one does."""
        recording = current_recording()
        if recording is None:
            return work

        def recorded(transitions: Transitions) -> T:
            session = transitions.session
            session.lock(recording.id)
            # In here: of two that were sent for the same command, both may have found nothing before.
            if (known := session.one("get_command", {"id": recording.id})) is not None:
                raise AlreadyDoneError(from_json(known["answer"]))
            result = work(transitions)
            answer = to_json(recording.answer(result)).decode()
            session.execute("insert_command", {"id": recording.id, "answer": answer, "now": session.now_ms()})
            recording.is_written = True
            return result

        return recorded

    # ------------------------------------------------------------------ reading

    async def get_run(self, run_id: str) -> Run | None:
        row = await self._read(lambda session: session.one("get_run", {"run_id": run_id}))
        return None if row is None else Run.from_row(row)

    async def get_run_and_newest_event(self, run_id: str) -> tuple[Run, int] | None:
        def look(session: Session) -> tuple[Run | None, int, int]:
            # First the number: what happens between the two looks has a higher one.
            newest, last = self._newest(session)
            row = session.one("get_run", {"run_id": run_id})
            run = None if row is None else Run.from_row(row)
            if run is None or run.is_terminal:
                newest, last = self._newest(session)
            return run, newest, last

        run, newest, last = await self._read(look)
        # Whoever learns that it has ended, or is gone, asks no more: that event is to be among those up to the
        # number. Writers beside it may have lower ones, and not be done yet.
        until = time.monotonic() + SETTLED_WITHIN_S
        while newest < last and (run is None or run.is_terminal):
            if time.monotonic() > until:
                raise StorageError(
                    f"What happened to the run {run_id} can't be told yet: another process has begun to write "
                    f"events for more than {SETTLED_WITHIN_S:g} s, and has not ended. Try again."
                )
            await asyncio.sleep(UNSETTLED_S)
            newest = await self.get_newest_event()
        return None if run is None else (run, newest)

    async def get_runs(self, filter: RunFilter, page: Page) -> list[Run]:
        parameters = _parameters(filter) | {
            "limit": -1 if page.limit is None else page.limit,
            "offset": page.offset,
            "cursor": page.cursor,
        }
        query = "get_run_summaries" if page.summary else "get_runs"
        rows = await self._read(lambda session: session.all(query, parameters))
        return [Run.from_row(row) for row in rows]

    async def get_retriggers(self, run_id: str) -> list[Run]:
        rows = await self._read(lambda session: session.all("get_retriggers", {"run_id": run_id}))
        return [Run.from_row(row) for row in rows]

    async def count_runs(self, filter: RunFilter) -> dict[RunStatus, int]:
        rows = await self._read(lambda session: session.all("count_runs", _parameters(filter)))
        return {row["status"]: row["runs"] for row in rows}

    async def get_stats(self, filter: RunFilter, period: Period) -> list[JobStats]:
        parameters = _parameters(filter)
        whole = {**parameters, "since": period.since_ms, "until": period.until_ms}

        def look(session: Session) -> tuple[Sequence[Row], Sequence[Row], Sequence[Row]]:
            return (
                session.all("get_queues", parameters),
                session.all("get_outcomes", {**whole, "bucket": period.until_ms - period.since_ms}),
                session.all("get_outcomes", {**whole, "bucket": period.bucket_ms}),
            )

        found = await self._read(look)
        queues = {row["job_name"]: JobQueue.from_row(row) for row in found[0]}
        totals = {row["job_name"]: Outcomes.from_row(row) for row in found[1]}
        buckets = {
            name: {
                from_ms(period.since_ms + row["bucket"] * period.bucket_ms): Outcomes.from_row(row)
                for row in rows
            }
            for name, rows in groupby(found[2], lambda row: row["job_name"])
        }
        # What ended between two of the looks is in one of them only.
        return [
            JobStats(
                job_name=name,
                queue=queues.get(name, EMPTY_QUEUE),
                total=totals.get(name, NO_OUTCOMES),
                buckets=buckets.get(name, {}),
            )
            for name in sorted({*queues, *totals, *buckets})
        ]

    async def count_unknown_jobs(self, job_names: Sequence[str]) -> dict[str, int]:
        parameters = {"job_names": json.dumps(job_names)}
        rows = await self._read(lambda session: session.all("count_unknown_jobs", parameters))
        return {row["job_name"]: row["runs"] for row in rows}

    async def get_steps(self, run_id: str) -> list[Step]:
        rows = await self._read(lambda session: session.all("get_steps", {"run_id": run_id}))
        return [Step.from_row(row) for row in rows]

    async def get_logs(self, run_id: str) -> list[LogEntry]:
        rows = await self._read(lambda session: session.all("get_logs", {"run_id": run_id}))
        return [LogEntry.from_row(row) for row in rows]

    async def get_events(
        self, *, after: int | None, run_id: str | None, types: Sequence[str] | None, limit: int
    ) -> list[RunEvent]:
        parameters = {
            "after": 0 if after is None else after,
            "run_id": run_id,
            "types": None if types is None else json.dumps(types),
            "limit": limit,
        }
        span, rows = await self._read(lambda session: self._look_into_log(session, "get_events", parameters))
        if after is not None and not span.reaches(after):
            raise EventsGoneError(
                f"There is nothing to go on with after event {after}: the log holds {span.oldest} to "
                f"{span.newest}. Read the runs anew, and go on from {span.newest}."
            )
        return [events.from_row(row) for row in rows if row["sequence"] is not None]

    async def find_changed(self, *, after: int) -> tuple[int, set[str] | None]:
        def look(session: Session) -> tuple[Span, Sequence[Row]]:
            return self._look_into_log(session, "find_changed", {"after": after})

        span, rows = await self._read(look)
        last = span.last
        for _ in range(MOST_LOOKS):
            if span.newest >= last:
                break
            await asyncio.sleep(UNSETTLED_S)
            span, rows = await self._read(look)
        # A write that is never done, of a machine that was unplugged, hides what came after it.
        if span.newest < last or not span.reaches(after):
            return span.newest, None
        return span.newest, {row["run_id"] for row in rows if row["run_id"] is not None}

    async def get_newest_event(self) -> int:
        newest, _last = await self._read(self._newest)
        return newest

    def _newest(self, session: Session, **parameters: int) -> tuple[int, int]:
        """Up to which number all events are there for good, and the last number that was given."""
        found = session.one("get_newest_event", parameters)
        assert found is not None
        return found["newest"], found["last"]

    def _look_into_log(
        self, session: Session, query: str, parameters: Mapping[str, Any]
    ) -> tuple[Span, Sequence[Row]]:
        # First the number, then the events up to it. The oldest comes with them: what is deleted between the
        # two looks is missed.
        newest, last = self._newest(session)
        rows = session.all(query, {**parameters, "newest": newest})
        return Span(rows[0]["oldest"], newest, last), rows

    async def get_command(self, command_id: str) -> KnownCommand | None:
        row = await self._read(lambda session: session.one("get_command", {"id": command_id}))
        return None if row is None else KnownCommand(answer=from_json(row["answer"]))

    # ------------------------------------------------------------------ maintenance

    async def delete_old_commands(self, *, before_ms: int) -> int:
        return await self._delete("delete_old_commands", {"before": before_ms})

    async def prune_events(self, *, keep: int, limit: int) -> int:
        return await self._delete("prune_events", {"keep": keep, "limit": limit})

    async def delete_expired_keys(self) -> int:
        return await self._delete("delete_expired_keys", {})

    async def _delete(self, query: str, parameters: dict[str, int]) -> int:
        def delete(transitions: Transitions) -> int:
            session = transitions.session
            return session.execute(query, parameters | {"now": session.now_ms()}).rowcount

        return await self._write_at_any_rate(delete)


def _parameters(filter: RunFilter) -> dict[str, str | None]:
    parts = {"job_names": filter.job_names, "statuses": filter.statuses, "labels": filter.labels}
    return {name: None if part is None else json.dumps(part) for name, part in parts.items()}
