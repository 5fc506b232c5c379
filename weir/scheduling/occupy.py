"""What of a pool is free, and what runs there with a known end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from weir.scheduling import rank
from weir.scheduling.packing import (
    Claim,
    Free,
    capacity_for,
    gathered,
    largest_first,
    place_all,
    subtract,
)
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
    tasks = claims if len(claims) == 1 else gathered(claims)
    return _fit_apart(free, tasks) or place_all(free, tasks) is not None


def _fit_apart(free: Free, claims: Sequence[Claim]) -> bool:
    """Whether equal hosts are enough even if no two claims shared one: the usual case, and cheap to
    tell. If not, they may fit together all the same.
    """
    if len(free) != 1 or not free[0].hosts or any(c.placed_as_one for c in claims):
        return False
    left = free[0].hosts
    for claim in claims:
        each = capacity_for(free, claim) // free[0].hosts
        if not each:
            return False
        left -= -(-claim.count // each)
    return left >= 0
