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
    LOG_SIZE,
    LOGGED,
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
from weir.scheduling.hosts import (
    Column,
    begin_try,
    copy_layer,
    end_try,
    fits,
    give_back,
    take,
    take_loose,
    tasks_on,
)
from weir.scheduling.least import least_score, take_least, touch

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


# Where a job fits now.


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


def fits_now(b: Board, p: int, v: int) -> bool:
    """Whether the variant fits the pool as it is."""
    need = b.needs.cpu[v] if b.pools.counts_cpu[p] else b.needs.milli[v]
    if b.pools.idle[p] < need:
        return False
    return fits(b.hosts, 0, try_layer(b), p, b.claims, v)


def fits_later(b: Board, p: int, v: int, end: float) -> bool:
    """Whether the variant, running until `end`, leaves the room that is spoken for."""
    limit, room = b.layers.meta[0], b.hosts.meta[1]
    for n in range(b.pools.layers[p]):
        if b.layers.time[p * limit + n] < end and not fits(
            b.hosts, (n + 1) * room, try_layer(b), p, b.claims, v
        ):
            return False
    return True


def length_on(b: Board, j: int, p: int) -> float:
    """How long job `j` would hold pool `p`."""
    at = b.jobs.klass[j] * b.classes.meta[0] + p
    return float(b.classes.lag_s[at] + b.jobs.length_s[j] * b.classes.pace[at])


def try_layer(b: Board) -> int:
    """The layer in which claims are tried: the last one."""
    return int((b.layers.meta[0] + 2) * b.hosts.meta[1])


def time_layer(b: Board) -> int:
    """The layer in which a later time is worked out: the one before the last."""
    return int((b.layers.meta[0] + 1) * b.hosts.meta[1])


def key_of(b: Board, rules: Rules, k: int, p: int, v: int) -> float:
    """The cost of pool `p` for class `k` now."""
    need = b.needs.cpu[v] if b.pools.counts_cpu[p] else b.needs.milli[v]
    spare = (b.pools.idle[p] - need) / max(1, b.pools.size[p])
    settled = b.classes.cost[k * b.classes.meta[0] + p] + rules.spare_weight * spare
    return float(settled + least_score(b, k, p, v)) if rules.least else float(settled)


# The ranking of a class: a tournament of pools.


def refresh(b: Board, rules: Rules, k: int) -> None:
    """Bring the ranking of class `k` up to date with the log of changed pools."""
    ks = b.classes
    pools, logged = ks.meta[0], b.meta.whole[LOGGED]
    seen = ks.seen[k]
    if seen < 0 or logged - seen >= pools:
        for p in range(pools):
            look(b, rules, k, p)
        leaves = ks.meta[1]
        for n in range(leaves - 1, 0, -1):
            ks.tree[k * leaves + n] = match(b, k, n)
    else:
        size = b.meta.whole[LOG_SIZE]
        for i in range(seen, logged):
            p = b.meta.log[i % size]
            at = k * pools + p
            if ks.variant[at] >= 0:
                before = ks.key[at]
                look(b, rules, k, p)
                if ks.key[at] != before:
                    climb(b, k, p)
    ks.seen[k] = logged


def look(b: Board, rules: Rules, k: int, p: int) -> None:
    """Work out the key of one pool."""
    ks = b.classes
    at = k * ks.meta[0] + p
    ks.key[at] = inf
    if ks.variant[at] < 0 or b.pools.kept[p] or b.pools.layers[p] > 0:
        return
    v = ks.base[k] + ks.variant[at]
    if fits_now(b, p, v):
        ks.key[at] = key_of(b, rules, k, p, v)


def contender(b: Board, k: int, n: int) -> int:
    """The pool that stands at node `n` of the tournament, -1 if none."""
    ks = b.classes
    pools, leaves = ks.meta[0], ks.meta[1]
    if n >= leaves:
        return int(n - leaves) if n - leaves < pools else NONE
    return int(ks.tree[k * leaves + n])


def match(b: Board, k: int, n: int) -> int:
    """Who wins at node `n`: the lower cost, the lower row at a tie."""
    left, right = contender(b, k, 2 * n), contender(b, k, 2 * n + 1)
    if right < 0:
        return left
    at = k * b.classes.meta[0]
    return left if b.classes.key[at + left] <= b.classes.key[at + right] else right


def climb(b: Board, k: int, p: int) -> None:
    """Play again the matches on the way from a pool up."""
    leaves = b.classes.meta[1]
    n = (leaves + p) // 2
    while n >= 1:
        b.classes.tree[k * leaves + n] = match(b, k, n)
        n //= 2


def winner(b: Board, k: int) -> int:
    """The pool with the lowest cost."""
    if b.classes.meta[0] == 0:
        return NONE
    return contender(b, k, 1)


def runner_up(b: Board, k: int, best: int) -> int:
    """The best of those that lost to `best`."""
    ks = b.classes
    at = k * ks.meta[0]
    found = NONE
    n = ks.meta[1] + best
    while n > 1:
        other = contender(b, k, n ^ 1)
        if other >= 0 and (
            found < 0
            or ks.key[at + other] < ks.key[at + found]
            or (ks.key[at + other] == ks.key[at + found] and other < found)
        ):
            found = other
        n //= 2
    return found


# Booking.


def place(b: Board, rules: Rules, j: int, p: int, now: float) -> None:
    """Book job `j` on pool `p`, where it fits."""
    jobs, k = b.jobs, b.jobs.klass[j]
    v = b.classes.base[k] + b.classes.variant[k * b.classes.meta[0] + p]
    jobs.pool[j], jobs.idle[j], jobs.why[j] = p, b.pools.idle[p], WAITS_PLACED
    if jobs.second[j] >= 0:
        jobs.second_idle[j] = b.pools.idle[jobs.second[j]]
    book(b, rules, j, p, v, now + length_on(b, j, p))
    b.meta.whole[PLACED] += 1
    if rules.quotas:
        charge(b, j, p, v)


def book(b: Board, rules: Rules, r: int, p: int, v: int, end: float) -> None:
    """Book variant `v` on pool `p` until `end` as run `r`, now and in the layers before then."""
    h, cl = b.hosts, b.claims
    remember = rules.timed
    layers = b.pools.layers[p]
    piece = NONE
    # Several claims are packed as they were tried: the largest first, best fit.
    least = rules.least and r < b.meta.whole[JOBS] and cl.first[v + 1] - cl.first[v] == 1
    if least:
        piece = take_least(b, b.jobs.klass[r], p, v, remember)
        before = piece
        while before >= 0:
            b.meta.whole[SPARE_PIECES] -= 1
            before = b.pieces.next[before]
    for c in range(cl.first[v], cl.first[v + 1]):
        if least:
            break
        if remember:
            before = piece
            piece = take(h, p, cl, c, b.pieces, piece)
            q = piece
            while q != before:
                b.meta.whole[SPARE_PIECES] -= 1
                q = b.pieces.next[q]
        else:
            take_loose(h, 0, p, cl, c, layers == 0)
    limit = b.layers.meta[0]
    for n in range(layers):
        if b.layers.time[p * limit + n] < end:
            for c in range(cl.first[v], cl.first[v + 1]):
                take_loose(h, (n + 1) * h.meta[1], p, cl, c, False)
    if rules.least and not least:
        e = h.first[p]
        while e >= 0:
            touch(b, e)
            e = h.next[e]
    b.runs.variant[r] = v
    b.runs.piece[r] = piece
    b.runs.pool[r] = p
    b.runs.end[r] = end
    if remember:
        enlist(b, r)
    change(b, p, v, -1)


def book_all(b: Board, rules: Rules, first: int, count: int) -> None:
    """Book the runs of rows `first` and on, whose pools, variants and ends are set."""
    for r in range(first, first + count):
        book(b, rules, r, b.runs.pool[r], b.runs.variant[r], b.runs.end[r])


def enlist(b: Board, r: int) -> None:
    """Put a run into its pool's list, next to end first; equal ends in the order of booking."""
    runs, p = b.runs, b.runs.pool[r]
    before, after = NONE, b.pools.run[p]
    while after >= 0 and runs.end[after] <= runs.end[r]:
        before, after = after, runs.next[after]
    runs.before[r], runs.next[r] = before, after
    if before >= 0:
        runs.next[before] = r
    else:
        b.pools.run[p] = r
    if after >= 0:
        runs.before[after] = r


def change(b: Board, p: int, v: int, sign: int) -> None:
    """Count what is left of the pool, and log that it changed."""
    cpu, milli = b.needs.cpu[v], b.needs.milli[v]
    b.pools.idle[p] += sign * (cpu if b.pools.counts_cpu[p] else milli)
    b.meta.whole[FREE_CPU] += sign * cpu
    b.meta.whole[FREE_MILLI] += sign * milli
    log(b, p)


def log(b: Board, p: int) -> None:
    """Tell all classes to look at the pool again."""
    logged = b.meta.whole[LOGGED]
    b.meta.log[logged % b.meta.whole[LOG_SIZE]] = p
    b.meta.whole[LOGGED] = logged + 1


def finish(b: Board, r: int) -> None:
    """Give back what run `r` holds. Only between rounds."""
    runs, p = b.runs, b.runs.pool[r]
    q = runs.piece[r]
    while q >= 0:
        give_back(b.hosts, b.pieces.entry[q], b.claims, b.pieces.claim[q], b.pieces.tasks[q],
                  b.pieces.slot[q])  # fmt: skip
        if b.scores.meta[1] > 0:
            touch(b, b.pieces.entry[q])
        after = b.pieces.next[q]
        b.pieces.next[q] = b.pieces.meta[0]
        b.pieces.meta[0] = q
        b.meta.whole[SPARE_PIECES] += 1
        q = after
    before, after = runs.before[r], runs.next[r]
    if before >= 0:
        runs.next[before] = after
    else:
        b.pools.run[p] = after
    if after >= 0:
        runs.before[after] = before
    change(b, p, runs.variant[r], 1)


# Keeping room for a job that waits.


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
    alone = cl.first[v + 1] - first == 1
    wanted = cl.count[first]
    room = count_room(b, at, p, first, wanted) if alone else 0
    r = b.pools.run[p]
    while r >= 0:
        t = max(now, b.runs.end[r])
        room += release(b, at, r, first if alone else NONE, wanted)
        r = b.runs.next[r]
        if r >= 0 and max(now, b.runs.end[r]) == t:
            continue
        if room >= wanted if alone else fits(h, at, try_layer(b), p, cl, v):
            return float(t)
    return inf


def count_room(b: Board, at: int, p: int, c: int, wanted: int) -> int:
    """Tasks of claim `c` that the hosts take one by one, each at most `wanted`."""
    h, room = b.hosts, 0
    e = h.first[p]
    while e >= 0:
        room += h.hosts[e] * tasks_on(h, at + e, b.claims, c, wanted)
        e = h.next[e]
    return int(room)


def release(b: Board, at: int, r: int, c: int, wanted: int) -> int:
    """Give back in layer `at` what run `r` holds; gives how much more room claim `c` has."""
    h, gain = b.hosts, 0
    q = b.runs.piece[r]
    while q >= 0:
        i = at + b.pieces.entry[q]
        if c >= 0:
            gain -= tasks_on(h, i, b.claims, c, wanted)
        give_back(h, i, b.claims, b.pieces.claim[q], b.pieces.tasks[q], b.pieces.slot[q])
        if c >= 0:
            gain += tasks_on(h, i, b.claims, c, wanted)
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
    log(b, p)


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
        log(b, p)
    b.layers.meta[1] = kept
    b.layers.meta[2] = reservations


# Queues: fair shares and quotas.


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
