"""Policies for simulations in rounds (`weir.sim.rounds`), by name; and one that knows no speeds."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import numpy as np

from weir.core.demand import Demand, DeviceRequest, TaskGroup
from weir.core.inventory import DEVICE_MILLI
from weir.scheduling.policies import policy
from weir.scheduling.schedule import schedule
from weir.scheduling.snapshot import PoolState, Snapshot, WaitingJob
from weir.sim.networks import SITE, model_pools
from weir.sim.rounds import Assign
from weir.sim.workload import Floats, Ints


def in_turn(
    remaining: Floats,
    speed: Floats,
    gang: Ints,
    weight: Floats,
    current: Ints,
    capacity: Ints,
    switch_s: float,
    round_s: float,
    /,
) -> Ints:
    """First come, first served, on the first model that a job can run on and that has room.

    Who runs stays; who waits is behind everybody who came before, and nobody overtakes. It is what
    a policy does that looks at no speed, and here to be compared with. See `Assign`.
    """
    chosen = current.copy()
    free = capacity.copy()
    for row in np.flatnonzero(current >= 0).tolist():
        free[current[row]] -= gang[row]
    able = (speed > 0) & (gang[:, None] <= capacity)
    for row in np.flatnonzero((current < 0) & able.any(axis=1)).tolist():
        places = np.flatnonzero(able[row] & (free >= gang[row]))
        if not len(places):
            break
        chosen[row] = places[0]
        free[places[0]] -= gang[row]
    return chosen


def scheduled(
    remaining: Floats,
    speed: Floats,
    gang: Ints,
    weight: Floats,
    current: Ints,
    capacity: Ints,
    switch_s: float,
    round_s: float,
    /,
) -> Ints:
    """The policy `heterogeneity` of `weir.scheduling.schedule`, asked as a server asks it.

    Every job, waiting or running, is in the snapshot, with the work that it has left; a pool is a
    host with all devices of a model. See `Assign`.
    """
    models = [f"m{k:03}" for k in range(len(capacity))]
    kinds, index = np.unique(speed, axis=0, return_inverse=True)
    kind = index.reshape(-1).tolist()
    able = [tuple(m for m, v in zip(models, row, strict=True) if v > 0) for row in kinds]
    fastest = np.maximum(speed.max(axis=1, initial=0.0), 1e-300)
    jobs = tuple(
        WaitingJob(
            id=f"{row:09}",
            demand=_whole_gang(int(gang[row]), able[kind[row]]),
            priority=0,
            submitted_at=float(row),
            length_s=float(remaining[row] / fastest[row]),
            kind=str(kind[row]),
            weight=float(weight[row]),
            runs_on=f"{SITE}/{models[current[row]]}" if current[row] >= 0 else "",
        )
        for row in range(len(remaining))
        if able[kind[row]]
    )
    speeds = {
        str(n): {m: float(v) for m, v in zip(models, row, strict=True) if v > 0}
        for n, row in enumerate(kinds)
    }
    pools = {
        k: _pool(m, int(n)) for k, (m, n) in enumerate(zip(models, capacity, strict=True)) if n
    }
    snapshot = Snapshot(
        0.0,
        tuple(pools.values()),
        jobs,
        speeds=speeds,
        switch_s=switch_s,
        round_s=round_s,
        movable=True,
    )
    model_of = {state.pool.id: k for k, state in pools.items()}
    chosen = np.full(len(remaining), -1, dtype=np.int64)
    for placement in schedule(snapshot, policy("heterogeneity")).placements:
        chosen[int(placement.job)] = model_of[placement.chosen.pool]
    return chosen


@lru_cache(maxsize=4096)
def _whole_gang(devices: int, models: tuple[str, ...]) -> Demand:
    request = DeviceRequest(milli=devices * DEVICE_MILLI, models=models)
    return Demand((TaskGroup("all", 1, 0, 0, request),))


@lru_cache(maxsize=64)
def _pool(model: str, devices: int) -> PoolState:
    return PoolState(model_pools({model: devices})[0], "rounds")


ROUND_POLICIES: Mapping[str, Assign] = {"heterogeneity": scheduled, "fifo": in_turn}
"""By name, as in `weir simulate gavel --policy heterogeneity,fifo`."""
