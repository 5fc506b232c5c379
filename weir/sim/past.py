"""What of every site was in use on the average of late, as the clock of a simulation goes on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isnan, nan
from typing import Any

import numpy as np

from weir.core.inventory import Pool
from weir.scheduling import rank
from weir.scheduling.columns import PoolColumns
from weir.scheduling.encode import Class, devices_asked
from weir.sim.workload import Floats


@dataclass(slots=True)
class Past:
    """What share of each pool's site was in use on the average of late, as seen at every refresh:
    it moves towards what is in use then, and what it was before fades to 1/e in `memory_s`.

    `size` and `site` are by pool, `of_pools` the shares; `devices` (class, pool) is what a job asks
    for: see `rank.Merits`.
    """

    site: Any
    size: Any
    devices: Floats
    memory_s: float
    of_pools: Floats
    at: float = nan

    @classmethod
    def of(
        cls, columns: PoolColumns, pools: Sequence[Pool], classes: Sequence[Class], memory_s: float
    ) -> Past:
        """Nothing has been in use so far."""
        kinds = np.array([bool(p.devices) for p in pools], dtype=np.int64)
        each = [np.broadcast_to(devices_asked(c.judgment), len(pools)) for c in classes]
        return cls(
            site=columns.site.codes * 2 + kinds,
            size=np.array([rank.size(p) for p in pools], dtype=np.int64),
            devices=np.array(each, dtype=np.float64).reshape(len(classes), len(pools)),
            memory_s=memory_s,
            of_pools=np.zeros(len(pools)),
        )

    def remember(self, now: float, idle: Any) -> None:
        """Count in what has been in use since the last time."""
        sums = np.zeros((2, int(self.site.max(initial=0)) + 1))
        np.add.at(sums[0], self.site, self.size)
        np.add.at(sums[1], self.site, self.size - idle)
        used = (sums[1] / np.maximum(1, sums[0]))[self.site]
        if not isnan(self.at):
            left = np.exp(-(now - self.at) / self.memory_s)
            self.of_pools = used + (self.of_pools - used) * left
        self.at = now
