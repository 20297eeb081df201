"""Pixels as they should be, files as others read them, and strips that are made once."""

import asyncio
import base64
import io
import random
from fractions import Fraction
from typing import Any

import pydantic
import pytest
from PIL import Image

from tests.conftest import FakeClock, Gate, MakeEngine, die, ended, run_to_end
from tests.unit.demo_jobs import load

jobs: Any = load("resize_images")
averaging: Any = load("averaging")
png: Any = load("png")

Pixel = tuple[int, int, int, int]


def noise(width: int, height: int, *, opaque: bool = False, seed: int = 1) -> bytes:
    """Every kind of pixel: most transparencies, and many that can't be seen at all."""
    rng = random.Random(seed)
    pixels = bytearray(rng.randbytes(width * height * 4))
    for at in range(3, len(pixels), 4):
        pixels[at] = 255 if opaque else rng.choice([0, 0, 255, pixels[at]])
    return bytes(pixels)


def image(width: int, height: int, pixels: bytes, name: str = "a.png") -> dict[str, Any]:
    return {"name": name, "width": width, "height": height, "pixels": base64.b64encode(pixels).decode()}


def value(*images: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"images": list(images), "pause_ms": 0, **fields}


def shared(number: int, old: int, new: int) -> list[tuple[int, Fraction]]:
    """The old rows under a new one, and how much of each."""
    begin, end = Fraction(number * old, new), Fraction((number + 1) * old, new)
    parts = [(each, min(end, Fraction(each + 1)) - max(begin, Fraction(each))) for each in range(old)]
    return [(each, part) for each, part in parts if part > 0]


def naive(old: tuple[int, int], new: tuple[int, int], pixels: bytes) -> bytes:
    """The same by definition: pixel by pixel, in fractions."""
    averaged = bytearray()
    for y in range(new[1]):
        for x in range(new[0]):
            sums = [Fraction(0)] * 4
            for row, height in shared(y, old[1], new[1]):
                for column, width in shared(x, old[0], new[0]):
                    at = (row * old[0] + column) * 4
                    seen = pixels[at + 3] * height * width
                    sums = [
                        *(sums[channel] + pixels[at + channel] * seen for channel in range(3)),
                        sums[3] + seen,
                    ]
            area = Fraction(old[0] * old[1], new[0] * new[1])
            averaged += bytes(rounded(sums[c] / sums[3]) if sums[3] else 0 for c in range(3))
            averaged.append(rounded(sums[3] / area))
    return bytes(averaged)


def rounded(number: Fraction) -> int:
    return int(number + Fraction(1, 2))


def resized_in_strips(old: tuple[int, int], new: tuple[int, int], pixels: bytes, strip: int) -> bytes:
    before, after = averaging.Size(*old), averaging.Size(*new)
    strips = []
    for first in range(0, new[1], strip):
        last = min(first + strip, new[1])
        begin, end = averaging.rows_needed(before, after, first, last)
        needed = pixels[begin * old[0] * 4 : end * old[0] * 4]
        strips.append(averaging.average_rows(before, after, first, last, needed))
    return b"".join(strips)


SIZES = [
    ((12, 8), (6, 4)),
    ((13, 11), (5, 4)),
    ((17, 3), (16, 3)),
    ((7, 40), (1, 6)),
    ((40, 7), (40, 5)),
    ((9, 9), (1, 1)),
    ((5, 4), (5, 4)),
]


@pytest.mark.parametrize("opaque", [True, False], ids=["opaque", "transparent"])
@pytest.mark.parametrize(("old", "new"), SIZES, ids=str)
def test_pixels_are_the_averages_of_what_they_cover(
    old: tuple[int, int], new: tuple[int, int], opaque: bool
) -> None:
    pixels = noise(*old, opaque=opaque)
    expected = pixels if old == new else naive(old, new, pixels)
    for strip in (1, 3, 1000):
        assert resized_in_strips(old, new, pixels, strip) == expected


def test_largest_sums_have_room() -> None:
    white = b"\xff" * (2 * averaging.MAX_SIDE * 4)
    old = (2, averaging.MAX_SIDE)
    assert resized_in_strips(old, (1, 1), white, 1) == b"\xff" * 4
    # One pixel that is not opaque sends all of them the other way.
    assert resized_in_strips(old, (1, 1), white[:-1] + b"\xfe", 1) == b"\xff\xff\xff\xff"


def test_what_is_transparent_darkens_nothing() -> None:
    red, black = b"\xff\x00\x00\xff", b"\x00\x00\x00\x00"
    assert resized_in_strips((2, 2), (1, 1), red + black * 3, 1) == b"\xff\x00\x00\x40"


@pytest.mark.parametrize(
    ("old", "longest_side", "new"),
    [
        ((2000, 1000), 320, (320, 160)),
        ((1000, 2000), 320, (160, 320)),
        ((100, 50), 320, (100, 50)),
        ((2000, 1), 320, (320, 1)),
        ((333, 250), 320, (320, 240)),
    ],
)
def test_new_size_keeps_the_proportions(old: tuple[int, int], longest_side: int, new: tuple[int, int]) -> None:
    assert averaging.fitted(averaging.Size(*old), longest_side) == averaging.Size(*new)


@pytest.mark.parametrize("width", [1, 2, 3, 4, 5])
def test_only_the_rows_that_are_needed_are_decoded(width: int) -> None:
    pixels = noise(width, 7)
    whole = jobs.Image.model_validate(image(width, 7, pixels))
    for begin in range(7):
        for end in range(begin + 1, 8):
            rows = jobs.pixels_of_rows(whole, begin, end)
            assert rows == pixels[begin * width * 4 : end * width * 4]


# ---------------------------------------------------------------- files


def read_by_others(file: bytes) -> tuple[str, tuple[int, int], bytes]:
    with Image.open(io.BytesIO(file)) as picture:
        assert picture.format == "PNG"
        return picture.mode, picture.size, picture.convert("RGBA").tobytes()


def gradient(width: int, height: int) -> bytes:
    return b"".join(bytes([x, y, (x + y) % 256, 255]) for y in range(height) for x in range(width))


@pytest.mark.parametrize(
    ("mode", "size", "pixels"),
    [
        ("RGB", (100, 90), gradient(100, 90)),
        ("RGB", (3, 2), noise(3, 2, opaque=True)),
        ("RGBA", (31, 130), noise(31, 130)),
        ("RGBA", (1, 1), b"\x01\x02\x03\x04"),
        ("RGB", (1, 1), b"\x01\x02\x03\xff"),
    ],
)
def test_file_is_read_by_others(mode: str, size: tuple[int, int], pixels: bytes) -> None:
    assert read_by_others(png.encode(*size, pixels)) == (mode, size, pixels)


def test_rows_are_told_in_the_shortest_way() -> None:
    flat = b"\x64\x65\x66\xff" * 8
    slope = b"".join(bytes([x * 9, x * 9, x * 9, 255]) for x in range(8))
    restless = (b"\x01" * 4 + b"\xff" * 4) * 4
    between = bytearray()
    for at in range(32):
        left = between[at - 4] if at >= 4 else 0
        between.append((left + restless[at]) // 2)
    rows = restless + flat + flat + slope + restless + bytes(between)
    kinds = [line[0] for line in png.filtered_lines(rows, 32, 4)]
    assert kinds == [png.NONE, png.SUB, png.UP, png.SUB, png.NONE, png.AVERAGE]


def test_bytes_never_reach_into_the_next() -> None:
    a, b = bytes(range(256)) * 256, bytes(each for each in range(256) for _ in range(256))
    lanes = png.Lanes(len(a))
    assert lanes.difference(a, b) == bytes((x - y) % 256 for x, y in zip(a, b, strict=True))
    assert lanes.mean(a, b) == bytes((x + y) // 2 for x, y in zip(a, b, strict=True))


# ---------------------------------------------------------------- the job


async def test_pictures_go_through_the_job(make_engine: MakeEngine) -> None:
    large, small = noise(40, 50, opaque=True), noise(9, 5, seed=2)
    sent = value(image(40, 50, large, "large.jpg"), image(9, 5, small, "small.png"), longest_side=20)
    run = await run_to_end(make_engine(jobs.resize_images), jobs.resize_images, sent)
    assert (run.error, run.completed_step_count) == (None, 2 + 1 + 1 + 1)
    first, second = jobs.ResizeOutput.model_validate(run.output).images
    assert (first.name, first.old_width, first.old_height) == ("large.jpg", 40, 50)
    file = base64.b64decode(first.png)
    assert (first.width, first.height, first.png_bytes) == (16, 20, len(file))
    assert read_by_others(file) == ("RGB", (16, 20), naive((40, 50), (16, 20), large))
    assert (second.name, second.width, second.height) == ("small.png", 9, 5)
    assert read_by_others(base64.b64decode(second.png)) == ("RGBA", (9, 5), small)
    assert run.progress is not None
    assert (run.progress.current, run.progress.total) == (25, 25)


async def test_crash_between_strips_repeats_no_finished_strip(
    make_engine: MakeEngine, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    pixels, resize_strip = noise(30, 100), jobs.resize_strip
    begun: list[int] = []
    gate = Gate()

    async def watched(picture: Any, new: Any, first: int, last: int, pause_ms: int) -> bytes:
        begun.append(first)
        if len(begun) == 3:
            await gate()
        strip: bytes = await resize_strip(picture, new, first, last, pause_ms)
        return strip

    monkeypatch.setattr(jobs, "resize_strip", watched)
    engine = make_engine(jobs.resize_images)
    run_id = (await engine.jobs["resize-images"].trigger(value(image(30, 100, pixels), longest_side=64))).id
    executing = asyncio.create_task(engine.process_one())
    await gate.until_reached()
    await die(executing)
    clock.advance(60_000)
    assert await make_engine(jobs.resize_images).process_one()
    assert begun == [0, 16, 32, 32, 48]
    run = await ended(engine, run_id)
    assert (run.status, run.attempt) == ("completed", 2)
    [picture] = jobs.ResizeOutput.model_validate(run.output).images
    assert read_by_others(base64.b64decode(picture.png))[2] == naive((30, 100), (19, 64), pixels)


def refusal(sent: dict[str, Any]) -> str:
    with pytest.raises(pydantic.ValidationError) as refused:
        jobs.ResizeInput.model_validate(sent)
    [error] = refused.value.errors()
    return error["msg"].removeprefix("Value error, ")


@pytest.mark.parametrize(
    ("sent", "sentence"),
    [
        (
            value(image(2, 2, bytes(12))),
            "a.png came with 12 bytes of pixels, but 2 by 2 pixels are 16 bytes.",
        ),
        (value(image(1, 1, bytes(5))), "a.png came with 5 bytes of pixels, but 1 by 1 pixels are 4 bytes."),
        (
            value({**image(1, 1, bytes(4)), "pixels": "AA A"}),
            "a.png did not arrive whole: choose it again.",
        ),
        (value(image(0, 1, b"")), "Input should be greater than or equal to 1"),
        (value(image(2049, 1, bytes(4))), "Input should be less than or equal to 2048"),
        (value(), "List should have at least 1 item"),
        (value(*[image(1, 1, bytes(4))] * 7), "List should have at most 6 items"),
        (value(image(1, 1, bytes(4)), longest_side=15), "Input should be greater than or equal to 16"),
        (value(image(1, 1, bytes(4)), longest_side=641), "Input should be less than or equal to 640"),
        (value(image(1, 1, bytes(4), name="")), "String should have at least 1 character"),
    ],
)
def test_bad_input_is_explained(sent: dict[str, Any], sentence: str) -> None:
    assert refusal(sent).startswith(sentence)


def test_too_many_pixels_together_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "MAX_PIXELS", 1_000_000)
    half = image(1000, 500, bytes(2_000_000))
    jobs.ResizeInput.model_validate(value(half, half))
    more = image(1000, 600, bytes(2_400_000))
    assert refusal(value(half, more)) == (
        "The pictures have 1.1 million pixels together; up to 1 million can be resized at once."
    )


async def test_bad_picture_makes_no_run(make_engine: MakeEngine) -> None:
    engine = make_engine(jobs.resize_images)
    with pytest.raises(Exception, match=r"a\.png came with 12 bytes of pixels"):
        await run_to_end(engine, jobs.resize_images, value(image(2, 2, bytes(12))))
    assert await engine.get_runs() == []
