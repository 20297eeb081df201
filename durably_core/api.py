"""The operations that clients call, whatever carries them: a worker port, HTTP, another tab.

Validation, projection and errors are written here once. Bodies are JSON objects in the wire's
camelCase; each operation's model says what it takes.
"""

import re
from base64 import b64encode
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Annotated, Any, Literal, TypeVar

import pydantic
from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, FailFast, Field, field_validator
from pydantic.alias_generators import to_camel

from durably_core.commands import Command, asked, once
from durably_core.durably import Durably
from durably_core.errors import DurablyError, NotFoundError
from durably_core.events import to_wire
from durably_core.handles import JobHandle
from durably_core.job import explained, job_infos
from durably_core.models import Disposition, Run, RunStatus
from durably_core.options import MAX_MS
from durably_core.triggering import BatchItem

MOST = 10_000
"""Rows or events in one answer, or triggers in one batch: nothing else is written while one is."""

ISO_DATE = re.compile(r"\d{4}-\d\d-\d\dT", re.ASCII)


def _whole(value: Any) -> Any:
    """JSON has one kind of number: 7.0 is as whole as 7."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


Count = Annotated[int, Field(ge=0, le=MAX_MS), BeforeValidator(_whole)]
Limit = Annotated[int, Field(ge=0, le=MOST), BeforeValidator(_whole)]


def _moment(value: Any) -> Any:
    # A number, also one in a text, would be taken for seconds since 1970.
    if not isinstance(value, str) or not ISO_DATE.match(value):
        raise ValueError("Input should be a moment with a time zone, as 2030-12-31T23:59:59Z")
    return value


Moment = Annotated[AwareDatetime, Field(strict=False), BeforeValidator(_moment)]


class Body(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, extra="forbid", strict=True)


B = TypeVar("B", bound=Body)


class Empty(Body):
    pass


class OneRun(Body):
    run_id: str


class OneRunView(OneRun):
    view: Literal["full", "summary"] = "full"


class TriggerItem(Body):
    input: Any
    idempotency_key: str | None = None
    idempotency_ttl_ms: Count | None = None
    concurrency_key: str | None = None
    coalesce: Literal["skip", "queue"] | None = None
    labels: dict[str, Any] | None = None


class Trigger(TriggerItem):
    job_name: str = Field(min_length=1)


class BatchTrigger(Body):
    job_name: str = Field(min_length=1)
    items: Annotated[list[TriggerItem], Field(max_length=MOST), FailFast()]


class RunFilter(Body):
    job_name: str | list[str] | None = None
    status: RunStatus | list[RunStatus] | None = None
    labels: dict[str, str] | None = None


class StatsQuery(RunFilter):
    since: Moment
    until: Moment | None = None
    bucket_ms: Annotated[int, Field(ge=1, le=MAX_MS), BeforeValidator(_whole)] | None = None


class RunQuery(RunFilter):
    limit: Count | None = None
    offset: Count = 0
    cursor: Annotated[str, Field(min_length=1)] | None = None
    view: Literal["full", "summary"] = "full"


class EventQuery(Body):
    after: Count | None = None
    run_id: str | None = None
    types: list[str] | None = None
    limit: Limit = 1000


class Query(Body):
    sql: str = Field(min_length=1)
    parameters: list[Any] | dict[str, Any] = []
    limit: Limit = 1000


class SeveralRuns(Body):
    run_ids: list[str] = Field(min_length=1, max_length=1000, json_schema_extra={"uniqueItems": True})

    @field_validator("run_ids")
    @classmethod
    def _different(cls, run_ids: list[str]) -> list[str]:
        if len(set(run_ids)) < len(run_ids):
            raise ValueError("Each run may be named once")
        return run_ids


class Purge(Body):
    older_than: Moment
    limit: Count = 500


Operation = Callable[[Durably, Any], Awaitable[Any]]


async def call(durably: Durably, operation: str, body: str | bytes, command: Command | None = None) -> Any:
    """The JSON value that an operation answers with. Raises ``DurablyError``, for which see ``to_wire``.

    ``command``: under which the sender may ask again.
    """
    found = OPERATIONS.get(operation)
    if found is None:
        raise NotFoundError(f"There is no operation {operation!r}.")
    model, function = found
    with asked(command):
        return await function(durably, parsed(model, body))


async def perform(durably: Durably, operation: str, body: Body) -> Any:
    """The same for a body that has been parsed, and maybe changed since."""
    return await OPERATIONS[operation][1](durably, body)


def parsed(model: type[B], body: str | bytes) -> B:
    """A request's body as its model. Raises ``ValidationError``."""
    try:
        return model.model_validate_json(body or b"{}")
    except pydantic.ValidationError as error:
        raise explained("The request is not valid", error) from error


async def _jobs(durably: Durably, _body: Empty) -> Any:
    return job_infos({key: handle.job for key, handle in durably.jobs.items()})


async def _trigger(durably: Durably, body: Trigger) -> Any:
    [run] = await _trigger_all(durably, body.job_name, [body])
    return run


async def _batch_trigger(durably: Durably, body: BatchTrigger) -> Any:
    return await _trigger_all(durably, body.job_name, body.items)


async def _trigger_all(durably: Durably, job_name: str, items: Sequence[TriggerItem]) -> Any:
    handle = job_handle(durably, job_name)

    async def trigger() -> Any:
        runs = await handle.batch_trigger([batch_item(item) for item in items])
        return [_triggered(run.id, run.disposition) for run in runs]

    return await once(
        durably.store,
        "trigger",
        trigger,
        lambda enqueued: [_triggered(each.run.id, each.disposition) for each in enqueued],
    )


def _triggered(run_id: str, disposition: Disposition) -> dict[str, Any]:
    return {"runId": run_id, "disposition": disposition}


async def _get_run(durably: Durably, body: OneRunView) -> Any:
    return (await _run(durably, body.run_id)).to_wire(summary=body.view == "summary")


async def _get_runs(durably: Durably, body: RunQuery) -> Any:
    summary = body.view == "summary"
    runs = await durably.get_runs(
        job_name=resolved_job_names(durably, body.job_name),
        status=body.status,
        labels=body.labels,
        limit=body.limit,
        offset=body.offset,
        cursor=body.cursor,
        summary=summary,
    )
    return [run.to_wire(summary=summary) for run in runs]


async def _count_runs(durably: Durably, body: RunFilter) -> Any:
    job_name = resolved_job_names(durably, body.job_name)
    return await durably.count_runs(job_name=job_name, status=body.status, labels=body.labels)


async def _get_stats(durably: Durably, body: StatsQuery) -> Any:
    stats = await durably.get_stats(
        since=body.since,
        until=body.until,
        bucket_ms=body.bucket_ms,
        job_name=resolved_job_names(durably, body.job_name),
        status=body.status,
        labels=body.labels,
    )
    return stats.to_wire()


async def _get_events(durably: Durably, body: EventQuery) -> Any:
    found = await durably.get_events(after=body.after, run_id=body.run_id, types=body.types, limit=body.limit)
    return [to_wire(event, payload=False) for event in found]


async def _get_steps(durably: Durably, body: OneRun) -> Any:
    await _run(durably, body.run_id)
    return [step.to_wire() for step in await durably.get_steps(body.run_id)]


async def _get_logs(durably: Durably, body: OneRun) -> Any:
    await _run(durably, body.run_id)
    await durably.write_notes(body.run_id)
    return [log.to_wire() for log in await durably.get_logs(body.run_id)]


async def _get_retriggers(durably: Durably, body: OneRun) -> Any:
    await _run(durably, body.run_id)
    return [run.to_wire(summary=True) for run in await durably.get_retriggers(body.run_id)]


async def _cancel(durably: Durably, body: OneRun) -> Any:
    return await cancel_run(durably, body.run_id)


async def _retrigger(durably: Durably, body: OneRun) -> Any:
    return await _repeat(durably, body.run_id, "runId")


async def _delete_run(durably: Durably, body: OneRun) -> Any:
    return await delete_run(durably, body.run_id)


async def _query(durably: Durably, body: Query) -> Any:
    found = await durably.query(body.sql, body.parameters, limit=body.limit)
    rows = [
        [b64encode(cell).decode() if isinstance(cell, bytes) else cell for cell in row] for row in found.rows
    ]
    return {"columns": found.columns, "rows": rows, "truncated": found.truncated}


async def _cancel_runs(durably: Durably, body: SeveralRuns) -> Any:
    return await each_run(body, partial(cancel_run, durably))


async def _retrigger_runs(durably: Durably, body: SeveralRuns) -> Any:
    return await each_run(body, partial(retrigger_run, durably))


async def _delete_runs(durably: Durably, body: SeveralRuns) -> Any:
    return await each_run(body, partial(delete_run, durably))


async def cancel_run(durably: Durably, run_id: str) -> dict[str, Any]:
    """What is answered of one run, alone or among several."""
    return await _done_once(durably, f"cancel/{run_id}", lambda: durably.cancel(run_id))


async def retrigger_run(durably: Durably, run_id: str) -> dict[str, Any]:
    """The same among several: ``runId`` is that of the run which is repeated."""
    return await _repeat(durably, run_id, "newRunId")


async def _repeat(durably: Durably, run_id: str, key: str) -> dict[str, Any]:
    """``key``: under which the answer names the new run."""

    async def retrigger() -> dict[str, Any]:
        return {"success": True, key: (await durably.retrigger(run_id)).id}

    answer: dict[str, Any] = await once(
        durably.store,
        f"retrigger/{run_id}",
        retrigger,
        lambda enqueued: {"success": True, key: enqueued[0].run.id},
    )
    return answer


async def delete_run(durably: Durably, run_id: str) -> dict[str, Any]:
    return await _done_once(durably, f"delete/{run_id}", lambda: durably.delete_run(run_id))


async def _done_once(durably: Durably, part: str, work: Callable[[], Awaitable[None]]) -> dict[str, Any]:
    async def done() -> dict[str, Any]:
        await work()
        return {"success": True}

    answer: dict[str, Any] = await once(durably.store, part, done, lambda _event: {"success": True})
    return answer


async def each_run(body: SeveralRuns, work: Callable[[str], Awaitable[dict[str, Any]]]) -> list[dict[str, Any]]:
    """What became of each run, in their order: one that is refused does not stop the others."""
    outcomes = []
    for run_id in body.run_ids:
        try:
            outcomes.append({"runId": run_id, **await work(run_id)})
        except DurablyError as error:
            outcomes.append({"runId": run_id, "success": False, "error": error.message, "code": error.code})
    return outcomes


async def _purge_runs(durably: Durably, body: Purge) -> Any:
    async def purge() -> dict[str, Any]:
        return {"deleted": await durably.purge_runs(older_than=body.older_than, limit=body.limit)}

    return await once(durably.store, "purge", purge, lambda events: {"deleted": len(events)})


OPERATIONS: dict[str, tuple[type[Body], Operation]] = {
    "jobs": (Empty, _jobs),
    "trigger": (Trigger, _trigger),
    "batchTrigger": (BatchTrigger, _batch_trigger),
    "getRun": (OneRunView, _get_run),
    "getRuns": (RunQuery, _get_runs),
    "countRuns": (RunFilter, _count_runs),
    "getStats": (StatsQuery, _get_stats),
    "getEvents": (EventQuery, _get_events),
    "getSteps": (OneRun, _get_steps),
    "getLogs": (OneRun, _get_logs),
    "getRetriggers": (OneRun, _get_retriggers),
    "cancel": (OneRun, _cancel),
    "retrigger": (OneRun, _retrigger),
    "deleteRun": (OneRun, _delete_run),
    "cancelRuns": (SeveralRuns, _cancel_runs),
    "retriggerRuns": (SeveralRuns, _retrigger_runs),
    "deleteRuns": (SeveralRuns, _delete_runs),
    "purgeRuns": (Purge, _purge_runs),
    "query": (Query, _query),
}


async def _run(durably: Durably, run_id: str) -> Run:
    run = await durably.get_run(run_id)
    if run is None:
        raise NotFoundError(f"There is no run {run_id}.")
    return run


def batch_item(asked: Any) -> BatchItem[Any]:
    """A ``TriggerItem``, or what else has all that a trigger may be given, for the engine."""
    return BatchItem(
        input=asked.input,
        idempotency_key=asked.idempotency_key,
        idempotency_ttl_ms=asked.idempotency_ttl_ms,
        concurrency_key=asked.concurrency_key,
        coalesce=asked.coalesce,
        labels=asked.labels,
    )


def resolved_job_names(durably: Durably, named: str | list[str] | None) -> str | list[str] | None:
    """The names of jobs for names or registration keys. Runs of jobs that are no longer known keep theirs."""
    if named is None:
        return None
    handles = {name: durably.get_job(name) for name in ([named] if isinstance(named, str) else named)}
    return [name if handle is None else handle.name for name, handle in handles.items()]


def job_handle(durably: Durably, job_name: str) -> JobHandle[Any, Any]:
    handle = durably.get_job(job_name)
    if handle is None:
        known = ", ".join(handle.name for handle in durably.jobs) or "none"
        raise NotFoundError(f"There is no job {job_name!r}. Jobs: {known}.")
    return handle
