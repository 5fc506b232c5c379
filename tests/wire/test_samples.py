"""Blocks of samples: what is packed comes out again, and what is no block is said to be none."""

from __future__ import annotations

import base64
import zlib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weir.core.errors import BadInput
from weir.core.series import Bucket, Key, lasting, single
from weir.wire.samples import Point, SampleBlock, pack, points_of, unpack

NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
KEYS = st.builds(Key, st.sampled_from(["CN-F", "CN.S1-A"]), st.sampled_from(["it_power", "x"]))
BUCKETS = st.one_of(
    NUMBERS.map(single), st.builds(Bucket, st.integers(1, 9), NUMBERS, NUMBERS, NUMBERS, NUMBERS)
)
POINTS = st.builds(Point, KEYS, st.integers(0, 10**6).map(lambda n: n * 60), BUCKETS)


@given(st.lists(POINTS, max_size=30))
def test_what_is_packed_comes_out_again(points: list[Point]) -> None:
    assert points_of(pack(60, points)) == points


def test_a_minute_of_a_thousand_series_is_small() -> None:
    points = [
        Point(Key(f"CN.R1.S{n}.C1.P1-A", "device_power"), 600, single(float(n)))
        for n in range(1000)
    ]
    assert len(pack(60, points).data) < 12_000


def block(raw: bytes, rows: int = 1, width: int = 60) -> SampleBlock:
    data = base64.b64encode(zlib.compress(raw)).decode()
    return SampleBlock(width=width, begin=0, rows=rows, data=data)


NAMED = b"\x03\0\0\0a\tb"


@pytest.mark.parametrize(
    "bad",
    [
        SampleBlock(width=60, begin=0, rows=1, data="%%%"),
        SampleBlock(width=60, begin=0, rows=1, data="AAAA"),
        block(b""),
        block(b"\xff\xff\xff\xffa"),
        block(NAMED + bytes(16)),  # a series of two fields
        block(b"\x01\0\0\0a\t\t" + bytes(15)),
        block(b"\x03\0\0\0a\t\t" + b"\x01\0\0\0" + bytes(12)),  # a row of series 1 of 1
        block(b"\0\0\0\0", rows=0, width=61),
        block(bytes(40_000_000), rows=0),
    ],
)
def test_what_is_no_block_is_refused(bad: SampleBlock) -> None:
    with pytest.raises(BadInput):
        unpack(bad)


# -- for how long buckets stand --------------------------------------------------------------------


def streams(block: SampleBlock) -> tuple[bytes, bytes]:
    """The first stream of a block, packed, and what follows it."""
    packed = base64.b64decode(block.data)
    reader = zlib.decompressobj()
    reader.decompress(packed)
    return packed[: len(packed) - len(reader.unused_data)], reader.unused_data


def with_data(block: SampleBlock, packed: bytes) -> SampleBlock:
    return block.model_copy(update={"data": base64.b64encode(packed).decode()})


def test_what_stands_for_all_of_its_time_says_nothing_of_it() -> None:
    block = pack(10, [Point(Key("CN.S1-A", "it_power"), 600, single(1.0))])
    assert streams(block)[1] == b""
    assert unpack(block).covered is None


def test_a_reader_from_before_takes_the_first_stream() -> None:
    points = [Point(Key("CN.S1-A", "it_power"), 600, lasting(5.0, 30))]
    block = pack(60, points)
    first, second = streams(block)
    assert second and points_of(block) == points
    [before] = points_of(with_data(block, first))
    assert before == points[0]._replace(bucket=replace(points[0].bucket, covered_s=None))


@pytest.mark.parametrize(
    ("second", "why"),
    [
        (b"nonsense", "not base64 of zlib"),
        (zlib.compress(b"\x0a\0\0\0" * 2), "unpacks to more than 4"),
        (zlib.compress(b"\x0a\0"), "says of others"),
        (zlib.compress(b"\x0a\0\0\0") + b"more", "says of others"),
        (zlib.compress(b"\0\0\0\0"), "can't stand for 0"),
        (zlib.compress(b"\xff\xff\xff\xff"), "can't stand for 4294967295"),
    ],
)
def test_a_second_stream_that_is_none_is_refused(second: bytes, why: str) -> None:
    block = pack(60, [Point(Key("CN.S1-A", "it_power"), 600, lasting(5.0, 30))])
    first, _ = streams(block)
    with pytest.raises(BadInput, match=why):
        unpack(with_data(block, first + second))
