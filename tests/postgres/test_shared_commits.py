"""What runs write while another commit is under way shares the next one, and nothing else."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import psycopg
import pytest

from durably_core import StorageError, ValidationError
from durably_core.store.base import Claim, Claimed, Lease, NewStep, Notes
from durably_core.store.postgres import PostgresStore
from tests.conftest import claim, completed, lease_of, new_run, new_step, request_for, turns, within
from tests.postgres.proxy import slowed
from tests.postgres.server import Server, emptied

MANY = 20

TRANSACTIONS = "SELECT xmin::text FROM durably_steps ORDER BY run_id"


def claimed_by(claim: Claim) -> str | None:
    return None if claim.claimed is None else claim.claimed.run.id


async def leased(store: PostgresStore, count: int = MANY) -> list[Lease]:
    await store.enqueue([new_run(f"run-{number:02}") for number in range(count)])
    found: list[Claimed | None] = [await claim(store, request_for()) for _ in range(count)]
    return [lease_of(each) for each in found]


async def saved(
    store: PostgresStore, leases: Sequence[Lease], steps: Sequence[NewStep] | None = None
) -> list[Any]:
    """What comes of a step of each, all at once."""
    each = steps or [new_step()] * len(leases)
    writes = [store.save_step(lease, step, Notes()) for lease, step in zip(leases, each, strict=True)]
    return list(await within(asyncio.gather(*writes, return_exceptions=True)))


async def transactions(store: PostgresStore) -> list[str]:
    """Those that wrote the steps that there are."""
    rows = await store.connected(lambda connection: connection.execute(TRANSACTIONS).fetchall())
    return [row["xmin"] for row in rows]


async def test_steps_that_wait_share_one_commit(store: PostgresStore) -> None:
    assert await saved(store, await leased(store)) == ["held"] * MANY
    found = await transactions(store)
    assert len(found) == MANY
    # The first may be on its way already when the second comes.
    assert len(set(found)) <= 2


async def test_run_that_was_lost_meanwhile_takes_no_other_along(store: PostgresStore) -> None:
    leases = await leased(store)
    leases[7] = replace(leases[7], generation=99)
    assert await saved(store, leases) == ["held"] * 7 + ["lost"] + ["held"] * (MANY - 8)
    assert len(await transactions(store)) == MANY - 1


async def test_step_that_is_refused_takes_no_other_along(store: PostgresStore) -> None:
    """It is found at the commit, with all the others in it."""
    steps = [new_step() for _ in range(MANY)]
    steps[7] = new_step(output="\0")
    results = await saved(store, await leased(store), steps)
    assert isinstance(results.pop(7), ValidationError)
    assert results == ["held"] * (MANY - 1)
    assert len(await transactions(store)) == MANY - 1


@contextmanager
def locked(store: PostgresStore, *leases: Lease) -> Iterator[None]:
    """Who writes to one of these runs waits for this to end."""
    with psycopg.connect(store.url) as connection:
        for lease in leases:
            connection.execute("SELECT FROM durably_runs WHERE id = %s FOR UPDATE", [lease.run_id])
        yield


async def test_who_is_cancelled_meanwhile_takes_no_one_along(store: PostgresStore) -> None:
    leases = await leased(store, 5)
    with locked(store, leases[0], leases[2]):
        asked = [asyncio.ensure_future(store.save_step(lease, new_step(), Notes())) for lease in leases]
        await turns()
        asked[0].cancel()  # it is under way
        asked[2].cancel()  # it waits for its turn, or is under way
    await within(asyncio.wait(asked))
    assert [task.cancelled() for task in asked] == [True, False, True, False, False]
    steps = [len(await store.get_steps(lease.run_id)) for lease in leases]
    assert [*steps[:2], *steps[3:]] == [1, 1, 1, 1]


async def test_no_one_waits_for_a_commit_that_is_held_up(store: PostgresStore) -> None:
    leases = await leased(store, 5)
    with locked(store, leases[0]):
        held_up = asyncio.ensure_future(store.save_step(leases[0], new_step(), Notes()))
        await turns()
        assert await saved(store, leases[1:]) == ["held"] * 4
        assert not held_up.done()
    assert await within(held_up) == "held"


async def test_runs_that_end_together_claim_together(store: PostgresStore) -> None:
    leases = await leased(store)
    await store.enqueue([new_run(f"next-{number:02}") for number in range(MANY + 5)])
    ends = [store.end_run(lease, completed(), Notes(), request_for()) for lease in leases]
    ended = await within(asyncio.gather(*ends))
    assert {each.state for each in ended} == {"held"}
    # Each is told of its own run, and of no other.
    claimed = [claimed_by(each.claim) for each in ended]
    assert [[event.run_id for event in each.claim.events] for each in ended] == [[run_id] for run_id in claimed]
    assert sorted(map(str, claimed)) == [f"next-{number:02}" for number in range(MANY)]
    rows = await store.connected(
        lambda connection: connection.execute(
            "SELECT DISTINCT xmin::text FROM durably_runs WHERE status = 'leased'"
        ).fetchall()
    )
    assert len(rows) <= 2


async def test_claims_that_are_made_together_heed_keys(store: PostgresStore) -> None:
    leases = await leased(store, 6)
    keys = ["a", "a", None, "b", "a", "b", None]
    for number, key in enumerate(keys):
        # Of those that wait with a key there is one at most that was never begun.
        await store.enqueue([new_run(f"next-{number}", concurrency_key=key, job_name=f"job-{number}")])
    request = replace(request_for(), job_names=tuple(f"job-{number}" for number in range(len(keys))))
    ends = [store.end_run(lease, completed(), Notes(), request) for lease in leases]
    ended = await within(asyncio.gather(*ends))
    claimed = [each.claim.claimed.run for each in ended if each.claim.claimed is not None]
    assert sorted(str(run.concurrency_key) for run in claimed) == ["None", "None", "a", "b"]


async def test_connections_that_are_cut_are_not_noticed(store: PostgresStore) -> None:
    leases = await leased(store)
    with psycopg.connect(store.url, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
        )
    assert await saved(store, leases) == ["held"] * MANY


@pytest.fixture
def server() -> Server:
    return emptied()


async def test_all_hear_that_the_answer_to_their_commit_is_lost(server: Server) -> None:
    with slowed(server.port) as network:
        near = PostgresStore(server.url)
        await near.migrate()
        leases = await leased(near)
        store = PostgresStore(network.url(server.url))
        network.loses_commits = MANY
        results = await saved(store, leases)
        assert {type(result) for result in results} == {StorageError}
        assert all("it is not known whether" in str(result) for result in results)
        await store.close()
    assert len(await transactions(near)) == MANY
    await near.close()
