"""One request, once it is admitted: what it says, and what it may do."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request

from durably_core import api
from durably_core.asgi.auth import Access, Auth, Guard, called, no_run
from durably_core.asgi.requests import expect_same_site, read_body, read_query
from durably_core.durably import Durably
from durably_core.errors import ForbiddenError
from durably_core.models import Run


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """See ``create_durably_handler``."""

    auth: Auth | None
    on_request: Callable[[], Any] | None
    sse_throttle_ms: int
    max_body_bytes: int
    max_runs: int
    allowed_origins: Collection[str]
    process_token: str | None
    process_budget_ms: int


@dataclass(frozen=True, slots=True)
class Call:
    request: Request
    durably: Durably
    options: Options
    guard: Guard

    @classmethod
    async def admit(cls, request: Request, durably: Durably, options: Options) -> "Call":
        """Raises ``DurablyError`` or ``HTTPException`` for a request that is not let in."""
        expect_same_site(request, options.allowed_origins)
        guard = await Guard.admit(options.auth, request)
        if options.on_request is not None and await called("on_request", options.on_request) is False:
            raise ForbiddenError
        return cls(request, durably, options, guard)

    async def body(self, model: type[api.B]) -> api.B:
        """The body as that model. Raises ``DurablyError`` for one that is too large or does not fit."""
        return api.parsed(model, await read_body(self.request, most_bytes=self.options.max_body_bytes))

    def query(self, model: type[api.B]) -> api.B:
        """The query's parameters as that model. Raises ``ValidationError``."""
        names = [info.alias or name for name, info in model.model_fields.items()]
        return api.parsed(model, read_query(self.request, names))

    async def allowed_run(self, run_id: str, wanted: Access) -> Run:
        """Raises ``NotFoundError`` for a run that does not exist, or not for this user."""
        run = await self.durably.get_run(run_id)
        if run is None:
            raise no_run(run_id)
        await self.guard.access(run, wanted)
        return run
