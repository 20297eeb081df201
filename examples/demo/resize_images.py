"""Make pictures smaller, a strip of rows at a time: who closes the tab loses one strip at most."""

import asyncio
import base64
from collections.abc import Iterator

import png
from averaging import MAX_SIDE, Size, average_rows, fitted, rows_needed
from pydantic import BaseModel, Field, model_validator

from durably_core import StepContext, job

STRIP = 16
MAX_IMAGES = 6
MAX_PIXELS = 4_000_000
"""Of all pictures together: they are kept with the run."""


class Image(BaseModel):
    """A picture as the page decoded it."""

    name: str = Field(min_length=1, max_length=200)
    width: int = Field(ge=1, le=MAX_SIDE)
    height: int = Field(ge=1, le=MAX_SIDE)
    pixels: str = Field(
        repr=False, description="Red, green, blue and alpha of each pixel, row by row: bytes in base64."
    )

    @property
    def size(self) -> Size:
        return Size(width=self.width, height=self.height)

    @model_validator(mode="after")
    def _check(self) -> "Image":
        try:
            count = len(base64.b64decode(self.pixels, validate=True))
        except ValueError as error:  # binascii.Error is one
            raise ValueError(f"{self.name} did not arrive whole: choose it again.") from error
        needed = self.width * self.height * 4
        if count != needed:
            raise ValueError(
                f"{self.name} came with {count:,} bytes of pixels, but {self.width} by {self.height} pixels "
                f"are {needed:,} bytes."
            )
        return self


class ResizeInput(BaseModel):
    images: list[Image] = Field(min_length=1, max_length=MAX_IMAGES, title="Pictures")
    longest_side: int = Field(default=320, ge=16, le=640, title="Longest side (pixels)")
    pause_ms: int = Field(
        default=100,
        ge=0,
        le=5000,
        title="Pause per strip (ms)",
        description="Leaves you time to pull the plug.",
    )

    @model_validator(mode="after")
    def _check(self) -> "ResizeInput":
        count = sum(image.width * image.height for image in self.images)
        if count > MAX_PIXELS:
            raise ValueError(
                f"The pictures have {count / 1e6:.1f} million pixels together; "
                f"up to {MAX_PIXELS / 1e6:.0f} million can be resized at once."
            )
        return self


class Resized(BaseModel):
    name: str
    old_width: int
    old_height: int
    width: int
    height: int
    png_bytes: int
    png: str = Field(repr=False, description="The file in base64.")


class ResizeOutput(BaseModel):
    images: list[Resized]


@job("resize-images")
async def resize_images(step: StepContext, input: ResizeInput) -> ResizeOutput:
    """Make pictures smaller: each new pixel is the average of those that it covers."""
    total = sum(fitted(image.size, input.longest_side).height for image in input.images)
    done = 0
    resized: list[Resized] = []
    for number, image in enumerate(input.images, 1):
        new = fitted(image.size, input.longest_side)
        strips: list[bytes] = []
        for first, last in strips_of(new):
            name = f"image-{number}-strip-{len(strips) + 1}"
            strips.append(await step.run(name, resize_strip, image, new, first, last, input.pause_ms))
            done += last - first
            step.progress(done, total, "rows")
        resized.append(await step.run(f"image-{number}-png", encode, step, image, new, strips))
    return ResizeOutput(images=resized)


def strips_of(new: Size) -> Iterator[tuple[int, int]]:
    """The rows of the new picture, from the first to the one after the last of each strip."""
    for first in range(0, new.height, STRIP):
        yield first, min(first + STRIP, new.height)


async def resize_strip(image: Image, new: Size, first: int, last: int, pause_ms: int) -> bytes:
    """RGBA of these rows of the new picture. The strip is saved when this returns."""
    await asyncio.sleep(pause_ms / 1000)
    begin, end = rows_needed(image.size, new, first, last)
    return average_rows(image.size, new, first, last, pixels_of_rows(image, begin, end))


def pixels_of_rows(image: Image, begin: int, end: int) -> bytes:
    """Only that part of the base64 is decoded: four letters are three bytes."""
    start, stop = begin * image.width * 4, end * image.width * 4
    letters = image.pixels[start // 3 * 4 : -(-stop // 3) * 4]
    skipped = start % 3
    return base64.b64decode(letters)[skipped : skipped + stop - start]


def encode(step: StepContext, image: Image, new: Size, strips: list[bytes]) -> Resized:
    """The strips as a PNG file."""
    file = png.encode(new.width, new.height, b"".join(strips))
    step.log.info(
        f"{image.name}: {image.width} by {image.height} pixels are now {new.width} by {new.height}, "
        f"{len(file):,} bytes as a PNG"
    )
    return Resized(
        name=image.name,
        old_width=image.width,
        old_height=image.height,
        width=new.width,
        height=new.height,
        png_bytes=len(file),
        png=base64.b64encode(file).decode(),
    )
