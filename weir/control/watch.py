"""Watch: what a linked domain needs to know of this one - its jobs here, and our pools as offers.

A peer never sees a pool that we reach through it, and `free` never counts its own runs: it knows
those better than we do.
"""

from __future__ import annotations

from weir.control.authorize import Principal
from weir.control.context import Context
from weir.control.domain_names import names_for
from weir.control.network import Network, load_network
from weir.core.errors import NotFound
from weir.core.inventory import FreeShape
from weir.core.lifecycle import LOST_PREFIX, JobState
from weir.scheduling.packing import subtract
from weir.scheduling.snapshot import PoolState
from weir.store import clusters, jobs
from weir.store.domains import count, this_domain
from weir.store.rows import JobRow
from weir.wire.jobs import JobChange, WatchAnswer
from weir.wire.pools import PoolReport, report_of

MAX_CHANGES = 1000


def watch(ctx: Context, who: Principal, jobs_after: int, offers_after: int) -> WatchAnswer:
    """Changes after these numbers. With `offers_after` 0 all offers come; `complete` says so."""
    now = ctx.now()
    link = who.cluster or ""
    with ctx.store.read() as tx:
        here = this_domain(tx)
        seq = count(tx, "seq")
        changed = jobs.changed_since(tx, link, jobs_after, MAX_CHANGES)
        names = names_for(tx, link)
        row = clusters.get(tx, link)
        same = offers_after == seq and row is not None and row.removed_at is None
        network = None if same else load_network(ctx, tx, now)
    # Whatever changes an offer raises the counter: nothing has where that stands as it did.
    if network is not None and link not in network.clusters:
        raise NotFound(f"there is no link {link} here")
    offers, gone = ((), ()) if network is None else _offers(network, link, offers_after)
    through = changed[-1].seq if len(changed) == MAX_CHANGES else seq
    return WatchAnswer(
        data_id=here.data_id if here else "",
        job_seq=through,
        jobs=tuple(_change(j) for j in changed),
        offer_revision=seq,
        offers=offers,
        gone=gone,
        complete=offers_after == 0,
        domains=names,
        server_time=now,
    )


def _offers(
    network: Network, link: str, after: int
) -> tuple[tuple[PoolReport, ...], tuple[str, ...]]:
    peer = network.clusters[link].peer_domain
    shown = {s.pool.id: s for s in network.pools(without=link) if peer not in s.pool.domains}
    revisions: dict[str, int] = {}
    for (_, pool), head in network.heads.items():
        revisions[pool] = max(revisions.get(pool, 0), head.revision)
    changed = tuple(
        offer_of(network, state, link) for pool, state in shown.items() if revisions[pool] > after
    )
    gone = tuple(
        sorted(p for p, revision in revisions.items() if revision > after and p not in shown)
    )
    return changed, gone if after else ()


def offer_of(network: Network, state: PoolState, link: str) -> PoolReport:
    """A pool as the peer behind `link` sees it: what is left without the peer's own runs."""
    closed = state.silent or not state.pool.open
    report = report_of(state.pool, free_for(network, state, link))
    return report.model_copy(update={"open": not closed})


def free_for(network: Network, state: PoolState, link: str) -> tuple[FreeShape, ...]:
    """The free shapes of a pool without the runs that came through `link`.

    Only what was sent by the pool's chosen way is subtracted: its `free`, as reported by that way,
    lacks what was sent by another already.
    """
    booked = network.booked_for.get((state.pool.id, state.cluster), {})
    others = [c for origin, claims in booked.items() if origin != link for c in claims]
    return subtract(state.pool.free, others)


def _change(job: JobRow) -> JobChange:
    return JobChange(
        seq=job.seq,
        job=job.id,
        run=job.origin_run or "",
        state=JobState(job.state),
        pool=job.pool,
        started_at=job.started_at,
        ended_at=job.ended_at,
        exit_code=job.exit_code,
        reason=job.reason,
        place=tuple(job.place),
        lost=job.reason.startswith(LOST_PREFIX),
    )
