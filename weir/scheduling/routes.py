"""Pools by the ways that lead to them: each counts once, by its best route."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from weir.core.inventory import Pool
from weir.scheduling.packing import Claim


@dataclass(frozen=True, slots=True)
class PoolState:
    """A pool by one route: `cluster` is the cluster to send runs to, which may be a child domain.

    `silent` says that this cluster has not been heard of lately. `claims` are the viewer's own runs
    there that it sent by this route; `pool.free`, as reported by this route, does not know them.
    `unstarted` counts those of them that have not started.
    """

    pool: Pool
    cluster: str
    silent: bool = False
    claims: tuple[Claim, ...] = ()
    unstarted: int = 0


def choose_routes(states: Iterable[PoolState]) -> tuple[PoolState, ...]:
    """Each pool once, in the order of identifiers, by its best route.

    A route that is not silent wins, then the one with fewest hops, then the lower cluster
    identifier. The claims of the other routes are left out, not added: to who reports the pool by
    the chosen route, the runs that came by another are somebody else's, so its `free` lacks their
    room already, and to subtract them here would count them twice.
    """
    best: dict[str, PoolState] = {}
    for state in sorted(states, key=lambda s: (s.silent, s.pool.hops, s.cluster)):
        best.setdefault(state.pool.id, state)
    return tuple(state for _, state in sorted(best.items()))
