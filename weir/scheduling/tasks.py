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
    """`counts[i]` is the tasks of group i by row, -1 where that can't be known; where it is the
    same everywhere, a column of a single value.
    """

    columns: PoolColumns
    demand: Demand
    counts: tuple[Ints, ...]

    @classmethod
    def of(cls, columns: PoolColumns, demand: Demand) -> Tasks:
        counts = tuple(_counts(columns, group) for group in demand.groups)
        return cls(columns, demand, counts)

    @cached_property
    def known(self) -> Bools:
        """Pools for which every group's count is known."""
        known = np.ones(len(self.columns), dtype=np.bool_)
        for counts in self.counts:
            known &= counts != UNKNOWN
        return known

    @cached_property
    def uniform(self) -> bool:
        """Whether the counts are the same on every pool."""
        return not any(g.device and g.device.total_gflops for g in self.demand.groups)

    def on(self, row: int) -> tuple[int, ...]:
        """The counts of all groups on one pool."""
        return tuple(int(c[row] if len(c) > 1 else c[0]) if len(c) else 0 for c in self.counts)

    @cached_property
    def sums(self) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
        """Milli-devices and milli-CPUs of all tasks together, by row; one value if `uniform`."""
        large = any(
            int(counts.max(initial=1)) * max(_milli(g), g.cpu_milli, 1) > _SAFE
            for g, counts in zip(self.demand.groups, self.counts, strict=True)
        )
        kind: Any = object if large else np.int64
        milli, cpu = np.zeros(1, dtype=kind), np.zeros(1, dtype=kind)
        for group, counts in zip(self.demand.groups, self.counts, strict=True):
            milli = milli + counts.astype(kind) * _milli(group)
            cpu = cpu + counts.astype(kind) * group.cpu_milli
        return milli, cpu

    @cached_property
    def price_micro_per_hour(self) -> npt.NDArray[Any]:
        """Micro-units of the pool's currency for one hour of all tasks, never too large for its
        type. Meaningless where a count is unknown.
        """
        device, core = self.columns.device_price, self.columns.core_price
        milli, cpu = self.sums
        most = int(max(device.max(initial=0), core.max(initial=0)))
        if max(int(milli.max(initial=0)), int(cpu.max(initial=0))) * max(1, most) > _SAFE:
            milli, cpu = milli.astype(object), cpu.astype(object)
        exact = milli * device + cpu * core
        return np.broadcast_to(-(-exact // DEVICE_MILLI), (len(self.columns),))

    def total(self, row: int) -> int:
        """Tasks of all groups together."""
        return sum(self.on(row))

    def claims(self, row: int) -> tuple[Claim, ...]:
        """What the groups claim on the pool of `row`, in their order; ends are not set."""
        return self._first_claims if self.uniform else self._claims(row)

    @cached_property
    def _first_claims(self) -> tuple[Claim, ...]:
        return self._claims(0)

    def _claims(self, row: int) -> tuple[Claim, ...]:
        return tuple(
            Claim(g.cpu_milli, g.memory_bytes, _milli(g), count)
            for g, count in zip(self.demand.groups, self.on(row), strict=True)
        )

    def allocations(self, row: int) -> tuple[GroupAllocation, ...]:
        """How the groups would run on the pool of `row`: the first stack of each that is there."""
        if row not in self._allocations:
            traits = self.columns.traits.of_row(row)
            self._allocations[row] = tuple(
                GroupAllocation(g.name, count, next((s for s in g.stacks if s in traits), None))
                for g, count in zip(self.demand.groups, self.on(row), strict=True)
            )
        return self._allocations[row]

    @cached_property
    def _allocations(self) -> dict[int, tuple[GroupAllocation, ...]]:
        return {}


_SAFE = 2**60
"""Products up to here are taken in 64 bits, larger ones as Python's integers."""


def performance_of(columns: PoolColumns, request: DeviceRequest) -> Ints:
    """GFLOPS of one device of each pool at the request's precision, -1 where unknown."""
    if request.precision is None:
        return np.full(len(columns), UNKNOWN, dtype=np.int64)
    column: Ints = columns.gflops[:, PRECISIONS.index(request.precision)]
    return column


def _counts(columns: PoolColumns, group: TaskGroup) -> Ints:
    request = group.device
    if request is None or not request.total_gflops:
        return np.array([min(group.count, MOST)], dtype=np.int64)
    wanted = request.total_gflops * DEVICE_MILLI
    speed, each = performance_of(columns, request), max(1, request.milli)
    if wanted < _SAFE and int(speed.max(initial=0)) * each < _SAFE:
        return np.where(speed > 0, -(-wanted // np.maximum(1, speed * each)), UNKNOWN)
    return np.array(
        [-(-wanted // (s * each)) if s > 0 else UNKNOWN for s in speed.tolist()], dtype=np.int64
    )


def _milli(group: TaskGroup) -> int:
    return group.device.milli if group.device else 0
