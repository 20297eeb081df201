"""Smaller pictures, by averaging the area that each new pixel covers. No loop here looks at single old pixels.

All weights are whole numbers, so nothing is rounded before the end: an old row is as long as the new height, a
new one as long as the old height, and what they share is a whole number, too. The same goes for columns.
"""

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate, chain
from operator import itemgetter, mul, sub

LANE = 4
"""Bytes in which the sum of a column is kept. 255 · 255 · 2048, the largest there is, takes 27 bits."""
MAX_SIDE = 2048


@dataclass(frozen=True)
class Size:
    width: int
    height: int


def fitted(size: Size, longest_side: int) -> Size:
    """As large as may be with sides up to that, in the same proportions. Nothing is made larger."""
    scale = min(1.0, longest_side / max(size.width, size.height))
    return Size(width=max(1, round(size.width * scale)), height=max(1, round(size.height * scale)))


def rows_needed(old: Size, new: Size, first: int, last: int) -> tuple[int, int]:
    """From which old row to which the new rows from ``first`` to ``last`` are made, both without the last."""
    return first * old.height // new.height, -(-last * old.height // new.height)


def average_rows(old: Size, new: Size, first: int, last: int, pixels: bytes) -> bytes:
    """The new rows from ``first`` up to ``last``, from the pixels of the old rows that they need: RGBA both."""
    if new == old:
        return pixels
    begin, end = rows_needed(old, new, first, last)
    columns = Columns(old.width, new.width)
    length = old.width * 4
    rows = [pixels[at : at + length] for at in range(0, (end - begin) * length, length)]
    averaged = []
    for y in range(first, last):
        top, bottom = y * old.height, (y + 1) * old.height
        covered = range(top // new.height, -(-bottom // new.height))
        weights = [min(bottom, (i + 1) * new.height) - max(top, i * new.height) for i in covered]
        averaged.append(average_row([rows[i - begin] for i in covered], weights, columns, old))
    return b"".join(averaged)


def average_row(rows: Sequence[bytes], weights: Sequence[int], columns: "Columns", old: Size) -> bytes:
    """One new row from the old rows that it covers, each as heavy as the part of it that is covered."""
    is_opaque = all(row[3::4].count(255) == old.width for row in rows)
    lanes = [opaque_lanes(row) if is_opaque else premultiplied_lanes(row) for row in rows]
    red, green, blue, alpha = (columns.add_up(sums) for sums in add_up(lanes, weights, old.width))
    area = old.width * old.height
    averaged = bytearray(len(alpha) * 4)
    averaged[3::4] = bytes([(2 * sum + area) // (2 * area) for sum in alpha])
    for channel, colour in enumerate((red, green, blue)):
        if is_opaque:
            values = [(2 * sum + area) // (2 * area) for sum in colour]
        else:
            # A pixel that can't be seen has no colour.
            values = [
                (2 * sum + whole) // (2 * whole) if whole else 0
                for sum, whole in zip(colour, alpha, strict=True)
            ]
        averaged[channel::4] = bytes(values)
    return bytes(averaged)


def opaque_lanes(row: bytes) -> bytes:
    """Red, green, blue and alpha, one after the other, each value in a lane."""
    lanes = bytearray(len(row) * LANE)
    lanes[::LANE] = b"".join(row[channel::4] for channel in range(4))
    return bytes(lanes)


def premultiplied_lanes(row: bytes) -> bytes:
    """The same, with each colour as strong as it shows: what is transparent darkens nothing beside it."""
    alpha = row[3::4]
    colours = [map(mul, row[channel::4], alpha) for channel in range(3)]
    return struct.pack(f"<{len(row)}I", *chain(*colours, alpha))


def add_up(lanes: Sequence[bytes], weights: Sequence[int], width: int) -> list[tuple[int, ...]]:
    """The weighted sum of the rows, for each channel: a row is one large number here."""
    total = sum(int.from_bytes(row, "little") * weight for row, weight in zip(lanes, weights, strict=True))
    sums = struct.unpack(f"<{width * 4}I", total.to_bytes(width * 4 * LANE, "little"))
    return [sums[at : at + width] for at in range(0, width * 4, width)]


class Columns:
    """Which columns are averaged, and how heavy each is: the same in every row."""

    def __init__(self, old: int, new: int) -> None:
        edges = [divmod(column * old, new) for column in range(new + 1)]
        whole, self._parts = zip(*edges, strict=True)
        self._new = new
        self._pick: Callable[[Sequence[int]], tuple[int, ...]] = itemgetter(*whole)

    def add_up(self, values: tuple[int, ...]) -> list[int]:
        """For each new column the sum of what it covers."""
        until = self._pick([0, *accumulate(values)])
        beyond = self._pick((*values, 0))
        sums = [
            whole * self._new + value * part
            for whole, value, part in zip(until, beyond, self._parts, strict=True)
        ]
        return list(map(sub, sums[1:], sums))
