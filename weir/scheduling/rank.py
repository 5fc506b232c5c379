"""What a place costs a job, term by term; lower is better. All pools at once, as columns.

The order is by the sum of the terms' costs, then by the pool's identifier, so that it is the same
for the same snapshot. What is unknown is shown as unknown and weighed as if it were bad, never as
0. Three terms depend on the moment within a round: `start`; `spare`, the share of the pool that
stays idle beside the job; and `use`, the share of the site that is in use with it. The others are
settled before it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from weir.core.inventory import DEVICE_MILLI, Pool
from weir.core.plan import Candidate, GroupAllocation, Term
from weir.scheduling.mates import APART_COST
from weir.scheduling.packing import Claim, Free, taken_milli
from weir.scheduling.policy import Policy

UNKNOWN_START_S = 86_400.0
"""What an unknown start is weighed as: a day."""

UNKNOWN_LATENCY_MS = 100.0
"""What an unknown round trip is weighed as: one across a continent."""

UNKNOWN_CARBON_G_PER_KWH = 700.0
"""What an unknown carbon intensity is weighed as: that of a coal-heavy grid."""

Values = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Merits:
    """What the pools offer a job, by row, NaN where unknown; None where nothing is known of any.

    `price` is in currency units per hour, energy included where it has a price of its own. `run_s`
    is how long the job runs there, `energy_kw` what it draws there, facility included,
    `carbon_g_per_kwh` a mean over the time it runs; `data_gb` is what has to be moved there.
    `devices` is how many it asks for there (eights of cores where it asks for none), `past` the
    share of the site that was in use on the average of late, `surplus` how many devices its hosts
    have beside those that its tasks ask for, if each task had a host of its own. `estimated` says
    where `run_s` is by a speed that was not measured.
    """

    price: Values
    latency_ms: Values
    hops: Values
    run_s: Values | None = None
    energy_kw: Values | None = None
    carbon_g_per_kwh: Values | None = None
    data_gb: Values | None = None
    devices: Values | float = 1.0
    past: Values | None = None
    surplus: Values | None = None
    estimated: Values | None = None


@dataclass(frozen=True, slots=True)
class Settled:
    """The settled terms by row: `values` as people read them, `costs` weighted, `cost` the sum.

    `estimated` says where the term `run` is an estimate; None where nothing is.
    """

    names: tuple[tuple[str, str], ...]
    values: tuple[Values, ...]
    costs: tuple[Values | float, ...]
    cost: Values
    estimated: Values | None = None


def settle(policy: Policy, merits: Merits) -> Settled:
    """Weigh what does not depend on the moment. What nothing is known of is no term."""
    terms = [
        ("price", "/h", merits.price, _weighed(policy.price_weight, merits.price)),
        ("latency", "ms", merits.latency_ms, _weighed(policy.latency_weight, _latency(merits))),
        ("hops", "domains", merits.hops, _weighed(policy.hop_weight, merits.hops)),
    ]
    if policy.run_weight and merits.run_s is not None:
        hours = np.nan_to_num(merits.run_s) / 3600
        terms.append(("run", "s", merits.run_s, policy.run_weight * hours))
    kw, grams = merits.energy_kw, merits.carbon_g_per_kwh
    if policy.energy_weight and kw is not None:
        terms.append(("energy", "kW", kw, policy.energy_weight * np.nan_to_num(kw)))
    if policy.carbon_weight and kw is not None and grams is not None:
        known = np.where(np.isnan(grams), UNKNOWN_CARBON_G_PER_KWH, grams) * np.nan_to_num(kw)
        terms.append(("carbon", "kg/h", kw * grams / 1000, policy.carbon_weight * known / 1000))
    if policy.data_weight and merits.data_gb is not None:
        terms.append(("data", "GB", merits.data_gb, policy.data_weight * merits.data_gb))
    if policy.past_weight and merits.past is not None:
        past = np.where(np.isnan(merits.past), 1.0, merits.past)
        terms.append(("past", "share", merits.past, policy.past_weight * merits.devices * past))
    if policy.surplus_weight and merits.surplus is not None:
        surplus = policy.surplus_weight * merits.surplus
        terms.append(("surplus", "devices", merits.surplus, surplus))
    total = np.zeros(len(merits.price))
    for *_, cost in terms:
        total = total + cost
    return Settled(
        names=tuple((name, unit) for name, unit, *_ in terms),
        values=tuple(value for _, _, value, _ in terms),
        costs=tuple(cost for *_, cost in terms),
        cost=total,
        estimated=merits.estimated,
    )


def _weighed(weight: float, values: Values) -> Values | float:
    return weight * values if weight else 0.0


def _latency(merits: Merits) -> Values:
    return np.where(np.isnan(merits.latency_ms), UNKNOWN_LATENCY_MS, merits.latency_ms)


def start_cost(policy: Policy, start_s: float | None) -> float:
    """What it costs to start in so many seconds; None is unknown."""
    wait = UNKNOWN_START_S if start_s is None else min(start_s, UNKNOWN_START_S)
    return policy.start_weight * (wait / 3600)


def use_cost(policy: Policy, milli: Any, cpu_milli: Any, share: Any) -> Any:
    """What it costs that `share` of the site is in use with the job, which asks for so much.

    The share to the power is multiplied out, as the kernel does it: the same to the last bit.
    """
    devices = np.where(
        np.asarray(milli) > 0, np.asarray(milli) / 1000, np.asarray(cpu_milli) / 8000
    )
    cost = policy.use_weight * devices
    for _ in range(policy.use_power):
        cost = cost * share
    return cost


def candidate(
    policy: Policy,
    pool: Pool,
    cluster: str,
    groups: tuple[GroupAllocation, ...],
    settled: Settled,
    row: int,
    price_micro_per_hour: int,
    start_s: float | None,
    spare: float,
    use: float,
    claims: Sequence[Claim],
    now: bool = True,
    near: int | None = None,
) -> Candidate:
    """The pool as a candidate, its terms with value, unit and cost; `near` are mates of a job that
    prefers to be apart from them.
    """
    terms = []
    for (name, unit), value, cost in zip(settled.names, settled.values, settled.costs, strict=True):
        known = float(value[row])
        unit = f"{pool.currency}{unit}" if name == "price" else unit
        if name == "run" and settled.estimated is not None and settled.estimated[row]:
            unit = f"{unit} (estimated)"
        weighed = cost if isinstance(cost, float) else float(cost[row])
        terms.append(Term(name, None if known != known else known, unit, weighed))
    terms.insert(1, Term("start", start_s, "s", start_cost(policy, start_s)))
    terms.append(Term("spare", spare, "share", policy.spare_weight * spare))
    if policy.use_weight:
        weighed = float(use_cost(policy, *asked(claims), use))
        terms.append(Term("use", use, "share", weighed))
    if near is not None:
        terms.append(Term("apart", float(near), "jobs", APART_COST * near))
    return Candidate(pool.id, cluster, groups, price_micro_per_hour, tuple(terms), now)


def size(pool: Pool) -> int:
    """The pool's milli-devices, or its milli-CPUs if it has no devices."""
    return pool.devices * DEVICE_MILLI or pool.hosts * pool.shape.cpu_milli


def spare(pool: Pool, idle: int) -> float:
    """The share of the pool that `idle` is, 0 to 1: of its devices, or its CPU if it has none."""
    return idle / max(1, size(pool))


def idle(pool: Pool, free: Free) -> int:
    """What is free of the pool, counted as `size` counts."""
    if pool.devices:
        return sum(s.device_milli * s.hosts for s in free)
    return sum(s.cpu_milli * s.hosts for s in free)


def asked(claims: Iterable[Claim]) -> tuple[int, int]:
    """Milli-devices and milli-CPUs of all tasks together."""
    rows = [(taken_milli(c) * c.count, c.cpu_milli * c.count) for c in claims]
    return sum(milli for milli, _ in rows), sum(cpu for _, cpu in rows)


def share_in_use(size: int, used: int, need: int) -> float:
    """What of a site's `size` is in use with a job that takes `need`, 0 to 1."""
    return (used + need) / max(1, size)


def taken(pool: Pool, claims: Iterable[Claim]) -> int:
    """What `claims` take of the pool, counted as `size` counts."""
    if pool.devices:
        return sum(taken_milli(c) * c.count for c in claims)
    return sum(c.cpu_milli * c.count for c in claims)
