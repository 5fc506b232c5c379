"""This machine: what a pool may claim of it, and which cores a task gets."""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterable, Iterator, Sequence

import psutil

from weir.core import units
from weir.core.device_access import ACCESS
from weir.core.errors import BadInput, Mistake
from weir.executors.local_environment import maker_of
from weir.wire.pools import PoolFields


def absent(maker: str, count: int) -> str:
    """What is missing of `count` devices of a maker: the first of their names in /dev that is not
    there, or of those that all need; empty if nothing is. Raises KeyError for an unknown maker.
    """
    access = ACCESS[maker]
    own = [access.node.format(i) for i in range(count)] if access.node else access.nodes[:1]
    return next((path for path in own if not os.path.exists(path)), "")


def check(pools: Sequence[PoolFields]) -> None:
    """Raise BadInput unless this machine has what its pools that are not emulated say."""
    mistakes = list(_mistakes(pools))
    if mistakes:
        raise BadInput("; ".join(str(m) for m in mistakes), mistakes)


def _mistakes(pools: Sequence[PoolFields]) -> Iterator[Mistake]:
    real = [(f"executor.pools[{i}]", pool) for i, pool in enumerate(pools) if not pool.emulated]
    cpu = sum(pool.shape.cpu_milli for _, pool in real)
    memory = sum(pool.shape.memory_bytes for _, pool in real)
    has_cpu, has_memory = 1000 * len(os.sched_getaffinity(0)), psutil.virtual_memory().total
    for field, pool in real:
        if pool.hosts != 1:
            yield Mistake(
                f"{field}.hosts", f"this machine is one host, not {pool.hosts}, unless emulated"
            )
        if cpu > has_cpu:
            yield Mistake(
                f"{field}.shape.cpu_milli", f"{cpu} is more than the {has_cpu} of this machine"
            )
        if memory > has_memory:
            yield Mistake(
                f"{field}.shape.memory_bytes",
                f"{units.show_bytes(memory)} is more than the {units.show_bytes(has_memory)} "
                "of this machine",
            )
        if pool.shape.devices:
            yield from _device_mistakes(field, pool)
    if sum(1 for _, pool in real if pool.shape.devices) > 1:
        yield Mistake("executor.pools", "only one pool can hold the devices of this machine")


def _device_mistakes(field: str, pool: PoolFields) -> Iterator[Mistake]:
    maker = maker_of(pool.device_model)
    if maker not in ACCESS:
        known = ", ".join(sorted(ACCESS))
        yield Mistake(
            f"{field}.shape.devices",
            f"devices of model {pool.device_model!r} can't be found on this machine: "
            f"only those of {known} can; set emulated to true to emulate them",
        )
        return
    missing = absent(maker, pool.shape.devices)
    if missing:
        yield Mistake(
            f"{field}.shape.devices", f"this machine has no {missing}; set emulated to true"
        )


class Cores:
    """Which cores tasks are bound to: each gets those that the fewest tasks have."""

    def __init__(self, cores: Iterable[int], seed: str = "") -> None:
        self.all = tuple(sorted(cores))
        self._tasks = dict.fromkeys(self.all, 0)
        # Executors beside each other on one machine should not all begin with the same core.
        self._next = zlib.crc32(seed.encode()) % len(self.all)

    def count(self, cpu_milli: int) -> int:
        """Cores for so many milli-CPUs: whole ones, no more than there are."""
        return min(len(self.all), -(-cpu_milli // 1000))

    def take(self, cpu_milli: int) -> tuple[int, ...]:
        """The cores of one more task; empty if it gets them all."""
        count, every = self.count(cpu_milli), len(self.all)
        if count >= every:
            return ()
        order = [self.all[(self._next + i) % every] for i in range(every)]
        chosen = tuple(sorted(order, key=self._tasks.__getitem__)[:count])
        self._next = (self._next + count) % every
        self._add(chosen, 1)
        return chosen

    def retake(self, pid: int) -> tuple[int, ...]:
        """The cores that a process found again is bound to; empty if it has them all."""
        try:
            bound = tuple(c for c in os.sched_getaffinity(pid) if c in self._tasks)
        except ProcessLookupError:
            return ()
        if len(bound) == len(self.all):
            return ()
        self._add(bound, 1)
        return bound

    def give_back(self, cores: Iterable[int]) -> None:
        """A task that had these has ended."""
        self._add(cores, -1)

    def _add(self, cores: Iterable[int], change: int) -> None:
        for core in cores:
            self._tasks[core] += change
