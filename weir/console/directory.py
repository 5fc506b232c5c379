"""Directory: pools gathered into sites, told apart by facets, sorted and paged. All of it pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from weir.console import figures
from weir.core import devices
from weir.core.devices import Precision
from weir.wire.pools import PoolAnswer

PAGE = 50


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


def memory_per_device(pool: PoolAnswer) -> int | None:
    """Bytes of one accelerator, by the catalog; None if unknown or there is none."""
    if pool.device_model is None:
        return None
    figure = devices.find(pool.device_model).memory_bytes
    return None if figure is None else figure.value


def nominal(pool: PoolAnswer, precision: Precision) -> int | None:
    """GFLOPS of one accelerator by the catalog; None if unknown or there is none."""
    if pool.device_model is None:
        return None
    return devices.performance_gflops(devices.find(pool.device_model), precision)


def _memory_class(pool: PoolAnswer) -> Iterable[str]:
    found = memory_per_device(pool)
    if found is None:
        return ()
    gib = found / 2**30
    return [f">= {s} GiB" for s in (16, 24, 32, 48, 64, 80, 96, 141) if gib >= s]


def _tier(pool: PoolAnswer) -> Iterable[str]:
    return ("own",) if pool.hops == 0 else (f"through {pool.hops}",)


def _one(value: str | None) -> Iterable[str]:
    return (value,) if value else ()


@dataclass(frozen=True, slots=True)
class Facet:
    """One way to tell pools apart. `translated`: its values are words, not names."""

    name: str
    label: str
    of: Callable[[PoolAnswer], Iterable[str]]
    translated: bool = False


FACETS: tuple[Facet, ...] = (
    Facet("device", "Accelerator", lambda p: _one(p.device_model)),
    Facet("memory", "Accelerator memory", _memory_class),
    Facet("region", "Region", lambda p: _one(p.location.region)),
    Facet("industry", "Industry", lambda p: p.industries),
    Facet("stack", "Software", lambda p: p.traits),
    Facet("fabric", "Fabric", lambda p: _one(p.fabric)),
    Facet("tier", "Way there", _tier, True),
    Facet("state", "State", lambda p: (figures.health(p),), True),
    Facet("real", "Kind", lambda p: ("emulated" if p.emulated else "real",), True),
)


@dataclass(frozen=True, slots=True)
class Choice:
    """A value of a facet: how many pools it would leave, and whether it is chosen."""

    value: str
    pools: int
    chosen: bool


@dataclass(frozen=True, slots=True)
class Filtered:
    """The pools that are left, and each facet's values counted over those the others leave."""

    pools: list[PoolAnswer]
    facets: list[tuple[Facet, list[Choice]]]


def filtered(
    pools: Sequence[PoolAnswer], chosen: Mapping[str, Sequence[str]], words: str = ""
) -> Filtered:
    """Values of one facet are alternatives; facets, and the words searched for, all hold."""
    wanted = words.lower().split()
    found = [p for p in pools if _says(p, wanted)] if wanted else list(pools)
    tags = {f.name: [frozenset(f.of(p)) for p in found] for f in FACETS}
    active = {f.name: frozenset(chosen.get(f.name, ())) for f in FACETS if chosen.get(f.name)}
    fails = [
        [n for n, values in active.items() if not values & tags[n][i]] for i in range(len(found))
    ]
    facets = []
    for facet in FACETS:
        counts: Counter[str] = Counter()
        for i, failed in enumerate(fails):
            if not failed or failed == [facet.name]:
                counts.update(tags[facet.name][i])
        values = counts.keys() | active.get(facet.name, frozenset())
        choices = [Choice(v, counts[v], v in active.get(facet.name, ())) for v in values]
        choices.sort(key=lambda c: (not c.chosen, -c.pools, c.value))
        if facet.name == "memory":
            choices.sort(key=lambda c: int(c.value.split()[1]))
        if choices:
            facets.append((facet, choices))
    return Filtered([p for p, failed in zip(found, fails, strict=True) if not failed], facets)


def _says(pool: PoolAnswer, wanted: Sequence[str]) -> bool:
    place = (pool.location.region, pool.location.country, *pool.industries)
    said = (pool.id, pool.name, pool.site_name, pool.device_model or "", pool.fabric, *pool.traits)
    text = " ".join((*said, *place)).lower()
    return all(w in text for w in wanted)


def _free_first(pool: PoolAnswer) -> tuple[float, ...]:
    return (-pool.free_devices_milli, -pool.free_cpu_milli)


SORTS: Mapping[str, tuple[str, Callable[[PoolAnswer], tuple[float | str, ...]]]] = {
    "free": ("Most free", _free_first),
    "name": ("Name", lambda p: (p.site_name, p.name)),
    "size": ("Largest", lambda p: (-figures.devices(p), -p.hosts * p.shape.cpu_milli)),
    "price": ("Price", lambda p: (p.price_micro_per_device_hour or p.price_micro_per_core_hour,)),
    "near": ("Nearest", lambda p: (p.latency_us if p.latency_us is not None else 1e12,)),
    "fast": ("Fastest at BF16", lambda p: (-(nominal(p, Precision.BF16) or 0),)),
}


@dataclass(frozen=True, slots=True)
class Page:
    """Some pools of a sorted list; `before` and `after` are the pages around, None for none."""

    pools: list[PoolAnswer]
    number: int
    pages: int


def paged(pools: list[PoolAnswer], sort: str, number: int, size: int = PAGE) -> Page:
    """One page of pools in an order that ids make total."""
    key = SORTS.get(sort, SORTS["free"])[1]
    ordered = sorted(pools, key=lambda p: (*key(p), p.id))
    pages = max(1, -(-len(ordered) // size))
    number = min(max(1, number), pages)
    return Page(ordered[(number - 1) * size : number * size], number, pages)
