"""Checks of a demand's wishes: for each reason, which pools fail it, what was needed and what there
is.

Every check looks at every pool, so a pool has all the reasons that it has, not the first one found.
A job of several groups goes to one pool as a whole, so a pool fails where any of its groups would.
The room that a pool has is checked in `weir.scheduling.room`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from weir.core.demand import Demand, DeviceRequest
from weir.core.inventory import DEVICE_MILLI, WHOLE_DEVICES
from weir.core.plan import Reason
from weir.core.units import show_bytes, show_devices_milli, show_duration_s
from weir.scheduling.columns import UNKNOWN, Bools, Labels, PoolColumns, canonical_model
from weir.scheduling.figures import (
    Each,
    Measure,
    Names,
    Same,
    any_of,
    show_latency_us,
    show_performance,
)
from weir.scheduling.tasks import performance_of


@dataclass(frozen=True, slots=True)
class Check:
    """One reason over all pools: who fails it, what was needed, and what the pools have."""

    reason: Reason
    failing: Bools
    needed: str
    has: Measure | Names


def wishes(columns: PoolColumns, demand: Demand) -> Iterator[Check]:
    """A check for every wish of the demand, whether any pool fails it or not."""
    yield from _devices(columns, demand)
    yield from _software(columns, demand)
    yield from _places(columns, demand)
    yield from _terms(columns, demand)


def device_requests(demand: Demand) -> tuple[DeviceRequest, ...]:
    """The distinct requests for devices of all groups."""
    return tuple(dict.fromkeys(g.device for g in demand.groups if g.device and g.device.milli))


def _devices(c: PoolColumns, demand: Demand) -> Iterator[Check]:
    requests = device_requests(demand)
    if not requests:
        return
    has = c.host_devices > 0
    most = show_devices_milli(max(r.milli for r in requests))
    none = Names(Same("none"))
    yield Check(Reason.DEVICE_NONE, ~has, f"{most} per task", none)
    model = Names(c.model)
    for models in dict.fromkeys(r.models for r in requests if r.models):
        wanted = {canonical_model(m) for m in models}
        yield Check(Reason.DEVICE_MODEL, has & ~c.model.among(wanted), any_of(models), model)
    memory = max(r.memory_bytes for r in requests)
    if memory:
        measure = Measure(c.device_memory, show_bytes)
        failing = has & (c.device_memory < memory)
        yield Check(Reason.DEVICE_MEMORY, failing, show_bytes(memory), measure)
    yield from _performance(c, requests, has)
    share = min(r.milli for r in requests)
    if share < DEVICE_MILLI:
        whole = has & c.traits.any_of((WHOLE_DEVICES,))
        needed = f"{show_devices_milli(share)} of a device"
        yield Check(Reason.DEVICE_SHARE, whole, needed, Names(Same("whole devices")))


def _performance(c: PoolColumns, requests: Iterable[DeviceRequest], has: Bools) -> Iterator[Check]:
    """A pool whose performance is unknown fails any wish for some."""
    for wish in dict.fromkeys((r.precision, r.gflops, r.total_gflops > 0) for r in requests):
        precision, gflops, total = wish
        if not gflops and not total:
            continue
        speed = performance_of(c, DeviceRequest(precision=precision))
        name = precision.value if precision else "performance of no named precision"
        needed = show_performance(gflops, precision) if gflops else f"a known {name} performance"
        measure = Measure(speed, lambda v, p=precision: show_performance(v, p))  # type: ignore[misc]
        yield Check(Reason.DEVICE_PERFORMANCE, has & (speed < max(1, gflops)), needed, measure)


def _software(c: PoolColumns, demand: Demand) -> Iterator[Check]:
    for stacks in dict.fromkeys(g.stacks for g in demand.groups if g.stacks):
        traits = Names(c.traits, none="none")
        yield Check(Reason.STACK, ~c.traits.any_of(stacks), any_of(stacks), traits)
    for trait in demand.traits:
        traits = Names(c.traits, none="none")
        yield Check(Reason.TRAIT, ~c.traits.any_of((trait,)), trait, traits)
    for fabric in dict.fromkeys(g.fabric for g in demand.groups if g.fabric):
        names = _label(c.fabric, "none")
        yield Check(Reason.FABRIC, ~c.fabric.among(fabric), any_of(fabric), names)
    for level in required_levels(demand):
        names = Names(Each(c.levels.of_row), none="none")
        yield Check(Reason.TOPOLOGY, without_level(c, level), f"hosts in a known {level}", names)


def required_levels(demand: Demand) -> tuple[str, ...]:
    """The levels of which groups want one block."""
    wishes = (g.topology for g in demand.groups)
    return tuple(dict.fromkeys(w.level for w in wishes if w is not None and w.required))


def without_level(c: PoolColumns, level: str) -> Bools:
    """The pools that have no such level."""
    return np.array([level not in levels for levels in c.levels.values], dtype=np.bool_)[
        c.levels.codes
    ]


def _places(c: PoolColumns, demand: Demand) -> Iterator[Check]:
    if demand.regions:
        failing = ~c.region.among(demand.regions)
        yield Check(Reason.REGION, failing, any_of(demand.regions), _label(c.region))
    if demand.industries:
        failing = ~c.industries.any_of(demand.industries)
        names = Names(c.industries, none="none")
        yield Check(Reason.INDUSTRY, failing, any_of(demand.industries), names)
    if demand.countries:
        failing = ~c.country.among(demand.countries)
        yield Check(Reason.COUNTRY, failing, any_of(demand.countries), _label(c.country))
    if demand.sites:
        failing = ~(c.site.among(demand.sites) | c.site_name.among(demand.sites))
        names = Names(Each(lambda row: (c.site_name.of_row(row) or c.site.of_row(row),)))
        yield Check(Reason.SITE, failing, any_of(demand.sites), names)


def _terms(c: PoolColumns, demand: Demand) -> Iterator[Check]:
    latency = demand.max_latency_us
    if latency is not None:
        failing = (c.latency_us == UNKNOWN) | (c.latency_us > latency)
        measure = Measure(c.latency_us, show_latency_us, low=True)
        yield Check(Reason.LATENCY, failing, show_latency_us(latency), measure)
    walltime = demand.walltime_s
    if walltime is not None:
        failing = (c.max_walltime_s != UNKNOWN) & (c.max_walltime_s < walltime)
        measure = Measure(c.max_walltime_s, show_duration_s)
        yield Check(Reason.WALLTIME, failing, show_duration_s(walltime), measure)
    if not demand.allow_emulated:
        what = Names(Same("emulated devices"))
        yield Check(Reason.EMULATED, c.emulated, "real devices", what)
    if demand.excluded_domains:
        been = set(demand.excluded_domains)
        passed = Names(Each(lambda row: [d for d in c.domains.of_row(row) if d in been]))
        failing = c.domains.any_of(been)
        yield Check(Reason.LOOP, failing, "a domain the job has not been through", passed)
    if demand.pinned_pool is not None:
        other = Names(Same("another pool"))
        failing = ~c.ids.among((demand.pinned_pool,))
        yield Check(Reason.PINNED, failing, demand.pinned_pool, other)


def _label(column: Labels, none: str = "unknown") -> Names:
    return Names(column, none)
