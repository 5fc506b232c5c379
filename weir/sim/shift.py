"""When deferrable jobs start: in the best hours of their patience, as far as curves tell.

A job that may wait is given the start, on the grid of the curves' steps, at which its run is the
cheapest, where "where" and "when" are chosen together and room is still left by what came before
(`weir.sim.ledger`). What counts as cheap is what the policy weighs. Curves and expected lengths are
taken at their word: with forecasts that are wrong, the saving is smaller. Of jobs that have not
come yet nothing is known.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from math import inf
from types import SimpleNamespace
from typing import Any

import numpy as np

from weir.core.inventory import Pool
from weir.scheduling import rank
from weir.scheduling.encode import Class
from weir.scheduling.energy import Energy
from weir.scheduling.policy import Policy
from weir.sim import ledger
from weir.sim.ledger import GAIN, LATER, MOST_STEPS, Asks, Found, Rooms
from weir.sim.workload import Floats, Workload

MANY = 300_000
"""So many looks at a step of a room are worth a compiled ledger: seconds, interpreted."""

CELLS = 20_000_000
"""Rooms times steps at most: with more, steps become longer."""


def shifted(
    load: Workload,
    policy: Policy,
    pools: Sequence[Pool],
    energy: Mapping[str, Energy],
    classes: Sequence[Class],
    klass: Any,
    kw: Floats,
) -> Floats:
    """When each job becomes eligible, in seconds; its submission for one that can't wait.

    `klass` is the class of each job, `kw` (class, pool) what such a job draws.
    """
    eligible = load.submit_s.astype(np.float64).copy()
    if not len(load) or not pools:
        return eligible
    finite = load.expected_s[np.isfinite(load.expected_s)]
    longest = float(finite.max(initial=0.0))
    patience = float(min(load.patience_s.max(), MOST_STEPS * 3600.0))
    horizon = float(load.submit_s[-1]) + patience + longest
    rooms, step_s = _rooms(policy, pools, energy, classes, _known(kw), horizon)
    asks = Asks(
        submit_s=eligible.copy(),
        patience_s=load.patience_s.astype(np.float64),
        length_s=np.where(np.isfinite(load.expected_s), load.expected_s, horizon),
        klass=np.asarray(klass, dtype=np.int64),
    )
    found = Found(eligible, eligible.copy(), np.full(len(load), -1, dtype=np.int64))
    loops(asks, rooms, step_s).plan_starts(asks, rooms, step_s, GAIN, LATER, found)
    return eligible


def _known(kw: Floats) -> Floats:
    """Where a draw is not known, hours are compared as if it were a kW."""
    return np.asarray(np.nan_to_num(kw, nan=1.0), dtype=np.float64)


def loops(asks: Asks, rooms: Rooms, step_s: float) -> Any:
    """The functions of the ledger; compiled where there is much to look at."""
    starts = np.minimum(asks.patience_s / step_s, MOST_STEPS) + 1
    steps = np.minimum(asks.length_s / step_s, rooms.used.shape[1]) + 1
    return ledger if float(starts @ steps) * len(rooms.size) < MANY else _compiled()


@cache
def _compiled() -> SimpleNamespace:
    from weir.scheduling.compiled import compile_modules

    return compile_modules(ledger)


def _rooms(
    policy: Policy,
    pools: Sequence[Pool],
    energy: Mapping[str, Energy],
    classes: Sequence[Class],
    kw: Floats,
    horizon_s: float,
) -> tuple[Rooms, float]:
    """The pools, those that are equal for all jobs as one room, and how long a step is."""
    rows = len(pools)
    suits = np.stack([np.broadcast_to(c.variant, rows) >= 0 for c in classes])
    settled = np.stack([np.broadcast_to(c.settled.cost, rows) for c in classes])
    cost = np.where(suits, settled, inf)
    with_devices = np.array([bool(p.devices) for p in pools])
    width = np.zeros((len(classes), rows))
    for k, c in enumerate(classes):
        milli, cpu = (np.broadcast_to(v, rows) for v in c.judgment.tasks.sums)
        width[k] = np.where(with_devices, milli, cpu)
    sites = {name: n for n, name in enumerate(sorted({p.site for p in pools}))}
    of_site = np.array([sites[p.site] for p in pools], dtype=np.float64)
    alike = np.concatenate([of_site[None, :], cost, kw, width])
    _, first, room = np.unique(alike, axis=1, return_index=True, return_inverse=True)
    size = np.bincount(room.reshape(-1), [rank.size(p) for p in pools])
    step_s = min(_steps(energy.values()), default=3600.0)
    longer = np.ceil(len(first) * horizon_s / step_s / CELLS)
    step_s *= max(1.0, float(longer))
    edges: Floats = np.arange(int(horizon_s / step_s) + 2, dtype=np.float64) * step_s
    rate = [_rate(policy, energy.get(pools[p].site), edges) for p in first.tolist()]
    total = np.zeros((len(first), len(edges)))
    total[:, 1:] = np.cumsum(np.array(rate), axis=1) * step_s / 3600
    at = (slice(None), first)
    tables = (np.ascontiguousarray(table[at]) for table in (cost, kw, width))
    return Rooms(size, total, np.zeros((len(first), len(edges) - 1)), *tables), step_s


def _steps(energies: Any) -> list[float]:
    return [f.step_s for e in energies for f in (e.carbon, e.price) if f is not None]


def _rate(policy: Policy, energy: Energy | None, edges: Floats) -> Floats:
    """What a kW costs in each step, weighed."""
    rate = np.zeros(len(edges) - 1)
    if energy is None:
        return rate
    if energy.carbon is not None:
        rate += policy.carbon_weight * energy.carbon.mean(edges[:-1], edges[1:]) / 1000
    if energy.price is not None:
        rate += policy.price_weight * energy.price.mean(edges[:-1], edges[1:])
    return rate
