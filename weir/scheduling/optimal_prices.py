"""Prices of the pools' amounts by descent, for programs that are too large to be solved outright.

Any prices that are not negative make a bound: no plan is worth more than what all amounts cost plus
what each class's jobs are worth beside that, each where it is worth most (the Lagrangian). The best
prices make the bound of the linear relaxation. Here they are descended to: the classes spread their
jobs over pools by exp(worth / width), so that the bound is smooth (Nesterov, 2005), and each price
goes down where less is asked than there is, and up where more is, by what the curvature allows,
with momentum that starts anew where it leads uphill (O'Donoghue and Candes, 2015). Widths shrink,
and the spread of the jobs comes near to the relaxation's plan; so cutting planes
(`optimal_model.rounding`) are found from it, and get prices like any other row.

One step costs a few products of matrices; a solver takes many times as long. Steps are counted, so
the same problem has the same prices.
"""

from __future__ import annotations

from functools import cache
from math import sqrt
from types import SimpleNamespace
from typing import Any

import numpy as np
import numpy.typing as npt

from weir.scheduling import optimal_spread
from weir.scheduling.optimal_model import Floats, Ints, rounding

Narrow = npt.NDArray[np.float32]

_MOMENTUM = 0.97
_CURVE_EVERY = 4
"""The curvature changes slowly, so it is worked out once in so many steps, and in the first ten."""

_TIGHT = 0.9
_WHOLE = 0.02
"""What is spread to a pool by less than this is none, and so near to all is all."""

_FEW = 1e-6
_SLACK = 1e-6
"""The bound is raised by this share, which covers what floats lose."""

_CUTS = 6
"""So many cutting planes are taken of a pool, the deepest."""


class Prices:
    """`price` [R + Q, P] of the amounts, each pool's as a whole, and of the cutting planes.

    `profit` [C, P] is what a job is worth there, `most` [C, P] how many there may be (0: none),
    `count` [C] how many wait, `need` [C, R] what a job takes, times `factor` [C, P], and `free`
    [P, R] what there is. After `descend`, `jobs` [C, P] is how the last step spread the jobs.
    """

    def __init__(
        self,
        profit: Floats,
        most: Ints,
        count: Ints,
        need: Ints,
        free: Ints,
        factor: Ints | None = None,
    ) -> None:
        unit = np.maximum(1, need.max(axis=0, initial=1)).astype(float)
        self._need = need / unit
        self._factor = np.ones((1, 1)) if factor is None else factor.astype(float)
        each = (unit / np.maximum(free, 1)).T
        asked = ((most * self._factor).T @ self._need).T * each
        # Amounts that can't become short have no price.
        self._each = np.where(asked > 1.0, each, 0.0)
        self._profit, self._most, self._count = profit, most, count
        self.price: Narrow = _narrow(np.where(self._each > 0, 1.0, 0.0))
        self._right: Narrow = np.ones_like(self.price)
        self._scale: Narrow = _narrow(np.where(most > 0, profit, 0.0).max(axis=1, initial=_FEW))
        self.price *= float(self._scale.mean()) / 8 if len(count) else 0.0
        self._sums: Narrow = _narrow((self._need @ self._each) * self._factor)
        self._cuts = _Cuts([], profit.shape)
        self.jobs: Narrow = np.zeros(profit.shape, dtype=np.float32)

    def descend(self, steps: int, wide: float, narrow: float) -> None:
        """So many steps, widths shrinking from one share of what a class is worth to another."""
        loops, rows = spread_loops(), len(self._each)
        need, each = _narrow(self._need), _narrow(self._each)
        flat, profit = np.ascontiguousarray(need.T), _narrow(self._offered())
        most, count = _narrow(self._most), _narrow(self._count)
        times = None if self._factor.size == 1 else _narrow(self._factor)
        near: Ints = np.zeros(most.shape[1], dtype=np.int64)
        last = now = self.price
        curve, pace = np.zeros_like(now), 1.0
        able = np.vstack([self._each > 0, np.ones_like(now[rows:], dtype=bool)])
        for step in range(steps):
            share = wide * (narrow / wide) ** (step / max(1, steps - 1))
            width = self._scale * np.float32(share)
            table = need @ (now[:rows] * each)
            if times is not None:
                table *= times
            np.subtract(profit, table, out=table)
            self._cuts.charge(loops, table, now[rows:])
            loops.spread(table, table.max(axis=1, initial=0.0), most, count, width, near)
            short = self._right - self._taken(loops, table, flat, each, times)
            if step % _CURVE_EVERY == 0 or step < 10:
                steep = self._steep(loops, table, width, flat, each, times)
                curve = 0.8 * curve + 0.2 * steep if step else steep
            most_far = 0.5 * now + self._scale.mean() / 16
            far = short / (curve + np.float32(_FEW / share))
            new = np.where(able, np.maximum(0.0, now - np.clip(far, -most_far, most_far)), 0.0)
            if float((short * (new - last)).sum()) > 0:
                pace = 1.0
            faster = (1 + sqrt(1 + 4 * pace * pace)) / 2
            ahead = min(_MOMENTUM, (pace - 1) / faster)
            now = _narrow(np.maximum(0.0, new + ahead * (new - last)))
            last, pace, self.jobs = _narrow(new), faster, table
        self.price = last

    def bound(self) -> float:
        """No whole-numbered plan is worth more."""
        worth = self._worth()
        priced = float((self.price.astype(float) * self._right.astype(float)).sum())
        filled, _ = self._filled(worth)
        total = priced + filled
        return total + _SLACK * abs(total)

    def pull(self) -> Floats:
        """The price of a job on each pool [C, P]: of what it takes there, and of the job."""
        worth = self._worth()
        _, each = self._filled(worth)
        offered = np.where(self._most > 0, self._profit, 0.0)
        return np.where(self._most > 0, offered - worth + each[:, None], 0.0)

    def tighten(self) -> int:
        """Add cutting planes that the spread breaks; how many were found."""
        found = []
        for pool in range(self._most.shape[1]):
            found += [(pool, *cut) for cut in self._broken(pool)]
        if found:
            self._cuts = _Cuts(found, self._most.shape)
            self._right = np.vstack([self._right[: len(self._each)], self._cuts.right])
            rest = np.zeros((len(self._right) - len(self._each), len(self._right[0])), np.float32)
            self.price = np.vstack([self.price[: len(self._each)], rest])
            self._sums = self._sums + self._cuts.sums
        return len(found)

    def _broken(self, pool: int) -> list[tuple[Ints, Floats, float]]:
        """The deepest cutting planes of a pool: (classes, coefficients, right side)."""
        here = np.nonzero(self._most[:, pool])[0]
        most = self._most[here, pool].astype(float)
        x = self.jobs[here, pool].astype(float)
        x = np.where(x < _WHOLE, 0.0, np.where(x > most - _WHOLE, most, x))
        some = np.nonzero(x)[0]
        if not len(some):
            return []
        factor = self._factor[here, pool] if self._factor.size > 1 else 1.0
        rows = self._need[here].T * factor * self._each[:, pool][:, None]
        tight = np.nonzero((rows @ x > _TIGHT) & (self._each[:, pool] > 0))[0]
        price = self.price[: len(rows), pool].astype(float)
        tries = [(rows[r], 1.0) for r in tight] + [(price @ rows, float(price.sum()))]
        found = []
        for a, b in tries:
            cut = rounding(a, b, x, most, some) if b > 0 else None
            if cut is not None:
                size = float(np.abs(cut[0]).max())
                row, right = cut[0] / size, cut[1] / size
                depth = float(row @ x - right) / sqrt(float(row @ row))
                found.append((depth, row, right))
        found.sort(key=lambda one: -one[0])
        return [(here, row, right) for _, row, right in found[:_CUTS]]

    def _offered(self) -> Floats:
        return np.where(self._most > 0, self._profit, -1e30)

    def _worth(self) -> Floats:
        """What a job is worth beside the prices of the pool [C, P]; of no use where it can't go."""
        rows = len(self._each)
        price = self.price.astype(float)
        worth = np.where(self._most > 0, self._profit, 0.0)
        worth -= (self._need @ (price[:rows] * self._each)) * self._factor
        self._cuts.charge(spread_loops(), worth, price[rows:])
        return worth

    def _filled(self, worth: Floats) -> tuple[float, Floats]:
        """What all jobs are worth, each class in its best pools, and a job's price by class."""
        worth = np.where(self._most > 0, np.maximum(0.0, worth), 0.0)
        order = np.argsort(-worth, axis=1, kind="stable")
        worth = np.take_along_axis(worth, order, axis=1)
        most = np.take_along_axis(self._most, order, axis=1)
        before = np.cumsum(most, axis=1) - most
        filled = np.clip(self._count[:, None] - before, 0, most)
        # The last job, or, where all have a place, the next one's.
        full = before + most >= self._count[:, None]
        each = np.where(full, worth, 0.0).max(axis=1, initial=0.0)
        return float((worth * filled).sum()), each

    def _taken(
        self, loops: Any, jobs: Narrow, flat: Narrow, each: Narrow, times: Narrow | None
    ) -> Narrow:
        """What these jobs take of each row."""
        amounts = (flat @ (jobs if times is None else jobs * times)) * each
        return np.vstack([amounts, self._cuts.weigh(loops, jobs)])

    def _steep(
        self,
        loops: Any,
        jobs: Narrow,
        width: Narrow,
        flat: Narrow,
        each: Narrow,
        times: Narrow | None,
    ) -> Narrow:
        """A bound on the curvature by each price: what the jobs take, times all that they take."""
        heavy = jobs * self._sums
        heavy /= width[:, None]
        amounts = (flat @ (heavy if times is None else heavy * times)) * each
        return np.vstack([amounts, self._cuts.weigh(loops, heavy, absolute=True)])


def _narrow(table: Any) -> Narrow:
    return np.ascontiguousarray(table, dtype=np.float32)


@cache
def spread_loops() -> SimpleNamespace:
    """The inner loops, compiled."""
    from weir.scheduling.compiled import compile_modules

    return compile_modules(optimal_spread)


class _Cuts:
    """Cutting planes, listed by class; `right` [Q, P], 0 where a pool has none of that number."""

    def __init__(
        self, found: list[tuple[int, Ints, Floats, float]], shape: tuple[int, ...]
    ) -> None:
        numbers: dict[int, int] = {}
        classes, rows, pools, values = [], [], [], []
        right: list[tuple[int, int, float]] = []
        for pool, here, row, b in found:
            q = numbers.get(pool, 0)
            numbers[pool] = q + 1
            some = np.nonzero(row)[0]
            classes.append(here[some])
            values.append(row[some])
            rows.append(np.full(len(some), q))
            pools.append(np.full(len(some), pool))
            right.append((q, pool, b))
        none: Ints = np.zeros(0, dtype=np.int64)
        klass = np.concatenate([none, *classes])
        order = np.argsort(klass, kind="stable")
        self._first = np.searchsorted(klass[order], np.arange(shape[0] + 1))
        self._row, self._pool = (
            np.concatenate([none, *rows])[order],
            np.concatenate([none, *pools])[order],
        )
        self._value = np.concatenate([none, *values])[order].astype(np.float32)
        self.right = np.zeros((max(numbers.values(), default=0), shape[1]), dtype=np.float32)
        for q, pool, b in right:
            self.right[q, pool] = np.nextafter(np.float32(b), np.float32(np.inf))
        self.sums = np.zeros(shape, dtype=np.float32)
        np.add.at(self.sums, (klass[order], self._pool), np.abs(self._value))

    def charge(self, loops: Any, table: Any, price: Any) -> None:
        """Take their prices off the worths."""
        loops.charge(table, price, self._first, self._row, self._pool, self._value)

    def weigh(self, loops: Any, jobs: Narrow, absolute: bool = False) -> Narrow:
        """What the jobs take of each."""
        out = np.zeros_like(self.right)
        value = np.abs(self._value) if absolute else self._value
        loops.weigh(jobs, out, self._first, self._row, self._pool, value)
        return out
