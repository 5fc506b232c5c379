"""What plays on a board: the kernel's functions, interpreted over lists or compiled over arrays."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from typing import Any

import numpy as np

from weir.scheduling.board import DONE, SPARE_PIECES, Board, Rules
from weir.scheduling.compiled import compiled_kernel, plain_kernel
from weir.scheduling.longer import as_lists, grown


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

    def renew(self, work: Sequence[int], pools: int, hosts: int, room: int) -> list[int]:
        """Make pools anew, see `patch.renew`; gives those that could not be.

        They have so many `hosts` in all, and their runs need at most `room` entries and pieces.
        """
        self.board.hosts.meta[4] += hosts
        self.ensure(room)
        numbers, failed = np.array(work, dtype=np.int64), np.zeros(pools, dtype=np.int64)
        rules = self.rules._replace(timed=True)
        bad = self._code.renew(self._handle, rules, numbers, 0, pools, failed)
        return [int(p) for p in failed[: int(bad)]]

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
