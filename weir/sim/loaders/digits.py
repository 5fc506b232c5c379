"""Tables of numbers between blanks, read from bytes with numpy alone: millions of rows a second.

Laws:
- The number of a field is the one that `float` gives: digits are gathered in 64-bit integers, and
  one division by a power of ten (both exact below 2**53) is rounded as IEEE 754 rounds it.
- Whatever is not plain digits with a sign and a point goes through `float` itself.
- Lines that are no rows are told apart, not repaired.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from weir.sim.workload import Floats, Ints

_NEWLINE, _BLANK, _MINUS, _POINT, _ZERO = 10, 32, 45, 46, 48
_MOST_DIGITS = 15  # 10**15 < 2**53: exact in a float
_TENS = np.array([float(10**power) for power in range(_MOST_DIGITS + 1)])


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of numbers: `values[i, j]` is field `fields[j]` of the row on line `lines[i]`.

    Lines count from 0. `odd` are the lines that have another count of fields. A field that is no
    number is NaN.
    """

    lines: Ints
    values: Floats
    odd: Ints


def rows_of(text: bytes, width: int, fields: Sequence[int], comment: bytes) -> Rows:
    """The rows of a text that ends in a newline: lines with `width` fields each.

    Blank lines and those whose first byte that is not blank is `comment` are passed over.
    """
    data = np.frombuffer(text, dtype=np.uint8)
    ink = np.concatenate(([False], data > _BLANK, [False]))
    starts = np.flatnonzero(ink[1:-1] & ~ink[:-2])
    ends = np.flatnonzero(ink[1:-1] & ~ink[2:]) + 1
    upto = np.searchsorted(starts, np.flatnonzero(data == _NEWLINE))
    first = np.concatenate(([0], upto[:-1]))
    counts = upto - first
    is_row = counts > 0
    is_row[is_row] = data[starts[first[is_row]]] != comment[0]
    good = is_row & (counts == width)
    values = np.empty((int(good.sum()), len(fields)))
    for column, at in enumerate(fields):
        token = first[good] + at
        values[:, column] = _numbers(data, starts[token], ends[token])
    lines = np.arange(len(counts), dtype=np.int64)
    return Rows(lines[good], values, lines[is_row & ~good])


def _numbers(data: npt.NDArray[np.uint8], starts: Ints, ends: Ints) -> Floats:
    """The numbers that begin and end at these places; NaN where there is none."""
    total = np.zeros(len(starts), dtype=np.int64)
    places = np.zeros(len(starts), dtype=np.int64)
    seen = np.zeros(len(starts), dtype=np.int64)
    pointed = np.zeros(len(starts), dtype=np.bool_)
    negative = data[starts] == _MINUS
    at = starts + negative
    plain = at < ends
    width = int((ends - at).max(initial=0))
    for _ in range(min(width, _MOST_DIGITS + 1)):
        live = at < ends
        byte = data[np.minimum(at, ends - 1)]
        digit = byte - np.uint8(_ZERO)  # wraps round below "0"
        counted = live & (digit < 10)
        total = np.where(counted, total * 10 + digit, total)
        seen += counted
        places += counted & pointed
        point = live & (byte == _POINT) & ~pointed
        plain &= counted | point | ~live
        pointed |= point
        at = at + 1
    plain &= (at >= ends) & (seen > 0) & (seen <= _MOST_DIGITS)
    values: Floats = total / _TENS[np.minimum(places, _MOST_DIGITS)]
    values[negative] *= -1.0
    for index in np.flatnonzero(~plain).tolist():
        values[index] = _slow(data[starts[index] : ends[index]].tobytes())
    return values


def _slow(token: bytes) -> float:
    try:
        return float("nan") if b"_" in token else float(token)
    except ValueError:
        return float("nan")
