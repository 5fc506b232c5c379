"""The inner loops of `weir.scheduling.optimal_prices`, plain and made to be compiled.

Tables are [C, P]: what one job of a class on a pool is worth beside the prices, and then how many
of the class's jobs go there. Cutting planes are listed by class: `coefficient`, `row`, `pool` of
each entry, those of class c from `first[c]` to `first[c + 1]` - 1.
"""

from __future__ import annotations

from math import exp
from typing import Any

Column = Any
"""A numpy array."""

_FAR = 4.5
"""What is worse than the best by so many widths gets nothing: less than a hundredth of it."""

_ROUNDS = 6


def spread(
    table: Column, best: Column, most: Column, count: Column, width: Column, near: Column
) -> None:
    """From worths to jobs: each class's jobs go by exp(worth / width), at most `most` to a pool,
    the rest to the other pools; staying away is worth 0. `best` [C] is the highest of each row,
    `near` [P] is scratch: the pools that are not far from it.
    """
    classes, pools = table.shape
    for c in range(classes):
        top, mu = max(0.0, best[c]), width[c]
        least = top - _FAR * mu
        n = 0
        for p in range(pools):
            if table[c, p] > least:
                near[n] = p
                n += 1
            else:
                table[c, p] = 0.0
        away = exp(-top / mu)
        total = away
        for i in range(n):
            part = exp((table[c, near[i]] - top) / mu)
            table[c, near[i]] = part
            total += part
        times = count[c] / total
        for _ in range(_ROUNDS):
            higher = raised(table, most, c, near, n, count[c], away, times)
            if higher <= times * 1.0001:
                break
            times = higher
        for i in range(n):
            p = near[i]
            table[c, p] = min(table[c, p] * times, most[c, p])


def raised(
    table: Column,
    most: Column,
    c: int,
    near: Column,
    n: int,
    count: float,
    away: float,
    times: float,
) -> float:
    """How far the row's parts are raised where the others make up for those that are capped."""
    full, rest = 0.0, away
    for i in range(n):
        p = near[i]
        if table[c, p] * times > most[c, p]:
            full += most[c, p]
        else:
            rest += table[c, p]
    if full <= 0.0 or count <= full or rest <= 0.0:
        return times
    return (count - full) / rest


def charge(
    table: Column, price: Column, first: Column, row: Column, pool: Column, coefficient: Column
) -> None:
    """Take the prices [Q, P] of the cutting planes off the worths."""
    for c in range(len(first) - 1):
        for i in range(first[c], first[c + 1]):
            table[c, pool[i]] -= coefficient[i] * price[row[i], pool[i]]


def weigh(
    table: Column, out: Column, first: Column, row: Column, pool: Column, coefficient: Column
) -> None:
    """Add to `out` [Q, P] what the jobs take of each cutting plane."""
    for c in range(len(first) - 1):
        for i in range(first[c], first[c + 1]):
            out[row[i], pool[i]] += coefficient[i] * table[c, pool[i]]
