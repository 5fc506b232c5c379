"""What fits a pool, and putting it there: now, and in the layers of later times.

Plain loops, part of the kernel: see `weir.scheduling.kernel`.
"""

from __future__ import annotations

from weir.scheduling.board import (
    FREE_CPU,
    FREE_MILLI,
    JOBS,
    LOG_SIZE,
    LOGGED,
    SPARE_PIECES,
    Board,
    Rules,
)
from weir.scheduling.least import least_score, take_least, touch
from weir.scheduling.placing import fits, give_back, take, take_loose

NONE = -1


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
    if rules.use_weight != 0.0:
        g = b.pools.site[p]
        settled += use_cost(b, rules, v, (b.sites.used[g] + need) / max(1, b.sites.size[g]))
    return float(settled + least_score(b, k, p, v)) if rules.least else float(settled)


def use_cost(b: Board, rules: Rules, v: int, share: float) -> float:
    """What it costs that so much of the site is in use with the variant: see `rank.use_cost`."""
    devices = b.needs.milli[v] / 1000 if b.needs.milli[v] > 0 else b.needs.cpu[v] / 8000
    cost = rules.use_weight * devices
    for _ in range(rules.use_power):
        cost *= share
    return float(cost)


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
    """Put a run into its pool's list, next to end first; equal ends in the order of booking.

    As a rule a run ends after those that are there: the place is looked for from the far end.
    """
    runs, p = b.runs, b.runs.pool[r]
    before, after = b.pools.last[p], NONE
    while before >= 0 and runs.end[before] > runs.end[r]:
        before, after = runs.before[before], before
    runs.before[r], runs.next[r] = before, after
    if before >= 0:
        runs.next[before] = r
    else:
        b.pools.run[p] = r
    if after >= 0:
        runs.before[after] = r
    else:
        b.pools.last[p] = r


def change(b: Board, p: int, v: int, sign: int) -> None:
    """Count what is left of the pool, and log that it changed."""
    cpu, milli = b.needs.cpu[v], b.needs.milli[v]
    freed = sign * (cpu if b.pools.counts_cpu[p] else milli)
    b.pools.idle[p] += freed
    b.sites.used[b.pools.site[p]] -= freed
    b.meta.whole[FREE_CPU] += sign * cpu
    b.meta.whole[FREE_MILLI] += sign * milli
    log(b, p, sign > 0)


def log(b: Board, p: int, more: bool) -> None:
    """Tell all classes to look again at the pool, and at the others of its site.

    With `more` it may have room for what it had none for: it is noted as `-1 - p`.
    """
    logged, size = b.meta.whole[LOGGED], b.meta.whole[LOG_SIZE]
    q = p
    while True:
        b.meta.log[logged % size] = -1 - q if more and q == p else q
        logged += 1
        q = b.pools.mate[q]
        if q == p:
            break
    b.meta.whole[LOGGED] = logged


def finish(b: Board, r: int) -> None:
    """Give back what run `r` holds. Only between rounds."""
    runs, p = b.runs, b.runs.pool[r]
    b.hosts.hint_of[p] = NONE
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
    else:
        b.pools.last[p] = before
    change(b, p, runs.variant[r], 1)
