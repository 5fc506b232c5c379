"""What every use case is handed: the store, the clock, ids, and how to wake who is waiting."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from weir.core.alerts import Rule
from weir.core.demand import Demand
from weir.core.errors import Conflict, NotReady
from weir.core.indicator_view import RACK_W
from weir.core.inventory import FreeShape, Pool
from weir.core.series import RETENTION_S, Key
from weir.scheduling.policy import Policy
from weir.scheduling.snapshot import Queue
from weir.store.domains import this_domain
from weir.store.engine import Store
from weir.store.files import Files
from weir.store.rows import DomainRow
from weir.store.series_victoria import VictoriaSeries
from weir.wire.pools import PoolAnswer, PoolReport

if TYPE_CHECKING:
    from weir.control.replay import Study, Told
    from weir.wire.replays import ReplayResult

T = TypeVar("T")

TRIES = 8
"""How often a use case reads and decides anew when somebody else was faster."""


@dataclass(frozen=True, slots=True)
class DomainSettings:
    """How one domain behaves. Durations are seconds.

    `lease_s`: a cluster that has not been heard of for this long is silent and gets nothing new.
    `lost_after_s`: what runs on a silent cluster is given up after this.
    `start_within_s`: a run must start within this from when its agent heard of it.
    `avoid_s`: how long a job is kept off a pool that has refused it.
    `max_losses`: how often a job is placed again after its cluster was lost.
    `max_waiting`: how many waiting jobs one scheduling round looks at, and `max_of_a_shape` how
    many of them may be alike: behind so many equals that wait, one more tells it nothing.
    `retention_s`: how long buckets of samples are kept, by their width.
    `rack_w`: IT power in W of what the domain counts as one standard rack.
    `queues` are those that jobs submitted here may name; they matter to policies that share.
    `alert_rules` are what alerts are made by, looked at every `alerts_every_s`.
    Both `queues` and `policy` are what the server was started with: what counts may have been set
    since (`weir.control.policies`). With `approve_joins` who joins waits until an operator agrees.
    """

    lease_s: float = 30.0
    lost_after_s: float = 600.0
    start_within_s: float = 60.0
    avoid_s: float = 5.0
    max_losses: int = 3
    max_waiting: int = 20_000
    max_of_a_shape: int = 500
    policy: str = "balanced"
    queues: tuple[Queue, ...] = ()
    url: str = ""
    retention_s: Mapping[int, int] = field(default_factory=lambda: dict(RETENTION_S))
    rack_w: int = RACK_W
    alert_rules: tuple[Rule, ...] = ()
    alerts_every_s: float = 15.0
    approve_joins: bool = False


@dataclass(frozen=True, slots=True)
class InForce:
    """What a domain schedules by now (`weir.control.policies`): change `number` of it; 0 is what
    the server was started with.
    """

    number: int
    policy: Policy
    queues: tuple[Queue, ...]


@dataclass(slots=True)
class Caches:
    """Parsed records that never change under their key. Losing them costs time only."""

    reports: dict[tuple[str, str], tuple[int, PoolReport]] = field(default_factory=dict)
    pools: dict[tuple[str, str], tuple[PoolReport, str | None, int | None, Pool]] = field(
        default_factory=dict
    )
    left: dict[tuple[str, str], tuple[Pool, object, tuple[FreeShape, ...]]] = field(
        default_factory=dict
    )
    answers: dict[tuple[str, str], tuple[Pool, object, PoolAnswer]] = field(default_factory=dict)
    demands: dict[str, Demand] = field(default_factory=dict)
    rounds: list[object] = field(default_factory=list)  # what the last round left to the next one
    in_force: dict[int, InForce] = field(default_factory=dict)
    measured: dict[str, object] = field(default_factory=dict)  # control.surroundings, by policy
    series: dict[Key, int] = field(default_factory=dict)
    series_keys: dict[int, Key] = field(default_factory=dict)  # up to the number `series_known`
    series_known: int = 0
    may_write: set[tuple[str, Key]] = field(default_factory=set)
    fresh: list[tuple[str, dict[Key, int]]] = field(default_factory=list)
    noted: dict[str, tuple[int, dict[str, Any]]] = field(default_factory=dict)  # control.pools_past


@dataclass(frozen=True, slots=True)
class Context:
    """The outside of the use cases, handed in by `weir.bootstrap` or by a test."""

    store: Store
    files: Files
    now: Callable[[], float]
    new_id: Callable[[str], str]
    new_secret: Callable[[], str]
    wake: Callable[[str], None]
    settings: DomainSettings
    version: str
    caches: Caches = field(default_factory=Caches)
    victoria: VictoriaSeries | None = None
    simulate: Callable[[Study, Told], ReplayResult] | None = None  # see weir.control.replay

    def domain(self) -> DomainRow:
        """Who this server is."""
        with self.store.read() as tx:
            row = this_domain(tx)
        if row is None:
            raise NotReady("this server has no name yet")
        return row


def again(attempt: Callable[[], T]) -> T:
    """Run a compare-and-swap use case; when somebody else was faster, read and decide once more."""
    for _ in range(TRIES - 1):
        try:
            return attempt()
        except Conflict as conflict:
            if type(conflict) is not Conflict:
                raise
    return attempt()


SCHEDULE = "schedule"
"""Wake key: there may be something to place."""

WATCH = "watch"
"""Wake key: jobs or offers have changed."""


def orders_for(cluster: str) -> str:
    """Wake key: this cluster has new orders."""
    return f"orders {cluster}"


def job_key(job: str) -> str:
    """Wake key: this job's files or state have changed."""
    return f"job {job}"


def replay_key(replay: str = "") -> str:
    """Wake key: there is a replay to work on, or this one has got on."""
    return f"replay {replay}"
