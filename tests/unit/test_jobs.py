"""What can't be a job is refused with a sentence that says what to do."""

from types import ModuleType
from typing import Any

import pytest
from pydantic import BaseModel

from durably_core import StepContext, ValidationError, create_durably, define_job, job
from durably_core.job import collect_jobs
from tests.conftest import Numbers, Total, make_job, nothing


def test_decorator_takes_models_from_annotations() -> None:
    @job("sum-up")
    async def sum_up(step: StepContext, input: Numbers) -> Total:
        """Adds."""
        return Total(total=input.count)

    assert (sum_up.name, sum_up.input, sum_up.output) == ("sum-up", Numbers, Total)


def test_job_without_output_has_no_model() -> None:
    @job("quiet")
    async def quiet(step: StepContext, input: Numbers) -> None: ...

    assert quiet.output is None


def test_wire_describes_the_job() -> None:
    async def described(_step: StepContext, _input: Numbers) -> None:
        """Does nothing."""

    wire = make_job(described, output=Total).to_wire()
    assert (wire["name"], wire["description"]) == ("work", "Does nothing.")
    assert wire["inputSchema"]["properties"]["count"]["default"] == 3
    assert wire["outputSchema"]["required"] == ["total"]


@pytest.mark.parametrize("name", ["", None, 5])
def test_job_needs_a_name(name: Any) -> None:
    with pytest.raises(TypeError, match="A job needs a name"):
        define_job(name=name, input=Numbers, run=nothing)


def test_job_function_must_be_async() -> None:
    def plain(step: StepContext, input: Numbers) -> None: ...

    run: Any = plain
    with pytest.raises(TypeError, match="must be async: async def plain"):
        define_job(name="work", input=Numbers, run=run)


@pytest.mark.parametrize("model", [dict, int, None, list[Numbers]])
def test_input_must_be_a_model(model: Any) -> None:
    with pytest.raises(TypeError, match="The input of the job 'work' must be a pydantic model"):
        define_job(name="work", input=model, run=nothing)


@pytest.mark.parametrize("model", [dict, int, list[Total]])
def test_output_must_be_a_model(model: Any) -> None:
    with pytest.raises(TypeError, match="The output of the job 'work' must be a pydantic model"):
        define_job(name="work", input=Numbers, output=model, run=nothing)


def test_decorated_function_needs_two_parameters() -> None:
    async def one(step: StepContext) -> None: ...

    async def unannotated(step, input) -> None: ...  # type: ignore[no-untyped-def]

    for function in (one, unannotated):
        decorate: Any = job("work")
        with pytest.raises(TypeError, match="must be a function of two parameters"):
            decorate(function)


def test_jobs_of_a_module_are_collected() -> None:
    module: Any = ModuleType("jobs")
    module.first, module.other = make_job(nothing), 5
    assert collect_jobs(module) == {"first": module.first}


def test_module_without_jobs_is_refused() -> None:
    with pytest.raises(ValidationError, match="empty defines no job"):
        collect_jobs(ModuleType("empty"))


def test_validator_messages_lose_pydantics_prefix() -> None:
    class Checked(BaseModel):
        size: int

        def model_post_init(self, _context: Any) -> None:
            if self.size < 0:
                raise ValueError("It is too small.")

    with pytest.raises(ValidationError) as refused:
        make_job(nothing, input=Checked).validate_input({"size": -1})
    assert [issue.message for issue in refused.value.issues] == ["It is too small."]


def test_unknown_job_is_missing_in_both_ways() -> None:
    engine = create_durably(database=":memory:", jobs={"work": make_job(nothing)})
    with pytest.raises(KeyError, match="No job is registered as 'nope'; registered: work"):
        engine.jobs["nope"]
    with pytest.raises(AttributeError, match="No job is registered as 'nope'; registered: work"):
        _ = engine.jobs.nope
    assert engine.jobs["work"] is engine.jobs.work
