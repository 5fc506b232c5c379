"""A mergeable sketch of many positive numbers, for percentiles: a histogram of logarithmic bins.

Bin `k` holds the values in (g^(k-1), g^k] with g = (1 + a) / (1 - a); a bin is told by one value,
2 g^k / (g + 1), which is off by at most the share `a` of any value in it. So every quantile is
right to 2 % (`ACCURACY`), however many sketches were merged and in whatever order: merging adds
counts. This is the scheme of DDSketch (Masson, Rim, Lee: "DDSketch: a fast and fully-mergeable
quantile sketch with relative-error guarantees", PVLDB 12, 2019), with nothing collapsed.

Values at or below `SMALLEST` are told as 0: the bound there is absolute.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

ACCURACY = 0.02
"""Largest relative error of a quantile."""

GROWTH = (1 + ACCURACY) / (1 - ACCURACY)
SMALLEST = 1e-6
LARGEST = 1e12
ZERO = -100_000
"""The bin of values at or below `SMALLEST`."""

Sketch = Mapping[int, int]
"""How many values fell into each bin."""


def bin_of(value: float) -> int:
    """The bin of a value, which is at least 0 and finite; above `LARGEST` it is taken as that."""
    if not value >= 0:
        raise ValueError(f"{value} can't be sketched: values are numbers from 0 up")
    if value <= SMALLEST:
        return ZERO
    return math.ceil(math.log(min(value, LARGEST)) / math.log(GROWTH) - 1e-9)


def value_of(number: int) -> float:
    """The value that stands for a bin."""
    return 0.0 if number == ZERO else 2 * GROWTH**number / (GROWTH + 1)


def sketch(values: Iterable[float]) -> dict[int, int]:
    """The sketch of some values."""
    bins: dict[int, int] = {}
    for value in values:
        number = bin_of(value)
        bins[number] = bins.get(number, 0) + 1
    return bins


def merge(sketches: Iterable[Sketch]) -> dict[int, int]:
    """The sketch of all that these hold."""
    bins: dict[int, int] = {}
    for one in sketches:
        for number, count in one.items():
            bins[number] = bins.get(number, 0) + count
    return bins


def quantile(bins: Sketch, q: float) -> float | None:
    """The value below which the share `q` (0..1) lies; None where there is nothing."""
    count = sum(bins.values())
    if count == 0:
        return None
    rank = q * (count - 1)
    passed = 0
    for number in sorted(bins):
        passed += bins[number]
        if passed > rank:
            return value_of(number)
    return value_of(max(bins))
