"""New code meets runs that old code began: what the deployment guide promises, row by row.

Each test lets a run of the old definition die, then goes on with the new one over the same store.
"""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from pydantic import BaseModel, create_model

from durably_core import Durably, NotFoundError, Run, StepContext, ValidationError
from tests.conftest import (
    Body,
    Gate,
    Heard,
    MakeEngine,
    Numbers,
    die,
    ended,
    make_job,
    nothing,
    run_to_end,
    within,
)


class Results(BaseModel):
    steps: dict[str, Any]


class Deploy:
    """Old code whose run dies between two steps, and new code that goes on with it.

    A step is called with the version of its code and answers with it.
    """

    def __init__(self, make_engine: MakeEngine) -> None:
        self._make_engine = make_engine
        self.calls: list[str] = []
        self.gate = Gate()

    def steps(self, version: str, names: str, *, until: str | None = None) -> Body:
        """A job of these steps that waits for the gate after the step ``until``."""

        async def body(step: StepContext, _input: Any) -> Results:
            results = {}
            for name in names.split():
                results[name] = await step.run(name, self.call, name, version)
                if name == until:
                    await self.gate()
            return Results(steps=results)

        return body

    def call(self, name: str, version: str) -> Any:
        self.calls.append(f"{version} {name}")
        return version

    async def dies(self, body: Body, input: dict[str, Any] | None = None, **job: Any) -> str:
        """Execute ``body`` as the old code until it reaches the gate; the worker dies there."""
        old = self._make_engine(make_job(body, output=Results, **job))
        triggered = await next(iter(old.jobs)).trigger(input or {})
        executing = asyncio.create_task(old.process_one())
        await self.gate.until_reached()
        await die(executing)
        self.gate.open()
        return triggered.id

    async def deployed(self, body: Body, **job: Any) -> Durably:
        """The new code, which knows that the worker before it is dead."""
        new = self._make_engine(make_job(body, output=Results, **job), exclusive=True)
        await new.migrate()
        return new

    async def goes_on(self, run_id: str, body: Body, **job: Any) -> Run:
        new = await self.deployed(body, **job)
        await within(new.process_until_idle())
        return await ended(new, run_id)


@pytest.fixture
def deploy(make_engine: MakeEngine) -> Deploy:
    return Deploy(make_engine)


# ---------------------------------------------------------------------- every change of steps

STEP_CHANGES = [
    pytest.param(
        "a b", "b", "a b c", "a=old b=old c=new", ["new c"],
        id="Add new steps: new step has no cached data, runs normally",
    ),
    pytest.param(
        "a b", "b", "x a y b", "x=new a=old y=new b=old", ["new x", "new y"],
        id="Add new steps: before and between those that are finished",
    ),
    pytest.param(
        "a b", "a", "a b", "a=old b=new", ["new b"],
        id="Change step logic: completed steps return cached output, new steps run new code",
    ),
    pytest.param(
        "a b c", "b", "b c a", "b=old c=new a=old", ["new c"],
        id="Reorder steps: name-based matching, order doesn't matter",
    ),
    pytest.param(
        "a b c", "b", "c a", "c=new a=old", ["new c"],
        id="Delete steps: old step data is ignored",
    ),
    pytest.param(
        "a b", "b", "", "", [],
        id="Delete steps: all of them",
    ),
    pytest.param(
        "a b c", "b", "a renamed c", "a=old renamed=new c=new", ["new renamed", "new c"],
        id="Rename a step: old cached output doesn't match, step re-executes",
    ),
    pytest.param(
        "a b c", "b", "b a c", "b=old a=old c=new", ["new c"],
        id="Rename a step: to a name that is taken, which brings that step's output",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("old", "until", "new", "results", "called"), STEP_CHANGES)
async def test_steps_are_matched_by_name_after_deploy(
    deploy: Deploy, old: str, until: str, new: str, results: str, called: list[str]
) -> None:
    run_id = await deploy.dies(deploy.steps("old", old, until=until))
    before = len(deploy.calls)
    run = await deploy.goes_on(run_id, deploy.steps("new", new))
    assert (run.status, run.attempt) == ("completed", 2)
    assert run.output == {"steps": dict(part.split("=") for part in results.split())}
    assert deploy.calls[before:] == called


# ---------------------------------------------------------------------- safe changes, in detail


async def test_added_step_is_recorded_beside_old_ones(deploy: Deploy) -> None:
    """Add new steps: a crash after the deploy does not run the new step again either."""
    run_id = await deploy.dies(deploy.steps("old", "a b", until="b"))
    deploy.gate = Gate()
    newer = await deploy.deployed(deploy.steps("new", "a n b", until="n"))
    executing = asyncio.create_task(newer.process_one())
    await deploy.gate.until_reached()
    await die(executing)
    deploy.gate.open()
    run = await deploy.goes_on(run_id, deploy.steps("newest", "a n b"))
    assert run.output == {"steps": {"a": "old", "n": "new", "b": "old"}}


async def test_reordered_steps_keep_one_checkpoint_each(deploy: Deploy, make_engine: MakeEngine) -> None:
    """Reorder steps: nothing is recorded twice, and counts stay right."""
    run_id = await deploy.dies(deploy.steps("old", "a b c", until="b"))
    run = await deploy.goes_on(run_id, deploy.steps("new", "c b a"))
    steps = await make_engine(make_job(nothing)).get_steps(run_id)
    assert sorted((step.name, step.output) for step in steps) == [
        ("a", '"old"'),
        ("b", '"old"'),
        ("c", '"new"'),
    ]
    assert run.completed_step_count == 3


async def test_deleted_step_does_not_come_back(deploy: Deploy) -> None:
    """Delete steps: events and results of the new code tell nothing of the old step."""
    run_id = await deploy.dies(deploy.steps("old", "gone kept", until="kept"))
    new = await deploy.deployed(deploy.steps("new", "kept added"))
    heard = Heard(new)
    await within(new.process_one())
    assert [event.step_name for event in heard.of("step:complete")] == ["added"]
    assert (await ended(new, run_id)).output == {"steps": {"kept": "old", "added": "new"}}


async def test_deleted_step_may_be_added_again(deploy: Deploy) -> None:
    """Delete steps: the data is ignored, not lost; a rollback finds it."""
    run_id = await deploy.dies(deploy.steps("old", "a b c", until="b"))
    deploy.gate = Gate()
    newer = await deploy.deployed(deploy.steps("new", "b d", until="d"))
    executing = asyncio.create_task(newer.process_one())
    await deploy.gate.until_reached()
    await die(executing)
    deploy.gate.open()
    run = await deploy.goes_on(run_id, deploy.steps("rollback", "a b c"))
    assert run.output == {"steps": {"a": "old", "b": "old", "c": "rollback"}}


async def test_unfinished_step_runs_new_code(deploy: Deploy) -> None:
    """Change step logic: a step that was interrupted has no cached output."""
    gate = deploy.gate

    async def old(step: StepContext, _input: Any) -> Results:
        await step.run("a", deploy.call, "a", "old")
        await step.run("b", gate)
        return Results(steps={})

    run_id = await deploy.dies(old)
    run = await deploy.goes_on(run_id, deploy.steps("new", "a b"))
    assert run.output == {"steps": {"a": "old", "b": "new"}}


async def test_failed_step_runs_new_code(deploy: Deploy) -> None:
    """Change step logic: a step that failed, and whose error was caught, is not finished."""

    def fail() -> None:
        raise ValueError("old code")

    async def old(step: StepContext, _input: Any) -> Results:
        with pytest.raises(ValueError, match="old code"):
            await step.run("a", fail)
        await deploy.gate()
        return Results(steps={})

    run_id = await deploy.dies(old)
    run = await deploy.goes_on(run_id, deploy.steps("new", "a"))
    assert run.output == {"steps": {"a": "new"}}


# ---------------------------------------------------------------------- risky: rename a step


async def test_renamed_step_leaves_the_old_record(deploy: Deploy, make_engine: MakeEngine) -> None:
    """Rename a step: both executions are on record; "safe if the step is idempotent"."""
    run_id = await deploy.dies(deploy.steps("old", "before", until="before"))
    await deploy.goes_on(run_id, deploy.steps("new", "after"))
    steps = await make_engine(make_job(nothing)).get_steps(run_id)
    assert sorted((step.name, step.output) for step in steps) == [("after", '"new"'), ("before", '"old"')]
    assert deploy.calls == ["old before", "new after"]


# ---------------------------------------------------------------------- risky: change step output type


class Sized(BaseModel):
    size: int


class Renamed(BaseModel):
    bytes: int


def returns(annotation: Any, value: Any) -> Callable[[], Any]:
    def function() -> Any:
        return value

    function.__annotations__["return"] = annotation
    return function


def one_step(deploy: Deploy, name: str, function: Callable[[], Any]) -> Body:
    async def body(step: StepContext, _input: Any) -> Results:
        value = await step.run(name, function)
        await deploy.gate()
        return Results(steps={name: repr(value)})

    return body


@pytest.mark.parametrize(
    ("old", "old_value", "new"),
    [
        (str, "text", int),
        (int, 5, list[int]),
        (list[int], [1], dict[str, int]),
        (Sized, Sized(size=1), Renamed),
        (dict[str, int], {"a": 1}, Sized),
        (int, 5, None),
    ],
    ids=str,
)
async def test_old_output_of_other_type_is_explained(
    deploy: Deploy, old: Any, old_value: Any, new: Any
) -> None:
    """Change step output type: old cached output of the wrong type never reaches the new code."""
    run_id = await deploy.dies(one_step(deploy, "measure", returns(old, old_value)))
    run = await deploy.goes_on(run_id, one_step(deploy, "measure", returns(new, None)))
    assert (run.status, run.error and run.error.type) == ("failed", "ValidationError")
    assert run.error is not None
    assert run.error.message.startswith("Step 'measure': A stored result no longer fits")
    assert run.error.message.endswith("Rename the step so that it runs again.")


async def test_renaming_makes_a_changed_step_run_again(deploy: Deploy) -> None:
    """Change step output type, mitigation: rename the step so it re-executes."""
    run_id = await deploy.dies(one_step(deploy, "measure", returns(str, "text")))
    run = await deploy.goes_on(run_id, one_step(deploy, "measure-2", returns(int, 5)))
    assert run.output == {"steps": {"measure-2": "5"}}


@pytest.mark.parametrize(
    ("old", "old_value", "new", "seen"),
    [
        (int, 5, float, "5.0"),
        (list[int], [1, 2], tuple[int, ...], "(1, 2)"),
        (dict[str, int], {"size": 1}, Sized, "Sized(size=1)"),
        (int, 5, int | None, "5"),
        (None, None, int | None, "None"),
        (Any, "text", str, "'text'"),
    ],
    ids=str,
)
async def test_old_output_that_fits_takes_new_type(
    deploy: Deploy, old: Any, old_value: Any, new: Any, seen: str
) -> None:
    """Change step output type: what the new annotation can make of the old output is no fault."""
    run_id = await deploy.dies(one_step(deploy, "measure", returns(old, old_value)))
    run = await deploy.goes_on(run_id, one_step(deploy, "measure", returns(new, "never called")))
    assert run.output == {"steps": {"measure": seen}}


async def test_without_annotation_old_output_comes_as_is(deploy: Deploy) -> None:
    """Change step output type: "old cached output returned with wrong type", as nothing tells the type."""
    run_id = await deploy.dies(one_step(deploy, "measure", lambda: "text"))
    run = await deploy.goes_on(run_id, one_step(deploy, "measure", lambda: 5))
    assert run.output == {"steps": {"measure": "'text'"}}


async def test_run_with_unfit_output_succeeds_when_retriggered(deploy: Deploy) -> None:
    """Change step output type: a new run has no old outputs."""
    run_id = await deploy.dies(one_step(deploy, "measure", returns(str, "text")))
    new = await deploy.deployed(one_step(deploy, "measure", returns(int, 5)))
    await within(new.process_one())
    again = await new.retrigger(run_id)
    await within(new.process_one())
    assert (await ended(new, again.id)).output == {"steps": {"measure": "5"}}


# ---------------------------------------------------------------------- risky: change input schema

Newer = create_model("Newer", count=(int, ...), name=(str, ...))
Fitting = create_model("Fitting", count=(int, ...), name=(str, "nobody"))
REFUSED = "The input of 'work' is not valid: name: Field required"


async def test_pending_run_with_old_input_fails_clearly(make_engine: MakeEngine) -> None:
    """Change input schema: pending runs have old-format input."""
    called: list[Any] = []

    async def body(_step: StepContext, input: Any) -> None:
        called.append(input)

    old = await make_engine(make_job(nothing)).jobs.work.trigger({"count": 1})
    new = make_engine(make_job(body, input=Newer))
    assert await within(new.process_one())
    run = await ended(new, old.id)
    assert run.error is not None
    assert (run.status, run.error.type, run.error.message) == ("failed", "ValidationError", REFUSED)
    assert (called, run.input) == ([], {"count": 1})


async def test_begun_run_with_old_input_fails_clearly(deploy: Deploy) -> None:
    """Change input schema: runs in flight have old-format input, too."""
    run_id = await deploy.dies(deploy.steps("old", "a b", until="a"), {"count": 1})
    run = await deploy.goes_on(run_id, deploy.steps("new", "a b"), input=Newer)
    assert run.error is not None
    assert (run.status, run.error.message, deploy.calls) == ("failed", REFUSED, ["old a"])


@pytest.mark.parametrize("end", ["completed", "failed", "cancelled"])
async def test_retrigger_refuses_input_that_fits_no_more(make_engine: MakeEngine, end: str) -> None:
    """Change input schema: retrigger() validates against current schema and throws if incompatible."""

    async def body(_step: StepContext, _input: Numbers) -> None:
        if end == "failed":
            raise ValueError("no")

    old = make_engine(job := make_job(body))
    run_id = (await old.jobs.work.trigger({})).id
    if end == "cancelled":
        await old.cancel(run_id)
    await within(old.process_until_idle())
    assert (await ended(old, run_id)).status == end
    new = make_engine(make_job(job.run, input=Newer))
    with pytest.raises(ValidationError, match=f"{run_id} can't be retriggered .*{REFUSED}") as refused:
        await new.retrigger(run_id)
    assert [issue.path for issue in refused.value.issues] == [("name",)]
    assert [run.id for run in await new.get_runs()] == [run_id]


async def test_input_schema_with_defaults_takes_old_runs(make_engine: MakeEngine) -> None:
    """Change input schema: a new field with a default is filled in when the run begins."""
    seen: list[Any] = []

    async def body(_step: StepContext, input: Any) -> None:
        seen.append(input)

    old = await make_engine(make_job(nothing)).jobs.work.trigger({"count": 1})
    new = make_engine(make_job(body, input=Fitting))
    await within(new.process_one())
    await new.retrigger(old.id)
    await within(new.process_one())
    assert seen == [Fitting(count=1, name="nobody")] * 2


async def test_repaired_schema_lets_failed_runs_retrigger(make_engine: MakeEngine) -> None:
    """Change input schema: a run that failed by its input goes through once the schema takes it again."""
    old = await make_engine(make_job(nothing)).jobs.work.trigger({"count": 1})
    await within(make_engine(make_job(nothing, input=Newer)).process_one())
    fixed = make_engine(make_job(nothing, input=Fitting))
    again = await fixed.retrigger(old.id)
    await within(fixed.process_one())
    assert [(await ended(fixed, run_id)).status for run_id in (old.id, again.id)] == ["failed", "completed"]


# ---------------------------------------------------------------------- breaking changes: cancel first


async def cancel_all(engine: Durably) -> list[str]:
    """The loop of the deployment guide."""
    pending = await engine.jobs.work.get_runs(status="pending")
    leased = await engine.jobs.work.get_runs(status="leased")
    for run in [*pending, *leased]:
        await engine.cancel(run.id)
    return [run.id for run in [*pending, *leased]]


async def test_cancel_before_deploy_leaves_nothing_to_do(deploy: Deploy, make_engine: MakeEngine) -> None:
    """Cancel all pending and leased runs for a job before deploy."""
    leased = await deploy.dies(deploy.steps("old", "a b", until="a"))
    old = make_engine(make_job(nothing), make_job(nothing, name="other"))
    waiting = await old.jobs.work.batch_trigger([{}, {}])
    bystander = await old.jobs.other.trigger({})
    assert await cancel_all(old) == [waiting[1].id, waiting[0].id, leased]
    new = await deploy.deployed(deploy.steps("new", "a b"))
    assert await within(new.process_until_idle()) == 0
    assert (await new.count_runs(job_name="work"))["cancelled"] == 3
    assert ((await ended(new, bystander.id)).status, deploy.calls) == ("pending", ["old a"])


async def test_cancel_before_deploy_stops_living_workers(deploy: Deploy, make_engine: MakeEngine) -> None:
    """Cancel first: a run that executes is stopped, not only marked."""
    engine = make_engine(make_job(deploy.steps("old", "a b", until="a"), output=Results))
    heard = Heard(engine)
    engine.start()
    await engine.jobs.work.trigger({})
    await deploy.gate.until_reached()
    await cancel_all(engine)
    await heard.until("run:stop")
    assert [run.status for run in await engine.get_runs()] == ["cancelled"]
    assert deploy.calls == ["old a"]


async def test_cancelled_runs_go_through_after_deploy(deploy: Deploy) -> None:
    """Fundamental logic rewrite: what was cancelled is done by the new code alone, from its first step."""
    run_id = await deploy.dies(deploy.steps("old", "a b", until="a"))
    new = await deploy.deployed(deploy.steps("new", "a b"))
    await cancel_all(new)
    again = await new.retrigger(run_id)
    await within(new.process_until_idle())
    assert (await ended(new, again.id)).output == {"steps": {"a": "new", "b": "new"}}
    assert (await ended(new, run_id)).status == "cancelled"


async def test_rewrite_without_cancel_mixes_results(deploy: Deploy) -> None:
    """Fundamental logic rewrite: in-flight runs may produce incorrect results; hence cancel first."""

    async def rewritten(step: StepContext, _input: Any) -> Results:
        loaded = await step.run("a", deploy.call, "a", "new")
        return Results(steps={"made of": await step.run("b", deploy.call, "b", f"{loaded}+new")})

    run_id = await deploy.dies(deploy.steps("old", "a b", until="a"))
    run = await deploy.goes_on(run_id, rewritten)
    assert run.output == {"steps": {"made of": "old+new"}}


# ---------------------------------------------------------------------- breaking changes: rename a job


async def orphaned(deploy: Deploy, make_engine: MakeEngine) -> tuple[Durably, Sequence[str]]:
    """An engine that knows the job by a new name only, with a begun and a waiting run of the old name."""
    begun = await deploy.dies(deploy.steps("old", "a b", until="a"), name="former")
    waiting = await make_engine(make_job(nothing, name="former")).jobs.former.trigger({})
    return await deploy.deployed(deploy.steps("new", "a b"), name="latter"), (begun, waiting.id)


async def test_runs_of_a_renamed_job_stay_pending(deploy: Deploy, make_engine: MakeEngine) -> None:
    """Renaming a job: old runs reference the former name and become orphaned."""
    new, runs = await orphaned(deploy, make_engine)
    own = await new.jobs.latter.trigger({})
    assert await within(new.process_until_idle()) == 1
    assert [(await ended(new, run_id)).status for run_id in (*runs, own.id)] == [
        "pending",
        "pending",
        "completed",
    ]
    assert await new.jobs.latter.get_run(runs[0]) is None


async def test_runs_of_a_renamed_job_are_visible(deploy: Deploy, make_engine: MakeEngine) -> None:
    """Renaming a job: orphaned runs are listed by the former name, and told as waiting for no one."""
    new, runs = await orphaned(deploy, make_engine)
    heard = Heard(new)
    await new.maintain()
    assert [(event.job_name, event.waiting) for event in heard.of("worker:unknown-job")] == [("former", 2)]
    assert {run.id for run in await new.get_runs(job_name="former", status="pending")} == {*runs}
    assert (await new.count_runs(job_name="former"))["pending"] == 2
    assert new.get_job("former") is None


async def test_runs_of_a_renamed_job_are_cancelable(deploy: Deploy, make_engine: MakeEngine) -> None:
    """Renaming a job: who forgot to cancel first can do it afterwards, and delete what is left."""
    new, runs = await orphaned(deploy, make_engine)
    for run_id in runs:
        await new.cancel(run_id)
        await new.delete_run(run_id)
    assert await new.get_runs() == []


async def test_runs_of_a_renamed_job_cannot_be_retriggered(deploy: Deploy, make_engine: MakeEngine) -> None:
    """Renaming a job: there is nothing that could validate the old input."""
    new, runs = await orphaned(deploy, make_engine)
    await new.cancel(runs[1])
    with pytest.raises(NotFoundError, match="no job 'former' any more"):
        await new.retrigger(runs[1])


async def test_former_name_registered_again_goes_on(deploy: Deploy, make_engine: MakeEngine) -> None:
    """Renaming a job: orphans wait, with their finished steps, for a job of the former name."""
    new, runs = await orphaned(deploy, make_engine)
    alias = make_job(deploy.steps("new", "a b"), name="former", output=Results)
    new.register({"former": alias})
    await within(new.process_until_idle())
    assert [(await ended(new, run_id)).output for run_id in runs] == [
        {"steps": {"a": "old", "b": "new"}},
        {"steps": {"a": "new", "b": "new"}},
    ]


async def test_registration_key_may_be_renamed_freely(deploy: Deploy, make_engine: MakeEngine) -> None:
    """Renaming a job: runs reference the job's name, not the variable under which it is registered."""
    run_id = await deploy.dies(deploy.steps("old", "a b", until="a"))
    new = make_engine(exclusive=True)
    new.register({"renamed": make_job(deploy.steps("new", "a b"), output=Results)})
    await new.migrate()
    await within(new.process_one())
    assert [run.id for run in await new.jobs.renamed.get_runs(status="completed")] == [run_id]


# ---------------------------------------------------------------------- general guidance


async def test_idempotent_step_may_execute_again(deploy: Deploy) -> None:
    """Steps should be idempotent: a step that died half-way is re-executed after the deploy."""
    stock: set[str] = set()
    gate = deploy.gate

    async def reserve() -> int:
        stock.add("item")
        await gate()
        return len(stock)

    async def body(step: StepContext, _input: Any) -> Results:
        return Results(steps={"reserve": await step.run("reserve", reserve)})

    run_id = await deploy.dies(body)
    assert stock == {"item"}
    assert (await deploy.goes_on(run_id, body)).output == {"steps": {"reserve": 1}}


async def test_pending_runs_are_executed_by_new_code(make_engine: MakeEngine, deploy: Deploy) -> None:
    """No version pinning: a run that old code triggered belongs to whatever code claims it."""
    old = make_engine(make_job(deploy.steps("old", "a b"), output=Results))
    triggered = await old.jobs.work.trigger({})
    run = await deploy.goes_on(triggered.id, deploy.steps("new", "a b"))
    assert run.output == {"steps": {"a": "new", "b": "new"}}


async def test_new_code_applies_from_the_next_step(deploy: Deploy) -> None:
    """No version pinning: each deploy in the life of a run executes the steps that are left by then."""
    run_id = await deploy.dies(deploy.steps("first", "a b c", until="a"))
    deploy.gate = Gate()
    second = await deploy.deployed(deploy.steps("second", "a b c", until="b"))
    executing = asyncio.create_task(second.process_one())
    await deploy.gate.until_reached()
    await die(executing)
    deploy.gate.open()
    run = await deploy.goes_on(run_id, deploy.steps("third", "a b c"))
    assert run.output == {"steps": {"a": "first", "b": "second", "c": "third"}}


async def test_old_and_new_code_share_one_store(make_engine: MakeEngine, deploy: Deploy) -> None:
    """No version pinning: during a rolling deploy, whoever claims a run executes its own version."""
    engines = [make_engine(make_job(deploy.steps(version, "a"), output=Results)) for version in ("old", "new")]
    runs = [await engines[0].jobs.work.trigger({}) for _ in range(2)]
    for engine in engines:
        await within(engine.process_one())
    outputs = [(await ended(engines[0], run.id)).output for run in runs]
    assert outputs == [{"steps": {"a": "old"}}, {"steps": {"a": "new"}}]


async def test_retrigger_of_a_failed_run_starts_anew(deploy: Deploy, make_engine: MakeEngine) -> None:
    """Durably uses retrigger() (not retry): a fresh run, in which new code executes every step."""

    async def failing(step: StepContext, _input: Any) -> Results:
        await step.run("a", deploy.call, "a", "old")
        raise ValueError("old code")

    old = await run_to_end(make_engine(job := make_job(failing, output=Results)), job, {"count": 7})
    new = await deploy.deployed(deploy.steps("new", "a b"))
    again = await new.retrigger(old.id)
    await within(new.process_one())
    run = await ended(new, again.id)
    assert (run.input, run.attempt, run.output) == ({"count": 7}, 1, {"steps": {"a": "new", "b": "new"}})
    assert await ended(new, old.id) == old


async def test_old_none_never_reaches_new_code(deploy: Deploy) -> None:
    run_id = await deploy.dies(one_step(deploy, "save", returns(None, None)))
    run = await deploy.goes_on(run_id, one_step(deploy, "save", returns(int, 5)))
    assert (run.status, run.error and run.error.type) == ("failed", "ValidationError")


async def test_unfit_old_output_names_its_step(deploy: Deploy) -> None:
    run_id = await deploy.dies(one_step(deploy, "measure", returns(str, "text")))
    run = await deploy.goes_on(run_id, one_step(deploy, "measure", returns(int, 5)))
    assert run.failed_step_name == "measure"


async def test_step_says_which_build_executed_it(make_engine: MakeEngine) -> None:
    """Its checkpoint and its failures, and the event of each; replayed it still says who did it first."""
    gate, heard = Gate(), []

    def body(version: str) -> Body:
        async def work(step: StepContext, _input: Any) -> None:
            await step.run("once", lambda: version)
            with contextlib.suppress(RuntimeError):
                await step.run("tried", fails)
            await gate()
            await step.run("last", lambda: version)

        return work

    def fails() -> None:
        raise RuntimeError("no")

    def engine(build: str | None, **options: Any) -> Durably:
        made = make_engine(make_job(body(str(build))), build=build, preserve_steps=True, **options)
        for ending in ("step:complete", "step:fail"):
            made.on(ending, lambda event: heard.append((event.step_name, event.build)))
        return made

    old = engine("v1")
    run = await next(iter(old.jobs)).trigger({})
    executing = asyncio.create_task(old.process_one())
    await gate.until_reached()
    await die(executing)
    gate.open()
    new = engine(None, exclusive=True)
    await new.migrate()
    await within(new.process_until_idle())
    steps = [(step.name, step.status, step.build) for step in await new.get_steps(run.id)]
    told = [("once", "v1"), ("tried", "v1"), ("tried", None), ("last", None)]
    assert [(name, build) for name, _, build in steps] == told
    assert heard == told
    stored: list[Any] = [
        event for event in await new.get_events(run_id=run.id) if event.type in ("step:complete", "step:fail")
    ]
    assert [(event.step_name, event.build) for event in stored] == told
