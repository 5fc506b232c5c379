"""The assignment of one round as a mixed-integer program: `improve` makes a greedy plan better.

What is placed is worth the cost of leaving it waiting less the cost of its place; a plan is worth
the sum. The algorithm, for each part of the network that shares no job and no pool with the rest:

1. Solve the linear relaxation, and tighten it with cutting planes until that brings little.
2. Dive: what the relaxation places whole is placed, as far as the real packing takes it; of what
   is broken, that which is nearest to whole is rounded up; solve again around that. The jobs that
   are worth most come first, so that what is lost in rounding is made up for by small ones.
3. If the plan is not yet within the aim of the bound, and little enough is open, branch and bound
   among the columns that could still make a better plan, from that plan on.
4. The greedy plan stays if it is worth as much.

Where there is much, a dive takes too long: from some thousand columns on, what the relaxation
places whole is made better by a search instead (`optimal_search`), which takes the duals for what
jobs and room are worth. Where the relaxation itself would take too long, its duals are descended to
(`optimal_prices`), and the search begins with the greedy plan.

Laws:
- Never worse than the greedy plan; never over what waits, over `room`, or over what `fits` takes.
- `Answer.bound` is at least the worth of every plan within the amounts, whatever happened.
- The same in gives the same out, as long as no solve runs into the time limit: that is a safety,
  read by HiGHS and not here. What ends the work are counts of rounds and of nodes.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from threadpoolctl import ThreadpoolController

from weir.core.errors import BadInput, Mistake
from weir.scheduling.optimal_amounts import FreeHosts, Tasks
from weir.scheduling.optimal_large import Large, priced, searched
from weir.scheduling.optimal_model import (
    WHOLE,
    Bools,
    Columns,
    Floats,
    Ints,
    Relaxation,
    solve_whole,
)
from weir.scheduling.optimal_packing import Fits, Packing

AIM = 0.005
"""A plan within this share of the bound is good enough, where proving more costs much."""

# Found by trying on the instances of `benchmarks.optimal`.
_CUT_ROUNDS = 10
_CUT_GAIN = 2e-4
_STEP = 2.0
_NODES = 500

_LARGE = 15_000
"""From so many columns on a solve is dear: fewer rounds of cutting planes."""

_LARGE_CUT_ROUNDS = 2

_TOO_LARGE = 40_000
"""More columns than this are not given to the solver: their prices are descended to."""

_FOR_SOLVES = 0.75
"""This part of the time limit is the solver's; the rest is for packing, whose looks are counted."""
_SMALL = 2_000
"""So few columns are always branched to the end."""

_OPEN = 1_500
"""More open columns than this are not branched."""


@dataclass(frozen=True, slots=True)
class Problem:
    """C classes of equal jobs, P pools, R amounts that pools have and jobs take.

    `count` [C]: jobs that wait. `value` [C]: the cost of leaving one waiting, in the unit of
    `cost` [C, P], that of placing one there (infinite where it can't go). `need` [C, R]: what one
    job takes of each amount, times `factor` [C, P] where a gang's size depends on the pool.
    `free` [P, R]: what the pool has. `room` [C, P]: jobs of the class that fit there alone, host by
    host. Amounts may be anything that adds up, so more of them make the bound tighter: the number
    of hosts with k devices free against tasks of at least k, for one.
    """

    count: Ints
    value: Floats
    cost: Floats
    need: Ints
    free: Ints
    room: Ints
    factor: Ints | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """`counts` [C, P]: jobs of each class on each pool, worth `objective`; no plan is worth more
    than `bound`. `how` is "optimal" (the two are equal), "improved" or "greedy" (the plan given).
    """

    counts: Ints
    objective: float
    bound: float
    how: str

    @property
    def gap(self) -> float:
        """What could be missing, as a share of the bound; 0 where nothing can be placed."""
        return max(0.0, self.bound - self.objective) / self.bound if self.bound > 0 else 0.0


def improve(
    problem: Problem,
    greedy: Ints,
    time_limit_s: float,
    fits: Fits | None = None,
    aim: float = AIM,
    hosts: tuple[Tasks, FreeHosts] | None = None,
) -> Answer:
    """The best plan found, at least as good as `greedy` [C, P], and how good one could be.

    `fits` is the real packing; without it, the sums of the amounts decide. `hosts` are tasks and
    free hosts as columns: large programs are packed by them before `fits` is asked. Raises
    `BadInput` that lists what is wrong with the arrays.
    """
    _check(problem, greedy)
    packs = _both(_sums(problem), fits)
    profit = problem.value[:, None] - problem.cost
    most = _most(problem, profit)
    counts, bound = greedy.astype(np.int64), 0.0
    parts = _parts(most > 0)
    columns = max(1, int((most > 0).sum()))
    with _one_thread():
        for classes, pools in parts:
            inside = np.zeros(most.shape, dtype=bool)
            inside[np.ix_(classes, pools)] = True
            share = time_limit_s * int((most[inside] > 0).sum()) / columns
            part = _Part(problem, profit, np.where(inside, most, 0), packs, hosts)
            found, top = part.solve(np.where(inside, greedy, 0), share, aim)
            counts[inside] = found[inside]
            bound += top
    return _answer(profit, greedy, counts, bound)


def _one_thread() -> AbstractContextManager[Any]:
    """Products of matrices on one core, as a round has one: threads that wait for each other took
    five times as long on a busy machine.
    """
    limited: AbstractContextManager[Any] = _libraries().limit(limits=1, user_api="blas")
    return limited


@cache
def _libraries() -> ThreadpoolController:
    return ThreadpoolController()


def worth(profit: Floats, counts: Ints) -> float:
    """The worth of a plan."""
    placed = counts > 0
    return float(profit[placed] @ counts[placed])


def _answer(profit: Floats, greedy: Ints, counts: Ints, bound: float) -> Answer:
    before, after = worth(profit, greedy), worth(profit, counts)
    improved = after > before + 1e-9 * abs(before)
    plan, objective = (counts, after) if improved else (greedy.astype(np.int64), before)
    bound = max(bound, objective)
    how = "improved" if improved else "greedy"
    if bound - objective <= 1e-6 * abs(bound):
        how = "optimal"
    return Answer(plan, objective, bound, how)


class _Part:
    """A part of the network: classes and pools that share nothing with the rest."""

    def __init__(
        self,
        problem: Problem,
        profit: Floats,
        most: Ints,
        fits: Fits,
        hosts: tuple[Tasks, FreeHosts] | None,
    ) -> None:
        pool, job = np.nonzero(most.T)
        taken = problem.need[job]
        if problem.factor is not None:
            taken = taken * problem.factor[job, pool][:, None]
        share = taken / np.maximum(problem.free[pool], 1)
        start = np.searchsorted(pool, np.arange(most.shape[1] + 1))
        self.columns = Columns(
            job,
            pool,
            profit[job, pool],
            most[job, pool].astype(float),
            problem.count.astype(float),
            share,
            start,
        )
        self._fits, self._shape = fits, most.shape
        self._profit = profit
        self._dear = len(self.columns) > _LARGE
        self._large = Large(
            profit, most, problem.count, problem.need, problem.free, problem.factor, hosts
        )
        # What a job is worth for the share of the pool that it takes: the order of packing.
        self._dense = self.columns.profit / np.maximum(1e-9, share.max(axis=1, initial=0.0))

    def solve(self, greedy: Ints, time_limit_s: float, aim: float) -> tuple[Ints, float]:
        """The best plan of this part, and the bound."""
        if len(self.columns) > _TOO_LARGE:
            return self._solve_by_prices(greedy, time_limit_s)
        relaxation = Relaxation(self.columns, _FOR_SOLVES * time_limit_s)
        bound = relaxation.bound()
        if not relaxation.solve_all():
            bound = min(bound, relaxation.bound())
            if not self._dear:
                return greedy, bound
            found, top = self._solve_by_prices(greedy, time_limit_s)
            return found, min(bound, top)
        bound = min(bound, relaxation.bound())
        for _ in range(_LARGE_CUT_ROUNDS if self._dear else _CUT_ROUNDS):
            if not relaxation.cut() or not relaxation.solve_all():
                break
            last, bound = bound, min(bound, relaxation.bound())
            if last - bound < _CUT_GAIN * bound:
                break
        reduced = relaxation.reduced.copy()
        if self._dear:
            pull: Floats = np.zeros(self._shape)
            pull[self.columns.job, self.columns.pool] = self.columns.profit - reduced
            whole = self._placed(np.floor(relaxation.x + WHOLE))
            return self._best(greedy, self._searched(whole, pull, time_limit_s)), bound
        found = self._best(greedy, self._dive(relaxation))
        gap = bound - worth(self._profit, found)
        # A column whose reduced cost is more than the gap is in no better plan.
        open_ = -reduced <= gap
        small = len(self.columns) <= _SMALL
        if gap > (1e-7 if small else aim) * bound and open_.sum() <= _OPEN:
            start = found[self.columns.job, self.columns.pool].astype(float)
            most = np.where(open_, self.columns.most, 0.0)
            program = relaxation.whole_program(np.zeros(len(open_)), most)
            left_s = (1 - _FOR_SOLVES) * time_limit_s
            x, top = solve_whole(program, start, _NODES, 0.0 if small else aim, left_s)
            bound = min(bound, max(top, worth(self._profit, found)))
            if x is not None:
                found = self._best(found, self._packed(x))
        return found, bound

    def _solve_by_prices(self, greedy: Ints, time_limit_s: float) -> tuple[Ints, float]:
        """The same without the solver."""
        bound, pull = priced(self._large, time_limit_s)
        return self._best(greedy, self._searched(np.zeros_like(greedy), pull, time_limit_s)), bound

    def _searched(self, plan: Ints, pull: Floats, time_limit_s: float) -> Ints:
        """The plan after a search, what the real packing refuses left out."""
        found = searched(self._large, plan, pull, time_limit_s)
        return self._placed(found[self.columns.job, self.columns.pool].astype(float))

    def _placed(self, x: Floats) -> Ints:
        """The plan, where it doesn't fit without what is worth least."""
        packing = Packing(self.columns, self._shape, self._dense, self._fits)
        packing.place(x)
        return packing.counts

    def _best(self, *plans: Ints) -> Ints:
        return max(plans, key=lambda plan: worth(self._profit, plan))

    def _dive(self, relaxation: Relaxation) -> Ints:
        """A whole-numbered plan from the relaxation, solved again around what is placed."""
        packing = Packing(self.columns, self._shape, self._dense, self._fits)
        profit = self.columns.profit
        level = float(profit.max(initial=0.0))
        lowest = float(profit.min(initial=level))
        solving = True
        while level >= lowest:
            level /= _STEP
            large = profit >= level
            before = packing.placed.sum(), packing.shut.sum()
            packing.place(np.where(large, np.floor(relaxation.x + WHOLE), 0.0))
            packing.round_up(np.where(large, relaxation.x, 0.0))
            if not solving or (packing.placed.sum(), packing.shut.sum()) == before:
                continue
            shut = np.where(packing.shut, packing.placed, self.columns.most)
            relaxation.limit(packing.placed, shut)
            solving = relaxation.solve()
            # What a missing row lets through, the packing refuses; the next solve has the row.
            relaxation.add_broken()
        packing.top_up()
        return packing.counts

    def _packed(self, x: Floats) -> Ints:
        """The plan, where it doesn't fit without what is worth least, and filled up."""
        packing = Packing(self.columns, self._shape, self._dense, self._fits)
        packing.place(x)
        packing.top_up()
        return packing.counts


def _both(sums: Fits, fits: Fits | None) -> Fits:
    """Within the amounts, and within the real packing if there is one to ask."""
    if fits is None:
        return sums
    return lambda pool, counts: sums(pool, counts) and fits(pool, counts)


def _sums(problem: Problem) -> Fits:
    """Whether the sums of the amounts are within what is free: exact, also beyond floats."""

    def fits(pool: int, counts: Ints) -> bool:
        jobs = np.nonzero(counts)[0]
        times = counts[jobs]
        if problem.factor is not None:
            times = times * problem.factor[jobs, pool]
        need, free = problem.need[jobs], problem.free[pool]
        taken = times.astype(float) @ need.astype(float)
        if np.all(taken <= free * (1 - 1e-9)):
            return True
        if np.any(taken > free * (1 + 1e-9) + 1.0):
            return False
        exact = times.astype(object) @ need.astype(object)
        return bool(np.all(exact <= free.astype(object)))

    return fits


def _most(problem: Problem, profit: Floats) -> Ints:
    """How many jobs of each class a pool takes at most [C, P]; 0 where there is no gain."""
    most = np.minimum(problem.count[:, None], problem.room)
    for r in range(problem.need.shape[1]):
        need = problem.need[:, r][:, None]
        if problem.factor is not None:
            need = need * problem.factor
        most = np.where(need > 0, np.minimum(most, problem.free[:, r] // np.maximum(need, 1)), most)
    return np.where(np.isfinite(profit) & (profit > 0), most, 0)


def _parts(suited: Bools) -> list[tuple[Ints, Ints]]:
    """The connected parts of the graph of classes and pools: (classes, pools) each."""
    classes, pools = suited.shape
    mark = np.arange(pools)
    own = np.full(classes, pools)
    while True:
        # Each class takes the lowest mark of its pools, and each pool that of its classes.
        own = np.where(suited, mark[None, :], pools).min(axis=1, initial=pools)
        lower = np.minimum(mark, np.where(suited, own[:, None], pools).min(axis=0, initial=pools))
        if np.array_equal(lower, mark):
            break
        mark = lower
    found = np.unique(own[own < pools])
    return [(np.nonzero(own == m)[0], np.nonzero(mark == m)[0]) for m in found]


def _check(problem: Problem, greedy: Ints) -> None:
    classes, pools = len(problem.count), len(problem.free)
    amounts = problem.need.shape[1] if problem.need.ndim == 2 else 0
    shapes = {
        "value": (problem.value, (classes,)),
        "cost": (problem.cost, (classes, pools)),
        "need": (problem.need, (classes, amounts)),
        "free": (problem.free, (pools, amounts)),
        "room": (problem.room, (classes, pools)),
        "factor": (problem.factor, (classes, pools)),
        "greedy": (greedy, (classes, pools)),
    }
    mistakes = [
        Mistake(name, f"has shape {array.shape} and should have {shape}")
        for name, (array, shape) in shapes.items()
        if array is not None and array.shape != shape
    ]
    for name in ("count", "need", "free", "room"):
        if np.any(getattr(problem, name) < 0):
            mistakes.append(Mistake(name, "has negative numbers"))
    if not np.all(np.isfinite(problem.value)) or np.any(np.isnan(problem.cost)):
        mistakes.append(Mistake("value", "and the costs must be numbers (a cost may be infinite)"))
    if not mistakes:
        if np.any(greedy < 0) or np.any(greedy.sum(axis=1) > problem.count):
            mistakes.append(Mistake("greedy", "places fewer than none or more than wait"))
        if np.any(~np.isfinite(problem.cost[greedy > 0])):
            mistakes.append(Mistake("greedy", "places jobs where their cost is infinite"))
    if mistakes:
        raise BadInput("The assignment can't be worked out from these arrays.", mistakes)
