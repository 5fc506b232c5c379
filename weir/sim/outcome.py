"""What came of a workload under one policy: when each job started and ended, and where.

Rows are those of the workload. A job that never started (larger than everything, or nothing left to
wait for) has NaN times and pool -1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from weir.core.inventory import DEVICE_MILLI, Pool
from weir.sim.workload import Floats, Workload


@dataclass(frozen=True, slots=True)
class SimPool:
    """What the results need to know of a pool: amounts are of all its hosts together."""

    id: str
    name: str
    site: str
    cpu_milli: int
    memory_bytes: int
    device_milli: int
    device_model: str = ""

    @classmethod
    def of(cls, pool: Pool) -> Self:
        """What a simulated pool is in results."""
        return cls(
            id=pool.id,
            name=pool.name,
            site=pool.site_name,
            cpu_milli=pool.hosts * pool.shape.cpu_milli,
            memory_bytes=pool.hosts * pool.shape.memory_bytes,
            device_milli=pool.devices * DEVICE_MILLI,
            device_model=pool.device_model or "",
        )


@dataclass(frozen=True, slots=True)
class Outcome:
    """One simulation. `start_s` is the first start, `pool` the row of `pools` where it last ran.

    `busy_s` is how long the job held its place in all (restarts included), `lost_s` the part of it
    that a preemption threw away. `wall_s` is what the simulation took on this machine's clock,
    `rounds` how often the scheduler was asked.
    """

    policy: str
    workload: Workload
    pools: tuple[SimPool, ...]
    start_s: Floats
    end_s: Floats
    busy_s: Floats
    lost_s: Floats
    pool: npt.NDArray[np.int32]
    price: Floats  # currency units that the job cost, NaN where nothing has a price
    carbon_g: Floats  # grams of CO2 equivalent, NaN where no intensity is known
    energy_wh: Floats  # NaN where no power is known
    moved_bytes: npt.NDArray[np.int64]
    currency: str
    wall_s: float
    rounds: int

    @property
    def done(self) -> npt.NDArray[np.bool_]:
        """Jobs that ran to their end."""
        return np.isfinite(self.end_s)
