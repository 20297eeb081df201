"""Counts the words of a text, page by page: close the tab in between, and it goes on from the next page."""

import asyncio
import re
from collections import Counter

from pydantic import BaseModel, Field

from durably_core import StepContext, job

WORDS_PER_PAGE = 40
SHOWN = 12


class CountInput(BaseModel):
    """A text to count the words of."""

    text: str
    pause_ms: int = Field(default=250, ge=0, le=5000, description="How long to dwell on each page")


class WordCount(BaseModel):
    word: str
    count: int


class CountOutput(BaseModel):
    words: int
    pages: int
    most_frequent: list[WordCount]


@job("count-words")
async def count_words(step: StepContext, input: CountInput) -> CountOutput:
    """Count the words of a text, and find those that occur most often."""
    pages = await step.run("split", split, input.text)
    if not pages:
        raise ValueError("There is no word in this text: enter some.")
    total: Counter[str] = Counter()
    for number, page in enumerate(pages, start=1):
        total.update(await step.run(f"page-{number}", count_page, page, input.pause_ms))
        step.progress(number, len(pages), f"page {number} of {len(pages)}")
        step.log.info(f"Page {number}: {len(total)} different words so far")
    most_frequent = [WordCount(word=word, count=count) for word, count in total.most_common(SHOWN)]
    return CountOutput(words=total.total(), pages=len(pages), most_frequent=most_frequent)


def split(text: str) -> list[list[str]]:
    words = re.findall(r"[\w']+", text.lower())
    return [words[start : start + WORDS_PER_PAGE] for start in range(0, len(words), WORDS_PER_PAGE)]


async def count_page(words: list[str], pause_ms: int) -> dict[str, int]:
    await asyncio.sleep(pause_ms / 1000)  # counting is quick: this leaves time to watch, and to close the tab
    return Counter(words)
