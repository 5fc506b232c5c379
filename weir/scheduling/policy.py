"""What a policy may say: the order of jobs, what a place costs, and what a waiting job keeps.

A cost is in units of "one currency unit per hour", so `price_weight=1` counts money as money, and
`start_weight=2` says that an hour of waiting is as bad as paying 2 more per hour. Policies are
compositions of these, one short file each in `weir.scheduling.policies`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Order(StrEnum):
    """Who comes first, among jobs of one priority; ties by arrival."""

    ARRIVAL = "arrival"
    SHORTEST = "shortest"  # by how long the job says, or is thought, to run
    PREDICTED = "predicted"  # by what past jobs of its user taught, nobody overtaken without end
    DEADLINE = "deadline"  # by the latest moment at which the job could start and be in time


class HostRule(StrEnum):
    """Which of a pool's hosts takes a task."""

    BEST_FIT = "best-fit"  # the fullest that still takes it
    FRAGMENTATION = "fragmentation"  # where the least becomes useless to the jobs that come


@dataclass(frozen=True, slots=True)
class Policy:
    """Weights of the terms (lower cost is better), order, and what is kept for jobs that wait.

    `price_weight` is cost per currency unit per hour, `start_weight` per hour until the start,
    `run_weight` per hour that the job runs, `latency_weight` per millisecond, `hop_weight` per
    domain crossed, `carbon_weight` per kg of CO2e per hour, `energy_weight` per kW,
    `data_weight` per GB that has to be moved, `spare_weight` for a pool that stays wholly idle
    beside the job (above 0: best fit, below 0: spread). Three are per device that the job asks for
    (eight cores, where it asks for none): `use_weight` at a site wholly in use, of which a share s
    counts as s to the `use_power` (1: load is levelled; 4: what is nearly full is left to those
    that have no other place); `past_weight` at a site that was wholly in use of late; and
    `surplus_weight` is per device of the hosts that a task leaves to others, so that large hosts
    stay for large tasks.

    With `hold`, a job that fits nowhere now has one pool kept for it, so that smaller jobs behind
    it don't starve it; with `backfill`, those that end before its start, or leave what it needs,
    may go there all the same. `reservations` is the most kept in all, `depth` on one pool; with
    a depth above 1, for every job that waits, and not only for one of each shape.
    `fair` shares among queues by what they used of late. `age_weight` is priority gained per hour
    of waiting. `shift` starts deferrable jobs when energy is cleanest or cheapest. `preempt` lets
    a job push out those of lower priority, or borrowers of its quota. `normalized` counts devices
    by their performance in shares and quotas. `optimal` improves the round by integer programming;
    `rounds` plans waiting and running jobs anew, each on the model where its kind gains most.
    """

    name: str
    about: str = ""
    price_weight: float = 0.0
    start_weight: float = 0.0
    run_weight: float = 0.0
    latency_weight: float = 0.0
    hop_weight: float = 0.0
    carbon_weight: float = 0.0
    energy_weight: float = 0.0
    data_weight: float = 0.0
    spare_weight: float = 0.0
    use_weight: float = 0.0
    use_power: int = 4
    past_weight: float = 0.0
    surplus_weight: float = 0.0
    order: Order = Order.ARRIVAL
    host_rule: HostRule = HostRule.BEST_FIT
    hold: bool = True
    backfill: bool = True
    reservations: int = 32
    depth: int = 1
    age_weight: float = 0.0
    fair: bool = False
    shift: bool = False
    preempt: bool = False
    normalized: bool = False
    optimal: bool = False
    rounds: bool = False


DEFAULT = "balanced"
