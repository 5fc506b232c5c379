"""What a cluster has: pools of equal hosts, where they are, what they cost, what is free.

Laws:
- Amounts are integers with the unit in the name. A device is 1000 `device_milli`; a share of one
  device lives on one device.
- `free` never contains the viewer's own runs: whoever asks knows those exactly and subtracts them
  itself, so a late report can't book anything twice.
- A pool seen by two ways has one identifier, and counts once.
- A block (a rack, a switch, an NVLink domain) is named on every level by the blocks around it, so
  two racks of one name in two zones are two.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

DEVICE_MILLI = 1000

WHOLE_DEVICES = "whole-devices"
"""The trait of a pool whose cluster gives nobody a share of a device."""

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
    """`hosts` hosts that have the same left: CPU, memory, and devices as (free milli, count).

    `block` is where they are: on each level of the pool the number of their block (see
    `block_paths`), -1 for none; what is empty at the end is left out.
    """

    cpu_milli: int
    memory_bytes: int
    devices: tuple[tuple[int, int], ...]
    hosts: int
    block: tuple[int, ...] = ()

    @property
    def whole_devices(self) -> int:
        """Devices that nobody has a share of."""
        return sum(count for milli, count in self.devices if milli == DEVICE_MILLI)

    @property
    def device_milli(self) -> int:
        """Milli-devices left on one host, shares included."""
        return sum(milli * count for milli, count in self.devices)


@dataclass(frozen=True, slots=True)
class Block:
    """`hosts` hosts that are in these blocks: a name for each level of the pool, the outermost
    first, "" for none.
    """

    names: tuple[str, ...]
    hosts: int


@dataclass(frozen=True, slots=True)
class Location:
    """Where a pool is: names are the network's own; coordinates are degrees, null if unknown."""

    region: str = ""
    country: str = ""
    latitude: float | None = None
    longitude: float | None = None


@dataclass(frozen=True, slots=True)
class MeasuredHost:
    """On which host of a pool, when (seconds since 1970) and how it was measured, and what is no
    product: bytes a second of memory and disk. `device` begins with `cpu` where its CPUs computed.
    """

    at: float
    host: str
    cpus: int
    library: str
    device: str
    memory_bytes_per_s: int | None = None
    disk_write_bytes_per_s: int | None = None
    disk_read_bytes_per_s: int | None = None


@dataclass(frozen=True, slots=True)
class Pool:
    """Equal hosts of a cluster, as one viewer sees them.

    `hops` counts the domains between the viewer and the cluster (0: the cluster is the viewer's
    own); `latency_us` is the round trip to it, null if unknown. `domains` are the identifiers of
    the domains on the way, nearest last. Prices are micro-units of `currency`.
    `measured_gflops` is (precision, GFLOPS or GOPS per device, or per host where the pool has no
    devices) as measured on this pool; `measured_host` says where, when and how.
    `energy_price_micro_per_kwh` is what energy costs beside that: one value, or 24, for the hours
    of the day in UTC; empty where the prices of devices and cores have it in. `queue_ahead` is how
    many runs may wait at the cluster beyond what is free. `closed` says why it is not open, where
    that is known. `levels` are the kinds of blocks that its
    hosts are in, the outermost first, and `blocks` the innermost ones.
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
    closed: str = ""
    levels: tuple[str, ...] = ()
    blocks: tuple[Block, ...] = ()
    energy_price_micro_per_kwh: tuple[int, ...] = ()
    measured_host: MeasuredHost | None = None

    @property
    def devices(self) -> int:
        """Devices in all hosts together."""
        return self.hosts * self.shape.devices


def merged(shapes: Iterable[FreeShape]) -> tuple[FreeShape, ...]:
    """The same hosts, equal ones gathered, in one canonical order (fullest first)."""
    counts: Counter[tuple[int, int, tuple[tuple[int, int], ...], tuple[int, ...]]] = Counter()
    for s in shapes:
        counts[(s.cpu_milli, s.memory_bytes, s.devices, s.block)] += s.hosts
    return tuple(
        [
            FreeShape(cpu, memory, devices, hosts, block)
            for (cpu, memory, devices, block), hosts in sorted(counts.items())
            if hosts > 0
        ]
    )


def all_free(hosts: int, shape: HostShape, block: tuple[int, ...] = ()) -> tuple[FreeShape, ...]:
    """The free shapes of `hosts` empty hosts."""
    devices = ((DEVICE_MILLI, shape.devices),) if shape.devices else ()
    if hosts <= 0:
        return ()
    return (FreeShape(shape.cpu_milli, shape.memory_bytes, devices, hosts, block),)


def empty_hosts(pool: Pool) -> tuple[FreeShape, ...]:
    """What a pool has free when nothing runs there, block by block."""
    return all_free_in(pool.hosts, pool.shape, pool.blocks)


def all_free_in(hosts: int, shape: HostShape, blocks: Sequence[Block]) -> tuple[FreeShape, ...]:
    """`hosts` empty hosts, in these blocks as far as they have them."""
    if not blocks:
        return all_free(hosts, shape)
    rest = hosts - sum(b.hosts for b in blocks)
    paths = zip(blocks, block_paths(blocks), strict=True)
    inside = [s for b, path in paths for s in all_free(b.hosts, shape, path)]
    return merged([*inside, *all_free(rest, shape)])


def block_paths(blocks: Sequence[Block]) -> tuple[tuple[int, ...], ...]:
    """The numbers of each block by level: that of the first one with the same names so far."""
    first: dict[tuple[str, ...], int] = {}
    paths = []
    for number, block in enumerate(blocks):
        path = [
            first.setdefault(block.names[: level + 1], number) if name else -1
            for level, name in enumerate(block.names)
        ]
        while path and path[-1] < 0:
            path.pop()
        paths.append(tuple(path))
    return tuple(paths)


def block_name(pool: Pool, block: tuple[int, ...]) -> str:
    """The names of a block's levels, as in `zone-a/r3`; empty for none."""
    names = pool.blocks[block[-1]].names[: len(block)] if block else ()
    return "/".join(names)
