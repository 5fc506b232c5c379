"""The ranking of a class of jobs: a tournament of pools by cost, kept up to date by a log.

A booking is logged; each class looks at the booked pools again when its next job comes. Plain
loops, part of the kernel: see `weir.scheduling.kernel`.
"""

from __future__ import annotations

from math import inf

from weir.scheduling.board import LOG_SIZE, LOGGED, Board, Rules
from weir.scheduling.booking import fits_now, key_of

NONE = -1


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
            more = p < 0
            if more:
                p = -1 - p
            before = ks.key[k * pools + p]
            # Where there was no room there is none, unless something was given back.
            if more or before < inf:
                look(b, rules, k, p)
                if ks.key[k * pools + p] != before:
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
    """Play again the matches on the way from a pool up, as far as that changes anything."""
    ks = b.classes
    leaves = ks.meta[1]
    n = (leaves + p) // 2
    while n >= 1:
        at = k * leaves + n
        before, now = ks.tree[at], match(b, k, n)
        if now == before and now != p:
            return  # it was another before, and is: above nobody has heard of this pool
        ks.tree[at] = now
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
