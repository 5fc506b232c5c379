"""The case of `across_centers`: 15 virtual clusters of Philly as 15 sites of a made network.

From the traces: jobs, their virtual clusters, the mix of hosts, curves of price and carbon. All the
rest is assumed, in `weir.sim.sites.Assumptions` and here: which curve stands for which zone.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path

import numpy as np
import numpy.typing as npt

from weir.core.inventory import DEVICE_MILLI, Location, Pool
from weir.sim.curves import load_curve
from weir.sim.loaders.columns import load_csv
from weir.sim.sites import (
    WEEK_S,
    Assumptions,
    Feed,
    HostRow,
    Site,
    Zone,
    build_sites,
    one_in,
    power_w,
    with_assumptions,
)
from weir.sim.workload import Floats, Ints, Workload, rows_of

HOUR_S = 3600.0
WEEK_HOURS = 7 * 24
TAIL_HOURS = 500 * 24  # on their own some sites need more than a year to get through
LONGEST_GAP_S = 48 * HOUR_S
JOBS = "philly/philly.csv"
INVENTORY = "inventory/node_info_df.csv"
USD_PER_EUR = 1.13  # mean of 2017, European Central Bank


def _price(market: str, weeks: int, usd: bool = False) -> Feed:
    factor = 1e-3 / (USD_PER_EUR if usd else 1.0)
    return Feed(f"prices/Forecasts_{market}_DNN_LEAR_ensembles.csv", "Real price", weeks, factor)


def _carbon(file: str, column: str, weeks: int) -> Feed:
    return Feed(f"carbon/{file}", column, weeks, 1e-3)


# Jobs are of autumn 2017. Prices are of the same time where there are any, otherwise one or two
# years older (-52 and -104 weeks); carbon is of 2020 (156) or 2021 (208). No set of data has the
# prices of France, Spain, Britain or California: Belgium, Belgium a year earlier, Nord Pool and
# PJM stand for them.
ZONES = {
    "de": ("DE", 50.1, 8.7, _price("DE", 0), _carbon("lwa_ger_ci.csv", "Carbon Intensity", 156)),
    "fr": ("FR", 48.9, 2.4, _price("BE", -52), _carbon("lwa_fr_ci.csv", "Carbon Intensity", 156)),
    "gb": ("GB", 51.5, -0.1, _price("NP", 0), _carbon("lwa_gb_ci.csv", "Carbon Intensity", 156)),
    "es": ("ES", 40.4, -3.7, _price("BE", -104), _carbon("ES_2021_hourly.csv", "(LCA)", 208)),
    "ca": (
        "US", 37.4, -121.9, _price("PJM", 0, usd=True),
        _carbon("US-CAL-CISO_2021_hourly.csv", "(LCA)", 208),
    ),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Places:
    """Pools of a site that cost the same, with hosts of one device or of several: a row each.

    `site` is the site's row, `eur` and `kg` what a device costs in each hour (row, hour), PUE and
    all; `of_pool` is the row of a pool by its identifier.
    """

    site: Ints
    devices: Floats
    hosts: tuple[tuple[tuple[int, int], ...], ...]  # (hosts, devices of each)
    eur: Floats
    kg: Floats
    of_pool: dict[str, int]


@dataclass(frozen=True, slots=True)
class CenterCase:
    """Jobs, sites in the order of the jobs' homes, and what their places have and cost.

    `price` (EUR per kWh) and `carbon` (kg per kWh) are by zone, an hour each from `load.epoch_s`.
    `left_out` counts jobs that are larger than every pool and are in no figure.
    """

    load: Workload
    sites: tuple[Site, ...]
    places: Places
    price: Mapping[str, Floats]
    carbon: Mapping[str, Floats]
    left_out: int

    @property
    def devices(self) -> Floats:
        """Devices of each site."""
        return np.array([site.devices for site in self.sites], dtype=np.float64)

    @property
    def home(self) -> Ints:
        """The site that each job comes from."""
        row = {site.name: at for at, site in enumerate(self.sites)}
        of = np.array([row[name] for name in self.load.home.names], dtype=np.int64)
        return np.asarray(of[self.load.home.codes])

    def fits(self) -> npt.NDArray[np.bool_]:
        """Whether each job would fit an empty pool of a place: (jobs, places)."""
        return fitting(self.load, self.places)


def fitting(load: Workload, places: Places) -> npt.NDArray[np.bool_]:
    """Whether each job would fit an empty pool of a place: (jobs, places)."""
    each = np.maximum(load.device_milli // DEVICE_MILLI, 1)
    room = [
        np.max([hosts * (devices // each) for hosts, devices in pools], axis=0)
        for pools in places.hosts
    ]
    return np.asarray(np.stack(room, axis=1) >= load.tasks[:, None])


def missing(traces: Path) -> list[str]:
    """Files of the case that the folder has not."""
    feeds = [feed.file for zone in zones() for feed in (zone.price, zone.carbon)]
    needed = dict.fromkeys([JOBS, INVENTORY, *feeds])
    return [name for name in needed if not (traces / name).is_file()]


def read_case(traces: Path, every: int, seed: int, assumed: Assumptions) -> CenterCase:
    """The case from a folder of traces, with one host in `every` of the inventory."""
    columns = "submit=timestamp,duration=duration,devices=num_gpus,home=cluster,user=cluster"
    load = with_assumptions(load_csv(traces / JOBS, columns), seed, assumed)
    hosts = one_in(read_inventory(traces / INVENTORY), every)
    sites = build_sites(hosts, sorted(load.home.names), zones(), seed, assumed)
    hours = int(float((load.submit_s + load.duration_s).max()) // HOUR_S) + TAIL_HOURS
    price, carbon = (
        {z.name: read_hourly(traces, feed(z), load.epoch_s, hours) for z in zones()}
        for feed in (attrgetter("price"), attrgetter("carbon"))
    )
    places = places_of(sites, price, carbon, assumed)
    small = np.flatnonzero(fitting(load, places).any(axis=1))
    return CenterCase(
        rows_of(load, small), sites, places, price, carbon, left_out=len(load) - len(small)
    )


def read_inventory(path: Path) -> tuple[HostRow, ...]:
    """The hosts of the inventory trace."""
    with path.open(newline="", encoding="utf-8") as file:
        return tuple(
            HostRow(
                row["gpu_model"],
                int(row["gpu_capacity_num"]),
                int(row["cpu_num"]),
                row["node_name"],
            )
            for row in csv.DictReader(file)
        )


def zones() -> tuple[Zone, ...]:
    """The parts of the grid in which the sites stand."""
    return tuple(
        Zone(name, Location(country=country, latitude=north, longitude=east), price, carbon)
        for name, (country, north, east, price, carbon) in ZONES.items()
    )


def read_hourly(traces: Path, feed: Feed, epoch_s: float, hours: int) -> Floats:
    """A curve's mean in each hour from `epoch_s` on, per kWh.

    Where the data have ended, the hour is as the same hour of the week before.
    """
    curve = load_curve(traces / feed.file, feed.column, "1/kWh", longest_gap_s=LONGEST_GAP_S)
    begin = epoch_s + feed.weeks * WEEK_S + np.arange(hours) * HOUR_S
    values = curve.mean(begin, begin + HOUR_S) * feed.factor
    for at in np.flatnonzero(np.isnan(values)).tolist():
        values[at] = values[at - WEEK_HOURS] if at >= WEEK_HOURS else np.nan
    if np.isnan(values).any():
        raise SystemExit(f"{feed.file} does not cover the first week of the jobs")
    return np.asarray(values)


def places_of(
    sites: Sequence[Site],
    price: Mapping[str, Floats],
    carbon: Mapping[str, Floats],
    assumed: Assumptions,
) -> Places:
    """The places of the sites, as the bound and the accounts need them."""
    kinds: dict[tuple[int, bool, int], list[Pool]] = {}
    for at, site in enumerate(sites):
        for pool in site.pools:
            key = (at, pool.shape.devices > 1, power_w(pool.device_model, assumed.power_w))
            kinds.setdefault(key, []).append(pool)
    draw = [watts / 1000 * sites[at].pue for at, _, watts in kinds]
    zone = [sites[at].zone.name for at, _, _ in kinds]
    return Places(
        site=np.array([at for at, _, _ in kinds]),
        devices=np.array([sum(p.devices for p in pools) for pools in kinds.values()], np.float64),
        hosts=tuple(tuple((p.hosts, p.shape.devices) for p in pools) for pools in kinds.values()),
        eur=np.array([kw * price[z] for kw, z in zip(draw, zone, strict=True)]),
        kg=np.array([kw * carbon[z] for kw, z in zip(draw, zone, strict=True)]),
        of_pool={p.id: row for row, pools in enumerate(kinds.values()) for p in pools},
    )
