"""Large programs, whose relaxation takes the solver too long: prices by descent, then a search.

`optimal_prices` makes a bound and says what jobs and room are worth; `optimal_search` makes the
greedy plan better with these prices, move by move. How many steps and moves there are depends on
the size and the time given, not on a clock: the same in gives the same out.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from types import SimpleNamespace

import numpy as np

from weir.scheduling import optimal_hosts, optimal_search
from weir.scheduling.optimal_amounts import FreeHosts, Tasks
from weir.scheduling.optimal_model import Floats, Ints
from weir.scheduling.optimal_prices import Prices
from weir.scheduling.optimal_search import State

# Found by trying on instances of `benchmarks.optimal`, seeds 101 to 106 most of all.
_STEPS = (200, 120)
"""Steps before and after the cutting planes are found."""

_WIDTHS = (0.03, 0.004, 0.002)
_MOVES = 120_000
_HEAT = (0.005, 0.001)
"""The first and the last temperature, as shares of what a job that waits is worth on average."""

_TRUST = 0.8
_SEED = 20_261_122
_CELLS = 400_000 / 2.0
"""So many pairs of class and pool are descended through all steps in a second, with the search."""


@dataclass(frozen=True, slots=True)
class Large:
    """A part of a program, as tables: `profit` [C, P] of a job, `most` [C, P] jobs there (0: none),
    the rest as in `optimal.Problem`. `hosts` are the tasks and the free hosts, where known.
    """

    profit: Floats
    most: Ints
    count: Ints
    need: Ints
    free: Ints
    factor: Ints | None
    hosts: tuple[Tasks, FreeHosts] | None


def priced(large: Large, time_s: float) -> tuple[float, Floats]:
    """A bound on every plan, and the price of each job on each pool [C, P]."""
    effort = min(1.0, time_s * _CELLS / max(1, large.most.size))
    prices = Prices(large.profit, large.most, large.count, large.need, large.free, large.factor)
    prices.descend(int(effort * _STEPS[0]), _WIDTHS[0], _WIDTHS[1])
    bound = prices.bound()
    if prices.tighten():
        prices.descend(int(effort * _STEPS[1]), _WIDTHS[1], _WIDTHS[2])
        bound = min(bound, prices.bound())
    return bound, prices.pull()


def searched(large: Large, plan: Ints, pull: Floats, time_s: float) -> Ints:
    """The plan after a search with these prices; it may be worth less than before."""
    mean = float(np.where(large.most > 0, large.profit, 0.0).max(axis=1, initial=0.0).mean())
    moves = int(_MOVES * min(1.0, time_s / 2.0))
    if not moves or mean <= 0:
        return plan
    state = start(large, plan, pull)
    layout = optimal_hosts.layout_of(len(large.count), len(large.free), large.hosts)
    warm, cold = (share * mean for share in _HEAT)
    loops = search_loops()
    loops.fill(state, layout, np.argsort(-state.profit.max(axis=1, initial=0.0), kind="stable"))
    loops.search(state, layout, moves, warm, cold, _TRUST)
    return np.asarray(state.x)


def start(large: Large, plan: Ints, pull: Floats) -> State:
    """The state of a search that begins with this plan."""
    profit, most, need = large.profit, large.most, large.need
    classes, pools = most.shape
    beside = np.where(most > 0, profit - pull, -np.inf)
    times = np.ones(most.shape) if large.factor is None else large.factor.astype(float)
    lists = np.zeros((pools, classes), dtype=np.int64), np.zeros((classes, pools), dtype=np.int64)
    for here, (rows, columns) in zip(lists, (np.nonzero(plan.T), np.nonzero(plan)), strict=True):
        at = np.arange(len(rows)) - np.searchsorted(rows, rows)
        here[rows, at] = columns
    return State(
        need=need.astype(float),
        factor=times.astype(np.int64),
        free=large.free.astype(float),
        profit=np.where(most > 0, profit, 0.0),
        pull=pull,
        most=most.astype(np.int64),
        order=np.argsort(-beside, axis=1, kind="stable"),
        width=(most > 0).sum(axis=1),
        left=large.count - plan.sum(axis=1),
        used=(plan * times).T @ need.astype(float),
        x=plan.astype(np.int64),
        inside=lists[0],
        inside_n=(plan > 0).sum(axis=0),
        spots=lists[1],
        spots_n=(plan > 0).sum(axis=1),
        note=np.zeros((3, 64), dtype=np.int64),
        over=np.zeros(need.shape[1]),
        meta=np.array([0, _SEED], dtype=np.int64),
    )


@cache
def search_loops() -> SimpleNamespace:
    """The search's loops, compiled."""
    from weir.scheduling.compiled import compile_modules

    return compile_modules(optimal_hosts, optimal_search)
