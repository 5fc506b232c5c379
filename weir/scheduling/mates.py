"""Mates within a round: what a job that is placed closes, or makes dearer, to others of its name.

Plain loops, part of the kernel: see `weir.scheduling.kernel`.
"""

from __future__ import annotations

from math import inf

from weir.scheduling.board import Board, Rules
from weir.scheduling.ranking import climb, look

NONE = -1

APART_COST = 1048576.0
"""What each mate near a pool costs a job that prefers to be apart. A power of two, so that sums are
as exact as they can be."""


def keep_apart(b: Board, rules: Rules, k: int, p: int) -> None:
    """A job of class `k` has gone to pool `p`: tell all classes of its name."""
    ks, m = b.classes, b.mates
    pools, o = ks.meta[0], k
    while True:
        for q in range(pools):
            at = o * pools + q
            if ks.variant[at] < 0:
                continue
            near = together(b, m.level[o], p, q)
            if (near and m.hard[o]) or (m.hard[k] and together(b, m.level[k], p, q)):
                ks.variant[at] = NONE
                rank_again(b, rules, o, q)
            elif near:
                n = m.slot[o] * pools + q
                m.near[n] += 1
                ks.cost[at] = m.plain[n] + APART_COST * m.near[n]
                rank_again(b, rules, o, q)
        o = m.ring[o]
        if o == k:
            return


def together(b: Board, level: int, p: int, q: int) -> bool:
    """Whether two pools are in one block of a level."""
    at = level * b.classes.meta[0]
    return bool(b.mates.block[at + p] == b.mates.block[at + q])


def rank_again(b: Board, rules: Rules, k: int, p: int) -> None:
    """Put a pool that has become dearer, or closed, where it belongs in a ranking that is made."""
    at = k * b.classes.meta[0] + p
    before = b.classes.key[at]
    if b.classes.seen[k] >= 0 and before < inf:
        look(b, rules, k, p)
        if b.classes.key[at] != before:
            climb(b, k, p)
