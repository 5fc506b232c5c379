"""A network of computing centers for a study: an inventory's hosts dealt out to sites.

What a study needs and no trace has, how large each center is, where it stands, how well it is
cooled, how wide the lines are, is assumed here in the open: `Assumptions` has every such number.

Laws:
- Nothing is known of the demand: shares fall as 1/rank (Zipf), and chance alone says which site has
  which rank. So some sites are too small for what their members want and others are idle.
- Each kind of host (model, devices, CPU) is dealt by the shares, whole hosts, largest remainder
  first; every host of the inventory that is taken stands at exactly one site.
- The same rows, names and seed give the same sites.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from weir.core.devices import UnknownDevice, find
from weir.core.errors import BadInput, Mistake
from weir.core.inventory import DEVICE_MILLI, HostShape, Location, Pool, all_free
from weir.sim.networks import PLENTY_BYTES
from weir.sim.workload import Workload

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

WEEK_S = 7 * 86400
_EARTH_KM = 6371.0
_FIBER_KM_PER_MS = 200.0  # light in glass: about two thirds of its speed in vacuum


@dataclass(frozen=True, slots=True)
class HostRow:
    """A host of an inventory: whole devices of one model, and cores."""

    model: str
    devices: int
    cpu: int
    host: str


@dataclass(frozen=True, slots=True)
class Feed:
    """Where a curve is to be read: a CSV (relative to the folder of traces) and a column of it.

    `weeks` is how many weeks the data lie after the time that they stand for (below 0: before), so
    that hours and weekdays stay what they are. Values times `factor` are per kWh.
    """

    file: str
    column: str
    weeks: int = 0
    factor: float = 1.0


@dataclass(frozen=True, slots=True)
class Zone:
    """A part of the electric grid: where it is, and its price and carbon intensity."""

    name: str
    location: Location
    price: Feed
    carbon: Feed


@dataclass(frozen=True, slots=True)
class Assumptions:
    """What no trace says. All are assumptions of the study, and none is a fact about anybody.

    `zipf` is the exponent of the shares; PUE is drawn evenly from `pue`; `power_w` is what a device
    draws where the table of devices has no figure of its own (400 W is that of the A100 there).
    Lines are `near_gbps` wide within a zone and `far_gbps` between zones; a way in fiber is
    `detour` times the great circle. A job is deferrable with chance `deferrable` and then has
    `patience_s`; what it has to move is log-normal around `data_bytes` with `data_sigma`, and at
    most `most_data_bytes`.
    """

    zipf: float = 1.0
    pue: tuple[float, float] = (1.1, 1.6)
    power_w: int = 400
    near_gbps: float = 100.0
    far_gbps: float = 10.0
    detour: float = 1.5
    deferrable: float = 0.3
    patience_s: float = 12 * 3600.0
    data_bytes: float = 10e9
    data_sigma: float = 1.0
    most_data_bytes: float = 1e12


@dataclass(frozen=True, slots=True)
class Site:
    """A center: its pools, its zone, and how much power it needs for one of IT (PUE)."""

    name: str
    zone: Zone
    pools: tuple[Pool, ...]
    pue: float

    @property
    def devices(self) -> int:
        """Devices of all its pools."""
        return sum(pool.devices for pool in self.pools)


def one_in(rows: Iterable[HostRow], every: int) -> tuple[HostRow, ...]:
    """One host in `every` of each kind (rounded), so that the sample has the mix of the whole.

    Raises `BadInput` if `every` is below 1.
    """
    if every < 1:
        raise BadInput(
            "One host in how many is to be taken?", [Mistake("every", "takes 1 or more")]
        )
    kinds: dict[tuple[str, int, int], list[HostRow]] = {}
    for row in rows:
        kinds.setdefault((row.model, row.devices, row.cpu), []).append(row)
    return tuple(
        row for _, kind in sorted(kinds.items()) for row in kind[: int(len(kind) / every + 0.5)]
    )


def zipf_shares(sites: int, seed: int, exponent: float = 1.0) -> Floats:
    """Shares of a whole that fall as 1/rank**exponent; chance says which site has which rank."""
    if sites < 1:
        raise BadInput("How many sites are there?", [Mistake("sites", "takes 1 or more")])
    shares = np.random.default_rng(seed).permutation(1.0 / np.arange(1, sites + 1) ** exponent)
    return np.asarray(shares / shares.sum())


def dealt(count: int, shares: Floats) -> Ints:
    """`count` whole things by shares: rounded down, then the largest remainders, first ones first.

    The sum is `count`, and no site is one or more away from its exact share.
    """
    exact = shares * count
    whole = np.floor(exact + 1e-9).astype(np.int64)
    left = count - int(whole.sum())
    whole[np.argsort(whole - exact, kind="stable")[:left]] += 1
    return whole


def build_sites(
    rows: Sequence[HostRow],
    names: Sequence[str],
    zones: Sequence[Zone],
    seed: int,
    assumed: Assumptions | None = None,
) -> tuple[Site, ...]:
    """The network: a site a name, in that order. Raises `BadInput` with every mistake.

    Zones are dealt in turn to sites in an order of chance, so each has as many sites as the others
    or one more. Pools are named by model, devices and cores of a host.
    """
    assumed = assumed or Assumptions()
    _check(rows, names, zones)
    chance = np.random.default_rng([seed, 1])
    shares = zipf_shares(len(names), seed, assumed.zipf)
    zone_of = chance.permutation(np.arange(len(names)) % len(zones))
    pue = np.round(chance.uniform(*assumed.pue, len(names)), 2)
    kinds = Counter((row.model, row.devices, row.cpu) for row in rows)
    hosts = {kind: dealt(count, shares) for kind, count in sorted(kinds.items())}
    return tuple(
        Site(
            name,
            zones[zone_of[at]],
            tuple(
                _pool(name, zones[zone_of[at]].location, kind, int(count[at]))
                for kind, count in hosts.items()
                if count[at]
            ),
            float(pue[at]),
        )
        for at, name in enumerate(names)
    )


def _check(rows: Sequence[HostRow], names: Sequence[str], zones: Sequence[Zone]) -> None:
    mistakes = [
        Mistake(f"rows[{at}]", f"host {row.host!r} has {row.devices} devices and {row.cpu} cores")
        for at, row in enumerate(rows)
        if row.devices < 1 or row.cpu < 1
    ][:10]
    if not rows:
        mistakes.append(Mistake("rows", "has no host"))
    if not names or len(set(names)) < len(names) or not all(names):
        mistakes.append(Mistake("names", "needs names, all different"))
    if not zones:
        mistakes.append(Mistake("zones", "has no zone"))
    if mistakes:
        raise BadInput("No network can be made of this.", mistakes)


def _pool(site: str, where: Location, kind: tuple[str, int, int], hosts: int) -> Pool:
    model, devices, cpu = kind
    shape = HostShape(cpu * 1000, PLENTY_BYTES, devices)
    name = f"{model.lower()}-x{devices}-{cpu}c"
    return Pool(
        currency="EUR",
        id=f"{site}/{name}",
        name=name,
        cluster=site,
        site=site,
        site_name=site,
        hosts=hosts,
        shape=shape,
        free=all_free(hosts, shape),
        device_model=model,
        emulated=True,
        location=where,
    )


def power_w(model: str | None, otherwise: int) -> int:
    """What a device draws at full load by the table of devices, else `otherwise`."""
    try:
        figure = find(model).power_w if model else None
    except UnknownDevice:
        figure = None
    return figure.value if figure else otherwise


def distance_km(a: Location, b: Location) -> float:
    """Great circle between two places (haversine); NaN where a place is not known."""
    (north_a, east_a), (north_b, east_b) = _radians(a), _radians(b)
    half = math.sin((north_b - north_a) / 2) ** 2
    half += math.cos(north_a) * math.cos(north_b) * math.sin((east_b - east_a) / 2) ** 2
    return 2 * _EARTH_KM * math.asin(math.sqrt(half))


def _radians(place: Location) -> tuple[float, float]:
    if place.latitude is None or place.longitude is None:
        return math.nan, math.nan
    return math.radians(place.latitude), math.radians(place.longitude)


def latency_us(sites: Sequence[Site], assumed: Assumptions) -> Ints:
    """Round trips between sites: light there and back in fiber with its detour; -1 unknown."""
    where = [site.zone.location for site in sites]
    km = np.array([[distance_km(a, b) for b in where] for a in where])
    found = np.rint(2 * km * assumed.detour / _FIBER_KM_PER_MS * 1000)
    return np.where(np.isnan(found), -1, found).astype(np.int64)


def bandwidth_bytes_s(sites: Sequence[Site], assumed: Assumptions) -> Floats:
    """Bytes per second between sites; infinite within one."""
    zone = np.array([site.zone.name for site in sites])
    near = zone[:, None] == zone[None, :]
    gbps = np.where(near, assumed.near_gbps, assumed.far_gbps)
    return np.where(np.eye(len(sites), dtype=np.bool_), np.inf, gbps * 1e9 / 8)


def as_gangs(devices: Ints, per_host: int = 8) -> tuple[Ints, Ints]:
    """Devices that jobs ask for as (tasks, devices of each), for hosts of `per_host` devices.

    Up to that many, one task, where they divide it; otherwise equal tasks of the largest size that
    divides both: 12 are 3 tasks of 4, 16 are 2 of 8.
    """
    each = np.gcd(devices, per_host)
    return np.where(devices > 0, devices // np.maximum(each, 1), 1), each * (devices > 0)


def with_assumptions(load: Workload, seed: int, assumed: Assumptions) -> Workload:
    """The jobs as gangs, some of them deferrable, each with data to move from its home.

    A job of several devices in one task becomes a gang (`as_gangs`); other jobs stay as they are.
    """
    chance = np.random.default_rng([seed, 2])
    rows = len(load)
    patience = np.where(chance.random(rows) < assumed.deferrable, assumed.patience_s, 0.0)
    data = np.exp(chance.normal(np.log(assumed.data_bytes), assumed.data_sigma, rows))
    whole = (load.tasks == 1) & (load.device_milli >= DEVICE_MILLI)
    tasks, each = as_gangs(load.device_milli // DEVICE_MILLI)
    return replace(
        load,
        tasks=np.where(whole, tasks, load.tasks),
        device_milli=np.where(whole, each * DEVICE_MILLI, load.device_milli),
        cpu_milli=np.where(whole, load.cpu_milli // np.maximum(tasks, 1), load.cpu_milli),
        memory_bytes=np.where(whole, load.memory_bytes // np.maximum(tasks, 1), load.memory_bytes),
        patience_s=patience,
        data_bytes=np.minimum(data, assumed.most_data_bytes).astype(np.int64),
    )
