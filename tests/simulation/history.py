"""Carries a plan out: processes with real engines over one database, and clients that ask them."""

import asyncio
import gc
import json
import math
import random
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Literal

from durably_core import api
from durably_core.clock import IdFactory
from durably_core.commands import Command
from durably_core.durably import Durably, create_durably
from durably_core.errors import DurablyError, StorageError
from durably_core.store.base import MAX_ATTEMPTS_ERROR
from tests.simulation.disk import Call, Delivery, Disk, Row, Weather, current_delivery
from tests.simulation.jobs import Jobs, WorkPlan, expected_output
from tests.simulation.model import Model, ViolationError, expect, short
from tests.simulation.plan import JOB_NAMES, UNKNOWN_JOB, Action, Blow, Order, Plan, Trigger
from tests.simulation.sqlite import SQLiteDisk
from tests.simulation.world import NeverAtRestError, Process, World

RESEND_S = 5.0
"""After so long without an answer a client asks again."""

BOOT_S = 0.3

REST_S = 2400.0
"""After the last blow: so long may it take until all is done, where a clock was set back by ten minutes."""

PROMPT_REST_S = 300.0
"""The same where no one has to wait for a lease of another to run out, or for a poll, which is an hour away."""

Answer = tuple[Literal["answer", "error", "gone"], Any]


@dataclass(frozen=True)
class Outcome:
    trace: tuple[str, ...]
    violation: ViolationError | None
    commits: int
    seconds: float
    """Of the world's time."""


def carry_out(plan: Plan, on: type[Disk] = SQLiteDisk) -> Outcome:
    """Let it happen, and look for what must not be."""
    # What the dead held is let go of at the end only, when no one can take it for something that happens.
    gc.disable()
    try:
        return _carry_out(plan, on)
    finally:
        gc.enable()
        gc.collect()


def _carry_out(plan: Plan, on: type[Disk]) -> Outcome:
    history = History(plan, on)
    violation = None
    try:
        history.run()
    except ViolationError as found:
        violation = found
    except NeverAtRestError as found:
        violation = ViolationError("everything ends", str(found))
    if violation is not None:
        history.world.tell(f"VIOLATION {violation}")
        # Its frames hold all of this world.
        violation = violation.with_traceback(None)
        violation.__context__ = None
    outcome = Outcome(tuple(history.world.trace), violation, history.disk.commits, history.world.now)
    history.world.end()
    history.disk.close()
    return outcome


class Seat:
    """Where one process after the other runs an engine."""

    def __init__(self, history: "History", number: int) -> None:
        self.process: Process | None = None
        self.durably: Durably | None = None
        self.is_ready = False
        self._history = history
        self._number = number
        self._incarnations = 0

    @property
    def lives(self) -> bool:
        return self.process is not None and self.process.is_alive

    def boot(self, job_names: tuple[str, ...] = JOB_NAMES, *, is_started: bool = True) -> None:
        history, setup = self._history, self._history.plan.setup
        self._incarnations += 1
        self.is_ready = False
        process = self.process = history.world.process(f"p{self._number}.{self._incarnations}")
        jobs = Jobs(process, history.model, history.deaths, history.disk.placeholder)
        rng = random.Random(f"{history.plan.seed} {process.name}")

        def make() -> Durably:
            return create_durably(
                database=history.disk.way(process),
                jobs=jobs.registered(job_names),
                polling_interval_ms=setup.polling_ms,
                lease_ms=setup.lease_ms,
                lease_renew_interval_ms=setup.renew_ms,
                max_concurrent_runs=setup.slots,
                max_attempts=setup.max_attempts,
                preserve_steps=setup.preserve_steps,
                exclusive=setup.is_exclusive,
                clock=history.world.clock,
                new_id=IdFactory(history.world.clock, rng),
                rng=rng,
            )

        durably = self.durably = jobs.durably = process.within(make)
        durably.persist_logs()
        durably.on("*", lambda event: history.model.heard(process.name, event))
        if is_started:
            process.when_dead(self._on_death)
            process.start(self._begin(durably))
        else:
            self.is_ready = True

    async def _begin(self, durably: Durably) -> None:
        await asyncio.sleep(BOOT_S * self._history.world.rng.random())
        while True:
            try:
                await durably.init()
            except StorageError:
                await asyncio.sleep(0.5)
            else:
                break
        self.is_ready = True
        self._history.someone_is_ready()

    def _on_death(self) -> None:
        self.is_ready = False
        self._history.world.call_later(self._history.down_s, self.boot_if_dead)

    def boot_if_dead(self) -> None:
        if not self.lives:
            self.boot()

    def _ready_engine(self) -> tuple[Process, Durably] | None:
        if self.process is None or self.durably is None or not self.is_ready or not self.process.is_alive:
            return None
        return self.process, self.durably

    def hand_over(self) -> None:
        """A clean change of the leader."""
        if (engine := self._ready_engine()) is None:
            return
        process, durably = engine

        async def hand_over() -> None:
            if await durably.hand_over(timeout_ms=500):
                self.is_ready = False
                await durably.close()
                process.kill()

        process.start(hand_over())

    def stop_for(self, seconds: float) -> None:
        if (engine := self._ready_engine()) is None:
            return
        process, durably = engine

        async def stop() -> None:
            await durably.stop(timeout_ms=round(seconds * 100))
            await asyncio.sleep(seconds)
            durably.start()

        process.start(stop())


class History:
    def __init__(self, plan: Plan, on: type[Disk]) -> None:
        self.plan = plan
        self.world = World(random.Random(f"schedule {plan.seed}"))
        self.weather = Weather(random.Random(f"weather {plan.seed}"))
        self.disk = on(self.world, self.weather, is_watched=plan.setup.is_watched)
        self.model = Model(self.world, self.disk, preserve_steps=plan.setup.preserve_steps)
        self.disk.onlooker = self.model
        self.deaths: Counter[tuple[str, str]] = Counter()
        self.down_s = 0.2
        self._client = self.world.process("client")
        self._seats = [Seat(self, number) for number in range(plan.setup.processes)]
        self._tasks: list[asyncio.Task[Any]] = []
        self._answers: defaultdict[str, list[tuple[Answer, Delivery]]] = defaultdict(list)
        """By command: what was answered, however often."""
        self._run_ids: dict[int, asyncio.Future[str | None]] = {}
        self._orders: list[tuple[str, Order, str]] = []
        """Commands, and the runs that they were about."""
        self._ready_event = asyncio.Event()

    # ------------------------------------------------------------------ the course of things

    def run(self) -> None:
        self._prepare()
        self.disk.kill_at = self.plan.kill_at
        for seat in self._seats:
            seat.boot()
        triggers = 0
        for number, action in enumerate(self.plan.actions):
            place = None
            if isinstance(action, Trigger):
                place, triggers = triggers, triggers + 1
                self._run_ids[place] = self._client.loop.create_future()
            self.world.call_later(action.at, self._begin, action, f"c{number}", place)
        last = max((action.at for action in self.plan.actions), default=0.0)
        self.world.run_until(lambda: False, last + 10.0)
        self._recover()
        jumps = any(isinstance(action, Blow) and action.what == "jump" for action in self.plan.actions)
        rest_s = PROMPT_REST_S if self.plan.setup.is_exclusive and not jumps else REST_S
        at_rest = self.world.run_until(self._is_at_rest, self.world.now + rest_s)
        expect(at_rest, "everything ends", f"it does not come to rest: {self._unrest()}")
        # What is told of the last commits: a loop may be blocked just now.
        self.world.run_until(lambda: False, self.world.now + 10.0)
        self._check_end()

    def _prepare(self) -> None:
        """The schema, before there is anyone."""
        process = self.world.process("installer")
        way = self.disk.way(process)
        self.disk.onlooker = _Nobody()

        async def install() -> None:
            await way.migrate()

        task = process.start(install())
        self.world.run_until(task.done, self.world.now + 60.0)
        task.result()
        self.disk.execute("CREATE TABLE marks (run_id TEXT NOT NULL, step_name TEXT NOT NULL)")
        self.disk.onlooker = self.model
        self.disk.commits = 0
        self.model.reload()

    def _begin(self, action: Action, name: str, place: int | None) -> None:
        match action:
            case Trigger():
                assert place is not None
                self._tasks.append(self._client.start(self._trigger(action, name, place)))
            case Order():
                self._tasks.append(self._client.start(self._order(action, name)))
            case Blow():
                self._strike(action)

    def _strike(self, blow: Blow) -> None:
        self.world.tell(f"{blow.what} ({blow.seconds} s) for p{blow.process}")
        process, seconds = self._seats[blow.process].process, blow.seconds
        assert process is not None
        match blow.what:
            case "kill":
                self.down_s = seconds
                process.kill()
            case "suspend":
                process.suspend(seconds)
            case "block":
                process.block(seconds)
            case "stop":
                self._seats[blow.process].stop_for(seconds)
            case "hand over":
                self._seats[blow.process].hand_over()
            case "jump":
                self.world.clock.jump(round(seconds * 1000) * self.world.rng.choice((1, -1)))
            case _:
                self._change_weather(blow)

    def _change_weather(self, blow: Blow) -> None:
        weather, until = self.weather, self.world.now + blow.seconds
        match blow.what:
            case "storm" | "full":
                weather.fails_until, weather.is_full = until, blow.what == "full"
            case "slow":
                weather.slow_until = until
            case "late renewal":
                weather.late_renewal_s = blow.seconds
            case "lost renewals":
                weather.loses_renewals_until = until

    def _recover(self) -> None:
        self.world.tell("no more blows")
        self.weather.fails_until = self.weather.slow_until = self.weather.loses_renewals_until = 0.0
        self.weather.late_renewal_s = 0.0
        self.down_s = 0.2
        for seat in self._seats:
            seat.boot_if_dead()

    def _is_at_rest(self) -> bool:
        return not self._unrest()

    def _unrest(self) -> list[str]:
        now_ms = self.world.clock.now_ms()
        runs = [
            f"{row['job_name']} {short(row['id'])} is {row['status']}"
            for row in self.model.now.runs.values()
            if row["job_name"] != UNKNOWN_JOB
            and (row["completed_at"] is None or (row["lease_owner"] and row["lease_expires_at"] > now_ms))
        ]
        asking = [str(task.get_name()) for task in self._tasks if not task.done()]
        return runs + asking + [f"no process {seat}" for seat in self._seats if not seat.lives]

    # ------------------------------------------------------------------ clients

    async def _trigger(self, trigger: Trigger, command: str, place: int) -> None:
        asyncio.current_task().set_name(f"trigger {place}")  # type: ignore[union-attr]
        body = {
            "jobName": trigger.job,
            "input": WorkPlan(steps=list(trigger.steps), command=command).model_dump(),
            "idempotencyKey": trigger.idempotency_key,
            "concurrencyKey": trigger.concurrency_key,
            "coalesce": trigger.coalesce,
            "labels": {"command": command},
        }
        visitor = self._visitor() if trigger.job == UNKNOWN_JOB else None
        kind, answer = await self._ask("trigger", body, command, trigger.delivery, visitor)
        run_id = answer["runId"] if kind == "answer" else None
        expect(run_id is None or run_id in self.model.ever, "answers are true", f"there is no run {run_id}")
        if not self._run_ids[place].done():
            self._run_ids[place].set_result(run_id)
        if run_id is not None and trigger.is_awaited and trigger.job != UNKNOWN_JOB:
            await self._wait(run_id)

    def _visitor(self) -> Seat:
        """Another version of the program: it has a job that this one does not know, and executes nothing."""
        visitor = Seat(self, len(self._seats))
        visitor.boot((UNKNOWN_JOB,), is_started=False)
        return visitor

    async def _order(self, order: Order, command: str) -> None:
        asyncio.current_task().set_name(f"{order.what} {order.of}")  # type: ignore[union-attr]
        run_id = await asyncio.shield(self._run_ids[order.of])
        if run_id is None:
            return
        self._orders.append((command, order, run_id))
        operation = {"delete": "deleteRun"}.get(order.what, order.what)
        kind, answer = await self._ask(operation, {"runId": run_id}, command, order.delivery)
        if kind == "answer" and order.what == "cancel":
            row = self.model.ever[run_id]
            expect(row["status"] == "cancelled", "answers are true", f"{short(run_id)} is {row['status']}")
        if kind == "answer" and order.what == "delete":
            expect(run_id in self.model.deleted, "answers are true", f"{short(run_id)} is there still")
        if kind == "answer" and order.what == "retrigger":
            origin = self.model.ever[answer["runId"]]["retriggered_from"]
            expect(origin in (run_id, None), "answers are true", f"{short(answer['runId'])} repeats {origin}")

    async def _wait(self, run_id: str) -> None:
        asyncio.current_task().set_name(f"wait for {short(run_id)}")  # type: ignore[union-attr]

        async def wait(durably: Durably) -> Any:
            return (await durably.wait_for_run(run_id)).output

        kind, answer = await self._until_answered(wait)
        row = self.model.ever[run_id]
        gone = run_id in self.model.deleted
        ended = row["status"] in ("completed", "failed", "cancelled")
        expect(ended or gone, "answers are true", f"{short(run_id)} was waited for and is {row['status']}")
        if kind == "answer":
            plan = WorkPlan.model_validate_json(row["input"])
            expect(
                answer == {"values": expected_output(plan)}, "outputs are right", f"{short(run_id)}: {answer}"
            )

    async def _ask(
        self, operation: str, body: dict[str, Any], command: str, delivery: str, at: Seat | None = None
    ) -> Answer:
        is_repeated = False

        def request(is_repeated: bool) -> Callable[[Durably], Awaitable[Any]]:
            asked = Command(id=command, is_repeated=is_repeated)
            return lambda durably: api.call(durably, operation, json.dumps(body), asked)

        while True:
            loses_answer = delivery == "answer lost" and not is_repeated
            seat = at or await self._a_ready_seat()
            first = self._send(seat, request(is_repeated), command, loses_answer=loses_answer)
            if delivery == "twice" and not is_repeated:
                again = at or self._a_seat_for_the_second(seat)
                self._send(again, request(True), command)
            done, _ = await asyncio.wait([first], timeout=RESEND_S)
            is_repeated = True
            if not done:
                continue
            kind, answer = first.result()
            if kind == "gone" or (kind == "error" and answer in ("storage", "storage_full")):
                await asyncio.sleep(0.2)
                continue
            return kind, answer

    async def _until_answered(self, work: Callable[[Durably], Awaitable[Any]]) -> Answer:
        while True:
            kind, answer = await self._send(await self._a_ready_seat(), work, None)
            if kind == "gone" or (kind == "error" and answer in ("storage", "storage_full")):
                await asyncio.sleep(0.2)
                continue
            return kind, answer

    async def _a_ready_seat(self) -> Seat:
        while not (ready := [seat for seat in self._seats if seat.is_ready]):
            await self._ready_event.wait()
        return self.world.rng.choice(ready)

    def _a_seat_for_the_second(self, first: Seat) -> Seat:
        return self.world.rng.choice([seat for seat in self._seats if seat.is_ready] or [first])

    def someone_is_ready(self) -> None:
        event, self._ready_event = self._ready_event, asyncio.Event()
        self.world.schedule(self.world.now, self._client, asyncio.Handle(event.set, (), self._client.loop))

    def _send(
        self,
        seat: Seat,
        work: Callable[[Durably], Awaitable[Any]],
        command: str | None,
        *,
        loses_answer: bool = False,
    ) -> "asyncio.Future[Answer]":
        """To the process that is there now. The answer is ``gone`` when that dies."""
        process, durably = seat.process, seat.durably
        assert process is not None
        assert durably is not None
        future: asyncio.Future[Answer] = self._client.loop.create_future()
        delivery = Delivery()

        def send_back(answer: Answer) -> None:
            if command is not None and answer[0] != "gone":
                self._answers[command].append((answer, delivery))
            if not loses_answer:
                self._post(self._client, _arrive, future, answer)

        async def answered() -> None:
            current_delivery.set(delivery)
            try:
                send_back(("answer", await work(durably)))
            except DurablyError as error:
                send_back(("error", error.code))

        process.when_dead(lambda: send_back(("gone", None)))
        self._post(process, lambda: process.start(answered()))
        return future

    def _post(self, process: Process, arrive: Callable[..., object], *args: Any) -> None:
        """A message takes its time."""
        handle = asyncio.Handle(arrive, args, process.loop)
        self.world.schedule(self.world.now + self.world.rng.uniform(0.0, 0.02), process, handle)

    # ------------------------------------------------------------------ the end

    def _check_end(self) -> None:
        for task in self._tasks:
            task.result()
        expect(not self.world.unheard, "nothing goes unheard", "; ".join(self.world.unheard))
        for seat in self._seats:
            assert seat.process is not None
            owed = self.model.owed[seat.process.name]
            expect(not owed, "changes are told", f"{seat.process.name} never told of {owed}")
        self._check_commands()
        for run_id, row in self.model.ever.items():
            if row["job_name"] != UNKNOWN_JOB:
                self._check_outcome(run_id, row)

    def _check_commands(self) -> None:
        made = Counter(
            json.loads(row["input"])["command"]
            for row in self.model.ever.values()
            if not row["retriggered_from"]
        )
        for command, count in made.items():
            if command:
                expect(count == 1, "commands happen once", f"{command} made {count} runs")
        for command, answers in self._answers.items():
            # What was refused was not done, and may be asked for again; what was done is done. A process whose
            # loop is blocked tells late what it had seen before.
            done = [(answer, delivery.saw_at) for answer, delivery in answers if answer[0] == "answer"]
            since = min((saw_at for _, saw_at in done), default=math.inf)
            after = [answer for answer, delivery in answers if delivery.saw_at >= since]
            said = [each for each in after if not (each[0] == "error" and each[1].startswith("storage"))]
            same = all(each == done[0][0] for each in said)
            expect(same, "commands have one answer", f"{command}: {[answer for answer, _ in answers]}")
        repeats = Counter(
            row["retriggered_from"] for row in self.model.ever.values() if row["retriggered_from"]
        )
        asked = Counter(run_id for _, order, run_id in self._orders if order.what == "retrigger")
        for run_id, count in repeats.items():
            expect(
                count <= asked[run_id], "commands happen once", f"{short(run_id)} was repeated {count} times"
            )

    def _check_outcome(self, run_id: str, row: Row) -> None:
        plan = WorkPlan.model_validate_json(row["input"])
        wanted, setup = expected_output(plan), self.plan.setup
        if row["status"] == "completed":
            found = json.loads(row["output"])["values"]
            expect(found == wanted, "outputs are right", f"{short(run_id)}: {found} in place of {wanted}")
        elif row["status"] == "failed":
            allowed = {"fails": "ValueError", "limited": "StepTimeoutError", "child": "RunFailedError"}
            errors = {allowed.get(step.kind) for step in plan.steps}
            if row["attempt"] >= setup.max_attempts:
                errors.add(MAX_ATTEMPTS_ERROR)
            told = f"{short(run_id)}: {row['error_type']}: {row['error']}"
            expect(row["error_type"] in errors, "failures are the job's", told)
        elif row["status"] == "cancelled":
            asked = any(order.what == "cancel" and of == run_id for _, order, of in self._orders)
            expect(asked, "cancels are asked for", f"{short(run_id)} was cancelled by no one")


def _arrive(future: "asyncio.Future[Answer]", answer: Answer) -> None:
    if not future.done():
        future.set_result(answer)


class _Nobody:
    def called(self, _call: Call, work: Callable[[], Any]) -> Any:
        return work()
