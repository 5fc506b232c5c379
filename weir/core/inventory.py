"""What a cluster has: pools of equal hosts, where they are, what they cost, what is free.

Laws:
- Amounts are integers with the unit in the name. A device is 1000 `device_milli`; a share of one
  device lives on one device.
- `free` never contains the viewer's own runs: whoever asks knows those exactly and subtracts them
  itself, so a late report can't book anything twice.
- A pool seen by two ways has one identifier, and counts once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

DEVICE_MILLI = 1000

MAX_LATENCY_US = 3_600_000_000
"""Longest round trip that anybody counts: one hour. A way that is longer counts as this long."""


@dataclass(frozen=True, slots=True)
class HostShape:
    """One host of a pool, empty: amounts of a single machine."""

    cpu_milli: int
    memory_bytes: int
    devices: int = 0
    storage_bytes: int = 0


@dataclass(frozen=True, slots=True, order=True)
class FreeShape:
    """`hosts` hosts that have the same left: CPU, memory, and devices as (free milli, count)."""

    cpu_milli: int
    memory_bytes: int
    devices: tuple[tuple[int, int], ...]
    hosts: int

    @property
    def whole_devices(self) -> int:
        """Devices that nobody has a share of."""
        return sum(count for milli, count in self.devices if milli == DEVICE_MILLI)

    @property
    def device_milli(self) -> int:
        """Milli-devices left on one host, shares included."""
        return sum(milli * count for milli, count in self.devices)


@dataclass(frozen=True, slots=True)
class Location:
    """Where a pool is: names are the network's own; coordinates are degrees, null if unknown."""

    region: str = ""
    country: str = ""
    latitude: float | None = None
    longitude: float | None = None


@dataclass(frozen=True, slots=True)
class Pool:
    """Equal hosts of a cluster, as one viewer sees them.

    `hops` counts the domains between the viewer and the cluster (0: the cluster is the viewer's
    own); `latency_us` is the round trip to it, null if unknown. `domains` are the identifiers of
    the domains on the way, nearest last. Prices are micro-units of `currency`.
    `measured_gflops` is (precision, GFLOPS or GOPS per device) as measured on this pool.
    `queue_ahead` is how many runs may wait at the cluster beyond what is free.
    """

    id: str
    name: str
    cluster: str
    site: str
    site_name: str
    hosts: int
    shape: HostShape
    free: tuple[FreeShape, ...]
    device_model: str | None = None
    emulated: bool = False
    open: bool = True
    fabric: str = ""
    fabric_gbps: int | None = None
    traits: tuple[str, ...] = ()
    location: Location = Location()
    industries: tuple[str, ...] = ()
    domains: tuple[str, ...] = ()
    hops: int = 0
    latency_us: int | None = None
    price_micro_per_device_hour: int = 0
    price_micro_per_core_hour: int = 0
    currency: str = "CNY"
    max_walltime_s: int | None = None
    measured_gflops: tuple[tuple[str, int], ...] = ()
    queue_ahead: int = 0

    @property
    def devices(self) -> int:
        """Devices in all hosts together."""
        return self.hosts * self.shape.devices


def merged(shapes: Iterable[FreeShape]) -> tuple[FreeShape, ...]:
    """The same hosts, equal ones gathered, in one canonical order (fullest first)."""
    counts: Counter[tuple[int, int, tuple[tuple[int, int], ...]]] = Counter()
    for s in shapes:
        counts[(s.cpu_milli, s.memory_bytes, s.devices)] += s.hosts
    return tuple(
        sorted(
            FreeShape(cpu, memory, devices, hosts)
            for (cpu, memory, devices), hosts in counts.items()
            if hosts > 0
        )
    )


def all_free(hosts: int, shape: HostShape) -> tuple[FreeShape, ...]:
    """The free shapes of `hosts` empty hosts."""
    devices = ((DEVICE_MILLI, shape.devices),) if shape.devices else ()
    if hosts <= 0:
        return ()
    return (FreeShape(shape.cpu_milli, shape.memory_bytes, devices, hosts),)
