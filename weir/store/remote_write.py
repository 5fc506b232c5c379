"""A body of Prometheus' remote write: many series, each with a value at each of the same times.

Sources: `WriteRequest`, `TimeSeries`, `Label` and `Sample` in Prometheus' `remote.proto` and
`types.proto` (remote write 1.0), protobuf's encoding, snappy's block format.

Laws:
- What does not change from minute to minute, a series' labels, is encoded once (`head_of`). A body
  is those heads with eight bytes of value and a common time for each sample after them.
- So that lengths are the same at all times, a time takes six bytes, whatever it is: until the year
  2109.
- A body is a snappy block of one literal, so it is not made smaller: that would cost more than all
  the rest, and the store of series stands near its server.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from functools import cache
from itertools import chain, repeat

HEADERS = {
    "Content-Type": "application/x-protobuf",
    "Content-Encoding": "snappy",
    "X-Prometheus-Remote-Write-Version": "0.1.0",
}

_TIME_BYTES = 6
_LATEST_MS = (1 << 7 * _TIME_BYTES) - 1
_NESTED_1, _NESTED_2 = b"\x0a", b"\x12"  # field 1 and field 2, with a length
_DOUBLE_1, _VARINT_2 = b"\x09", b"\x10"  # a sample's value and its time
_INNER_BYTES = 1 + 8 + 1 + _TIME_BYTES
_LITERAL = b"\xfc"  # a literal whose length is told by four bytes


def head_of(labels: Iterable[tuple[str, str]]) -> bytes:
    """A series' labels, which must be sorted by name, up to where its first value stands."""
    said = b"".join(
        _nested(_NESTED_1, _nested(_NESTED_1, name.encode()) + _nested(_NESTED_2, value.encode()))
        for name, value in labels
    )
    return said + _BEFORE_VALUE


def body_of(heads: Sequence[bytes], columns: Sequence[tuple[int, Sequence[float]]]) -> bytes:
    """Series, by their heads, with columns of a time (ms since 1970) and everybody's value then."""
    more = len(columns) * _SAMPLE_BYTES - len(_BEFORE_VALUE)
    pieces: list[Iterable[bytes]] = [[_begin(len(head) + more) for head in heads], heads]
    for place, (at_ms, values) in enumerate(columns, 1):
        packed = struct.pack(f"<{len(heads)}d", *values)
        after = b"" if place == len(columns) else _BEFORE_VALUE
        pieces += [struct.unpack("8s" * len(heads), packed), repeat(_time(at_ms) + after)]
    plain = b"".join(chain.from_iterable(zip(*pieces, strict=False)))
    return _varint(len(plain)) + _LITERAL + struct.pack("<I", len(plain) - 1) + plain


@cache
def _begin(length: int) -> bytes:
    """How a series of so many bytes begins."""
    return _NESTED_1 + _varint(length)


def _nested(field: bytes, inner: bytes) -> bytes:
    return field + _varint(len(inner)) + inner


def _varint(number: int) -> bytes:
    found = bytearray()
    while number > 127:
        found.append(number & 127 | 128)
        number >>= 7
    found.append(number)
    return bytes(found)


def _time(at_ms: int) -> bytes:
    """A number of 42 bits, seven a byte; all but the last byte say that one more follows."""
    if not 0 <= at_ms <= _LATEST_MS:
        raise ValueError(f"a time of {at_ms} ms can't be written")
    sevens = [at_ms >> 7 * place & 127 for place in range(_TIME_BYTES)]
    return _VARINT_2 + bytes(seven | 128 for seven in sevens[:-1]) + bytes(sevens[-1:])


_BEFORE_VALUE = _NESTED_2 + _varint(_INNER_BYTES) + _DOUBLE_1
_SAMPLE_BYTES = 2 + _INNER_BYTES
