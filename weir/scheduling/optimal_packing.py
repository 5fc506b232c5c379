"""A plan of `weir.scheduling.optimal` while it is filled: always within the real packing."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from weir.scheduling.optimal_model import WHOLE, Bools, Columns, Floats, Ints

Fits = Callable[[int, Ints], bool]
"""Whether so many jobs of each class [C] fit together on this pool."""


class Packing:
    """What is placed so far, always within the real packing.

    `placed` [N] jobs of each column, `counts` [C, P] the same as a plan, `left` [C] jobs that still
    wait. `shut` [N]: the column was tried and takes no more. That stays so, as pools only fill.
    """

    def __init__(self, columns: Columns, shape: tuple[int, ...], dense: Floats, fits: Fits) -> None:
        self.placed: Floats = np.zeros(len(columns))
        self.shut: Bools = np.zeros(len(columns), dtype=bool)
        self.counts: Ints = np.zeros(shape, dtype=np.int64)
        self.left: Ints = columns.jobs.astype(np.int64)
        self._columns, self._fits, self._dense = columns, fits, dense

    def place(self, target: Floats) -> None:
        """Bring each column up to `target`; where a pool can't, what is worth most goes first."""
        more = np.maximum(0.0, target - self.placed).astype(np.int64)
        wanted = np.nonzero(more)[0]
        for pool in np.unique(self._columns.pool[wanted]):
            here = wanted[self._columns.pool[wanted] == pool]
            if self._add(pool, here, more[here]):
                continue
            for column in here[np.argsort(-self._columns.profit[here], kind="stable")]:
                self._most_of(int(column), int(more[column]))

    def round_up(self, x: Floats) -> None:
        """One more job on each pool where a job is broken: that which is the least broken."""
        part = np.where(self.shut, 0.0, x - self.placed)
        part[(part < WHOLE) | (self.placed + 1 > self._columns.most)] = 0.0
        columns = np.nonzero(part)[0]
        columns = columns[np.argsort(-part[columns], kind="stable")]
        _, first = np.unique(self._columns.pool[columns], return_index=True)
        up = part[columns] >= 0.5
        up[first] = True
        for column in columns[up]:
            if self.left[self._columns.job[column]] > 0:
                self._most_of(int(column), 1)

    def top_up(self) -> None:
        """What still waits goes wherever the pools take it, the densest worth first."""
        columns = np.nonzero(~self.shut)[0]
        for column in columns[np.argsort(-self._dense[columns], kind="stable")]:
            job = self._columns.job[column]
            more = min(self.left[job], int(self._columns.most[column] - self.placed[column]))
            if more > 0:
                self._most_of(int(column), int(more))

    def _most_of(self, column: int, more: int) -> None:
        """As many of `more` jobs as fit, by halving; shut if fewer."""
        pool, one = self._columns.pool[column], np.array([column])
        more = min(more, int(self.left[self._columns.job[column]]))
        if more <= 0 or self._add(pool, one, np.array([more])):
            return
        self.shut[column] = True
        low, high = 0, more
        while high - low > 1:
            middle = (low + high) // 2
            if self._add(pool, one, np.array([middle - low])):
                low = middle
            else:
                high = middle

    def _add(self, pool: int, columns: Ints, more: Ints) -> bool:
        """Place so many more of these columns of the pool if they all fit."""
        jobs = self._columns.job[columns]
        if np.any(more > self.left[jobs]):
            return False
        self.counts[jobs, pool] += more
        if not self._fits(int(pool), self.counts[:, pool]):
            self.counts[jobs, pool] -= more
            return False
        self.placed[columns] += more
        self.left[jobs] -= more
        return True
