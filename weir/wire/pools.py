"""Pools on the wire: what an agent reports up, and what a server shows.

Every number is bounded where it comes in, so that what is derived from it (a round trip on top of a
round trip, hosts times what a host has) stays in range: no agent's figure may stop a whole domain.
"""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from weir.core import inventory
from weir.core.inventory import MAX_LATENCY_US, FreeShape, HostShape, Location, Pool
from weir.wire.base import Answer, Wire

LARGEST = 2**62
"""Largest amount that is taken: it fits a signed 64-bit number with room for one addition."""

MAX_HOSTS = 1_000_000
MAX_BLOCKS = 100_000
SOME_LEVELS = Field(max_length=8)
Count = Annotated[int, Field(ge=0, le=LARGEST)]
Positive = Annotated[int, Field(ge=1, le=LARGEST)]
CpuMilli = Annotated[int, Field(ge=0, le=10**12)]
Latency = Annotated[int, Field(ge=0, le=MAX_LATENCY_US)]
Price = Annotated[int, Field(ge=0, le=10**15)]
Seconds = Annotated[int, Field(ge=1, le=10**12)]
Gflops = Annotated[int, Field(ge=1, le=10**15)]
LevelName = Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?$")]


class Shape(Wire):
    """One empty host."""

    cpu_milli: Annotated[CpuMilli, Field(ge=1)]
    memory_bytes: Positive
    devices: Annotated[int, Field(ge=0, le=1024)] = 0
    storage_bytes: Count = 0


class Free(Wire):
    """Hosts that have the same left."""

    hosts: Annotated[int, Field(ge=1, le=MAX_HOSTS)]
    cpu_milli: CpuMilli
    memory_bytes: Count
    devices: tuple[tuple[Annotated[int, Field(ge=1, le=1000)], Positive], ...] = ()
    block: Annotated[tuple[Annotated[int, Field(ge=-1, le=MAX_BLOCKS)], ...], SOME_LEVELS] = ()


class Block(Wire):
    """Hosts that share a block on every level: their names, the outermost first, "" for none."""

    names: Annotated[tuple[Annotated[str, Field(max_length=253)], ...], SOME_LEVELS]
    hosts: Annotated[int, Field(ge=1, le=MAX_HOSTS)]


class Place(Wire):
    """Where a pool is; degrees are WGS 84."""

    region: str = ""
    country: str = ""
    latitude: Annotated[float, Field(ge=-90, le=90)] | None = None
    longitude: Annotated[float, Field(ge=-180, le=180)] | None = None


class MeasuredHost(Wire):
    """Where, when and how a pool was measured, and its memory's and disk's bytes a second."""

    at: Annotated[float, Field(ge=0, le=1e12)]
    host: Annotated[str, Field(max_length=253)]
    cpus: Annotated[int, Field(ge=1, le=10**6)]
    library: Annotated[str, Field(max_length=200)]
    device: Annotated[str, Field(max_length=200)]
    memory_bytes_per_s: Count | None = None
    disk_write_bytes_per_s: Count | None = None
    disk_read_bytes_per_s: Count | None = None


class PoolTerms(Wire):
    """What is said of a pool beside its hosts: fabric, place, price, what it is measured to do."""

    emulated: bool = False
    fabric: str = ""
    fabric_gbps: Count | None = None
    traits: tuple[str, ...] = ()
    location: Place = Place()
    industries: tuple[str, ...] = ()
    latency_us: Latency | None = None
    price_micro_per_device_hour: Price = 0
    price_micro_per_core_hour: Price = 0
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] = "CNY"
    max_walltime_s: Seconds | None = None
    measured_gflops: tuple[tuple[str, Gflops], ...] = ()
    energy_price_micro_per_kwh: Annotated[tuple[Price, ...], Field(max_length=24)] = ()

    @model_validator(mode="after")
    def _prices_of_a_day(self) -> Self:
        if len(self.energy_price_micro_per_kwh) not in (0, 1, 24):
            raise ValueError("energy has one price, or 24: for the hours of the day in UTC")
        return self


class PoolFields(PoolTerms):
    """What a pool is, wherever it is named: an operator's file, a report, an answer."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")]
    hosts: Annotated[int, Field(ge=1, le=MAX_HOSTS)]
    shape: Shape
    device_model: str | None = None
    open: bool = True
    levels: Annotated[tuple[LevelName, ...], SOME_LEVELS] = ()
    blocks: Annotated[tuple[Block, ...], Field(max_length=MAX_BLOCKS)] = ()

    @model_validator(mode="after")
    def _blocks_fit(self) -> Self:
        if len(set(self.levels)) < len(self.levels):
            raise ValueError("two levels have one name")
        if any(len(b.names) != len(self.levels) for b in self.blocks):
            raise ValueError("every block has a name for each of the levels")
        if sum(b.hosts for b in self.blocks) > self.hosts:
            raise ValueError("the blocks have more hosts than the pool")
        return self

    @model_validator(mode="after")
    def _countable(self) -> Self:
        for name, each in (
            ("memory_bytes", self.shape.memory_bytes),
            ("storage_bytes", self.shape.storage_bytes),
        ):
            if self.hosts * each > LARGEST:
                raise ValueError(f"{self.hosts} hosts have more {name} than can be counted")
        return self


class PoolReport(PoolFields):
    """A pool as an agent reports it to a parent.

    `id` is empty until the parent has issued one; `free` is what is left without the runs that this
    parent sent. `domains` are the domains behind which the pool lies, nearest to the reporter
    first. `queue_ahead` is how many runs may wait at the cluster beyond what is free. `closed` says
    why a pool is not open, where that is known.
    """

    id: str = ""
    site: str = ""
    site_name: str = ""
    cluster: str = ""
    free: tuple[Free, ...]
    domains: tuple[str, ...] = ()
    hops: Count = 0
    measured_host: MeasuredHost | None = None
    queue_ahead: Annotated[int, Field(ge=0, le=10_000)] = 0
    closed: Annotated[str, Field(max_length=200)] = ""


class PoolAnswer(Answer):
    """A pool as a server shows it: as reported, with what this server has running there."""

    id: str
    name: str
    site: str
    site_name: str
    cluster: str
    hosts: int
    shape: Shape
    free: tuple[Free, ...]
    free_devices_milli: int
    free_cpu_milli: int
    device_model: str | None
    emulated: bool
    open: bool
    silent: bool
    fabric: str
    fabric_gbps: int | None
    traits: tuple[str, ...]
    location: Place
    industries: tuple[str, ...]
    domains: tuple[str, ...]
    hops: int
    latency_us: int | None
    price_micro_per_device_hour: int
    price_micro_per_core_hour: int
    currency: str
    max_walltime_s: int | None
    measured_gflops: tuple[tuple[str, int], ...]
    levels: tuple[str, ...] = ()
    blocks: tuple[Block, ...] = ()
    energy_price_micro_per_kwh: tuple[int, ...] = ()
    measured_host: MeasuredHost | None = None
    closed: str = ""
    runs: int
    heard_at: float | None


def pool_from(report: PoolReport) -> Pool:
    """The core value of a report that carries its identifiers."""
    shape = report.shape
    return Pool(
        id=report.id,
        name=report.name,
        cluster=report.cluster,
        site=report.site,
        site_name=report.site_name,
        hosts=report.hosts,
        shape=HostShape(shape.cpu_milli, shape.memory_bytes, shape.devices, shape.storage_bytes),
        free=free_from(report.free),
        device_model=report.device_model,
        emulated=report.emulated,
        open=report.open,
        fabric=report.fabric,
        fabric_gbps=report.fabric_gbps,
        traits=report.traits,
        location=Location(**report.location.model_dump()),
        industries=report.industries,
        domains=report.domains,
        hops=report.hops,
        latency_us=report.latency_us,
        price_micro_per_device_hour=report.price_micro_per_device_hour,
        price_micro_per_core_hour=report.price_micro_per_core_hour,
        currency=report.currency,
        max_walltime_s=report.max_walltime_s,
        measured_gflops=report.measured_gflops,
        queue_ahead=report.queue_ahead,
        closed=report.closed,
        levels=report.levels,
        blocks=tuple(inventory.Block(b.names, b.hosts) for b in report.blocks),
        energy_price_micro_per_kwh=report.energy_price_micro_per_kwh,
        measured_host=_measured_from(report.measured_host),
    )


def report_of(pool: Pool, free: tuple[FreeShape, ...] | None = None) -> PoolReport:
    """A core pool on its way up, with other free shapes if given. Nothing queues behind a link: a
    parent sends only what can start.
    """
    shape, where = pool.shape, pool.location
    return PoolReport(
        id=pool.id,
        name=pool.name,
        cluster=pool.cluster,
        site=pool.site,
        site_name=pool.site_name,
        hosts=pool.hosts,
        shape=Shape(
            cpu_milli=shape.cpu_milli,
            memory_bytes=shape.memory_bytes,
            devices=shape.devices,
            storage_bytes=shape.storage_bytes,
        ),
        free=free_of(pool.free if free is None else free),
        device_model=pool.device_model,
        emulated=pool.emulated,
        open=pool.open,
        closed=pool.closed,
        fabric=pool.fabric,
        fabric_gbps=pool.fabric_gbps,
        traits=pool.traits,
        location=Place(
            region=where.region,
            country=where.country,
            latitude=where.latitude,
            longitude=where.longitude,
        ),
        industries=pool.industries,
        domains=pool.domains,
        hops=pool.hops,
        latency_us=pool.latency_us,
        price_micro_per_device_hour=pool.price_micro_per_device_hour,
        price_micro_per_core_hour=pool.price_micro_per_core_hour,
        currency=pool.currency,
        max_walltime_s=pool.max_walltime_s,
        measured_gflops=pool.measured_gflops,
        levels=pool.levels,
        blocks=tuple(Block(names=b.names, hosts=b.hosts) for b in pool.blocks),
        energy_price_micro_per_kwh=pool.energy_price_micro_per_kwh,
        measured_host=_measured_of(pool.measured_host),
    )


def _measured_from(told: MeasuredHost | None) -> inventory.MeasuredHost | None:
    return None if told is None else inventory.MeasuredHost(**told.model_dump())


def _measured_of(known: inventory.MeasuredHost | None) -> MeasuredHost | None:
    return None if known is None else MeasuredHost.model_validate(known, from_attributes=True)


def free_from(free: tuple[Free, ...]) -> tuple[FreeShape, ...]:
    """Wire to core."""
    return tuple(FreeShape(f.cpu_milli, f.memory_bytes, f.devices, f.hosts, f.block) for f in free)


def free_of(free: tuple[FreeShape, ...]) -> tuple[Free, ...]:
    """Core to wire."""
    return tuple(
        Free(
            hosts=f.hosts,
            cpu_milli=f.cpu_milli,
            memory_bytes=f.memory_bytes,
            devices=f.devices,
            block=f.block,
        )
        for f in free
    )
