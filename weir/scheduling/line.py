"""Who waits, in order: rows of jobs sorted by what `schedule.order_key` says, kept from round to
round.

Laws:
- `rows` is what sorting all keys anew would give.
- Who comes is put in by a binary search for all at once, who goes is taken out in one pass, so a
  change costs arrays and no loop over everybody.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from weir.scheduling.columns import Bools, Ints

Key = tuple[float, float, float, str]


class Line:
    """Rows in the order of their keys; at most `room` rows, counted from 0."""

    def __init__(self, room: int) -> None:
        self.rows: Ints = np.empty(0, dtype=np.int64)
        self._numbers = np.zeros((3, room))
        self._ids = np.full(room, "", dtype=object)

    def add(self, rows: Sequence[int], keys: Sequence[Key]) -> None:
        """Put in rows that are not there."""
        if not rows:
            return
        order = sorted(range(len(rows)), key=keys.__getitem__)
        new = np.array([rows[i] for i in order], dtype=np.int64)
        for part in range(3):
            self._numbers[part, new] = [keys[i][part] for i in order]
        self._ids[new] = [keys[i][3] for i in order]
        self.rows = np.insert(self.rows, self._places(new), new)

    def remove(self, rows: Sequence[int]) -> None:
        """Take out rows that are there."""
        if rows:
            stays = np.ones(len(self._ids), dtype=np.bool_)
            stays[np.array(rows, dtype=np.int64)] = False
            self.rows = self.rows[stays[self.rows]]

    def _places(self, new: Ints) -> Ints:
        """How many of those who are there stand before each of these."""
        low = np.zeros(len(new), dtype=np.int64)
        high = np.full(len(new), len(self.rows), dtype=np.int64)
        while bool((low < high).any()):
            middle = (low + high) // 2
            open_ = low < high
            there = self.rows[np.where(open_, middle, 0)]
            before = open_ & self._less(there, new)
            low = np.where(before, middle + 1, low)
            high = np.where(open_ & ~before, middle, high)
        return low

    def _less(self, one: Ints, other: Ints) -> Bools:
        """Whether rows come before others, pair by pair."""
        less = (self._ids[one] < self._ids[other]).astype(np.bool_)
        for part in self._numbers[::-1]:
            a, b = part[one], part[other]
            less = (a < b) | ((a == b) & less)
        return np.asarray(less, dtype=np.bool_)
