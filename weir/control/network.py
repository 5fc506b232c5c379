"""The network as one domain sees it: every pool once, by its best way, with its bookings."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from math import inf

from sqlalchemy import Connection

from weir.control.context import Context
from weir.control.usage import claims_from
from weir.core.inventory import MAX_LATENCY_US, Pool
from weir.core.lifecycle import RunState
from weir.scheduling.packing import Claim, Free, subtract
from weir.scheduling.snapshot import PoolState, choose_routes
from weir.store import clusters, runs
from weir.store.clusters import PoolHead
from weir.store.rows import ClusterRow
from weir.wire.pools import PoolReport, pool_from

STOPPING_S = 10.0
"""How much longer a run that was told to stop is thought to hold its place."""

Way = tuple[str, str]
"""A pool, and the cluster by which it is reached."""


@dataclass(frozen=True, slots=True)
class Network:
    """All ways to all pools, and the clusters behind them."""

    now: float
    clusters: dict[str, ClusterRow]
    ways: tuple[PoolState, ...]
    heads: dict[tuple[str, str], PoolHead]
    silent: frozenset[str]
    booked_for: Mapping[Way, Mapping[str, tuple[Claim, ...]]]  # way -> link it came by -> claims

    def pools(self, without: str | None = None) -> tuple[PoolState, ...]:
        """Every pool once. `without` leaves out the ways through that cluster."""
        return choose_routes(w for w in self.ways if w.cluster != without)

    def pools_below(self) -> tuple[PoolState, ...]:
        """The pools of this domain and of those under it: not what is seen through the parent."""
        return choose_routes(w for w in self.ways if self.clusters[w.cluster].direction != "up")


def is_silent(row: ClusterRow, now: float, lease_s: float) -> bool:
    """Whether a cluster has not been heard of within the lease."""
    return row.heard_at is None or now - row.heard_at > lease_s


def load_network(ctx: Context, tx: Connection, now: float) -> Network:
    """Read the network. Records that have not changed since the last call are not read again."""
    rows = {row.id: row for row in clusters.all_clusters(tx)}
    heads = clusters.pool_heads(tx)
    reports = reports_of(ctx, tx, [h for h in heads if not h.gone])
    silent = frozenset(c for c, row in rows.items() if is_silent(row, now, ctx.settings.lease_s))
    claims, for_origin, unstarted = _claims(tx, silent, now)
    ways = tuple(
        PoolState(
            pool=_seen(ctx, reports[(h.cluster, h.id)], rows[h.cluster]),
            cluster=h.cluster,
            silent=h.cluster in silent,
            claims=claims.get((h.id, h.cluster), ()),
            unstarted=unstarted[(h.id, h.cluster)],
        )
        for h in heads
        if not h.gone
    )
    return Network(now, rows, ways, {(h.cluster, h.id): h for h in heads}, silent, for_origin)


def _seen(ctx: Context, report: PoolReport, row: ClusterRow) -> Pool:
    """`seen_from_here`, as it was the last time if nothing that it is made of has changed."""
    place = (row.id, report.id)
    known = ctx.caches.pools.get(place)
    if known is not None and known[0] is report and known[1:3] == (row.peer_domain, row.rtt_us):
        return known[3]
    pool = seen_from_here(report, row)
    ctx.caches.pools[place] = (report, row.peer_domain, row.rtt_us, pool)
    return pool


def left_of(ctx: Context, state: PoolState) -> Free:
    """What is free of a pool without what is booked there, as it was the last time if neither has
    changed: of ten thousand pools only some have.
    """
    place = (state.cluster, state.pool.id)
    known = ctx.caches.left.get(place)
    if known is not None and known[0] is state.pool and known[1] == state.claims:
        return known[2]
    left = subtract(state.pool.free, state.claims)
    ctx.caches.left[place] = (state.pool, state.claims, left)
    return left


def seen_from_here(report: PoolReport, row: ClusterRow) -> Pool:
    """A reported pool with this domain's link to it added: one hop, and the round trip.

    A pool of one's own cluster is as far as its operator says, or else as far as its agent
    measures.
    """
    pool = pool_from(report)
    if row.peer_domain is None:
        latency = row.rtt_us if pool.latency_us is None else pool.latency_us
        return replace(pool, hops=0, domains=(), latency_us=latency)
    latency = pool.latency_us
    if latency is not None and row.rtt_us is not None:
        latency = min(latency + row.rtt_us, MAX_LATENCY_US)
    domains = (row.peer_domain, *pool.domains)
    return replace(pool, hops=len(domains), domains=domains, latency_us=latency)


def reports_of(
    ctx: Context, tx: Connection, heads: Iterable[PoolHead]
) -> dict[tuple[str, str], PoolReport]:
    """The records of these pools by (cluster, pool); those known by their version are not read."""
    cache = ctx.caches.reports
    found: dict[tuple[str, str], PoolReport] = {}
    missing: dict[str, list[PoolHead]] = defaultdict(list)
    for head in heads:
        known = cache.get((head.cluster, head.id))
        if known is not None and known[0] == head.version:
            found[(head.cluster, head.id)] = known[1]
        else:
            missing[head.cluster].append(head)
    for cluster_id, wanted in missing.items():
        records = clusters.pool_records(tx, cluster_id, [h.id for h in wanted])
        for head in wanted:
            report = records[head.id]
            found[(cluster_id, head.id)] = report
            cache[(cluster_id, head.id)] = (head.version, report)
    return found


Bookings = tuple[
    dict[Way, tuple[Claim, ...]], dict[Way, dict[str, tuple[Claim, ...]]], Counter[Way]
]


def _claims(tx: Connection, silent: Collection[str], now: float) -> Bookings:
    """Bookings by way, and by way and the link that the job came by ("" for none); and how many of
    each way have not started.

    A lost run may still be where it was: once its cluster is heard again, it holds its place until
    it has been asked how it stands. One that was told to stop is taken to end soon.
    """
    by_way: dict[Way, tuple[Claim, ...]] = defaultdict(tuple)
    by_origin: dict[Way, dict[str, tuple[Claim, ...]]] = defaultdict(lambda: defaultdict(tuple))
    unstarted: Counter[Way] = Counter()
    for pool, cluster, state, claims, ends_at, cancel, started, origin in runs.booked(tx):
        unstarted[(pool, cluster)] += started is None and state != RunState.LOST
        if state == RunState.LOST and cluster in silent:
            continue
        if cancel:
            ends_at = min(now + STOPPING_S, ends_at or inf)
        made = tuple(replace(c, ends_at=ends_at) for c in claims_from(claims))
        by_way[(pool, cluster)] += made
        by_origin[(pool, cluster)][origin or ""] += made
    return by_way, by_origin, unstarted
