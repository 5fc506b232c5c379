"""What a round of scheduling sees: pools with what they hold, jobs that wait, and the time.

Laws:
- A snapshot is a value: everything that a decision depends on is in it, the time included.
- A pool that is reached by two ways is one pool (`choose_routes`).
- The order in which pools and jobs are listed does not matter.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import inf

from weir.core.demand import Demand
from weir.scheduling.apart import Mate
from weir.scheduling.columns import PoolColumns
from weir.scheduling.energy import Energy
from weir.scheduling.packing import Claim
from weir.scheduling.routes import PoolState, choose_routes
from weir.scheduling.vacancy import Vacancy


@dataclass(frozen=True, slots=True)
class WaitingJob:
    """A job without a place: higher `priority` goes first, then the earlier `submitted_at`
    (seconds).

    `avoid` are identifiers of pools that have just refused it. `queue` is whose share it counts
    for, `user` whose it is, for leases and for jobs that keep apart. `length_s` is how long it is
    thought to run, where that is better known than by its walltime; `kind` is the sort of job,
    whose speed on device models is in `Snapshot.speeds`, and `usual_s` how long its like have run
    as a rule on the fastest model: costs and an order by prediction go by it, but no room does, for
    it promises nothing. It starts not before `start_after`, and is late past `deadline_at`. `data`
    is (site, bytes) of what it reads. `runs_on` is the pool where it runs now, for policies that
    plan in rounds: what it holds there counts as free, since it may be moved; `weight` is how much
    its end counts there.
    """

    id: str
    demand: Demand
    priority: int
    submitted_at: float
    avoid: frozenset[str] = frozenset()
    queue: str = ""
    length_s: float | None = None
    kind: str = ""
    start_after: float | None = None
    deadline_at: float | None = None
    data: tuple[tuple[str, int], ...] = ()
    runs_on: str = ""
    weight: float = 1.0
    usual_s: float | None = None
    user: str = ""

    @property
    def likely_s(self) -> float:
        """How long it will run by all that is known, infinite if nobody knows."""
        return self.expected_s if self.usual_s is None else min(self.expected_s, self.usual_s)

    @property
    def expected_s(self) -> float:
        """How long it is thought to run, infinite if nobody knows."""
        if self.length_s is not None:
            return self.length_s
        return inf if self.demand.walltime_s is None else float(self.demand.walltime_s)


@dataclass(frozen=True, slots=True)
class RunningJob:
    """A job of this domain that holds a place, and might be asked to leave it.

    What it has done since `saved_at` (its last checkpoint, or its start) is lost if it must. It
    ends by `ends_at`, if that is known.
    """

    id: str
    pool: str
    claims: tuple[Claim, ...]
    priority: int
    saved_at: float
    queue: str = ""
    preemptible: bool = True
    ends_at: float | None = None


@dataclass(frozen=True, slots=True)
class Queue:
    """A member's share: below `parent` (empty: the root), by `weight` among its siblings.

    `nominal` is its quota as (cpu_milli, memory_bytes, device_milli), None for no limit; it may
    borrow `borrow` more of what others leave idle, without limit if None. `past` is what it held
    on the average of late (see `weir.scheduling.queues`).
    """

    name: str
    parent: str = ""
    weight: float = 1.0
    nominal: tuple[int | None, int | None, int | None] = (None, None, None)
    borrow: tuple[int | None, int | None, int | None] = (None, None, None)
    past: tuple[float, float, float] = (0.0, 0.0, 0.0)


@dataclass(frozen=True, slots=True)
class Lease:
    """Room on a pool that is promised to somebody from `starts_at` until `ends_at`.

    Its holder's jobs, those of a queue or a user, may fill it (`leased`); without one nobody does.
    """

    pool: str
    claims: tuple[Claim, ...]
    starts_at: float
    ends_at: float
    queue: str = ""
    user: str = ""


@dataclass(frozen=True)
class Snapshot:
    """The state of one domain at `now` (seconds, the clock of `submitted_at` and `ends_at`).

    `energy` is by site, and reckoned from `priced_at` on (None: from `now`). `speeds` is by kind of
    job and device model (work per second), of which `estimated` (kind, model) were not measured.
    `links` is the bandwidth between two sites in Gbit/s. `past` is by site: the share of it that
    was in use on the average of late, as a queue's is. `mates` are jobs that carry a name and hold
    places, for those that keep apart from them. `mix` is what jobs ask for as a rule, each
    with how often, for fragmentation. In rounds, a start or a move takes `switch_s`, and a plan
    stands for `round_s` as a rule; only if they are `movable` do jobs that run get another place.
    """

    now: float
    pools: tuple[PoolState, ...]
    jobs: Sequence[WaitingJob] = ()
    running: tuple[RunningJob, ...] = ()
    queues: tuple[Queue, ...] = ()
    leases: tuple[Lease, ...] = ()
    energy: Mapping[str, Energy] = field(default_factory=dict)
    speeds: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    links: Mapping[tuple[str, str], float] = field(default_factory=dict)
    past: Mapping[str, float] = field(default_factory=dict)
    mates: tuple[Mate, ...] = ()
    estimated: frozenset[tuple[str, str]] = frozenset()
    priced_at: float | None = None
    mix: tuple[tuple[Demand, float], ...] = ()
    switch_s: float = 20.0
    round_s: float = 360.0
    movable: bool = False

    @cached_property
    def routes(self) -> tuple[PoolState, ...]:
        """Every pool once, by identifier."""
        return choose_routes(self.pools)

    @cached_property
    def columns(self) -> PoolColumns:
        """The routes as arrays, row for row."""
        return PoolColumns.of([(r.pool, r.silent) for r in self.routes])

    @cached_property
    def room(self) -> Vacancy:
        """What is free in the routes, row for row."""
        return Vacancy(self.routes)


__all__ = [
    "Lease",
    "Mate",
    "PoolState",
    "Queue",
    "RunningJob",
    "Snapshot",
    "WaitingJob",
    "choose_routes",
]
