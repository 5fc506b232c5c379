"""How many tasks a job has on each pool, what they claim there, and what that costs an hour.

A group that asks for a total performance has as many tasks as that takes on the pool's devices, so
the same job may have 16 tasks here and 40 there. An exclusive group holds hosts whole, as few as
its tasks need, and pays for them whole; so it claims another amount on every kind of host. Money
is integer arithmetic, rounded up once per job.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from weir.core.demand import Demand, DeviceRequest, TaskGroup
from weir.core.inventory import DEVICE_MILLI, HostShape
from weir.core.plan import GroupAllocation
from weir.scheduling.columns import PRECISIONS, UNKNOWN, Bools, Ints, PoolColumns
from weir.scheduling.inside import level_of
from weir.scheduling.packing import MOST, Claim, Free, fitting, held_whole, tasks_on_empty


def claim_of(group: TaskGroup, count: int, shape: HostShape, levels: Sequence[str] = ()) -> Claim:
    """What `count` tasks of a group claim in a pool of such hosts, with these levels of blocks:
    tasks, or whole hosts.
    """
    tasks = plain_claim(group, count, levels)
    return held_whole(tasks, shape) if group.exclusive else tasks


@dataclass(frozen=True)
class Held:
    """What a group holds on each pool: `count` times these amounts, tasks or whole hosts; by row,
    or a single value where it is the same everywhere.
    """

    count: Ints
    cpu_milli: Ints
    milli: Ints


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
    def alike(self) -> bool:
        """Whether what is claimed is the same on every pool."""
        return self.uniform and not any(g.exclusive or g.topology for g in self.demand.groups)

    @cached_property
    def held(self) -> tuple[Held, ...]:
        """What each group holds, as columns."""
        return tuple(
            _held(self.columns, g, n) for g, n in zip(self.demand.groups, self.counts, strict=True)
        )

    @cached_property
    def sums(self) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
        """Milli-devices and milli-CPUs of all tasks together, by row; one value if `uniform`."""
        large = any(
            int(h.count.max(initial=1))
            * max(int(h.milli.max(initial=0)), int(h.cpu_milli.max(initial=0)), 1)
            > _SAFE
            for h in self.held
        )
        kind: Any = object if large else np.int64
        milli, cpu = np.zeros(1, dtype=kind), np.zeros(1, dtype=kind)
        for h in self.held:
            milli = milli + h.count.astype(kind) * h.milli
            cpu = cpu + h.count.astype(kind) * h.cpu_milli
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
        return self._first_claims if self.alike else self._claims(row)

    @cached_property
    def _first_claims(self) -> tuple[Claim, ...]:
        return self._claims(0)

    def _claims(self, row: int) -> tuple[Claim, ...]:
        counts = self.on(row)
        if self.alike or not len(self.columns):
            return tuple(map(plain_claim, self.demand.groups, counts))
        levels = self.columns.levels.of_row(row)
        key = self._shape(row), counts, levels
        if key not in self._by_shape:
            pairs = zip(self.demand.groups, counts, strict=True)
            self._by_shape[key] = tuple(claim_of(g, n, key[0], levels) for g, n in pairs)
        return self._by_shape[key]

    def _shape(self, row: int) -> HostShape:
        c = self.columns
        return HostShape(int(c.host_cpu[row]), int(c.host_memory[row]), int(c.host_devices[row]))

    @cached_property
    def _by_shape(self) -> dict[Any, tuple[Claim, ...]]:
        return {}

    def fitting(self, row: int, free: Free) -> int:
        """Tasks of all groups that find room together, at most all of them."""
        total = 0
        rooms = fitting(free, self.claims(row))
        for group, count, room in zip(self.demand.groups, self.on(row), rooms, strict=True):
            if group.exclusive:
                room *= tasks_on_empty(plain_claim(group, count), self._shape(row))
            total += min(count, room)
        return total

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


def plain_claim(group: TaskGroup, count: int, levels: Sequence[str] = ()) -> Claim:
    """So many tasks of a group, whether their hosts are shared or not."""
    most = MOST if group.max_per_host is None else group.max_per_host
    within = level_of(group.topology, levels)
    amounts = group.cpu_milli, group.memory_bytes, _milli(group)
    return Claim(*amounts, count, per_host=most, within=within)


def _held(c: PoolColumns, group: TaskGroup, count: Ints) -> Held:
    if not group.exclusive:
        return Held(count, np.array([group.cpu_milli]), np.array([_milli(group)]))
    each = room_on_host(c, plain_claim(group, 0))
    return Held(-(-count // np.maximum(1, each)), c.host_cpu, c.host_devices * DEVICE_MILLI)


def room_on_host(c: PoolColumns, claim: Claim) -> Ints:
    """How many of the tasks an empty host of each pool takes."""
    each = np.full(len(c), claim.per_host, dtype=np.int64)
    if claim.cpu_milli:
        each = np.minimum(each, c.host_cpu // claim.cpu_milli)
    if claim.memory_bytes:
        each = np.minimum(each, c.host_memory // claim.memory_bytes)
    if claim.device_milli >= DEVICE_MILLI:
        each = np.minimum(each, c.host_devices // -(-claim.device_milli // DEVICE_MILLI))
    elif claim.device_milli:
        each = np.minimum(each, c.host_devices * (DEVICE_MILLI // claim.device_milli))
    return each


def _milli(group: TaskGroup) -> int:
    return group.device.milli if group.device else 0
