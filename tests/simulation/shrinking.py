"""From a long history that goes wrong to a short one that goes wrong the same way."""

from collections.abc import Iterator
from dataclasses import replace

from tests.simulation.disk import Disk
from tests.simulation.history import carry_out
from tests.simulation.plan import Action, Order, Plan, Setup, Trigger
from tests.simulation.sqlite import SQLiteDisk

USUAL = Setup()


def shrunk(plan: Plan, rule: str, on: type[Disk] = SQLiteDisk) -> Plan:
    """The same with as little in it as can be, for that rule still to be broken."""
    while (simpler := next((each for each in _simpler(plan) if _breaks(each, rule, on)), None)) is not None:
        plan = simpler
    return plan


def _breaks(plan: Plan, rule: str, on: type[Disk]) -> bool:
    violation = carry_out(plan, on).violation
    return violation is not None and violation.rule == rule


def _simpler(plan: Plan) -> Iterator[Plan]:
    half = len(plan.actions) // 2
    if half > 1:
        yield from (_kept(plan, range(half)), _kept(plan, range(half, len(plan.actions))))
    for place in range(len(plan.actions)):
        yield _kept(plan, [other for other in range(len(plan.actions)) if other != place])
    for name, usual in vars(USUAL).items():
        if getattr(plan.setup, name) != usual:
            yield replace(plan, setup=replace(plan.setup, **{name: usual}))
    for place, action in enumerate(plan.actions):
        for simpler in _simpler_actions(action):
            yield replace(plan, actions=(*plan.actions[:place], simpler, *plan.actions[place + 1 :]))


def _simpler_actions(action: Action) -> Iterator[Action]:
    if isinstance(action, Trigger):
        for place in range(len(action.steps)):
            yield replace(action, steps=action.steps[:place] + action.steps[place + 1 :])
        if action.is_awaited:
            yield replace(action, is_awaited=False)
        if action.coalesce is not None:
            yield replace(action, coalesce=None)
        if action.concurrency_key is not None:
            yield replace(action, concurrency_key=None, coalesce=None)
        if action.idempotency_key is not None:
            yield replace(action, idempotency_key=None)
    if isinstance(action, Trigger | Order) and action.delivery != "once":
        yield replace(action, delivery="once")


def _kept(plan: Plan, places: "range | list[int]") -> Plan:
    """Only those actions. Orders go with their triggers."""
    kept = [plan.actions[place] for place in places]
    triggers = [action for action in plan.actions if isinstance(action, Trigger)]
    left = [action for action in kept if isinstance(action, Trigger)]
    places_left = {id(trigger): place for place, trigger in enumerate(left)}
    actions: list[Action] = []
    for action in kept:
        if not isinstance(action, Order):
            actions.append(action)
        elif (of := places_left.get(id(triggers[action.of]))) is not None:
            actions.append(replace(action, of=of))
    return replace(plan, actions=tuple(actions))
