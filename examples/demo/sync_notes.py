"""Send changes of notes to a server that may be slow, out of order or away."""

import asyncio
from typing import Annotated, Literal

from note_servers import HttpServer, Lost, PracticeServer, Refusal, send
from notes import Change
from pydantic import BaseModel, Field, model_validator

from durably_core import StepContext, job

MAX_PAUSE_MS = 60_000


class SyncInput(BaseModel):
    changes: list[Change] = Field(
        min_length=1, max_length=500, description="All that are not on the server yet."
    )
    server: Annotated[PracticeServer | HttpServer, Field(discriminator="kind")] = PracticeServer()
    tries: int = Field(default=5, ge=1, le=20, description="For each change, until the run gives up.")
    pause_ms: int = Field(
        default=1000,
        ge=0,
        le=MAX_PAUSE_MS,
        description="Before the second try; doubled before each further one.",
    )

    @model_validator(mode="after")
    def _check(self) -> "SyncInput":
        seen: set[str] = set()
        for change in self.changes:
            if change.id in seen:
                raise ValueError(f"The note {change.words} is listed twice: its newest change is enough.")
            seen.add(change.id)
        return self


class Pushed(BaseModel):
    kind: Literal["pushed"] = "pushed"
    id: str
    version: int
    words: str
    deleted: bool
    revision: str | None = Field(description="What the server calls what it stores now.")
    tries: int


class Refused(BaseModel):
    kind: Literal["refused"] = "refused"
    id: str
    version: int
    words: str
    reason: str


class Failed(BaseModel):
    """Worth another try."""

    kind: Literal["failed"] = "failed"
    reason: str


Outcome = Annotated[Pushed | Refused | Failed, Field(discriminator="kind")]


class SyncOutput(BaseModel):
    pushed: list[Pushed]
    refused: list[Refused]


class NotSentError(Exception):
    """The server could not be brought to answer."""


@job("sync-notes")
async def sync_notes(step: StepContext, input: SyncInput) -> SyncOutput:
    """Send each change of a note to the server, again and again until it is there."""
    output = SyncOutput(pushed=[], refused=[])
    for number, change in enumerate(input.changes, 1):
        step.progress(number - 1, len(input.changes), f"sending {change.words}")
        outcome = await push(step, f"note-{number}", change, input)
        if isinstance(outcome, Pushed):
            output.pushed.append(outcome)
        else:
            output.refused.append(outcome)
    step.progress(len(input.changes), len(input.changes), "notes")
    return output


async def push(step: StepContext, name: str, change: Change, input: SyncInput) -> Pushed | Refused:
    """Each try is a step, and what came of it is kept: who resumes the run neither repeats nor forgets one."""
    number = 0
    while True:  # the last try raises
        number += 1
        outcome = await step.run(f"{name}-try-{number}", attempt, step, change, input, number)
        if not isinstance(outcome, Failed):
            return outcome


async def attempt(step: StepContext, change: Change, input: SyncInput, number: int) -> Outcome:
    if number > 1:
        await pause(pause_s(input.pause_ms, number))
    answer = await send(input.server, change, number)
    if isinstance(answer, Lost):
        step.log.warn(f"{change.words}, try {number}: {answer.reason}")
        if number >= input.tries:
            # Here and not after the step: so the run tells which step it failed in.
            raise not_sent(change, number, answer.reason)
        return Failed(reason=answer.reason)
    if isinstance(answer, Refusal):
        step.log.error(f"{change.words} was refused: {answer.reason}")
        return Refused(id=change.id, version=change.version, words=change.words, reason=answer.reason)
    step.log.info(f"{change.words} is {'gone from' if change.deleted else 'on'} the server")
    return Pushed(
        id=change.id,
        version=change.version,
        words=change.words,
        deleted=change.deleted,
        revision=answer.revision,
        tries=number,
    )


def not_sent(change: Change, number: int, reason: str) -> NotSentError:
    tries = "one try" if number == 1 else f"{number} tries"
    return NotSentError(
        f"The note {change.words} did not reach the server in {tries}: {reason}. "
        "It is still where it was written."
    )


async def pause(seconds: float) -> None:
    await asyncio.sleep(seconds)


def pause_s(pause_ms: int, number: int) -> float:
    """Before that try: longer each time, as a server that is overloaded needs it."""
    return min(pause_ms * 2.0 ** (number - 2), MAX_PAUSE_MS) / 1000
