"""PNG files, written with what Python brings along."""

import struct
import zlib
from collections.abc import Iterator

SIGNATURE = b"\x89PNG\r\n\x1a\n"
RGB, RGBA = 2, 6
NONE, SUB, UP, AVERAGE = range(4)
DISTANCE_FROM_ZERO = bytes(min(value, 256 - value) for value in range(256))
LINES_AT_ONCE = 64


def encode(width: int, height: int, pixels: bytes) -> bytes:
    """RGBA, row by row, as a file. Without an alpha channel when nothing shows through."""
    has_alpha = pixels[3::4].count(255) < width * height
    if not has_alpha:
        pixels = without_alpha(pixels)
    channels = 4 if has_alpha else 3
    header = struct.pack(">IIBBBBB", width, height, 8, RGBA if has_alpha else RGB, 0, 0, 0)
    packer = zlib.compressobj(9)
    lines = list(filtered_lines(pixels, width * channels, channels))
    packed = [
        packer.compress(b"".join(lines[at : at + LINES_AT_ONCE])) for at in range(0, height, LINES_AT_ONCE)
    ]
    data = b"".join(packed) + packer.flush()
    return SIGNATURE + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def without_alpha(pixels: bytes) -> bytes:
    colours = bytearray(len(pixels) // 4 * 3)
    for channel in range(3):
        colours[channel::3] = pixels[channel::4]
    return bytes(colours)


def filtered_lines(pixels: bytes, length: int, channels: int) -> Iterator[bytes]:
    """Each row as what differs from its neighbours, told in that way in which least is left to tell."""
    arithmetic = Lanes(length)
    above = bytes(length)
    for start in range(0, len(pixels), length):
        row = pixels[start : start + length]
        left = bytes(channels) + row[:-channels]
        told = {
            NONE: row,
            SUB: arithmetic.difference(row, left),
            UP: arithmetic.difference(row, above),
            AVERAGE: arithmetic.difference(row, arithmetic.mean(left, above)),
        }
        kind, line = min(told.items(), key=lambda item: sum(item[1].translate(DISTANCE_FROM_ZERO)))
        yield bytes([kind]) + line
        above = row


class Lanes:
    """Arithmetic on all bytes of a row at once: as one large number, in which no byte reaches into the next."""

    def __init__(self, length: int) -> None:
        self._length = length
        self._high = int.from_bytes(b"\x80" * length)
        self._low = int.from_bytes(b"\x7f" * length)
        self._even = int.from_bytes(b"\xfe" * length)

    def difference(self, row: bytes, other: bytes) -> bytes:
        """``row - other`` in each byte, modulo 256."""
        a, b = int.from_bytes(row), int.from_bytes(other)
        # The highest bits are left out of the subtraction, so that nothing is borrowed from the next byte.
        difference = ((a | self._high) - (b & self._low)) ^ ((a ^ b ^ self._high) & self._high)
        return difference.to_bytes(self._length)

    def mean(self, row: bytes, other: bytes) -> bytes:
        """Half of the sum in each byte, rounded down."""
        a, b = int.from_bytes(row), int.from_bytes(other)
        return ((a & b) + (((a ^ b) & self._even) >> 1)).to_bytes(self._length)
