"""Lists of runs: filters, pages that stay right while runs come and go, and counts."""

from collections import Counter
from typing import Any

import pytest

from durably_core import Durably, Run, Store, ValidationError
from durably_core.models import RunError
from durably_core.store.base import Ending, Notes
from tests.conftest import (
    FakeClock,
    MakeEngine,
    claim,
    completed,
    ended,
    enqueue,
    lease_of,
    make_job,
    new_run,
    nothing,
    request_for,
    run_to_end,
    within,
)

PROD_A = {"env": "prod", "team": "a"}
DEV_A = {"env": "dev", "team": "a"}
PROD_B = {"env": "prod", "team": "b"}


@pytest.fixture
def engine(make_engine: MakeEngine) -> Durably:
    return make_engine(make_job(nothing), make_job(nothing, name="other"))


@pytest.fixture
async def six(store: Store) -> None:
    """01 leased, 02 cancelled, 03 completed, 04 failed, 05 and 06 pending; 04 and 06 are of another job."""
    failed = Ending(status="failed", error=RunError(message="no", type="E", traceback=""))
    for run_id, job_name, labels, ending in (
        ("01", "work", PROD_A, None),
        ("02", "work", DEV_A, None),
        ("03", "work", PROD_B, completed(output='{"total": 1}')),
        ("04", "other", PROD_A, failed),
        ("05", "work", {}, None),
        ("06", "other", PROD_B, None),
    ):
        await enqueue(store, new_run(run_id, job_name, labels=labels))
        if run_id == "02":
            await store.cancel_run(run_id, keep_steps=True)
        elif run_id < "05":
            lease = lease_of(await claim(store, request_for(job_name)))
            if ending is not None:
                await store.end_run(lease, ending, Notes(), None)


FILTERS: list[tuple[dict[str, Any], str]] = [
    ({}, "06 05 04 03 02 01"),
    ({"labels": {}}, "06 05 04 03 02 01"),
    ({"labels": {"team": "a"}}, "04 02 01"),
    ({"labels": {"team": "a", "env": "prod"}}, "04 01"),
    ({"labels": {"team": "b", "env": "dev"}}, ""),
    ({"labels": {"team": "prod"}}, ""),
    ({"labels": {"team": ""}}, ""),
    ({"labels": {"none": "a"}}, ""),
    ({"labels": PROD_A, "job_name": "work"}, "01"),
    ({"labels": {"team": "b"}, "status": "pending"}, "06"),
    ({"labels": {"env": "prod"}, "status": ["failed", "completed"], "job_name": ["work", "other"]}, "04 03"),
    ({"status": "failed"}, "04"),
    ({"status": ["pending", "leased"]}, "06 05 01"),
    ({"status": ("cancelled",)}, "02"),
    ({"status": []}, ""),
    ({"job_name": "other"}, "06 04"),
    ({"job_name": ["other", "none"]}, "06 04"),
    ({"job_name": []}, ""),
    ({"job_name": [], "status": "pending"}, ""),
    ({"job_name": "wor"}, ""),
]


@pytest.mark.parametrize("summary", [False, True], ids=["full", "summary"])
@pytest.mark.parametrize(("filter", "expected"), FILTERS, ids=str)
async def test_filters_are_joined_by_and(
    engine: Durably, six: None, filter: dict[str, Any], expected: str, summary: bool
) -> None:
    runs = await engine.get_runs(**filter, summary=summary)
    assert [run.id for run in runs] == expected.split()


@pytest.mark.parametrize(("filter", "expected"), FILTERS, ids=str)
async def test_counts_have_the_filters_of_lists(
    engine: Durably, six: None, filter: dict[str, Any], expected: str
) -> None:
    counts = await engine.count_runs(**filter)
    listed = Counter(run.status for run in await engine.get_runs(**filter))
    assert {status: count for status, count in counts.items() if count} == dict(listed)
    assert sum(counts.values()) == len(expected.split())


async def test_counts_name_every_status(engine: Durably, six: None) -> None:
    assert await engine.count_runs() == {
        "pending": 2,
        "leased": 1,
        "completed": 1,
        "failed": 1,
        "cancelled": 1,
    }


@pytest.mark.parametrize("filter", [{}, {"status": "pending"}, {"job_name": []}], ids=str)
async def test_counts_of_nothing_are_five_zeros(engine: Durably, filter: dict[str, Any]) -> None:
    statuses = ("pending", "leased", "completed", "failed", "cancelled")
    assert await engine.count_runs(**filter) == dict.fromkeys(statuses, 0)


@pytest.mark.parametrize(
    ("filter", "words"),
    [
        ({"status": "done"}, "There is no status 'done': pending, leased, completed, failed, cancelled"),
        ({"status": ["pending", "done"]}, "There is no status 'done'"),
        ({"status": ""}, "There is no status ''"),
        ({"status": [None]}, "status must be a text or a list of texts"),
        ({"labels": {"a b": "c"}}, "The label key 'a b' must be"),
        ({"labels": {"a": 5}}, "The label 'a' must have a text"),
        ({"labels": {"a": None}}, "The label 'a' must have a text"),
        ({"labels": "a=b"}, "labels must map names to texts"),
        ({"labels": [("a", "b")]}, "labels must map names to texts"),
    ],
    ids=str,
)
async def test_impossible_filters_are_refused_in_words(
    engine: Durably, filter: dict[str, Any], words: str
) -> None:
    for listing in (engine.get_runs, engine.count_runs, engine.jobs.work.get_runs):
        with pytest.raises(ValidationError) as refused:
            await listing(**filter)
        assert words in refused.value.message


@pytest.mark.parametrize(
    "page", [{"limit": "5"}, {"limit": True}, {"limit": 1.5}, {"limit": -1}, {"offset": -1}], ids=str
)
async def test_impossible_pages_are_refused_in_words(engine: Durably, page: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="must be a whole number from 0"):
        await engine.jobs.work.get_runs(**page)


# ---------------------------------------------------------------------- pages


async def fill(engine: Durably, count: int, **options: Any) -> list[str]:
    """So many runs; the ids in the order of the triggers."""
    return [(await engine.jobs.work.trigger({}, **options)).id for _ in range(count)]


async def walk(engine: Durably, limit: int, **filter: Any) -> list[list[Run]]:
    """All pages, from the newest run to the oldest."""
    pages: list[list[Run]] = []
    cursor = None
    while (page := await engine.get_runs(limit=limit, cursor=cursor, **filter)) and len(pages) < 50:
        pages.append(page)
        cursor = page[-1].id
    return pages


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 100])
@pytest.mark.parametrize("summary", [False, True], ids=["full", "summary"])
async def test_pages_of_any_size_hold_everything_once(engine: Durably, limit: int, summary: bool) -> None:
    ids = await fill(engine, 7)
    pages = await walk(engine, limit, summary=summary)
    assert [run.id for page in pages for run in page] == ids[::-1]
    assert all(len(page) == limit for page in pages[:-1])


async def test_runs_added_between_pages_shift_nothing(engine: Durably, clock: FakeClock) -> None:
    ids = await fill(engine, 5)
    seen: list[str] = []
    for _ in range(4):
        page = await engine.get_runs(limit=2, cursor=seen[-1] if seen else None)
        seen += [run.id for run in page]
        clock.advance(1)
        await fill(engine, 3)
    assert seen == ids[::-1]


async def test_runs_added_between_pages_shift_an_offset(engine: Durably) -> None:
    ids = await fill(engine, 4)
    first = await engine.get_runs(limit=2)
    await fill(engine, 1)
    second = await engine.get_runs(limit=2, offset=2)
    assert [run.id for run in first + second] == [ids[3], ids[2], ids[2], ids[1]]


async def test_runs_deleted_between_pages_hide_no_others(engine: Durably) -> None:
    ids = await fill(engine, 6)
    first = await engine.get_runs(limit=2)
    for run in first:
        await engine.cancel(run.id)
        await engine.delete_run(run.id)
    second = await engine.get_runs(limit=10, cursor=first[-1].id)
    assert [run.id for run in second] == ids[3::-1]


async def test_cursor_goes_on_with_the_same_filters(engine: Durably) -> None:
    wanted: list[str] = []
    for _ in range(5):
        wanted += await fill(engine, 1, labels=PROD_A)
        await fill(engine, 1, labels=PROD_B)
        await engine.jobs.other.trigger({}, labels=PROD_A)
    cancelled = (await fill(engine, 1, labels=PROD_A))[0]
    await engine.cancel(cancelled)
    pages = await walk(engine, 2, job_name="work", status="pending", labels={"team": "a"})
    assert [len(page) for page in pages] == [2, 2, 1]
    assert [run.id for page in pages for run in page] == wanted[::-1]


async def test_runs_that_end_between_pages_are_skipped(engine: Durably) -> None:
    ids = await fill(engine, 4)
    first = await engine.get_runs(limit=1, status="pending")
    await engine.cancel(ids[2])
    rest = await engine.get_runs(status="pending", cursor=first[0].id)
    assert [run.id for run in rest] == [ids[1], ids[0]]


async def test_cursor_at_the_oldest_run_ends(engine: Durably) -> None:
    ids = await fill(engine, 2)
    assert await engine.get_runs(cursor=ids[0]) == []


async def test_offset_counts_from_the_cursor(engine: Durably) -> None:
    ids = await fill(engine, 5)
    runs = await engine.get_runs(cursor=ids[4], offset=1, limit=2)
    assert [run.id for run in runs] == [ids[2], ids[1]]


@pytest.mark.parametrize("filter", [{}, {"labels": PROD_A}, {"status": "pending"}], ids=str)
async def test_offset_needs_no_limit(engine: Durably, filter: dict[str, Any]) -> None:
    ids = await fill(engine, 4, labels=PROD_A)
    assert [run.id for run in await engine.get_runs(**filter, offset=1)] == ids[2::-1]


async def test_order_is_stable_within_one_millisecond(engine: Durably) -> None:
    runs = await engine.jobs.work.batch_trigger([{"count": number} for number in range(50)])
    listed = await engine.get_runs()
    assert len({run.created_at for run in listed}) == 1
    assert [run.id for run in listed] == [triggered.id for triggered in reversed(runs)]
    assert [run.input["count"] for run in listed] == [*range(49, -1, -1)]


async def test_clock_that_steps_back_keeps_the_order(engine: Durably, clock: FakeClock) -> None:
    first = await fill(engine, 2)
    clock.advance(-60_000)
    second = await fill(engine, 2)
    assert [run.id for run in await engine.get_runs()] == [*second[::-1], *first[::-1]]


async def test_executing_runs_leaves_the_order_alone(engine: Durably, clock: FakeClock) -> None:
    ids = await fill(engine, 3)
    clock.advance(1000)
    await engine.process_one()
    await engine.cancel(ids[1])
    assert [run.id for run in await engine.get_runs()] == ids[::-1]


async def test_summary_holds_all_but_payloads(engine: Durably, six: None) -> None:
    for summary, full in zip(await engine.get_runs(summary=True), await engine.get_runs(), strict=True):
        wire = full.to_wire()
        assert (summary.input, summary.output) == (None, None)
        assert {*wire} - {*summary.to_wire(summary=True)} == {"input", "output"}
        assert summary.to_wire() == wire | {"input": None, "output": None}


# ---------------------------------------------------------------------- the runs of one job


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, "06 04"),
        ({"status": "pending"}, "06"),
        ({"status": ["leased", "completed"]}, ""),
        ({"labels": PROD_A}, "04"),
        ({"limit": 1}, "06"),
        ({"offset": 1}, "04"),
        ({"cursor": "06"}, "04"),
        ({"cursor": "05", "limit": 5}, "04"),
    ],
    ids=str,
)
async def test_handle_lists_only_its_job(
    engine: Durably, six: None, options: dict[str, Any], expected: str
) -> None:
    assert [run.id for run in await engine.jobs.other.get_runs(**options)] == expected.split()


async def test_handle_hides_runs_of_other_jobs(engine: Durably, six: None) -> None:
    found = await engine.jobs.other.get_run("04")
    assert (await engine.jobs.other.get_run("01"), await engine.jobs.work.get_run("04")) == (None, None)
    assert found == await ended(engine, "04")


async def test_handle_knows_no_unknown_run(engine: Durably) -> None:
    assert await engine.jobs.work.get_run("nope") is None


# ---------------------------------------------------------------------- lineage


async def test_retriggered_run_names_its_origin(engine: Durably) -> None:
    old = await run_to_end(engine, engine.jobs.work.job)
    new = await engine.retrigger(old.id)
    assert (old.retriggered_from, new.retriggered_from) == (None, old.id)
    assert [run.retriggered_from for run in await engine.get_runs()] == [old.id, None]
    assert [run.to_wire()["retriggeredFrom"] for run in await engine.get_runs(summary=True)] == [old.id, None]


async def test_retrigger_of_a_retriggered_run_names_it(engine: Durably) -> None:
    first = await run_to_end(engine, engine.jobs.work.job)
    second = await engine.retrigger(first.id)
    await engine.process_one()
    assert (await engine.retrigger(second.id)).retriggered_from == second.id


async def test_run_knows_those_that_repeat_it(engine: Durably) -> None:
    old = await run_to_end(engine, engine.jobs.work.job)
    assert await engine.get_retriggers(old.id) == []
    first = await engine.retrigger(old.id)
    second = await engine.retrigger(old.id)
    await within(engine.process_until_idle())
    third = await engine.retrigger(first.id)
    found = await engine.get_retriggers(old.id)
    assert [(run.id, run.input, run.output) for run in found] == [
        (second.id, None, None),
        (first.id, None, None),
    ]
    assert [run.id for run in await engine.get_retriggers(first.id)] == [third.id]
    await engine.delete_run(second.id)
    assert [run.id for run in await engine.get_retriggers(old.id)] == [first.id]


async def test_origin_may_be_deleted(engine: Durably) -> None:
    old = await run_to_end(engine, engine.jobs.work.job)
    new = await engine.retrigger(old.id)
    await engine.delete_run(old.id)
    assert (await ended(engine, new.id)).retriggered_from == old.id


async def test_retriggered_run_is_found_by_labels(engine: Durably) -> None:
    old = await run_to_end(engine, engine.jobs.work.job, labels=PROD_A)
    new = await engine.retrigger(old.id)
    assert [run.id for run in await engine.get_runs(labels=PROD_A)] == [new.id, old.id]


@pytest.mark.parametrize(
    "filter",
    [
        {"status": 5},
        {"job_name": 5},
        {"job_name": [5]},
        {"cursor": 5},
        {"cursor": ""},
        {"offset": None},
        {"labels": []},
    ],
    ids=str,
)
async def test_filters_of_the_wrong_type_are_refused(make_engine: MakeEngine, filter: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="must"):
        await make_engine(make_job(nothing)).get_runs(**filter)
