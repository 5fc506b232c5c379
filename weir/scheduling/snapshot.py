"""What a round of scheduling sees: pools with what they hold, jobs that wait, and the time.

Laws:
- A snapshot is a value: everything that a decision depends on is in it, the time included.
- A pool that is reached by two ways is one pool (`choose_routes`).
- The order in which pools and jobs are listed does not matter.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from weir.core.demand import Demand
from weir.core.inventory import Pool
from weir.scheduling.columns import PoolColumns
from weir.scheduling.packing import Claim


@dataclass(frozen=True, slots=True)
class PoolState:
    """A pool by one route: `cluster` is the cluster to send runs to, which may be a child domain.

    `silent` says that this cluster has not been heard of lately. `claims` are the viewer's own runs
    there that it sent by this route; `pool.free`, as reported by this route, does not know them.
    """

    pool: Pool
    cluster: str
    silent: bool = False
    claims: tuple[Claim, ...] = ()


@dataclass(frozen=True, slots=True)
class WaitingJob:
    """A job without a place: higher `priority` goes first, then the earlier `submitted_at`
    (seconds).

    `avoid` are identifiers of pools that have just refused it.
    """

    id: str
    demand: Demand
    priority: int
    submitted_at: float
    avoid: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Snapshot:
    """The state of one domain at `now` (seconds, the clock of `submitted_at` and `ends_at`)."""

    now: float
    pools: tuple[PoolState, ...]
    jobs: tuple[WaitingJob, ...] = ()

    @cached_property
    def routes(self) -> tuple[PoolState, ...]:
        """Every pool once, by identifier."""
        return choose_routes(self.pools)

    @cached_property
    def columns(self) -> PoolColumns:
        """The routes as arrays, row for row."""
        return PoolColumns.of([(r.pool, r.silent) for r in self.routes])

    @cached_property
    def order(self) -> tuple[WaitingJob, ...]:
        """The waiting jobs, first come first: by priority, then time of submission, then id."""
        return tuple(sorted(self.jobs, key=lambda j: (-j.priority, j.submitted_at, j.id)))


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
