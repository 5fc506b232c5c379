"""How many tasks a job has on each pool, what they claim there, and what that costs an hour.

A group that asks for a total performance has as many tasks as that takes on the pool's devices, so
the same job may have 16 tasks here and 40 there. Money is integer arithmetic, rounded up once per
job.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from weir.core.demand import Demand, DeviceRequest, TaskGroup
from weir.core.inventory import DEVICE_MILLI
from weir.core.plan import GroupAllocation
from weir.scheduling.columns import PRECISIONS, UNKNOWN, Bools, Ints, PoolColumns
from weir.scheduling.packing import MOST, Claim


@dataclass(frozen=True)
class Tasks:
    """`counts[i][row]` tasks of group i on the pool of that row, -1 where that can't be known."""

    columns: PoolColumns
    demand: Demand
    counts: tuple[tuple[int, ...], ...]

    @classmethod
    def of(cls, columns: PoolColumns, demand: Demand) -> Tasks:
        counts = tuple(_counts(columns, group) for group in demand.groups)
        return cls(columns, demand, counts)

    @cached_property
    def known(self) -> Bools:
        """Pools for which every group's count is known."""
        known = np.ones(len(self.columns), dtype=np.bool_)
        for group, counts in zip(self.demand.groups, self.counts, strict=True):
            if group.device and group.device.total_gflops:
                known &= np.array([count != UNKNOWN for count in counts], dtype=np.bool_)
        return known

    @cached_property
    def uniform(self) -> bool:
        """Whether the counts are the same on every pool."""
        return not any(g.device and g.device.total_gflops for g in self.demand.groups)

    @cached_property
    def by_row(self) -> tuple[tuple[int, ...], ...]:
        """The counts of all groups, row for row."""
        return tuple(zip(*self.counts, strict=True)) or ((),) * len(self.columns)

    @cached_property
    def price_micro_per_hour(self) -> npt.NDArray[Any]:
        """Micro-units of the pool's currency for one hour of all tasks; Python ints, never too
        large.

        Meaningless where a count is unknown.
        """
        devices, cores = self.columns.device_price.tolist(), self.columns.core_price.tolist()
        rows = self.by_row[:1] if self.uniform else self.by_row
        amounts = [self._amounts(counts) for counts in rows]
        amounts *= len(self.by_row) // max(1, len(amounts))
        prices = [
            -(-(milli * device + cpu * core) // DEVICE_MILLI)
            for (milli, cpu), device, core in zip(amounts, devices, cores, strict=True)
        ]
        return np.array(prices, dtype=object)

    def _amounts(self, counts: tuple[int, ...]) -> tuple[int, int]:
        """Milli-devices and milli-CPUs of all tasks together."""
        pairs = list(zip(self.demand.groups, counts, strict=True))
        return sum(n * _milli(g) for g, n in pairs), sum(n * g.cpu_milli for g, n in pairs)

    def total(self, row: int) -> int:
        """Tasks of all groups together."""
        return sum(self.by_row[row])

    def claims(self, row: int) -> tuple[Claim, ...]:
        """What the groups claim on the pool of `row`, in their order; ends are not set."""
        return self._first_claims if self.uniform else self._claims(row)

    @cached_property
    def _first_claims(self) -> tuple[Claim, ...]:
        return self._claims(0)

    def _claims(self, row: int) -> tuple[Claim, ...]:
        return tuple(
            Claim(g.cpu_milli, g.memory_bytes, _milli(g), count)
            for g, count in zip(self.demand.groups, self.by_row[row], strict=True)
        )

    def allocations(self, row: int) -> tuple[GroupAllocation, ...]:
        """How the groups would run on the pool of `row`: the first stack of each that is there."""
        if row not in self._allocations:
            traits = self.columns.traits.of_row(row)
            self._allocations[row] = tuple(
                GroupAllocation(g.name, count, next((s for s in g.stacks if s in traits), None))
                for g, count in zip(self.demand.groups, self.by_row[row], strict=True)
            )
        return self._allocations[row]

    @cached_property
    def _allocations(self) -> dict[int, tuple[GroupAllocation, ...]]:
        return {}


def performance_of(columns: PoolColumns, request: DeviceRequest) -> Ints:
    """GFLOPS of one device of each pool at the request's precision, -1 where unknown."""
    if request.precision is None:
        return np.full(len(columns), UNKNOWN, dtype=np.int64)
    column: Ints = columns.gflops[:, PRECISIONS.index(request.precision)]
    return column


def _counts(columns: PoolColumns, group: TaskGroup) -> tuple[int, ...]:
    request = group.device
    if request is None or not request.total_gflops:
        return (min(group.count, MOST),) * len(columns)
    wanted = request.total_gflops * DEVICE_MILLI
    return tuple(
        -(-wanted // (speed * max(1, request.milli))) if speed > 0 else UNKNOWN
        for speed in performance_of(columns, request).tolist()
    )


def _milli(group: TaskGroup) -> int:
    return group.device.milli if group.device else 0
