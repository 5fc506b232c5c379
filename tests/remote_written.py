"""Reads Prometheus' remote write as whoever takes it does, from what the formats say."""

from __future__ import annotations

import struct
from collections.abc import Iterator

Written = dict[tuple[tuple[str, str], ...], list[tuple[int, float]]]
"""times (ms) and values of each series, by its labels in the order that they came"""


def read_body(body: bytes) -> Written:
    """All series of a body, uncompressed literals only."""
    plain, found = _unpacked(body), Written()
    for field, series in _fields(plain):
        assert field == 1, f"a write request has series only, not field {field}"
        labels, samples = [], []
        for inner, said in _fields(_bytes(series)):
            if inner == 1:
                pair = dict(_fields(_bytes(said)))
                labels.append((_bytes(pair[1]).decode(), _bytes(pair[2]).decode()))
            else:
                sample = dict(_fields(_bytes(said)))
                value, at = sample[1], sample[2]
                assert isinstance(value, float) and isinstance(at, int)
                samples.append((at, value))
        found.setdefault(tuple(labels), []).extend(samples)
    return found


def _bytes(said: object) -> bytes:
    assert isinstance(said, bytes)
    return said


def _unpacked(body: bytes) -> bytes:
    """Snappy's block format: a length, then elements; tag 63 of a literal has four bytes of it."""
    length, place = _varint(body, 0)
    found = b""
    while place < len(body):
        tag = body[place]
        assert tag == 63 << 2, "only long literals are understood here"
        size = struct.unpack_from("<I", body, place + 1)[0] + 1
        found += body[place + 5 : place + 5 + size]
        place += 5 + size
    assert len(found) == length
    return found


def _fields(said: bytes) -> Iterator[tuple[int, int | float | bytes]]:
    """Number and value of each field of a protobuf message."""
    place = 0
    while place < len(said):
        key, place = _varint(said, place)
        if key & 7 == 0:
            number, place = _varint(said, place)
            yield key >> 3, number
        elif key & 7 == 1:
            yield key >> 3, struct.unpack_from("<d", said, place)[0]
            place += 8
        else:
            assert key & 7 == 2, f"no field of kind {key & 7} is expected"
            size, place = _varint(said, place)
            assert place + size <= len(said), "a field is longer than what is around it"
            yield key >> 3, said[place : place + size]
            place += size


def _varint(said: bytes, place: int) -> tuple[int, int]:
    number = shift = 0
    while True:
        byte = said[place]
        number |= (byte & 127) << shift
        place, shift = place + 1, shift + 7
        if byte < 128:
            return number, place
