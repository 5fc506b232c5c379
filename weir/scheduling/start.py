"""When a busy pool could take a job: when enough of what runs there is due to end.

An estimate, not a promise: runs may end early, jobs ahead may take the room, and a run without a
known end is taken to stay for ever. Times are seconds on the snapshot's clock.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

from weir.scheduling.packing import Claim, Free, fits, subtract


def start_s(
    free: Free, running: Sequence[Claim], wanted: Sequence[Claim], now: float
) -> float | None:
    """Seconds from `now` until `wanted` fits, or None if that can't be known.

    `free` is the pool without `running`. Runs that are overdue count as ending now.
    """
    ends = sorted({max(now, c.ends_at) for c in running if c.ends_at is not None})

    def fit(at: float) -> bool:
        still = [c for c in running if c.ends_at is None or c.ends_at > at]
        return fits(subtract(free, still), wanted)

    first = bisect_left(ends, True, key=fit)
    return ends[first] - now if first < len(ends) else None
