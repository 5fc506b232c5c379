"""How often one parent is called: at once while that is seldom, and seldom while there is much.

A call costs the same whatever it says: on both sides, and at the domains above, which are told in
turn. So what happens now and then is told at once, and under load more is told in one call; though
what ends leaves room that nobody else has until it is told.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from weir.core.allowance import Allowance

LOOK_S = 1.0
"""How often the files of running jobs are looked at."""

PING_S = 60.0

END_COUNTS = 4
"""The end of a run counts as so many moves of runs."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How often an uplink does what it need not do at once.

    It looks at the files of running jobs and at the round trip so many seconds apart, and tells of
    pools that look different at most every `stock_s`. It reports `burst` times at once and then
    `per_s` times a second. After much it waits longer for more: `move_s` for each move of a run
    that it has just told, at most `most_s`; but no longer once there are `enough`, or none has come
    for `lull_s`.
    """

    look_s: float = LOOK_S
    ping_s: float = PING_S
    stock_s: float = 0.5
    burst: float = 8.0
    per_s: float = 4.0
    move_s: float = 0.01
    most_s: float = 0.5
    lull_s: float = 0.15
    enough: int = 64


PACE = Pace()


class Reports:
    """When the next report is due. `came` may be called from any thread, the rest from the one that
    reports; `clock` only goes forward, in seconds.
    """

    def __init__(self, pace: Pace, clock: Callable[[], float]) -> None:
        self._pace, self._clock = pace, clock
        self._allowance = Allowance(pace.burst, pace.per_s)
        self._quiet_until = float("-inf")
        self._moves = 0
        self._enough = threading.Event()

    def came(self, moves: int) -> None:
        """So many moves of runs are to be told."""
        self._moves += moves
        if self._moves >= self._pace.enough:
            self._enough.set()

    def stop(self) -> None:
        """Nobody is to wait any more."""
        self._enough.set()

    def wait(self) -> int:
        """Return when it is time to report; gives the moves that have come since the last time."""
        while (pause_s := self.pause_s()) > 0:
            before = self._moves
            if self._enough.wait(min(pause_s, self._pace.lull_s)):
                break
            if self._moves == before:
                self._quiet_until = float("-inf")
        self._enough.clear()
        moves, self._moves = self._moves, 0
        return moves

    def pause_s(self) -> float:
        """How long what is to be told may wait for more."""
        now = self._clock()
        return max(self._allowance.wait_s(now), self._quiet_until - now, 0.0)

    def told(self, moves: int) -> None:
        """A report was sent; it was of so many moves."""
        now = self._clock()
        self._allowance.spend(now)
        self._quiet_until = now + min(self._pace.most_s, moves * self._pace.move_s)
