"""What can be asked for, one function per route."""

import contextlib
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from pydantic_core import to_json
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from durably_core import api
from durably_core.asgi.auth import Access, TriggerRequest, matches
from durably_core.asgi.call import Call
from durably_core.asgi.streams import (
    EventStream,
    Throttle,
    following,
    lines_of_run,
    lines_of_runs,
    nothing_more,
    statuses_of,
)
from durably_core.durably import Durably
from durably_core.errors import (
    DurablyError,
    EventsGoneError,
    ForbiddenError,
    NotFoundError,
    UnauthorizedError,
    ValidationError,
)
from durably_core.events import RunEvent, to_wire
from durably_core.feed import READ_LIMIT
from durably_core.store.base import RunFilter
from durably_core.triggering import check_labels
from durably_core.waiting import ENDS, snapshot

F = TypeVar("F", bound=api.RunFilter)

Endpoint = Callable[[Call], Awaitable[ASGIApp]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    method: str
    path: str
    endpoint: Endpoint
    model: type[api.Body]
    """What the query holds, or the body."""

    @property
    def has_body(self) -> bool:
        return self.method == "POST" and self.model is not api.OneRun


# ---------------------------------------------------------------- trigger


async def trigger(call: Call) -> ASGIApp:
    body = await call.body(api.Trigger)
    [answer] = await _triggered(call, body.job_name, [body])
    return answered(answer)


async def batch_trigger(call: Call) -> ASGIApp:
    body = await call.body(api.BatchTrigger)
    return answered(await _triggered(call, body.job_name, body.items))


async def _triggered(call: Call, job_name: str, items: list[Any]) -> list[dict[str, Any]]:
    job = api.job_handle(call.durably, job_name).job
    asked = [
        await call.guard.trigger(
            TriggerRequest(
                job_name=job.name,
                input=item.input,
                idempotency_key=item.idempotency_key,
                idempotency_ttl_ms=item.idempotency_ttl_ms,
                concurrency_key=item.concurrency_key,
                coalesce=item.coalesce,
                labels=item.labels or {},
            )
        )
        for item in items
    ]
    batch = [api.batch_item(each) for each in asked]
    runs = await call.durably.trigger_all(job, batch, may_join=call.guard.may_join)
    return [{"runId": run.id, "disposition": run.disposition} for run in runs]


# ---------------------------------------------------------------- one run


def of_one_run(operation: str, wanted: Access, model: type[api.OneRun] = api.OneRun) -> Endpoint:
    """An operation on the run that the query names."""

    async def endpoint(call: Call) -> ASGIApp:
        body = call.query(model)
        await call.allowed_run(body.run_id, wanted)
        return answered(await api.perform(call.durably, operation, body))

    return endpoint


async def get_retriggers(call: Call) -> ASGIApp:
    """Those that this user may read: a hook may tell them apart by more than what they share."""
    run_id = call.query(api.OneRun).run_id
    await call.allowed_run(run_id, "read")
    found = []
    for run in await call.durably.get_retriggers(run_id):
        with contextlib.suppress(NotFoundError):
            await call.allowed_run(run.id, "read")
            found.append(run.to_wire(summary=True))
    return answered(found)


def of_several_runs(work: Callable[[Durably, str], Awaitable[dict[str, Any]]], wanted: Access) -> Endpoint:
    """The same for each run that the body names. What is refused does not stop the others."""

    async def endpoint(call: Call) -> ASGIApp:
        async def allowed(run_id: str) -> dict[str, Any]:
            await call.allowed_run(run_id, wanted)
            return await work(call.durably, run_id)

        return answered(await api.each_run(await call.body(api.SeveralRuns), allowed))

    return endpoint


# ---------------------------------------------------------------- lists


async def get_runs(call: Call) -> ASGIApp:
    query = call.query(api.RunQuery)
    limit = call.options.max_runs if query.limit is None else query.limit
    if limit > call.options.max_runs:
        raise ValidationError(f"limit may be {call.options.max_runs} at most: go on with cursor or offset.")
    scoped = _narrowed(query, await call.guard.scope(_filter(call, query)))
    return answered(await api.perform(call.durably, "getRuns", scoped.model_copy(update={"limit": limit})))


def of_scoped_runs(operation: str, model: type[api.RunFilter]) -> Endpoint:
    """What an operation tells of all runs that a filter names, as far as the user may see them."""

    async def endpoint(call: Call) -> ASGIApp:
        query = call.query(model)
        scoped = _narrowed(query, await call.guard.scope(_filter(call, query)))
        return answered(await api.perform(call.durably, operation, scoped))

    return endpoint


async def get_events(call: Call) -> ASGIApp:
    """The log, as far as the user may see it."""
    query = call.query(api.EventQuery)
    if query.run_id is None:
        scope = await call.guard.scope_subscribe(RunFilter())
    else:
        await call.allowed_run(query.run_id, "subscribe")
        scope = RunFilter()
    found: list[RunEvent] = []
    after = query.after
    # Of the log of all users, a few events may be all that this one sees.
    page = max(query.limit, READ_LIMIT)
    while len(found) < query.limit:
        read = await call.durably.get_events(after=after, run_id=query.run_id, types=query.types, limit=page)
        found += [event for event in read if _passes(scope, event)]
        if len(read) < page:
            break
        after = read[-1].sequence
    return answered([to_wire(event, payload=False) for event in found[: query.limit]])


async def jobs(call: Call) -> ASGIApp:
    return answered(await api.perform(call.durably, "jobs", call.query(api.Empty)))


async def purge_runs(call: Call) -> ASGIApp:
    body = await call.body(api.Purge)
    if call.guard.separates_users:
        raise ForbiddenError(
            "Runs belong to several users here: purge them with `durably purge`, on the server."
        )
    return answered(await api.perform(call.durably, "purgeRuns", body))


def _filter(call: Call, query: api.RunFilter) -> RunFilter:
    names = api.resolved_job_names(call.durably, query.job_name)
    statuses = [query.status] if isinstance(query.status, str) else query.status
    return RunFilter(
        job_names=None if names is None else tuple(names),
        statuses=None if statuses is None else tuple(statuses),
        labels=None if query.labels is None else check_labels(query.labels),
    )


def _narrowed(query: F, filter: RunFilter) -> F:
    return query.model_copy(
        update={
            "job_name": None if filter.job_names is None else list(filter.job_names),
            "status": None if filter.statuses is None else list(filter.statuses),
            "labels": filter.labels,
        }
    )


# ---------------------------------------------------------------- streams


async def subscribe(call: Call) -> ASGIApp:
    """One run, up to its end: first where it is, or what came after ``Last-Event-ID``."""
    run_id = call.query(api.OneRun).run_id
    run = await call.allowed_run(run_id, "subscribe")
    position, first = await _resumed(call), list[RunEvent]()
    if position is None:
        run, position = await call.durably.get_run_and_newest_event(run_id)
        first = list(snapshot(run, position))
    elif run.is_terminal:
        run, _ = await call.durably.get_run_and_newest_event(run_id)  # its end is in the log from here on
        if not await call.durably.get_events(after=position, run_id=run_id, types=sorted(ENDS), limit=1):
            # It was told already; that the code of a cancelled run has stopped may come after it.
            return EventStream(nothing_more(), position=position)
    lines = partial(
        lines_of_run,
        durably=call.durably,
        run=run,
        first=first,
        throttle=Throttle(call.options.sse_throttle_ms),
    )
    return EventStream(following(call.durably.feed, position, lines), position=position)


async def subscribe_to_runs(call: Call) -> ASGIApp:
    """All runs that pass the filter, for as long as someone listens."""
    filter = await call.guard.scope_subscribe(_filter(call, call.query(api.RunFilter)))
    position = await _resumed(call)
    if position is None:
        newest = await call.durably.get_newest_event()
        # One event for those who come back too late to a list: from it they learn that they must look.
        position = max(0, newest - 1) if _last_event_id(call) is not None else newest
    throttle = Throttle(call.options.sse_throttle_ms)
    lines = partial(lines_of_runs, wanted=partial(_passes, filter), throttle=throttle)
    return EventStream(following(call.durably.feed, position, lines), position=position)


async def _resumed(call: Call) -> int | None:
    """The event after which to go on. None: begin anew, because none was named, or the log no longer
    reaches back to it.

    In the second case, who sends ``Durably-Resume: exact`` is told by an ``EventsGoneError``. An
    EventSource would never come back after that.
    """
    position = _last_event_id(call)
    if position is None:
        return None
    try:
        await call.durably.get_events(after=position, limit=0)
    except EventsGoneError:
        if call.request.headers.get("durably-resume") == "exact":
            raise
        return None
    return position


def _last_event_id(call: Call) -> int | None:
    text = call.request.headers.get("last-event-id", "").strip()
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 16):
        raise ValidationError(f"Last-Event-ID must be the number of an event, not {text!r}.")
    return int(text)


def _passes(filter: RunFilter, event: RunEvent) -> bool:
    return matches(filter, event.job_name, event.labels, *statuses_of(event))


# ---------------------------------------------------------------- for machines


async def healthz(request: Request) -> ASGIApp:
    """Whether the database can be read. Needs no user, and tells nothing of runs."""
    durably: Durably = request.state.durably_handler.durably
    try:
        await durably.get_newest_event()
    except DurablyError as error:
        return answered({"status": "failing", "code": error.code}, status=503)
    return answered({"status": "ok", "worker": durably.worker_state})


async def process(request: Request) -> ASGIApp:
    """Execute what waits, for a limited time: for a scheduler that calls now and then."""
    durably, options = request.state.durably_handler.durably, request.state.durably_handler.options
    if options.process_token is None:
        raise NotFoundError("There is no /process here: it needs the option process_token.")
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not secrets.compare_digest(
        token.strip().encode(), options.process_token.encode()
    ):
        raise UnauthorizedError("Send the process_token as Authorization: Bearer.")
    await durably.migrate()
    return answered({"begun": await durably.process_until_idle(budget_ms=options.process_budget_ms)})


def answered(value: Any, *, status: int = 200) -> Response:
    """Not through Starlette's JSONResponse: that has no words for NaN and infinity."""
    text = to_json(value, inf_nan_mode="null")
    return Response(text, status_code=status, media_type="application/json")


ROUTES: tuple[Route, ...] = (
    Route(method="POST", path="/trigger", endpoint=trigger, model=api.Trigger),
    Route(method="POST", path="/trigger/batch", endpoint=batch_trigger, model=api.BatchTrigger),
    Route(method="GET", path="/runs", endpoint=get_runs, model=api.RunQuery),
    Route(
        method="GET",
        path="/runs/count",
        endpoint=of_scoped_runs("countRuns", api.RunFilter),
        model=api.RunFilter,
    ),
    Route(
        method="GET",
        path="/runs/stats",
        endpoint=of_scoped_runs("getStats", api.StatsQuery),
        model=api.StatsQuery,
    ),
    Route(
        method="GET",
        path="/run",
        endpoint=of_one_run("getRun", "read", api.OneRunView),
        model=api.OneRunView,
    ),
    Route(method="GET", path="/steps", endpoint=of_one_run("getSteps", "steps"), model=api.OneRun),
    Route(method="GET", path="/logs", endpoint=of_one_run("getLogs", "logs"), model=api.OneRun),
    Route(method="GET", path="/retriggers", endpoint=get_retriggers, model=api.OneRun),
    Route(method="GET", path="/jobs", endpoint=jobs, model=api.Empty),
    Route(method="GET", path="/events", endpoint=get_events, model=api.EventQuery),
    Route(method="POST", path="/cancel", endpoint=of_one_run("cancel", "cancel"), model=api.OneRun),
    Route(method="POST", path="/retrigger", endpoint=of_one_run("retrigger", "retrigger"), model=api.OneRun),
    Route(method="DELETE", path="/run", endpoint=of_one_run("deleteRun", "delete"), model=api.OneRun),
    Route(
        method="POST",
        path="/runs/cancel",
        endpoint=of_several_runs(api.cancel_run, "cancel"),
        model=api.SeveralRuns,
    ),
    Route(
        method="POST",
        path="/runs/retrigger",
        endpoint=of_several_runs(api.retrigger_run, "retrigger"),
        model=api.SeveralRuns,
    ),
    Route(
        method="POST",
        path="/runs/delete",
        endpoint=of_several_runs(api.delete_run, "delete"),
        model=api.SeveralRuns,
    ),
    Route(method="POST", path="/runs/purge", endpoint=purge_runs, model=api.Purge),
    Route(method="GET", path="/subscribe", endpoint=subscribe, model=api.OneRun),
    Route(method="GET", path="/runs/subscribe", endpoint=subscribe_to_runs, model=api.RunFilter),
)
