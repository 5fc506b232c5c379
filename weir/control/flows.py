"""Flows: from which domain to which pool jobs are under way that this domain has placed.

A job's home is the domain where it was submitted: the first of the path that it has been through,
this one if it was handed over by nobody. Jobs that other domains place among themselves are theirs
to tell.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from weir.control.context import Context
from weir.store import runs


@dataclass(frozen=True, slots=True)
class Flow:
    """So many runs hold capacity on a pool for jobs of this home, a domain's identifier."""

    home: str
    pool: str
    runs: int


def flows(ctx: Context) -> list[Flow]:
    """Every flow there is now, the largest first."""
    domain = ctx.domain()
    here = domain.id or domain.name
    with ctx.store.read() as tx:
        there = runs.count_by_pool(tx)
        handed = runs.handed_over(tx)
    counts = Counter((path[0] if path else here, pool) for path, pool in handed)
    others = Counter(pool for _, pool in handed)
    for pool, count in there.items():
        if own := count - others[pool]:
            counts[here, pool] += own
    found = [Flow(home, pool, number) for (home, pool), number in counts.items()]
    return sorted(found, key=lambda flow: (-flow.runs, flow.home, flow.pool))
