"""Every member on its own: the same jobs and sites, and no network between them.

Laws: a job runs at its home or nowhere; what one site does has no bearing on another, so each is
simulated alone. A job whose home is no site never starts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from weir.core.inventory import Pool
from weir.sim.outcome import Outcome, SimPool
from weir.sim.workload import Workload, rows_of

Alone = Callable[[Workload, tuple[Pool, ...], float], Outcome]
"""Simulates some jobs on some pools; the number is the share of all jobs that came before."""

_ROWS = ("start_s", "end_s", "busy_s", "lost_s", "price", "carbon_g", "energy_wh", "moved_bytes")


def apart(load: Workload, pools: Sequence[Pool], alone: Alone) -> Outcome | None:
    """The outcome of all jobs, each at its home alone; None where no job is at home at any site."""
    parts: list[tuple[npt.NDArray[np.intp], Outcome]] = []
    done = 0
    for site in dict.fromkeys(pool.site for pool in pools):
        rows = _at_home(load, {pool.site_name for pool in pools if pool.site == site} | {site})
        if len(rows):
            here = tuple(pool for pool in pools if pool.site == site)
            parts.append((rows, alone(rows_of(load, rows), here, done / len(load))))
            done += len(rows)
    return _merged(load, pools, parts) if parts else None


def _at_home(load: Workload, names: set[str]) -> npt.NDArray[np.intp]:
    codes = [code for code, name in enumerate(load.home.names) if name in names]
    return np.flatnonzero(np.isin(load.home.codes, codes))


def _merged(
    load: Workload,
    pools: Sequence[Pool],
    parts: Sequence[tuple[npt.NDArray[np.intp], Outcome]],
) -> Outcome:
    """The parts as one outcome over all jobs; sites without jobs keep their pools."""
    some = parts[0][1]
    every: dict[str, Any] = {
        name: np.full(len(load), 0 if name in ("busy_s", "lost_s", "moved_bytes") else np.nan)
        for name in _ROWS
    }
    every["moved_bytes"] = np.zeros(len(load), dtype=np.int64)
    where = np.full(len(load), -1, dtype=np.int32)
    known = [pool for _, part in parts for pool in part.pools]
    seen = {pool.id for pool in known}
    known += [SimPool.of(pool) for pool in pools if pool.id not in seen]
    offset = 0
    for rows, part in parts:
        for name in _ROWS:
            every[name][rows] = getattr(part, name)
        where[rows] = np.where(part.pool >= 0, part.pool + offset, -1)
        offset += len(part.pools)
    return replace(
        some,
        workload=load,
        pools=tuple(known),
        pool=where,
        wall_s=sum(part.wall_s for _, part in parts),
        rounds=sum(part.rounds for _, part in parts),
        **every,
    )
