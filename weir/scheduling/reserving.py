"""Keeping room for jobs that wait: where they could start best, and layers of later times.

Plain loops, part of the kernel: see `weir.scheduling.kernel`.
"""

from __future__ import annotations

from math import inf

from weir.scheduling.board import OPEN, ROUND, Board, Rules
from weir.scheduling.booking import length_on, log, time_layer, try_layer, use_cost
from weir.scheduling.hosts import copy_layer, tasks_on
from weir.scheduling.placing import begin_try, end_try, fits, give_back, take_loose

NONE = -1


def hold(b: Board, rules: Rules, j: int, now: float) -> None:
    """Keep the pool where the job could start best, if there is one and it may be kept."""
    if b.layers.meta[2] <= 0:
        return
    k = b.jobs.klass[j]
    best, start = soonest(b, rules, j, now)
    if best < 0:
        return
    b.classes.holding[k] = b.meta.whole[ROUND]
    b.layers.meta[2] -= 1
    v = b.classes.base[k] + b.classes.variant[k * b.classes.meta[0] + best]
    if b.pools.layers[best] == 0:
        b.meta.whole[OPEN] -= 1
    if not rules.backfill or start == inf:
        b.pools.kept[best] = 1
    reserve(b, best, v, start, start + length_on(b, j, best), j, now)


def soonest(b: Board, rules: Rules, j: int, now: float) -> tuple[int, float]:
    """The best pool to wait for, and when the job could start there (infinite if unknown).

    To work a start out is dear: pools are taken in the order of what they would cost if the first
    run to end there made room enough, until none can be better than the best found.
    """
    ks, k = b.classes, b.jobs.klass[j]
    pools = ks.meta[0]
    best, best_key, best_start = NONE, inf, inf
    bound = b.pools.bound
    for p in range(pools):
        bound[p] = inf
        if may_wait_for(b, k, p):
            bound[p] = waiting_key(b, rules, k, p, first_end(b, p, now), now)
    while True:
        low, row = inf, NONE
        for p in range(pools):
            if bound[p] < low:
                low, row = bound[p], p
        if row < 0 or (best >= 0 and low > best_key):
            return best, best_start
        bound[row] = inf
        v = ks.base[k] + ks.variant[k * pools + row]
        start = earliest(b, row, v, length_on(b, j, row), now)
        here = waiting_key(b, rules, k, row, start, now)
        if best < 0 or here < best_key or (here == best_key and row < best):
            best, best_key, best_start = row, here, start


def may_wait_for(b: Board, k: int, p: int) -> bool:
    """Whether the pool suits and may still be kept for somebody."""
    if b.classes.variant[k * b.classes.meta[0] + p] < 0 or b.pools.kept[p]:
        return False
    return bool(b.pools.layers[p] < b.layers.meta[0])


def waiting_key(b: Board, rules: Rules, k: int, p: int, start: float, now: float) -> float:
    """What a later start on the pool costs, as if all that runs there had ended by then."""
    v = b.classes.base[k] + b.classes.variant[k * b.classes.meta[0] + p]
    need = b.needs.cpu[v] if b.pools.counts_cpu[p] else b.needs.milli[v]
    wait = min(start - now, rules.unknown_start_s)
    spare = (b.pools.size[p] - need) / max(1, b.pools.size[p])
    settled = b.classes.cost[k * b.classes.meta[0] + p]
    if rules.use_weight != 0.0:
        settled += use_cost(b, rules, v, need / max(1, b.sites.size[b.pools.site[p]]))
    return float(settled + rules.start_weight * (wait / 3600) + rules.spare_weight * spare)


def first_end(b: Board, p: int, now: float) -> float:
    """When the first run there ends, infinite if that is unknown."""
    r = b.pools.run[p]
    return float(max(now, b.runs.end[r])) if r >= 0 else inf


def earliest(b: Board, p: int, v: int, length: float, now: float) -> float:
    """When variant `v` could start and run for `length`, as far as ends are known."""
    if b.pools.layers[p] > 0:
        return earliest_between(b, p, v, length, now)
    h, cl = b.hosts, b.claims
    at = time_layer(b)
    copy_layer(h, 0, at, p)
    first = cl.first[v]
    alone = cl.first[v + 1] - first == 1 and cl.within[first] <= 0
    wanted = cl.count[first]
    most = min(wanted, cl.most[first])
    room = count_room(b, at, p, first, most) if alone else 0
    r = b.pools.run[p]
    while r >= 0:
        t = max(now, b.runs.end[r])
        room += release(b, at, r, first if alone else NONE, most)
        r = b.runs.next[r]
        if r >= 0 and max(now, b.runs.end[r]) == t:
            continue
        if room >= wanted if alone else fits(h, at, try_layer(b), p, cl, v):
            return float(t)
    return inf


def count_room(b: Board, at: int, p: int, c: int, most: int) -> int:
    """Tasks of claim `c` that the hosts take one by one, each at most `most`."""
    h, room = b.hosts, 0
    e = h.first[p]
    while e >= 0:
        room += h.hosts[e] * tasks_on(h, at + e, b.claims, c, most)
        e = h.next[e]
    return int(room)


def release(b: Board, at: int, r: int, c: int, most: int) -> int:
    """Give back in layer `at` what run `r` holds; gives how much more room claim `c` has."""
    h, gain = b.hosts, 0
    q = b.runs.piece[r]
    while q >= 0:
        i = at + b.pieces.entry[q]
        if c >= 0:
            gain -= tasks_on(h, i, b.claims, c, most)
        give_back(h, i, b.claims, b.pieces.claim[q], b.pieces.tasks[q], b.pieces.slot[q])
        if c >= 0:
            gain += tasks_on(h, i, b.claims, c, most)
        q = b.pieces.next[q]
    return int(gain)


def earliest_between(b: Board, p: int, v: int, length: float, now: float) -> float:
    """The same where room is spoken for: the job has to fit beside it all the while."""
    limit = b.layers.meta[0]
    t = now
    while True:
        if fits_at(b, p, v, t, length, now):
            return t
        after = inf
        r = b.pools.run[p]
        while r >= 0:
            if b.runs.end[r] > t:
                after = b.runs.end[r]
                break
            r = b.runs.next[r]
        for n in range(b.pools.layers[p]):
            end = b.layers.end[p * limit + n]
            if t < end < after:
                after = end
        if after == inf:
            return inf
        t = after


def fits_at(b: Board, p: int, v: int, t: float, length: float, now: float) -> bool:
    """Whether the variant could start at `t` and run for `length`."""
    at, limit, room = time_layer(b), b.layers.meta[0], b.hosts.meta[1]
    mark = begin_try(b.hosts)
    at_time(b, at, p, t, now)
    fit = fits(b.hosts, at, try_layer(b), p, b.claims, v)
    for n in range(b.pools.layers[p]):
        inside = t < b.layers.time[p * limit + n] < t + length
        if fit and inside and not fits(b.hosts, (n + 1) * room, try_layer(b), p, b.claims, v):
            fit = False
    end_try(b.hosts, mark)
    return fit


def at_time(b: Board, at: int, p: int, t: float, now: float) -> None:
    """Work out in layer `at` what is free at `t`: runs have ended, reservations have begun."""
    limit = b.layers.meta[0]
    copy_layer(b.hosts, 0, at, p)
    r = b.pools.run[p]
    while r >= 0 and max(now, b.runs.end[r]) <= t:
        release(b, at, r, NONE, 0)
        r = b.runs.next[r]
    for n in range(b.pools.layers[p]):
        if b.layers.time[p * limit + n] <= t < b.layers.end[p * limit + n]:
            w = b.layers.variant[p * limit + n]
            for c in range(b.claims.first[w], b.claims.first[w + 1]):
                take_loose(b.hosts, at, p, b.claims, c, False)


def reserve(b: Board, p: int, v: int, start: float, end: float, j: int, now: float) -> None:
    """Speak for the room of variant `v` from `start` to `end`; `j` is the job it is for, or -1."""
    limit, room, cl = b.layers.meta[0], b.hosts.meta[1], b.claims
    n = b.pools.layers[p]
    if start < inf:
        at_time(b, (n + 1) * room, p, start, now)
        for c in range(cl.first[v], cl.first[v + 1]):
            take_loose(b.hosts, (n + 1) * room, p, cl, c, False)
        for m in range(n):
            if start <= b.layers.time[p * limit + m] < end:
                for c in range(cl.first[v], cl.first[v + 1]):
                    take_loose(b.hosts, (m + 1) * room, p, cl, c, False)
    b.layers.time[p * limit + n] = start
    b.layers.end[p * limit + n] = end
    b.layers.variant[p * limit + n] = v
    b.layers.job[p * limit + n] = j
    b.pools.layers[p] = n + 1
    if n == 0:
        b.layers.timed[b.layers.meta[1]] = p
        b.layers.meta[1] += 1
    log(b, p, False)


def lift(b: Board, leases: int, reservations: int) -> None:
    """Forget all reservations of the last round; `reservations` may be made in the next one.

    Leases come first in a pool's layers and stay: `leases` is the most that a pool has.
    """
    limit = b.layers.meta[0]
    kept = 0
    for i in range(b.layers.meta[1]):
        p = b.layers.timed[i]
        n = 0
        while n < min(leases, b.pools.layers[p]) and b.layers.job[p * limit + n] < 0:
            n += 1
        b.pools.layers[p], b.pools.kept[p] = n, 0
        if n > 0:
            b.layers.timed[kept] = p
            kept += 1
        log(b, p, True)
    b.layers.meta[1] = kept
    b.layers.meta[2] = reservations
