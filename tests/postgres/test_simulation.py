"""Histories of the simulation on a real PostgreSQL: its SQL keeps the same promises under the same weather."""

import pytest

from tests.simulation.history import carry_out
from tests.simulation.plan import plan_of
from tests.simulation.planted import FAULTS, Fault
from tests.simulation.postgres import PostgresDisk

SEEDS = 60
PARTS = 4
PLANTED = [
    "steps are saved by whoever had the run once",
    "a claim takes leases that have not run out",
    "a claim does not count up the generation",
    "a cancel frees the concurrency key at once",
    "an idempotency key is not looked up",
    "finished steps are forgotten",
    "a step's writes are committed without its checkpoint",
    "what a command has done is not recorded",
]


@pytest.mark.parametrize("part", range(PARTS))
def test_engine_keeps_its_promises_in_every_history(part: int) -> None:
    for seed in range(part, SEEDS, PARTS):
        outcome = carry_out(plan_of(seed), PostgresDisk)
        again = f"again: python -m tests.simulation --on postgres --seed {seed}"
        assert outcome.violation is None, "\n".join([*outcome.trace[-40:], again])


@pytest.mark.parametrize(
    "fault", [fault for fault in FAULTS if fault.name in PLANTED], ids=lambda fault: fault.name
)
def test_planted_fault_is_found(fault: Fault) -> None:
    with fault.planted("postgres"):
        assert any(carry_out(plan_of(seed), PostgresDisk).violation for seed in range(SEEDS))
