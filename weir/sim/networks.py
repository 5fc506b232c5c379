"""Networks to simulate: pools from a number of cores or devices, from hosts, from a site's fields.

Laws: all hosts are free at the start; a pool's id says where it is (`site/pool`), so that results
read well; hosts of one shape and model are one pool, in the order in which the first of them came.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from weir.core.errors import BadInput
from weir.core.inventory import Block, HostShape, Location, Pool, all_free, all_free_in
from weir.wire.pools import PoolFields

PLENTY_CPU_MILLI = 10**12
"""CPU of a host of which only the devices count."""

PLENTY_BYTES = 2**60
"""Memory of a host of which only cores or devices count."""

SITE = "cluster"
"""What the only site of a flat cluster is called."""


class Host(Protocol):
    """One host of a list, empty; `model` is that of its devices, empty if it has none."""

    @property
    def cpu_milli(self) -> int: ...
    @property
    def memory_bytes(self) -> int: ...
    @property
    def devices(self) -> int: ...
    @property
    def model(self) -> str: ...


def flat_pool(cores: int | None = None, devices: int | None = None, memory_bytes: int = 0) -> Pool:
    """One host with so many cores, or whole devices, or both. What is not told is plenty.

    Raises `BadInput` if it would have nothing.
    """
    if not cores and not devices:
        raise BadInput("The cluster has neither cores nor devices: say --cores N or --devices N.")
    shape = HostShape(
        cpu_milli=cores * 1000 if cores else PLENTY_CPU_MILLI,
        memory_bytes=memory_bytes or PLENTY_BYTES,
        devices=devices or 0,
    )
    return plain_pool("all", shape, 1, model="device" if devices else None)


def model_pools(devices: Mapping[str, int]) -> tuple[Pool, ...]:
    """A host with so many devices for each model: `{"v100": 4, "k80": 8}`."""
    return tuple(
        plain_pool(model, HostShape(PLENTY_CPU_MILLI, PLENTY_BYTES, count), 1, model=model)
        for model, count in devices.items()
    )


def host_pools(hosts: Sequence[Host]) -> tuple[Pool, ...]:
    """Hosts of a list as pools of equal ones; without devices only if no host has any.

    Raises `BadInput` if there is no host.
    """
    counted: dict[tuple[HostShape, str], int] = {}
    with_devices = any(host.devices for host in hosts)
    for host in hosts:
        if with_devices and not host.devices:
            continue
        key = (HostShape(host.cpu_milli, host.memory_bytes, host.devices), host.model)
        counted[key] = counted.get(key, 0) + 1
    if not counted:
        raise BadInput("The list of hosts is empty: nothing could run anywhere.")
    names = _names(counted)
    return tuple(
        plain_pool(names[key], key[0], count, model=key[1] or None)
        for key, count in counted.items()
    )


def _names(keys: Iterable[tuple[HostShape, str]]) -> dict[tuple[HostShape, str], str]:
    """`v100-x8`, with the cores where two shapes would be called the same."""
    found: dict[tuple[HostShape, str], str] = {}
    taken: set[str] = set()
    for shape, model in keys:
        plain = f"{model.lower() or 'cpu'}-x{shape.devices}" if shape.devices else "cpu"
        name = plain if plain not in taken else f"{plain}-{shape.cpu_milli // 1000}c"
        number = 2
        while name in taken:
            name, number = f"{plain}-{number}", number + 1
        taken.add(name)
        found[shape, model] = name
    return found


def plain_pool(name: str, shape: HostShape, hosts: int, model: str | None = None) -> Pool:
    """A pool of the only site, with no price and nothing else to say."""
    return Pool(
        id=f"{SITE}/{name}",
        name=name,
        cluster=SITE,
        site=SITE,
        site_name=SITE,
        hosts=hosts,
        shape=shape,
        free=all_free(hosts, shape),
        device_model=model if shape.devices else None,
    )


def site_pool(
    fields: PoolFields, site: str, cluster: str, domains: tuple[str, ...] = (), hops: int = 0
) -> Pool:
    """A pool as an operator's file describes it, all free, at a site.

    Emulated devices count as real ones here: nothing of a simulation is real.
    """
    shape, where = fields.shape, fields.location
    host = HostShape(shape.cpu_milli, shape.memory_bytes, shape.devices, shape.storage_bytes)
    blocks = tuple(Block(b.names, b.hosts) for b in fields.blocks)
    return Pool(
        id=f"{cluster}/{fields.name}",
        name=fields.name,
        cluster=cluster,
        site=site,
        site_name=site,
        hosts=fields.hosts,
        shape=host,
        free=all_free_in(fields.hosts, host, blocks),
        device_model=fields.device_model,
        emulated=False,
        open=fields.open,
        fabric=fields.fabric,
        fabric_gbps=fields.fabric_gbps,
        traits=fields.traits,
        location=Location(**where.model_dump()),
        industries=fields.industries,
        domains=domains,
        hops=hops,
        latency_us=fields.latency_us,
        price_micro_per_device_hour=fields.price_micro_per_device_hour,
        price_micro_per_core_hour=fields.price_micro_per_core_hour,
        currency=fields.currency,
        max_walltime_s=fields.max_walltime_s,
        measured_gflops=fields.measured_gflops,
        energy_price_micro_per_kwh=fields.energy_price_micro_per_kwh,
        levels=fields.levels,
        blocks=blocks,
    )
