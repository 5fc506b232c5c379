"""Whose turn it is among queues, and what they may hold: fair shares and quotas.

Plain loops, part of the kernel: see `weir.scheduling.kernel`.
"""

from __future__ import annotations

from math import inf

from weir.scheduling.board import NEXT, Board, Rules
from weir.scheduling.hosts import Column

NONE = -1


def next_job(b: Board, rules: Rules, order: Column) -> int:
    """The job whose turn it is: the next one, or the head of the queue furthest below its share."""
    if not rules.fair:
        return int(order[b.meta.whole[NEXT]])
    q = b.queues
    n = 0
    while q.child[n] >= 0:
        best, best_share = NONE, inf
        m = q.child[n]
        while m >= 0:
            if q.pending[m] > 0:
                share = dominant_share(b, m)
                if best < 0 or share < best_share:
                    best, best_share = m, share
            m = q.sibling[m]
        n = best
    return int(order[q.head[n]])


def dominant_share(b: Board, n: int) -> float:
    """The largest share of any resource that the queue has used, by its weight."""
    q, best = b.queues, 0.0
    for r in range(3):
        if q.total[r] > 0:
            best = max(best, q.used[n * 3 + r] / q.total[r])
    return float(best / q.weight[n])


def advance_queue(b: Board, j: int) -> None:
    """The queue's next job is up."""
    q = b.queues
    n = b.jobs.queue[j]
    q.head[n] += 1
    while n >= 0:
        q.pending[n] -= 1
        n = q.parent[n]


def within_quota(b: Board, j: int, p: int) -> bool:
    """Whether the job's queue, and those above it, may hold what it needs."""
    q, k = b.queues, b.jobs.klass[j]
    v = b.classes.base[k] + b.classes.variant[k * b.classes.meta[0] + p]
    milli = b.needs.milli[v] * b.pools.speed[p] // 1000
    n = b.jobs.queue[j]
    while n >= 0:
        for r, need in ((0, b.needs.cpu[v]), (1, b.needs.memory[v]), (2, milli)):
            limit = q.limit[n * 3 + r]
            if 0 <= limit < q.held[n * 3 + r] + need and need > 0:
                return False
        n = q.parent[n]
    return True


def charge(b: Board, j: int, p: int, v: int) -> None:
    """Count what the job takes for its queue and all above it."""
    q, n = b.queues, b.jobs.queue[j]
    milli = b.needs.milli[v] * b.pools.speed[p] // 1000
    while n >= 0:
        for r, need in ((0, b.needs.cpu[v]), (1, b.needs.memory[v]), (2, milli)):
            q.held[n * 3 + r] += need
            q.used[n * 3 + r] += need
        n = q.parent[n]
