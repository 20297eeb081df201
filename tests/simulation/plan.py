"""What happens in a history: who is there, what they ask for, and what befalls them. A seed makes one."""

import random
from dataclasses import dataclass
from typing import Literal, get_args

from durably_core.store.base import Coalesce
from tests.simulation.jobs import Kind, StepPlan

OrderKind = Literal["cancel", "delete", "retrigger"]
Delivery = Literal["once", "twice", "answer lost"]
Harm = Literal[
    "kill",
    "suspend",
    "block",
    "stop",
    "hand over",
    "storm",
    "full",
    "slow",
    "late renewal",
    "lost renewals",
    "jump",
]

JOB_NAMES = ("work", "other", "child")
UNKNOWN_JOB = "unheard-of"


@dataclass(frozen=True, kw_only=True)
class Setup:
    processes: int = 1
    is_exclusive: bool = False
    """One owner at a time, as in a browser: who comes next knows all before to be dead."""
    is_watched: bool = False
    """Processes hear of what others write. Else they find it at the next poll."""
    slots: int = 1
    lease_ms: int = 3000
    renew_ms: int = 500
    polling_ms: int = 200
    max_attempts: int = 10
    preserve_steps: bool = False


@dataclass(frozen=True, kw_only=True)
class Trigger:
    at: float
    """Seconds."""
    job: str = "work"
    steps: tuple[StepPlan, ...] = ()
    idempotency_key: str | None = None
    concurrency_key: str | None = None
    coalesce: Coalesce | None = None
    delivery: Delivery = "once"
    is_awaited: bool = False


@dataclass(frozen=True, kw_only=True)
class Order:
    at: float
    what: OrderKind
    of: int
    """Which of the triggers made the run."""
    delivery: Delivery = "once"


@dataclass(frozen=True, kw_only=True)
class Blow:
    at: float
    what: Harm
    process: int = 0
    seconds: float = 1.0


Action = Trigger | Order | Blow


@dataclass(frozen=True, kw_only=True)
class Plan:
    seed: int
    setup: Setup
    actions: tuple[Action, ...]
    kill_at: tuple[int, str] | None = None
    """Kill who makes the commit of that number, ``before`` or ``after`` it."""

    def __str__(self) -> str:
        lines = [f"seed {self.seed}", _line(self.setup)]
        lines += [f"{action.at:7.2f} s  {_line(action)}" for action in self.actions]
        if self.kill_at is not None:
            lines.append(f"whoever makes commit {self.kill_at[0]} dies {self.kill_at[1]} it")
        return "\n".join(lines)


def plan_of(seed: int) -> Plan:
    """The history of that seed."""
    rng = random.Random(f"plan {seed}")
    setup = _setup(rng)
    length = rng.choice((0.5, 2.0, 5.0, 20.0))
    keys = rng.choice(((None, None, "a", "a", "b"), ("a",)))
    triggers = [_trigger(rng, length, rng.choice(keys)) for _ in range(rng.randint(1, 8))]
    actions: list[Action] = [*triggers]
    for _ in range(rng.randint(0, 5)):
        of = rng.randrange(len(triggers))
        at = min(triggers[of].at + rng.choice((0.0, 0.05, 0.3, 1.0, 5.0)) * rng.random(), length + 5)
        what = rng.choice(get_args(OrderKind))
        actions.append(Order(at=at, what=what, of=of, delivery=_delivery(rng)))
    actions += [_blow(rng, setup, length) for _ in range(rng.choice((0, 0, 1, 2, 4)))]
    actions.sort(key=lambda action: action.at)
    return Plan(seed=seed, setup=setup, actions=_renumbered(tuple(actions), triggers))


def _setup(rng: random.Random) -> Setup:
    is_exclusive = rng.random() < 0.5
    lease_ms = rng.choice((1000, 3000))
    return Setup(
        processes=1 if is_exclusive else rng.randint(1, 3),
        is_exclusive=is_exclusive,
        is_watched=rng.random() < 0.5,
        slots=rng.choice((1, 1, 2, 3)),
        lease_ms=lease_ms,
        renew_ms=lease_ms // 5,
        # An hour: what is only found by polling is not found in time.
        polling_ms=3_600_000 if is_exclusive and rng.random() < 0.7 else rng.choice((100, 500)),
        max_attempts=rng.choice((3, 10)),
        preserve_steps=rng.random() < 0.3,
    )


def _trigger(rng: random.Random, length: float, key: str | None) -> Trigger:
    return Trigger(
        # Often several at once.
        at=rng.choice((0.0, round(rng.random() * length, 2), round(rng.random() * length))),
        job=rng.choice(
            ("work", "work", "work", "work", "other", UNKNOWN_JOB if rng.random() < 0.2 else "work")
        ),
        steps=tuple(_step(rng) for _ in range(rng.randint(0, 4))),
        idempotency_key=rng.choice((None, None, "x", "y")),
        concurrency_key=key,
        coalesce=rng.choice((None, "skip", "queue", "queue")) if key is not None else None,
        delivery=_delivery(rng),
        is_awaited=rng.random() < 0.5,
    )


def _step(rng: random.Random) -> StepPlan:
    kind: Kind = rng.choice((*get_args(Kind), "waits", "waits", "sync", "transaction"))
    ms = rng.choice((1, 20, 20, 200))
    if kind == "limited":
        ms = 100
    elif kind in ("blocks", "deaf") and rng.random() < 0.3:
        ms = 4000
    return StepPlan(kind=kind, ms=ms, times=rng.randint(1, 2))


def _delivery(rng: random.Random) -> Delivery:
    return rng.choice(("once", "once", "once", "twice", "answer lost"))


def _blow(rng: random.Random, setup: Setup, length: float) -> Blow:
    what: Harm = rng.choice((*get_args(Harm), "kill", "kill", "hand over", "block"))
    return Blow(
        at=round(rng.random() * length, 2),
        what=what,
        process=rng.randrange(setup.processes),
        seconds=rng.choice((0.0, 0.5, 2.0, 8.0, 600.0 if what == "jump" else 1.0)),
    )


def _renumbered(actions: tuple[Action, ...], triggers: list[Trigger]) -> tuple[Action, ...]:
    """Orders name the place of their trigger among all triggers, in the order of time."""
    places = {id(action): place for place, action in enumerate(a for a in actions if isinstance(a, Trigger))}
    return tuple(
        Order(at=action.at, what=action.what, of=places[id(triggers[action.of])], delivery=action.delivery)
        if isinstance(action, Order)
        else action
        for action in actions
    )


def _line(of: Setup | Action) -> str:
    """Only what is not as usual."""
    usual = {name: field.default for name, field in type(of).__dataclass_fields__.items()}
    told = [
        f"{name}={_text(value)}"
        for name, value in vars(of).items()
        if name not in ("at", "what") and value != usual[name]
    ]
    name = getattr(of, "what", type(of).__name__.lower())
    return " ".join([name, *told])


def _text(value: object) -> str:
    if isinstance(value, tuple):
        return "[" + ", ".join(f"{step.kind} {step.ms} ms times {step.times}" for step in value) + "]"
    return repr(value)
