"""One round on the board, in plain loops: who goes where, and what is kept for those who wait.

Jobs are taken in turn. Each goes to the pool with the lowest cost of those that it fits now. One
that fits nowhere waits, and if the policy holds, the pool where it could start best is kept for it:
closed to all behind it, or, with backfill, open to those that don't delay it. What it will need at
its start is a layer of the pool's hosts; whoever still runs then has to fit beside it.

Costs of a class on the pools are a tournament; after a booking only the booked pool is looked at
again, by each class when its next job comes. `plan_round` stops with GROW where the columns are too
short, and goes on where it was when called again with longer ones.
"""

from __future__ import annotations

from math import inf

from weir.scheduling.board import (
    DONE,
    FREE_CPU,
    FREE_MILLI,
    GROW,
    GROWTH,
    JOBS,
    MIN_CPU,
    MIN_MILLI,
    NEXT,
    OPEN,
    PLACED,
    ROUND,
    SPARE_PIECES,
    WAITS_PLACED,
    WAITS_QUOTA,
    WAITS_ROOM,
    Board,
    Rules,
)
from weir.scheduling.booking import book, fits_later, fits_now, key_of, length_on
from weir.scheduling.hosts import Column
from weir.scheduling.mates import keep_apart
from weir.scheduling.ranking import refresh, runner_up, winner
from weir.scheduling.reserving import hold
from weir.scheduling.shares import advance_queue, charge, next_job, within_quota

NONE = -1


def plan_round(b: Board, rules: Rules, order: Column, count: int, now: float) -> int:
    """Place the jobs of `order[0:count]` that fit now; DONE, or GROW to be called again."""
    whole = b.meta.whole
    if whole[NEXT] == 0:
        begin_round(b)
    while whole[NEXT] < count:
        if full(b, rules):
            break
        j = next_job(b, rules, order)
        if short_of_room(b, j):
            return GROW
        step(b, rules, j, now, rules.brief and whole[NEXT] + 1 == count)
        whole[NEXT] += 1
        if rules.fair:
            advance_queue(b, j)
    return DONE


def plan_all(b: Board, rules: Rules, now: float) -> int:
    """A round over all jobs in their order."""
    return plan_round(b, rules, b.jobs.order, b.meta.whole[JOBS], now)


def begin_round(b: Board) -> None:
    """Forget what the last round held."""
    b.meta.whole[ROUND] += 1
    b.meta.whole[PLACED] = 0
    b.meta.whole[OPEN] = b.classes.meta[0]


def full(b: Board, rules: Rules) -> bool:
    """Whether no job behind can be placed: nothing is left that any of them could do with."""
    whole = b.meta.whole
    if rules.brief and (whole[FREE_CPU] < whole[MIN_CPU] or whole[FREE_MILLI] < whole[MIN_MILLI]):
        return True
    return rules.hold and not rules.backfill and whole[OPEN] == 0


def short_of_room(b: Board, j: int) -> bool:
    """Whether the columns might be too short for what placing job `j` adds to them."""
    growth, meta = b.classes.growth[b.jobs.klass[j]], b.hosts.meta
    # A job is booked in every layer of a pool, and a new layer holds what all others hold.
    most = b.meta.whole[GROWTH] * (2 * b.layers.meta[0] + 3)
    if meta[1] <= meta[4] and meta[0] + most > meta[1]:
        return True
    return bool(b.meta.whole[SPARE_PIECES] < growth)


def step(b: Board, rules: Rules, j: int, now: float, last: bool) -> None:
    """Place one job, or leave it waiting and perhaps keep a pool for it.

    For the last one nothing need be kept: there is nobody behind who could take it.
    """
    jobs, ks, whole = b.jobs, b.classes, b.meta.whole
    k = jobs.klass[j]
    length = jobs.length_s[j]
    jobs.turn[j] = whole[NEXT]
    if jobs.pool[j] >= 0:
        return
    if ks.stuck[k] == whole[ROUND] and length >= ks.stuck_s[k]:
        jobs.why[j] = WAITS_ROOM
        if rules.each and not last:
            hold(b, rules, j, now)
        return
    p = choose(b, rules, j, now)
    if p >= 0:
        if rules.quotas and not within_quota(b, j, p):
            jobs.why[j] = WAITS_QUOTA
            return
        place(b, rules, j, p, now)
        return
    jobs.why[j] = WAITS_ROOM
    if ks.stuck[k] != whole[ROUND] or length < ks.stuck_s[k]:
        ks.stuck_s[k] = length
    ks.stuck[k] = whole[ROUND]
    if rules.hold and not last and (rules.each or ks.holding[k] != whole[ROUND]):
        hold(b, rules, j, now)


def choose(b: Board, rules: Rules, j: int, now: float) -> int:
    """The best pool that the job fits now, -1 if none; notes the runner-up."""
    k = b.jobs.klass[j]
    refresh(b, rules, k)
    ks = b.classes
    pools, leaves = ks.meta[0], ks.meta[1]
    best = winner(b, k)
    key = ks.key[k * pools + best] if best >= 0 else inf
    second, second_key = NONE, inf
    if key < inf and leaves > 1:
        second = runner_up(b, k, best)
        if second >= 0:
            second_key = ks.key[k * pools + second]
    if key == inf:
        best = NONE
    timed = b.layers.timed
    for i in range(b.layers.meta[1]):
        p = timed[i]
        here = timed_key(b, rules, j, p, now)
        if here < key or (here == key and here < inf and p < best):
            second, second_key, best, key = best, key, p, here
        elif here < second_key:
            second, second_key = p, here
    b.jobs.second[j] = second if second_key < inf else NONE
    return int(best)


def timed_key(b: Board, rules: Rules, j: int, p: int, now: float) -> float:
    """The cost of a pool where later room is spoken for, infinite if the job would be in it."""
    k = b.jobs.klass[j]
    at = k * b.classes.meta[0] + p
    if b.classes.variant[at] < 0 or b.pools.kept[p]:
        return inf
    v = b.classes.base[k] + b.classes.variant[at]
    if not fits_now(b, p, v) or not fits_later(b, p, v, now + length_on(b, j, p)):
        return inf
    return key_of(b, rules, k, p, v)


def place(b: Board, rules: Rules, j: int, p: int, now: float) -> None:
    """Book job `j` on pool `p`, where it fits."""
    jobs, k = b.jobs, b.jobs.klass[j]
    v = b.classes.base[k] + b.classes.variant[k * b.classes.meta[0] + p]
    jobs.pool[j], jobs.idle[j], jobs.why[j] = p, b.pools.idle[p], WAITS_PLACED
    jobs.used[j] = b.sites.used[b.pools.site[p]]
    if jobs.second[j] >= 0:
        jobs.second_idle[j] = b.pools.idle[jobs.second[j]]
        jobs.second_used[j] = b.sites.used[b.pools.site[jobs.second[j]]]
    book(b, rules, j, p, v, now + length_on(b, j, p))
    b.meta.whole[PLACED] += 1
    if b.mates.ring[k] >= 0:
        keep_apart(b, rules, k, p)
    if rules.quotas:
        charge(b, j, p, v)
