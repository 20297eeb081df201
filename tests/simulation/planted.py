"""Faults as people make them, planted into the engine one at a time: the simulation must find each."""

import inspect
import textwrap
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from durably_core import api, durably, worker
from durably_core.execution import Execution
from durably_core.step import StepContext
from durably_core.store.sql import for_dialect, queries
from durably_core.store.sql_store import SQLStore
from durably_core.store.transitions import Transitions

Plant = Callable[[str], AbstractContextManager[None]]
"""Of a dialect: the fault is there within."""


@dataclass(frozen=True)
class Fault:
    name: str
    plants: tuple[Plant, ...]

    @contextmanager
    def planted(self, dialect: str = "sqlite") -> Iterator[None]:
        with ExitStack() as stack:
            for plant in self.plants:
                stack.enter_context(plant(dialect))
            yield


def _sql(query: str, old: str, new: str) -> Plant:
    """Another text in a named query."""

    @contextmanager
    def plant(dialect: str) -> Iterator[None]:
        named = queries(dialect)
        right = named[query]
        written = for_dialect(dialect, old)
        assert written in right, f"{query} has changed: {old!r} is not in it"
        named[query] = right.replace(written, for_dialect(dialect, new))
        try:
            yield
        finally:
            named[query] = right

    return plant


def _code(owner: Any, function: str, old: str, new: str) -> Plant:
    """Another text in a function."""

    @contextmanager
    def plant(_dialect: str) -> Iterator[None]:
        right = inspect.getattr_static(owner, function)
        source = textwrap.dedent(inspect.getsource(right))
        assert old in source, f"{function} has changed: {old!r} is not in it"
        scope = inspect.unwrap(right).__globals__
        found: dict[str, Any] = {}
        exec(compile(source.replace(old, new), f"<{function}, with a fault>", "exec"), scope, found)
        setattr(owner, function, found[function])
        try:
            yield
        finally:
            setattr(owner, function, right)

    return plant


def _fault(name: str, *plants: Plant) -> Fault:
    return Fault(name, plants)


GENERATION = "AND lease_generation = :generation"
ANY_GENERATION = "AND :generation = :generation"

FAULTS = (
    # ---- leases
    _fault("steps are saved by whoever had the run once", _sql("save_notes", GENERATION, ANY_GENERATION)),
    _fault("leases are renewed by whoever had them once", _sql("renew_lease", GENERATION, ANY_GENERATION)),
    _fault(
        "a claim takes leases that have not run out",
        _sql("requeue_expired", "AND lease_expires_at <= :expired_at", "AND :expired_at = :expired_at"),
    ),
    _fault(
        "a claim does not count up the generation",
        _sql("claim", "lease_generation + 1", "lease_generation + 0"),
    ),
    _fault(
        "a new owner leaves the leases of those before",
        _code(durably.Durably, "migrate", "if self._options.exclusive:", "if False:"),
    ),
    # ---- keys
    _fault(
        "a cancel frees the concurrency key at once",
        _sql(
            "cancel_run",
            "completed_at = :now,",
            "completed_at = :now, lease_owner = NULL, lease_expires_at = NULL,",
        ),
    ),
    _fault(
        "a claim does not look who holds the key",
        _sql("find_next", "holder.concurrency_key = candidate.concurrency_key", "FALSE"),
    ),
    _fault("an idempotency key is not looked up", _sql("find_idempotent", "AND key = :key", "AND key <> :key")),
    # ---- claims
    _fault(
        "the newest run goes first", _sql("find_next", "ORDER BY candidate.id", "ORDER BY candidate.id DESC")
    ),
    _fault("a trigger wakes no one", _code(durably.Durably, "_enqueue", "self._worker.wake()", "pass")),
    _fault(
        "a slot that is freed does not look again",
        _code(worker.Worker, "_slot_freed", "self.wake()", "pass"),
        _code(worker.Worker, "_next_request", "return self._request()", "return None"),
    ),
    _fault(
        "a job that waits keeps its slot",
        _code(worker.Worker, "_request_for_free_slot", "self._busy_lent < len(awaiting)", "False"),
    ),
    # ---- steps
    _fault(
        "results are found by the step's place",
        _code(
            StepContext,
            "_replay",
            "self._checkpoints[name]",
            "list(self._checkpoints.values())[int(name.split('-')[1]) - 1]",
        ),
    ),
    _fault(
        "a replayed result is what JSON makes of it",
        _code(StepContext, "_replay", "codec.load(", "__import__('json').loads("),
    ),
    _fault(
        "finished steps are forgotten",
        _code(Transitions, "_claimed", "if run.attempt > 1", "if run.attempt > 2"),
    ),
    _fault(
        "a step's writes are committed without its checkpoint",
        _code(
            Transitions,
            "run_transaction",
            "self.save(lease, step,",
            "self.save(lease, None,",
        ),
    ),
    # ---- ends
    _fault(
        "a run is ended twice",
        _sql("finish_run", "AND status = 'leased'", "AND status IN ('leased', 'completed', 'failed')"),
        _code(
            Execution,
            "end",
            "return await",
            "await uninterrupted(self._write_end(ending, None))\n    return await",
        ),
    ),
    _fault(
        "steps of runs that have ended stay",
        _code(Transitions, "_end", 'self._delete("delete_steps", lease.run_id)', "pass"),
    ),
    _fault(
        "logs of deleted runs stay",
        _code(Transitions, "_deleted", 'self._delete("delete_logs", *run_ids)', "pass"),
    ),
    # ---- events
    _fault(
        "a step's event is told before its commit",
        _code(
            Execution,
            "_write_step",
            "try:\n        state",
            "self._bus.emit(event)\n    try:\n        state",
        ),
    ),
    _fault(
        "no event tells that a lease has run out",
        _code(Transitions, "_claim_for", "self._write_events(happened)", "self._write_events(happened[-1:])"),
    ),
    _fault(
        "a cancel is told to no one", _code(durably.Durably, "_cancel", "self._bus.emit(await", "str(await")
    ),
    # ---- commands
    _fault(
        "what a command has done is not recorded",
        _code(SQLStore, "_recorded", "if recording is None:", "if True:"),
    ),
    _fault(
        "two requests of one command don't know of each other",
        _code(
            SQLStore,
            "_recorded",
            "is not None:\n            raise",
            "is not None and False:\n            raise",
        ),
        _sql("insert_command", "INSERT INTO", "INSERT OR REPLACE INTO"),
    ),
)

RARE = (
    _fault(
        "what a full storage ended waits for the next poll",
        _code(worker.Worker, "_execute", "if not asked and", "if False and"),
    ),
    _fault(
        "a command that was carried out is in its own way",
        _code(api, "once", "except DurablyError:", "except ZeroDivisionError:"),
    ),
)
"""Found once, by chance: too seldom to be found among a few hundred histories."""
