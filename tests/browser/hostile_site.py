"""A site whose jobs do not want to stop."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route

from spa_runtime import bundle, serve
from spa_runtime.headers import Isolation
from tests.browser.browser import Site, app_served
from tests.browser.conftest import sources

JOBS = Path(__file__).parent / "hostile" / "jobs.py"
HOSTILE = {
    "loops": "while True: pass",
    "matches": "a huge regular expression",
    "sums": "sum(range(10**12))",
    "sleeps": "time.sleep(600)",
    "queries": "a long SQL query",
    "excepts": "a loop with a bare except:",
    "swallows": "a loop that swallows the exception",
    "waits": "an await that never returns",
    "fetches": "a fetch that hangs",
    "swallows_waiting": "an await, again and again",
    "recurses": "deep recursion, again and again",
}
DEAF = {"sums", "excepts", "swallows", "swallows_waiting"}
"""What may stop only with its worker: what swallows an exception may be hit by another where it does not."""
AWAITS = {"waits", "fetches", "sleeps"}
"""What is told by the event loop; in ``time.sleep`` that turns where Python can switch its stack."""


@contextmanager
def hostile_site(folder: Path, isolation: Isolation) -> Iterator[Site]:
    planned = replace(sources(JOBS, {**bundle.SPA_OPTIONS, "max_concurrent_runs": 2}), isolation=isolation)
    bundle.write(bundle.plan(planned), folder)
    app = Starlette(routes=[Route("/hang", hang), Mount("/", serve.static_app(folder))])
    with app_served(app, folder) as site:
        yield site


async def hang(request: Request) -> Response:
    """Does not answer."""
    while not await request.is_disconnected():  # noqa: ASYNC110 - nothing else tells
        await asyncio.sleep(0.1)
    return Response()
