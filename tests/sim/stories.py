"""Outcomes that tests make themselves: a plain simulation, one list of free devices a pool."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from weir.sim.outcome import Outcome, SimPool
from weir.sim.workload import Workload, workload

GIB = 2**30


def a_pool(name: str = "gpu", site: str = "north", devices: int = 8, cores: int = 64) -> SimPool:
    return SimPool(
        f"{site}/{name}",
        name,
        site,
        cpu_milli=cores * 1000,
        memory_bytes=cores * 8 * GIB,
        device_milli=devices * 1000,
        device_model="nvidia-h100-sxm5" if devices else "",
    )


def an_outcome(
    load: Workload,
    start: npt.ArrayLike,
    end: npt.ArrayLike,
    pools: Sequence[SimPool] = (),
    pool: npt.ArrayLike | None = None,
    **fields: Any,
) -> Outcome:
    """The outcome with these times; what is not given follows from them."""
    rows = len(load)
    starts, ends = np.array(start, dtype=np.float64), np.array(end, dtype=np.float64)
    nowhere = np.full(rows, np.nan)
    given = {"price": nowhere, "carbon_g": nowhere, "energy_wh": nowhere, "lost_s": np.zeros(rows)}
    values = {**given, "busy_s": ends - starts, "moved_bytes": np.zeros(rows, np.int64), **fields}
    where = np.where(np.isfinite(starts), 0, -1) if pool is None else np.array(pool)
    return Outcome(
        policy=values.pop("policy", "fifo"),
        workload=load,
        pools=tuple(pools) or (a_pool(),),
        start_s=starts,
        end_s=ends,
        pool=where.astype(np.int32),
        currency=values.pop("currency", "CNY"),
        wall_s=values.pop("wall_s", 0.25),
        rounds=values.pop("rounds", 7),
        **values,
    )


def jobs(submit: Sequence[float], run: Sequence[float], **columns: Any) -> Workload:
    """A workload of one-device jobs, unless `columns` say otherwise."""
    rows = len(submit)
    plain = {"device_milli": [1000] * rows, "cpu_milli": [1000] * rows}
    return workload(
        columns.pop("name", "made up"),
        [f"j{i}" for i in range(rows)],
        submit_s=submit,
        duration_s=run,
        **{**plain, **columns},
    )
