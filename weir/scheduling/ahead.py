"""Jobs that may wait at a cluster instead of here: its own queue starts them without a gap.

A cluster whose operator allows it takes a few runs more than it has room for. They start there as
soon as something ends; else it would stand idle until the end was told and a new run sent.

Laws:
- Only what the round has left waiting goes ahead, in the round's order, to pools that suit it.
- A pool gets no more than it has room for in its queue, and none that a lease is to find empty.
- Nobody who keeps apart from others goes ahead: who is where when it starts, nobody knows.
- With queues that share by quota nobody goes ahead: what a quota keeps back is kept back here.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from weir.core.plan import Placement
from weir.scheduling.schedule import Round, candidate_now
from weir.scheduling.snapshot import Snapshot


def ahead(round_: Round, but: Collection[str] = ()) -> tuple[Placement, ...]:
    """Where jobs of a round that wait go ahead, but for those that room is being made for.

    A job goes where it costs least; of equal pools, to the one with the most room in its queue.
    """
    left = _room(round_.snapshot)
    if not left:
        return ()
    found = []
    pools, classes = np.asarray(round_.board.jobs.pool), round_.board.jobs.klass
    for row, job in enumerate(round_.jobs):
        if not left:
            break
        if pools[row] >= 0 or job.id in but or job.demand.pinned_pool is not None:
            continue
        if job.demand.apart is not None:
            continue
        klass = round_.classes[int(classes[row])]
        cost = klass.settled.cost
        suits = [(float(cost[p]), -left[p], p) for p in left if klass.variant[p] >= 0]
        if not suits:
            continue
        pool = min(suits)[2]
        found.append(_placement(round_, row, pool))
        left[pool] -= 1
        if not left[pool]:
            del left[pool]
    return tuple(found)


def _room(snapshot: Snapshot) -> dict[int, int]:
    """How many runs more may wait at each pool, by its row; pools with none are left out."""
    if snapshot.queues:
        return {}
    leased = {lease.pool for lease in snapshot.leases}
    return {
        row: route.pool.queue_ahead - route.unstarted
        for row, route in enumerate(snapshot.routes)
        if route.pool.queue_ahead > route.unstarted and route.pool.id not in leased
    }


def _placement(round_: Round, row: int, pool: int) -> Placement:
    """A place in the queue of a pool that is full as far as anybody knows."""
    full = int(round_.board.sites.size[round_.board.pools.site[pool]])
    return Placement(round_.jobs[row].id, candidate_now(round_, row, pool, 0, full, now=False))
