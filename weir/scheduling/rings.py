"""Rows of one name in a ring: from each row the next of its name, from the last the first."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np

from weir.scheduling.columns import Ints


def rings(names: Sequence[Hashable]) -> tuple[Ints, Ints]:
    """The number of each row's name, from 0 in the order in which they come up, and the next row.

    A row whose name comes once is its own next.
    """
    numbers: dict[Hashable, int] = {}
    number = [numbers.setdefault(name, len(numbers)) for name in names]
    following = list(range(len(names)))
    last: dict[int, int] = {}
    for row, n in enumerate(number):
        if n in last:
            following[row] = following[last[n]]
            following[last[n]] = row
        last[n] = row
    return np.array(number, dtype=np.int64), np.array(following, dtype=np.int64)


def sums(number: Ints, *columns: Sequence[int]) -> tuple[Ints, ...]:
    """What the rows of each name have together, a result for each column."""
    found = np.zeros((len(columns), int(number.max(initial=-1)) + 1), dtype=np.int64)
    for total, column in zip(found, columns, strict=True):
        np.add.at(total, number, np.array(column, dtype=np.int64))
    return tuple(found)
