"""What plays on a board: the kernel's functions, interpreted over lists or compiled over arrays."""

from __future__ import annotations

from math import inf
from typing import Any

import numpy as np

from weir.scheduling.board import DONE, SPARE_PIECES, Board, Rules
from weir.scheduling.compiled import compiled_kernel, plain_kernel
from weir.scheduling.setup import as_lists, grown


class Machine:
    """A board and the functions for it; `board` may be replaced by a longer one as it plays."""

    def __init__(self, board: Board, rules: Rules, compiled: bool) -> None:
        self.rules = rules
        self._compiled = compiled
        self._code = compiled_kernel() if compiled else plain_kernel()
        self.board = board if compiled else as_lists(board)

    @property
    def board(self) -> Board:
        return self._board

    @board.setter
    def board(self, board: Board) -> None:
        self._board = board
        self._handle: Any = board
        if self._compiled:
            from weir.scheduling.pointers import Handle

            self._handle = Handle(board)

    def book_all(self, first: int, count: int) -> None:
        """Book runs whose pools, variants and ends are set; see the kernel."""
        self._code.book_all(self._handle, self.rules._replace(timed=True), first, count)

    def reserve(self, pool: int, variant: int, start: float, end: float, now: float) -> None:
        """Speak for room that is leased."""
        self._code.reserve(self._handle, pool, variant, start, end, -1, now)

    def touch_all(self) -> None:
        """Look at every entry for the fragmentation rule."""
        self._code.touch_all(self._handle)

    def clear_pool(self, pool: int) -> None:
        """Take a pool's hosts and runs off the board."""
        self._code.clear_pool(self._handle, pool)

    def add_entry(self, pool: int, hosts: int, cpu: int, memory: int, whole: int) -> int:
        """Put equal hosts on the board; gives their entry."""
        self.board.hosts.meta[4] += hosts
        self.ensure(1)
        return int(self._code.add_entry(self._handle, pool, hosts, cpu, memory, whole))

    def book_fitting(self, run: int) -> bool:
        """Book a run if it fits; whether it did."""
        return bool(self._code.book_fitting(self._handle, self.rules._replace(timed=True), run))

    def count(self, entry: int, sign: int) -> None:
        """Count what an entry has free."""
        self._code.count(self._handle, entry, sign)

    def begin_again(self, jobs: int, leases: int, reservations: int) -> None:
        """Make ready for another round."""
        self._code.begin_again(self._handle, jobs, leases, reservations)

    def ensure(self, more: int) -> None:
        """Have room for so many more entries and pieces."""
        meta, whole = self.board.hosts.meta, self.board.meta.whole
        while (meta[1] <= meta[4] and meta[0] + more > meta[1]) or whole[SPARE_PIECES] < more:
            self.board = grown(self.board)
            meta, whole = self.board.hosts.meta, self.board.meta.whole

    def more_runs(self) -> list[int]:
        """Have more rows for runs; gives those that are new, the last one first."""
        runs = self.board.runs
        used, more = len(runs.pool), len(runs.pool) // 2 + 64
        fill = {"pool": -1, "end": inf, "variant": 0, "piece": -1, "next": -1, "before": -1}
        longer = {
            name: np.concatenate([getattr(runs, name), np.full(more, value)]).astype(
                getattr(runs, name).dtype
            )
            for name, value in fill.items()
        }
        self.board = self.board._replace(runs=runs._replace(**longer))
        return list(range(used + more - 1, used - 1, -1))

    def plan(self, now: float) -> None:
        """Play the round to its end, with as long columns as it takes."""
        while self._code.plan_all(self._handle, self.rules, now) != DONE:
            self.board = grown(self.board)
