"""Facets: ways to tell pools apart, and how many pools each of their values would leave.

Pools are told apart once (`indexed`): a value of a facet is a set of pools, kept as the bits of one
number. Who chooses then asks for sets that meet, which takes no time even with ten thousand pools.

Laws:
- Values of one facet are alternatives; facets, and the words searched for, all hold.
- A value's number is of the pools that it would leave with the other facets as they are.
- What is not known of a pool puts it under no value of that facet.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from weir.console import figures
from weir.core import devices
from weir.core import identifiers as law
from weir.core.devices import Precision
from weir.core.series import body_of
from weir.wire.pools import PoolAnswer

MICRO = 10**6
MEMORY_GIB = (16, 24, 32, 48, 64, 80, 96, 141)
AT_LEAST_TFLOPS: Mapping[Precision, tuple[int, ...]] = {
    Precision.FP64: (1, 10, 30),
    Precision.FP32: (10, 30, 60),
    Precision.BF16: (100, 300, 900),
    Precision.FP16: (100, 300, 900),
    Precision.FP8: (300, 1000, 2000),
    Precision.INT8: (200, 600, 1500),
}
FIGURES: Mapping[str, str] = {"nominal": "Nominal", "measured": "Measured there"}
"""Which figures of performance facets go by: the catalog's, or those that were measured there."""

FABRIC_GBPS = (100, 200, 400, 800)
PRICES = (2, 5, 10, 20, 50)
CORE_PRICES = (0.05, 0.1, 0.2, 0.5)
PUES = (1.15, 1.25, 1.3, 1.5)
CARBON_G = (100, 300, 500, 700)


@dataclass(frozen=True, slots=True)
class SiteFigures:
    """What was measured of a pool's site; None is unknown. Carbon is of this hour, g CO2e/kWh."""

    pue: float | None = None
    carbon_g_per_kwh: float | None = None


NOTHING_MEASURED = SiteFigures()


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


def _memory(pool: PoolAnswer, _: SiteFigures) -> Iterable[str]:
    found = memory_per_device(pool)
    return () if found is None else [f">= {s} GiB" for s in MEMORY_GIB if found >= s * 2**30]


def of_catalog(pool: PoolAnswer, precision: Precision) -> int | None:
    """GFLOPS of one accelerator as its maker states them; None if unknown or there is none."""
    if pool.device_model is None:
        return None
    figure = devices.find(pool.device_model).nominal.get(precision)
    return None if figure is None else figure.value


def measured_there(pool: PoolAnswer, precision: Precision) -> int | None:
    """GFLOPS of one accelerator as they were measured in the pool; None if nobody did."""
    if pool.device_model is None:
        return None
    return dict(pool.measured_gflops).get(precision.value)


def _performance(
    of: Callable[[PoolAnswer, Precision], int | None], precision: Precision
) -> Callable[[PoolAnswer, SiteFigures], Iterable[str]]:
    def values(pool: PoolAnswer, _: SiteFigures) -> Iterable[str]:
        found = of(pool, precision) or 0
        return [_fast(precision, n) for n in AT_LEAST_TFLOPS[precision] if found >= 1000 * n]

    return values


def _fast(precision: Precision, tera: int) -> str:
    return f">= {tera} {'TOPS' if precision is Precision.INT8 else 'TFLOPS'}"


def _price(pool: PoolAnswer, _: SiteFigures) -> Iterable[str]:
    price = pool.price_micro_per_device_hour
    if not pool.shape.devices or not price:
        return ()
    return [f"<= {n} {pool.currency}" for n in PRICES if price <= n * MICRO]


def _core_price(pool: PoolAnswer, _: SiteFigures) -> Iterable[str]:
    price = pool.price_micro_per_core_hour
    if pool.shape.devices or not price:
        return ()
    return [f"<= {n:g} {pool.currency}" for n in CORE_PRICES if price <= n * MICRO]


def _pue(_: PoolAnswer, site: SiteFigures) -> Iterable[str]:
    return () if site.pue is None else [f"<= {n:g}" for n in PUES if site.pue <= n]


def _carbon(_: PoolAnswer, site: SiteFigures) -> Iterable[str]:
    grams = site.carbon_g_per_kwh
    return () if grams is None else [f"<= {n} g/kWh" for n in CARBON_G if grams <= n]


def _fabric_speed(pool: PoolAnswer, _: SiteFigures) -> Iterable[str]:
    return [f">= {n} Gbit/s" for n in FABRIC_GBPS if (pool.fabric_gbps or 0) >= n]


def _domain_kind(pool: PoolAnswer, _: SiteFigures) -> Iterable[str]:
    """The tier of the domain that the site belongs to, as its identifier has it."""
    above = body_of(pool.site).split(".")[:-1]
    return (_KINDS.get(above[-1][0], "national"),) if len(above) > 1 else ("national",)


_KINDS = {law.LETTERS[kind]: kind.value for kind in (law.Kind.REGIONAL, law.Kind.INDUSTRY)}


def _by_currency(value: str) -> tuple[str, float]:
    """The order of classes of price: by currency, then by amount."""
    _, amount, currency = value.split(" ", 2)
    return currency, float(amount)


def _tier(pool: PoolAnswer, _: SiteFigures) -> Iterable[str]:
    return ("own",) if pool.hops == 0 else (f"through {pool.hops}",)


def _proven(pool: PoolAnswer, _: SiteFigures) -> Iterable[str]:
    if pool.device_model is None:
        return ()
    return ("measured",) if pool.measured_gflops else ("claimed",)


def _one(value: str | None) -> Iterable[str]:
    return (value,) if value else ()


@dataclass(frozen=True, slots=True)
class Facet:
    """One way to tell pools apart. `translated`: its values are words, not names. `ranked`: they
    are classes, shown in this order; `order`: in the order of what it makes of a value. `domains`:
    they are domains. `figures`: it goes by these figures of performance.
    """

    name: str
    label: str
    of: Callable[[PoolAnswer, SiteFigures], Iterable[str]]
    translated: bool = False
    ranked: tuple[str, ...] = ()
    domains: bool = False
    order: Callable[[str], tuple[str, float]] | None = None
    figures: str = ""


def _speeds() -> Iterable[Facet]:
    for figures_of, of in (("nominal", of_catalog), ("measured", measured_there)):
        for precision, least in AT_LEAST_TFLOPS.items():
            yield Facet(
                precision.value if figures_of == "nominal" else f"{precision.value}-{figures_of}",
                precision.upper(),
                _performance(of, precision),
                ranked=tuple(_fast(precision, n) for n in least),
                figures=figures_of,
            )


FACETS: tuple[Facet, ...] = (
    Facet("device", "Accelerator", lambda p, _: _one(p.device_model)),
    Facet("memory", "Accelerator memory", _memory, ranked=tuple(f">= {s} GiB" for s in MEMORY_GIB)),
    *_speeds(),
    Facet("price", "Price of an accelerator-hour", _price, order=_by_currency),
    Facet("core-price", "Price of a core-hour", _core_price, order=_by_currency),
    Facet("level", "Tier", _domain_kind, True),
    Facet("domain", "Domain", lambda p, _: p.domains, domains=True),
    Facet("region", "Region", lambda p, _: _one(p.location.region)),
    Facet("industry", "Industry", lambda p, _: p.industries),
    Facet("stack", "Software", lambda p, _: p.traits),
    Facet("fabric", "Fabric", lambda p, _: _one(p.fabric)),
    Facet(
        "fabric-speed",
        "Fabric bandwidth",
        _fabric_speed,
        ranked=tuple(f">= {n} Gbit/s" for n in FABRIC_GBPS),
    ),
    Facet("pue", "PUE", _pue, ranked=tuple(f"<= {n:g}" for n in PUES)),
    Facet("carbon", "Carbon intensity", _carbon, ranked=tuple(f"<= {n} g/kWh" for n in CARBON_G)),
    Facet("tier", "Way there", _tier, True),
    Facet("state", "State", lambda p, _: (figures.health(p),), True),
    Facet("proven", "Performance figures", _proven, True),
    Facet("real", "Kind", lambda p, _: ("emulated" if p.emulated else "real",), True),
)


@dataclass(frozen=True, slots=True)
class Choice:
    """A value of a facet: how many pools it would leave, and whether it is chosen."""

    value: str
    pools: int
    chosen: bool


@dataclass(frozen=True, slots=True)
class Index:
    """Pools told apart: `masks` by facet and value, a bit a pool; `texts` to search in words."""

    pools: Sequence[PoolAnswer]
    texts: Sequence[str]
    masks: Mapping[str, Mapping[str, int]]
    orders: dict[str, list[int]] = field(default_factory=dict)


def indexed(pools: Sequence[PoolAnswer], sites: Mapping[str, SiteFigures]) -> Index:
    """Tell pools apart. `sites` is what was measured, by the site's identifier."""
    rows: dict[str, dict[str, list[int]]] = {f.name: {} for f in FACETS}
    for number, pool in enumerate(pools):
        site = sites.get(pool.site, NOTHING_MEASURED)
        for facet in FACETS:
            values = rows[facet.name]
            for value in facet.of(pool, site):
                values.setdefault(value, []).append(number)
    masks = {n: {v: _mask(r, len(pools)) for v, r in vs.items()} for n, vs in rows.items()}
    return Index(pools, [_text(p) for p in pools], masks)


def _mask(rows: Iterable[int], size: int) -> int:
    bits = bytearray(size // 8 + 1)
    for row in rows:
        bits[row >> 3] |= 1 << (row & 7)
    return int.from_bytes(bits, "little")


def _text(pool: PoolAnswer) -> str:
    place = (pool.location.region, pool.location.country, *pool.industries)
    said = (pool.id, pool.name, pool.site_name, pool.device_model or "", pool.fabric, *pool.traits)
    return " ".join((*said, *place)).lower()


@dataclass(frozen=True, slots=True)
class Filtered:
    """The pools that are left, by their bits, and each facet's values with their numbers."""

    index: Index
    left: int
    facets: list[tuple[Facet, list[Choice]]]

    @property
    def count(self) -> int:
        """How many pools are left."""
        return self.left.bit_count()

    @property
    def pools(self) -> list[PoolAnswer]:
        """The pools that are left, as they were listed."""
        return [p for p, kept in zip(self.index.pools, self.kept(), strict=True) if kept]

    def kept(self) -> list[bool]:
        """For each pool whether it is left."""
        size = len(self.index.pools)
        return [bit == "1" for bit in f"{self.left:0{size}b}"[::-1]] if size else []


def filtered(
    index: Index,
    chosen: Mapping[str, Sequence[str]],
    words: str = "",
    figures_of: str = "nominal",
) -> Filtered:
    """What the chosen values and the words leave. Of the facets that go by figures of performance
    those of `figures_of` are told, and those of which something is chosen.
    """
    size = len(index.pools)
    wanted = words.lower().split()
    found = (1 << size) - 1
    if wanted:
        found = _mask((n for n, t in enumerate(index.texts) if all(w in t for w in wanted)), size)
    picks = {f.name: frozenset(chosen.get(f.name, ())) for f in FACETS if chosen.get(f.name)}
    holds = {name: _any(index.masks[name], values) for name, values in picks.items()}
    left = found
    for mask in holds.values():
        left &= mask
    facets = []
    for facet in FACETS:
        if facet.figures not in ("", figures_of) and facet.name not in picks:
            continue
        others = found
        for name, mask in holds.items():
            others &= mask if name != facet.name else -1
        choices = _choices(facet, index.masks[facet.name], picks.get(facet.name), others)
        if choices:
            facets.append((facet, choices))
    return Filtered(index, left, facets)


def _any(masks: Mapping[str, int], values: Iterable[str]) -> int:
    mask = 0
    for value in values:
        mask |= masks.get(value, 0)
    return mask


def _choices(
    facet: Facet, masks: Mapping[str, int], picks: frozenset[str] | None, others: int
) -> list[Choice]:
    picked = picks or frozenset()
    counts = {value: (mask & others).bit_count() for value, mask in masks.items()}
    values = {v for v, n in counts.items() if n} | picked
    choices = [Choice(v, counts.get(v, 0), v in picked) for v in values]
    choices.sort(key=lambda c: (not c.chosen, -c.pools, c.value))
    if facet.order is not None:
        order = facet.order
        choices.sort(key=lambda c: _placed(order, c.value))
    elif facet.ranked:
        place = {value: n for n, value in enumerate(facet.ranked)}
        choices.sort(key=lambda c: place.get(c.value, len(place)))
    return choices


def _placed(order: Callable[[str], tuple[str, float]], value: str) -> tuple[bool, str, float]:
    """Where a value stands; one that is no such class, as an address may have it, after all."""
    try:
        return (False, *order(value))
    except ValueError:
        return True, value, 0.0
