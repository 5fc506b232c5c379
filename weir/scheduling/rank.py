"""What a place costs a job, term by term: price, start, latency, hops, spare. Lower is better.

The order is by the sum of the terms' costs, then by the pool's identifier, so that it is the same
for the same snapshot. What is unknown is shown as unknown and weighed as if it were bad, never as
0.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from weir.core.inventory import DEVICE_MILLI, Pool
from weir.core.plan import Candidate, GroupAllocation, Term
from weir.scheduling.packing import Claim, Free, taken_milli
from weir.scheduling.policy import Policy

UNKNOWN_START_S = 86_400.0
"""What an unknown start is weighed as: a day."""

UNKNOWN_LATENCY_MS = 100.0
"""What an unknown round trip is weighed as: one across a continent."""


@dataclass(frozen=True, slots=True)
class Merits:
    """What a pool offers a job: price in micro-units per hour, start in seconds from now (None:
    unknown), and the share of the pool that stays idle beside the job, 0 to 1.
    """

    price_micro_per_hour: int
    start_s: float | None
    spare: float


def costs(policy: Policy, pool: Pool, merits: Merits) -> tuple[float, float, float, float, float]:
    """The weighted terms in the order price, start, latency, hops, spare."""
    start_s = UNKNOWN_START_S if merits.start_s is None else merits.start_s
    latency_ms = UNKNOWN_LATENCY_MS if pool.latency_us is None else pool.latency_us / 1000
    return (
        policy.price_weight * (merits.price_micro_per_hour / 1e6),
        policy.start_weight * (start_s / 3600),
        policy.latency_weight * latency_ms,
        policy.hop_weight * pool.hops,
        policy.spare_weight * merits.spare,
    )


def cost(policy: Policy, pool: Pool, merits: Merits) -> float:
    """The sum that ranks."""
    return sum(costs(policy, pool, merits))


def candidate(
    policy: Policy,
    pool: Pool,
    cluster: str,
    groups: tuple[GroupAllocation, ...],
    merits: Merits,
    now: bool = True,
) -> Candidate:
    """The pool as a candidate, its terms with value, unit and cost."""
    price, start, latency, hops, spare = costs(policy, pool, merits)
    latency_ms = None if pool.latency_us is None else pool.latency_us / 1000
    terms = (
        Term("price", merits.price_micro_per_hour / 1e6, f"{pool.currency}/h", price),
        Term("start", merits.start_s, "s", start),
        Term("latency", latency_ms, "ms", latency),
        Term("hops", pool.hops, "domains", hops),
        Term("spare", merits.spare, "share", spare),
    )
    return Candidate(pool.id, cluster, groups, merits.price_micro_per_hour, terms, now)


def spare(pool: Pool, idle: int) -> float:
    """The share of the pool that `idle` is, 0 to 1: of its devices, or its CPU if it has none."""
    return idle / max(1, size(pool))


def size(pool: Pool) -> int:
    """The pool's milli-devices, or its milli-CPUs if it has no devices."""
    return pool.devices * DEVICE_MILLI or pool.hosts * pool.shape.cpu_milli


def idle(pool: Pool, free: Free) -> int:
    """What is free of the pool, counted as `size` counts."""
    if pool.devices:
        return sum(s.device_milli * s.hosts for s in free)
    return sum(s.cpu_milli * s.hosts for s in free)


def taken(pool: Pool, claims: Iterable[Claim]) -> int:
    """What `claims` take of the pool, counted as `size` counts."""
    if pool.devices:
        return sum(taken_milli(c) * c.count for c in claims)
    return sum(c.cpu_milli * c.count for c in claims)
