"""Pools as people write them, in a network file or in an agent's: quantities have their units.

What is said around some pools, of prices, latency, location and industries, holds for each of them
unless it says otherwise itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Self, TypeVar

from pydantic import AfterValidator, Field, model_validator

from weir.core import units
from weir.core.devices import Precision
from weir.wire.base import Wire
from weir.wire.jobspec import Bytes, Cpu, DeviceName, Duration, Latency, Name, Performance, Price
from weir.wire.pools import Block, Place, PoolFields, Shape

T = TypeVar("T")


def _not_empty(items: tuple[T, ...]) -> tuple[T, ...]:
    """Unlike `min_length`, this says nothing of items that have mistakes themselves."""
    if not items:
        raise ValueError("needs at least one entry")
    return items


Some = Annotated[tuple[T, ...], AfterValidator(_not_empty)]


Span = Annotated[str, Field(pattern=r"^([01]?\d|2[0-4])-([01]?\d|2[0-4])$")]


class EnergyPrice(Wire):
    """What a kWh costs: `base`, and in `hours` of the day, from one to another as `23-7`, something
    else. Hours are those of clocks that are `utc_offset` hours ahead of UTC.
    """

    base: Price
    hours: dict[Span, Price] = Field(default_factory=dict)
    utc_offset: Annotated[int, Field(ge=-12, le=14)] = 0

    @model_validator(mode="after")
    def _each_hour_once(self) -> Self:
        taken = [hour for span in self.hours for hour in _hours(span)]
        twice = sorted({hour for hour in taken if taken.count(hour) > 1})
        if twice:
            raise ValueError(f"hours: {twice[0]} to {twice[0] + 1} o'clock has two prices")
        return self

    def micro_per_kwh(self) -> tuple[int, ...]:
        """The prices of the hours of a day in UTC, or the only one."""
        base = _micro(self.base)
        if not self.hours:
            return (base,)
        local = [base] * 24
        for span, price in self.hours.items():
            for hour in _hours(span):
                local[hour] = _micro(price)
        return tuple(local[(hour + self.utc_offset) % 24] for hour in range(24))


def _hours(span: str) -> list[int]:
    """The hours of `23-7`: from 23 o'clock until 7; of `0-24` all, of `7-7` none."""
    first, last = (int(part) for part in span.split("-"))
    return [hour % 24 for hour in range(first, last if last >= first else last + 24)]


class OfferEntry(Wire):
    """On which terms a pool is offered; a site gives them for all its pools, a pool for itself."""

    location: Place | None = None
    industries: tuple[Name, ...] | None = None
    latency: Latency | None = None
    price_per_device_hour: Price | None = None
    price_per_core_hour: Price | None = None
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] | None = None
    max_walltime: Duration | None = None
    energy_price: EnergyPrice | None = None


class TopologyEntry(Wire):
    """Which hosts share a rack, a switch and so on: `levels` of blocks, the outermost first, and
    the innermost `blocks` by their names on every level, as `zone-a/r1`, with how many hosts each
    has.
    """

    levels: Some[Name]
    blocks: dict[str, Annotated[int, Field(ge=1, le=1_000_000)]]


class PoolEntry(OfferEntry):
    """Equal hosts: what one host has, and how many there are.

    `emulated` hosts have what is written, and their processes run on this machine. A pool with
    `detect` is this machine with the CPUs and the memory that it really has.
    """

    name: Name
    hosts: Annotated[int, Field(ge=1, le=1_000_000)] = 1
    cpu: Cpu | None = None
    memory: Bytes | None = None
    storage: Bytes | None = None
    devices: Annotated[int, Field(ge=0, le=1024)] = 0
    device_model: DeviceName | None = None
    emulated: bool = False
    detect: bool = False
    open: bool = True
    fabric: Name | None = None
    fabric_gbps: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    traits: tuple[Name, ...] = ()
    measured: dict[Precision, Performance] = Field(default_factory=dict)
    topology: TopologyEntry | None = None

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if self.detect and (self.emulated or self.hosts > 1):
            raise ValueError("detect takes this machine as it is: one host, and not emulated")
        if self.detect and (self.cpu is not None or self.memory is not None):
            raise ValueError("detect finds cpu and memory: leave them out")
        if not self.detect and (self.cpu is None or self.memory is None):
            raise ValueError("needs cpu and memory of one host, or detect: true")
        if bool(self.devices) != (self.device_model is not None):
            raise ValueError("devices (how many per host) and device_model go together")
        if self.topology is not None:
            self._check_blocks(self.topology)
        return self

    def _check_blocks(self, topology: TopologyEntry) -> None:
        levels, blocks = topology.levels, topology.blocks
        if len(set(levels)) < len(levels):
            raise ValueError("topology has two levels of one name")
        wrong = sorted(b for b in blocks if len(b.split("/")) != len(levels))
        if wrong:
            like = "/".join(f"{level}-1" for level in levels)
            raise ValueError(f"topology: {wrong[0]} does not name every level, as {like} does")
        if sum(blocks.values()) > self.hosts:
            raise ValueError("the blocks of topology have more hosts than the pool")


class PoolsFile(OfferEntry):
    """The pools of one cluster, and what holds for all of them."""

    pools: Some[PoolEntry]


def pool_fields(around: OfferEntry, pool: PoolEntry, machine: Shape) -> PoolFields:
    """A pool as the agent's settings want it; `machine` is what `detect` finds."""
    offer = {
        name: getattr(pool, name) if getattr(pool, name) is not None else getattr(around, name)
        for name in OfferEntry.model_fields
    }
    return PoolFields(
        name=pool.name,
        hosts=pool.hosts,
        shape=_shape(pool, machine),
        device_model=pool.device_model,
        emulated=pool.emulated,
        open=pool.open,
        fabric=pool.fabric or "",
        fabric_gbps=pool.fabric_gbps,
        traits=pool.traits,
        **_terms(offer),
        measured_gflops=tuple(
            (precision.value, units.parse_gflops(value))
            for precision, value in pool.measured.items()
        ),
        **_blocks(pool.topology),
    )


def _blocks(topology: TopologyEntry | None) -> dict[str, Any]:
    if topology is None:
        return {}
    found = [Block(names=tuple(name.split("/")), hosts=n) for name, n in topology.blocks.items()]
    return {"levels": topology.levels, "blocks": tuple(found)}


def site_terms(around: OfferEntry) -> dict[str, Any]:
    """What is said around pools as `PoolTerms` has it, without what is left out."""
    offer = {n: v for n in OfferEntry.model_fields if (v := getattr(around, n)) is not None}
    terms = _terms({**dict.fromkeys(OfferEntry.model_fields), **offer})
    return {_TERMS[name]: terms[_TERMS[name]] for name in offer}


_TERMS = {
    "location": "location",
    "industries": "industries",
    "latency": "latency_us",
    "price_per_device_hour": "price_micro_per_device_hour",
    "price_per_core_hour": "price_micro_per_core_hour",
    "currency": "currency",
    "max_walltime": "max_walltime_s",
    "energy_price": "energy_price_micro_per_kwh",
}
"""Each field of an offer, and what `PoolTerms` calls it."""


def _terms(offer: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "location": offer["location"] or Place(),
        "industries": offer["industries"] or (),
        "latency_us": _microseconds(offer["latency"]),
        "price_micro_per_device_hour": _micro(offer["price_per_device_hour"]),
        "price_micro_per_core_hour": _micro(offer["price_per_core_hour"]),
        "currency": offer["currency"] or "CNY",
        "max_walltime_s": offer["max_walltime"] and units.parse_duration_s(offer["max_walltime"]),
        "energy_price_micro_per_kwh": offer["energy_price"].micro_per_kwh()
        if offer["energy_price"]
        else (),
    }


def _shape(pool: PoolEntry, machine: Shape) -> Shape:
    return Shape(
        cpu_milli=units.parse_cpu_milli(pool.cpu) if pool.cpu else machine.cpu_milli,
        memory_bytes=units.parse_bytes(pool.memory) if pool.memory else machine.memory_bytes,
        devices=pool.devices,
        storage_bytes=units.parse_bytes(pool.storage) if pool.storage else 0,
    )


def _micro(price: str | None) -> int:
    return 0 if price is None else units.parse_price_micro(price)


def _microseconds(latency: str | None) -> int | None:
    """Microseconds of what `Latency` has let through: a number with us, ms or s."""
    if latency is None:
        return None
    text = latency.strip().lower()
    suffix, factor = next(
        u for u in (("us", 1), ("ms", 1_000), ("s", 1_000_000)) if text.endswith(u[0])
    )
    return round(float(text[: -len(suffix)]) * factor)
