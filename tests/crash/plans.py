"""What is triggered and when the page is killed: random, and the same for the same seed."""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

KINDS: Mapping[str, int] = {"plain": 8, "slow": 6, "own": 4, "chatty": 1, "large": 2, "bulk": 2}
"""Kinds of steps of ``jobs/jobs.py``, and their weights."""
LARGE = 60_000
"""Characters in the result of a large step."""
LINES = 10

MOST_STEPS = 8
TRIGGERS = 80
"""More than a page's life has time for."""
MOST_PAUSE_MS = 60

LEAST_MS, MOST_MS = 50, 2500

MOMENTS: Mapping[str, int] = {"boot": 14, "any": 50, "trigger": 9, "save": 9, "log": 9, "checkpoint": 9}
"""What a kill aims at, and the weights."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trigger:
    key: str
    kinds: tuple[str, ...]
    pause_ms: int = 0
    """Before the next one."""

    @property
    def steps(self) -> tuple[str, ...]:
        """The names of its steps, in order."""
        return tuple(f"{kind}-{number}" for number, kind in enumerate(self.kinds))

    def for_page(self) -> dict[str, Any]:
        return {
            "key": self.key,
            "pauseMs": self.pause_ms,
            "input": {"key": self.key, "kinds": list(self.kinds)},
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """When the page is killed: so long after it was ready, or after that at the next message of a kind."""

    aim: str
    after_ms: int
    part_of_boot: float
    message: str = ""
    """What a message begins with that springs the trap; empty: the kill waits for nothing but time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    number: int
    triggers: tuple[Trigger, ...]
    moment: Moment


def plan(seed: int, number: int) -> Round:
    """The same round for the same seed, whatever happened before."""
    rng = random.Random(f"{seed} {number}")
    triggers = tuple(
        Trigger(
            key=f"{number}.{n}",
            kinds=tuple(_weighted(rng, KINDS) for _ in range(rng.randint(0, MOST_STEPS))),
            # Some arrive in one turn of the page's loop.
            pause_ms=rng.choice((0, rng.randint(1, MOST_PAUSE_MS))),
        )
        for n in range(TRIGGERS)
    )
    return Round(number=number, triggers=triggers, moment=_moment(rng))


def _moment(rng: random.Random) -> Moment:
    aim = _weighted(rng, MOMENTS)
    messages = {
        "trigger": "asked",
        # The more there is to write, the longer it takes.
        "save": rng.choice(("end", "end large", "end bulk")),
        "log": f"line {rng.randrange(LINES)}",
        "checkpoint": "checkpoint begins",
    }
    return Moment(
        aim=aim,
        after_ms=rng.randint(LEAST_MS, MOST_MS),
        part_of_boot=rng.random(),
        message=messages.get(aim, ""),
    )


def _weighted(rng: random.Random, weights: Mapping[str, int]) -> str:
    return rng.choices(list(weights), list(weights.values()))[0]
