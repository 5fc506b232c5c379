"""When a waiting job might start: at the soonest and at the latest, as far as ends are known.

The soonest is when it fits if it is the next one. The latest is when it starts if everything runs
as long as it may, and all that is ahead of it is given room first, one after the other, and nobody
is passed (conservative backfill): nothing that comes later can push it back. A new job of a higher
priority, a lost host or a walltime that is overrun can.
"""

from __future__ import annotations

from dataclasses import replace
from math import inf
from typing import TYPE_CHECKING

from weir.scheduling.packing import Claim
from weir.scheduling.policies.conservative import CONSERVATIVE
from weir.scheduling.start import start_s

if TYPE_CHECKING:
    from weir.scheduling.schedule import Round

MOST_AHEAD = 2_000
"""Jobs ahead that the latest start is worked out with; behind more of them it is unknown."""

MOST_CELLS = 4_000_000
"""Hosts times layers that are kept for that at most."""


def start_range(round_: Round, row: int) -> tuple[float | None, float | None]:
    """Seconds from now until the job of a row starts: soonest and latest, None if unknown."""
    return soonest_s(round_, row), latest_s(round_, row)


def soonest_s(round_: Round, row: int) -> float | None:
    """When the job fits if nobody else comes: the best of all pools that suit."""
    klass = round_.classes[int(round_.board.jobs.klass[row])]
    now = round_.snapshot.now
    placed = _placed_claims(round_)
    found: float | None = None
    for pool, state in enumerate(round_.snapshot.routes):
        if klass.variant[pool] < 0:
            continue
        claims = klass.variants[int(klass.variant[pool])]
        running = [*state.claims, *placed.get(pool, ())]
        start = start_s(state.pool.free, running, claims, now)
        if start is not None and (found is None or start < found):
            found = start
    return found


def _placed_claims(round_: Round) -> dict[int, list[Claim]]:
    """What this round has placed, by row of pools."""
    found: dict[int, list[Claim]] = {}
    now = round_.snapshot.now
    for row, job in enumerate(round_.jobs):
        pool = int(round_.board.jobs.pool[row])
        if pool >= 0:
            klass = round_.classes[int(round_.board.jobs.klass[row])]
            end = now + job.expected_s if job.expected_s < inf else None
            claims = klass.variants[int(klass.variant[pool])]
            found.setdefault(pool, []).extend(replace(c, ends_at=end) for c in claims)
    return found


def latest_s(round_: Round, row: int) -> float | None:
    """When the job starts if all that is ahead of it goes first."""
    from weir.scheduling.schedule import play

    if row > MOST_AHEAD or round_.snapshot.queues:
        return None
    hosts = max(1, sum(o.row.hosts for o in round_.occupied))
    depth = max(1, min(MOST_AHEAD, MOST_CELLS // hosts))
    ahead = tuple(
        replace(job, priority=0, submitted_at=float(n))
        for n, job in enumerate(round_.jobs[: row + 1])
    )
    policy = replace(CONSERVATIVE, reservations=MOST_AHEAD + 1, depth=min(depth, row + 1))
    snapshot = replace(round_.snapshot, jobs=ahead, running=())
    asked = play(snapshot, policy)
    board = asked.board
    if board.jobs.pool[row] >= 0:
        return 0.0
    for i in range(board.layers.meta[1]):
        pool = int(board.layers.timed[i])
        for n in range(int(board.pools.layers[pool])):
            at = pool * int(board.layers.meta[0]) + n
            if board.layers.job[at] == row:
                start = float(board.layers.time[at])
                return start - round_.snapshot.now if start < inf else None
    return None
