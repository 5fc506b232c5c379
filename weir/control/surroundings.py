"""Surroundings: what costs depend on beside pools and jobs, as the scheduler is told of it.

Energy at the sites, how full they were of late, bandwidth between them, speeds of kinds of jobs.

Laws:
- It is read once in `REFRESH_S`, by each process, and stands until then: a round between costs
  nothing for it, and what a round, `weir find` and `weir why` of one process say agrees.
- Energy is reckoned from the begin of that time on (`Snapshot.priced_at`).
- Only what the policy weighs is read. Losing it costs a reading.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection

from weir.control.bandwidth import Ways, links_of, read_bandwidth
from weir.control.context import Context
from weir.control.energy import SiteEnergy, energy_of, read_energy
from weir.control.past import past_of, read_past
from weir.control.speeds import Measured, on_models, read_speeds
from weir.core.inventory import Pool
from weir.core.series import body_of, start_of
from weir.scheduling.columns import canonical_model
from weir.scheduling.policy import Order, Policy

REFRESH_S = 300
"""How long what was read stands, in seconds."""


@dataclass(frozen=True, eq=False, slots=True)
class Readings:
    """What was read for a policy `at` a time; it is another object when it was read anew. With
    `priced`, the policy weighs what energy costs where that is declared.
    """

    at: float
    policy: str
    energy: Mapping[str, SiteEnergy] = field(default_factory=dict)
    past: Mapping[str, float] = field(default_factory=dict)
    ways: Ways = field(default_factory=dict)
    measured: Measured = field(default_factory=Measured)
    priced: bool = False


def readings(ctx: Context, tx: Connection, policy: Policy, now: float) -> Readings:
    """What stands now, read if it has not been yet."""
    at = float(start_of(now, REFRESH_S))
    known = ctx.caches.measured.get(policy.name)
    if isinstance(known, Readings) and known.at == at:
        return known
    found = Readings(
        at,
        policy.name,
        read_energy(tx, now) if _by_energy(policy) else {},
        read_past(tx, now) if policy.past_weight else {},
        read_bandwidth(tx, now),
        read_speeds(tx) if _by_speed(policy) else Measured(),
        bool(policy.price_weight),
    )
    ctx.caches.measured[policy.name] = found
    return found


def _by_energy(policy: Policy) -> bool:
    return bool(policy.carbon_weight or policy.energy_weight or policy.price_weight)


def _by_speed(policy: Policy) -> bool:
    return bool(policy.run_weight or policy.rounds or policy.order is Order.PREDICTED)


def fields_of(read: Readings, pools: Iterable[Pool]) -> dict[str, Any]:
    """The fields of a `Snapshot` with these pools that say it."""
    found: dict[str, Any] = {"priced_at": None, "energy": {}, "past": {}, "links": {}}
    found |= {"speeds": {}, "estimated": frozenset()}
    if not (read.energy or read.past or read.ways or read.measured.speeds or read.priced):
        return found  # in a large network a look at every pool takes its time
    listed = list(pools)
    if read.energy or (read.priced and any(p.energy_price_micro_per_kwh for p in listed)):
        found["energy"] = energy_of(read.energy, listed, read.at if read.priced else None)
        found["priced_at"] = read.at if found["energy"] else None
    found["past"] = past_of(read.past, listed) if read.past else {}
    if read.ways:
        found["links"] = links_of(read.ways, {pool.site: body_of(pool.site) for pool in listed})
    if read.measured.speeds:
        models = {canonical_model(p.device_model) for p in listed if p.device_model}
        found["speeds"], found["estimated"] = on_models(read.measured, models)
    return found
