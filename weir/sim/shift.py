"""When deferrable jobs start: in the best hours of their patience, as far as curves tell.

A job that may wait is given the start, on the grid of the curves' steps, at which what its run
costs or emits is least at the site where that is least; the policy's weights say which counts. It
takes curves at their word: with forecasts that are wrong, the saving is smaller.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from weir.scheduling.energy import Energy
from weir.scheduling.policy import Policy
from weir.sim.workload import Floats, Workload

GAIN = 0.05
"""A later start has to be better by this share: less is not worth the wait."""

MOST_STEPS = 24 * 14
"""Starts that are compared at most: two weeks of hours."""


def shifted(load: Workload, policy: Policy, sites: Sequence[Energy]) -> Floats:
    """When each job becomes eligible, in seconds; its submission for one that can't wait."""
    eligible = load.submit_s.astype(np.float64).copy()
    rows = np.flatnonzero(load.patience_s > 0)
    if not len(rows):
        return eligible
    length = load.expected_s[rows]
    step = min(_steps(sites), default=3600.0)
    count = int(min(MOST_STEPS, np.ceil(load.patience_s[rows].max() / step))) + 1
    begin = eligible[rows]
    best, best_cost = begin.copy(), _cost(policy, sites, begin, length)
    first = best_cost * (1 - GAIN)
    for n in range(1, count):
        start = np.floor(begin / step + n) * step
        cost = _cost(policy, sites, start, length)
        better = (start <= begin + load.patience_s[rows]) & (cost < best_cost) & (cost < first)
        best, best_cost = np.where(better, start, best), np.where(better, cost, best_cost)
    eligible[rows] = best
    return eligible


def _steps(sites: Sequence[Energy]) -> list[float]:
    return [f.step_s for e in sites for f in (e.carbon, e.price) if f is not None]


def _cost(policy: Policy, sites: Sequence[Energy], start: Floats, length: Floats) -> Floats:
    """What an hour costs, weighed, where that is least."""
    costs: list[Any] = []
    for energy in sites:
        kw = energy.kw(1000, 0)
        cost = np.zeros(len(start))
        if energy.carbon is not None:
            cost += policy.carbon_weight * kw * energy.carbon.mean(start, start + length) / 1000
        if energy.price is not None:
            cost += policy.price_weight * kw * energy.price.mean(start, start + length)
        costs.append(cost)
    return np.asarray(np.min(costs, axis=0)) if costs else np.zeros(len(start))
