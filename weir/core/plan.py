"""What the scheduler decides: placements, and for everything else why not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum


class Reason(StrEnum):
    """Why a pool can't take a job. The first block can never change by waiting, the second can."""

    DEVICE_NONE = "DEVICE_NONE"  # the pool has no accelerators
    DEVICE_MODEL = "DEVICE_MODEL"
    DEVICE_MEMORY = "DEVICE_MEMORY"
    DEVICE_PERFORMANCE = "DEVICE_PERFORMANCE"
    DEVICE_SHARE = "DEVICE_SHARE"  # it hands out whole devices, and the job wants a share of one
    STACK = "STACK"
    TRAIT = "TRAIT"  # the job's container or environment can't be had there
    FABRIC = "FABRIC"
    HOST_CPU = "HOST_CPU"  # one task is larger than one empty host
    HOST_MEMORY = "HOST_MEMORY"
    HOST_DEVICES = "HOST_DEVICES"
    GANG = "GANG"  # the gang is larger than the whole pool
    SPREAD = "SPREAD"  # too few hosts for so few tasks on each
    TOPOLOGY = "TOPOLOGY"  # it is not known which of its hosts share such a block
    BLOCK = "BLOCK"  # the tasks of a group are more than one block holds
    REGION = "REGION"
    INDUSTRY = "INDUSTRY"
    COUNTRY = "COUNTRY"
    SITE = "SITE"
    LATENCY = "LATENCY"
    PRICE = "PRICE"
    WALLTIME = "WALLTIME"
    EMULATED = "EMULATED"
    LOOP = "LOOP"  # the job came from there
    PINNED = "PINNED"  # a parent chose another pool

    CLOSED = "CLOSED"  # the operator has closed the offer
    SILENT = "SILENT"  # the cluster has not been heard of lately
    REFUSED = "REFUSED"  # the cluster has just refused this job
    HELD = "HELD"  # kept for a job ahead in the order
    BUSY = "BUSY"  # it would fit an empty pool, and does not fit now
    EXCLUSIVE = "EXCLUSIVE"  # the same, for a job that wants hosts with nothing else on them
    SCATTERED = "SCATTERED"  # the same, for a job whose tasks lie in one block
    APART = "APART"  # a job that it is kept apart from holds a place there
    QUOTA = "QUOTA"  # the queue of the job holds all that it may
    DEFERRED = "DEFERRED"  # the job can wait, and does, for cleaner or cheaper energy


MEANINGS: Mapping[Reason, str] = {
    Reason.DEVICE_NONE: "it has no accelerators",
    Reason.DEVICE_MODEL: "its accelerators are of another model",
    Reason.DEVICE_MEMORY: "one of its accelerators has too little memory",
    Reason.DEVICE_PERFORMANCE: "its accelerators are too slow, or their speed is not known",
    Reason.DEVICE_SHARE: "it gives each task whole accelerators, and no share of one",
    Reason.STACK: "it has no software stack that the job has a variant for",
    Reason.TRAIT: "it can't do what the job's software takes",
    Reason.FABRIC: "its hosts are connected otherwise",
    Reason.HOST_CPU: "one task needs more CPU than a whole host has",
    Reason.HOST_MEMORY: "one task needs more memory than a whole host has",
    Reason.HOST_DEVICES: "one task needs more accelerators than a whole host has",
    Reason.GANG: "the tasks that start together do not fit into the whole pool",
    Reason.SPREAD: "it has too few hosts for so few tasks on each",
    Reason.TOPOLOGY: "it is not known which of its hosts share such a block",
    Reason.BLOCK: "the tasks that lie in one block do not fit into any of its blocks",
    Reason.REGION: "it is in another region",
    Reason.INDUSTRY: "it serves other industries",
    Reason.COUNTRY: "it is in another country",
    Reason.SITE: "it is at another site",
    Reason.LATENCY: "it is too far away",
    Reason.PRICE: "it costs too much",
    Reason.WALLTIME: "it lets no job run so long",
    Reason.EMULATED: "it is emulated, and the job wants real hosts",
    Reason.LOOP: "the job has come from there",
    Reason.PINNED: "another pool was chosen for the job",
    Reason.CLOSED: "its operator has closed it",
    Reason.SILENT: "its center has not been heard of lately",
    Reason.REFUSED: "it has just refused the job",
    Reason.HELD: "it is kept for a job ahead",
    Reason.BUSY: "it is full now",
    Reason.EXCLUSIVE: "too few of its hosts have nothing on them now",
    Reason.SCATTERED: "none of its blocks has room now for the tasks that lie in one",
    Reason.APART: "another job of its name is there",
    Reason.QUOTA: "the job's queue holds all that it may",
    Reason.DEFERRED: "the job can wait, and energy will be better later",
}
"""Each reason in words, said of a pool."""

CAN_CHANGE = frozenset(
    {
        Reason.CLOSED,
        Reason.SILENT,
        Reason.REFUSED,
        Reason.HELD,
        Reason.BUSY,
        Reason.EXCLUSIVE,
        Reason.SCATTERED,
        Reason.APART,
        Reason.QUOTA,
        Reason.DEFERRED,
    }
)


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why one pool said no: what was needed and what it has, both printable with their unit."""

    pool: str
    reason: Reason
    needed: str
    best: str

    def __str__(self) -> str:
        return f"{self.reason} needed={self.needed} best={self.best}"


@dataclass(frozen=True, slots=True)
class ReasonCount:
    """One reason over many pools: how many, and the best value there was."""

    reason: Reason
    pools: int
    needed: str
    best: str

    def __str__(self) -> str:
        plural = "" if self.pools == 1 else "s"
        return f"{self.reason} needed={self.needed} best={self.best}, {self.pools} pool{plural}"


@dataclass(frozen=True, slots=True)
class Change:
    """The one change that would make a job fit more pools: what, from, to, and how many pools.

    With `now`, it would start at once.
    """

    reason: Reason
    wanted: str
    instead: str
    pools: int
    now: bool = False


@dataclass(frozen=True, slots=True)
class GroupAllocation:
    """`count` tasks of a group on a pool, with the software stack whose variant they run."""

    group: str
    count: int
    stack: str | None


@dataclass(frozen=True, slots=True)
class Term:
    """One term of a score, in its own unit, and what it weighs in the sum (lower is better)."""

    name: str
    value: float | None
    unit: str
    cost: float


@dataclass(frozen=True, slots=True)
class Candidate:
    """A pool that can take the job: what it would be, and the terms of its score."""

    pool: str
    cluster: str
    groups: tuple[GroupAllocation, ...]
    price_micro_per_hour: int
    terms: tuple[Term, ...]
    now: bool = True

    @property
    def cost(self) -> float:
        """The sum that ranks candidates: lower is better."""
        return sum(t.cost for t in self.terms)


@dataclass(frozen=True, slots=True)
class Placement:
    """A job's place in this plan, and the runner-up it won against."""

    job: str
    chosen: Candidate
    runner_up: Candidate | None = None


@dataclass(frozen=True, slots=True)
class Waiting:
    """A job that this plan leaves waiting: reasons, changes that would help, who is ahead.

    `start_s` is when it might start, in seconds from now: at the soonest, if it were the next one,
    and at the latest, if all that is ahead goes first and everything runs as long as it may. None
    is unknown.
    """

    job: str
    reasons: tuple[ReasonCount, ...]
    changes: tuple[Change, ...] = ()
    ahead: int = 0
    held_pool: str | None = None
    start_s: tuple[float | None, float | None] = (None, None)

    @property
    def hopeless(self) -> bool:
        """Whether no pool of the network, empty and open, would do."""
        return not any(r.reason in CAN_CHANGE for r in self.reasons)


@dataclass(frozen=True, slots=True)
class Preemption:
    """A running job that has to leave `pool`, so that `for_job` can have its place.

    `lost_s` is the work since its last checkpoint, in seconds.
    """

    job: str
    pool: str
    for_job: str
    lost_s: float


@dataclass(frozen=True, slots=True)
class Plan:
    """The outcome of one round. `waiting` holds one entry per job that was not placed; entries
    are worked out when they are looked at.

    `gap` is how far the round is from the best possible, as a share of it, where the policy
    knows a bound; `how` says how it was found. `ahead` are jobs among the waiting that may wait at
    a cluster instead.
    """

    placements: Sequence[Placement] = ()
    waiting: Mapping[str, Waiting] = field(default_factory=dict)
    preemptions: tuple[Preemption, ...] = ()
    gap: float | None = None
    how: str = "greedy"
    ahead: tuple[Placement, ...] = ()
