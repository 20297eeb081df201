"""Sends a newsletter, reader by reader: whatever happens to the server, no one gets it twice."""

import asyncio

from pydantic import BaseModel, Field

from durably_core import StepContext, job


class Newsletter(BaseModel):
    subject: str = Field(min_length=1)
    readers: int = Field(default=20, ge=1, le=500)
    pause_ms: int = Field(default=250, ge=0, le=5000, description="How long a letter takes.")


class Sent(BaseModel):
    subject: str
    letters: int


@job("send-newsletter")
async def send_newsletter(step: StepContext, input: Newsletter) -> Sent:
    """Send a newsletter to all readers."""
    for reader in range(1, input.readers + 1):
        await step.run(f"reader-{reader}", send, input.pause_ms)
        step.progress(reader, input.readers, f"letter {reader} of {input.readers}")
    return Sent(subject=input.subject, letters=input.readers)


async def send(pause_ms: int) -> None:
    await asyncio.sleep(pause_ms / 1000)  # a mail server is slow, too
