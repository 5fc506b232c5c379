"""What a process remembers from one scheduling round to the next, so that a round costs by what has
changed and not by what there is.

Laws:
- `control.schedule.load_snapshot`, which reads everything, finds the same.
- Nothing is remembered that the database does not say: who loses it, or another process, reads it
  again. What was decided is still written by compare-and-swap alone.
- Every change of a job, a run or a pool has a number of one counter, which its transaction raises
  first; so what has a higher number than the counter had is all that has changed since.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from sqlalchemy import Connection

from weir.control.context import Context
from weir.control.holders import Holders
from weir.control.line import Line, demands_of, waiting_job
from weir.control.network import Way, is_silent, reports_of, seen_from_here
from weir.core.inventory import HostShape, Pool
from weir.scheduling.apart import Mate
from weir.scheduling.routes import PoolState, choose_routes
from weir.scheduling.snapshot import WaitingJob
from weir.store import clusters, jobs, runs
from weir.store.clusters import PoolHead
from weir.store.domains import count
from weir.store.rows import ClusterRow

NOTHING: frozenset[str] = frozenset()

Kinds = Mapping[tuple[str, str, str], tuple[str, float]]
"""What jobs of a submitter, a name and a shape are called, and how long they take."""

NO_KINDS: Kinds = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Told:
    """What has become of the world: the jobs that came or are others, those that are gone, and the
    states of pools that are others. `whole` says that there is more than that, so that all pools
    have to be looked at again.
    """

    come: tuple[WaitingJob, ...]
    gone: tuple[str, ...]
    pools: tuple[PoolState, ...]
    whole: bool


@dataclass(slots=True)
class Standing:
    """See the module. `jobs` are those that a round looks at, `pinned` those of them that a peer
    has chosen a pool for. `pools` is each pool once, as it was when the ways to pools last changed,
    `routes` the cluster by which each is reached, `shapes` what its hosts are like, `levels` the
    blocks that they are in, if they are in any. `kinds` are the kinds of jobs that have run before;
    another mapping says that others may have.
    """

    seq: int
    line: Line
    holders: Holders
    clusters: dict[str, ClusterRow] = field(default_factory=dict)
    silent: frozenset[str] = NOTHING
    jobs: dict[str, WaitingJob] = field(default_factory=dict)
    pinned: set[str] = field(default_factory=set)
    pools: tuple[PoolState, ...] = ()
    routes: dict[str, str] = field(default_factory=dict)
    shapes: dict[str, HostShape] = field(default_factory=dict)
    levels: dict[str, tuple[str, ...]] = field(default_factory=dict)
    kinds: Kinds = field(default_factory=lambda: NO_KINDS)
    begun: bool = False
    _heads: dict[Way, PoolHead] = field(default_factory=dict)
    _known: dict[Way, Pool] = field(default_factory=dict)
    _states: dict[Way, PoolState] = field(default_factory=dict)
    _aside: set[str] = field(default_factory=set)
    _stopped: set[Way] = field(default_factory=set)

    def mates(self) -> tuple[Mate, ...]:
        """Who carries a name and holds a place."""
        return self.holders.mates(self._known, self.silent)

    def state(self, pool: str) -> PoolState:
        """A pool by its best way, as it is now."""
        return self._states[pool, self.routes[pool]]


def begin(ctx: Context, tx: Connection, now: float) -> Standing:
    """Read everything."""
    of_a_shape, most = ctx.settings.max_of_a_shape, ctx.settings.max_waiting
    line = Line(jobs.next_in_line(tx, now, 2 * of_a_shape), now, of_a_shape, most)
    return Standing(count(tx, "seq"), line, Holders(runs.live(tx)))


def go_on(
    ctx: Context, tx: Connection, known: Standing, now: float, kinds: Kinds = NO_KINDS
) -> Told | None:
    """Read what has changed since; None where too much has gone from the line to go on."""
    first, since, known.begun = not known.begun, known.seq, True
    known.seq = count(tx, "seq")
    if known.seq < since:
        return None  # this is another database, or an older one
    maybe: set[str] = set()
    ways: set[Way] = set()
    if known.seq > since:
        maybe = known.line.change(jobs.changed_after(tx, since), now)
        ways = known.holders.change(runs.changed_after(tx, since, known.holders.strays))
    come, gone = known.line.move(now)
    if known.line.short:
        return None
    whole, pools = _pools(ctx, tx, known, since, ways, now)
    if kinds != known.kinds:
        maybe, known.kinds = maybe | known.jobs.keys(), kinds
    told = _jobs(ctx, tx, known, maybe | come | gone, now)
    return Told(*told, pools, whole or first)


# Pools


def _pools(
    ctx: Context, tx: Connection, known: Standing, since: int, ways: set[Way], now: float
) -> tuple[bool, tuple[PoolState, ...]]:
    """Whether the ways to pools are others than before; and else the states that are."""
    rows = {row.id: row for row in clusters.all_clusters(tx)}
    silent = frozenset(c for c, row in rows.items() if is_silent(row, now, ctx.settings.lease_s))
    far = {c for c, row in rows.items() if _is_elsewhere(known.clusters.get(c), row)}
    whole = silent != known.silent or rows.keys() != known.clusters.keys()
    # Round trips waver: as long as one is about what it was, it is taken to be that.
    known.clusters = {c: row if c in far else _as_far(row, known.clusters[c]) for c, row in
                      rows.items()}  # fmt: skip
    known.silent = silent
    fresh = clusters.pool_heads(tx) if not known._heads else clusters.pool_heads(tx, since)
    other: set[Way] = set()
    for head in fresh:
        way = head.id, head.cluster
        before = known._heads.get(way)
        known._heads[way] = head
        if before is None or (before.version, before.gone) != (head.version, head.gone):
            other.add(way)
    other |= {way for way in known._heads if way[1] in far} if far else set()
    gone = {way for way in other if known._heads[way].gone or way[1] not in rows}
    reports = reports_of(ctx, tx, [known._heads[way] for way in other - gone])
    for way in other - gone:
        pool = seen_from_here(reports[way[1], way[0]], known.clusters[way[1]])
        whole |= way not in known._known or _is_moved(known._known[way], pool)
        known._known[way] = pool
    for way in gone:
        whole |= known._known.pop(way, None) is not None
    stopping = known.holders.stopping
    ways |= other | stopping | known._stopped
    known._stopped = stopping
    return whole, _states(known, whole, ways, now)


def _is_elsewhere(before: ClusterRow | None, row: ClusterRow) -> bool:
    """Whether a cluster is new, or much nearer or farther than it was."""
    if before is None or (before.rtt_us is None) != (row.rtt_us is None):
        return True
    if before.rtt_us is None or row.rtt_us is None:
        return False
    return abs(row.rtt_us - before.rtt_us) > max(2000, before.rtt_us // 4)


def _as_far(row: ClusterRow, before: ClusterRow) -> ClusterRow:
    return row if row.rtt_us == before.rtt_us else replace(row, rtt_us=before.rtt_us)


def _is_moved(before: Pool, pool: Pool) -> bool:
    """Whether another way to the pool may be the better one now."""
    return before.hops != pool.hops


def _states(
    known: Standing, whole: bool, ways: Collection[Way], now: float
) -> tuple[PoolState, ...]:
    """Make the states of these ways anew, or of all; gives those of chosen ways."""
    for way in known._known if whole else [w for w in ways if w in known._known]:
        known._states[way] = PoolState(
            known._known[way], way[1], way[1] in known.silent,
            known.holders.claims(way, known.silent, now), known.holders.unstarted(way),
        )  # fmt: skip
    if whole:
        known._states = {way: known._states[way] for way in known._known}
        known.pools = choose_routes(known._states.values())
        known.routes = {state.pool.id: state.cluster for state in known.pools}
        known.shapes = {state.pool.id: state.pool.shape for state in known.pools}
        known.levels = {s.pool.id: s.pool.levels for s in known.pools if s.pool.levels}
        return ()
    chosen = sorted(way for way in ways if way in known._known and known.routes[way[0]] == way[1])
    return tuple(known._states[way] for way in chosen)


# Jobs


def _jobs(
    ctx: Context, tx: Connection, known: Standing, maybe: set[str], now: float
) -> tuple[tuple[WaitingJob, ...], tuple[str, ...]]:
    """The jobs that are new or others than before, and those that a round looks at no more."""
    avoided = jobs.avoided(tx, now)
    asked = {job for job, cluster in known.holders.lost() if cluster not in known.silent}
    aside = {*avoided, *asked}
    maybe |= aside | known._aside
    known._aside = aside
    allowed = known.line.allowed()
    if known.line.crowded:
        maybe |= allowed.symmetric_difference(known.jobs)
    wanted = [job for job in maybe if job in allowed and job not in asked]
    demands = demands_of(ctx, tx, {known.line.row(job).shape for job in wanted})
    come = []
    for job in wanted:
        made = waiting_job(known.line.row(job), demands, avoided, known.kinds)
        if known.jobs.get(job) != made:
            known.jobs[job] = made
            come.append(made)
    gone = [job for job in maybe.difference(wanted) if known.jobs.pop(job, None) is not None]
    known.pinned.difference_update(gone)
    known.pinned.update(job.id for job in come if job.demand.pinned_pool is not None)
    return tuple(come), tuple(gone)
