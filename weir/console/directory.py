"""Directory: pools gathered into sites, sorted and paged. All of it pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from weir.console import figures
from weir.console.facets import Filtered, nominal
from weir.core.devices import Precision
from weir.wire.pools import PoolAnswer

PAGE = 30


@dataclass(frozen=True, slots=True)
class Site:
    """A computing center: what its pools are together. Devices and CPU in thousandths."""

    id: str
    name: str
    pools: tuple[PoolAnswer, ...]
    devices: int
    devices_free: int
    cpu: int
    cpu_free: int
    hosts: int
    runs: int
    silent: int

    @property
    def first(self) -> PoolAnswer:
        """Any pool: what they say of their site is the same."""
        return self.pools[0]

    @property
    def used(self) -> float | None:
        """The share that is held: of accelerators where there are some, or else of CPU."""
        whole, free = (
            (self.devices, self.devices_free) if self.devices else (self.cpu, self.cpu_free)
        )
        return max(0.0, 1 - free / whole) if whole else None

    @property
    def health(self) -> str:
        """`silent` if no pool is heard of, `partly` if some are not, else `open` or `closed`."""
        if self.silent:
            return "silent" if self.silent == len(self.pools) else "partly"
        return "open" if any(p.open for p in self.pools) else "closed"


def sites_of(pools: Iterable[PoolAnswer]) -> list[Site]:
    """The sites of these pools, by name."""
    grouped: dict[str, list[PoolAnswer]] = {}
    for pool in pools:
        grouped.setdefault(pool.site, []).append(pool)
    found = [
        Site(
            id=site,
            name=group[0].site_name,
            pools=tuple(sorted(group, key=lambda p: p.name)),
            devices=sum(figures.devices(p) for p in group) * figures.MILLI,
            devices_free=sum(p.free_devices_milli for p in group),
            cpu=sum(p.hosts * p.shape.cpu_milli for p in group),
            cpu_free=sum(p.free_cpu_milli for p in group),
            hosts=sum(p.hosts for p in group),
            runs=sum(p.runs for p in group),
            silent=sum(p.silent for p in group),
        )
        for site, group in grouped.items()
    ]
    return sorted(found, key=lambda s: (s.name, s.id))


def _free_first(pool: PoolAnswer) -> tuple[float, ...]:
    return (-pool.free_devices_milli, -pool.free_cpu_milli)


SORTS: Mapping[str, tuple[str, Callable[[PoolAnswer], tuple[float | str, ...]]]] = {
    "free": ("Most free", _free_first),
    "name": ("Name", lambda p: (p.site_name, p.name)),
    "size": ("Largest", lambda p: (-figures.devices(p), -p.hosts * p.shape.cpu_milli)),
    "price": (
        "Price",
        lambda p: (p.currency, p.price_micro_per_device_hour or p.price_micro_per_core_hour),
    ),
    "near": ("Nearest", lambda p: (p.latency_us if p.latency_us is not None else 1e12,)),
    "fast": ("Fastest at BF16", lambda p: (-(nominal(p, Precision.BF16) or 0),)),
}


@dataclass(frozen=True, slots=True)
class Page:
    """Some pools of a sorted list; `before` and `after` are the pages around, None for none."""

    pools: list[PoolAnswer]
    number: int
    pages: int


def paged(found: Filtered, sort: str, number: int, size: int = PAGE) -> Page:
    """One page of the pools that are left, in an order that ids make total."""
    sort = sort if sort in SORTS else "free"
    pools, orders = found.index.pools, found.index.orders
    if sort not in orders:  # the same whatever is chosen: worked out once
        key = SORTS[sort][1]
        orders[sort] = sorted(range(len(pools)), key=lambda n: (*key(pools[n]), pools[n].id))
    kept = found.kept()
    ordered = [n for n in orders[sort] if kept[n]]
    pages = max(1, -(-len(ordered) // size))
    number = min(max(1, number), pages)
    return Page([pools[n] for n in ordered[(number - 1) * size : number * size]], number, pages)
