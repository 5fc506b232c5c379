"""What of a pool is free, and what runs there with a known end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from weir.scheduling import rank
from weir.scheduling.packing import Claim, Free, gathered, largest_first, place_all, subtract
from weir.scheduling.setup import PoolRow
from weir.scheduling.snapshot import PoolState


@dataclass(frozen=True, slots=True)
class Timed:
    """Something that runs, and when it is due to end."""

    claims: tuple[Claim, ...]
    ends_at: float


@dataclass(frozen=True, slots=True)
class Occupied:
    """A pool as the board wants it: `row` does not know `runs` yet."""

    row: PoolRow
    runs: tuple[Timed, ...]


def occupy(state: PoolState, now: float, timed: bool, trust: bool = False) -> Occupied:
    """Take the viewer's own runs off what the pool says is free.

    Runs with a known end are kept apart if ends matter (`timed`), unless they don't fit together
    any more: then nobody can say what their end would bring. With `trust` the caller sees to that.
    """
    pool = state.pool
    ending = [c for c in state.claims if c.ends_at is not None and timed]
    lasting = [c for c in state.claims if c.ends_at is None or not timed]
    free = subtract(pool.free, lasting)
    if ending and not trust and not _fit_together(free, ending):
        free, ending = subtract(pool.free, state.claims), []
    row = PoolRow(
        free, pool.hosts, rank.size(pool), rank.idle(pool, free), not pool.devices, site=pool.site
    )
    runs = tuple(Timed((c,), max(now, c.ends_at or now)) for c in largest_first(ending))
    return Occupied(row, runs)


def _fit_together(free: Free, claims: Sequence[Claim]) -> bool:
    return place_all(free, gathered(claims)) is not None
