"""The engine that the benches of PostgreSQL ask."""

from pydantic import BaseModel

from durably_core import Durably, StepContext, create_durably, define_job

SLOTS = 10


class Work(BaseModel):
    steps: int


async def same(number: int) -> int:
    return number


async def work(step: StepContext, input: Work) -> Work:
    for number in range(input.steps):
        await step.run(f"step-{number}", same, number)
    return input


def engine_on(url: str) -> Durably:
    job = define_job(name="work", input=Work, output=Work, run=work)
    return create_durably(database=url, jobs={"work": job}, max_concurrent_runs=SLOTS, preserve_steps=True)
