"""Placing tasks where least is lost: the fragmentation rule on the board.

A host's cost for a class depends on the host alone, so it is kept until something changes there:
each entry has a version, and each class remembers with which version it scored an entry.
"""

from __future__ import annotations

from math import inf

from weir.scheduling.blocks import block_for, join_block, part_block
from weir.scheduling.board import Board
from weir.scheduling.fragmentation import Mix, cost, starved_now
from weir.scheduling.hosts import (
    WHOLE,
    add_here,
    begin_spread,
    end_spread,
    spread_out,
    tasks_here,
    tasks_on,
)
from weir.scheduling.placing import note, put_at, split

OF_MIX, STRIDE, CLOCK = range(3)
NOWHERE = -1


def mix_on(b: Board) -> Mix:
    """The mix of tasks that are expected."""
    s = b.scores
    return Mix(
        s.cpu, s.memory, s.milli, s.weight, s.suits, s.waste, b.classes.meta[0], s.meta[OF_MIX]
    )


def touch(b: Board, e: int) -> None:
    """The entry has changed: what classes think of it is out of date."""
    h, width = b.hosts, b.hosts.meta[2]
    b.scores.meta[CLOCK] += 1
    b.scores.version[e] = b.scores.meta[CLOCK]
    b.scores.before[e] = starved_now(
        h.cpu[e], h.memory[e], h.whole[e], h.share, e * width, width, h.pool[e], mix_on(b)
    )


def touch_all(b: Board) -> None:
    """Look at every entry for the first time."""
    for e in range(b.hosts.meta[0]):
        touch(b, e)


def score_of(b: Board, k: int, c: int, e: int) -> float:
    """What a task of claim `c` would lose on entry `e`; class `k` remembers, unless it is -1."""
    s, h, width = b.scores, b.hosts, b.hosts.meta[2]
    at = k * s.meta[STRIDE] + e
    if k >= 0 and s.seen[at] == s.version[e]:
        return float(s.score[at])
    score, slot = inf, NOWHERE
    if tasks_on(h, e, b.claims, c, 1) > 0:
        score, slot = cost(
            b.claims.cpu[c], b.claims.memory[c], b.claims.devices[c] * WHOLE + b.claims.milli[c],
            h.cpu[e], h.memory[e], h.whole[e], h.share, e * width, width, h.pool[e],
            s.before[e], mix_on(b),
        )  # fmt: skip
    if k >= 0:
        s.seen[at], s.score[at], s.slot[at] = s.version[e], score, slot
    return float(score)


def slot_of(b: Board, c: int, e: int) -> int:
    """The slot that a share of claim `c` takes on entry `e`, -1 for a device not yet open."""
    h, width = b.hosts, b.hosts.meta[2]
    _, slot = cost(
        b.claims.cpu[c], b.claims.memory[c], b.claims.milli[c], h.cpu[e], h.memory[e], h.whole[e],
        h.share, e * width, width, h.pool[e], b.scores.before[e], mix_on(b),
    )  # fmt: skip
    return int(slot)


def least(b: Board, k: int, p: int, c: int) -> int:
    """The entry where a task of claim `c` loses least, -1 if none takes it."""
    best, best_score = NOWHERE, inf
    spread, most = spread_out(b.claims, c), b.claims.most[c]
    e = b.hosts.first[p]
    while e >= 0:
        score = score_of(b, k, c, e)
        if score < best_score and not (spread and tasks_here(b.hosts, e) >= most):
            best, best_score = e, score
        e = b.hosts.next[e]
    return int(best)


def least_score(b: Board, k: int, p: int, v: int) -> float:
    """What the first task of a job would lose on the pool, in devices."""
    c = b.claims.first[v]
    e = least(b, single_claim(b, k, v), p, c)
    return score_of(b, NOWHERE, c, e) / WHOLE if e >= 0 else inf


def single_claim(b: Board, k: int, v: int) -> int:
    """The class, if its variants are of one claim and it may remember scores, else -1."""
    alone = b.claims.first[v + 1] - b.claims.first[v] == 1
    same = b.classes.alike[k] > 0
    return k if alone and same else NOWHERE


def take_least(b: Board, k: int, p: int, v: int, remember: bool) -> int:
    """Place all tasks of a variant of one claim, each where least is lost; the first piece, or -1.

    The caller has seen that they fit: of equal tasks as many fit in whatever order they go.
    """
    h, cl, piece = b.hosts, b.claims, NOWHERE
    who = single_claim(b, k, v)
    for c in range(cl.first[v], cl.first[v + 1]):
        others, block = NOWHERE, NOWHERE
        if cl.within[c] != 0:
            block = block_for(h, 0, p, cl, c)
        if block >= 0:
            others = part_block(h, p, abs(cl.within[c]) - 1, block)
        begin_spread(h)
        for _ in range(cl.count[c]):
            e = least(b, who, p, c)
            if e < 0:
                break
            if h.hosts[e] > 1:
                e = split(h, e, 1)
                touch(b, e)
            add_here(h, e, 1)
            slot = put_at(h, e, cl, c, slot_of(b, c, e) if cl.milli[c] > 0 else NOWHERE)
            touch(b, e)
            if remember:
                h.single[e] = 1
                piece = note(b.pieces, e, 1, c, slot, piece)
        end_spread(h)
        if block >= 0:
            join_block(h, p, others)
    return piece
