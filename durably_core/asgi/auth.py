"""Who may do what: an application's hooks, and what follows from them. What goes wrong shows nothing."""

import inspect
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeVar

from starlette.exceptions import HTTPException
from starlette.requests import Request

from durably_core.errors import (
    DurablyError,
    ForbiddenError,
    NotFoundError,
    UnauthorizedError,
    ValidationError,
)
from durably_core.models import Run, RunStatus
from durably_core.store.base import Coalesce, RunFilter

T = TypeVar("T")

Access = Literal["read", "steps", "logs", "subscribe", "cancel", "retrigger", "delete", "join"]
"""What someone wants of a run. ``join``: that a key of a trigger leads to it."""

NOTHING = RunFilter(job_names=())

_log = logging.getLogger("durably")


@dataclass(frozen=True, slots=True, kw_only=True)
class TriggerRequest:
    """A trigger as it was asked for; its input is not validated yet. ``dataclasses.replace`` makes another."""

    job_name: str
    input: Any
    idempotency_key: str | None = None
    idempotency_ttl_ms: int | None = None
    concurrency_key: str | None = None
    coalesce: Coalesce | None = None
    labels: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Auth:
    """The hooks of a server that knows its users. Each may be a plain or an async function.

    A hook refuses by raising ``UnauthorizedError``, ``ForbiddenError``, any other ``DurablyError``, or
    Starlette's ``HTTPException``; also by returning False. Whatever else it raises is logged, and nothing
    is done; the same for an answer that is not one of those it may give.
    """

    authenticate: Callable[[Request], Any]
    """The context of a request, which the other hooks get: the user, the tenant. None: unknown, 401."""

    on_trigger: Callable[[Any, TriggerRequest], Any] | None = None
    """Called with the context and each ``TriggerRequest``, before its input is validated. What it
    returns is triggered instead, of the same job, so that it can set labels; None: what was asked for."""

    on_run_access: Callable[[Any, Run, Access], Any] | None = None
    """Called with the context, a run, and what is wanted of it. True and None allow it. Who is refused gets
    the same 404 as for a run that does not exist. Without it, ``scope_runs`` decides."""

    scope_runs: Callable[[Any, RunFilter], Any] | None = None
    """Called with the context and the ``RunFilter`` of a list; returns the one to use. None: nothing is
    listed. Without it, but with ``on_run_access``, lists are refused."""

    scope_runs_subscribe: Callable[[Any, RunFilter], Any] | None = None
    """The same for events; ``scope_runs`` by default."""

    key_scope: Callable[[Any], Any] | None = None
    """A text for the context, such as a tenant's id: keys of triggers then count within it only. Without
    it, a key that leads to a run that ``on_run_access`` or ``scope_runs`` refuses is answered with 409."""

    @classmethod
    def of(cls, auth: "Auth | Mapping[str, Any] | None") -> "Auth | None":
        """Raises ``ValidationError`` for hooks that can't work."""
        if auth is None or isinstance(auth, Auth):
            return auth
        known = set(cls.__dataclass_fields__)
        if unknown := sorted(set(auth) - known):
            raise ValidationError(f"There is no auth hook {unknown[0]!r}: {', '.join(sorted(known))}.")
        if "authenticate" not in auth:
            raise ValidationError("auth needs authenticate: without it, no other hook knows who asks.")
        return cls(**auth)

    def __post_init__(self) -> None:
        for name in self.__dataclass_fields__:
            hook = getattr(self, name)
            if not callable(hook) and (hook is not None or name == "authenticate"):
                raise ValidationError(f"The auth hook {name} must be a function, not {hook!r}.")


class Guard:
    """What one request may do. Without ``Auth``: everything."""

    def __init__(self, auth: Auth | None, context: Any) -> None:
        self._auth = auth
        self._context = context

    @classmethod
    async def admit(cls, auth: Auth | None, request: Request) -> "Guard":
        """Raises what ``authenticate`` raises, and ``UnauthorizedError`` when it returns nothing."""
        if auth is None:
            return cls(None, None)
        context = await called("authenticate", auth.authenticate, request)
        if context is None or context is False:
            raise UnauthorizedError
        return cls(auth, context)

    @property
    def separates_users(self) -> bool:
        """Whether some users see other runs than others."""
        return self._auth is not None and (
            self._auth.on_run_access is not None or self._auth.scope_runs is not None
        )

    async def trigger(self, asked: TriggerRequest) -> TriggerRequest:
        """The trigger to carry out, with its keys in the user's own scope."""
        auth = self._auth
        if auth is None:
            return asked
        if auth.on_trigger is not None:
            answer = await called("on_trigger", auth.on_trigger, self._context, asked)
            if answer is False:
                raise ForbiddenError
            if answer is not None and answer is not True:
                asked = _of_same_job(asked, _expect("on_trigger", TriggerRequest, answer))
        if auth.key_scope is None:
            return asked
        scope = _expect("key_scope", str, await called("key_scope", auth.key_scope, self._context))
        return replace(
            asked,
            idempotency_key=_scoped(scope, asked.idempotency_key),
            concurrency_key=_scoped(scope, asked.concurrency_key),
        )

    @property
    def may_join(self) -> Callable[[Run], Awaitable[bool]] | None:
        """Whether a key may lead to a run; None: to any."""
        return self._may_join if self.separates_users else None

    async def _may_join(self, run: Run) -> bool:
        try:
            await self.access(run, "join")
        except NotFoundError:
            return False
        return True

    async def access(self, run: Run, wanted: Access) -> None:
        """Raises ``NotFoundError``, word for word that of a run that does not exist."""
        auth = self._auth
        if auth is None:
            return
        try:
            if auth.on_run_access is not None:
                answer = await called("on_run_access", auth.on_run_access, self._context, run, wanted)
                allowed = answer is None or _expect("on_run_access", bool, answer)
            else:
                allowed = matches(await self.scope(RunFilter()), run.job_name, run.labels, run.status)
        except (DurablyError, HTTPException) as refusal:
            raise no_run(run.id) from refusal
        if not allowed:
            raise no_run(run.id)

    async def scope(self, asked: RunFilter) -> RunFilter:
        """The filter for a list."""
        return await self._scoped("scope_runs", asked)

    async def scope_subscribe(self, asked: RunFilter) -> RunFilter:
        """The filter for events."""
        own = self._auth is not None and self._auth.scope_runs_subscribe is not None
        return await self._scoped("scope_runs_subscribe" if own else "scope_runs", asked)

    async def _scoped(self, name: str, asked: RunFilter) -> RunFilter:
        if self._auth is None:
            return asked
        hook = getattr(self._auth, name)
        if hook is not None:
            answer = await called(name, hook, self._context, asked)
            return NOTHING if answer is None or answer is False else _sound(name, answer)
        if self._auth.on_run_access is not None:
            raise ForbiddenError("This server doesn't list runs: it needs the hook scope_runs for that.")
        return asked


async def called(name: str, hook: Callable[..., Any], *arguments: Any) -> Any:
    """What a hook answers. Raises its refusals; what else it raises is logged, and an error of the server."""
    try:
        answer = hook(*arguments)
        answer = await answer if inspect.isawaitable(answer) else answer
        if inspect.isawaitable(answer) or inspect.isgenerator(answer) or inspect.isasyncgen(answer):
            raise TypeError(f"It has not decided yet: it returned {answer!r}.")
        return answer
    except (DurablyError, HTTPException):
        raise
    except Exception as error:
        _log.exception("The hook %s failed.", name)
        raise HookError(f"The server could not decide on this request: its {name} failed.") from error


class HookError(DurablyError):
    """A hook of the server failed."""

    code = "internal"
    status = 500


def matches(filter: RunFilter, job_name: str, labels: Mapping[str, str], *statuses: RunStatus) -> bool:
    """Whether a run of that job, with those labels, that is or was in one of the statuses passes."""
    return (
        (filter.job_names is None or job_name in filter.job_names)
        and (filter.statuses is None or not set(statuses).isdisjoint(filter.statuses))
        and all(labels.get(key) == value for key, value in (filter.labels or {}).items())
    )


def no_run(run_id: str) -> NotFoundError:
    return NotFoundError(f"There is no run {run_id}.")


def _expect(name: str, kind: type[T], answer: Any) -> T:
    if not isinstance(answer, kind):
        _log.error("The hook %s returned %r, not a %s.", name, answer, kind.__name__)
        raise HookError(f"The server could not decide on this request: its {name} failed.")
    return answer


def _of_same_job(asked: TriggerRequest, answer: TriggerRequest) -> TriggerRequest:
    if answer.job_name != asked.job_name:
        _log.error("The hook on_trigger made of a trigger of %r one of %r.", asked.job_name, answer.job_name)
        raise HookError("The server could not decide on this request: its on_trigger failed.")
    return answer


def _sound(name: str, answer: Any) -> RunFilter:
    """A filter whose parts are what they should be. A label of None would match runs without that label, and
    a text in place of several names each job whose name is a part of it."""
    filter = _expect(name, RunFilter, answer)
    parts = (filter.job_names, filter.statuses)
    if all(part is None or _is_texts(part) for part in parts) and (
        filter.labels is None or (isinstance(filter.labels, Mapping) and _is_texts([*filter.labels.values()]))
    ):
        return filter
    _log.error("The hook %s returned %r, whose parts are not texts.", name, filter)
    raise HookError(f"The server could not decide on this request: its {name} failed.")


def _is_texts(part: Any) -> bool:
    several = isinstance(part, tuple | list | set | frozenset)
    return several and all(isinstance(each, str) for each in part)


def _scoped(scope: str, key: str | None) -> str | None:
    # With its length, so that no scope and key together read as another scope and key.
    return key and f"{len(scope)}:{scope}:{key}"
