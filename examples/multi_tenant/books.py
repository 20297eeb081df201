"""The jobs, and the engine that knows them. No run is made without a tenant, whoever triggers it."""

import asyncio

from pydantic import BaseModel, ConfigDict, Field

from durably_core import StepContext, create_durably, job


class Labels(BaseModel):
    """Of each run. A trigger that names no tenant is refused, also one in code of our own."""

    model_config = ConfigDict(extra="allow")
    tenant: str = Field(min_length=1)


class Invoice(BaseModel):
    customer: str = Field(min_length=1)
    cents: int = Field(gt=0)
    pause_ms: int = Field(default=0, ge=0, le=5000)


class Issued(BaseModel):
    text: str


class Month(BaseModel):
    customers: list[str]


class Closed(BaseModel):
    invoices: int


@job("invoice")
async def invoice(step: StepContext, input: Invoice) -> Issued:
    """Write an invoice."""
    await step.run("wait", asyncio.sleep, input.pause_ms / 1000)
    text = f"{step.labels['tenant']} to {input.customer}: {input.cents / 100:.2f}"
    step.log.info("issued")
    return Issued(text=text)


@job("close-month")
async def close_month(step: StepContext, input: Month) -> Closed:
    """Write to all customers."""
    for number, customer in enumerate(input.customers, start=1):
        await step.run(
            f"invoice-{number}",
            durably.jobs.invoice.trigger_and_wait,
            Invoice(customer=customer, cents=1000),
            idempotency_key=f"{step.run_id}/{number}",
            # A child has no labels but those that it is given: without these it would be nobody's.
            labels=step.labels,
        )
        step.progress(number, len(input.customers), customer)
    return Closed(invoices=len(input.customers))


durably = create_durably(
    database="books.db",
    jobs={"invoice": invoice, "close_month": close_month},
    labels=Labels,
    # So that a tenant's long run does not hold up the others.
    max_concurrent_runs=4,
)
