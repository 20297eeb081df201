"""What page and step bodies told before they died.

What arrived is a fact about what happened before the kill. What did not arrive may have happened all
the same, and the order of arrival proves nothing: a step's body speaks through another channel than the
engine's events. Facts are ordered by what they carry: the number of an event, the attempt of a body.
"""

import json
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, TextIO

from tests.crash.plans import Trigger

FROM_BODY = "body: "
FROM_PAGE = "page: "


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """A step's body that said something."""

    round: int
    life: str
    """Of the worker; random."""
    number: int
    """Among all that this life said."""
    run_id: str
    attempt: int
    step: str
    what: str


@dataclass(slots=True)
class Page:
    """What was under way, as far as one page's tellings show."""

    phase: str = "page"
    is_ready: bool = False
    asked: set[str] = field(default_factory=set)
    bodies: dict[str, Body] = field(default_factory=dict)
    """The last word of a body of each run."""
    saved: set[tuple[str, str]] = field(default_factory=set)
    in_checkpoint: bool = False

    def under_way(self) -> list[str]:
        if not self.is_ready:
            return [f"boot ({self.phase})"]
        found = ["a checkpoint"] if self.in_checkpoint else []
        found += ["a trigger"] if self.asked else []
        found += sorted({what for body in self.bodies.values() if (what := self._of(body))})
        return found or ["nothing"]

    def _of(self, body: Body) -> str:
        if body.what == "end":
            return "" if (body.run_id, body.step) in self.saved else "a save"
        return "a log" if body.step.startswith("chatty") else "a body"


class Journal:
    def __init__(self, log: TextIO | None = None) -> None:
        self.planned: dict[str, Trigger] = {}
        self.asked: set[str] = set()
        """Keys of triggers that a page has sent off."""
        self.acknowledged: dict[str, str] = {}
        """Runs by the key of the trigger whose promise was resolved."""
        self.dispositions: Counter[str] = Counter()
        self.events: set[tuple[int, str, str]] = set()
        """Number, type and run of events that are said to be in the log."""
        self.finished: dict[tuple[str, str], int] = {}
        """The round in which a run's step was told to be finished."""
        self.completed: dict[str, int] = {}
        self.bodies: defaultdict[str, list[Body]] = defaultdict(list)
        self.faults: list[str] = []
        """What must not be told at all."""
        self.page = Page()
        self._log = log

    def begin_round(self, number: int, triggers: Iterable[Trigger]) -> None:
        self.page = Page()
        self.planned |= {trigger.key: trigger for trigger in triggers}
        self.note({"round": number})

    def unanswered(self) -> list[Trigger]:
        """What was triggered with no one left to hear the answer."""
        return [self.planned[key] for key in sorted(self.asked) if key not in self.acknowledged]

    def note(self, what: dict[str, Any]) -> None:
        if self._log is not None:
            self._log.write(json.dumps({"ms": time.monotonic_ns() // 1_000_000, **what}) + "\n")
            self._log.flush()

    def hear(self, text: str, round: int) -> str:
        """Take down a line of the console of that round's page; returns what kind of message it was, if any."""
        for prefix, take in ((FROM_BODY, self._hear_body), (FROM_PAGE, self._hear_page)):
            if text.startswith(prefix):
                told = json.loads(text.removeprefix(prefix))
                self.note({"round": round, **told})
                take(told, round)
                return f"{told['what']} {told.get('step', '')}"
        return ""

    # ---------------------------------------------------------------- the worker's channel

    def _hear_body(self, told: dict[str, Any], round: int) -> None:
        if "run" not in told:
            self.page.in_checkpoint = told["what"] == "checkpoint begins"
            return
        body = Body(
            round=round,
            life=told["life"],
            number=told["number"],
            run_id=told["run"],
            attempt=told["attempt"],
            step=told["step"],
            what=told["what"],
        )
        self.bodies[body.run_id].append(body)
        self.page.bodies[body.run_id] = body

    def begun(self) -> Iterator[Body]:
        """The beginnings of bodies: by run, attempt and time."""
        for run_id in self.bodies:
            yield from (body for body in self.bodies_of(run_id) if body.what == "begin")

    def bodies_of(self, run_id: str) -> list[Body]:
        return sorted(self.bodies[run_id], key=lambda body: (body.attempt, body.number))

    # ---------------------------------------------------------------- the page's

    def _hear_page(self, told: dict[str, Any], round: int) -> None:
        match told["what"]:
            case "asked":
                self.asked.add(told["key"])
                self.page.asked.add(told["key"])
            case "acknowledged":
                self._acknowledge(told["key"], told["runId"], told["disposition"])
            case "status":
                self._follow(told)
            case "events":
                for event in told["events"]:
                    self._hear_event(event, round)
            case _:
                self.faults.append(f"the page told: {told}")

    def _acknowledge(self, key: str, run_id: str, disposition: str) -> None:
        self.page.asked.discard(key)
        self.dispositions[disposition] += 1
        if self.acknowledged.setdefault(key, run_id) != run_id:
            self.faults.append(f"{key} was acknowledged as {self.acknowledged[key]} and as {run_id}")

    def _follow(self, status: dict[str, Any]) -> None:
        self.page.phase = status["phase"]
        self.page.is_ready = status["state"] == "ready"
        # Nothing kills a worker here and leaves its page alive.
        if status["error"] is not None or status["epoch"] > 1:
            self.faults.append(f"the engine stopped: {status}")

    def _hear_event(self, event: dict[str, Any], round: int) -> None:
        kind = event["type"]
        if kind.startswith("worker:") or kind in ("run:fail", "step:fail"):
            self.faults.append(f"the engine told: {event}")
            return
        if event["sequence"]:
            self.events.add((event["sequence"], kind, event["runId"]))
        if kind == "step:complete":
            self.finished.setdefault((event["runId"], event["stepName"]), round)
            self.page.saved.add((event["runId"], event["stepName"]))
        elif kind == "run:complete":
            self.completed.setdefault(event["runId"], round)
            self.page.bodies.pop(event["runId"], None)
