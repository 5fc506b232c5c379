"""Samples on their way up: many buckets of one tier in one block, packed by columns.

A block's `data` is base64 of zlib of: the length of the names as four bytes, the names as lines of
`subject TAB metric TAB part`, and then a column each of the series' number and the bucket's place
(32-bit unsigned), and of the last value (64-bit float), all little-endian. If any bucket has more
than one sample, columns follow of the number of samples (32-bit) and of total, least and most.
Where a bucket does not stand for all of its time, a second zlib stream follows the first one: for
how many seconds each does (32-bit unsigned). Readers from before there was one stop at the end of
the first, and take each bucket for covered.

Laws:
- A block says nothing about order: its buckets may come again, late, and by another way.
- Unpacking is bounded: by bytes before and after decompression, by rows and by series.
"""

from __future__ import annotations

import base64
import struct
import sys
import zlib
from array import array
from collections.abc import Iterable, Sequence
from itertools import repeat
from typing import Annotated, NamedTuple

from pydantic import Field

from weir.core.errors import BadInput
from weir.core.series import WIDTHS, Bucket, Key, single
from weir.wire.base import Answer, Wire

MAX_POINTS = 50_000
"""Most buckets in one block."""

MAX_NAMES_BYTES = 8 * 2**20
MAX_TEXT = 16 * 2**20
MAX_STANDS_S = 3600
"""Longest that one sample stands for, in seconds: a source that looks less often has gaps."""

MAX_RAW_BYTES = MAX_NAMES_BYTES + 4 + MAX_POINTS * 44


class Point(NamedTuple):
    """A bucket with its series and its begin in seconds since 1970."""

    key: Key
    at: int
    bucket: Bucket


class SampleBlock(Wire):
    """Buckets of one width, from `begin` on."""

    width: int
    begin: Annotated[int, Field(ge=0, le=2**40)]
    rows: Annotated[int, Field(ge=0, le=MAX_POINTS)]
    data: Annotated[str, Field(max_length=MAX_TEXT)]


class Gap(Wire):
    """A time of which samples were thrown away, and why."""

    begin: float
    end: float
    reason: Annotated[str, Field(max_length=200)] = ""


class SamplesAnswer(Answer):
    """What a domain has for the domain above it: `after` is what to ask from the next time."""

    blocks: tuple[SampleBlock, ...] = ()
    gaps: tuple[Gap, ...] = ()
    after: int
    more: bool = False


class Columns(NamedTuple):
    """An unpacked block: names of series, and for each row its series' number, begin and values."""

    width: int
    keys: list[Key]
    series: Sequence[int]
    at: Sequence[int]
    n: Sequence[int]
    total: Sequence[float]
    least: Sequence[float]
    most: Sequence[float]
    last: Sequence[float]
    covered: Sequence[int] | None = None
    """Seconds that each stands for; None: all of its bucket."""


def pack(width: int, points: Iterable[Point]) -> SampleBlock:
    """A block of buckets of one width; at most `MAX_POINTS`."""
    rows = list(points)
    numbers: dict[Key, int] = {}
    series = array("I", (numbers.setdefault(p.key, len(numbers)) for p in rows))
    begin = min((p.at for p in rows), default=0)
    places = array("I", ((p.at - begin) // width for p in rows))
    columns: list[array[int] | array[float]] = [
        series,
        places,
        array("d", (p.bucket.last for p in rows)),
    ]
    if any(p.bucket != single(p.bucket.last) for p in rows):
        columns.append(array("I", (p.bucket.n for p in rows)))
        columns.append(array("d", (p.bucket.total for p in rows)))
        columns.append(array("d", (p.bucket.least for p in rows)))
        columns.append(array("d", (p.bucket.most for p in rows)))
    names = "\n".join(f"{k.subject}\t{k.metric}\t{k.part}" for k in numbers).encode()
    raw = struct.pack("<I", len(names)) + names + b"".join(map(_bytes, columns))
    packed = zlib.compress(raw, 3)
    if {p.bucket.covered_s for p in rows} - {None, width}:
        covered = array("I", (p.bucket.seconds(width) for p in rows))
        packed += zlib.compress(_bytes(covered), 3)
    data = base64.b64encode(packed).decode()
    return SampleBlock(width=width, begin=begin, rows=len(rows), data=data)


def unpack(block: SampleBlock) -> Columns:
    """The columns of a block. Raises `BadInput` if it is none."""
    if block.width not in WIDTHS:
        raise BadInput(
            f"samples have a width of {', '.join(map(str, WIDTHS))} s, not {block.width}"
        )
    raw, beside = _raw(block)
    (length,) = struct.unpack_from("<I", raw) if len(raw) >= 4 else (MAX_RAW_BYTES,)
    if length > min(MAX_NAMES_BYTES, len(raw) - 4):
        raise BadInput("a block of samples is shorter than it says")
    keys = _keys(raw[4 : 4 + length])
    rows, rest = block.rows, raw[4 + length :]
    if len(rest) not in (rows * 16, rows * 44):
        raise BadInput(f"a block of {rows} samples can't have {len(rest)} bytes")
    begin = block.begin // block.width * block.width
    series = _ints(rest[: rows * 4])
    at = [begin + place * block.width for place in _ints(rest[rows * 4 : rows * 8])]
    last = _floats(rest[rows * 8 : rows * 16])
    if series and max(series) >= len(keys):
        raise BadInput("a block of samples has rows of a series that it doesn't name")
    covered = _covered(block, beside) if beside else None
    if len(rest) == rows * 16:
        ones = array("I", [1]) * rows
        return Columns(block.width, keys, series, at, ones, last, last, last, last, covered)
    n = _ints(rest[rows * 16 : rows * 20])
    total, least, most = (
        _floats(rest[rows * (20 + 8 * k) : rows * (28 + 8 * k)]) for k in range(3)
    )
    return Columns(block.width, keys, series, at, n, total, least, most, last, covered)


def _covered(block: SampleBlock, packed: bytes) -> Sequence[int]:
    raw, beyond = _inflated(packed, block.rows * 4)
    if len(raw) != block.rows * 4 or beyond:
        raise BadInput(f"a block of {block.rows} samples says of others for how long they stand")
    seconds = _ints(raw)
    if seconds and not 1 <= min(seconds) <= max(seconds) <= block.width + MAX_STANDS_S:
        raise BadInput(
            f"a bucket of {block.width} s can't stand for {min(seconds)} to {max(seconds)} s"
        )
    return seconds


def points_of(block: SampleBlock) -> list[Point]:
    """The buckets of a block one by one."""
    c = unpack(block)
    covered = repeat(None, block.rows) if c.covered is None else c.covered
    rows = zip(c.series, c.at, c.n, c.total, c.least, c.most, c.last, covered, strict=True)
    return [Point(c.keys[s], at, Bucket(*values)) for s, at, *values in rows]


def _raw(block: SampleBlock) -> tuple[bytes, bytes]:
    """The first stream unpacked, and what follows it."""
    try:
        packed = base64.b64decode(block.data, validate=True)
    except ValueError:
        raise BadInput("a block of samples is not base64 of zlib") from None
    return _inflated(packed, MAX_RAW_BYTES)


def _inflated(packed: bytes, most: int) -> tuple[bytes, bytes]:
    """A stream of zlib, which has so many bytes at most, and what follows it."""
    unpacker = zlib.decompressobj()
    try:
        raw = unpacker.decompress(packed, most) if most else unpacker.decompress(packed)
    except zlib.error:
        raise BadInput("a block of samples is not base64 of zlib") from None
    if not unpacker.eof:
        # All bytes may be out and the end of the stream not read yet.
        raw += unpacker.decompress(unpacker.unconsumed_tail, 1)
    if not unpacker.eof:
        raise BadInput(f"a block of samples unpacks to more than {most} bytes")
    return raw, unpacker.unused_data


def _keys(names: bytes) -> list[Key]:
    try:
        lines = [line.split("\t") for line in names.decode().split("\n")] if names else []
    except UnicodeDecodeError:
        lines = [[]]
    if any(len(line) != 3 for line in lines):
        raise BadInput("a series is named by subject, metric and part, parted by tabs")
    return [Key(*line) for line in lines]


def _bytes(column: array[int] | array[float]) -> bytes:
    if sys.byteorder == "big":
        column.byteswap()
    return column.tobytes()


def _ints(raw: bytes) -> array[int]:
    column = array("I")
    column.frombytes(raw)
    if sys.byteorder == "big":
        column.byteswap()
    return column


def _floats(raw: bytes) -> array[float]:
    column = array("d")
    column.frombytes(raw)
    if sys.byteorder == "big":
        column.byteswap()
    return column
