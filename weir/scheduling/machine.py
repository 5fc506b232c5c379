"""What plays on a board: the kernel's functions, interpreted over lists or compiled over arrays."""

from __future__ import annotations

from types import ModuleType, SimpleNamespace
from typing import Any

from weir.scheduling import kernel, least
from weir.scheduling.board import DONE, Board, Rules
from weir.scheduling.setup import as_lists, grown


class Machine:
    """A board and the functions for it; `board` may be replaced by a longer one as it plays."""

    def __init__(self, board: Board, rules: Rules, compiled: bool) -> None:
        self.rules = rules
        self._compiled = compiled
        self._code: ModuleType | SimpleNamespace = kernel
        if compiled:
            from weir.scheduling.compiled import compiled_kernel

            self._code = compiled_kernel()
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
        (self._code if self._compiled else least).touch_all(self._handle)

    def plan(self, now: float) -> None:
        """Play the round to its end, with as long columns as it takes."""
        while self._code.plan_all(self._handle, self.rules, now) != DONE:
            self.board = grown(self.board)
