"""What may be in the database: a small reference model, compared with the real one after each commit."""

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from durably_core.events import Event, RunEvent
from durably_core.store.base import MAX_ATTEMPTS_ERROR, ClaimRequest, Lease
from tests.simulation.disk import Call, Disk, Row
from tests.simulation.jobs import Body
from tests.simulation.world import World

LEASE_CALLS = frozenset({"save_step", "save_notes", "run_transaction", "renew_lease", "end_run"})
STATE_EVENTS = frozenset(
    {
        "run:trigger",
        "run:coalesced",
        "run:leased",
        "run:requeue",
        "run:complete",
        "run:fail",
        "run:cancel",
        "run:stop",
        "run:delete",
        "step:complete",
        "step:fail",
    }
)
TERMINAL = frozenset({"completed", "failed", "cancelled"})

SLACK_S = 3.0
"""How long code may go on after a cancel that its own process has stored, when the disk is slow."""


class ViolationError(AssertionError):
    """An invariant does not hold. ``rule``: its name."""

    def __init__(self, rule: str, message: str) -> None:
        super().__init__(f"{rule}: {message}")
        self.rule = rule


def expect(condition: object, rule: str, message: str) -> None:
    if not condition:
        raise ViolationError(rule, message)


@dataclass
class Snapshot:
    """All that is in the database."""

    runs: dict[str, Row] = field(default_factory=dict)
    steps: dict[tuple[str, str, int], Row] = field(default_factory=dict)
    logs: set[tuple[str, str]] = field(default_factory=set)
    labels: set[tuple[str, str, str]] = field(default_factory=set)
    keys: dict[tuple[str, str], Row] = field(default_factory=dict)
    commands: dict[str, str] = field(default_factory=dict)
    marks: Counter[tuple[str, str]] = field(default_factory=Counter)
    newest_event: int = 0

    @classmethod
    def of(cls, disk: Disk) -> "Snapshot":
        rows = disk.rows
        runs = rows(
            "SELECT run.*, payload.run_id AS payload, payload.input, payload.output"
            " FROM durably_runs AS run LEFT JOIN durably_payloads AS payload ON payload.run_id = run.id"
        )
        steps = rows("SELECT * FROM durably_steps")
        logs = rows("SELECT run_id, id FROM durably_logs")
        keys = rows("SELECT * FROM durably_idempotency_keys")
        commands = rows("SELECT id, answer FROM durably_commands")
        marks = rows("SELECT run_id, step_name, count(*) AS marks FROM marks GROUP BY run_id, step_name")
        [newest] = rows("SELECT coalesce(max(sequence), 0) AS newest FROM durably_events")
        return cls(
            runs={row["id"]: row for row in runs},
            steps={(row["run_id"], row["name"], row["failure"]): row for row in steps},
            logs={(row["run_id"], row["id"]) for row in logs},
            keys={(row["job_name"], row["key"]): row for row in keys},
            commands={row["id"]: row["answer"] for row in commands},
            marks=Counter({(row["run_id"], row["step_name"]): row["marks"] for row in marks}),
            newest_event=newest["newest"],
        )

    def checkpoints(self, run_id: str) -> list[str]:
        return [name for run, name, failure in self.steps if run == run_id and failure == 0]


class Model:
    """Looks on at each call of the store, each body of a step and each event that is told."""

    def __init__(self, world: World, disk: Disk, *, preserve_steps: bool) -> None:
        self.now = Snapshot()
        self._world = world
        self._disk = disk
        self._preserve_steps = preserve_steps
        self._bodies: set[Body] = set()
        self._ended_bodies: Counter[tuple[str, int, str]] = Counter()
        self._stored_cancels: dict[str, float] = {}
        """When a process that executes a run has stored that it is cancelled."""
        self._told: defaultdict[str, dict[str, int]] = defaultdict(dict)
        self.owed: defaultdict[str, dict[int, str]] = defaultdict(dict)
        """By process: the numbers and types of events that it wrote and has not told yet."""
        self._told_numbers: defaultdict[str, set[int]] = defaultdict(set)
        self.ever: dict[str, Row] = {}
        """Each run that ever was, as it was last."""
        self.deleted: set[str] = set()

    @contextmanager
    def _kept(self) -> Iterator[None]:
        try:
            yield
        except ViolationError as violation:
            self._world.failure = self._world.failure or violation
            raise

    # ------------------------------------------------------------------ commits

    def called(self, call: Call, work: Callable[[], Any]) -> Any:
        changes = self._disk.changes
        answer: Any = None
        try:
            answer = work()
        except Exception:
            raise  # and is undone
        except BaseException:
            self._look(call, answer, changes)
            raise
        self._look(call, answer, changes)
        return answer

    def _look(self, call: Call, answer: Any, changes: int) -> None:
        if self._disk.changes != changes:
            before, self.now = self.now, Snapshot.of(self._disk)
            with self._kept():
                self._committed(call, answer, before, self.now)

    def reload(self) -> None:
        self.now = Snapshot.of(self._disk)

    def _committed(self, call: Call, answer: Any, before: Snapshot, after: Snapshot) -> None:
        self._remember(before, after)
        told = self._new_events(before)
        if any(row["type"] != "log:write" for row in told):
            self._world.tell(f"{call.process.name} {call.name}: " + ", ".join(map(_line, told)))
        changes = _Changes(call, before, after, self._world.clock.now_ms())
        for run_id in {**before.runs, **after.runs}:
            changes.check_run(run_id)
        self._check_steps(call, before, after)
        _check_orphans(after)
        self._check_keys(after, call)
        if call.name in ("claim", "end_run"):
            changes.check_choice(told)
        self._check_events(changes, told)
        self._check_code_has_stopped(call, before, after)
        if call.name == "cancel_run":
            self._stored_cancels.setdefault(call.args[0], self._world.now)
        for row in told:
            if row["type"] in STATE_EVENTS:
                self.owed[call.process.name][row["sequence"]] = row["type"]

    def _remember(self, before: Snapshot, after: Snapshot) -> None:
        self.ever |= after.runs
        self.deleted |= before.runs.keys() - after.runs.keys()
        returned = self.deleted & after.runs.keys()
        expect(not returned, "gone is gone", f"deleted runs are there again: {returned}")

    def _new_events(self, before: Snapshot) -> list[Row]:
        newest = before.newest_event
        return self._disk.rows(f"SELECT * FROM durably_events WHERE sequence > {newest} ORDER BY sequence")

    def _check_steps(self, call: Call, before: Snapshot, after: Snapshot) -> None:
        for key, row in before.steps.items():
            run_id, name, _ = key
            if key in after.steps:
                expect(
                    after.steps[key] == row,
                    "checkpoints stay",
                    f"{name} of {run_id} was changed by {call.name}",
                )
                continue
            run = after.runs.get(run_id)
            ended = run is None or run["status"] in TERMINAL
            expect(ended, "checkpoints stay", f"{name} of {run_id}, which goes on, was deleted by {call.name}")
        for key in after.steps.keys() - before.steps.keys():
            run_id, name, failure = key
            lease = _lease(call)
            held = lease is not None and lease.run_id == run_id and _holds(before, lease)
            expect(held, "only the holder writes", f"{call.name} wrote {name} of {run_id} without its lease")
            assert lease is not None
            if failure == 0 and not name.startswith("child"):
                done = self._ended_bodies[run_id, lease.generation, name]
                expect(done, "only what was done is saved", f"{name} of {run_id} was saved and not executed")
        for run in after.runs.values():
            saved, counted = len(after.checkpoints(run["id"])), run["completed_step_count"]
            gone = run["status"] in TERMINAL and not saved
            expect(
                gone or saved == counted, "steps are counted", f"{run['id']} has {saved} and counts {counted}"
            )
            kept = self._preserve_steps or run["status"] not in TERMINAL or not saved
            expect(kept, "ended runs leave no steps", f"{run['id']} is {run['status']} and has steps")
        for (run_id, name), count in after.marks.items():
            expect(count == 1, "transactions happen once", f"{name} of {run_id} left {count} marks")
            if not before.marks[run_id, name]:
                saved = (run_id, name, 0) in after.steps
                expect(saved, "transactions happen once", f"{name} of {run_id} is not saved with its mark")

    def _check_keys(self, after: Snapshot, call: Call) -> None:
        # One that was cancelled and whose lease had run out may be renewed beside who came after it: when its
        # process was suspended, its code still executes.
        holders = Counter(
            row["concurrency_key"]
            for row in after.runs.values()
            if row["concurrency_key"] and row["status"] == "leased"
        )
        for key, count in holders.items():
            expect(count == 1, "one holder of a key", f"{count} runs hold {key!r} after {call.name}")

    def _check_code_has_stopped(self, call: Call, before: Snapshot, after: Snapshot) -> None:
        """Who gives a lease back has no code left that executes."""
        lease = _lease(call)
        if call.name != "end_run" or lease is None or not _held_at_all(before, lease):
            return
        run = after.runs.get(lease.run_id)
        if run is not None and run["lease_generation"] == lease.generation and run["lease_owner"]:
            return
        for body in self._bodies:
            executes = (body.run_id, body.generation) == (
                lease.run_id,
                lease.generation,
            ) and body.process.is_alive
            expect(not executes, "ended code has stopped", f"{body.name} of {body.run_id} still executes")

    def _check_events(self, changes: "_Changes", told: list[Row]) -> None:
        expected = Counter(changes.expected_events())
        found = Counter((row["type"], row["run_id"]) for row in told if row["type"] in STATE_EVENTS)
        expect(
            expected == found,
            "events are the changes",
            f"{changes.call.name} changed {sorted(expected.elements())} and told {sorted(found.elements())}",
        )

    # ------------------------------------------------------------------ bodies

    def begins(self, body: Body) -> None:
        with self._kept():
            self._begins(body)

    def _begins(self, body: Body) -> None:
        process, run = body.process, self.now.runs.get(body.run_id)
        holds = run is not None and run["lease_generation"] == body.generation and run["lease_owner"]
        saved = (body.run_id, body.name, 0) in self.now.steps
        expect(
            not (saved and holds),
            "finished steps don't run again",
            f"{body.name} of {body.run_id} begins again",
        )
        for other in self._bodies:
            own = other.process is process and other.run_id == body.run_id
            taken = own and other.generation == body.generation - 1
            expect(not taken, "own leases are kept", f"{body.run_id} executes twice in {process.name}")
            same = other.concurrency_key == body.concurrency_key is not None and other.run_id != body.run_id
            if same and other.process.is_alive and holds:
                expect(
                    not self._holds_now(other),
                    "one executes per key",
                    f"{body.run_id} begins {body.name} while {other.run_id} executes with the same key",
                )
        told = self._stored_cancels.get(body.run_id)
        late = told is not None and self._world.now - told > SLACK_S and holds
        expect(not late, "cancelled code stops", f"{body.name} of {body.run_id} begins long after the cancel")
        self._bodies.add(body)
        self._world.tell(f"{process.name} {body.name} of {short(body.run_id)} begins")

    def _holds_now(self, body: Body) -> bool:
        run = self.now.runs.get(body.run_id)
        return (
            run is not None
            and run["lease_generation"] == body.generation
            and run["lease_owner"] is not None
            and run["lease_expires_at"] > self._world.clock.now_ms()
        )

    def ends(self, body: Body) -> None:
        self._bodies.discard(body)
        self._ended_bodies[body.run_id, body.generation, body.name] += 1

    def gets(self, run_id: str, name: str, value: Any, expected: Any) -> None:
        same = type(value) is type(expected) and value == expected
        with self._kept():
            expect(
                same, "results are the same again", f"{name} of {run_id}: {value!r} in place of {expected!r}"
            )

    # ------------------------------------------------------------------ events that are told

    def heard(self, process_name: str, event: Event) -> None:
        if isinstance(event, RunEvent):
            with self._kept():
                self._heard(process_name, event)

    def _heard(self, process_name: str, event: RunEvent) -> None:
        number = event.sequence
        if event.type in STATE_EVENTS:
            there = 0 < number <= self.now.newest_event
            expect(
                there, "events follow commits", f"{process_name} tells {event.type} of {event.run_id} too early"
            )
            again = number in self._told_numbers[process_name]
            expect(
                not again, "events are told once", f"{process_name} tells {event.type} number {number} twice"
            )
            last = self._told[process_name].get(event.run_id, 0)
            expect(
                number > last, "events are told in order", f"{process_name}: {event.type} after number {last}"
            )
            self._told_numbers[process_name].add(number)
            self._told[process_name][event.run_id] = number
            self.owed[process_name].pop(number, None)


class _Changes:
    """What one commit has done to the runs."""

    def __init__(self, call: Call, before: Snapshot, after: Snapshot, now_ms: int) -> None:
        self.call = call
        self._before = before
        self._after = after
        self._now = now_ms
        self._requeued: list[str] = []
        self._events: list[tuple[str, str]] = []

    def expected_events(self) -> list[tuple[str, str]]:
        new = self._after.steps.keys() - self._before.steps.keys()
        steps = [("step:complete" if failure == 0 else "step:fail", run_id) for run_id, _, failure in new]
        return self._events + steps

    def check_run(self, run_id: str) -> None:
        old, new = self._before.runs.get(run_id), self._after.runs.get(run_id)
        if old == new:
            self._check_unchanged(run_id)
        elif old is None:
            assert new is not None
            self._created(new)
        elif new is None:
            self._deleted(old)
        else:
            self._changed(old, new)

    def _check_unchanged(self, run_id: str) -> None:
        if self.call.name == "enqueue":
            # Coalesced into a run that stays as it is.
            self._coalesced(run_id)

    def _created(self, new: Row) -> None:
        self._allow(self.call.name == "enqueue" and new["status"] == "pending", None, new)
        fresh = new["attempt"] == new["lease_generation"] == new["completed_step_count"] == 0
        expect(fresh, "new runs are new", f"{new['id']} begins as {new}")
        asked = next(run for run in self.call.args[0] if run.id == new["id"])
        known = self._before.keys.get((asked.job_name, asked.idempotency_key))
        expect(known is None, "keys stand for one run", f"{asked.idempotency_key!r} made {new['id']}, too")
        self._events.append(("run:trigger", new["id"]))

    def _deleted(self, old: Row) -> None:
        stopped = old["lease_owner"] is None or old["lease_expires_at"] <= self._now
        ended = old["status"] in TERMINAL and stopped
        expect(ended, "only what has ended is deleted", f"{self.call.name} deleted {_state(old)}")
        self._allow(self.call.name in ("delete_run", "purge_runs"), old, None)
        self._events.append(("run:delete", old["id"]))

    def _changed(self, old: Row, new: Row) -> None:
        change = (old["status"], new["status"])
        check = {
            ("pending", "pending"): self._coalesced_into,
            ("pending", "leased"): self._claimed,
            ("leased", "leased"): self._written,
            ("leased", "pending"): self._requeued_or_released,
            ("leased", "completed"): self._finished,
            ("leased", "failed"): self._finished,
            ("pending", "cancelled"): self._cancelled,
            ("leased", "cancelled"): self._cancelled,
            ("cancelled", "cancelled"): self._released_or_renewed,
        }.get(change)
        expect(check, "statuses", f"{self.call.name} made {_state(old)} {_state(new)}")
        assert check is not None
        grows = new["lease_generation"] >= old["lease_generation"] and new["attempt"] >= old["attempt"]
        expect(grows, "generations grow", f"{_state(old)}, then {_state(new)}")
        check(old, new)

    def _coalesced(self, run_id: str) -> None:
        for run in self.call.args[0]:
            key = (run.job_name, run.idempotency_key)
            row = self._after.runs[run_id]
            joins = run.coalesce is not None and run.concurrency_key == row["concurrency_key"]
            known = self._before.keys.get(key) if run.idempotency_key else None
            waits = row["status"] == "pending" and row["attempt"] == 0 and row["job_name"] == run.job_name
            if joins and known is None and waits:
                self._events.append(("run:coalesced", run_id))

    def _coalesced_into(self, old: Row, new: Row) -> None:
        self._allow(self.call.name == "enqueue" and old["attempt"] == 0, old, new)
        self._events.append(("run:coalesced", new["id"]))

    def _claimed(self, old: Row, new: Row) -> None:
        self._allow(self.call.name in ("claim", "end_run"), old, new)
        once = new["lease_generation"] == old["lease_generation"] + 1 and new["attempt"] == old["attempt"] + 1
        expect(once, "generations grow", f"claimed: {_state(old)}, then {_state(new)}")
        self._events.append(("run:leased", new["id"]))

    def _written(self, old: Row, new: Row) -> None:
        if new["lease_generation"] > old["lease_generation"]:
            # Its lease had run out, or was given back, and the same transaction took it anew.
            self._expect_free(old)
            self._events += [("run:requeue", old["id"]), ("run:leased", new["id"])]
            return
        lease = _lease(self.call)
        held = lease is not None and lease.run_id == old["id"] and _holds(self._before, lease)
        expect(held, "only the holder writes", f"{self.call.name} changed {_state(old)}")

    def _requeued_or_released(self, old: Row, new: Row) -> None:
        self._events.append(("run:requeue", new["id"]))
        self._expect_free(old)

    def _expect_free(self, old: Row) -> None:
        if self.call.name == "end_run" and self._is_given_back(old["id"], self.call.args[0].run_id):
            return
        self._expect_expired(old)
        self._requeued.append(old["id"])

    def _expect_expired(self, old: Row) -> None:
        if self.call.name == "expire_leases":
            return
        request = _request(self.call)
        self._allow(request is not None, old, None)
        assert request is not None
        over = old["lease_expires_at"] <= self._now
        expect(over, "leases are kept", f"{self.call.name} ended the lease of {_state(old)}")
        own = request.held.get(old["id"]) == old["lease_generation"]
        expect(not own, "own leases are kept", f"{self.call.name} ended its own lease of {_state(old)}")

    def _finished(self, old: Row, new: Row) -> None:
        if new["error_type"] == MAX_ATTEMPTS_ERROR:
            self._expect_expired(old)
        else:
            lease = _lease(self.call)
            held = lease is not None and lease.run_id == old["id"] and _holds(self._before, lease)
            expect(held and self.call.name == "end_run", "only the holder writes", f"ended: {_state(old)}")
            expect(self.call.args[1].status == new["status"], "ends as asked", f"{_state(new)}")
        self._events.append(("run:complete" if new["status"] == "completed" else "run:fail", new["id"]))

    def _cancelled(self, old: Row, new: Row) -> None:
        self._allow(self.call.name == "cancel_run" and self.call.args[0] == old["id"], old, new)
        kept = old["lease_owner"] == new["lease_owner"]
        expect(kept, "keys are free when code has stopped", f"cancelled: {_state(old)}, then {_state(new)}")
        self._events.append(("run:cancel", new["id"]))

    def _released_or_renewed(self, old: Row, new: Row) -> None:
        lease = _lease(self.call)
        own = lease is not None and lease.run_id == old["id"] and lease.generation == old["lease_generation"]
        if new["lease_owner"] is None:
            self._events.append(("run:stop", new["id"]))
            self._allow((own and self.call.name == "end_run") or self.call.name == "expire_leases", old, new)
        else:
            self._allow(own and self.call.name == "renew_lease", old, new)

    def check_choice(self, told: list[Row]) -> None:
        """A claim takes the oldest run that may run."""
        request = _request(self.call)
        if request is None:
            return
        runs = {
            run_id: row
            for run_id, row in self._before.runs.items()
            if self._after.runs.get(run_id, {}).get("status") not in TERMINAL
        }
        ended = _lease(self.call)
        released = ended.run_id if ended is not None else None
        waiting = [
            run_id
            for run_id, row in runs.items()
            if (row["status"] == "pending" or run_id in self._requeued or self._is_given_back(run_id, released))
            and row["job_name"] in request.job_names
            and (request.run_ids is None or run_id in request.run_ids)
            and not self._key_is_held(row, request, released)
        ]
        claimed = [row["run_id"] for row in told if row["type"] == "run:leased"]
        wanted = sorted(waiting)[:1]
        expect(claimed == wanted, "the oldest first", f"claimed {claimed}, and {wanted} was to be")

    def _is_given_back(self, run_id: str, released: str | None) -> bool:
        return (
            run_id == released
            and self.call.args[1].status == "released"
            and _holds(self._before, self.call.args[0])
        )

    def _key_is_held(self, row: Row, request: ClaimRequest, released: str | None) -> bool:
        if row["concurrency_key"] is None:
            return False
        for other in self._before.runs.values():
            if other["concurrency_key"] != row["concurrency_key"] or other["id"] == row["id"]:
                continue
            own = request.held.get(other["id"]) == other["lease_generation"]
            live = other["lease_owner"] and (other["lease_expires_at"] > self._now or own)
            gone = other["id"] == released and _held_at_all(self._before, self.call.args[0])
            if live and not gone:
                return True
        return False

    def _allow(self, condition: object, old: Row | None, new: Row | None) -> None:
        expect(condition, "statuses", f"{self.call.name} made {_state(old)} {_state(new)}")


def _check_orphans(after: Snapshot) -> None:
    whole = all(row["payload"] for row in after.runs.values())
    expect(whole, "nothing is half there", "a run has no input")
    of = {run_id for run_id, _, _ in after.steps} | {run_id for run_id, _ in after.logs}
    of |= {row["run_id"] for row in after.keys.values()}
    left = of - after.runs.keys()
    expect(not left, "deleted runs leave nothing", f"something is left of {sorted(left)}")


def _lease(call: Call) -> Lease | None:
    lease: Lease | None = call.args[0] if call.name in LEASE_CALLS else None
    return lease


def _request(call: Call) -> ClaimRequest | None:
    request: ClaimRequest | None = {"claim": lambda: call.args[0], "end_run": lambda: call.args[3]}.get(
        call.name, lambda: None
    )()
    return request


def _holds(snapshot: Snapshot, lease: Lease) -> bool:
    run = snapshot.runs.get(lease.run_id)
    return run is not None and run["status"] == "leased" and run["lease_generation"] == lease.generation


def _held_at_all(snapshot: Snapshot, lease: Lease) -> bool:
    """Also when it was cancelled and its code may still execute."""
    run = snapshot.runs.get(lease.run_id)
    return run is not None and run["lease_owner"] is not None and run["lease_generation"] == lease.generation


def _state(row: Row | None) -> str:
    if row is None:
        return "(nothing)"
    return f"{short(row['id'])} ({row['status']}, lease {row['lease_generation']} of {row['lease_owner']})"


def _line(row: Row) -> str:
    name = json.loads(row["data"]).get("step_name", "")
    return f"{row['type']} {short(row['run_id'])} {name}".strip()


def short(run_id: str) -> str:
    """Enough of an id to tell it from others."""
    return run_id[-6:]
