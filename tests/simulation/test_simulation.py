"""A few hundred histories, and that they would find what is wrong."""

import asyncio
import os
import subprocess
import sys
from dataclasses import replace

import pytest

from tests.simulation.history import carry_out
from tests.simulation.jobs import Kind, StepPlan
from tests.simulation.plan import Blow, Order, Plan, Setup, Trigger, plan_of
from tests.simulation.planted import FAULTS, RARE, Fault
from tests.simulation.shrinking import shrunk

SEEDS = 300
"""The default ones: each planted fault is found within them."""

PARTS = 8
MOST_LINES = 12
"""Of a plan that a person can take in."""


def _again(seed: int, trace: tuple[str, ...]) -> str:
    return "\n".join([*trace[-40:], f"again: python -m tests.simulation --seed {seed}"])


@pytest.mark.parametrize("part", range(PARTS))
def test_engine_keeps_its_promises_in_every_history(part: int) -> None:
    for seed in range(part, SEEDS, PARTS):
        outcome = carry_out(plan_of(seed))
        assert outcome.violation is None, _again(seed, outcome.trace)


def test_histories_are_not_idle() -> None:
    outcomes = [carry_out(plan_of(seed)) for seed in range(20)]
    told = "\n".join(line for outcome in outcomes for line in outcome.trace)
    for what in ("run:requeue", "run:cancel", "run:stop", "step:fail", "run:coalesced", "run:delete", "kill "):
        assert what in told, what
    assert sum(outcome.commits for outcome in outcomes) > 500


def test_history_makes_no_loop_of_the_real_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    """Clean-up of the dead would, where Python lets go of them outside of any loop: its tasks never ended."""
    made: list[object] = []
    monkeypatch.setattr(asyncio.SelectorEventLoop, "__init__", lambda *loop: made.append(loop))
    for seed in range(40):
        carry_out(plan_of(seed))
    assert not made


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name.replace(" ", "-"))
def test_planted_fault_is_found(fault: Fault) -> None:
    with fault.planted():
        assert any(carry_out(plan_of(seed)).violation for seed in range(SEEDS))


def test_history_that_goes_wrong_becomes_short() -> None:
    with _fault("the newest run goes first").planted():
        outcomes = ((seed, carry_out(plan_of(seed)).violation) for seed in range(SEEDS))
        seed, violation = next((seed, violation) for seed, violation in outcomes if violation is not None)
        short = shrunk(plan_of(seed), violation.rule)
        again = carry_out(short).violation
    assert again is not None
    assert again.rule == violation.rule
    assert len(str(short).splitlines()) <= MOST_LINES < len(str(plan_of(seed)).splitlines()) + MOST_LINES
    assert carry_out(short).violation is None  # it was the fault


# ---------------------------------------------------------------- what it has found, in short


def test_seed_0_request_that_came_twice_at_once_is_carried_out_once() -> None:
    trigger = Trigger(at=0.0, job="other", concurrency_key="a", coalesce="queue", delivery="twice")
    plan = Plan(seed=0, setup=Setup(), actions=(trigger,))
    _expect_found(plan, "two requests of one command don't know of each other")


def test_seed_614_command_is_not_in_its_own_way() -> None:
    """Sent twice; between the two, the run that it was about was deleted."""
    steps = (StepPlan(kind="waits"),)
    plan = Plan(
        seed=614,
        setup=Setup(renew_ms=200, polling_ms=3_600_000),
        actions=(
            Trigger(at=0.0, delivery="answer lost", is_awaited=True),
            Order(at=0.032852562920507464, what="delete", of=0),
            Trigger(at=0.04, steps=steps, is_awaited=True),
            Trigger(at=0.13, steps=(StepPlan(kind="blocks", times=2),), delivery="twice"),
            Order(at=0.1475665863135275, what="retrigger", of=2),
            Order(at=0.17782782402923245, what="retrigger", of=0, delivery="twice"),
            Trigger(at=0.18, steps=(StepPlan(kind="fails", ms=1, times=2),)),
        ),
    )
    _expect_found(plan, "a command that was carried out is in its own way")


def test_seed_320_what_a_full_storage_ended_goes_on_without_a_poll() -> None:
    plan = Plan(
        seed=320,
        setup=Setup(polling_ms=3_600_000),
        actions=(
            Trigger(at=1.0, steps=(StepPlan(kind="pair", times=2),)),
            Blow(at=1.03, what="full", seconds=0.5),
        ),
    )
    _expect_found(plan, "what a full storage ended waits for the next poll")


def _expect_found(plan: Plan, name: str) -> None:
    """It happens with that fault, and without it does not."""
    with _fault(name).planted():
        assert carry_out(plan).violation is not None
    outcome = carry_out(plan)
    assert outcome.violation is None, "\n".join(outcome.trace)


def _fault(name: str) -> Fault:
    [fault] = [fault for fault in (*FAULTS, *RARE) if fault.name == name]
    return fault


# ---------------------------------------------------------------- the simulation itself


@pytest.mark.parametrize("seed", [3, 100, 128])
def test_same_seed_is_the_same_history_in_any_process(seed: int) -> None:
    def told(hash_seed: str) -> str:
        command = [sys.executable, "-m", "tests.simulation", "--seed", str(seed)]
        environment = os.environ | {"PYTHONHASHSEED": hash_seed}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        return done.stdout

    assert told("1") == told("2")


def _steps(*kinds: Kind) -> tuple[StepPlan, ...]:
    return tuple(StepPlan(kind=kind) for kind in kinds)


def _crash_plan(setup: Setup) -> Plan:
    actions = [
        Trigger(at=0.0, steps=_steps("transaction", "retries"), concurrency_key="a", is_awaited=True),
        Trigger(at=0.0, steps=_steps("pair", "child"), is_awaited=True),
        Trigger(at=0.05, job="other", concurrency_key="a", coalesce="queue", is_awaited=True),
        Trigger(at=0.1, steps=_steps("fails"), idempotency_key="x", is_awaited=True),
    ]
    return Plan(seed=1, setup=setup, actions=tuple(actions))


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(
    "setup", [Setup(is_exclusive=True), Setup(processes=2, polling_ms=1000)], ids=["one-owner", "two-workers"]
)
def test_crash_at_every_write_breaks_no_promise(setup: Setup, when: str) -> None:
    plan = _crash_plan(setup)
    whole = carry_out(plan)
    assert whole.violation is None
    crashed = 0
    for number in range(whole.commits):
        outcome = carry_out(replace(plan, kill_at=(number, when)))
        assert outcome.violation is None, f"commit {number}\n" + "\n".join(outcome.trace)
        crashed += any(" dies " in line for line in outcome.trace)
    assert crashed == whole.commits > 20
