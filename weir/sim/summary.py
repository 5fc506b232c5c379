"""What is kept of one simulation: its numbers and its curves, small whatever the workload is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from weir.sim.outcome import Outcome
from weir.sim.results import (
    Group,
    Number,
    counts_devices,
    facts_of,
    mean_of,
    measures_of,
    per_site,
    per_text,
)
from weir.sim.series import POINTS, Series, series_of

AS_IT_IS = "as it is"
"""What the network is called that no what-if has changed."""


@dataclass(frozen=True, slots=True)
class Summary:
    """One simulation. `capacity` is in devices, or in cores where `devices` is false."""

    policy: str
    workload: str
    notes: tuple[str, ...]
    epoch_s: float
    currency: str
    devices: bool
    capacity: float
    numbers: Mapping[str, Number]
    sites: tuple[Group, ...]
    homes: tuple[Group, ...]
    users: tuple[Group, ...]
    series: Series


@dataclass(frozen=True, slots=True)
class Run:
    """A simulation among others: under which policy, in which network, with which seed."""

    policy: str
    network: str
    seed: int
    summary: Summary


@dataclass(frozen=True, slots=True)
class Column:
    """Simulations that differ by seed only: they stand in one column, as their mean."""

    label: str
    policy: str
    network: str
    runs: tuple[Run, ...]

    @property
    def numbers(self) -> Mapping[str, Number]:
        """The means over the seeds."""
        if len(self.runs) == 1:
            return self.runs[0].summary.numbers
        return mean_of([run.summary.numbers for run in self.runs])

    @property
    def first(self) -> Summary:
        """The simulation that is drawn: that of the first seed."""
        return self.runs[0].summary

    def extremes(self, name: str) -> tuple[Number, Number]:
        """The least and the most of a number over the seeds."""
        known = [v for r in self.runs if (v := r.summary.numbers[name]) is not None]
        return (min(known), max(known)) if known else (None, None)


def summary_of(outcome: Outcome, points: int = POINTS) -> Summary:
    """What is kept of an outcome."""
    facts = facts_of(outcome)
    load = outcome.workload
    return Summary(
        policy=outcome.policy,
        workload=load.name,
        notes=load.notes,
        epoch_s=load.epoch_s,
        currency=outcome.currency,
        devices=counts_devices(outcome),
        capacity=facts.capacity,
        numbers=measures_of(outcome, facts),
        sites=tuple(per_site(outcome, facts)),
        homes=tuple(per_text(load.home, facts)),
        users=tuple(per_text(load.user, facts)),
        series=series_of(outcome, facts.wait_s, facts.slowdown, points),
    )


def columns(runs: Sequence[Run]) -> tuple[Column, ...]:
    """The runs side by side, in the order given; a column is named for what sets it apart."""
    gathered: dict[tuple[str, str], list[Run]] = {}
    for run in runs:
        gathered.setdefault((run.network, run.policy), []).append(run)
    networks = {network for network, _ in gathered}
    policies = {policy for _, policy in gathered}
    return tuple(
        Column(_label(network, policy, len(networks), len(policies)), policy, network, tuple(those))
        for (network, policy), those in gathered.items()
    )


def _label(network: str, policy: str, networks: int, policies: int) -> str:
    if networks == 1:
        return policy
    return network if policies == 1 else f"{policy}, {network}"


def to_json(run: Run, *, groups: bool = True) -> dict[str, Any]:
    """A simulation as an object: what it was, every number, and with `groups` all its tables."""
    kept = run.summary
    found: dict[str, Any] = {
        "policy": run.policy,
        "network": run.network,
        "seed": run.seed,
        "workload": kept.workload,
        "counted_in": "devices" if kept.devices else "cores",
        "capacity": kept.capacity,
        "currency": kept.currency,
        **kept.numbers,
    }
    if groups:
        found |= {"sites": kept.sites, "homes": kept.homes, "users": kept.users}
    return found
