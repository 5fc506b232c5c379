"""A plan made better move by move, by prices: plain loops over arrays, made to be compiled.

A move puts one job on a pool: one that waits, or one that is elsewhere. What is in its way is
taken out, the least worth for the room first; what that frees too much is given back; what was
taken out goes wherever else there is room. The move stays if the plan gains by it, or loses little
by chance (simulated annealing, Kirkpatrick et al., 1983), and the pools that gained jobs still pack
host by host.

At first a job on a pool counts what is left of its worth over `pull`, the price of the job and of
what it takes of the pool. Those prices are nearly an optimal dual, so a job that waits and room
that is free are worth something then: moves that lead nowhere by themselves are taken too. The
prices' part falls to nothing; at the end only moves are taken by which the plan is worth more.

Laws:
- At every step the plan is within the amounts, within `most` and what waits, and packs host by
  host wherever hosts are known, as `weir.scheduling.packing` packs.
- The same seed takes the same steps, compiled or interpreted.
"""

from __future__ import annotations

from math import log
from typing import NamedTuple

from weir.scheduling.optimal_hosts import Column, Layout, packs

_RANDOM, _PRIME = 48271, 2147483647
_TAKEN_OUT = 20
"""A move that would take out more classes than this is given up."""

_TRIED = 40
"""What was taken out is tried on so many pools, the best by price first."""

_LAST = 0.1
"""In this last part of the moves none is taken that costs anything."""


class State(NamedTuple):
    """C classes, P pools, R amounts. `x` [C, P] is the plan; `left` [C] what waits, `used` [P, R]
    what it takes. `inside` [P, C] lists the classes on each pool, `spots` [C, P] the pools of each
    class, with their lengths. `order` [C, P] are the pools of each class, the best by price first,
    of which `width` [C] can take it. `note` [3, .] are the changes of this move: class, pool, jobs;
    `meta` is [number of changes, last random number]. `over` [R] is scratch.
    """

    need: Column
    factor: Column
    free: Column
    profit: Column
    pull: Column
    most: Column
    order: Column
    width: Column
    left: Column
    used: Column
    x: Column
    inside: Column
    inside_n: Column
    spots: Column
    spots_n: Column
    note: Column
    over: Column
    meta: Column


def fill(s: State, y: Layout, turn: Column) -> None:
    """What waits goes where there is room, class by class in this turn, to the best pool first."""
    for c in turn:
        for k in range(s.width[c]):
            p = s.order[c, k]
            while s.left[c] > 0 and s.x[c, p] < s.most[c, p]:
                if not has_room(s.used, s.free, s.need, c, p, s.factor[c, p]):
                    break
                shift(s, c, p, 1)
                if not packs(y, s.x, s.factor, s.inside, s.inside_n, p):
                    shift(s, c, p, -1)
                    break
            if s.left[c] <= 0:
                break


def search(s: State, y: Layout, moves: int, warm: float, cold: float, trust: float) -> int:
    """So many moves, from the temperature `warm` to `cold`, prices counting `trust` at first; how
    many were taken.
    """
    cool = (cold / warm) ** (1.0 / max(1, moves))
    heat, taken = warm, 0
    classes = len(s.left)
    for i in range(moves):
        heat *= cool
        part = 1.0 - i / moves
        c = draw(s.meta, classes)
        if s.width[c] == 0:
            continue
        p = s.order[c, min(draw(s.meta, s.width[c]), draw(s.meta, s.width[c]))]
        if s.x[c, p] >= s.most[c, p]:
            continue
        chance = (s.meta[1] * 1.0) / _PRIME
        loss = -heat * log(chance) if part > _LAST else 0.0
        if move(s, y, c, p, loss, trust * max(0.0, part - _LAST)):
            taken += 1
        else:
            undo(s)
        s.meta[0] = 0
    return taken


def draw(meta: Column, below: int) -> int:
    """A number below this one, by chance."""
    meta[1] = meta[1] * _RANDOM % _PRIME
    return int(meta[1] % below)


def move(s: State, y: Layout, c: int, p: int, loss: float, trust: float) -> bool:
    """Put one job of the class on the pool; whether that is worth it, and packs."""
    source = -1
    gain = worth(s.profit, s.pull, c, p, trust)
    if s.left[c] <= 0:
        source = elsewhere(s, c, p)
        if source < 0:
            return False
        gain -= worth(s.profit, s.pull, c, source, trust)
    gain -= make_room(s, c, p, trust, loss + 3.0 * s.profit[c, p])
    if gain < -loss - 2.0 * s.profit[c, p]:
        return False
    out = s.meta[0]
    if source >= 0:
        change(s, c, source, -1)
    change(s, c, p, 1)
    gain += settle(s, out, trust)
    if gain <= -loss + 1e-12 * s.profit[c, p]:
        return False
    return still_packs(s, y)


def worth(profit: Column, pull: Column, c: int, p: int, trust: float) -> float:
    """What a job there is worth beside the prices, as far as they are trusted."""
    return float(profit[c, p] - trust * pull[c, p])


def elsewhere(s: State, c: int, p: int) -> int:
    """A pool, by chance, that a job of the class can be taken from; -1 if there is none."""
    n = s.spots_n[c]
    if n == 0:
        return -1
    start = draw(s.meta, n)
    for i in range(n):
        q = s.spots[c, (start + i) % n]
        if q != p:
            return int(q)
    return -1


def make_room(s: State, c: int, p: int, trust: float, limit: float) -> float:
    """Take out what is in the way of one more job; what that costs, more than `limit` if too much.

    `over` is then what is lacking of each amount, 0 or less, with the job in place.
    """
    lacking = 0
    for r in range(len(s.over)):
        s.over[r] = s.used[p, r] + s.need[c, r] * s.factor[c, p] - s.free[p, r]
        lacking += s.over[r] > 0
    cost = 0.0
    while lacking > 0:
        e = cheapest(s, c, p, trust)
        if e < 0 or s.meta[0] >= _TAKEN_OUT or cost > limit:
            return 1e300
        n = 1
        f = s.factor[e, p]
        for r in range(len(s.over)):
            if s.over[r] > 0 and s.need[e, r] > 0:
                n = max(n, int(-(-s.over[r] // (s.need[e, r] * f))))
        n = min(n, s.x[e, p])
        change(s, e, p, -n)
        cost += n * worth(s.profit, s.pull, e, p, trust)
        lacking = 0
        for r in range(len(s.over)):
            s.over[r] -= n * s.need[e, r] * f
            lacking += s.over[r] > 0
    return cost - give_back(s, p, trust)


def cheapest(s: State, c: int, p: int, trust: float) -> int:
    """The class on the pool that costs least for what it has of what is lacking, by some chance."""
    best, least = -1, 0.0
    for i in range(s.inside_n[p]):
        e = s.inside[p, i]
        if e == c:
            continue
        helps = 0.0
        for r in range(len(s.over)):
            if s.over[r] > 0:
                helps += min(1.0, s.need[e, r] * s.factor[e, p] / s.over[r])
        if helps <= 0.0:
            continue
        cost = max(worth(s.profit, s.pull, e, p, trust), 0.0) + 0.02 * s.profit[e, p]
        cost = cost / helps * (0.7 + 0.6 * draw(s.meta, 1024) / 1024.0)
        if best < 0 or cost < least:
            best, least = e, cost
    return best


def give_back(s: State, p: int, trust: float) -> float:
    """Put back what was taken out for nothing, the first first; what that is worth."""
    gain = 0.0
    for i in range(s.meta[0]):
        e = s.note[0, i]
        while s.note[2, i] < 0:
            if not fits_back(s.over, s.need, e, s.factor[e, p]):
                break
            for r in range(len(s.over)):
                s.over[r] += s.need[e, r] * s.factor[e, p]
            shift(s, e, p, 1)
            s.note[2, i] += 1
            gain += worth(s.profit, s.pull, e, p, trust)
    return gain


def fits_back(over: Column, need: Column, e: int, n: int) -> bool:
    """Whether a job that was taken out has room again."""
    back = True
    for r in range(len(over)):
        if need[e, r] > 0 and over[r] + need[e, r] * n > 0:
            back = False
            break
    return back


def settle(s: State, out: int, trust: float) -> float:
    """Find room elsewhere for what the first `out` changes took out; what that is worth."""
    gain = 0.0
    for i in range(out):
        e, wait = s.note[0, i], -s.note[2, i]
        if wait <= 0:
            continue
        for k in range(min(_TRIED, s.width[e])):
            q = s.order[e, k]
            if q == s.note[1, i]:
                continue
            each = worth(s.profit, s.pull, e, q, trust)
            if each <= 0.0:
                continue
            n = 0
            while (
                n < wait
                and s.x[e, q] + n < s.most[e, q]
                and has_room(s.used, s.free, s.need, e, q, (n + 1) * s.factor[e, q])
            ):
                n += 1
            if n > 0:
                change(s, e, q, n)
                wait -= n
                gain += n * each
            if wait == 0 or s.meta[0] >= s.note.shape[1] - 3:
                break
    return gain


def has_room(used: Column, free: Column, need: Column, c: int, p: int, n: int) -> bool:
    """Whether the amounts take `n` more times what a job of the class needs."""
    room = True
    for r in range(need.shape[1]):
        if used[p, r] + n * need[c, r] > free[p, r]:
            room = False
            break
    return room


def change(s: State, c: int, p: int, n: int) -> None:
    """So many more jobs there, noted."""
    i = s.meta[0]
    s.note[0, i], s.note[1, i], s.note[2, i] = c, p, n
    s.meta[0] += 1
    shift(s, c, p, n)


def undo(s: State) -> None:
    """As it was before this move, the last change first."""
    for i in range(s.meta[0] - 1, -1, -1):
        if s.note[2, i] != 0:
            shift(s, s.note[0, i], s.note[1, i], -s.note[2, i])


def shift(s: State, c: int, p: int, n: int) -> None:
    """So many more jobs there."""
    before = s.x[c, p]
    s.x[c, p] += n
    s.left[c] -= n
    for r in range(len(s.over)):
        s.used[p, r] += n * s.need[c, r] * s.factor[c, p]
    if before == 0:
        s.inside[p, s.inside_n[p]] = c
        s.inside_n[p] += 1
        s.spots[c, s.spots_n[c]] = p
        s.spots_n[c] += 1
    elif s.x[c, p] == 0:
        s.inside_n[p] = without(s.inside, p, s.inside_n[p], c)
        s.spots_n[c] = without(s.spots, c, s.spots_n[c], p)


def without(table: Column, row: int, n: int, value: int) -> int:
    """The row's list of `n` without this value, the last in its place; its new length."""
    for i in range(n):
        if table[row, i] == value:
            table[row, i] = table[row, n - 1]
            break
    return n - 1


def still_packs(s: State, y: Layout) -> bool:
    """Whether the pools that gained jobs in this move pack."""
    for i in range(s.meta[0]):
        if s.note[2, i] <= 0:
            continue
        seen = False
        for k in range(i):
            seen = seen or (s.note[1, k] == s.note[1, i] and s.note[2, k] > 0)
        if not seen and not packs(y, s.x, s.factor, s.inside, s.inside_n, s.note[1, i]):
            return False
    return True
