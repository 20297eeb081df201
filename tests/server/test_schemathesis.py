"""Schemathesis tries what the OpenAPI document allows and what not: no 5xx, no answer that it does not know."""

import asyncio
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, seed, settings
from schemathesis.core.result import Ok
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance
from starlette.applications import Starlette
from starlette.routing import Mount

from durably_core import Durably, create_durably, define_job
from durably_core.asgi import create_durably_handler, lifespan
from durably_core.asgi.openapi import openapi
from durably_core.asgi.routes import ROUTES
from tests.browser.browser import app_served
from tests.server.conftest import Count, Total, count, fail

EXAMPLES = 100
STREAMS = ["/subscribe", "/runs/subscribe"]
"""Without an end: tested on their own."""


class World:
    """An app whose engine has runs of all kinds, and whose ids are known."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.run_ids: list[str] = []

    def engine(self) -> Durably:
        return create_durably(
            database=str(self._folder / "durably.db"),
            jobs={
                "count": define_job(name="count", input=Count, output=Total, run=count),
                "fail": define_job(name="fail", input=Count, run=fail),
            },
            preserve_steps=True,
        )

    async def fill(self) -> None:
        durably = self.engine()
        await durably.migrate()
        for job in ("count", "fail"):
            self.run_ids += [(await durably.jobs[job].trigger({}, labels={"team": "a"})).id for _ in range(3)]
        await durably.process_until_idle()
        self.run_ids += [(await durably.jobs.count.trigger({})).id for _ in range(3)]
        await durably.cancel(self.run_ids[-1])
        await durably.close()

    def app(self) -> Starlette:
        durably = self.engine()
        return Starlette(
            routes=[Mount("/api", create_durably_handler(durably))],
            lifespan=lifespan(durably, timeout_ms=0),
        )


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    world = World(tmp_path_factory.mktemp("world"))
    asyncio.run(world.fill())
    return world


@pytest.fixture(scope="module")
def address(world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with app_served(world.app(), tmp_path_factory.mktemp("site")) as site:
        yield f"{site.url}api"


DOCUMENT = schemathesis.openapi.from_dict(openapi() | {"servers": [{"url": "/api"}]})
OPERATIONS = [
    found.ok() for found in DOCUMENT.exclude(path=STREAMS).get_all_operations() if isinstance(found, Ok)
]
# A valid request may ask for a run that is not there, for an event that is gone, or come at the wrong time.
DOCUMENT.config.checks.positive_data_acceptance.expected_statuses = ["2xx", "404", "409", "410"]


def unknowable(case: Any) -> list[Any]:
    """Checks that need to know more than the document and the request say."""
    if case.path.startswith("/trigger"):
        return [positive_data_acceptance]  # what a job takes is told by /jobs
    if case.path == "/runs/stats":
        return [positive_data_acceptance, negative_data_rejection]  # what the three times are to each other
    if case.query:
        return [negative_data_rejection]  # a query knows texts only: a list that is null is the name "null"
    return []


# A request for /jobs has no parts that could be wrong.
CASES = [
    pytest.param(operation, mode, id=f"{operation.label} {mode.value}")
    for operation in OPERATIONS
    for mode in GenerationMode
    if (operation.label, mode) != ("GET /jobs", GenerationMode.NEGATIVE)
]


@pytest.mark.parametrize(("operation", "mode"), CASES)
def test_every_answer_is_one_of_the_document(
    world: World, address: str, operation: Any, mode: GenerationMode
) -> None:
    turn = itertools.count()

    @seed(7)
    @settings(max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy(generation_mode=mode))
    def check(case: Any) -> None:
        if "runId" in (case.query or {}) and next(turn) % 2:
            # A text that was made up leads to no run.
            case.query["runId"] = world.run_ids[next(turn) % len(world.run_ids)]
        case.call_and_validate(base_url=address, excluded_checks=unknowable(case))

    check()


def test_document_knows_every_route() -> None:
    assert len(OPERATIONS) + len(STREAMS) == len(ROUTES)
